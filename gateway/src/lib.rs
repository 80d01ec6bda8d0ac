//! The door: who calls is verified, what they ask is decided, recorded, and only then forwarded.
//!
//! Rooms: [`audit`] records, `mcp` reads and answers MCP, `http_tools` plain HTTP, `proxy` forwards what a permit allows,
//! `plane` holds the routes of the data plane, [`refusal`] how refusals look, [`run`](mod@run) opens, serves and drains. `upstream`
//! knows which servers fail, have enough to do, or do not answer; `metrics`, `traces` and `logs` tell operators what goes on.

mod audit;
mod body;
mod challenge;
mod door;
mod eras;
mod http_tools;
mod keys;
mod listener;
mod logs;
mod mcp;
mod metrics;
mod paging;
mod plane;
mod problem;
mod proxy;
pub mod refusal;
mod run;
mod seal;
mod tools;
mod traces;
mod upstream;

pub use audit::AuditUnavailable;
pub use keys::{Keys, KeysError};
pub use listener::{Listener, Tls, TlsError};
pub use onedoor_exchange::KeyError;
pub use plane::InvalidHost;
pub use run::{Config, Drain, Gateway, GatewayError, Listeners};
pub use traces::TracesUnusable;
