//! Which eras of MCP a server speaks: as its manifest says, else as it answered when it was asked.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request as HttpRequest, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use moka::sync::Cache;
use onedoor_connect::RequestBody;
use onedoor_model::{
    decide::Entitlement,
    ids::{CallId, ServerId, VersionNumber},
    manifest::Eras,
};
use onedoor_wire::{
    bearer::BearerToken,
    headers::{ParamHeaders, outgoing},
    malformed::code,
    request::RequestId,
    upstream_request::UpstreamRequest,
};
use serde::Deserialize;

use crate::{
    door::Door,
    proxy::{CALL_ID, Fresh, MayWrite, call_id_header, connection, target},
};

/// A server that has no sessions.
pub(crate) const STATELESS_ONLY: Eras = Eras {
    stateless: true,
    session: false,
};

/// A server that has nothing but sessions.
const SESSION_ONLY: Eras = Eras {
    stateless: false,
    session: true,
};

/// What is assumed of a server that does not say.
const BOTH: Eras = Eras {
    stateless: true,
    session: true,
};

/// How long a server may take to answer when it is asked.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long what was learned is believed.
const BELIEVED: Duration = Duration::from_secs(600);

/// An answer to the question is small.
const ANSWER_BYTES: usize = 1 << 20;

/// What was learned of servers whose manifests do not say.
#[derive(Clone, Debug)]
pub(crate) struct KnownEras(Cache<(ServerId, VersionNumber), Eras>);

/// As much of a JSON-RPC answer as tells who wrote it.
#[derive(Deserialize)]
struct Answer {
    error: Option<ErrorCode>,
}

#[derive(Deserialize)]
struct ErrorCode {
    code: i64,
}

impl KnownEras {
    pub(crate) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(10_000)
                .time_to_live(BELIEVED)
                .build(),
        )
    }

    /// Remembers what a server says of itself when the door asks it. What it makes of a client's words is nothing to go by for others.
    fn learned(&self, server: ServerId, version: VersionNumber, eras: Eras) {
        self.0.insert((server, version), eras);
    }
}

/// What is known without asking.
pub(crate) fn known(door: &Door, entitlement: Entitlement<'_>) -> Option<Eras> {
    let (server, version) = (entitlement.server(), entitlement.version());
    version
        .manifest
        .eras
        .or_else(|| door.eras.0.get(&(server.id, version.number)))
}

/// What a server speaks. Where nobody knows, it is asked `server/discover`, as any client would; one that does not answer is taken to
/// speak both.
pub(crate) async fn of(
    door: &Arc<Door>,
    entitlement: Entitlement<'_>,
    token_a: BearerToken<'_>,
    call: CallId,
) -> Eras {
    if let Some(eras) = known(door, entitlement) {
        return eras;
    }
    let asked = tokio::time::timeout(PATIENCE, ask(door, entitlement, token_a, call)).await;
    let Ok(Some(eras)) = asked else { return BOTH };
    door.eras
        .learned(entitlement.server().id, entitlement.version().number, eras);
    eras
}

async fn ask(
    door: &Arc<Door>,
    entitlement: Entitlement<'_>,
    token_a: BearerToken<'_>,
    call: CallId,
) -> Option<Eras> {
    let token = door
        .token_b(entitlement, token_a, call, Timestamp::now())
        .await
        .ok()?;
    let lease = connection(door, entitlement, call, Fresh::No).await.ok()?;
    let question = UpstreamRequest {
        id: RequestId::parse("1")?,
        method: "server/discover",
        name: None,
        arguments: None,
        cursor: None,
        client_name: "onedoor",
        client_version: env!("CARGO_PKG_VERSION"),
        progress_token: None,
        traceparent: None,
        tracestate: None,
        other_meta: &[],
    };
    let mut request = HttpRequest::new(RequestBody::from(Bytes::from(question.body())));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = target(&entitlement.version().manifest.url);
    *request.headers_mut() = outgoing(&question, &ParamHeaders::default());
    request.headers_mut().insert(AUTHORIZATION, token.into_header());
    request.headers_mut().insert(CALL_ID, call_id_header(call));
    let may_write = MayWrite::check(&door.control, entitlement).ok()??;
    let late = Box::new(move |pause| {
        tracing::error!(%call, ?pause, "a question was written after the lease had run out, and reset");
    });
    let (head, body) = may_write.send(lease, request, late).await.ok()?.into_parts();
    let body = Limited::new(body, ANSWER_BYTES).collect().await.ok()?.to_bytes();
    judge(head.status, &body)
}

/// What an answer to `server/discover` says of its sender (MCP 2026-07-28, "Backward Compatibility"): a server of that revision answers
/// it, or refuses it with one of that revision's codes. None where the answer says nothing.
fn judge(status: StatusCode, body: &[u8]) -> Option<Eras> {
    let error = serde_json::from_slice::<Answer>(body)
        .ok()
        .and_then(|answer| answer.error);
    let of_the_revision = [
        code::HEADER_MISMATCH,
        code::MISSING_CLIENT_CAPABILITY,
        code::UNSUPPORTED_VERSION,
    ];
    match (status, error) {
        (StatusCode::OK, None) => Some(BOTH),
        (_, Some(error)) if of_the_revision.contains(&error.code) => Some(BOTH),
        (StatusCode::OK, Some(_)) => Some(SESSION_ONLY),
        (
            StatusCode::BAD_REQUEST
            | StatusCode::NOT_FOUND
            | StatusCode::METHOD_NOT_ALLOWED
            | StatusCode::NOT_ACCEPTABLE
            | StatusCode::UNPROCESSABLE_ENTITY,
            Some(_),
        ) => Some(SESSION_ONLY),
        // What rmcp's servers without the stateless revision say, in plain text.
        (StatusCode::UNPROCESSABLE_ENTITY, None) => Some(SESSION_ONLY),
        (_, _) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_how_it_answers() {
        let error =
            |code: i64| format!(r#"{{"jsonrpc":"2.0","id":1,"error":{{"code":{code},"message":"x"}}}}"#);
        for (status, body, eras) in [
            (
                200,
                r#"{"jsonrpc":"2.0","id":1,"result":{}}"#.to_owned(),
                Some(BOTH),
            ),
            (400, error(-32_020), Some(BOTH)),
            (400, error(-32_022), Some(BOTH)),
            // server-everything and the SDKs' servers of the session revisions.
            (400, error(-32_000), Some(SESSION_ONLY)),
            (400, error(-32_600), Some(SESSION_ONLY)),
            (200, error(-32_601), Some(SESSION_ONLY)),
            (404, error(-32_601), Some(SESSION_ONLY)),
            (422, "Unprocessable".to_owned(), Some(SESSION_ONLY)),
            // Says nothing of what it speaks: whatever stands before the server may have written it.
            (404, "no such page".to_owned(), None),
            (406, String::new(), None),
            (401, String::new(), None),
            (503, error(-32_603), None),
        ] {
            assert_eq!(
                judge(StatusCode::from_u16(status).unwrap(), body.as_bytes()),
                eras,
                "{status} {body}"
            );
        }
    }
}
