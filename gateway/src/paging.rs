//! Pages of lists, with cursors that are good only for the caller and the list they were made for.

use aws_lc_rs::{hmac, rand};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use onedoor_model::principal::Principal;
use onedoor_wire::malformed::Malformed;

/// Seals and opens cursors. The key lives as long as the process: a cursor from before a restart begins anew.
#[derive(Debug)]
pub(crate) struct Cursors {
    key: hmac::Key,
}

/// No randomness could be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot make a random key")]
pub struct NoRandomness;

/// One page wanted of a list.
#[derive(Debug)]
pub(crate) struct Paging<'a> {
    cursors: &'a Cursors,
    /// Principal and list.
    scope: String,
    after: Option<String>,
    limit: usize,
}

/// One page of a list.
#[derive(Debug)]
pub(crate) struct Page<'t, T> {
    pub(crate) entries: &'t [T],
    pub(crate) next_cursor: Option<String>,
}

/// The cursor was not made by this replica for this caller and this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this list")]
pub(crate) struct ForeignCursor;

impl Cursors {
    pub(crate) fn new() -> Result<Self, NoRandomness> {
        let mut key = [0; 32];
        rand::fill(&mut key).map_err(|_| NoRandomness)?;
        Ok(Self { key: hmac::Key::new(hmac::HMAC_SHA256, &key) })
    }

    fn seal(&self, scope: &str, position: &str) -> String {
        let tag = hmac::sign(&self.key, message(scope, position).as_bytes());
        format!("{}.{}", URL_SAFE_NO_PAD.encode(position), URL_SAFE_NO_PAD.encode(tag))
    }

    fn open(&self, scope: &str, cursor: &str) -> Result<String, ForeignCursor> {
        let (position, tag) = cursor.split_once('.').ok_or(ForeignCursor)?;
        let position = URL_SAFE_NO_PAD.decode(position).map_err(|_| ForeignCursor)?;
        let position = String::from_utf8(position).map_err(|_| ForeignCursor)?;
        let tag = URL_SAFE_NO_PAD.decode(tag).map_err(|_| ForeignCursor)?;
        hmac::verify(&self.key, message(scope, &position).as_bytes(), &tag).map_err(|_| ForeignCursor)?;
        Ok(position)
    }
}

impl<'a> Paging<'a> {
    pub(crate) fn new(
        cursors: &'a Cursors,
        principal: &Principal,
        list: &str,
        cursor: Option<&str>,
        limit: u32,
    ) -> Result<Self, ForeignCursor> {
        let scope = format!("{:?}\n{list}", principal.actor().key());
        let after = cursor.map(|cursor| cursors.open(&scope, cursor)).transpose()?;
        Ok(Self { cursors, scope, after, limit: usize::try_from(limit).unwrap_or(usize::MAX).max(1) })
    }

    /// The page of entries that are sorted by `position`. An entry that came or went since moves none of the others.
    pub(crate) fn page<'t, T, P: AsRef<str>>(&self, sorted: &'t [T], position: impl Fn(&T) -> P) -> Page<'t, T> {
        let start = self.after.as_ref().map_or(0, |after| {
            sorted.partition_point(|entry| position(entry).as_ref() <= after.as_str())
        });
        let rest = sorted.get(start..).unwrap_or_default();
        let (entries, more) = rest.split_at(rest.len().min(self.limit));
        let next_cursor = match entries.last() {
            Some(last) if !more.is_empty() => Some(self.cursors.seal(&self.scope, position(last).as_ref())),
            Some(_) | None => None,
        };
        Page { entries, next_cursor }
    }
}

impl From<ForeignCursor> for Malformed {
    fn from(_: ForeignCursor) -> Self {
        Self::ParamType { member: "cursor", expected: "the nextCursor of the page before" }
    }
}

fn message(scope: &str, position: &str) -> String {
    format!("{scope}\n{position}")
}
