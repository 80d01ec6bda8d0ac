//! Pages of lists, with cursors that are good only for the caller and the list they were made for.

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use onedoor_model::principal::Principal;
use onedoor_wire::malformed::Malformed;

/// Seals and opens cursors. All replicas have the same key, so that a list goes on at another one.
#[derive(Debug)]
pub(crate) struct Cursors {
    key: hmac::Key,
}

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

/// The cursor was not made by this door for this caller and this list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cursor is not one of this list")]
pub(crate) struct ForeignCursor;

impl Cursors {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    fn seal(&self, scope: &str, position: &str) -> String {
        let tag = hmac::sign(&self.key, message(scope, position).as_bytes());
        format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(position),
            URL_SAFE_NO_PAD.encode(tag)
        )
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
        Ok(Self {
            cursors,
            scope,
            after,
            limit: usize::try_from(limit).unwrap_or(usize::MAX).max(1),
        })
    }

    /// The page of entries that are sorted by `position`. An entry that came or went since moves none of the others.
    pub(crate) fn page<'t, T, P: AsRef<str>>(
        &self,
        sorted: &'t [T],
        position: impl Fn(&T) -> P,
    ) -> Page<'t, T> {
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
        Self::ParamType {
            member: "cursor",
            expected: "the nextCursor of the page before",
        }
    }
}

fn message(scope: &str, position: &str) -> String {
    format!("{scope}\n{position}")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use onedoor_model::ids::UserId;

    use super::*;

    fn principal(user: &str) -> Principal {
        Principal {
            issuer: "idp".parse().unwrap(),
            tenant: "t".parse().unwrap(),
            user: Some(UserId::new(user).unwrap()),
            display_name: None,
            client: "app".parse().unwrap(),
            groups: BTreeSet::new(),
            roles: BTreeSet::new(),
            scopes: BTreeSet::new(),
            token_id: "token".to_owned(),
            issued_at: jiff::Timestamp::UNIX_EPOCH,
            expires_at: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    fn paging<'a>(
        cursors: &'a Cursors,
        user: &str,
        list: &str,
        cursor: Option<&str>,
    ) -> Result<Paging<'a>, ForeignCursor> {
        Paging::new(cursors, &principal(user), list, cursor, 2)
    }

    #[test]
    fn pages_hold_every_entry_once_in_order() {
        let cursors = Cursors::new(&[7; 32]);
        let entries = ["a", "b", "c", "d", "e"];
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let page = paging(&cursors, "ada", "list", cursor.as_deref()).unwrap();
            let Page { entries, next_cursor } = page.page(&entries, |entry| *entry);
            assert!(
                !entries.is_empty(),
                "no page but the last of an empty list is empty"
            );
            seen.extend_from_slice(entries);
            cursor = next_cursor;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, entries);
    }

    #[test]
    fn what_went_or_came_meanwhile_moves_nothing_else() {
        let cursors = Cursors::new(&[7; 32]);
        let first = paging(&cursors, "ada", "list", None).unwrap();
        let cursor = first.page(&["a", "c", "e"], |entry| *entry).next_cursor.unwrap();
        let second = paging(&cursors, "ada", "list", Some(&cursor)).unwrap();
        assert_eq!(
            second.page(&["a", "b", "d", "e"], |entry| *entry).entries,
            ["d", "e"],
            "c is gone, b and d are new"
        );
    }

    #[test]
    fn a_cursor_is_good_for_its_caller_and_its_list_alone() {
        let cursors = Cursors::new(&[7; 32]);
        let first = paging(&cursors, "ada", "list", None).unwrap();
        let cursor = first.page(&["a", "b", "c"], |entry| *entry).next_cursor.unwrap();
        assert!(paging(&cursors, "ada", "list", Some(&cursor)).is_ok());
        assert!(
            paging(&cursors, "eve", "list", Some(&cursor)).is_err(),
            "another caller's"
        );
        assert!(
            paging(&cursors, "ada", "other", Some(&cursor)).is_err(),
            "another list's"
        );
        assert!(
            paging(&Cursors::new(&[8; 32]), "ada", "list", Some(&cursor)).is_err(),
            "another door's"
        );
        let (position, tag) = cursor.split_once('.').unwrap();
        let moved = format!("{}.{tag}", URL_SAFE_NO_PAD.encode("zzz"));
        for bad in ["", ".", "x", position, &moved, &format!("{cursor}x"), "ä.ö"] {
            assert!(paging(&cursors, "ada", "list", Some(bad)).is_err(), "{bad}");
        }
    }
}
