//! Pure rules of Onedoor.
//!
//! Everything that must come out the same on every replica and in every rebuild lives here: what an event is and how it is written
//! ([`envelope`], [`audit`], [`registry`], [`control`]), how events become state ([`registry::State::apply`]), who may do what ([`decide`]),
//! and whether a replica knows enough to serve ([`lease`]).
//! No I/O, no clock, no randomness, no async: time and ids come in as arguments. `tests/` checks the dependency tree.

pub mod audit;
pub mod chain;
pub mod control;
pub mod decide;
pub mod envelope;
pub mod ids;
pub mod lease;
pub mod manifest;
pub mod path;
pub mod principal;
pub mod registry;
