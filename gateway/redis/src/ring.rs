//! The keys that make what stands in Redis useless to all who do not have them.
//!
//! - A name is an HMAC: it does not tell what it stands for.
//! - A value is encrypted with AES-256-GCM, a key of its name's own and a random nonce. Its name is the associated data too, so that it
//!   opens under no other name.
//! - Keys are rotated: the first of the ring names and seals, all of them find and open.

#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    hmac,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use redis::{RedisWrite, ToRedisArgs};

/// The form of a sealed value: this byte, the nonce, the ciphertext with its tag.
const FORM: u8 = 1;

/// Keys, at least one. Never printed.
pub struct Ring {
    prefix: String,
    first: Key,
    others: Vec<Key>,
}

/// What one secret of 32 bytes gives.
struct Key {
    names: hmac::Key,
    values: hmac::Key,
}

/// What a name is for. Names of different kinds are different.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A Token B.
    TokenB,
    /// Who exchanges a token now.
    Exchanging,
    /// How much of a rate limit is used up.
    Rate,
}

/// Where a value stands in Redis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name(String);

impl Ring {
    /// A ring for names that begin with `prefix`. `None` where there is no key.
    pub(crate) fn new(prefix: &str, keys: &[[u8; 32]]) -> Option<Self> {
        let (first, others) = keys.split_first()?;
        Some(Self {
            prefix: prefix.to_owned(),
            first: Key::new(first),
            others: others.iter().map(Key::new).collect(),
        })
    }

    /// The name by which something is kept.
    #[must_use]
    pub fn name(&self, kind: Kind, of: &[u8]) -> Name {
        self.first.name(&self.prefix, kind, of)
    }

    /// All names by which it may have been kept, [`Ring::name`] first.
    #[must_use]
    pub fn names(&self, kind: Kind, of: &[u8]) -> Vec<Name> {
        self.keys().map(|key| key.name(&self.prefix, kind, of)).collect()
    }

    /// Encrypts a value that is to stand under this name. `None` where the system gives no randomness.
    #[must_use]
    pub fn seal(&self, name: &Name, value: &[u8]) -> Option<Vec<u8>> {
        let mut text = value.to_vec();
        let cipher = self.first.cipher(name)?;
        let nonce = cipher.seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut text);
        Some([&[FORM], &nonce.ok()?.as_ref()[..], &text].concat())
    }

    /// The value that was sealed for this name, by any key of the ring. `None` for whatever else stands there.
    #[must_use]
    pub fn open(&self, name: &Name, sealed: &[u8]) -> Option<Vec<u8>> {
        let (&FORM, sealed) = sealed.split_first()? else {
            return None;
        };
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        self.keys().find_map(|key| key.open(name, nonce, text))
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        [&self.first].into_iter().chain(&self.others)
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} keys)", self.others.len() + 1)
    }
}

impl Key {
    /// A key for each purpose from the one secret: random as that is, it needs no extraction (RFC 5869 §3.3).
    fn new(secret: &[u8; 32]) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret);
        let derived =
            |purpose: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, purpose).as_ref());
        Self {
            names: derived(b"onedoor redis names"),
            values: derived(b"onedoor redis values"),
        }
    }

    /// Encrypts what stands under one name. That is little, so random nonces do not meet, however much the ring encrypts
    /// (NIST SP 800-38D §8.3).
    fn cipher(&self, name: &Name) -> Option<RandomizedNonceKey> {
        let key = hmac::sign(&self.values, name.as_bytes());
        RandomizedNonceKey::new(&AES_256_GCM, key.as_ref()).ok()
    }

    fn open(&self, name: &Name, nonce: &[u8; NONCE_LEN], text: &[u8]) -> Option<Vec<u8>> {
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let value = self
            .cipher(name)?
            .open_in_place(nonce, Aad::from(name.as_bytes()), &mut text)
            .ok()?;
        Some(value.to_vec())
    }

    fn name(&self, prefix: &str, kind: Kind, of: &[u8]) -> Name {
        let kind = kind.as_str();
        let mut context = hmac::Context::with_key(&self.names);
        // No kind holds a line end.
        context.update(kind.as_bytes());
        context.update(b"\n");
        context.update(of);
        let tag = URL_SAFE_NO_PAD.encode(context.sign());
        Name(format!("{prefix}:{kind}:{tag}"))
    }
}

impl Kind {
    fn as_str(self) -> &'static str {
        match self {
            Self::TokenB => "token-b",
            Self::Exchanging => "exchanging",
            Self::Rate => "rate",
        }
    }
}

impl Name {
    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl ToRedisArgs for Name {
    fn write_redis_args<W>(&self, out: &mut W)
    where
        W: ?Sized + RedisWrite,
    {
        out.write_arg(self.as_bytes());
    }
}
