//! Which era a request is of. One rule for everything that asks.

use http::HeaderMap;

use super::{Message, SESSION_ID, SessionVersion};
use crate::headers::PROTOCOL_VERSION;

/// The two kinds of revisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// 2026-07-28, and what no revision we speak explains: its rules tell what is missing or not supported.
    Stateless,
    /// A [`SessionVersion`].
    Session,
}

/// The era of a request. The version header decides; a POST without one is judged by its message, then by whether it
/// names a session, for clients of 2025-03-26 send no such header. `message` is `None` for GET and DELETE.
#[must_use]
pub fn era_of(headers: &HeaderMap, message: Option<&Message<'_>>) -> Era {
    if let Some(version) = headers.get(PROTOCOL_VERSION) {
        // One that is repeated or unreadable is for the stateless rules to refuse.
        let is_session = version
            .to_str()
            .is_ok_and(|name| SessionVersion::parse(name.trim_matches([' ', '\t'])).is_some())
            && headers.get_all(PROTOCOL_VERSION).iter().nth(1).is_none();
        return if is_session { Era::Session } else { Era::Stateless };
    }
    if message.is_some_and(Message::names_stateless_version) {
        return Era::Stateless;
    }
    if message.is_some_and(Message::is_initialize) || headers.contains_key(SESSION_ID) {
        return Era::Session;
    }
    Era::Stateless
}
