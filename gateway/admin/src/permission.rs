//! Leave for an action, as an argument: whoever holds a [`May`] was authenticated, holds a role that may, and is not blocked. Commands
//! are given only through it ([`crate::order`]). Every refusal is reported from here.

use std::{
    marker::PhantomData,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::extract::{ConnectInfo, FromRequestParts, MatchedPath};
use http::{HeaderValue, request::Parts};
use jiff::Timestamp;
use onedoor_authn::{AuthnFault, Plane};
use onedoor_model::{
    ids::Slug,
    manifest::Owner,
    principal::Principal,
    registry::{Server, State},
};

use crate::{
    Api, Denied, DeniedRequest, FirstAdmin, Refused,
    action::{Action, Permission, Reach},
    owner::{is_owner, owns},
    refusal::Refusal,
};

/// Leave to do `P`.
#[derive(Debug)]
pub(crate) struct May<P> {
    /// What it is done with.
    pub(crate) api: Api,
    /// Who does it.
    pub(crate) principal: Arc<Principal>,
    reach: Reach,
    /// Set where only the bootstrap file gives this leave, or this much of it.
    as_first_admin: bool,
    report: Report,
    leave: PhantomData<fn() -> P>,
}

/// Where a refusal is told.
#[derive(Debug)]
struct Report {
    denied: Arc<dyn Denied>,
    operation: String,
    source: Option<IpAddr>,
}

impl<P: Permission> FromRequestParts<Api> for May<P> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        let report = Report::of(parts, api);
        let snapshot = api.registry.snapshot();
        let verified = api
            .verifier
            .authenticate(&parts.headers, Plane::Admin, &snapshot, Timestamp::now())
            .await;
        let principal = verified.map_err(|fault| {
            report.refused(Refused::Unauthenticated(fault.reason()));
            Refusal::Authn {
                challenge: challenge(&fault),
                fault,
            }
        })?;
        if snapshot.is_blocked(&principal) {
            report.refused(Refused::Blocked(&principal));
            return Err(Refusal::Blocked);
        }
        let Some(reach) = reach(api, P::ACTION, &principal) else {
            report.refused(Refused::NoRole(&principal));
            return Err(Refusal::Forbidden {
                needed: P::ACTION.roles(),
            });
        };
        let as_first_admin = Some(reach) > P::ACTION.reach(&principal);
        if as_first_admin {
            let actor = principal.actor().key();
            tracing::info!(?actor, operation = report.operation, "allowed as a first admin");
        }
        Ok(Self {
            api: api.clone(),
            principal,
            reach,
            as_first_admin,
            report,
            leave: PhantomData,
        })
    }
}

impl<P: Permission> May<P> {
    /// Whether the caller may know of a server.
    pub(crate) fn sees(&self, server: &Server) -> bool {
        match reach(&self.api, Action::ReadServers, &self.principal) {
            Some(Reach::All) => true,
            Some(Reach::Own) => owns(&self.principal, server),
            None => false,
        }
    }

    /// A server that this may be done to.
    ///
    /// # Errors
    /// There is none of this slug, the caller may not know of it, or it is not the caller's own where it must be.
    pub(crate) fn server<'s>(&self, state: &'s State, slug: &Slug) -> Result<&'s Arc<Server>, Refusal> {
        let missing = || Refusal::NotFound(format!("server {slug}"));
        let server = state.server_named(slug).ok_or_else(missing)?;
        match self.reach {
            Reach::All => Ok(server),
            Reach::Own if owns(&self.principal, server) => Ok(server),
            Reach::Own => {
                self.report.refused(Refused::NotOwner(&self.principal));
                if self.sees(server) {
                    Err(self.not_owner())
                } else {
                    Err(missing())
                }
            }
        }
    }

    /// Whether this may be done to the server of a slug. Where it may be done to any, there need be none: a retry may come after the
    /// server has gone.
    ///
    /// # Errors
    /// As [`May::server`].
    pub(crate) fn allow(&self, state: &State, slug: &Slug) -> Result<(), Refusal> {
        match self.reach {
            Reach::All => Ok(()),
            Reach::Own => self.server(state, slug).map(|_| ()),
        }
    }

    /// Whether this may be done with a manifest that names this owner.
    ///
    /// # Errors
    /// It must name the caller, and does not.
    pub(crate) fn allow_owner(&self, owner: &Owner) -> Result<(), Refusal> {
        match self.reach {
            Reach::All => Ok(()),
            Reach::Own if is_owner(&self.principal, owner) => Ok(()),
            Reach::Own => {
                self.report.refused(Refused::NotOwner(&self.principal));
                Err(self.not_owner())
            }
        }
    }

    /// Whether it may be done to any server.
    pub(crate) fn is_for_all(&self) -> bool {
        match self.reach {
            Reach::All => true,
            Reach::Own => false,
        }
    }

    /// Why it is done, as histories show it: leave that only the bootstrap file gives is told with every command.
    pub(crate) fn recorded_reason(&self, reason: Option<String>) -> Option<String> {
        const AS_FIRST_ADMIN: &str = "as first admin by the bootstrap file";
        match (self.as_first_admin, reason) {
            (false, reason) => reason,
            (true, None) => Some(AS_FIRST_ADMIN.to_owned()),
            (true, Some(reason)) => Some(format!("{AS_FIRST_ADMIN}: {reason}")),
        }
    }

    fn not_owner(&self) -> Refusal {
        Refusal::NotOwner {
            needed: P::ACTION.roles_for_all(),
        }
    }
}

/// How far a caller's leave for an action reaches, by the token's roles or as a first admin.
fn reach(api: &Api, action: Action, principal: &Principal) -> Option<Reach> {
    let by_roles = action.reach(principal);
    let is_first = api.first_admins.iter().any(|first| first.is(principal));
    if is_first {
        by_roles.max(action.reach_of(&FirstAdmin::ROLES))
    } else {
        by_roles
    }
}

impl Report {
    fn of(parts: &Parts, api: &Api) -> Self {
        let path = match parts.extensions.get::<MatchedPath>() {
            Some(path) => path.as_str(),
            None => parts.uri.path(),
        };
        Self {
            denied: Arc::clone(&api.denied),
            operation: format!("{} {path}", parts.method),
            source: parts
                .extensions
                .get::<ConnectInfo<SocketAddr>>()
                .map(|ConnectInfo(source)| source.ip()),
        }
    }

    fn refused(&self, refused: Refused<'_>) {
        self.denied.denied(DeniedRequest {
            operation: &self.operation,
            source: self.source,
            refused,
        });
    }
}

/// What to answer in `WWW-Authenticate` (RFC 6750 §3).
fn challenge(fault: &AuthnFault) -> HeaderValue {
    const REALM: &str = "Bearer realm=\"onedoor-admin\"";
    let challenge = match fault.oauth_error() {
        Some(error) => format!(
            "{REALM}, error=\"{error}\", error_description=\"{}\"",
            description(fault)
        ),
        None => REALM.to_owned(),
    };
    HeaderValue::from_str(&challenge).unwrap_or(HeaderValue::from_static(REALM))
}

/// The characters that RFC 6750 §3 allows in a description.
fn description(fault: &AuthnFault) -> String {
    let allowed = |c: &char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
    fault.to_string().chars().filter(allowed).collect()
}
