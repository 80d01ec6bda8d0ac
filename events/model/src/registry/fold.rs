//! The fold: `State × Event → State`, and the one rule that says which events take effect.
//!
//! Every replica, the projector and every rebuild run this same code over the same offsets, so all agree without a lock or a
//! leader: first in offset order wins. **Changing what it decides rewrites history**: `tests/golden/` holds its verdicts.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{
    envelope::Envelope,
    ids::{AggregateVersion, Offset, ServerId, Slug, ToolName, VersionNumber},
    manifest::{self, Manifest},
    principal::Actor,
};

use super::{
    BlockTarget, Change, CommandKey, CommandRecord, ManifestSubmitted, RegistryEvent, Server, ServerVersion,
    State, Touch, Versioned,
};

/// What an event did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It took effect: its offset is the version of what it changed.
    Effective,
    /// It is another event of a command that was applied before: it does nothing.
    Duplicate,
    /// Something else won: it does nothing.
    Refused(Conflict),
}

/// Why a command does nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum Conflict {
    /// Another change came first.
    #[error("version {actual} has come since version {expected}, which the command was given for")]
    VersionPassed {
        /// The version the command was given for.
        expected: AggregateVersion,
        /// The version it met.
        actual: AggregateVersion,
    },
    /// A change that needs an expected version has none.
    #[error("the command does not say which version it was given for")]
    NoExpectedVersion,
    /// The same command id was used for another command.
    #[error("the command id was used before for another command")]
    CommandReused,
    /// There is no such thing, or no longer.
    #[error("there is no {0}")]
    Missing(String),
    /// There is one already.
    #[error("there is already a {0}")]
    Exists(String),
    /// An update cannot rename a server.
    #[error("the server is called {0}, and keeps that name")]
    SlugDiffers(Slug),
    /// A version is promoted only when it was approved.
    #[error("version {0} is not approved: a Security.Admin has to approve it first")]
    NotApproved(VersionNumber),
    /// The manifest cannot be read.
    #[error("the manifest is not valid")]
    ManifestInvalid,
    /// There is a log already, or none yet.
    #[error("a log begins exactly once")]
    LogBegun,
}

/// The log is not the one this state comes from. Whoever meets this stops and raises an alert.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FoldError {
    /// An offset is missing or came twice.
    #[error("event {found} came where {wanted} was due")]
    Gap {
        /// The offset due.
        wanted: Offset,
        /// The offset that came.
        found: Offset,
    },
    /// The first event does not say which log it begins.
    #[error("the log does not begin with LogCreated")]
    NoBeginning,
}

impl State {
    /// Applies the event at `offset`. On an error the state is as before.
    ///
    /// # Errors
    /// [`FoldError`]: the log is not the one this state comes from.
    pub fn apply(&mut self, offset: Offset, event: &Envelope<RegistryEvent>) -> Result<Verdict, FoldError> {
        let wanted = self.revision().map_or(Offset(0), Offset::next);
        if offset != wanted {
            return Err(FoldError::Gap {
                wanted,
                found: offset,
            });
        }
        let log = match (&event.data.change, self.log()) {
            (_, Some(log)) => log,
            (Change::LogCreated(created), None) => created.log,
            (_, None) => return Err(FoldError::NoBeginning),
        };
        let verdict = self.take(offset, event);
        let log = match (&event.data.change, &verdict) {
            (Change::LogRestored(restored), Verdict::Effective) => restored.log,
            (_, Verdict::Effective | Verdict::Duplicate | Verdict::Refused(_)) => log,
        };
        self.origin = Some((log, offset));
        Ok(verdict)
    }

    /// What [`State::apply`] would say of this event, were it the next one.
    ///
    /// # Errors
    /// What wins over it.
    pub fn arbitrate(&self, actor: Option<&Actor>, event: &RegistryEvent) -> Result<(), Conflict> {
        let command = &event.command;
        if let Some(record) = actor.and_then(|actor| self.commands.get(&key(actor, event)))
            && record.digest != command.digest
        {
            return Err(Conflict::CommandReused);
        }
        let actual = self.version_of(&event.change)?;
        match (event.change.is_restrictive(), event.expected) {
            (true, _) => {}
            (false, None) => return Err(Conflict::NoExpectedVersion),
            (false, Some(expected)) if expected == actual => {}
            (false, Some(expected)) => return Err(Conflict::VersionPassed { expected, actual }),
        }
        self.requirements(&event.change)
    }

