//! The door: who calls is verified, what they ask is decided, recorded, and only then forwarded.
//!
//! Rooms: [`audit`] records, [`exchange`] obtains Token B, `mcp` reads and answers MCP, `proxy` forwards what a permit allows,
//! `plane` holds the routes of the data plane, [`refusal`] how refusals look, [`run`](mod@run) opens, serves and drains.

mod audit;
mod body;
mod challenge;
mod door;
mod exchange;
mod listener;
mod mcp;
mod paging;
mod plane;
mod proxy;
pub mod refusal;
mod run;
mod tools;

pub use audit::AuditUnavailable;
pub use exchange::KeyError;
pub use paging::NoRandomness;
pub use plane::InvalidHost;
pub use run::{Config, Gateway, GatewayError, Listeners};
