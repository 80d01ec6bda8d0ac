//! Sending to the upstream of a session, on the caller's behalf and beside calls: the handshake, notifications, responses.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, Method, Request as HttpRequest, Response, StatusCode, header::AUTHORIZATION};
use http_body_util::{BodyExt as _, Limited};
use jiff::Timestamp;
use onedoor_connect::{PooledBody, RequestBody, SendError};
use onedoor_exchange::TokenB;
use onedoor_model::{
    audit::{Outcome, UpstreamFault},
    decide::Entitlement,
    ids::CallId,
};
use onedoor_wire::{
    bearer::BearerToken,
    session::{Sending, SessionId, SessionVersion, outgoing_headers},
    sse::{SseItem, SseReader},
};
use tokio::time::Instant;

use super::state::{Session, Target};
use crate::{
    door::Door,
    proxy::{CALL_ID, Fresh, MayWrite, Unanswered, call_id_header, connection, media_type, target},
    refusal::{Failure, Reason},
};

/// Where in a server's session a message goes.
#[derive(Clone, Debug, Default)]
pub(super) struct At {
    /// The revision, once it is negotiated.
    version: Option<SessionVersion>,
    /// The server's own session, if it gave one.
    session: Option<SessionId>,
}

impl At {
    /// In this session.
    pub(super) fn of(session: &Session) -> Self {
        session.target.as_ref().map(Self::target).unwrap_or_default()
    }

    /// In this session at a server.
    pub(super) fn target(target: &Target) -> Self {
        Self {
            version: target.version(),
            session: target.upstream(),
        }
    }

    /// The headers of what is sent there.
    pub(super) fn headers(&self, sending: Sending<'_>) -> HeaderMap {
        outgoing_headers(sending, self.version, self.session.as_ref())
    }
}

/// A way to the upstream for one caller: what a permit entitles to, as long as it would be given again.
#[derive(Clone, Copy)]
pub(super) struct Way<'a> {
    door: &'a Arc<Door>,
    entitlement: Entitlement<'a>,
    call: CallId,
}

/// What an upstream answered, read far enough to know what it was.
#[derive(Clone, Copy, Debug)]
pub(super) enum Answered<T> {
    /// The message that was awaited.
    Message(T),
    /// Another HTTP status than 200.
    Status(StatusCode),
}

impl<'a> Way<'a> {
    pub(super) fn new(door: &'a Arc<Door>, entitlement: Entitlement<'a>, call: CallId) -> Self {
        Self {
            door,
            entitlement,
            call,
        }
    }

