//! Who calls: bearer tokens verified against the trusted issuers of the registry.
//!
//! Pure rules ([`claims`], which issuer, which key) stand apart from the fetching of keys. Whether a verified caller is
//! kept out by a block is not asked here: [`onedoor_model::decide`] asks it on every call.

pub mod claims;
mod fault;
mod issuer;
mod keys;
mod ring;
#[cfg(test)]
mod tests;
mod verifier;

pub use fault::{AuthnFault, REASONS, TokenFault};
pub use ring::KeyTimes;
pub use verifier::Verifier;

/// One of the two planes. A token is good on one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Plane {
    /// Where tools are listed and called.
    Data,
    /// Where the registry is administered.
    Admin,
}
