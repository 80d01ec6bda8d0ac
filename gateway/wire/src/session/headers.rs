//! The headers of a session: checked on the way in, written on the way out.

use std::fmt;

use http::{
    HeaderMap, HeaderValue,
    header::{ACCEPT, CONTENT_TYPE},
};

use super::{Message, SessionVersion, versions};
use crate::{
    answer::AnswerFault,
    headers::{HeaderParam, PROTOCOL_VERSION, accepts, check_if_sent, check_params, single},
    malformed::Malformed,
    sse::EventId,
};

/// Names the session.
pub const SESSION_ID: &str = "Mcp-Session-Id";
/// The last event a client got of a stream it wants to go on with.
pub const LAST_EVENT_ID: &str = "Last-Event-ID";
/// Longest session id that is read, in bytes.
pub const MAX_SESSION_ID: usize = 4 << 10;
/// Longest `Last-Event-ID` that is read, in bytes.
pub const MAX_LAST_EVENT_ID: usize = 4 << 10;

/// What the headers of a request in a session say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionHeaders {
    /// The revision, if a header says it. If none does, that of the session counts: clients of 2025-03-26 send none.
    /// Of no meaning for `initialize`, which negotiates it.
    pub version: Option<SessionVersion>,
    /// The session.
    pub session_id: Option<SessionId>,
    /// The last event seen. Only a GET has one.
    pub last_event_id: Option<EventId>,
}

/// A session id: 1 to [`MAX_SESSION_ID`] characters of visible ASCII. Who knows it can try to use the session, so it
/// is not printed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionId(String);

/// What is sent to an upstream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending<'a> {
    /// A message.
    Post,
    /// Opens the stream of what answers no request, or goes on with a broken one.
    Get {
        /// The last event that was read of the broken one.
        last_event_id: Option<&'a EventId>,
    },
    /// Ends the session.
    Delete,
}

/// Checks the headers of a POST against its message. `Content-Type`, `Content-Encoding` and `Accept` are for
/// [`check_transport`](crate::headers::check_transport), before the body.
///
/// The session revisions know no `Mcp-Method` and `Mcp-Name`; those that come must agree all the same, for someone may
/// have routed by them.
///
/// # Errors
/// When an MCP header is repeated, unreadable or disagrees, or the revision is not one with sessions.
pub fn check_post(headers: &HeaderMap, message: &Message<'_>) -> Result<SessionHeaders, Malformed> {
    check_if_sent(headers, Some(message))?;
    let read = read(headers)?;
    let in_body = message
        .params()
        .and_then(|params| params.meta.protocol_version.as_deref());
    let in_header = read.version.map(SessionVersion::as_str);
    if in_body.is_some() && in_body != in_header {
        return Err(Malformed::HeaderDisagrees(PROTOCOL_VERSION.to_owned()));
    }
    Ok(read)
}

/// Checks the headers of a GET, which opens a stream.
///
/// # Errors
/// As [`check_post`]; and when the client cannot take a stream.
pub fn check_get(headers: &HeaderMap) -> Result<SessionHeaders, Malformed> {
    if !accepts(headers, "text/event-stream") {
        return Err(Malformed::NotAcceptable);
    }
    check_if_sent(headers, None)?;
    let last_event_id = match single(headers, LAST_EVENT_ID)? {
        Some(text) => Some(
            EventId::parse(text.as_bytes())
                .filter(|_| text.len() <= MAX_LAST_EVENT_ID)
                .ok_or_else(|| Malformed::HeaderUnreadable(LAST_EVENT_ID.to_owned()))?,
        ),
        None => None,
    };
    Ok(SessionHeaders {
        last_event_id,
        ..read(headers)?
    })
}

/// Checks the headers of a DELETE, which ends a session.
///
/// # Errors
/// As [`check_post`].
pub fn check_delete(headers: &HeaderMap) -> Result<SessionHeaders, Malformed> {
    check_if_sent(headers, None)?;
    read(headers)
}

/// Checks those `Mcp-Param-*` headers that came against `arguments`; a session client need not send any.
///
/// # Errors
/// When one is repeated, unreadable or disagrees.
pub fn check_params_if_sent(
    headers: &HeaderMap,
    arguments: Option<&str>,
    params: &[HeaderParam],
) -> Result<(), Malformed> {
    let sent: Vec<_> = params
        .iter()
        .filter(|param| param.is_sent(headers))
        .cloned()
        .collect();
    check_params(headers, arguments, &sent).map(drop)
}

/// The headers of what is sent to an upstream; where it goes, and with which token, is for the caller to add. `version`
/// and `session` are what its answer to `initialize` gave, so `None` for `initialize` itself; a server need not give a
/// session id.
#[must_use]
pub fn outgoing_headers(
    sending: Sending<'_>,
    version: Option<SessionVersion>,
    session: Option<&SessionId>,
) -> HeaderMap {
    let mut headers = HeaderMap::new();
    match sending {
        Sending::Post => {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(
                ACCEPT,
                HeaderValue::from_static("application/json, text/event-stream"),
            );
        }
        Sending::Get { last_event_id } => {
            headers.insert(ACCEPT, HeaderValue::from_static("text/event-stream"));
            if let Some(id) = last_event_id {
                headers.insert(LAST_EVENT_ID, id.to_header());
            }
        }
        Sending::Delete => {}
    }
    if let Some(version) = version.filter(|version| version.has_header()) {
        headers.insert(PROTOCOL_VERSION, HeaderValue::from_static(version.as_str()));
    }
    if let Some(session) = session {
        headers.insert(SESSION_ID, session.to_header());
    }
    headers
}

/// What all requests of a session carry.
fn read(headers: &HeaderMap) -> Result<SessionHeaders, Malformed> {
    let version = match single(headers, PROTOCOL_VERSION)? {
        Some(name) => Some(
            SessionVersion::parse(name).ok_or_else(|| Malformed::UnsupportedVersion {
                requested: name.to_owned(),
                supported: versions(false, true),
            })?,
        ),
        None => None,
    };
    let session_id = match single(headers, SESSION_ID)? {
        Some(text) => {
            Some(SessionId::parse(text).ok_or_else(|| Malformed::HeaderUnreadable(SESSION_ID.to_owned()))?)
        }
        None => None,
    };
    Ok(SessionHeaders {
        version,
        session_id,
        last_event_id: None,
    })
}

impl SessionId {
    /// Reads an id; `None` if it is not 1 to [`MAX_SESSION_ID`] characters of visible ASCII.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_good =
            (1..=MAX_SESSION_ID).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_good.then(|| Self(text.to_owned()))
    }

    /// The id that an upstream's answer to `initialize` gives, if any.
    ///
    /// # Errors
    /// When it is repeated or not a good one.
    pub fn of_answer(headers: &HeaderMap) -> Result<Option<Self>, AnswerFault> {
        match single(headers, SESSION_ID) {
            Ok(None) => Ok(None),
            Ok(Some(text)) => Self::parse(text).ok_or(AnswerFault::SessionId).map(Some),
            Err(_) => Err(AnswerFault::SessionId),
        }
    }

    /// Its text: for a header, or to be sealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The header's value, marked as sensitive.
    #[must_use]
    pub fn to_header(&self) -> HeaderValue {
        #[expect(
            clippy::expect_used,
            reason = "visible ASCII: `parse` is the only way to make one"
        )]
        let mut value = HeaderValue::from_str(&self.0).expect("visible ASCII is a header value");
        value.set_sensitive(true);
        value
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionId(…)")
    }
}
