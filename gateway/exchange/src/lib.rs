//! Token B: the token for one tool's audience, for the caller. How it is had, a server's manifest says ([`Strategy`]).
//!
//! Rooms: `gateway_issued` signs it; `entra` exchanges Token A for it, and keeps it in the `cache` while it may be used, and in the one
//! that replicas have in common (`shared`).
//!
//! [`Strategy`]: onedoor_model::manifest::Strategy

mod cache;
mod entra;
mod exchange;
mod fault;
mod gateway_issued;
mod keys;
mod shared;
mod token;
#[cfg(test)]
mod world;

pub use cache::CacheCounts;
pub use exchange::Exchange;
pub use fault::{NoTokenB, NotSetUp, ProviderRefusal, Unavailable, UnusableAnswer};
pub use keys::{KeyError, SigningKey};
pub use shared::SharedCounts;
pub use token::TokenB;
