//! Finding keys an object has twice.

use std::{borrow::Cow, collections::HashSet};

use super::{JsonError, JsonFault, string::RawString};

/// Objects with at most this many keys are compared pair by pair: quicker than a set, and nothing is allocated.
const FEW: usize = 32;

/// The keys of all open objects, innermost last. One list for the whole text, so an object allocates nothing.
#[derive(Debug, Default)]
pub(super) struct KeyStack<'a> {
    keys: Vec<Key<'a>>,
}

#[derive(Debug, Clone, Copy)]
struct Key<'a> {
    text: RawString<'a>,
    offset: usize,
}

impl<'a> KeyStack<'a> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    #[inline]
    pub(super) fn push(&mut self, text: RawString<'a>, offset: usize) {
        self.keys.push(Key { text, offset });
    }

    /// Takes the keys of the innermost object off, which are those behind the first `keys_before`, and refuses
    /// duplicates among them. The cost is linear however many there are: the set's hash is keyed by the process.
    #[inline]
    pub(super) fn leave_object(&mut self, keys_before: usize) -> Result<(), JsonError> {
        let own = &self.keys[keys_before..];
        let duplicate = if own.len() <= FEW {
            first_duplicate_of_few(own)
        } else {
            first_duplicate_of_many(own)
        };
        if let Some(key) = duplicate {
            return Err(JsonFault::DuplicateKey.at(key.offset));
        }
        self.keys.truncate(keys_before);
        Ok(())
    }
}

fn first_duplicate_of_few<'k, 'a>(keys: &'k [Key<'a>]) -> Option<&'k Key<'a>> {
    keys.iter()
        .enumerate()
        .find(|(index, key)| {
            keys[..*index]
                .iter()
                .any(|earlier| earlier.text.same_value(key.text))
        })
        .map(|(_, key)| key)
}

fn first_duplicate_of_many<'k, 'a>(keys: &'k [Key<'a>]) -> Option<&'k Key<'a>> {
    let mut seen: HashSet<Cow<'_, str>> = HashSet::with_capacity(keys.len());
    keys.iter().find(|key| !seen.insert(key.text.unescaped()))
}
