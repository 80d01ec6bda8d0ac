//! The state that registry events fold into. Cloning shares structure: a snapshot costs next to nothing.

mod bytes;

use std::sync::Arc;

use imbl::OrdMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    ids::{
        AggregateVersion, BlockId, CommandId, Digest, GrantId, IssuerName, LogId, Revision, ServerId, Slug,
        ToolName, VersionNumber,
    },
    manifest::Manifest,
    principal::{Actor, ActorKey},
};

use super::{Block, BlockTarget, Conflict, Grant, Issuer, LogRestored, Settings};
pub use bytes::UnreadableState;
use bytes::{BareVersion, as_pairs, change_name, from_pairs};

/// Everything the registry knows at one revision.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct State {
    pub(super) origin: Option<(LogId, Revision)>,
    pub(super) servers: OrdMap<ServerId, Arc<Server>>,
    pub(super) slugs: OrdMap<Slug, ServerId>,
    pub(super) grants: OrdMap<GrantId, Arc<Versioned<Grant>>>,
    pub(super) blocks: OrdMap<BlockId, Arc<Versioned<Block>>>,
    /// Where each target was last blocked. Kept when the block goes: what was obtained before stays out of reach.
    #[serde(serialize_with = "as_pairs", deserialize_with = "from_pairs")]
    pub(super) epochs: OrdMap<BlockTarget, Revision>,
    /// Issuers are shared with every snapshot: who is the same value is the same issuer, unchanged.
    pub(super) issuers: OrdMap<IssuerName, Arc<Versioned<Arc<Issuer>>>>,
    pub(super) settings: Option<Arc<Versioned<Settings>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) unaccepted_restore: Option<Arc<Versioned<LogRestored>>>,
    #[serde(serialize_with = "as_pairs", deserialize_with = "from_pairs")]
    pub(super) commands: OrdMap<CommandKey, CommandRecord>,
}

/// A registered server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its id, for life.
    pub id: ServerId,
    /// Its name in URLs. A retired server gives it free.
    pub slug: Slug,
    /// Every version ever submitted. The last one is at stage `qa`.
    pub versions: OrdMap<VersionNumber, Arc<ServerVersion>>,
    /// The promoted version.
    pub production: Option<VersionNumber>,
    /// Set while nothing of it is served.
    pub disabled: Option<Touch>,
    /// Tools that are not served.
    pub disabled_tools: OrdMap<ToolName, Touch>,
    /// Set for good when it was retired.
    pub retired: Option<Touch>,
    /// When it came.
    pub registered: Touch,
    /// The last change.
    pub changed: Touch,
}

/// One version of a server.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "BareVersion")]
pub struct ServerVersion {
    /// Its number, from 1.
    pub number: VersionNumber,
    /// What was submitted, as read.
    #[serde(skip)]
    pub manifest: Manifest,
    /// What was submitted, byte for byte.
    pub manifest_text: String,
    /// When it came.
    pub submitted: Touch,
    /// Set once a Security.Admin approved its tie, or where it has the tie of an approved version that it follows.
    /// A version without approval is served to nobody: its owner could collect tokens of an audience that is another's.
    pub approved: Option<Touch>,
}

/// A name that [`super::Change::name`] gives. (Named, as serde would borrow a plain `&'static str` from what it reads.)
pub type ChangeName = &'static str;

/// Where, when, how and by whom something was changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    /// The event's offset.
    pub revision: Revision,
    /// What happened: [`super::Change::name`].
    #[serde(deserialize_with = "change_name")]
    pub what: ChangeName,
    /// The event's time.
    pub time: Timestamp,
    /// Who.
    pub actor: Option<Actor>,
    /// Why.
    pub reason: Option<String>,
}

/// A value with its last change.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Versioned<T> {
    /// The value.
    pub value: T,
    /// The last change.
    pub changed: Touch,
}

