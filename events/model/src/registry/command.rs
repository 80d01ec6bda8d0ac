//! Commands: what a person asks of the registry, in the words of the API, and the change each one asks for.

use crate::ids::{BlockId, GrantId, IssuerName, LogId, ServerId, Slug, TenantId, ToolName, VersionNumber};

use super::{
    Block, BlockChosen, Change, Grant, GrantChosen, Issuer, IssuerChosen, ManifestSubmitted, RestoreAccepted,
    ServerChosen, Settings, Stage, State, Subject, ToolChosen, VersionChosen,
};

/// What is asked for. Fresh ids come with it, as the model makes none.
#[derive(Clone, Debug)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Command {
    Register {
        server: ServerId,
        manifest: String,
    },
    Update {
        slug: Slug,
        manifest: String,
    },
    Approve {
        slug: Slug,
        version: Option<VersionNumber>,
    },
    Promote {
        slug: Slug,
        version: Option<VersionNumber>,
    },
    Disable {
        slug: Slug,
    },
    Enable {
        slug: Slug,
    },
    Retire {
        slug: Slug,
    },
    DisableTool {
        slug: Slug,
        tool: ToolName,
    },
    EnableTool {
        slug: Slug,
        tool: ToolName,
    },
    AddGrant {
        id: GrantId,
        issuer: IssuerName,
        tenant: TenantId,
        subject: Subject,
        slug: Slug,
        tool: Option<ToolName>,
        stage: Stage,
    },
    RemoveGrant {
        id: GrantId,
    },
    AddBlock(Block),
    RemoveBlock {
        id: BlockId,
    },
    Trust(Box<Issuer>),
    Distrust {
        name: IssuerName,
    },
    Set(Box<Settings>),
    AcceptRestore {
        log: LogId,
    },
}

/// The command names a server that is not registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no server {0}")]
pub struct NotPlanned(pub Slug);

impl Command {
    /// The change this command asks for, given what is registered now. Whether it takes effect is for [`State::arbitrate`].
    ///
    /// # Errors
    /// The server it names is not registered.
    pub fn plan(self, state: &State) -> Result<Change, NotPlanned> {
        let server = |slug: &Slug| state.server_named(slug).ok_or_else(|| NotPlanned(slug.clone()));
        let chosen = |slug: &Slug| server(slug).map(|server| ServerChosen { server: server.id });
        let version = |slug: &Slug, version: Option<VersionNumber>| {
            let server = server(slug)?;
            let latest = server.latest().map_or(VersionNumber(1), |latest| latest.number);
            Ok(VersionChosen {
                server: server.id,
                version: version.unwrap_or(latest),
            })
        };
        Ok(match self {
            Self::Register { server, manifest } => {
                Change::ServerRegistered(ManifestSubmitted { server, manifest })
            }
            Self::Update { slug, manifest } => Change::ServerUpdated(ManifestSubmitted {
                server: server(&slug)?.id,
                manifest,
            }),
            Self::Approve {
                slug,
                version: number,
            } => Change::VersionApproved(version(&slug, number)?),
            Self::Promote {
                slug,
                version: number,
            } => Change::VersionPromoted(version(&slug, number)?),
            Self::Disable { slug } => Change::ServerDisabled(chosen(&slug)?),
            Self::Enable { slug } => Change::ServerEnabled(chosen(&slug)?),
            Self::Retire { slug } => Change::ServerRetired(chosen(&slug)?),
            Self::DisableTool { slug, tool } => Change::ToolDisabled(ToolChosen {
                server: server(&slug)?.id,
                tool,
            }),
            Self::EnableTool { slug, tool } => Change::ToolEnabled(ToolChosen {
                server: server(&slug)?.id,
                tool,
            }),
            Self::AddGrant {
                id,
                issuer,
                tenant,
                subject,
                slug,
                tool,
                stage,
            } => Change::GrantAdded(Grant {
                id,
                issuer,
                tenant,
                subject,
                server: server(&slug)?.id,
                tool,
                stage,
            }),
            Self::RemoveGrant { id } => Change::GrantRemoved(GrantChosen { id }),
            Self::AddBlock(block) => Change::BlockAdded(block),
            Self::RemoveBlock { id } => Change::BlockRemoved(BlockChosen { id }),
            Self::Trust(issuer) => Change::IssuerTrusted(issuer),
            Self::Distrust { name } => Change::IssuerDistrusted(IssuerChosen { name }),
            Self::Set(settings) => Change::SettingsChanged(settings),
            Self::AcceptRestore { log } => Change::RestoreAccepted(RestoreAccepted { log }),
        })
    }
}
