//! What a client in a session sends without waiting for an answer: notifications, and responses to the server's requests.

use std::time::Duration;

use axum::response::Response;
use http::StatusCode;
use moka::{policy::EvictionPolicy, sync::Cache};
use onedoor_model::{
    decide::{DenialReason, ListPermit, Method, Permit},
    ids::Digest,
};
use onedoor_wire::{
    request::RequestId,
    session::{ClientResponse, Notice, Notification, Sending, write},
};

use crate::{
    mcp::{asked::Asked, reply as answers},
    proxy::fault_of,
    refusal::{Failure, Reason},
};

use super::{
    NoSession, reply,
    sealed::Asking,
    state::Session,
    upstream::{At, Way},
};

/// How long it is remembered that a request of a server was answered, as long as a session lasts.
const REMEMBERED: Duration = Duration::from_secs(24 * 3_600);

/// Responses remembered at once.
const MOST: u64 = 100_000;

/// The server's requests that were answered. That one was ever asked, its sealed id says.
#[derive(Clone, Debug)]
pub(crate) struct SpentIds(Cache<Digest, ()>);

impl SpentIds {
    pub(crate) fn new() -> Self {
        Self(
            Cache::builder()
                .max_capacity(MOST)
                // The default keeps what is asked for often, and lets what is new go.
                .eviction_policy(EvictionPolicy::lru())
                .time_to_live(REMEMBERED)
                .build(),
        )
    }

    /// Spends an id. Whether it was not spent before.
    fn spend(&self, session: &Session, id: RequestId<'_>) -> bool {
        let key = Digest::of(format!("{}\n{}", session.id.expose(), id.as_raw()).as_bytes());
        self.0.entry(key).or_insert(()).is_fresh()
    }
}

/// Passes on what concerns the server, and takes the rest.
pub(super) async fn notification(
    asked: &Asked<'_>,
    session: &Session,
    notification: &Notification<'_>,
) -> Response {
    let notice = match notification.notice() {
        Ok(notice) => notice,
        Err(fault) => return answers::malformed(None, &fault),
    };
    let message = match notice {
        Notice::Initialized => write::initialized(),
        Notice::RootsListChanged if session.declared().roots => write::roots_list_changed(),
        Notice::Progress { params, .. } => write::progress(params),
        Notice::Cancelled { request_id, reason } => {
            let Some(call) = asked.door.in_flight.of(session, request_id) else {
                // A request that is not under way cannot be cancelled, which is no error (MCP 2025-11-25, "Cancellation"). At
                // another replica it may be under way: there the server's own session says whose it is.
                if asked.door.alone || !session.has_upstream() {
                    return reply::accepted();
                }
                let message = write::cancelled(request_id, reason);
                let told = tell(asked, session, &notification.method, message).await;
                return answer(asked, told);
            };
            // First here, where it must not wait for the server.
            call.token.cancel();
            if call.session.target.is_none() {
                // Nothing was sent yet, and nothing will be.
                return reply::accepted();
            }
            let message = write::cancelled(request_id, reason);
            let told = tell(asked, &call.session, &notification.method, message).await;
            return answer(asked, told);
        }
        Notice::RootsListChanged | Notice::Other => return reply::accepted(),
    };
    if session.is_with_all() {
        // It concerns no server in particular.
        return reply::accepted();
    }
    let told = tell(asked, session, &notification.method, message).await;
    answer(asked, told)
}

/// Passes on a response to a request that the server made in this session, once.
pub(super) async fn response(
    asked: &Asked<'_>,
    session: &Session,
    response: &ClientResponse<'_>,
) -> Response {
    let Some(asking) = Asking::open(&asked.door.seal, session, response.id) else {
        return reply::not_asked();
    };
    let (Some(id), Some(towards)) = (RequestId::parse(&asking.id), session.back_to(asking.target)) else {
        return reply::not_asked();
    };
    if !asked.door.spent_ids.spend(session, response.id) {
        return reply::not_asked();
    }
    let message = write::response(id, response.outcome);
    let told = tell(asked, &towards, "response", message).await;
    answer(asked, told)
}

/// Why the server was not told.
enum NotTold {
    /// The caller may not use it any more. Recorded.
    Denied,
    /// The session is of another version, or the upstream has forgotten it.
    SessionGone,
    /// The server, or the identity provider, failed.
    Failed(Failure),
}

async fn tell(
    asked: &Asked<'_>,
    session: &Session,
    operation: &str,
    message: Vec<u8>,
) -> Result<(), NotTold> {
    let permit = permit(asked, session, operation)?;
    let way = Way::new(asked.door, permit.entitlement(), asked.call);
    let token = way.token_b(asked.token).await.map_err(NotTold::Failed)?;
    let head = way
        .send(token, Sending::Post, At::of(session), message)
        .await
        .map_err(|reason| {
            if let Reason::Denied(reason) = reason {
                denied(asked, session, operation, reason)
            } else {
                NotTold::Failed(reason.into())
            }
        })?;
    match head.status() {
        status if status.is_success() => Ok(()),
        StatusCode::NOT_FOUND if session.has_upstream() => Err(NotTold::SessionGone),
        status => Err(NotTold::Failed(Reason::Upstream(fault_of(status)).into())),
    }
}

/// Leave to use the session's server, decided anew.
fn permit(asked: &Asked<'_>, session: &Session, operation: &str) -> Result<ListPermit, NotTold> {
    let target = session.target.as_ref().ok_or(NotTold::SessionGone)?;
    match asked.about(target.scope()).decide(Method::ListTools, None) {
        Ok(Some(Permit::ListTools(permit))) if session.is_served_by(permit.server(), permit.version()) => {
            Ok(permit)
        }
        Ok(_) => Err(NotTold::SessionGone),
        Err(reason) => Err(denied(asked, session, operation, reason)),
    }
}

/// Records the denial of a message.
fn denied(asked: &Asked<'_>, session: &Session, operation: &str, reason: DenialReason) -> NotTold {
    asked
        .about(session.scope())
        .record_denial(operation, None, reason, None);
    NotTold::Denied
}

fn answer(asked: &Asked<'_>, told: Result<(), NotTold>) -> Response {
    match told {
        Ok(()) => reply::accepted(),
        Err(NotTold::Denied | NotTold::SessionGone) => reply::no_session(None, NoSession::Unknown),
        Err(NotTold::Failed(failure)) => reply::not_told(asked, &failure),
    }
}
