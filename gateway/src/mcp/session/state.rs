//! What a session id holds: all that the door knows of a session.

use std::fmt;

use jiff::{SignedDuration, Timestamp};
use onedoor_model::{
    ids::{ServerId, Slug, VersionNumber},
    principal::Principal,
    registry::{Server, ServerVersion, Stage},
};
use onedoor_wire::session::{Declared, SessionId, SessionVersion};
use serde::{Deserialize, Serialize};

use crate::{
    mcp::{asked::Asked, scope::Scope},
    seal::{Kind, Seal},
};

/// How long a session may last. A client whose session is not known any more opens another by itself.
const MAX_AGE: SignedDuration = SignedDuration::from_hours(24);

/// Longest upstream session id that is sealed, in bytes, so that ours fits in a header.
const MAX_UPSTREAM_ID: usize = 1 << 10;

/// A session. Sealed for its principal, it *is* the session id, so it may be continued at any replica and after any restart.
#[derive(Clone)]
pub(super) struct Session {
    /// The id as the client carries it. What is sealed for the session is bound to it.
    pub(super) id: SessionId,
    opened: Opened,
    /// The session at the server that is spoken to; none as long as all are meant.
    pub(super) target: Option<Target>,
}

/// A session at one server.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Target {
    #[serde(rename = "s")]
    pub(super) server: ServerId,
    #[serde(rename = "w")]
    pub(super) slug: Slug,
    #[serde(rename = "n")]
    pub(super) number: VersionNumber,
    #[serde(rename = "g")]
    pub(super) stage: Stage,
    /// The revision that was negotiated.
    #[serde(rename = "r")]
    revision: String,
    /// The server's own session id; it need not have any.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    upstream: Option<String>,
}

/// What is sealed. Short names, as every request carries it.
#[derive(Clone, Serialize, Deserialize)]
struct Opened {
    /// The one server; none where the session is with all of the caller's.
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    server: Option<Target>,
    /// The revision that the client speaks.
    #[serde(rename = "r")]
    revision: String,
    /// What the client lets a server ask.
    #[serde(rename = "e")]
    elicitation: bool,
    #[serde(rename = "m")]
    sampling: bool,
    #[serde(rename = "o")]
    roots: bool,
    /// Whether the server can be told a log level.
    #[serde(rename = "l")]
    logging: bool,
    #[serde(rename = "t")]
    at: Timestamp,
}

/// What a session is opened with.
pub(super) struct Opening {
    /// The one server; none for all.
    pub(super) server: Option<Target>,
    pub(super) version: SessionVersion,
    pub(super) declared: Declared,
    pub(super) logging: bool,
    pub(super) now: Timestamp,
}

impl Opening {
    /// The new session's id; none where the system gives no randomness, or it would be longer than one that is read.
    pub(super) fn seal(self, seal: &Seal, principal: &Principal) -> Option<SessionId> {
        let opened = Opened {
            server: self.server,
            revision: self.version.as_str().to_owned(),
            elicitation: self.declared.elicitation,
            sampling: self.declared.sampling,
            roots: self.declared.roots,
            logging: self.logging,
            at: self.now,
        };
        let content = serde_json::to_vec(&opened).ok()?;
        SessionId::parse(&seal.seal(Kind::Session, &holder(principal), &content)?)
    }
}

impl Target {
    /// A session that a server began; none where its own id is too long to be carried.
    pub(super) fn new(
        server: &Server,
        number: VersionNumber,
        stage: Stage,
        version: SessionVersion,
        upstream: Option<&SessionId>,
    ) -> Option<Self> {
        let upstream = upstream.map(|id| id.expose().to_owned());
        if upstream.as_ref().is_some_and(|id| id.len() > MAX_UPSTREAM_ID) {
            return None;
        }
        Some(Self {
            server: server.id,
            slug: server.slug.clone(),
            number,
            stage,
            revision: version.as_str().to_owned(),
            upstream,
        })
    }

    /// The revision that was negotiated.
    pub(super) fn version(&self) -> Option<SessionVersion> {
        SessionVersion::parse(&self.revision)
    }

    /// The server's own session id.
    pub(super) fn upstream(&self) -> Option<SessionId> {
        self.upstream.as_deref().and_then(SessionId::parse)
    }

    /// Whether the version that serves now is the one it was opened with.
    fn is_served_by(&self, server: &Server, version: &ServerVersion) -> bool {
        server.id == self.server && version.number == self.number
    }

    /// The endpoint that stands for this server alone.
    pub(super) fn scope(&self) -> Scope<'_> {
        Scope::Server {
            slug: self.slug.as_str(),
            stage: self.stage,
        }
    }
}

impl Session {
    /// The session of this id, if it is this principal's and not too old.
    pub(super) fn open(seal: &Seal, principal: &Principal, id: &SessionId, now: Timestamp) -> Option<Self> {
        let content = seal.open(Kind::Session, &holder(principal), id.expose())?;
        let opened: Opened = serde_json::from_slice(&content).ok()?;
        if now.duration_since(opened.at) > MAX_AGE {
            return None;
        }
        Some(Self {
            id: id.clone(),
            target: opened.server.clone(),
            opened,
        })
    }

    /// Whether the server that is spoken to gave a session id: only then can it say that it does not know it any more.
    pub(super) fn has_upstream(&self) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| target.upstream.is_some())
    }

    /// The endpoint that stands for the server that is spoken to, or for all.
    pub(super) fn scope(&self) -> Scope<'_> {
        self.target.as_ref().map_or(Scope::All, Target::scope)
    }

    /// The same session, towards one server.
    pub(super) fn towards(&self, target: Target) -> Self {
        Self {
            target: Some(target),
            ..self.clone()
        }
    }

    /// Whether it is with all of the caller's servers.
    pub(super) fn is_with_all(&self) -> bool {
        self.opened.server.is_none()
    }

    /// What the client lets a server ask.
    pub(super) fn declared(&self) -> Declared {
        Declared {
            elicitation: self.opened.elicitation,
            sampling: self.opened.sampling,
            roots: self.opened.roots,
        }
    }

    /// Whether the server can be told a log level.
    pub(super) fn has_logging(&self) -> bool {
        self.opened.logging
    }

    /// The revision that the client speaks.
    pub(super) fn version(&self) -> Option<SessionVersion> {
        SessionVersion::parse(&self.opened.revision)
    }

    /// The name of that revision.
    pub(super) fn protocol(&self) -> &str {
        &self.opened.revision
    }

    /// Whether it was opened at the endpoint that is asked: elsewhere it is unknown.
    pub(super) fn is_of(&self, asked: &Asked<'_>) -> bool {
        let snapshot = asked.door.registry.snapshot();
        match (asked.scope, &self.opened.server) {
            (Scope::Server { slug, stage }, Some(opened)) => {
                stage == opened.stage
                    && snapshot
                        .server(slug)
                        .is_some_and(|server| server.id == opened.server)
            }
            (Scope::All, None) => true,
            (Scope::Server { .. }, None) | (Scope::All, Some(_)) => false,
        }
    }

    /// Whether the version that serves now is the one that the session is with.
    pub(super) fn is_served_by(&self, server: &Server, version: &ServerVersion) -> bool {
        self.target
            .as_ref()
            .is_some_and(|target| target.is_served_by(server, version))
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Target({}, {})", self.slug, self.stage)
    }
}

/// Whom a session belongs to: a principal through one client app.
fn holder(principal: &Principal) -> String {
    format!("{:?} {}", principal.actor().key(), principal.client)
}
