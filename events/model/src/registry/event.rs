//! Events of the stream `registry`: every change that was asked for. Whether one takes effect is decided by the fold.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{
    envelope::{EventData, read_data},
    ids::{
        AggregateVersion, BlockId, BootId, CommandId, Digest, GrantId, IssuerName, LogId, Offset,
        ReplicaName, ServerId, ToolName, VersionNumber,
    },
};

use super::{Block, Grant, Issuer, Settings};

/// A change, with the command that asked for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegistryEvent {
    /// The command; a second event of the same command does nothing.
    pub command: CommandStamp,
    /// The version of the aggregate that the command was given for. Restrictive changes carry none: they always win.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<AggregateVersion>,
    /// The change.
    #[serde(flatten)]
    pub change: Change,
}

/// What a retried command is recognised by, together with its actor.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CommandStamp {
    /// The caller's name for it.
    pub id: CommandId,
    /// Method and path it was sent to.
    pub route: String,
    /// Digest of its body: the same id with another body is another command, and refused.
    pub digest: Digest,
}

/// What changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs, reason = "the names say it; the payloads are documented")]
pub enum Change {
    LogCreated(LogCreated),
    ServerRegistered(ManifestSubmitted),
    ServerUpdated(ManifestSubmitted),
    VersionApproved(VersionChosen),
    VersionPromoted(VersionChosen),
    ServerDisabled(ServerChosen),
    ServerEnabled(ServerChosen),
    ServerRetired(ServerChosen),
    ToolDisabled(ToolChosen),
    ToolEnabled(ToolChosen),
    GrantAdded(Grant),
    GrantRemoved(GrantChosen),
    BlockAdded(Block),
    BlockRemoved(BlockChosen),
    IssuerTrusted(Box<Issuer>),
    IssuerDistrusted(IssuerChosen),
    SettingsChanged(Box<Settings>),
    LogRestored(LogRestored),
    RestoreAccepted(RestoreAccepted),
    ReplicaJoined(ReplicaJoined),
}

/// The first event of every log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogCreated {
    /// The log's id.
    pub log: LogId,
}

/// A log that was made again from a backup, and is another log since: revisions of the two mean different things. What was appended
/// after the backup is lost. Nothing is served until a `Security.Admin` has accepted that: a block or a disabled server may be among it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LogRestored {
    /// The log's new id.
    pub log: LogId,
    /// The log that the backup was made of.
    pub from: LogId,
    /// What the backup held.
    pub restored: Ends,
    /// What the projection that was there before had seen of that log; none where there was no projection of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Ends>,
}

/// Where the streams of a log end: how many events each has had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ends {
    /// Of `registry`: the revision after the last.
    pub registry: Offset,
    /// Of `audit`.
    pub audit: Offset,
}

/// A restored log may be served from now on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreAccepted {
    /// The new id of the log.
    pub log: LogId,
}

/// A replica began to follow the log, or began again after a gap: it serves once it has folded this, and with it all that was there
/// before. It changes nothing, and its event has no actor, so that no command is kept for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicaJoined {
    /// The run of it.
    pub boot: BootId,
    /// The replica.
    pub replica: ReplicaName,
}

/// A manifest, registered or as an update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManifestSubmitted {
    /// The server.
    pub server: ServerId,
    /// The manifest, byte for byte as submitted.
    pub manifest: String,
}

/// One version of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct VersionChosen {
    /// The server.
    pub server: ServerId,
    /// The version.
    pub version: VersionNumber,
}

/// A server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServerChosen {
    /// The server.
    pub server: ServerId,
}

/// One tool of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ToolChosen {
    /// The server.
    pub server: ServerId,
    /// The tool.
    pub tool: ToolName,
}

/// A grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantChosen {
    /// The grant.
    pub id: GrantId,
}

/// A block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BlockChosen {
    /// The block.
    pub id: BlockId,
}

/// An issuer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct IssuerChosen {
    /// The issuer.
    pub name: IssuerName,
}

impl Change {
    /// Whether it only takes away. Such a change carries no expected version and always wins.
    #[must_use]
    pub fn is_restrictive(&self) -> bool {
        match self {
            Self::ServerDisabled(_)
            | Self::ToolDisabled(_)
            | Self::GrantRemoved(_)
            | Self::BlockAdded(_)
            | Self::IssuerDistrusted(_) => true,
            Self::LogCreated(_)
            | Self::ServerRegistered(_)
            | Self::ServerUpdated(_)
            | Self::VersionApproved(_)
            | Self::VersionPromoted(_)
            | Self::ServerEnabled(_)
            | Self::ServerRetired(_)
            | Self::ToolEnabled(_)
            | Self::GrantAdded(_)
            | Self::BlockRemoved(_)
            | Self::IssuerTrusted(_)
            | Self::SettingsChanged(_)
            | Self::LogRestored(_)
            | Self::RestoreAccepted(_)
            | Self::ReplicaJoined(_) => false,
        }
    }
}

macro_rules! kinds {
    ($($variant:ident => $kind:literal,)+) => {
        impl RegistryEvent {
            /// Every type this stream was ever written with.
            pub const KINDS: &'static [&'static str] = &[$($kind),+];
        }

        impl Change {
            /// What it is called, such as "`ServerDisabled`".
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {
                    $(Self::$variant(_) => stringify!($variant),)+
                }
            }
        }

        impl EventData for RegistryEvent {
            fn kind(&self) -> &'static str {
                match &self.change {
                    $(Change::$variant(_) => $kind,)+
                }
            }

            fn upcast(kind: &str, data: &RawValue) -> Option<Result<Self, serde_json::Error>> {
                let change = match kind {
                    $($kind => read_data(data).map(Change::$variant),)+
                    _ => return None,
                };
                Some(change.and_then(|change| {
                    let Stamp { command, expected } = read_data(data)?;
                    Ok(Self { command, expected, change })
                }))
            }
        }
    };
}

kinds! {
    LogCreated => "dev.onedoor.LogCreated.v1",
    ServerRegistered => "dev.onedoor.ServerRegistered.v1",
    ServerUpdated => "dev.onedoor.ServerUpdated.v1",
    VersionApproved => "dev.onedoor.VersionApproved.v1",
    VersionPromoted => "dev.onedoor.VersionPromoted.v1",
    ServerDisabled => "dev.onedoor.ServerDisabled.v1",
    ServerEnabled => "dev.onedoor.ServerEnabled.v1",
    ServerRetired => "dev.onedoor.ServerRetired.v1",
    ToolDisabled => "dev.onedoor.ToolDisabled.v1",
    ToolEnabled => "dev.onedoor.ToolEnabled.v1",
    GrantAdded => "dev.onedoor.GrantAdded.v1",
    GrantRemoved => "dev.onedoor.GrantRemoved.v1",
    BlockAdded => "dev.onedoor.BlockAdded.v1",
    BlockRemoved => "dev.onedoor.BlockRemoved.v1",
    IssuerTrusted => "dev.onedoor.IssuerTrusted.v1",
    IssuerDistrusted => "dev.onedoor.IssuerDistrusted.v1",
    SettingsChanged => "dev.onedoor.SettingsChanged.v1",
    LogRestored => "dev.onedoor.LogRestored.v1",
    RestoreAccepted => "dev.onedoor.RestoreAccepted.v1",
    ReplicaJoined => "dev.onedoor.ReplicaJoined.v1",
}

#[derive(Deserialize)]
struct Stamp {
    command: CommandStamp,
    #[serde(default)]
    expected: Option<AggregateVersion>,
}
