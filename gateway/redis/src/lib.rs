//! What replicas share through Redis.
//!
//! - Redis makes calls cheaper, never possible or impossible: whatever it does, a question to it ends within a short time, with an
//!   answer or with [`Away`], and whoever asked goes on without.
//! - While it is away nobody waits for it. One task connects anew and tells when it is back.
//! - What stands in it is of use to nobody without a key of the [`Ring`]: names are keyed, values encrypted and bound to their names.

mod error;
mod link;
mod options;
mod pause;
mod questions;
mod ring;

pub use error::{Away, OptionsError};
pub use link::{Counts, Redis};
pub use options::Options;
pub use redis::Script;
pub use ring::{Kind, Name, Ring};
