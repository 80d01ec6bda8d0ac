//! Pages of lists: a cursor is the place where the page before it ended, so that what is added elsewhere moves nothing.

use std::num::NonZeroU32;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use onedoor_model::registry::Limits;

use crate::{faults::Faults, refusal::Refusal, text::FromText};

/// Some entries of a list, and where the next ones are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Give it with the same query to get what follows.
    pub next_cursor: Option<String>,
}

/// How many entries a page may have.
///
/// # Errors
/// More than the settings allow, or none.
pub(crate) fn limit(asked: Option<u32>, limits: &Limits) -> Result<NonZeroU32, Refusal> {
    let most = limits.page_max;
    let number = asked.unwrap_or(limits.page);
    NonZeroU32::new(number)
        .filter(|number| number.get() <= most)
        .ok_or_else(|| {
            let hint = format!("choose between 1 and {most}");
            Refusal::Request(Faults::one("?limit", format!("{number} is out of range"), hint))
        })
}

/// The page of a list after a cursor. The entries come in the order of their keys.
pub(crate) fn page<K: Ord + ToString, T>(
    list: &str,
    entries: impl Iterator<Item = (K, T)>,
    after: Option<&K>,
    limit: NonZeroU32,
) -> Page<T> {
    let most = usize::try_from(limit.get()).unwrap_or(usize::MAX);
    let mut entries: Vec<(K, T)> = entries
        .filter(|(key, _)| after.is_none_or(|after| key > after))
        .take(most.saturating_add(1))
        .collect();
    let more = entries.len() > most;
    entries.truncate(most);
    let next_cursor = entries.last().filter(|_| more).map(|(key, _)| write(list, key));
    Page {
        items: entries.into_iter().map(|(_, item)| item).collect(),
        next_cursor,
    }
}

/// The key that a cursor of this list stands for.
///
/// # Errors
/// It is none that this list has given.
pub(crate) fn read<K: FromText>(list: &str, cursor: &str) -> Result<K, Refusal> {
    key(list, cursor).ok_or_else(|| {
        Refusal::Request(Faults::one(
            "?cursor",
            "is not one that this list has given",
            "start without a cursor",
        ))
    })
}

fn key<K: FromText>(list: &str, cursor: &str) -> Option<K> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    K::from_text(text.strip_prefix(list)?.strip_prefix(' ')?).ok()
}

fn write(list: &str, key: &impl ToString) -> String {
    URL_SAFE_NO_PAD.encode(format!("{list} {}", key.to_string()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn numbers(after: Option<u32>, limit: u32) -> Page<u32> {
        page(
            "numbers",
            (1..=5).map(|n| (n, n * 10)),
            after.as_ref(),
            NonZeroU32::new(limit).unwrap(),
        )
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        for limit in 1..=6 {
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = numbers(after, limit);
                seen.extend(page.items);
                let Some(cursor) = page.next_cursor else { break };
                after = Some(read("numbers", &cursor).unwrap());
            }
            assert_eq!(seen, [10, 20, 30, 40, 50], "limit {limit}");
        }
    }

    proptest! {
        #[test]
        fn every_entry_is_on_exactly_one_page(keys in prop::collection::btree_set(any::<u32>(), 0..50), limit in 1_u32..60) {
            let limit = NonZeroU32::new(limit).unwrap();
            let mut seen = Vec::new();
            let mut after = None;
            loop {
                let page = page("keys", keys.iter().map(|key| (*key, *key)), after.as_ref(), limit);
                prop_assert!(page.items.len() <= limit.get() as usize);
                seen.extend(page.items);
                let Some(cursor) = page.next_cursor else { break };
                after = Some(read("keys", &cursor).unwrap());
            }
            prop_assert_eq!(seen, keys.into_iter().collect::<Vec<_>>());
        }

        #[test]
        fn no_cursor_breaks_the_reader(cursor in ".{0,60}") {
            let _ = read::<u32>("keys", &cursor);
        }
    }

    #[test]
    fn a_full_last_page_has_no_cursor() {
        assert_eq!(numbers(None, 5).next_cursor, None);
        assert!(numbers(None, 4).next_cursor.is_some());
    }

    #[test]
    fn a_cursor_of_another_list_is_refused() {
        let cursor = numbers(None, 2).next_cursor.unwrap();
        assert!(read::<u32>("numbers", &cursor).is_ok());
        for (list, bad) in [
            ("letters", cursor.as_str()),
            ("numbers", ""),
            ("numbers", "%"),
            ("numbers", "bnVtYmVycw"),
        ] {
            assert!(
                matches!(read::<u32>(list, bad), Err(Refusal::Request(_))),
                "{list} {bad}"
            );
        }
    }

    #[test]
    fn limits_hold() {
        let limits = Limits::default();
        let asked = |n| limit(n, &limits).map(NonZeroU32::get).ok();
        assert_eq!(asked(None), Some(100));
        assert_eq!(asked(Some(1_000)), Some(1_000));
        assert_eq!(asked(Some(1_001)), None);
        assert_eq!(asked(Some(0)), None);
    }
}
