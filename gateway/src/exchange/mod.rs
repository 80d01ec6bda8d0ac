//! Token B: the token for one tool's audience, for the caller.

mod keys;
#[cfg(test)]
mod tests;
mod token_b;

pub use keys::KeyError;
pub(crate) use keys::SigningKey;
pub(crate) use token_b::{TokenB, TokenIssuer};
