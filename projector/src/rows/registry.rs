//! The registry's tables: rows are replaced by what the fold says, never computed from the rows before.

use onedoor_model::{
    ids::{ServerId, VersionNumber},
    manifest::Tool,
    registry::{Block, BlockTarget, Grant, Server, ServerVersion, Subject, Touch, Versioned},
};

use super::{
    column, history,
    statement::{Statement, row},
};
use crate::project::{RegistryEntry, Step, Touched};

/// Writes an event's row, and the rows it touched, in this order.
pub(crate) fn write<'a>(step: &Step, entry: &'a RegistryEntry) -> Result<Vec<Statement<'a>>, sqlx::Error> {
    let mut statements = vec![history::write(step, entry)?];
    for touched in &entry.touched {
        touch(&mut statements, step, touched)?;
    }
    Ok(statements)
}

fn touch<'a>(
    statements: &mut Vec<Statement<'a>>,
    step: &Step,
    touched: &'a Touched,
) -> Result<(), sqlx::Error> {
    let statement = match touched {
        Touched::Server(server) => self::server(server),
        Touched::Version(server, version) => {
            let tools = version.manifest.tools.values();
            statements.extend(tools.map(|tool| self::tool(*server, version.number, tool)));
            self::version(*server, version)
        }
        Touched::ToolDisabled(server, tool) => Statement {
            sql: "INSERT INTO disabled_tools (server_id, tool, disabled_revision) VALUES ($1, $2, $3)
                ON CONFLICT (server_id, tool) DO UPDATE SET disabled_revision = excluded.disabled_revision",
            values: row![server.to_string(), tool.as_str(), step.offset],
        },
        Touched::ToolEnabled(server, tool) => Statement {
            sql: "DELETE FROM disabled_tools WHERE server_id = $1 AND tool = $2",
            values: row![server.to_string(), tool.as_str()],
        },
        Touched::Grant(grant) => self::grant(grant),
        Touched::GrantRemoved(id) => Statement {
            sql: "DELETE FROM grants WHERE grant_id = $1",
            values: row![id.to_string()],
        },
        Touched::GrantsRemoved(server) => Statement {
            sql: "DELETE FROM grants WHERE server_id = $1",
            values: row![server.to_string()],
        },
        Touched::Block(block) => self::block(block),
        Touched::BlockRemoved(id) => Statement {
            sql: "DELETE FROM blocks WHERE block_id = $1",
            values: row![id.to_string()],
        },
        Touched::Issuer(issuer) => Statement {
            sql: "INSERT INTO issuers (name, document, changed_revision) VALUES ($1, $2, $3)
                ON CONFLICT (name) DO UPDATE SET document = excluded.document, changed_revision = excluded.changed_revision",
            values: row![
                issuer.value.name.as_str(),
                column::json(&issuer.value)?,
                issuer.changed.revision
            ],
        },
        Touched::IssuerRemoved(name) => Statement {
            sql: "DELETE FROM issuers WHERE name = $1",
            values: row![name.as_str()],
        },
        Touched::Settings(settings) => Statement {
            sql: "INSERT INTO settings (one, document, changed_revision) VALUES (1, $1, $2)
                ON CONFLICT (one) DO UPDATE SET document = excluded.document, changed_revision = excluded.changed_revision",
            values: row![column::json(&settings.value)?, settings.changed.revision],
        },
    };
    statements.push(statement);
    Ok(())
}

fn server(server: &Server) -> Statement<'_> {
    let latest = server.latest();
    let revision = |touch: &Option<Touch>| touch.as_ref().map(|touch| touch.revision);
    Statement {
        sql: "INSERT INTO servers (
                server_id, slug, owner, latest_version, production_version,
                registered_revision, changed_revision, disabled_revision, retired_revision)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (server_id) DO UPDATE SET
                slug = excluded.slug, owner = excluded.owner, latest_version = excluded.latest_version,
                production_version = excluded.production_version, registered_revision = excluded.registered_revision,
                changed_revision = excluded.changed_revision, disabled_revision = excluded.disabled_revision,
                retired_revision = excluded.retired_revision",
        values: row![
            server.id.to_string(),
            server.slug.as_str(),
            latest.map_or("", |version| version.manifest.owner.as_str()),
            latest.map_or(0, |version| version.number.0),
            server.production.map(|VersionNumber(number)| number),
            server.registered.revision,
            server.changed.revision,
            revision(&server.disabled),
            revision(&server.retired),
        ],
    }
}

