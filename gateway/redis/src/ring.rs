//! The keys that make what stands in Redis useless to all who do not have them.
//!
//! - A name is an HMAC: it does not tell what it stands for.
//! - A value is encrypted with AES-256-GCM and a random nonce. Its name is the associated data, so that it opens under no other name.
//! - Keys are rotated: the first of the ring names and seals, all of them find and open.

#[cfg(test)]
mod tests;

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey},
    error::Unspecified,
    hkdf::{HKDF_SHA256, KeyType, Prk, Salt},
    hmac,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use redis::{RedisWrite, ToRedisArgs};

/// The form of a sealed value: this byte, the key's id, the nonce, the ciphertext with its tag.
const FORM: u8 = 1;

const ID: usize = 8;

/// Keys, at least one. Never printed.
pub struct Ring {
    prefix: String,
    first: Key,
    others: Vec<Key>,
}

/// What one secret of 32 bytes gives.
struct Key {
    id: [u8; ID],
    names: hmac::Key,
    values: RandomizedNonceKey,
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
    pub(crate) fn new(prefix: &str, keys: &[[u8; 32]]) -> Result<Option<Self>, Unspecified> {
        let mut keys = keys
            .iter()
            .map(Key::new)
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        Ok(keys.next().map(|first| Self {
            prefix: prefix.to_owned(),
            first,
            others: keys.collect(),
        }))
    }

    /// The name by which something is kept.
    #[must_use]
    pub fn name(&self, kind: Kind, of: &[u8]) -> Name {
        self.first.name(&self.prefix, kind, of)
    }

    /// All names by which it may have been kept, [`Ring::name`] first.
    #[must_use]
    pub fn names(&self, kind: Kind, of: &[u8]) -> Vec<Name> {
        let keys = [&self.first].into_iter().chain(&self.others);
        keys.map(|key| key.name(&self.prefix, kind, of)).collect()
    }

    /// Encrypts a value that is to stand under this name. `None` where the system gives no randomness.
    #[must_use]
    pub fn seal(&self, name: &Name, value: &[u8]) -> Option<Vec<u8>> {
        let Key { id, values, .. } = &self.first;
        let mut text = value.to_vec();
        let nonce = values
            .seal_in_place_append_tag(Aad::from(name.as_bytes()), &mut text)
            .ok()?;
        Some([&[FORM], &id[..], nonce.as_ref(), &text].concat())
    }

    /// The value that was sealed for this name, by any key of the ring. `None` for whatever else stands there.
    #[must_use]
    pub fn open(&self, name: &Name, sealed: &[u8]) -> Option<Vec<u8>> {
        let (&FORM, sealed) = sealed.split_first()? else {
            return None;
        };
        let (id, sealed) = sealed.split_first_chunk::<ID>()?;
        let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
        let mut keys = [&self.first].into_iter().chain(&self.others);
        let key = keys.find(|key| key.id == *id)?;
        let mut text = text.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let aad = Aad::from(name.as_bytes());
        let value = key.values.open_in_place(nonce, aad, &mut text).ok()?;
        Some(value.to_vec())
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ring({} keys)", self.others.len() + 1)
    }
}

impl Key {
    /// Keys for each purpose from the one secret (RFC 5869).
    fn new(secret: &[u8; 32]) -> Result<Self, Unspecified> {
        let secret = Salt::new(HKDF_SHA256, b"onedoor redis 1").extract(secret);
        Ok(Self {
            id: derive(&secret, b"id")?,
            names: hmac::Key::new(hmac::HMAC_SHA256, &derive::<32>(&secret, b"names")?),
            values: RandomizedNonceKey::new(&AES_256_GCM, &derive::<32>(&secret, b"values")?)?,
        })
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

fn derive<const N: usize>(secret: &Prk, purpose: &[u8]) -> Result<[u8; N], Unspecified> {
    let mut key = [0; N];
    secret.expand(&[purpose], Length(N))?.fill(&mut key)?;
    Ok(key)
}

/// How long a derived key is, in bytes.
#[derive(Clone, Copy)]
struct Length(usize);

impl KeyType for Length {
    fn len(&self) -> usize {
        self.0
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
