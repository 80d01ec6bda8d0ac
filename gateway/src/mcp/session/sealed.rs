//! What a session's client carries beside its session id: where a stream is, and which request of the server it answers.

use onedoor_model::ids::{CallId, ToolName};
use onedoor_wire::{request::RequestId, session::MAX_LAST_EVENT_ID, sse::EventId};
use serde::{Deserialize, Serialize};

use crate::seal::{Kind, Seal};

use super::state::{Session, Target};

/// Where a stream is: what is sealed in an event id. Short names, as every event carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Place {
    /// The upstream's id of the event.
    #[serde(rename = "e")]
    pub(super) event: String,
    /// The server's session, where the client's is with all servers.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<Target>,
    /// The call that the stream answers; none on the stream of what answers nothing.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(super) answers: Option<Answers>,
}

/// The call that a stream answers, so that whoever goes on with the stream is decided on anew, and the response is known when it comes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answers {
    #[serde(rename = "c")]
    pub(super) call: CallId,
    #[serde(rename = "t")]
    pub(super) tool: ToolName,
    /// The request's id, as it was written.
    #[serde(rename = "i")]
    pub(super) id: String,
    /// Its progress token, as it was written.
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    pub(super) progress_token: Option<String>,
}

impl Place {
    /// The event id for the client; none where it would be longer than one that is read.
    pub(super) fn seal(&self, seal: &Seal, session: &Session) -> Option<EventId> {
        let content = serde_json::to_vec(self).ok()?;
        let sealed = seal.seal_same(Kind::Event, session.id.expose(), &content)?;
        EventId::parse(sealed.as_bytes()).filter(|id| id.as_str().len() <= MAX_LAST_EVENT_ID)
    }

    /// The place that an event id of this session names.
    pub(super) fn open(seal: &Seal, session: &Session, id: &EventId) -> Option<Self> {
        let content = seal.open(Kind::Event, session.id.expose(), id.as_str())?;
        serde_json::from_slice(&content).ok()
    }
}

/// A request that a server made of the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Asking {
    /// The server's own id of it, as the server wrote it.
    #[serde(rename = "i")]
    pub(super) id: String,
    /// The server's session, where the client's is with all servers.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) target: Option<Target>,
}

impl Asking {
    /// The id under which the client gets it: the same one each time, as the server may refer to it.
    pub(super) fn seal(&self, seal: &Seal, session: &Session) -> Option<String> {
        let content = serde_json::to_vec(self).ok()?;
        let sealed = seal.seal_same(Kind::ServerRequest, session.id.expose(), &content)?;
        // Base64 needs no escapes.
        Some(format!("\"{sealed}\""))
    }

    /// The request that a client's response names, if it was made in this session.
    pub(super) fn open(seal: &Seal, session: &Session, id: RequestId<'_>) -> Option<Self> {
        let sealed = id.as_raw().strip_prefix('"')?.strip_suffix('"')?;
        let content = seal.open(Kind::ServerRequest, session.id.expose(), sealed)?;
        serde_json::from_slice(&content).ok()
    }
}

impl Session {
    /// What has to be sealed of the server's session: nothing where the client's session holds it anyway.
    pub(super) fn target_to_seal(&self) -> Option<Target> {
        self.target.clone().filter(|_| self.is_with_all())
    }

    /// The session towards the server that something sealed came from.
    pub(super) fn back_to(&self, sealed: Option<Target>) -> Option<Self> {
        match (self.is_with_all(), sealed) {
            (true, Some(target)) => Some(self.towards(target)),
            (false, None) => Some(self.clone()),
            (true, None) | (false, Some(_)) => None,
        }
    }
}
