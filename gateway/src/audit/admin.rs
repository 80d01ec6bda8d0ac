//! Refusals of the admin plane, into the same records as those of the data plane.

use std::sync::Arc;

use jiff::Timestamp;
use onedoor_admin::{Denied, DeniedRequest};
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
        let Some(principal) = request.caller else {
            self.denials
                .unauthenticated(request.source, request.reason, Timestamp::now());
            return;
        };
        let reason = match request.reason {
            "no_role" => DeniedFor::Admin(AdminDenial::NoRole),
            "not_owner" => DeniedFor::Admin(AdminDenial::NotOwner),
            _ => DeniedFor::Rule(DenialReason::Blocked),
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
