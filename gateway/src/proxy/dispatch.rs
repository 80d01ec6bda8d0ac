//! From a permit to the head of the upstream's answer: recorded first, dispatched once. Every kind of call goes this way.

use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use http::Request as HttpRequest;
use jiff::Timestamp;
use onedoor_connect::{Lease, PooledBody, RequestBody, SendError};
use onedoor_exchange::TokenB;
use onedoor_model::{
    audit::{Caller, CancelCause, NotDispatchedReason, Outcome, ToolCalled, UpstreamFault},
    decide::CallPermit,
    envelope::Draft,
    ids::CallId,
};
use onedoor_registry::Boot;
use onedoor_wire::bearer::BearerToken;
use tokio_util::sync::CancellationToken;

use crate::{
    door::Door,
    http_tools::UploadFault,
    refusal::{Failure, Reason},
    traces::Traced,
};

use super::{
    Call,
    call::deadline,
    hand_over::{MayWrite, Unanswered},
    upstream::{Fresh, connection},
    watch::{Cut, Watch},
};

/// Which part of the time until the first byte a call may spend on waiting for its record and for the lease. The rest is the tool's.
const WAITS: u32 = 2;

/// A permitted call, about to be made.
pub(crate) struct Dispatch<'a> {
    pub(crate) door: &'a Arc<Door>,
    pub(crate) call: CallId,
    pub(crate) permit: &'a CallPermit,
    pub(crate) token_a: BearerToken<'a>,
    pub(crate) trace: &'a Traced,
    pub(crate) arrival: Instant,
    pub(crate) recorded: Recorded<'a>,
    /// How a client in a session cancels the call.
    pub(crate) cancelled: Option<&'a CancellationToken>,
}

/// What a call's record says of the request itself.
#[derive(Clone, Copy)]
pub(crate) struct Recorded<'a> {
    /// MCP method, or HTTP method and path template.
    pub(crate) operation: &'a str,
    /// What the tool is called with; only a keyed digest and the size of it are recorded.
    pub(crate) arguments: &'a [u8],
}

/// A call whose upstream has begun to answer. Its outcome is whatever becomes of `call`.
#[derive(Debug)]
pub(crate) struct Dispatched {
    pub(crate) call: Call,
    pub(crate) watch: Watch,
    pub(crate) head: http::Response<PooledBody>,
}