    fn take(&mut self, offset: Offset, event: &Envelope<RegistryEvent>) -> Verdict {
        let key = event.actor.as_ref().map(|actor| key(actor, &event.data));
        let earlier = key.as_ref().and_then(|key| self.commands.get(key));
        match earlier {
            Some(record) if record.digest == event.data.command.digest => return Verdict::Duplicate,
            Some(_) => return Verdict::Refused(Conflict::CommandReused),
            None => {}
        }
        let touch = Touch {
            revision: offset,
            what: event.data.change.name(),
            time: event.time,
            actor: event.actor.clone(),
            reason: event.reason.clone(),
        };
        let result = self
            .arbitrate(event.actor.as_ref(), &event.data)
            .and_then(|()| self.change(&event.data.change, &touch));
        if let Some(key) = key {
            let digest = event.data.command.digest;
            self.commands.insert(
                key,
                CommandRecord {
                    revision: offset,
                    digest,
                    result: result.clone(),
                },
            );
        }
        match result {
            Ok(()) => Verdict::Effective,
            Err(conflict) => Verdict::Refused(conflict),
        }
    }

    /// The present version of what a change is about; [`AggregateVersion::NONE`] where the change makes it.
    pub(super) fn version_of(&self, change: &Change) -> Result<AggregateVersion, Conflict> {
        Ok(match change {
            Change::LogCreated(_) => AggregateVersion::NONE,
            Change::ServerRegistered(submitted) => match self.servers.get(&submitted.server) {
                Some(server) => server.changed.version(),
                None => AggregateVersion::NONE,
            },
            Change::ServerUpdated(submitted) => self.living(submitted.server)?.changed.version(),
            Change::VersionApproved(chosen) | Change::VersionPromoted(chosen) => {
                self.living(chosen.server)?.changed.version()
            }
            Change::ServerDisabled(chosen)
            | Change::ServerEnabled(chosen)
            | Change::ServerRetired(chosen) => self.living(chosen.server)?.changed.version(),
            Change::ToolDisabled(chosen) | Change::ToolEnabled(chosen) => {
                self.living(chosen.server)?.changed.version()
            }
            Change::GrantAdded(grant) => version(&self.grants, &grant.id),
            Change::GrantRemoved(chosen) => existing(&self.grants, "grant", &chosen.id)?,
            Change::BlockAdded(block) => version(&self.blocks, &block.id),
            Change::BlockRemoved(chosen) => existing(&self.blocks, "block", &chosen.id)?,
            Change::IssuerTrusted(issuer) => version(&self.issuers, &issuer.name),
            Change::IssuerDistrusted(chosen) => existing(&self.issuers, "issuer", &chosen.name)?,
            Change::SettingsChanged(_) => match &self.settings {
                Some(settings) => settings.changed.version(),
                None => AggregateVersion::NONE,
            },
            Change::LogRestored(_) | Change::ReplicaJoined(_) => AggregateVersion::NONE,
            Change::RestoreAccepted(accepted) => match self.unaccepted_restore() {
                Some(restore) if restore.value.log == accepted.log => restore.changed.version(),
                Some(_) | None => return Err(missing("unaccepted restore", accepted.log)),
            },
        })
    }

