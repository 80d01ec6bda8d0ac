//! The door: all that serving a request needs.

use std::{collections::BTreeSet, fmt, net::IpAddr, sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use http::HeaderMap;
use jiff::Timestamp;
use onedoor_authn::{Plane, Verifier};
use onedoor_exchange::{Exchange, NoTokenB, TokenB};
use onedoor_lease::Control;
use onedoor_limits::Limits;
use onedoor_model::{
    audit::{CallDenied, Caller, DeniedFor, KeyedDigest},
    decide::{CallPermit, Entitlement},
    envelope::Draft,
    ids::{CallId, Digest},
    principal::Principal,
};
use onedoor_redis::Redis;
use onedoor_registry::{Boot, Registry};
use onedoor_wire::{
    bearer::{BearerToken, bearer},
    trace::TraceContext,
};
use tokio::sync::Semaphore;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    audit::{Denials, Recorder, Room},
    challenge::Unauthenticated,
    eras::KnownEras,
    mcp::{InFlight, Parked, SpentIds, Targets},
    metrics::{Listening, Metrics},
    paging::Cursors,
    plane::{Vitals, reached_by},
    proxy::Pools,
    refusal::{Failure, Reason},
    seal::Seal,
    traces::Traces,
    upstream::Upstreams,
};

/// Requests that may wait at once for the lease, or for room to be recorded; more are refused. Calls that have room are counted there.
pub(crate) const WAITING: usize = 1_024;

/// How long a request waits for the lease before it is refused: as long as a call may to a server that names no time-outs.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the data plane serves with. One for each replica.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) registry: Arc<Registry>,
    /// The replica's lease: nothing is dispatched, or answered of the registry, without it.
    pub(crate) control: Arc<Control>,
    /// Leave to wait for the lease, or for room to be recorded.
    pub(crate) waiting: Semaphore,
    pub(crate) recorder: Recorder,
    pub(crate) denials: Arc<Denials>,
    pub(crate) verifier: Arc<Verifier>,
    pub(crate) exchange: Arc<Exchange>,
    pub(crate) limits: Limits,
    /// What replicas share; none where they share nothing.
    pub(crate) redis: Option<Redis>,
    pub(crate) pools: Arc<Pools>,
    pub(crate) upstreams: Arc<Upstreams>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) traces: Traces,
    pub(crate) digests: ArgumentDigests,
    pub(crate) cursors: Cursors,
    pub(crate) seal: Seal,
    pub(crate) eras: KnownEras,
    pub(crate) in_flight: InFlight,
    pub(crate) parked: Parked,
    pub(crate) spent_ids: SpentIds,
    pub(crate) targets: Targets,
    /// Whether no other replica serves with the same keys, so that what is not known here is known nowhere.
    pub(crate) alone: bool,
    /// Work that goes on after its request; a drain waits for it.
    pub(crate) tasks: TaskTracker,
    /// The URL clients know the data plane by, without a trailing slash.
    pub(crate) public_url: String,
    /// Cancelled when requests are to go to other replicas.
    pub(crate) leaving: CancellationToken,
    /// Cancelled when the replica takes no more connections.
    pub(crate) stopping: CancellationToken,
    /// Cancelled when open calls must end.
    pub(crate) draining: CancellationToken,
}

/// Who calls, and the token that says so.
#[derive(Clone)]
pub(crate) struct Authenticated<'h> {
    pub(crate) principal: Arc<Principal>,
    /// Token A.
    pub(crate) token: BearerToken<'h>,
}

/// What was refused, as the caller named it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Refused<'a> {
    pub(crate) operation: &'a str,
    pub(crate) server: Option<&'a str>,
    pub(crate) tool: Option<&'a str>,
}

/// Keyed digests of arguments: equal arguments can be matched by whoever has the key, and by nobody else.
pub(crate) struct ArgumentDigests {
    id: String,
    key: hmac::Key,
}

impl Door {
    /// Waits until this replica can show that it is up to date: no time while its lease holds, and never long.
    ///
    /// # Errors
    /// [`Reason::Stale`]
    pub(crate) async fn fresh(&self) -> Result<(), Reason> {
        let lease = self.control.lease();
        if lease.may_serve() {
            return Ok(());
        }
        if self.registry.is_stopped() {
            return Err(Reason::Stale);
        }
        let Ok(_waits) = self.waiting.try_acquire() else {
            return Err(Reason::Stale);
        };
        let _counted = self.metrics.waiting();
        tokio::select! {
            biased;
            () = self.draining.cancelled() => Err(Reason::Stale),
            served = tokio::time::timeout(PATIENCE, lease.served()) => {
                served.map_err(|_| Reason::Stale)
            }
        }
    }

    /// Room to record a call. The caller bounds the wait by the call's deadline.
    ///
    /// # Errors
    /// [`Reason::Overloaded`] where too many wait, [`Reason::AuditUnavailable`]
    pub(crate) async fn room(&self) -> Result<Room, Reason> {
        if let Some(room) = self.recorder.room() {
            return Ok(room);
        }
        let _waits = self.waiting.try_acquire().map_err(|_| Reason::Overloaded)?;
        self.recorder
            .reserve()
            .await
            .map_err(|_| Reason::AuditUnavailable)
    }

