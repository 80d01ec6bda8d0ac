//! What opens what.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

const OLD: [u8; 32] = [1; 32];
const NEW: [u8; 32] = [2; 32];
const FOREIGN: [u8; 32] = [3; 32];

fn ring(keys: &[[u8; 32]]) -> Ring {
    Ring::new("test", keys).unwrap()
}

#[test]
fn a_value_opens_under_its_own_name_alone() {
    let ring = ring(&[OLD]);
    let [mine, anothers] = [b"mine", b"your"].map(|of| ring.name(Kind::TokenB, of));
    let sealed = ring.seal(&mine, b"token").unwrap();
    assert_eq!(ring.open(&mine, &sealed).unwrap(), b"token");
    assert_eq!(ring.open(&anothers, &sealed), None);
    assert_eq!(ring.open(&ring.name(Kind::Rate, b"mine"), &sealed), None);
}

#[test]
fn a_rotated_key_opens_until_it_leaves_the_ring() {
    let name = ring(&[OLD]).name(Kind::TokenB, b"it");
    let sealed = ring(&[OLD]).seal(&name, b"token").unwrap();
    for (keys, opens) in [
        (&[OLD][..], true),
        (&[OLD, NEW], true),
        (&[NEW, OLD], true),
        (&[NEW], false),
        (&[FOREIGN], false),
    ] {
        let ring = ring(keys);
        assert_eq!(ring.open(&name, &sealed).is_some(), opens, "{keys:?}");
        assert_eq!(ring.names(Kind::TokenB, b"it").contains(&name), opens, "{keys:?}");
        assert_eq!(ring.names(Kind::TokenB, b"it")[0], ring.name(Kind::TokenB, b"it"));
    }
}

#[test]
fn names_tell_nothing_and_differ() {
    let rings = [ring(&[OLD]), ring(&[NEW])];
    let mut names = HashSet::new();
    for ring in &rings {
        for kind in [Kind::TokenB, Kind::Exchanging, Kind::Rate] {
            for of in [&b"alice"[..], b"alic", b""] {
                let name = ring.name(kind, of);
                assert!(!name.0.contains("alic"), "{name:?}");
                assert!(names.insert(name));
            }
        }
    }
    assert!(Ring::new("test", &[]).is_none());
}

/// However many names there are, few values are encrypted with one key.
#[test]
fn each_name_has_a_cipher_of_its_own() {
    let key = Key::new(&OLD);
    let [mine, anothers] = [b"mine", b"your"].map(|of| ring(&[OLD]).name(Kind::TokenB, of));
    let mut text = b"token".to_vec();
    let mine = key.cipher(&mine).unwrap();
    let nonce = mine.seal_in_place_append_tag(Aad::empty(), &mut text).unwrap();
    let nonce = *nonce.as_ref();
    for (cipher, opens) in [(key.cipher(&anothers).unwrap(), false), (mine, true)] {
        let nonce = Nonce::assume_unique_for_key(nonce);
        assert_eq!(
            cipher
                .open_in_place(nonce, Aad::empty(), &mut text.clone())
                .is_ok(),
            opens
        );
    }
}

#[test]
fn equal_values_look_different_each_time() {
    let ring = ring(&[OLD]);
    let name = ring.name(Kind::TokenB, b"it");
    assert_ne!(
        ring.seal(&name, b"token").unwrap(),
        ring.seal(&name, b"token").unwrap()
    );
}

proptest! {
    #[test]
    fn what_was_altered_or_cut_does_not_open(at in any::<prop::sample::Index>(), bit in 0..8_u8, value: Vec<u8>) {
        let ring = ring(&[NEW, OLD]);
        let name = ring.name(Kind::TokenB, b"it");
        let sealed = ring.seal(&name, &value).unwrap();
        prop_assert_eq!(ring.open(&name, &sealed), Some(value));
        let at = at.index(sealed.len());
        let mut altered = sealed.clone();
        altered[at] ^= 1 << bit;
        prop_assert_eq!(ring.open(&name, &altered), None);
        prop_assert_eq!(ring.open(&name, &sealed[..at]), None);
    }

    #[test]
    fn garbage_does_not_open(garbage: Vec<u8>) {
        let ring = ring(&[OLD]);
        prop_assert_eq!(ring.open(&ring.name(Kind::TokenB, b"it"), &garbage), None);
    }
}