    /// What else a change needs, beyond its version.
    fn requirements(&self, change: &Change) -> Result<(), Conflict> {
        match change {
            Change::LogCreated(_) if self.origin.is_some() => Err(Conflict::LogBegun),
            Change::ServerRegistered(submitted) => {
                let slug = read(submitted)?.slug;
                if self.servers.contains_key(&submitted.server) {
                    // An id is a server's for life, a retired one's too.
                    Err(exists("server", submitted.server))
                } else if self.slugs.contains_key(&slug) {
                    Err(exists("server", &slug))
                } else {
                    Ok(())
                }
            }
            Change::ServerUpdated(submitted) => {
                let slug = &self.living(submitted.server)?.slug;
                if read(submitted)?.slug == *slug {
                    Ok(())
                } else {
                    Err(Conflict::SlugDiffers(slug.clone()))
                }
            }
            Change::VersionApproved(chosen) => self.version(chosen.server, chosen.version).map(|_| ()),
            Change::VersionPromoted(chosen) => match self.version(chosen.server, chosen.version)?.approved {
                Some(_) => Ok(()),
                None => Err(Conflict::NotApproved(chosen.version)),
            },
            Change::ToolDisabled(chosen) | Change::ToolEnabled(chosen) => {
                self.known_tool(chosen.server, &chosen.tool)
            }
            Change::GrantAdded(grant) => {
                if self.grants.contains_key(&grant.id) {
                    return Err(exists("grant", grant.id));
                }
                if !self.issuers.contains_key(&grant.issuer) {
                    return Err(missing("issuer", &grant.issuer));
                }
                match &grant.tool {
                    Some(tool) => self.known_tool(grant.server, tool),
                    None => self.living(grant.server).map(|_| ()),
                }
            }
            Change::BlockAdded(block) => {
                let (BlockTarget::User { issuer, .. } | BlockTarget::Client { issuer, .. }) = &block.target;
                if self.blocks.contains_key(&block.id) {
                    Err(exists("block", block.id))
                } else if self.issuers.contains_key(issuer) {
                    Ok(())
                } else {
                    Err(missing("issuer", issuer))
                }
            }
            Change::LogRestored(restored) if self.log() != Some(restored.from) => {
                Err(missing("log", restored.from))
            }
            Change::LogCreated(_)
            | Change::LogRestored(_)
            | Change::RestoreAccepted(_)
            | Change::ServerDisabled(_)
            | Change::ServerEnabled(_)
            | Change::ServerRetired(_)
            | Change::GrantRemoved(_)
            | Change::BlockRemoved(_)
            | Change::IssuerTrusted(_)
            | Change::IssuerDistrusted(_)
            | Change::SettingsChanged(_)
            | Change::ReplicaJoined(_) => Ok(()),
        }
    }

    /// Makes a change that the rule let through.
    pub(super) fn change(&mut self, change: &Change, touch: &Touch) -> Result<(), Conflict> {
        match change {
            Change::LogCreated(_) | Change::ReplicaJoined(_) => {}
            Change::ServerRegistered(submitted) => self.register(submitted, touch)?,
            Change::ServerUpdated(submitted) => {
                let manifest = read(submitted)?;
                self.edit(submitted.server, touch, |server| {
                    server.add_version(manifest, submitted, touch);
                })?;
            }
            Change::VersionApproved(chosen) => self.edit(chosen.server, touch, |server| {
                if let Some(version) = server.versions.get_mut(&chosen.version) {
                    Arc::make_mut(version).approved = Some(touch.clone());
                }
            })?,
            Change::VersionPromoted(chosen) => {
                self.edit(chosen.server, touch, |server| {
                    server.production = Some(chosen.version);
                })?;
            }
            Change::ServerDisabled(chosen) => {
                self.edit(chosen.server, touch, |server| {
                    server.disabled = Some(touch.clone());
                })?;
            }
            Change::ServerEnabled(chosen) => {
                self.edit(chosen.server, touch, |server| server.disabled = None)?;
            }
            Change::ServerRetired(chosen) => {
                let slug = self.living(chosen.server)?.slug.clone();
                self.slugs.remove(&slug);
                self.edit(chosen.server, touch, |server| {
                    server.retired = Some(touch.clone());
                })?;
                self.drop_grants_on(chosen.server);
            }
            Change::ToolDisabled(chosen) => self.edit(chosen.server, touch, |server| {
                server.disabled_tools.insert(chosen.tool.clone(), touch.clone());
            })?,
            Change::ToolEnabled(chosen) => self.edit(chosen.server, touch, |server| {
                server.disabled_tools.remove(&chosen.tool);
            })?,
            Change::GrantAdded(grant) => {
                self.grants.insert(grant.id, versioned(grant.clone(), touch));
            }
            Change::GrantRemoved(chosen) => {
                self.grants.remove(&chosen.id);
            }
            Change::BlockAdded(block) => {
                self.blocks.insert(block.id, versioned(block.clone(), touch));
                self.epochs.insert(block.target.clone(), touch.revision);
            }
            Change::BlockRemoved(chosen) => {
                self.blocks.remove(&chosen.id);
            }
            Change::IssuerTrusted(issuer) => {
                self.issuers.insert(
                    issuer.name.clone(),
                    versioned(Arc::new((**issuer).clone()), touch),
                );
            }
            Change::IssuerDistrusted(chosen) => {
                self.issuers.remove(&chosen.name);
            }
            Change::SettingsChanged(settings) => self.settings = Some(versioned((**settings).clone(), touch)),
            Change::LogRestored(restored) => self.unaccepted_restore = Some(versioned(*restored, touch)),
            Change::RestoreAccepted(_) => self.unaccepted_restore = None,
        }
        Ok(())
    }

