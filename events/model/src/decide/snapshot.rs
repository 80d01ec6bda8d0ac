//! What decisions are made on: the state at one revision, indexed for serving, never changed.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use imbl::OrdMap;

use super::DenialReason;
use crate::{
    ids::{AppRole, GroupId, IssuerName, LogId, Revision, ServerId, Slug, TenantId},
    principal::Principal,
    registry::{Block, BlockTarget, Grant, Issuer, Server, Settings, State, Subject},
};

/// An immutable view of the registry at one revision. Published by atomic swap; a decision sees one as a whole.
#[derive(Debug, Default)]
pub struct Snapshot {
    log: Option<LogId>,
    /// Set while nobody has accepted that the log was restored.
    held: bool,
    revision: Revision,
    servers: BTreeMap<Slug, Arc<Server>>,
    grants: HashMap<(ServerId, IssuerName, TenantId), Holders>,
    blocks: HashMap<BlockTarget, Vec<Block>>,
    epochs: OrdMap<BlockTarget, Revision>,
    issuers: BTreeMap<IssuerName, Arc<Issuer>>,
    settings: Arc<Settings>,
}

/// The grants on a server by who holds them. A group is a group only of its issuer and tenant.
#[derive(Debug, Default)]
struct Holders {
    groups: HashMap<GroupId, Vec<Arc<Grant>>>,
    roles: HashMap<AppRole, Vec<Arc<Grant>>>,
}

impl Snapshot {
    /// The view of a state.
    #[must_use]
    pub fn of(state: &State) -> Self {
        let mut grants: HashMap<_, Holders> = HashMap::new();
        for grant in state.grants() {
            let grant = Arc::new(grant.value.clone());
            let on = (grant.server, grant.issuer.clone(), grant.tenant.clone());
            let holders = grants.entry(on).or_default();
            let held = match grant.subject.clone() {
                Subject::Group(group) => holders.groups.entry(group).or_default(),
                Subject::Role(role) => holders.roles.entry(role).or_default(),
            };
            held.push(grant);
        }
        let mut blocks: HashMap<BlockTarget, Vec<Block>> = HashMap::new();
        for block in state.blocks() {
            blocks
                .entry(block.value.target.clone())
                .or_default()
                .push(block.value.clone());
        }
        Self {
            log: state.log(),
            held: state.unaccepted_restore().is_some(),
            revision: state.revision().unwrap_or_default(),
            servers: state
                .servers()
                .map(|server| (server.slug.clone(), Arc::clone(server)))
                .collect(),
            grants,
            blocks,
            epochs: state.epochs().clone(),
            issuers: state
                .issuers()
                .map(|i| (i.value.name.clone(), Arc::clone(&i.value)))
                .collect(),
            settings: Arc::new(
                state
                    .settings()
                    .map(|settings| settings.value.clone())
                    .unwrap_or_default(),
            ),
        }
    }

    /// The log it comes from.
    #[must_use]
    pub fn log(&self) -> Option<LogId> {
        self.log
    }

    /// The last event it holds.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// A server that is not retired, by its slug.
    #[must_use]
    pub fn server(&self, slug: &str) -> Option<&Arc<Server>> {
        self.servers.get(slug)
    }

    /// The trusted issuers.
    pub fn issuers(&self) -> impl Iterator<Item = &Arc<Issuer>> {
        self.issuers.values()
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Arc<Settings> {
        &self.settings
    }

    /// Whether this caller may call anything at all.
    ///
    /// # Errors
    /// Nothing is served while a restored log is not accepted; a block keeps the caller out.
    pub fn admit(&self, principal: &Principal) -> Result<(), DenialReason> {
        if self.held {
            Err(DenialReason::RestoreNotAccepted)
        } else if self.is_blocked(principal) {
            Err(DenialReason::Blocked)
        } else {
            Ok(())
        }
    }

    /// Whether a block keeps this caller out.
    #[must_use]
    pub fn is_blocked(&self, principal: &Principal) -> bool {
        targets(principal)
            .filter_map(|target| self.blocks.get(&target))
            .flatten()
            .any(|block| {
                block
                    .not_before
                    .is_none_or(|not_before| principal.issued_at < not_before)
            })
    }

    /// The revision at which this caller was last blocked, as a user or by client app, though the block may be gone; 0 for one who never
    /// was. What was obtained for a caller in an earlier epoch is not used again.
    #[must_use]
    pub fn epoch(&self, principal: &Principal) -> Revision {
        targets(principal)
            .filter_map(|target| self.epochs.get(&target).copied())
            .max()
            .unwrap_or_default()
    }

    /// The servers, by slug.
    pub(super) fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.servers.values()
    }

    /// The grants that the caller's groups and roles hold on a server, in order of their ids.
    pub(super) fn grants_of(&self, principal: &Principal, server: ServerId) -> Vec<&Grant> {
        let on = (server, principal.issuer.clone(), principal.tenant.clone());
        let Some(holders) = self.grants.get(&on) else {
            return Vec::new();
        };
        let of_groups = principal
            .groups
            .iter()
            .filter_map(|group| holders.groups.get(group));
        let of_roles = principal.roles.iter().filter_map(|role| holders.roles.get(role));
        let mut held: Vec<&Grant> = of_groups.chain(of_roles).flatten().map(Arc::as_ref).collect();
        held.sort_by_key(|grant| grant.id);
        held
    }
}

/// The blocks that would keep a caller out.
fn targets(principal: &Principal) -> impl Iterator<Item = BlockTarget> {
    let client = BlockTarget::Client {
        issuer: principal.issuer.clone(),
        client: principal.client.clone(),
    };
    let user = principal.user.clone().map(|user| BlockTarget::User {
        issuer: principal.issuer.clone(),
        tenant: principal.tenant.clone(),
        user,
    });
    std::iter::once(client).chain(user)
}
