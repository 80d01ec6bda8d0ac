//! A POST to an MCP endpoint: authenticate, read, and go on in the message's era.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    body::Body,
    extract::{ConnectInfo, State},
    response::{IntoResponse as _, Response},
};
use http::HeaderMap;
use onedoor_model::ids::CallId;
use onedoor_wire::{
    headers::check_transport,
    request::{Limits, read_message},
    session::{Era, era_of},
};
use uuid::Uuid;

use crate::{
    body::{discard, read_body},
    door::{Authenticated, Door},
    proxy::{CALL_ID, call_id_header},
};

use super::{asked::Asked, came::Came, reply, scope::Scope, session, stateless};

/// POST of an MCP endpoint.
pub(crate) async fn post(
    State(door): State<Arc<Door>>,
    ConnectInfo(source): ConnectInfo<SocketAddr>,
    came: Came,
    headers: HeaderMap,
    body: Body,
) -> Response {
    serve(&door, source, came.scope(), &headers, body).await
}

async fn serve(
    door: &Arc<Door>,
    source: SocketAddr,
    scope: Scope<'_>,
    headers: &HeaderMap,
    body: Body,
) -> Response {
    let arrival = Instant::now();
    // Before the body: whoever has no token does not get to send megabytes.
    let Authenticated { principal, token } = match door.authenticate(headers, source.ip()).await {
        Ok(caller) => caller,
        Err(refusal) => {
            discard(headers, body).await;
            return refusal.respond(&door.resource_metadata(headers, scope.path()));
        }
    };
    if let Err(fault) = check_transport(headers) {
        return reply::malformed(None, &fault);
    }
    let settings = Arc::clone(door.registry.snapshot().settings());
    let body = match read_body(body, settings.limits.body_bytes).await {
        Ok(body) => body,
        Err(fault) => return fault.into_response(),
    };
    let call = CallId(Uuid::now_v7());
    let asked = Asked {
        door,
        principal: &principal,
        token,
        scope,
        headers,
        call,
        arrival,
    };
    let max_depth = usize::try_from(settings.limits.json_depth).unwrap_or(usize::MAX);
    let mut response = match read_message(&body, Limits { max_depth }) {
        Ok(message) => match era_of(headers, Some(&message)) {
            Era::Stateless => Box::pin(stateless::answer(&asked, message)).await,
            Era::Session => Box::pin(session::answer(&asked, &message)).await,
        },
        Err(refused) => reply::malformed(refused.id, &refused.fault),
    };
    response.headers_mut().insert(CALL_ID, call_id_header(call));
    response
}
