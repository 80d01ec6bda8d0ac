//! `onedoor issuer`: identity providers whose tokens are accepted.

use std::path::PathBuf;

use onedoor_model::ids::IssuerName;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::{
    access::Access,
    answer::Unintelligible,
    client::Client,
    document,
    edited::Edited,
    etag::{ETag, IfMatchArgs},
    failure::Failure,
    format::{Format, FormatArgs},
    listing::{self, Pages, read_all},
    process::Process,
    registered::{self, Kind},
    request::Request,
    server::ReasonArgs,
    table::{Table, shown},
    touch::Touch,
};

const KIND: Kind = Kind {
    path: "issuers",
    name: "issuer",
};

/// `onedoor issuer`.
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
    /// All trusted issuers
    List,
    /// One trusted issuer
    Show { name: IssuerName },
    /// Trust an issuer
    Add {
        /// The issuer as JSON; `-` reads stdin
        file: PathBuf,
        #[command(flatten)]
        reason: ReasonArgs,
    },
    /// Change a trusted issuer: give back, edited, what `show --format json` gives
    Update {
        name: IssuerName,
        /// The issuer as JSON; `-` reads stdin
        file: PathBuf,
        #[command(flatten)]
        reason: ReasonArgs,
        #[command(flatten)]
        if_match: IfMatchArgs,
    },
    /// Accept its tokens no more, from now on
    Remove {
        name: IssuerName,
        #[command(flatten)]
        reason: ReasonArgs,
    },
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct IssuerView {
    name: String,
    urls: Vec<String>,
    tenants: Vec<String>,
    jwks_uri: String,
    authorization_server: String,
    algorithms: Vec<String>,
    data: PlaneView,
    admin: Option<PlaneView>,
    version: u64,
    changed: Touch,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlaneView {
    audiences: Vec<String>,
    clients: Vec<String>,
    required_scope: Option<String>,
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
        Action::Show { name } => {
            let issuer = find(&client, &name).await?;
            match format {
                Format::Json => process.out.json(&issuer)?,
                Format::Table => process.out.table(&read(issuer)?.facts())?,
            }
            Ok(())
        }
        Action::Add {
            file,
            reason: ReasonArgs { reason },
        } => {
            let Edited { document, version: _ } = Edited::of(document::read(&file, process.input)?)?;
            let request = Request::command(Method::POST, [KIND.path])?
                .document(document)
                .reason(reason.as_deref())?;
            registered::added::<IssuerView>(KIND, &client.send(&request).await?, format, process, table)
        }
        Action::Update {
            name,
            file,
            reason: ReasonArgs { reason },
            if_match,
        } => {
            let edited = Edited::of(document::read(&file, process.input)?)?;
            let version = match if_match.if_match.or(edited.version) {
                Some(version) => version,
                None => ETag::of(read(find(&client, &name).await?)?.version),
            };
            process.notes.line(&format!(
                "changing issuer {name}, last changed at revision {version}"
            ))?;
            let request = Request::command(Method::PUT, [KIND.path, name.as_str()])?
                .document(edited.document)
                .if_match(version)?
                .reason(reason.as_deref())?;
            registered::added::<IssuerView>(KIND, &client.send(&request).await?, format, process, table)
        }
        Action::Remove { name, reason } => {
            registered::remove(KIND, &client, name.as_str(), reason, process).await
        }
    }
}

/// An issuer as the list of all gives it: the API shows no single one.
async fn find(client: &Client, name: &IssuerName) -> Result<Value, Failure> {
    let mut pages = Pages::new(client, Request::get([KIND.path]), KIND.path);
    while let Some(issuers) = pages.next().await? {
        if let Some(issuer) = read_all::<Value>(&issuers)?
            .into_iter()
            .find(|issuer| issuer["name"] == name.as_str())
        {
            return Ok(issuer);
        }
    }
    Err(Failure::NotFound(format!("issuer {name}")))
}

fn read(issuer: Value) -> Result<IssuerView, Unintelligible> {
    Ok(serde_json::from_value(issuer)?)
}

fn table(issuers: &[IssuerView]) -> Table {
    let mut table = Table::new([
        "NAME",
        "ISSUER URLS",
        "TENANTS",
        "ALGORITHMS",
        "PLANES",
        "CHANGED",
        "BY",
    ]);
    for issuer in issuers {
        table.row([
            issuer.name.as_str().into(),
            issuer.urls.join(" ").into(),
            issuer.tenants.join(" ").into(),
            issuer.algorithms.join(" ").into(),
            if issuer.admin.is_some() {
                "data, admin"
            } else {
                "data"
            }
            .into(),
            shown(format_args!("{:.3}", issuer.changed.time)),
            issuer.changed.who(),
        ]);
    }
    table
}

impl IssuerView {
    fn facts(&self) -> Table {
        let mut table = Table::of_one(["ISSUER", &self.name]);
        for (name, values) in [
            ("urls", &self.urls),
            ("tenants", &self.tenants),
            ("algorithms", &self.algorithms),
        ] {
            table.row([name.into(), values.join(" ").into()]);
        }
        table.row(["signing keys".into(), self.jwks_uri.as_str().into()]);
        table.row([
            "authorization server".into(),
            self.authorization_server.as_str().into(),
        ]);
        for (name, plane) in [
            ("data plane", Some(&self.data)),
            ("admin plane", self.admin.as_ref()),
        ] {
            table.row([
                name.into(),
                plane.map_or_else(|| "its tokens are no good there".into(), PlaneView::shown),
            ]);
        }
        table.row([
            "changed".into(),
            format!("at revision {}, by {}", self.version, self.changed).into(),
        ]);
        table
    }
}

impl PlaneView {
    fn shown(&self) -> std::borrow::Cow<'_, str> {
        let scope = self
            .required_scope
            .as_ref()
            .map_or_else(String::new, |scope| format!("; scope {scope}"));
        format!(
            "audiences {}; client apps {}{scope}",
            self.audiences.join(" "),
            self.clients.join(" ")
        )
        .into()
    }
}
