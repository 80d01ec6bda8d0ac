//! A bounded table whose entries end. Pure: the time comes in.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

/// Entries by a key that nobody can guess.
#[derive(Debug)]
pub(super) struct Table<V> {
    entries: HashMap<String, Entry<V>>,
    lifetime: SignedDuration,
    most: usize,
}

#[derive(Debug)]
struct Entry<V> {
    ends: Timestamp,
    value: V,
}

/// A text of 244 random bits, for what whoever has it may use (RFC 6749 §10.10).
pub(super) fn unguessable() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

impl<V> Table<V> {
    /// An empty table of at most `most` entries, each of which ends after `lifetime`.
    pub(super) fn new(most: usize, lifetime: SignedDuration) -> Self {
        Self {
            entries: HashMap::new(),
            lifetime,
            most,
        }
    }

    /// Adds an entry, or renews the one of this key. A full table forgets the entry that would end first.
    pub(super) fn insert(&mut self, key: String, value: V, now: Timestamp) {
        self.entries.retain(|_, entry| entry.ends > now);
        if self.entries.len() >= self.most && !self.entries.contains_key(&key) {
            let first = self.entries.iter().min_by_key(|(_, entry)| entry.ends);
            if let Some(first) = first.map(|(key, _)| key.clone()) {
                self.entries.remove(&first);
            }
        }
        let ends = now.saturating_add(self.lifetime).unwrap_or(Timestamp::MAX);
        self.entries.insert(key, Entry { ends, value });
    }

    /// The entry, if it has not ended.
    pub(super) fn get_mut(&mut self, key: &str, now: Timestamp) -> Option<&mut V> {
        let entry = self.entries.get_mut(key)?;
        (entry.ends > now).then_some(&mut entry.value)
    }

    /// Takes the entry out.
    pub(super) fn take(&mut self, key: &str, now: Timestamp) -> Option<V> {
        let entry = self.entries.remove(key)?;
        (entry.ends > now).then_some(entry.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn an_entry_ends() {
        let mut table = Table::new(10, SignedDuration::from_secs(60));
        table.insert("a".to_owned(), 1, at(0));
        assert_eq!(table.get_mut("a", at(59)), Some(&mut 1));
        assert_eq!(table.get_mut("a", at(60)), None);
        assert_eq!(table.take("a", at(60)), None);
        table.insert("b".to_owned(), 2, at(0));
        assert_eq!((table.take("b", at(1)), table.take("b", at(1))), (Some(2), None));
    }

    #[test]
    fn a_full_table_forgets_what_ends_first() {
        let mut table = Table::new(2, SignedDuration::from_secs(60));
        for (second, key) in ["a", "b", "c"].into_iter().enumerate() {
            table.insert(key.to_owned(), key, at(i64::try_from(second).unwrap()));
        }
        assert_eq!(table.get_mut("a", at(3)), None);
        assert!(table.get_mut("b", at(3)).is_some() && table.get_mut("c", at(3)).is_some());
        // A renewal takes no room.
        table.insert("b".to_owned(), "b", at(4));
        assert!(table.get_mut("c", at(4)).is_some());
    }
}
