//! An issuer's public keys, and signatures checked with them. Pure.

#[cfg(test)]
mod tests;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{
    DecodingKey,
    crypto::aws_lc,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, KeyAlgorithm, KeyOperations, PublicKeyUse},
};
use onedoor_model::registry::Algorithm;
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::TokenFault;

/// Keys of a set that are looked at, at most. Providers have a handful.
const MAX_KEYS: usize = 64;

/// The keys of a set that can verify signatures.
#[derive(Debug)]
pub(crate) struct Keys(Vec<Key>);

#[derive(Debug)]
struct Key {
    id: Option<String>,
    kind: Kind,
    /// The one algorithm the set ties it to.
    only: Option<KeyAlgorithm>,
    public: DecodingKey,
}

/// What a key can do by its nature. Symmetric keys are no kind: a set that is public holds no secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Rsa,
    P256,
    P384,
    Ed25519,
}

/// Why a document is no use as a set of keys. The issuer's fault.
#[derive(Debug, Error)]
pub(crate) enum KeysFault {
    #[error("not a JSON Web Key Set")]
    NotASet(#[source] serde_json::Error),
    #[error("no key in the set can verify signatures")]
    NoKey,
}

/// RFC 7517 §5. A key that cannot be read is passed over, as the RFC asks: providers add kinds we do not know.
#[derive(Deserialize)]
struct Set {
    keys: Vec<Value>,
}

impl Keys {
    /// Reads a JSON Web Key Set.
    pub(crate) fn read(document: &[u8]) -> Result<Self, KeysFault> {
        let set: Set = serde_json::from_slice(document).map_err(KeysFault::NotASet)?;
        let keys: Vec<Key> = set
            .keys
            .into_iter()
            .take(MAX_KEYS)
            .filter_map(Key::read)
            .collect();
        if keys.is_empty() {
            Err(KeysFault::NoKey)
        } else {
            Ok(Self(keys))
        }
    }

    /// Whether a token that names this key and algorithm can be checked.
    pub(crate) fn know(&self, id: Option<&str>, algorithm: Algorithm) -> bool {
        self.fitting(id, algorithm).next().is_some()
    }

    /// Checks the signature of a compact JWS with the key it names, or where it names none with the only one that fits.
    ///
    /// A set may hold an id twice (RFC 7517 §4.5): each of those keys is tried.
    pub(crate) fn verify(
        &self,
        token: &str,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> Result<(), TokenFault> {
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::InvalidSignature)?;
        let signature = URL_SAFE_NO_PAD
            .decode(signature)
            .map_err(|_| TokenFault::InvalidSignature)?;
        let mut fitting = self.fitting(id, algorithm).peekable();
        if fitting.peek().is_none() {
            return Err(TokenFault::UnknownKey);
        }
        if id.is_none() && self.fitting(None, algorithm).nth(1).is_some() {
            return Err(TokenFault::KeyNotNamed);
        }
        if fitting.any(|key| key.has_signed(message.as_bytes(), &signature, algorithm)) {
            Ok(())
        } else {
            Err(TokenFault::InvalidSignature)
        }
    }

    fn fitting(&self, id: Option<&str>, algorithm: Algorithm) -> impl Iterator<Item = &Key> {
        self.0
            .iter()
            .filter(move |key| key.fits(algorithm) && id.is_none_or(|id| key.id.as_deref() == Some(id)))
    }
}

impl Key {
    fn read(value: Value) -> Option<Self> {
        let jwk: Jwk = serde_json::from_value(value).ok()?;
        let common = &jwk.common;
        let for_signatures = matches!(common.public_key_use, None | Some(PublicKeyUse::Signature));
        let verifies = common
            .key_operations
            .as_ref()
            .is_none_or(|operations| operations.contains(&KeyOperations::Verify));
        if !for_signatures || !verifies {
            return None;
        }
        let kind = Kind::of(&jwk.algorithm)?;
        let public = DecodingKey::from_jwk(&jwk).ok()?;
        Some(Self {
            id: common.key_id.clone(),
            kind,
            only: common.key_algorithm,
            public,
        })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        self.kind == Kind::for_algorithm(algorithm)
            && self
                .only
                .is_none_or(|only| only == KeyAlgorithm::from(library_name(algorithm)))
    }

    /// The algorithm is the one the issuer is allowed and the key fits, never the token's word alone; the provider is named,
    /// not looked up: which one a process has as its default depends on all of its dependencies.
    fn has_signed(&self, message: &[u8], signature: &[u8], algorithm: Algorithm) -> bool {
        (aws_lc::DEFAULT_PROVIDER.verifier_factory)(&library_name(algorithm), &self.public)
            .is_ok_and(|verifier| verifier.verify(message, &signature.to_vec()).is_ok())
    }
}

impl Kind {
    fn of(parameters: &AlgorithmParameters) -> Option<Self> {
        match parameters {
            AlgorithmParameters::RSA(_) => Some(Self::Rsa),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Some(Self::P256),
            AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P384 => Some(Self::P384),
            AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => {
                Some(Self::Ed25519)
            }
            AlgorithmParameters::EllipticCurve(_)
            | AlgorithmParameters::OctetKeyPair(_)
            | AlgorithmParameters::OctetKey(_)
            | AlgorithmParameters::Other(_)
            | _ => None,
        }
    }

    /// RFC 7518 §3.1, RFC 8037 §3.1.
    fn for_algorithm(algorithm: Algorithm) -> Self {
        match algorithm {
            Algorithm::RS256
            | Algorithm::RS384
            | Algorithm::RS512
            | Algorithm::PS256
            | Algorithm::PS384
            | Algorithm::PS512 => Self::Rsa,
            Algorithm::ES256 => Self::P256,
            Algorithm::ES384 => Self::P384,
            Algorithm::EdDSA => Self::Ed25519,
        }
    }
}

/// The algorithm a token's header names, if it is one that can be accepted of anybody.
pub(crate) fn algorithm_named(name: &str) -> Option<Algorithm> {
    serde_json::from_value(Value::String(name.to_owned())).ok()
}

fn library_name(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::RS256 => jsonwebtoken::Algorithm::RS256,
        Algorithm::RS384 => jsonwebtoken::Algorithm::RS384,
        Algorithm::RS512 => jsonwebtoken::Algorithm::RS512,
        Algorithm::PS256 => jsonwebtoken::Algorithm::PS256,
        Algorithm::PS384 => jsonwebtoken::Algorithm::PS384,
        Algorithm::PS512 => jsonwebtoken::Algorithm::PS512,
        Algorithm::ES256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::ES384 => jsonwebtoken::Algorithm::ES384,
        Algorithm::EdDSA => jsonwebtoken::Algorithm::EdDSA,
    }
}
