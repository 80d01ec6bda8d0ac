//! What `onedoor dev` brings along: an identity provider that speaks like Microsoft Entra ID ([`idp`]), two real MCP
//! servers ([`finance`], [`hr`]) and a plain HTTP service ([`rates`]) that take Token B and nothing else, and the [`manifests`]
//! that register them.
//!
//! Nothing here binds a port: every part is an `axum::Router`, the caller owns the listener.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test fails by panicking"))]

pub mod finance;
pub mod hr;
pub mod idp;
pub mod manifests;
pub mod rates;
pub mod server;
pub mod token_b;
pub mod work;

mod bounded;
mod currency;
