//! Secrets, read from where a [`SecretRef`](onedoor_model::registry::SecretRef) says they are: the environment, or files.
//!
//! Nothing that was read stands in an error or a log line: references do.

mod secret;
mod store;

pub use secret::Secret;
pub use store::{MAX_BYTES, SecretError, Secrets};
