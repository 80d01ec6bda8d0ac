//! The data folder of `onedoor dev`.

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt as _,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use onedoor_demo::{
    idp::{Endpoints, TokenVersion, directory},
    rates::BASE_PATH,
    server::MCP_PATH,
};
use serde::{Deserialize, Serialize};
use url::Url;

/// Where everything is, for the command line and for tests; there while the door is open.
const PLACES: &str = "dev.json";

/// Where everything was, so that a restart with free ports finds the same ones.
const LAST: &str = "ports.json";

/// All state, for its owner alone.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

/// The origins of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Places {
    pub(super) data: Url,
    pub(super) admin: Url,
    pub(super) idp: Url,
    pub(super) finance: Url,
    pub(super) hr: Url,
    pub(super) rates: Url,
}

/// What `dev.json` says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    data_url: &'a str,
    admin_url: &'a str,
    idp_url: &'a str,
    token_url: String,
    tenant: String,
    issuer: &'static str,
    data_scope: String,
    admin_scope: String,
    client_id: String,
    cli_client_id: String,
    rogue_client_id: String,
    finance_url: String,
    hr_url: String,
    rates_url: String,
    users: Vec<&'static str>,
    groups: serde_json::Value,
    pid: u32,
}

impl Places {
    pub(super) fn new(
        data: &Url,
        admin: &Url,
        idp: &Url,
        finance: &Url,
        hr: &Url,
        rates: &Url,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            data: data.clone(),
            admin: admin.clone(),
            idp: idp.clone(),
            finance: finance.join(MCP_PATH)?,
            hr: hr.join(MCP_PATH)?,
            rates: rates.join(BASE_PATH)?,
        })
    }
}

impl Folder {
    /// Opens the folder, or makes it.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let make = |path: &Path| {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(path)
                .with_context(|| format!("cannot make the folder {}", path.display()))
        };
        let folder = Self(std::path::absolute(path)?);
        make(&folder.0)?;
        make(&folder.keys())?;
        make(&folder.idp())?;
        Ok(folder)
    }

    pub(super) fn log(&self) -> PathBuf {
        self.0.join("log")
    }

    pub(super) fn projection(&self) -> PathBuf {
        self.0.join("projection.db")
    }

    pub(super) fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    pub(super) fn idp(&self) -> PathBuf {
        self.0.join("idp")
    }

    /// Where everything was in the last run, if there was one.
    pub(super) fn last_places(&self) -> Option<Places> {
        let text = fs::read(self.0.join(LAST)).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Says where everything is. Written beside and renamed, so that nobody reads half of it.
    pub(super) fn write_places(&self, places: &Places) -> anyhow::Result<()> {
        fs::write(self.0.join(LAST), serde_json::to_vec_pretty(places)?)?;
        let endpoints = Endpoints::new(&places.idp, directory::TENANT_ID);
        let scope = |api: &directory::Api| format!("{}/{}", api.app_id_uri, api.permission);
        let written = Written {
            data_url: places.data.as_str().trim_end_matches('/'),
            admin_url: places.admin.as_str().trim_end_matches('/'),
            idp_url: places.idp.as_str().trim_end_matches('/'),
            token_url: endpoints.token_endpoint(TokenVersion::V2),
            tenant: directory::TENANT_ID.to_string(),
            issuer: super::bootstrap::ISSUER,
            data_scope: scope(&directory::DATA_API),
            admin_scope: scope(&directory::ADMIN_API),
            client_id: directory::MCP_CLIENT.client_id.to_string(),
            cli_client_id: directory::CLI.client_id.to_string(),
            rogue_client_id: directory::ROGUE.client_id.to_string(),
            finance_url: places.finance.to_string(),
            hr_url: places.hr.to_string(),
            rates_url: places.rates.to_string(),
            users: directory::USERS.iter().map(|user| user.username).collect(),
            groups: serde_json::json!({
                "finance": directory::FINANCE.id, "hr": directory::HR.id, "platform": directory::PLATFORM.id,
            }),
            pid: std::process::id(),
        };
        let (path, beside) = (self.0.join(PLACES), self.0.join("dev.json.new"));
        fs::write(&beside, serde_json::to_vec_pretty(&written)?)
            .and_then(|()| fs::rename(&beside, &path))
            .with_context(|| format!("cannot write {}", path.display()))
    }

    /// Says that nothing is there any more.
    pub(super) fn remove_places(&self) {
        match fs::remove_file(self.0.join(PLACES)) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(%error, "cannot remove dev.json"),
        }
    }
}