    /// What it entitles to.
    pub(super) fn entitlement(self) -> Entitlement<'a> {
        self.entitlement
    }

    /// The caller's token for the upstream.
    pub(super) async fn token_b(self, token_a: BearerToken<'_>) -> Result<TokenB, Failure> {
        self.door
            .token_b(self.entitlement, token_a, self.call, Timestamp::now())
            .await
            .map_err(Failure::from)
    }

    /// Sends, if it is still permitted, and waits for the answer's head until the server's first byte is due.
    pub(super) async fn send(
        self,
        token: TokenB,
        sending: Sending<'_>,
        at: At,
        body: Vec<u8>,
    ) -> Result<Response<PooledBody>, Reason> {
        let (server, version) = (self.entitlement.server(), self.entitlement.version());
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let mut admission = self
            .door
            .upstreams
            .admit(server.id, version.number, &settings, std::time::Instant::now())
            .map_err(|refusal| Failure::from(refusal).reason)?;
        let patience = Duration::from_millis(version.manifest.timeouts.first_byte_ms);
        let answered = tokio::time::timeout(patience, self.exchange(token, sending, at, body))
            .await
            .unwrap_or(Err(Reason::UpstreamTimeout));
        if let Some(shown) = shown_by(&answered) {
            admission.ended(&shown, answered.is_ok());
        }
        answered
    }

    async fn exchange(
        self,
        token: TokenB,
        sending: Sending<'_>,
        at: At,
        body: Vec<u8>,
    ) -> Result<Response<PooledBody>, Reason> {
        let mut request = self.http_request(token, sending, &at, body);
        let mut fresh = Fresh::No;
        loop {
            let lease = connection(self.door, self.entitlement, self.call, fresh).await?;
            let may_write = loop {
                self.door.fresh().await?;
                if let Some(may_write) = MayWrite::check(&self.door.control, self.entitlement)? {
                    break may_write;
                }
            };
            // No await between this check and the write.
            let call = self.call;
            let late = Box::new(move |pause| {
                tracing::error!(%call, ?pause, "a message was written after the lease had run out, and reset");
            });
            match (may_write.send(lease, request, late).await, fresh) {
                (Ok(head), _) => return Ok(head),
                (Err(Unanswered::Late), _) => return Err(Reason::Stale),
                (Err(Unanswered::Failed(SendError::NotSent { request: unsent, .. })), Fresh::No) => {
                    request = *unsent;
                    fresh = Fresh::Yes;
                }
                (Err(Unanswered::Failed(error)), _) => {
                    tracing::warn!(error = &error as &dyn std::error::Error, call = %self.call, "upstream failed");
                    return Err(Reason::Upstream(UpstreamFault::Unreachable));
                }
            }
        }
    }

    fn http_request(
        self,
        token: TokenB,
        sending: Sending<'_>,
        at: &At,
        body: Vec<u8>,
    ) -> HttpRequest<RequestBody> {
        let mut request = HttpRequest::new(RequestBody::from(Bytes::from(body)));
        *request.method_mut() = match sending {
            Sending::Post => Method::POST,
            Sending::Get { .. } => Method::GET,
            Sending::Delete => Method::DELETE,
        };
        *request.uri_mut() = target(&self.entitlement.version().manifest.url);
        let headers = request.headers_mut();
        *headers = at.headers(sending);
        headers.insert(AUTHORIZATION, token.into_header());
        headers.insert(CALL_ID, call_id_header(self.call));
        request
    }

    /// Reads an answer until `wanted` finds the message that is awaited, in either form.
    pub(super) async fn await_message<T>(
        self,
        head: Response<PooledBody>,
        wanted: impl Fn(&[u8]) -> Result<Option<T>, UpstreamFault>,
    ) -> Result<Answered<T>, Reason> {
        let timeouts = self.entitlement.version().manifest.timeouts;
        let until = Instant::now() + Duration::from_millis(timeouts.first_byte_ms);
        tokio::time::timeout_at(until, self.read_until(head, wanted))
            .await
            .unwrap_or(Err(Reason::UpstreamTimeout))
    }

    async fn read_until<T>(
        self,
        head: Response<PooledBody>,
        wanted: impl Fn(&[u8]) -> Result<Option<T>, UpstreamFault>,
    ) -> Result<Answered<T>, Reason> {
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let (parts, body) = head.into_parts();
        let form = media_type(&parts.headers);
        let limit = usize::try_from(settings.limits.answer_bytes).unwrap_or(usize::MAX);
        let protocol = Reason::Upstream(UpstreamFault::Protocol);
        match (parts.status, form) {
            (StatusCode::OK, Some("text/event-stream")) => {
                let limit = usize::try_from(settings.limits.sse_event_bytes).unwrap_or(usize::MAX);
                let message = find(body, SseReader::new(limit), wanted).await?;
                Ok(Answered::Message(message))
            }
            (StatusCode::OK, Some("application/json")) => {
                let body = Limited::new(body, limit)
                    .collect()
                    .await
                    .map_err(|_| protocol)?
                    .to_bytes();
                let message = wanted(&body).map_err(Reason::Upstream)?.ok_or(protocol)?;
                Ok(Answered::Message(message))
            }
            (StatusCode::OK, _) => Err(protocol),
            (status, _) => Ok(Answered::Status(status)),
        }
    }
}

/// What an exchange shows of its upstream, as a call's outcome would; nothing where it did not come to one.
fn shown_by(answered: &Result<Response<PooledBody>, Reason>) -> Option<Outcome> {
    match answered {
        Ok(head) if head.status().is_server_error() => Some(Outcome::UpstreamError(UpstreamFault::Status)),
        Ok(_) => Some(Outcome::Succeeded),
        Err(Reason::Upstream(fault)) => Some(Outcome::UpstreamError(*fault)),
        Err(Reason::UpstreamTimeout) => Some(Outcome::TimedOut),
        Err(_) => None,
    }
}

async fn find<T>(
    mut body: PooledBody,
    mut reader: SseReader,
    wanted: impl Fn(&[u8]) -> Result<Option<T>, UpstreamFault>,
) -> Result<T, Reason> {
    let mut chunk = Bytes::new();
    loop {
        match reader.next(&mut chunk) {
            Ok(Some(SseItem::Event {
                is_message: true,
                data,
                ..
            })) if !data.is_empty() => {
                if let Some(message) = wanted(&data).map_err(Reason::Upstream)? {
                    return Ok(message);
                }
            }
            Ok(Some(SseItem::Event { .. } | SseItem::Comment)) => {}
            Ok(None) => match body.frame().await {
                Some(Ok(frame)) => chunk = frame.into_data().unwrap_or_default(),
                Some(Err(_)) | None => return Err(Reason::Upstream(UpstreamFault::Protocol)),
            },
            Err(_) => return Err(Reason::Upstream(UpstreamFault::TooLarge)),
        }
    }
}