    /// Who calls. A failure is counted by source network.
    pub(crate) async fn authenticate<'h>(
        &self,
        headers: &'h HeaderMap,
        source: IpAddr,
    ) -> Result<Authenticated<'h>, Unauthenticated> {
        let now = Timestamp::now();
        let snapshot = self.registry.snapshot();
        let verified = self
            .verifier
            .authenticate(headers, Plane::Data, &snapshot, now)
            .await;
        verified
            .and_then(|principal| {
                let token = bearer(headers)?;
                Ok(Authenticated { principal, token })
            })
            .map_err(|fault| {
                self.denials.unauthenticated(Some(source), fault.reason(), now);
                Unauthenticated {
                    fault,
                    scope: self.scopes_supported().join(" "),
                }
            })
    }

    /// Obtains the caller's token for a server, and counts how that went.
    pub(crate) async fn token_b(
        &self,
        entitlement: Entitlement<'_>,
        token_a: BearerToken<'_>,
        call: CallId,
        now: Timestamp,
    ) -> Result<TokenB, NoTokenB> {
        let snapshot = self.registry.snapshot();
        let obtained = self
            .exchange
            .obtain(entitlement, token_a, call, &snapshot, now)
            .await;
        let result = obtained.as_ref().map(drop).map_err(NoTokenB::not_dispatched);
        self.metrics
            .token_b(entitlement.version().manifest.strategy, result);
        obtained.inspect_err(|error| {
            tracing::warn!(error = error as &dyn std::error::Error, %call, "no Token B");
        })
    }

    /// Counts a permitted call. One that is beyond a rate limit is recorded as a denial.
    pub(crate) async fn within_limits(
        &self,
        permit: &CallPermit,
        call: CallId,
        operation: &str,
        trace: &TraceContext,
    ) -> Result<(), Failure> {
        let settings = Arc::clone(self.registry.snapshot().settings());
        let (principal, server) = (permit.principal(), permit.server());
        let checked = self
            .limits
            .check(principal, server.id, &settings.rate_limits)
            .await;
        checked.map_err(|limited| {
            let refused = Refused {
                operation,
                server: Some(server.slug.as_str()),
                tool: Some(permit.tool().as_str()),
            };
            self.record_denial(principal, call, refused, limited.by, Some(trace));
            Failure {
                retry_after: Some(limited.retry_after),
                ..Reason::Limited.into()
            }
        })
    }

    /// Records a denial of a known caller, without waiting for it.
    pub(crate) fn record_denial(
        &self,
        principal: &Principal,
        call: CallId,
        refused: Refused<'_>,
        reason: impl Into<DeniedFor>,
        trace: Option<&TraceContext>,
    ) {
        let snapshot = self.registry.snapshot();
        let actor = principal.actor();
        let key = actor.key();
        let denied = Draft {
            traceparent: trace.map(|trace| trace.parent.to_string()),
            tenant: Some(principal.tenant.clone()),
            actor: Some(actor),
            ..Boot::draft(CallDenied {
                call,
                operation: shortened(refused.operation),
                server: refused.server.map(shortened),
                tool: refused.tool.map(shortened),
                caller: Caller::of(principal),
                reason: reason.into(),
                revision: snapshot.revision(),
            })
        };
        self.denials
            .denied(key, denied, snapshot.settings().denials_per_minute);
    }

    /// What readiness is read off.
    pub(crate) fn vitals(&self, plane: Listening) -> Vitals {
        Vitals {
            plane,
            registry: Arc::clone(&self.registry),
            control: Arc::clone(&self.control),
            metrics: Arc::clone(&self.metrics),
            leaving: self.leaving.clone(),
        }
    }

    /// What clients are to ask for, to get a token for the data plane.
    pub(crate) fn scopes_supported(&self) -> Vec<String> {
        let snapshot = self.registry.snapshot();
        let scopes = snapshot
            .issuers()
            .flat_map(|issuer| issuer.data.scopes_to_ask_for());
        scopes
            .map(ToString::to_string)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect()
    }

    /// Where the metadata of the endpoint at `path` is (RFC 9728 §3.1); of the whole door where there is none.
    pub(crate) fn resource_metadata(&self, headers: &HeaderMap, path: Option<String>) -> String {
        let door = reached_by(&self.public_url, headers);
        let root = format!("{door}/.well-known/oauth-protected-resource");
        match path {
            Some(path) => format!("{root}/{path}"),
            None => root,
        }
    }
}

impl ArgumentDigests {
    /// Digests with this key. Its id is a digest of the key itself, so that another key has another id.
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        let id = Digest::of(key).to_string().chars().take(16).collect();
        Self {
            id,
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    pub(crate) fn of(&self, arguments: &[u8]) -> KeyedDigest {
        let tag = hmac::sign(&self.key, arguments);
        let mut digest = [0; 32];
        digest.copy_from_slice(tag.as_ref());
        KeyedDigest {
            key_id: self.id.clone(),
            digest: Digest::from_bytes(digest),
        }
    }
}

impl fmt::Debug for ArgumentDigests {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ArgumentDigests({})", self.id)
    }
}

/// A name as a caller gave it, at a length that a record can hold.
pub(crate) fn shortened(name: &str) -> String {
    const MOST: usize = 128;
    name.chars().take(MOST).collect()
}
