//! `onedoor block`: users and client apps that are kept out.

use onedoor_model::ids::{BlockId, IssuerName};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

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
    path: "blocks",
    name: "block",
};

/// `onedoor block`.
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
    /// All blocks
    List,
    /// Keep out a user or a client app at once, whatever is granted
    Add {
        /// The issuer of their tokens
        #[arg(long, value_name = "NAME")]
        issuer: IssuerName,
        #[command(flatten)]
        target: Target,
        /// Let tokens issued at this time or later pass again (RFC 3339); without it, none passes
        #[arg(long, value_name = "TIME")]
        not_before: Option<String>,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Let in again
    Remove {
        id: BlockId,
        #[command(flatten)]
        reason: ReasonArgs,
    },
}

#[derive(Debug, clap::Args)]
struct Target {
    /// The user's object id
    #[arg(
        long,
        value_name = "ID",
        requires = "tenant",
        conflicts_with = "client",
        required_unless_present = "client"
    )]
    user: Option<String>,
    /// The user's tenant
    #[arg(long, value_name = "ID", requires = "user")]
    tenant: Option<String>,
    /// The client app's id
    #[arg(long, value_name = "ID")]
    client: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct BlockView {
    id: String,
    user: Option<UserView>,
    client: Option<ClientView>,
    not_before: Option<String>,
    changed: Touch,
}

#[derive(Debug, Deserialize)]
struct UserView {
    issuer: String,
    tenant: String,
    user: String,
}

#[derive(Debug, Deserialize)]
struct ClientView {
    issuer: String,
    client: String,
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        access,
        format: FormatArgs { format },
        action,
    } = args;
    let client = access.client(process, "admin").await?;
    match action {
        Action::List => {
            let pages = Pages::new(&client, Request::get([KIND.path]), KIND.path);
            listing::show(pages, format, process, table).await
        }
        Action::Add {
            issuer,
            target,
            not_before,
            reason: ReasonArgs { reason },
        } => {
            let mut body = target.of(&issuer);
            for (name, value) in [("notBefore", not_before), ("reason", reason)] {
                if let Some(value) = value {
                    body[name] = value.into();
                }
            }
            let request = Request::command(Method::POST, [KIND.path])?.json(&body)?;
            registered::added::<BlockView>(KIND, &client.send(&request).await?, format, process, table)
        }
        Action::Remove { id, reason } => {
            registered::remove(KIND, &client, &id.to_string(), reason, process).await
        }
    }
}

impl Target {
    fn of(self, issuer: &IssuerName) -> Value {
        match self.client {
            Some(client) => json!({ "client": { "issuer": issuer, "client": client } }),
            None => json!({ "user": { "issuer": issuer, "tenant": self.tenant, "user": self.user } }),
        }
    }
}

fn table(blocks: &[BlockView]) -> Table {
    let mut table = Table::new([
        "ID",
        "KEEPS OUT",
        "ISSUER",
        "TENANT",
        "UNTIL ISSUED",
        "SINCE",
        "BY",
        "REASON",
    ]);
    for block in blocks {
        let (whom, issuer, tenant) = match (&block.user, &block.client) {
            (Some(user), _) => (
                format!("user {}", user.user),
                Some(&user.issuer),
                Some(&user.tenant),
            ),
            (None, Some(client)) => (format!("client {}", client.client), Some(&client.issuer), None),
            (None, None) => ("nobody known to this version".to_owned(), None, None),
        };
        table.row([
            block.id.as_str().into(),
            whom.into(),
            maybe(issuer.map(String::as_str)),
            maybe(tenant.map(String::as_str)),
            block.not_before.as_deref().unwrap_or("(ever)").into(),
            shown(format_args!("{:.3}", block.changed.time)),
            block.changed.who(),
            maybe(block.changed.reason.as_deref()),
        ]);
    }
    table
}
