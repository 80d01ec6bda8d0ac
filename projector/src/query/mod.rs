//! What is asked of a store, and what it answers. Nothing here knows how it is stored.

mod calls;
mod cursor;
mod history;

use std::{convert::Infallible, str::FromStr};

use jiff::Timestamp;
use onedoor_log::Partition;
use onedoor_model::ids::{BootId, ReplicaName, ServerId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

pub(crate) use self::cursor::{CallCursor, HistoryCursor};
pub use self::{
    calls::{CallOutcome, CallQuery, CallRow, UnknownOutcome},
    history::{Aggregate, HistoryQuery, HistoryRow, VerdictKind},
};

/// Some entries of a list, and where the next ones are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Page<T> {
    /// At most as many as were asked for.
    pub items: Vec<T>,
    /// Give it with the same query to get what follows; none on the last page. Opaque.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// Which server is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerSelector {
    /// The server with this id.
    Id(ServerId),
    /// Whatever went by this slug at the time: a retired server gives its slug free.
    Slug(String),
}

/// A boot that nobody has closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenBoot {
    /// The boot.
    pub boot: BootId,
    /// The replica it is, or was, a run of.
    pub source: ReplicaName,
    /// The partition of `audit` it writes to, where it is to be closed.
    pub partition: Partition,
    /// The number of its last event in its chain.
    pub last_seq: u64,
}

impl FromStr for ServerSelector {
    type Err = Infallible;

    /// An id is a UUID with hyphens: a slug has at most 32 characters, and so is never taken for one.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match Uuid::try_parse(text) {
            Ok(id) if text.len() == 36 => Self::Id(ServerId(id)),
            Ok(_) | Err(_) => Self::Slug(text.to_owned()),
        })
    }
}

impl<T> Page<T> {
    /// A page out of one entry more than it may hold, if there are so many.
    pub(crate) fn of(mut items: Vec<T>, limit: usize, cursor: impl Fn(&T) -> String) -> Self {
        let more = items.len() > limit;
        items.truncate(limit);
        let next_cursor = items.last().filter(|_| more).map(cursor);
        Self { items, next_cursor }
    }
}

/// Writes a time as RFC 3339 with milliseconds, always three digits.
fn milliseconds<S: serde::Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{time:.3}"))
}

fn milliseconds_if_any<S: serde::Serializer>(
    time: &Option<Timestamp>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match time {
        Some(time) => milliseconds(time, serializer),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slug_is_never_taken_for_an_id() {
        let id = "0193a5c4-7b1e-7000-8000-000000000001";
        assert_eq!(id.parse(), Ok(ServerSelector::Id(ServerId(id.parse().unwrap()))));
        for slug in ["finance", "abcdef0123456789abcdef0123456789", ""] {
            assert_eq!(slug.parse(), Ok(ServerSelector::Slug(slug.to_owned())));
        }
    }

    #[test]
    fn a_page_has_a_cursor_only_if_more_follows() {
        let page = |count: u32| Page::of((0..count).collect(), 2, ToString::to_string);
        assert_eq!(
            page(0),
            Page {
                items: vec![],
                next_cursor: None
            }
        );
        assert_eq!(
            page(2),
            Page {
                items: vec![0, 1],
                next_cursor: None
            }
        );
        assert_eq!(
            page(3),
            Page {
                items: vec![0, 1],
                next_cursor: Some("1".to_owned())
            }
        );
    }
}
