//! What a registry event did, and which rows that touches.

use std::sync::Arc;

use onedoor_model::{
    envelope::Envelope,
    ids::{BlockId, Digest, GrantId, IssuerName, Offset, ServerId, Slug, ToolName},
    manifest,
    registry::{
        Block, Change, CommandKey, Conflict, Grant, Issuer, ManifestSubmitted, RegistryEvent, Server,
        ServerVersion, Settings, State, Verdict, Versioned,
    },
};

use super::Halt;
use crate::query::Aggregate;

/// A registry event with all that the tables say of it.
#[derive(Debug)]
pub(crate) struct RegistryEntry {
    pub(crate) envelope: Envelope<RegistryEvent>,
    pub(crate) verdict: Verdict,
    /// The event that came first, where one kept this one from taking effect.
    pub(crate) won: Option<Offset>,
    pub(crate) subject: Subject,
    /// In the order in which they are to be written.
    pub(crate) touched: Vec<Touched>,
}

/// What an event is about.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) aggregate: Aggregate,
    pub(crate) id: String,
    /// The server it concerns, and the slug that was meant.
    pub(crate) server: Option<ServerId>,
    pub(crate) slug: Option<Slug>,
}

/// A row, as it is after an event.
#[derive(Debug)]
pub(crate) enum Touched {
    Server(Arc<Server>),
    Version(ServerId, Arc<ServerVersion>),
    ToolDisabled(ServerId, ToolName),
    ToolEnabled(ServerId, ToolName),
    Grant(Arc<Versioned<Grant>>),
    GrantRemoved(GrantId),
    /// All grants of a server went with it.
    GrantsRemoved(ServerId),
    Block(Arc<Versioned<Block>>),
    BlockRemoved(BlockId),
    Issuer(Arc<Versioned<Arc<Issuer>>>),
    IssuerRemoved(IssuerName),
    Settings(Arc<Versioned<Settings>>),
}

impl RegistryEntry {
    /// Applies the event at `offset` to the state, and says what it did.
    pub(super) fn fold(state: &mut State, offset: Offset, bytes: &[u8]) -> Result<Self, Halt> {
        let envelope = Envelope::<RegistryEvent>::read(bytes)?;
        let before = state.clone();
        let verdict = state.apply(offset, &envelope)?;
        let change = &envelope.data.change;
        let touched = match verdict {
            Verdict::Effective => touched(state, change),
            Verdict::Duplicate | Verdict::Refused(_) => Vec::new(),
        };
        Ok(Self {
            won: won(&before, &envelope, &verdict),
            subject: Subject::of(change, &before, state),
            verdict,
            touched,
            envelope,
        })
    }

    /// The change as histories show it: whole, but for a manifest, which is kept with its version and here only named.
    pub(crate) fn change_json(&self) -> Result<String, serde_json::Error> {
        match &self.envelope.data.change {
            Change::ServerRegistered(ManifestSubmitted { server, manifest })
            | Change::ServerUpdated(ManifestSubmitted { server, manifest }) => {
                let digest = Digest::of(manifest.as_bytes());
                Ok(serde_json::json!({ "server": server, "manifestDigest": digest }).to_string())
            }
            change @ (Change::LogCreated(_)
            | Change::VersionApproved(_)
            | Change::VersionPromoted(_)
            | Change::ServerDisabled(_)
            | Change::ServerEnabled(_)
            | Change::ServerRetired(_)
            | Change::ToolDisabled(_)
            | Change::ToolEnabled(_)
            | Change::GrantAdded(_)
            | Change::GrantRemoved(_)
            | Change::BlockAdded(_)
            | Change::BlockRemoved(_)
            | Change::IssuerTrusted(_)
            | Change::IssuerDistrusted(_)
            | Change::SettingsChanged(_)
            | Change::LogRestored(_)
            | Change::RestoreAccepted(_)
            | Change::ReplicaJoined(_)) => serde_json::to_string(change),
        }
    }
}

impl Subject {
    fn of(change: &Change, before: &State, after: &State) -> Self {
        match change {
            Change::LogCreated(created) => Self::other(Aggregate::Log, &created.log),
            Change::LogRestored(restored) => Self::other(Aggregate::Log, &restored.log),
            Change::RestoreAccepted(accepted) => Self::other(Aggregate::Log, &accepted.log),
            Change::ReplicaJoined(joined) => Self::other(Aggregate::Log, &joined.boot),
            Change::ServerRegistered(submitted) | Change::ServerUpdated(submitted) => {
                let slug = match after.server(submitted.server) {
                    Some(server) => Some(server.slug.clone()),
                    None => manifest::read(submitted.manifest.as_bytes())
                        .ok()
                        .map(|manifest| manifest.slug),
                };
                Self {
                    slug,
                    ..Self::server(submitted.server, after)
                }
            }
            Change::VersionApproved(chosen) | Change::VersionPromoted(chosen) => {
                Self::server(chosen.server, after)
            }
            Change::ServerDisabled(chosen)
            | Change::ServerEnabled(chosen)
            | Change::ServerRetired(chosen) => Self::server(chosen.server, after),
            Change::ToolDisabled(chosen) | Change::ToolEnabled(chosen) => Self::server(chosen.server, after),
            Change::GrantAdded(grant) => Self::grant(grant.id, Some(grant.server), after),
            Change::GrantRemoved(chosen) => {
                let server = before.grant(chosen.id).map(|grant| grant.value.server);
                Self::grant(chosen.id, server, after)
            }
            Change::BlockAdded(block) => Self::other(Aggregate::Block, &block.id),
            Change::BlockRemoved(chosen) => Self::other(Aggregate::Block, &chosen.id),
            Change::IssuerTrusted(issuer) => Self::other(Aggregate::Issuer, &issuer.name),
            Change::IssuerDistrusted(chosen) => Self::other(Aggregate::Issuer, &chosen.name),
            Change::SettingsChanged(_) => Self::other(Aggregate::Settings, &"settings"),
        }
    }