fn version(server: ServerId, version: &ServerVersion) -> Statement<'_> {
    let manifest = &version.manifest;
    Statement {
        sql: "INSERT INTO server_versions (
                server_id, version, name, owner_version, owner, url, audience, manifest, digest,
                submitted_revision, approved_revision)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
            ON CONFLICT (server_id, version) DO UPDATE SET
                name = excluded.name, owner_version = excluded.owner_version, owner = excluded.owner, url = excluded.url,
                audience = excluded.audience, manifest = excluded.manifest, digest = excluded.digest,
                submitted_revision = excluded.submitted_revision, approved_revision = excluded.approved_revision",
        values: row![
            server.to_string(),
            version.number.0,
            manifest.name.as_str(),
            manifest.version.as_str(),
            manifest.owner.as_str(),
            manifest.url.as_str(),
            manifest.audience.as_str(),
            version.manifest_text.as_str(),
            manifest.digest.to_string(),
            version.submitted.revision,
            version.approved.as_ref().map(|touch| touch.revision),
        ],
    }
}

fn tool(server: ServerId, version: VersionNumber, tool: &Tool) -> Statement<'_> {
    Statement {
        sql: "INSERT INTO tools (server_id, version, tool, title, digest) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (server_id, version, tool) DO UPDATE SET title = excluded.title, digest = excluded.digest",
        values: row![
            server.to_string(),
            version.0,
            tool.name.as_str(),
            tool.title.as_deref(),
            tool.digest.to_string()
        ],
    }
}

fn grant(grant: &Versioned<Grant>) -> Statement<'_> {
    let Versioned {
        value: grant,
        changed,
    } = grant;
    let (kind, subject) = match &grant.subject {
        Subject::Group(group) => ("group", group.as_str()),
        Subject::Role(role) => ("role", role.as_str()),
    };
    Statement {
        sql: "INSERT INTO grants (
                grant_id, issuer, tenant, subject_kind, subject, server_id, tool, stage, changed_revision)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
            ON CONFLICT (grant_id) DO UPDATE SET
                issuer = excluded.issuer, tenant = excluded.tenant, subject_kind = excluded.subject_kind,
                subject = excluded.subject, server_id = excluded.server_id, tool = excluded.tool, stage = excluded.stage,
                changed_revision = excluded.changed_revision",
        values: row![
            grant.id.to_string(),
            grant.issuer.as_str(),
            grant.tenant.as_str(),
            kind,
            subject,
            grant.server.to_string(),
            grant.tool.as_ref().map(ToString::to_string),
            grant.stage.to_string(),
            changed.revision,
        ],
    }
}

fn block(block: &Versioned<Block>) -> Statement<'_> {
    let Versioned {
        value: block,
        changed,
    } = block;
    let (target, issuer, tenant, user, client) = match &block.target {
        BlockTarget::User { issuer, tenant, user } => {
            ("user", issuer, Some(tenant.as_str()), Some(user.as_str()), None)
        }
        BlockTarget::Client { issuer, client } => ("client", issuer, None, None, Some(client.as_str())),
    };
    Statement {
        sql: "INSERT INTO blocks (
                block_id, target, issuer, tenant, user_id, client, not_before, changed_revision)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
            ON CONFLICT (block_id) DO UPDATE SET
                target = excluded.target, issuer = excluded.issuer, tenant = excluded.tenant, user_id = excluded.user_id,
                client = excluded.client, not_before = excluded.not_before, changed_revision = excluded.changed_revision",
        values: row![
            block.id.to_string(),
            target,
            issuer.as_str(),
            tenant,
            user,
            client,
            block.not_before,
            changed.revision,
        ],
    }
}
