//! `initialize`: a session is begun at a server, or with all of them, and sealed for the client.

use http::{HeaderMap, StatusCode};
use jiff::Timestamp;
use onedoor_exchange::TokenB;
use onedoor_model::{
    audit::UpstreamFault,
    decide::{Entitlement, ListPermit},
    manifest::Eras,
};
use onedoor_wire::{
    request::RequestId,
    session::{
        ClientCapabilities, Initialize, Initialized, Sending, ServerCapabilities, SessionId, SessionVersion,
        read_initialized, write,
    },
};
use serde_json::json;

use crate::{
    eras,
    mcp::{asked::Asked, local::INSTRUCTIONS},
    refusal::{Failure, Reason},
};

use super::{
    state::{Opening, Target},
    upstream::{Answered, At, Way},
};

/// A session that was begun.
#[derive(Debug)]
pub(super) struct Begun {
    /// The session's id, for the client.
    pub(super) id: SessionId,
    /// The result of `initialize`, as JSON.
    pub(super) result: String,
}

/// A session that a server began.
pub(super) struct AtServer {
    pub(super) target: Target,
    pub(super) version: SessionVersion,
    pub(super) logging: bool,
    /// The token it was begun with.
    pub(super) token: TokenB,
}

/// Opens a session with one server for a permitted client.
pub(super) async fn with_server(
    asked: &Asked<'_>,
    id: RequestId<'_>,
    initialize: &Initialize<'_>,
    permit: &ListPermit,
) -> Result<Begun, Failure> {
    let wanted = wanted(initialize.protocol_version);
    let way = Way::new(asked.door, permit.entitlement(), asked.call);
    let begun = begin(asked, id, wanted, initialize.capabilities, way).await?;
    let manifest = &permit.version().manifest;
    let mut info = json!({ "name": permit.server().slug, "version": manifest.version });
    if let Some(title) = &manifest.title {
        info["title"] = json!(title);
    }
    let mut can = json!({ "tools": { "listChanged": true } });
    if begun.logging {
        can["logging"] = json!({});
    }
    let result = json!({
        "protocolVersion": begun.version.as_str(),
        "capabilities": can,
        "serverInfo": info,
        "instructions": manifest.description,
    });
    let opening = Opening {
        server: Some(begun.target),
        version: begun.version,
        declared: initialize.capabilities.declared(),
        logging: begun.logging,
        now: Timestamp::now(),
    };
    seal(asked, opening, &result)
}

/// Opens a session with all of the caller's servers. None is spoken to before one of its tools is called, so none delays the others.
pub(super) fn with_all(asked: &Asked<'_>, initialize: &Initialize<'_>) -> Result<Begun, Failure> {
    let version = wanted(initialize.protocol_version);
    let result = json!({
        "protocolVersion": version.as_str(),
        "capabilities": { "tools": { "listChanged": true } },
        "serverInfo": { "name": "onedoor", "title": "Onedoor", "version": env!("CARGO_PKG_VERSION") },
        "instructions": INSTRUCTIONS,
    });
    let opening = Opening {
        server: None,
        version,
        declared: initialize.capabilities.declared(),
        logging: false,
        now: Timestamp::now(),
    };
    seal(asked, opening, &result)
}

/// The revision to ask for: the client's own, if it is one with sessions.
fn wanted(version: &str) -> SessionVersion {
    SessionVersion::parse(version).unwrap_or(SessionVersion::LATEST)
}

fn seal(asked: &Asked<'_>, opening: Opening, result: &serde_json::Value) -> Result<Begun, Failure> {
    let id = opening
        .seal(&asked.door.seal, asked.principal)
        .ok_or(Reason::Internal)?;
    Ok(Begun {
        id,
        result: result.to_string(),
    })
}

/// Begins a session at a server on the caller's behalf.
pub(super) async fn begin(
    asked: &Asked<'_>,
    id: RequestId<'_>,
    wanted: SessionVersion,
    capabilities: ClientCapabilities<'_>,
    way: Way<'_>,
) -> Result<AtServer, Failure> {
    let entitlement = way.entitlement();
    if eras::known(asked.door, entitlement).is_some_and(|eras| !eras.session) {
        return Err(Reason::EraNotSupported.into());
    }
    let body = write::InitializeRequest {
        id,
        version: wanted,
        capabilities,
        client_name: "onedoor",
        client_version: env!("CARGO_PKG_VERSION"),
    }
    .body();
    let token = way.token_b(asked.token).await?;
    let head = way
        .send(token.clone(), Sending::Post, At::default(), body)
        .await?;
    let headers = head.headers().clone();
    let answered = way
        .await_message(head, |message| match read_initialized(message, id) {
            Ok(None) => Ok(None),
            Ok(Some(Initialized::Result {
                version,
                capabilities,
            })) => Ok(Some(Some((version, capabilities)))),
            Ok(Some(Initialized::Error { .. })) => Ok(Some(None)),
            Err(_) => Err(UpstreamFault::Protocol),
        })
        .await?;
    let Some((negotiated, capabilities, session)) = handshake(answered, &headers)? else {
        return Err(refused_handshake(asked, entitlement).await.into());
    };
    let target = Target::new(
        entitlement.server(),
        entitlement.version().number,
        entitlement.request().stage,
        negotiated,
        session.as_ref(),
    )
    .ok_or(Reason::Upstream(UpstreamFault::Protocol))?;
    Ok(AtServer {
        target,
        version: negotiated,
        logging: capabilities.logging,
        token,
    })
}

/// Why a server did not take `initialize`. Parts of that message are the client's, so what the server thinks of it says nothing of what
/// it speaks with others: it is asked in words of the door's own.
async fn refused_handshake(asked: &Asked<'_>, entitlement: Entitlement<'_>) -> Reason {
    eras::of(asked.door, entitlement, asked.token, asked.call).await;
    match eras::known(asked.door, entitlement) {
        Some(Eras { stateless: true, .. }) => Reason::EraNotSupported,
        Some(Eras { stateless: false, .. }) | None => Reason::Upstream(UpstreamFault::Status),
    }
}

/// What a server's answer to `initialize` means; none where it did not take it.
fn handshake(
    answered: Answered<Option<(SessionVersion, ServerCapabilities)>>,
    headers: &HeaderMap,
) -> Result<Option<(SessionVersion, ServerCapabilities, Option<SessionId>)>, Reason> {
    match answered {
        Answered::Message(Some((version, capabilities))) => {
            let session =
                SessionId::of_answer(headers).map_err(|_| Reason::Upstream(UpstreamFault::Protocol))?;
            Ok(Some((version, capabilities, session)))
        }
        // It answers, and does not know `initialize`, or wants what only the stateless revision has.
        Answered::Message(None)
        | Answered::Status(
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED,
        ) => Ok(None),
        Answered::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => {
            Err(Reason::Upstream(UpstreamFault::Unauthorized))
        }
        Answered::Status(_) => Err(Reason::Upstream(UpstreamFault::Status)),
    }
}
