//! Sealing what clients carry for the door: session ids, event ids, ids of requests from server to client.
//!
//! What is sealed can neither be read nor changed nor invented outside, and it opens only as the kind of thing it was sealed as and only
//! for whom it was bound to. So no session needs a place in a replica's memory, and one replica opens what another sealed.

use std::fmt;

use aws_lc_rs::{
    aead::{AES_256_GCM_SIV, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey},
    rand,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// Seals and opens. All replicas have the same key, and keep it, so that sessions go on at another one and after a restart.
pub(crate) struct Seal(LessSafeKey);

/// What something was sealed as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A session id, bound to its principal.
    Session,
    /// An event id, bound to its session.
    Event,
    /// The id of a server's request, bound to its session.
    ServerRequest,
}

impl Seal {
    pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
        let key = UnboundKey::new(&AES_256_GCM_SIV, key).ok()?;
        Some(Self(LessSafeKey::new(key)))
    }

    /// Seals `content` as another text each time; none where the system gives no randomness.
    pub(crate) fn seal(&self, kind: Kind, bound: &str, content: &[u8]) -> Option<String> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        self.with_nonce(nonce, kind, bound, content)
    }

    /// Seals `content` as the same text each time, so that it can be referred to later. AES-GCM-SIV allows a nonce to be used again: all
    /// that shows is that equal contents are equal (RFC 8452 §9).
    pub(crate) fn seal_same(&self, kind: Kind, bound: &str, content: &[u8]) -> Option<String> {
        self.with_nonce([0; NONCE_LEN], kind, bound, content)
    }

    fn with_nonce(&self, nonce: [u8; NONCE_LEN], kind: Kind, bound: &str, content: &[u8]) -> Option<String> {
        let mut sealed = content.to_vec();
        let aad = Aad::from(associated(kind, bound));
        self.0
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad, &mut sealed)
            .ok()?;
        sealed.splice(0..0, nonce);
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens what was sealed as this kind and for this; none where it was not.
    pub(crate) fn open(&self, kind: Kind, bound: &str, text: &str) -> Option<Vec<u8>> {
        let mut sealed = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (nonce, content) = sealed.split_first_chunk_mut::<NONCE_LEN>()?;
        let aad = Aad::from(associated(kind, bound));
        self.0
            .open_in_place(Nonce::assume_unique_for_key(*nonce), aad, content)
            .ok()
            .map(|content| content.to_vec())
    }
}

impl fmt::Debug for Seal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seal(…)")
    }
}

/// Kind first, at one length, so that no two pairs are the same bytes.
fn associated(kind: Kind, bound: &str) -> Vec<u8> {
    let kind: u8 = match kind {
        Kind::Session => 1,
        Kind::Event => 2,
        Kind::ServerRequest => 3,
    };
    [&[kind], bound.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seal() -> Seal {
        Seal::new(&[7; 32]).unwrap()
    }

    #[test]
    fn it_opens_only_as_what_it_was_sealed_and_for_whom() {
        let seal = seal();
        let text = seal.seal(Kind::Session, "ada", b"content").unwrap();
        assert_eq!(seal.open(Kind::Session, "ada", &text).unwrap(), b"content");
        assert!(seal.open(Kind::Event, "ada", &text).is_none());
        assert!(seal.open(Kind::Session, "eve", &text).is_none());
        assert!(
            Seal::new(&[8; 32])
                .unwrap()
                .open(Kind::Session, "ada", &text)
                .is_none()
        );
    }

    #[test]
    fn only_what_is_to_be_the_same_is() {
        let seal = seal();
        let one = || seal.seal(Kind::Session, "ada", b"content").unwrap();
        assert_ne!(one(), one());
        let same = |bound| seal.seal_same(Kind::ServerRequest, bound, b"7").unwrap();
        assert_eq!(same("session"), same("session"));
        assert_ne!(same("session"), same("another"));
    }

    proptest! {
        #[test]
        fn whatever_was_changed_does_not_open(
            content in proptest::collection::vec(any::<u8>(), 0..200),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let seal = seal();
            let text = seal.seal(Kind::Event, "session", &content).unwrap();
            prop_assert_eq!(seal.open(Kind::Event, "session", &text), Some(content));
            let mut bytes = URL_SAFE_NO_PAD.decode(&text).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(seal.open(Kind::Event, "session", &URL_SAFE_NO_PAD.encode(bytes)), None);
        }

        #[test]
        fn no_invented_text_opens(text in ".{0,100}") {
            prop_assert_eq!(seal().open(Kind::Session, "ada", &text), None);
        }
    }
}