    fn server(id: ServerId, state: &State) -> Self {
        let slug = state.server(id).map(|server| server.slug.clone());
        Self {
            aggregate: Aggregate::Server,
            id: id.to_string(),
            server: Some(id),
            slug,
        }
    }

    fn grant(id: GrantId, server: Option<ServerId>, state: &State) -> Self {
        let slug = server
            .and_then(|server| state.server(server))
            .map(|server| server.slug.clone());
        Self {
            aggregate: Aggregate::Grant,
            id: id.to_string(),
            server,
            slug,
        }
    }

    fn other(aggregate: Aggregate, id: &impl ToString) -> Self {
        Self {
            aggregate,
            id: id.to_string(),
            server: None,
            slug: None,
        }
    }
}

fn won(before: &State, envelope: &Envelope<RegistryEvent>, verdict: &Verdict) -> Option<Offset> {
    let same_command = || {
        let command = &envelope.data.command;
        let key = CommandKey {
            actor: envelope.actor.as_ref()?.key(),
            route: command.route.clone(),
            id: command.id.clone(),
        };
        before.command(&key).map(|record| record.revision)
    };
    match verdict {
        Verdict::Effective => None,
        Verdict::Duplicate | Verdict::Refused(Conflict::CommandReused) => same_command(),
        // A version is the offset of the event that made it; 0 is that of what does not exist.
        Verdict::Refused(Conflict::VersionPassed { actual, .. }) => {
            (actual.0 > 0).then_some(Offset(actual.0))
        }
        Verdict::Refused(
            Conflict::NoExpectedVersion
            | Conflict::Missing(_)
            | Conflict::Exists(_)
            | Conflict::SlugDiffers(_)
            | Conflict::NotApproved(_)
            | Conflict::ManifestInvalid
            | Conflict::LogBegun,
        ) => None,
    }
}

/// The rows that an effective change touches, out of the state after it.
fn touched(state: &State, change: &Change) -> Vec<Touched> {
    let server = |id| state.server(id).cloned().map(Touched::Server);
    let rows = match change {
        Change::LogCreated(_)
        | Change::LogRestored(_)
        | Change::RestoreAccepted(_)
        | Change::ReplicaJoined(_) => [None, None],
        Change::ServerRegistered(submitted) | Change::ServerUpdated(submitted) => {
            let id = submitted.server;
            let latest = state.server(id).and_then(|server| server.latest()).cloned();
            [server(id), latest.map(|version| Touched::Version(id, version))]
        }
        Change::VersionApproved(chosen) => {
            let id = chosen.server;
            let version = state
                .server(id)
                .and_then(|server| server.versions.get(&chosen.version))
                .cloned();
            [server(id), version.map(|version| Touched::Version(id, version))]
        }
        Change::VersionPromoted(chosen) => [server(chosen.server), None],
        Change::ServerDisabled(chosen) | Change::ServerEnabled(chosen) => [server(chosen.server), None],
        Change::ServerRetired(chosen) => [server(chosen.server), Some(Touched::GrantsRemoved(chosen.server))],
        Change::ToolDisabled(chosen) => [
            server(chosen.server),
            Some(Touched::ToolDisabled(chosen.server, chosen.tool.clone())),
        ],
        Change::ToolEnabled(chosen) => [
            server(chosen.server),
            Some(Touched::ToolEnabled(chosen.server, chosen.tool.clone())),
        ],
        Change::GrantAdded(grant) => [state.grant(grant.id).cloned().map(Touched::Grant), None],
        Change::GrantRemoved(chosen) => [Some(Touched::GrantRemoved(chosen.id)), None],
        Change::BlockAdded(block) => [state.block(block.id).cloned().map(Touched::Block), None],
        Change::BlockRemoved(chosen) => [Some(Touched::BlockRemoved(chosen.id)), None],
        Change::IssuerTrusted(issuer) => [state.issuer(&issuer.name).cloned().map(Touched::Issuer), None],
        Change::IssuerDistrusted(chosen) => [Some(Touched::IssuerRemoved(chosen.name.clone())), None],
        Change::SettingsChanged(_) => [state.settings().cloned().map(Touched::Settings), None],
    };
    rows.into_iter().flatten().collect()
}
