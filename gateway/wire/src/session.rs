//! The session revisions of MCP: what they need beside revision 2026-07-28, which is stateless.
//!
//! In the order of use, for a POST: [`check_transport`](crate::headers::check_transport) before the body is read,
//! [`read_message`](crate::request::read_message) and [`era_of`] once it is. A stateless message goes on as
//! [`Message::into_stateless`], one of a session through [`check_post`]. A GET or DELETE has no message:
//! `era_of(headers, None)`, then [`check_get`] or [`check_delete`].
//!
//! Towards an upstream: [`outgoing_headers`] with a body of [`mod@write`], then [`read_initialized`] or
//! [`read_session_answer`]. Messages pass as the bytes they are; only where an upstream's id must not reach the client
//! is that one value replaced ([`IdSlot`]).

mod answer;
mod capability;
mod era;
mod headers;
mod initialized;
mod level;
mod message;
mod slot;
#[cfg(test)]
mod tests;
mod version;
pub mod write;

pub use answer::{AwaitedInSession, SessionAnswer, SessionDrop, SessionPassage, read_session_answer};
pub use capability::{ClientCapabilities, Declared, ServerRequest};
pub use era::{Era, era_of};
pub use headers::{
    LAST_EVENT_ID, MAX_LAST_EVENT_ID, MAX_SESSION_ID, SESSION_ID, Sending, SessionHeaders, SessionId,
    check_delete, check_get, check_params_if_sent, check_post, outgoing_headers,
};
pub use initialized::{Initialized, ServerCapabilities, read_initialized};
pub use level::LogLevel;
pub use message::{ClientOutcome, ClientResponse, Initialize, Message, Notice, Notification, SessionRequest};
pub use slot::IdSlot;
pub use version::{SessionVersion, versions};