/// Tells one command from all others.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandKey {
    /// Whose.
    pub actor: ActorKey,
    /// Method and path.
    pub route: String,
    /// The caller's name for it.
    pub id: CommandId,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CommandRecord {
    /// Offset of its first event.
    pub revision: Revision,
    /// Digest of its body.
    pub digest: Digest,
    /// Applied, or what won over it.
    pub result: Result<(), Conflict>,
}

impl State {
    /// The log this state comes from; none before its first event.
    #[must_use]
    pub fn log(&self) -> Option<LogId> {
        self.origin.map(|(log, _)| log)
    }

    /// The last event applied; none before the first.
    #[must_use]
    pub fn revision(&self) -> Option<Revision> {
        self.origin.map(|(_, revision)| revision)
    }

    /// All servers that are not retired, by slug.
    pub fn servers(&self) -> impl Iterator<Item = &Arc<Server>> {
        self.slugs.values().filter_map(|id| self.servers.get(id))
    }

    /// A server by its id, retired ones too.
    #[must_use]
    pub fn server(&self, id: ServerId) -> Option<&Arc<Server>> {
        self.servers.get(&id)
    }

    /// A server by its slug.
    #[must_use]
    pub fn server_named(&self, slug: &Slug) -> Option<&Arc<Server>> {
        self.slugs.get(slug).and_then(|id| self.servers.get(id))
    }

    /// All grants, by id.
    pub fn grants(&self) -> impl Iterator<Item = &Arc<Versioned<Grant>>> {
        self.grants.values()
    }

    /// A grant by its id.
    #[must_use]
    pub fn grant(&self, id: GrantId) -> Option<&Arc<Versioned<Grant>>> {
        self.grants.get(&id)
    }

    /// All blocks, by id.
    pub fn blocks(&self) -> impl Iterator<Item = &Arc<Versioned<Block>>> {
        self.blocks.values()
    }

    /// A block by its id.
    #[must_use]
    pub fn block(&self, id: BlockId) -> Option<&Arc<Versioned<Block>>> {
        self.blocks.get(&id)
    }

    /// Where each user and client app that ever was blocked was blocked last.
    #[must_use]
    pub fn epochs(&self) -> &OrdMap<BlockTarget, Revision> {
        &self.epochs
    }

    /// All trusted issuers, by name.
    pub fn issuers(&self) -> impl Iterator<Item = &Arc<Versioned<Arc<Issuer>>>> {
        self.issuers.values()
    }

    /// A trusted issuer by its name.
    #[must_use]
    pub fn issuer(&self, name: &IssuerName) -> Option<&Arc<Versioned<Arc<Issuer>>>> {
        self.issuers.get(name)
    }

    /// The settings; none where nobody has set any.
    #[must_use]
    pub fn settings(&self) -> Option<&Arc<Versioned<Settings>>> {
        self.settings.as_ref()
    }

    /// How this log came about, where it was restored and nobody has accepted that yet: nothing may be served.
    #[must_use]
    pub fn unaccepted_restore(&self) -> Option<&Arc<Versioned<LogRestored>>> {
        self.unaccepted_restore.as_ref()
    }

    /// What became of a command, if it was ever given.
    #[must_use]
    pub fn command(&self, key: &CommandKey) -> Option<&CommandRecord> {
        self.commands.get(key)
    }

    /// A digest of the whole state: equal exactly where the states are.
    ///
    /// # Errors
    /// The state cannot be written as JSON.
    pub fn digest(&self) -> Result<Digest, serde_json::Error> {
        Ok(Digest::of(&serde_json::to_vec(self)?))
    }
}

impl Touch {
    /// The version of what was touched.
    #[must_use]
    pub fn version(&self) -> AggregateVersion {
        AggregateVersion(self.revision.0)
    }
}

impl Server {
    /// The version submitted last, at stage `qa`.
    #[must_use]
    pub fn latest(&self) -> Option<&Arc<ServerVersion>> {
        self.versions.get_max().map(|(_, version)| version)
    }

    /// The promoted version.
    #[must_use]
    pub fn production(&self) -> Option<&Arc<ServerVersion>> {
        self.production.and_then(|number| self.versions.get(&number))
    }
}
