//! The registry: its events, the state they fold into, and the commands that cause them.

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
    ManifestSubmitted, RegistryEvent, RestoreAccepted, ServerChosen, ToolChosen, VersionChosen,
};
pub use fold::{Conflict, FoldError, Verdict};
pub use secret::{InvalidSecretRef, SecretPlace, SecretRef};
pub use settings::{Breaker, Limits, Settings, UpstreamTls};
pub use state::{CommandKey, CommandRecord, Server, ServerVersion, State, Touch, Versioned};