impl Dispatch<'_> {
    /// Makes the call: `request` writes what is sent, with the Token B that was obtained.
    ///
    /// Whatever the result, exactly one outcome is recorded, here or by the [`Call`] that is returned.
    pub(crate) async fn run(
        self,
        request: impl FnOnce(TokenB) -> HttpRequest<RequestBody>,
    ) -> Result<Dispatched, Failure> {
        self.door
            .within_limits(
                self.permit,
                self.call,
                self.recorded.operation,
                self.trace.context(),
            )
            .await?;
        let now = Timestamp::now();
        let timeouts = self.permit.version().manifest.timeouts;
        let first_byte = deadline(self.arrival, Duration::from_millis(timeouts.first_byte_ms));
        let patience = deadline(
            self.arrival,
            Duration::from_millis(timeouts.first_byte_ms) / WAITS,
        );
        let mut watch = Watch::new(
            &self.door.control,
            self.permit.principal(),
            Some(self.permit.entitlement()),
            first_byte,
            now,
            &self.door.draining,
        )
        .waiting_until(patience)
        .cancelled_by(self.cancelled);
        let room = tokio::select! {
            biased;
            room = self.door.room() => room?,
            () = tokio::time::sleep_until(patience) => return Err(Reason::Overloaded.into()),
            cut = watch.cut() => return Err(cut.reason().into()),
        };
        // With room, so that those who wait are bounded; before the record, so that nothing stands in the audit that could not be made.
        self.lease(&mut watch).await.map_err(Cut::reason)?;
        let settings = Arc::clone(self.door.registry.snapshot().settings());
        let (server, version) = (self.permit.server(), self.permit.version());
        let admitted = self
            .door
            .upstreams
            .admit(server.id, version.number, &settings, Instant::now());
        let traceparent = self.trace.parent.to_string();
        let (recording, acknowledged) = room
            .called(self.record(&traceparent))
            .map_err(|_| Reason::AuditUnavailable)?;
        let mut call = Call::new(
            self.door,
            self.permit,
            self.call,
            self.arrival,
            self.trace,
            recording,
        );
        match admitted {
            Ok(admission) => call.admitted(admission),
            Err(refusal) => {
                call.not_dispatched(refusal.not_dispatched());
                return Err(refusal.into());
            }
        }

        // While the record is on its way into the log: Token B, and a connection.
        let prepared = {
            let mut acknowledged = pin!(tokio::time::timeout_at(patience, acknowledged));
            let connected = connection(self.door, self.permit.entitlement(), self.call, Fresh::No);
            let ready = async { tokio::join!(acknowledged.as_mut(), self.token_b(now), connected) };
            tokio::select! {
                cut = watch.cut() => Err((cut.not_dispatched(), cut.reason().into())),
                (acknowledged, token, connection) = ready => match (acknowledged, token, connection) {
                    (Ok(Ok(())), Ok(token), Ok(connection)) => Ok((token, connection)),
                    (Ok(Ok(())), Err(refused), _) => Err(refused),
                    (Ok(Ok(())), Ok(_), Err(reason)) => Err((NotDispatchedReason::Unreachable, reason.into())),
                    (Ok(Err(_)) | Err(_), _, _) => {
                        Err((NotDispatchedReason::AuditUnavailable, Reason::AuditUnavailable.into()))
                    }
                },
            }
        };
        let (token, lease) = match prepared {
            Ok(prepared) => prepared,
            Err((not_dispatched, failure)) => {
                call.not_dispatched(not_dispatched);
                return Err(failure);
            }
        };
        let head = match self.send(&mut call, &mut watch, lease, request(token)).await {
            Ok(head) => head,
            Err((outcome, reason)) => {
                call.finish(outcome);
                return Err(reason.into());
            }
        };
        watch.set_deadline(deadline(self.arrival, Duration::from_millis(timeouts.total_ms)));
        Ok(Dispatched { call, watch, head })
    }

    async fn token_b(&self, now: Timestamp) -> Result<TokenB, (NotDispatchedReason, Failure)> {
        self.door
            .token_b(self.permit.entitlement(), self.token_a, self.call, now)
            .await
            .map_err(|error| (error.not_dispatched(), Failure::from(error)))
    }

    /// Sends the request, and once more on a fresh connection where certainly nothing of it was written.
    async fn send(
        &self,
        call: &mut Call,
        watch: &mut Watch,
        lease: Lease,
        mut request: HttpRequest<RequestBody>,
    ) -> Result<http::Response<PooledBody>, (Outcome, Reason)> {
        let mut lease = lease;
        let mut fresh = false;
        let upload = request.extensions().get::<UploadFault>().cloned();
        loop {
            let may_write = self.last_check(watch).await?;
            // No await between the check and the write: `send` hands the request over before it returns.
            let sent = may_write.send(lease, request, call.on_late());
            call.dispatched(&self.permit.version().manifest.url);
            watch.is_made();
            let error = tokio::select! {
                biased;
                answered = sent => match answered {
                    Ok(head) => {
                        call.first_byte();
                        let leave = watch.leave().await;
                        return leave.map(|()| head).map_err(|cut| (cut.outcome(), cut.reason()));
                    }
                    Err(Unanswered::Failed(error)) => error,
                    Err(Unanswered::Late) => return Err((Cut::Stale.outcome(), Reason::Stale)),
                },
                cut = watch.cut() => return Err((cut.outcome(), cut.reason())),
            };
            let unreachable = Reason::Upstream(UpstreamFault::Unreachable);
            let not_reached = |reason| (Outcome::NotDispatched(NotDispatchedReason::Unreachable), reason);
            match error {
                SendError::NotSent { request: unsent, .. } if !fresh => {
                    fresh = true;
                    request = *unsent;
                    lease = tokio::select! {
                        biased;
                        cut = watch.cut() => return Err(not_dispatched(cut)),
                        connected = connection(self.door, self.permit.entitlement(), self.call, Fresh::Yes) => {
                            connected.map_err(not_reached)?
                        }
                    };
                }
                SendError::NotSent { .. } => return Err(not_reached(unreachable)),
                // The client's body broke off, and the request with it: not the upstream's fault.
                SendError::MaybeSent { .. } if upload.is_some_and(|upload| upload.get().is_some()) => {
                    return Err((Outcome::Cancelled(CancelCause::Client), unreachable));
                }
                SendError::MaybeSent { source } => {
                    tracing::warn!(error = &source as &dyn std::error::Error, call = %self.call, "upstream failed");
                    return Err((Outcome::UpstreamError(UpstreamFault::Unreachable), unreachable));
                }
            }
        }
    }

    /// Waits for the lease.
    async fn lease(&self, watch: &mut Watch) -> Result<(), Cut> {
        let waits = !self.door.control.lease().may_serve();
        let _counted = waits.then(|| self.door.metrics.waiting());
        watch.leave().await
    }

    /// Waits for the lease, and then decides anew: the registry or the holds may have moved on since the permit.
    async fn last_check(&self, watch: &mut Watch) -> Result<MayWrite, (Outcome, Reason)> {
        let revoked = |reason| (Outcome::NotDispatched(NotDispatchedReason::Revoked), reason);
        loop {
            self.lease(watch).await.map_err(not_dispatched)?;
            let checked = MayWrite::check(&self.door.control, self.permit.entitlement());
            if let Some(may_write) = checked.map_err(revoked)? {
                return Ok(may_write);
            }
        }
    }

    fn record(&self, traceparent: &str) -> Draft<ToolCalled> {
        let permit = self.permit;
        let (principal, version) = (permit.principal(), permit.version());
        let Recorded { operation, arguments } = self.recorded;
        Draft {
            traceparent: Some(traceparent.to_owned()),
            tenant: Some(principal.tenant.clone()),
            actor: Some(principal.actor()),
            ..Boot::draft(ToolCalled {
                call: self.call,
                operation: operation.to_owned(),
                server: permit.server().id,
                slug: permit.server().slug.clone(),
                version: version.number,
                stage: permit.request().stage,
                tool: permit.tool().clone(),
                tool_digest: permit.definition().digest,
                caller: Caller::of(principal),
                required_scope: version.manifest.required_scope.clone(),
                audience: version.manifest.audience.as_str().to_owned(),
                strategy: version.manifest.strategy.to_string(),
                grants: permit.grants().to_vec(),
                revision: permit.revision(),
                arguments: self.door.digests.of(arguments),
                arguments_size: arguments.len() as u64,
            })
        }
    }
}

/// How a call ends that was cut before it was sent.
fn not_dispatched(cut: Cut) -> (Outcome, Reason) {
    (Outcome::NotDispatched(cut.not_dispatched()), cut.reason())
}
