//! The registry: its events, the state they fold into, and the commands that cause them.

mod anticipate;
mod command;
mod entity;
mod event;
mod fold;
mod secret;
mod settings;
mod state;
#[cfg(test)]
mod tests;

pub use command::{Command, NotPlanned};
pub use entity::{
    Algorithm, Audience, Block, BlockTarget, ClientCredential, ExchangeClient, Grant, Issuer, Plane, Stage,
    Subject,
};
pub use event::{
    BlockChosen, Change, CommandStamp, Ends, GrantChosen, IssuerChosen, LogCreated, LogRestored,
    ManifestSubmitted, RegistryEvent, ReplicaJoined, RestoreAccepted, ServerChosen, ToolChosen,
    VersionChosen,
};
pub use fold::{Conflict, FoldError, Verdict};
pub use secret::{InvalidSecretRef, SecretPlace, SecretRef};
pub use settings::{Breaker, Limits, RateLimit, RateLimits, Settings, UpstreamTls};
pub use state::{
    ChangeName, CommandKey, CommandRecord, Server, ServerVersion, State, Touch, UnreadableState, Versioned,
};
