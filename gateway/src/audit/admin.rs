//! Refusals of the admin plane, into the same records as those of the data plane.

use std::sync::Arc;

use jiff::Timestamp;
use onedoor_admin::{Denied, DeniedRequest, Refused};
use onedoor_model::{
    audit::{AdminDenial, CallDenied, Caller, DeniedFor},
    decide::DenialReason,
    envelope::Draft,
    ids::CallId,
};
use onedoor_registry::{Boot, Registry};
use uuid::Uuid;

use super::Denials;

/// Records what the admin plane refuses.
#[derive(Debug)]
pub(crate) struct AdminDenials {
    pub(crate) denials: Arc<Denials>,
    pub(crate) registry: Arc<Registry>,
}

impl Denied for AdminDenials {
    fn denied(&self, request: DeniedRequest<'_>) {
        let (principal, reason) = match request.refused {
            Refused::Unauthenticated(reason) => {
                self.denials
                    .unauthenticated(request.source, reason, Timestamp::now());
                return;
            }
            Refused::Blocked(principal) => (principal, DeniedFor::Rule(DenialReason::Blocked)),
            Refused::NoRole(principal) => (principal, DeniedFor::Admin(AdminDenial::NoRole)),
            Refused::NotOwner(principal) => (principal, DeniedFor::Admin(AdminDenial::NotOwner)),
        };
        let snapshot = self.registry.snapshot();
        let actor = principal.actor();
        let key = actor.key();
        let denied = Draft {
            tenant: Some(principal.tenant.clone()),
            actor: Some(actor),
            ..Boot::draft(CallDenied {
                call: CallId(Uuid::now_v7()),
                operation: request.operation.to_owned(),
                server: None,
                tool: None,
                caller: Caller::of(principal),
                reason,
                revision: snapshot.revision(),
            })
        };
        self.denials
            .denied(key, denied, snapshot.settings().denials_per_minute);
    }
}
