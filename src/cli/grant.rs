//! `onedoor grant`: who may call what.

use onedoor_model::{
    ids::{GrantId, IssuerName, Slug, ToolName},
    registry::Stage,
};
use reqwest::Method;
use serde::{Deserialize, Serialize};

use super::{
    access::Access,
    failure::Failure,
    format::FormatArgs,
    listing::{self, Pages},
    process::Process,
    registered::{self, Kind},
    request::Request,
    server::ReasonArgs,
    table::{Table, maybe, shown},
    touch::Touch,
};

const KIND: Kind = Kind {
    path: "grants",
    name: "grant",
};

/// `onedoor grant`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    format: FormatArgs,
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// The grants, all or some
    List {
        /// On this server
        #[arg(long, value_name = "SLUG")]
        server: Option<Slug>,
        /// By this issuer's word
        #[arg(long, value_name = "NAME")]
        issuer: Option<IssuerName>,
        /// To this group
        #[arg(long, value_name = "ID")]
        group: Option<String>,
        /// To this app role
        #[arg(long)]
        role: Option<String>,
    },
    /// Let the members of a group, or the holders of an app role, call a server's tools
    Add(Grant),
    /// Take a grant back at once
    Remove {
        id: GrantId,
        #[command(flatten)]
        reason: ReasonArgs,
    },
}

#[derive(Debug, clap::Args, Serialize)]
#[group(skip)]
struct Grant {
    /// The issuer whose word on groups and roles counts
    #[arg(long, value_name = "NAME")]
    issuer: IssuerName,
    /// The tenant the group or role belongs to
    #[arg(long, value_name = "ID")]
    tenant: String,
    #[command(flatten)]
    #[serde(flatten)]
    subject: Subject,
    /// The server
    #[arg(long, value_name = "SLUG")]
    server: Slug,
    /// One tool of it; without it, all it has now and later
    #[arg(long, value_name = "NAME")]
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<ToolName>,
    /// qa or production. A grant at one stage says nothing of the other
    #[arg(long, value_parser = stage)]
    stage: Stage,
}

#[derive(Debug, clap::Args, Serialize)]
#[group(required = true, multiple = false)]
struct Subject {
    /// The directory group's object id
    #[arg(long, value_name = "ID")]
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    /// The app role's value
    #[arg(long)]
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<String>,
}

#[derive(Debug, Deserialize)]
struct GrantView {
    id: String,
    issuer: String,
    tenant: String,
    group: Option<String>,
    role: Option<String>,
    server: String,
    tool: Option<String>,
    stage: String,
    changed: Touch,
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        access,
        format: FormatArgs { format },
        action,
    } = args;
    let client = access.client(process, "admin").await?;
    match action {
        Action::List {
            server,
            issuer,
            group,
            role,
        } => {
            let request = Request::get([KIND.path])
                .query("server", server)
                .query("issuer", issuer)
                .query("group", group)
                .query("role", role);
            listing::show(Pages::new(&client, request, KIND.path), format, process, table).await
        }
        Action::Add(grant) => {
            let request = Request::command(Method::POST, [KIND.path])?.json(&grant)?;
            registered::added::<GrantView>(KIND, &client.send(&request).await?, format, process, table)
        }
        Action::Remove { id, reason } => {
            registered::remove(KIND, &client, &id.to_string(), reason, process).await
        }
    }
}

fn table(grants: &[GrantView]) -> Table {
    let mut table = Table::new([
        "ID", "ISSUER", "TENANT", "TO", "SERVER", "TOOL", "STAGE", "SINCE", "BY",
    ]);
    for grant in grants {
        let to = match (&grant.group, &grant.role) {
            (Some(group), _) => format!("group {group}").into(),
            (None, role) => role
                .as_ref()
                .map_or_else(|| maybe(None), |role| format!("role {role}").into()),
        };
        table.row([
            grant.id.as_str().into(),
            grant.issuer.as_str().into(),
            grant.tenant.as_str().into(),
            to,
            grant.server.as_str().into(),
            grant.tool.as_deref().unwrap_or("(all)").into(),
            grant.stage.as_str().into(),
            shown(format_args!("{:.3}", grant.changed.time)),
            grant.changed.who(),
        ]);
    }
    table
}

fn stage(text: &str) -> Result<Stage, String> {
    [Stage::Qa, Stage::Production]
        .into_iter()
        .find(|stage| stage.to_string() == text)
        .ok_or_else(|| "choose qa or production".to_owned())
}
