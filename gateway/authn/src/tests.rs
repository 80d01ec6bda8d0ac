//! Tokens with real signatures, keys served over HTTP.

mod cache;
pub(crate) mod provider;
mod renewal;
pub(crate) mod support;
mod tokens;
mod world;
