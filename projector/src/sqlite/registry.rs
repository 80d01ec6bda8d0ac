//! The registry's tables: rows are replaced by what the fold says, never computed from the rows before.

use onedoor_model::{
    ids::{ServerId, VersionNumber},
    registry::{Block, BlockTarget, Grant, Server, ServerVersion, Subject, Versioned},
};
use sqlx::{Sqlite, SqliteConnection, query::Query, sqlite::SqliteArguments};

use super::{column, history};
use crate::project::{RegistryEntry, Step, Touched};

/// Writes an event's row, and the rows it touched.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    step: &Step,
    entry: &RegistryEntry,
) -> Result<(), sqlx::Error> {
    history::write(connection, step, entry).await?;
    for touched in &entry.touched {
        touch(connection, step, touched).await?;
    }
    Ok(())
}

async fn touch(connection: &mut SqliteConnection, step: &Step, touched: &Touched) -> Result<(), sqlx::Error> {
    let query = match touched {
        Touched::Server(server) => self::server(server),
        Touched::Version(server, version) => {
            tools(connection, *server, version).await?;
            self::version(*server, version)
        }
        Touched::ToolDisabled(server, tool) => {
            sqlx::query("REPLACE INTO disabled_tools (server_id, tool, disabled_revision) VALUES (?, ?, ?)")
                .bind(server.to_string())
                .bind(tool.as_str())
                .bind(step.offset.0.cast_signed())
        }
        Touched::ToolEnabled(server, tool) => {
            sqlx::query("DELETE FROM disabled_tools WHERE server_id = ? AND tool = ?")
                .bind(server.to_string())
                .bind(tool.as_str())
        }
        Touched::Grant(grant) => self::grant(grant),
        Touched::GrantRemoved(id) => {
            sqlx::query("DELETE FROM grants WHERE grant_id = ?").bind(id.to_string())
        }
        Touched::GrantsRemoved(server) => {
            sqlx::query("DELETE FROM grants WHERE server_id = ?").bind(server.to_string())
        }
        Touched::Block(block) => self::block(block),
        Touched::BlockRemoved(id) => {
            sqlx::query("DELETE FROM blocks WHERE block_id = ?").bind(id.to_string())
        }
        Touched::Issuer(issuer) => {
            sqlx::query("REPLACE INTO issuers (name, document, changed_revision) VALUES (?, ?, ?)")
                .bind(issuer.value.name.to_string())
                .bind(column::json(&issuer.value)?)
                .bind(issuer.changed.revision.0.cast_signed())
        }
        Touched::IssuerRemoved(name) => {
            sqlx::query("DELETE FROM issuers WHERE name = ?").bind(name.to_string())
        }
        Touched::Settings(settings) => {
            sqlx::query("REPLACE INTO settings (one, document, changed_revision) VALUES (1, ?, ?)")
                .bind(column::json(&settings.value)?)
                .bind(settings.changed.revision.0.cast_signed())
        }
    };
    query.execute(connection).await?;
    Ok(())
}

type Write<'q> = Query<'q, Sqlite, SqliteArguments>;

fn server(server: &Server) -> Write<'_> {
    let latest = server.latest();
    sqlx::query(
        "REPLACE INTO servers (
            server_id, slug, owner, latest_version, production_version,
            registered_revision, changed_revision, disabled_revision, retired_revision)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(server.id.to_string())
    .bind(server.slug.as_str())
    .bind(latest.map_or("", |version| version.manifest.owner.as_str()))
    .bind(latest.map_or(0, |version| version.number.0))
    .bind(server.production.map(|VersionNumber(number)| number))
    .bind(server.registered.revision.0.cast_signed())
    .bind(server.changed.revision.0.cast_signed())
    .bind(
        server
            .disabled
            .as_ref()
            .map(|touch| touch.revision.0.cast_signed()),
    )
    .bind(
        server
            .retired
            .as_ref()
            .map(|touch| touch.revision.0.cast_signed()),
    )
}

fn version(server: ServerId, version: &ServerVersion) -> Write<'_> {
    let manifest = &version.manifest;
    sqlx::query(
        "REPLACE INTO server_versions (
            server_id, version, name, owner_version, owner, url, audience, manifest, digest,
            submitted_revision, approved_revision)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(server.to_string())
    .bind(version.number.0)
    .bind(&manifest.name)
    .bind(&manifest.version)
    .bind(manifest.owner.as_str())
    .bind(manifest.url.as_str())
    .bind(manifest.audience.as_str())
    .bind(&version.manifest_text)
    .bind(manifest.digest.to_string())
    .bind(version.submitted.revision.0.cast_signed())
    .bind(
        version
            .approved
            .as_ref()
            .map(|touch| touch.revision.0.cast_signed()),
    )
}

async fn tools(
    connection: &mut SqliteConnection,
    server: ServerId,
    version: &ServerVersion,
) -> Result<(), sqlx::Error> {
    for tool in version.manifest.tools.values() {
        sqlx::query("REPLACE INTO tools (server_id, version, tool, title, digest) VALUES (?, ?, ?, ?, ?)")
            .bind(server.to_string())
            .bind(version.number.0)
            .bind(tool.name.as_str())
            .bind(tool.title.as_deref())
            .bind(tool.digest.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn grant(grant: &Versioned<Grant>) -> Write<'_> {
    let Versioned {
        value: grant,
        changed,
    } = grant;
    let (kind, subject) = match &grant.subject {
        Subject::Group(group) => ("group", group.as_str()),
        Subject::Role(role) => ("role", role.as_str()),
    };
    sqlx::query(
        "REPLACE INTO grants (
            grant_id, issuer, tenant, subject_kind, subject, server_id, tool, stage, changed_revision)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(grant.id.to_string())
    .bind(grant.issuer.as_str())
    .bind(grant.tenant.as_str())
    .bind(kind)
    .bind(subject)
    .bind(grant.server.to_string())
    .bind(grant.tool.as_ref().map(ToString::to_string))
    .bind(grant.stage.to_string())
    .bind(changed.revision.0.cast_signed())
}

fn block(block: &Versioned<Block>) -> Write<'_> {
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
    sqlx::query(
        "REPLACE INTO blocks (
            block_id, target, issuer, tenant, user_id, client, not_before, changed_revision)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
    )
    .bind(block.id.to_string())
    .bind(target)
    .bind(issuer.as_str())
    .bind(tenant)
    .bind(user)
    .bind(client)
    .bind(block.not_before.map(jiff::Timestamp::as_millisecond))
    .bind(changed.revision.0.cast_signed())
}