    fn register(&mut self, submitted: &ManifestSubmitted, touch: &Touch) -> Result<(), Conflict> {
        let manifest = read(submitted)?;
        let slug = manifest.slug.clone();
        let mut server = Server {
            id: submitted.server,
            slug: slug.clone(),
            versions: imbl::OrdMap::new(),
            production: None,
            disabled: None,
            disabled_tools: imbl::OrdMap::new(),
            retired: None,
            registered: touch.clone(),
            changed: touch.clone(),
        };
        server.add_version(manifest, submitted, touch);
        self.slugs.insert(slug, submitted.server);
        self.servers.insert(submitted.server, Arc::new(server));
        Ok(())
    }

    fn edit(&mut self, id: ServerId, touch: &Touch, edit: impl FnOnce(&mut Server)) -> Result<(), Conflict> {
        let server = self.servers.get_mut(&id).ok_or_else(|| missing("server", id))?;
        let server = Arc::make_mut(server);
        edit(server);
        server.changed = touch.clone();
        Ok(())
    }

    fn drop_grants_on(&mut self, server: ServerId) {
        let gone: Vec<_> = self
            .grants
            .values()
            .filter(|grant| grant.value.server == server)
            .map(|grant| grant.value.id)
            .collect();
        for id in gone {
            self.grants.remove(&id);
        }
    }

    fn living(&self, id: ServerId) -> Result<&Server, Conflict> {
        match self.servers.get(&id) {
            Some(server) if server.retired.is_none() => Ok(server),
            Some(_) | None => Err(missing("server", id)),
        }
    }

    fn version(&self, id: ServerId, number: VersionNumber) -> Result<&ServerVersion, Conflict> {
        let server = self.living(id)?;
        match server.versions.get(&number) {
            Some(version) => Ok(version),
            None => Err(missing("version", format_args!("{number} of {}", server.slug))),
        }
    }

    fn known_tool(&self, id: ServerId, tool: &ToolName) -> Result<(), Conflict> {
        let server = self.living(id)?;
        let known = server
            .versions
            .values()
            .any(|version| version.manifest.tools.contains_key(tool));
        if known {
            Ok(())
        } else {
            Err(missing("tool", format_args!("{tool} of {}", server.slug)))
        }
    }
}

impl Server {
    /// Adds the next version. It is approved from the start only where it has the tie of a version in use that was approved.
    fn add_version(&mut self, manifest: Manifest, submitted: &ManifestSubmitted, touch: &Touch) {
        let tie = manifest.tie();
        let approved = [self.latest(), self.production()]
            .into_iter()
            .flatten()
            .filter(|version| version.manifest.tie() == tie)
            .find_map(|version| version.approved.clone());
        let number = VersionNumber(self.latest().map_or(1, |version| version.number.0 + 1));
        let version = ServerVersion {
            number,
            manifest,
            manifest_text: submitted.manifest.clone(),
            submitted: touch.clone(),
            approved,
        };
        self.versions.insert(number, Arc::new(version));
    }
}

fn key(actor: &Actor, event: &RegistryEvent) -> CommandKey {
    CommandKey {
        actor: actor.key(),
        route: event.command.route.clone(),
        id: event.command.id.clone(),
    }
}

fn read(submitted: &ManifestSubmitted) -> Result<Manifest, Conflict> {
    manifest::read(submitted.manifest.as_bytes()).map_err(|_| Conflict::ManifestInvalid)
}

fn missing(what: &str, name: impl std::fmt::Display) -> Conflict {
    Conflict::Missing(format!("{what} {name}"))
}

fn exists(what: &str, name: impl std::fmt::Display) -> Conflict {
    Conflict::Exists(format!("{what} {name}"))
}

type Kept<K, T> = imbl::OrdMap<K, Arc<Versioned<T>>>;

fn version<K: Ord + Clone, T>(kept: &Kept<K, T>, key: &K) -> AggregateVersion {
    kept.get(key)
        .map_or(AggregateVersion::NONE, |kept| kept.changed.version())
}

fn existing<K, T>(kept: &Kept<K, T>, what: &str, key: &K) -> Result<AggregateVersion, Conflict>
where
    K: Ord + Clone + std::fmt::Display,
{
    kept.get(key)
        .map(|kept| kept.changed.version())
        .ok_or_else(|| missing(what, key))
}

fn versioned<T>(value: T, touch: &Touch) -> Arc<Versioned<T>> {
    Arc::new(Versioned {
        value,
        changed: touch.clone(),
    })
}
