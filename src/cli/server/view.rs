//! How a server is shown to a person.

use std::{borrow::Cow, io};

use serde::Deserialize;

use crate::cli::{
    screen::Screen,
    table::{NOTHING, Table, maybe, shown},
    touch::Touch,
};

/// A server as the API shows it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::cli) struct ServerView {
    pub(in crate::cli) slug: String,
    name: String,
    title: Option<String>,
    description: String,
    owner: String,
    url: String,
    version: u64,
    status: String,
    latest: u32,
    production: Option<u32>,
    versions: Vec<VersionView>,
    disabled: Option<Touch>,
    retired: Option<Touch>,
    pub(in crate::cli) tools: Vec<ToolView>,
    registered: Touch,
    changed: Touch,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VersionView {
    number: u32,
    version: String,
    digest: String,
    approved: bool,
    approved_by: Option<Touch>,
    submitted: Touch,
    tools: usize,
    tie: TieView,
}

/// What ties a version's tokens to a place, and is approved.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TieView {
    owner: String,
    url: String,
    audience: String,
    strategy: String,
    required_scope: String,
}

#[derive(Debug, Deserialize)]
pub(in crate::cli) struct ToolView {
    pub(in crate::cli) name: String,
    title: Option<String>,
    description: String,
    pub(in crate::cli) disabled: bool,
}

/// All servers.
pub(super) fn list(servers: &[ServerView]) -> Table {
    let mut table = Table::new(["SLUG", "STATUS", "LATEST", "PRODUCTION", "TOOLS", "OWNER", "URL"]);
    for server in servers {
        table.row([
            server.slug.as_str().into(),
            server.status.as_str().into(),
            shown(server.latest),
            server.production.map_or(NOTHING.into(), shown),
            shown(server.tools.len()),
            server.owner.as_str().into(),
            server.url.as_str().into(),
        ]);
    }
    table
}

/// The tools of servers.
pub(in crate::cli) fn tools<'a>(servers: impl IntoIterator<Item = &'a ServerView>) -> Table {
    let mut table = Table::new(["SERVER", "TOOL", "STATE", "DESCRIPTION"]);
    for server in servers {
        for tool in &server.tools {
            table.row([
                server.slug.as_str().into(),
                tool.name.as_str().into(),
                tool.state().into(),
                tool.about(),
            ]);
        }
    }
    table
}

impl ServerView {
    /// Everything about it.
    pub(super) fn show(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let mut facts = Table::of_one(["SERVER", &self.slug]);
        let mut fact = |name: &'static str, value: Cow<'_, str>| facts.row([name.into(), value]);
        fact("status", self.status.as_str().into());
        fact("name", self.name.as_str().into());
        fact("title", maybe(self.title.as_deref()));
        fact("description", self.description.as_str().into());
        fact("owner", self.owner.as_str().into());
        fact("url", self.url.as_str().into());
        for (name, touch) in [("disabled", &self.disabled), ("retired", &self.retired)] {
            if let Some(touch) = touch {
                fact(name, format!("by {touch}").into());
            }
        }
        fact("registered", format!("by {}", self.registered).into());
        fact(
            "changed",
            format!("at revision {}, by {}", self.version, self.changed).into(),
        );
        screen.table(&facts)?;
        screen.blank()?;
        screen.table(&self.versions())?;
        screen.blank()?;
        screen.table(&self.ties())?;
        screen.blank()?;
        screen.table(&tools([self]))
    }

    /// What it is now, on one line.
    pub(super) fn summary(&self) -> String {
        let production = self.production.map_or(String::new(), |number| {
            format!(", version {number} in production")
        });
        let off = self.tools.iter().filter(|tool| tool.disabled).count();
        let off = if off == 0 {
            String::new()
        } else {
            format!(", {off} of {} tools disabled", self.tools.len())
        };
        format!(
            "{}: {}, latest version {}{production}{off}",
            self.slug, self.status, self.latest
        )
    }

    /// Says what a command is about to act on: for one version, or for none in particular the latest, with its tie.
    pub(super) fn announce(
        &self,
        doing: &str,
        number: Option<u32>,
        screen: &mut Screen<'_>,
    ) -> io::Result<()> {
        screen.line(&format!(
            "{doing} {}; last changed at revision {}",
            self.summary(),
            self.version
        ))?;
        let number = number.unwrap_or(self.latest);
        match self.versions.iter().find(|version| version.number == number) {
            Some(VersionView { tie, .. }) => screen.line(&format!(
                "version {number}: owner {}, url {}, audience {}, scope {}, strategy {}",
                tie.owner, tie.url, tie.audience, tie.required_scope, tie.strategy
            )),
            None => Ok(()),
        }
    }

    /// What has to be done before its latest version is served to all it is meant for.
    pub(super) fn next_step(&self) -> Option<String> {
        if self.retired.is_some() || self.disabled.is_some() {
            return None;
        }
        let latest = self
            .versions
            .iter()
            .find(|version| version.number == self.latest)?;
        let (slug, number) = (&self.slug, self.latest);
        if !latest.approved {
            Some(format!(
                "next: a Security.Admin approves where its tokens go: onedoor server approve {slug}"
            ))
        } else if self.production != Some(number) {
            Some(format!(
                "next: version {number} is at stage qa; to put it into production: onedoor server promote {slug}"
            ))
        } else {
            None
        }
    }

    fn versions(&self) -> Table {
        let mut table = Table::new([
            "VERSION",
            "OF THE OWNER",
            "STAGE",
            "APPROVED",
            "SUBMITTED",
            "TOOLS",
            "DIGEST",
        ]);
        for version in &self.versions {
            let approved = match &version.approved_by {
                Some(touch) => format!("by {}", touch.signature()).into(),
                None if version.approved => "yes".into(),
                None => "no".into(),
            };
            table.row([
                shown(version.number),
                version.version.as_str().into(),
                self.stage_of(version.number).into(),
                approved,
                format!("by {}", version.submitted.signature()).into(),
                shown(version.tools),
                version.digest.as_str().into(),
            ]);
        }
        table
    }

    fn ties(&self) -> Table {
        let mut table = Table::new(["VERSION", "OWNER", "URL", "AUDIENCE", "SCOPE", "STRATEGY"]);
        for VersionView { number, tie, .. } in &self.versions {
            table.row([
                shown(number),
                tie.owner.as_str().into(),
                tie.url.as_str().into(),
                tie.audience.as_str().into(),
                tie.required_scope.as_str().into(),
                tie.strategy.as_str().into(),
            ]);
        }
        table
    }

    fn stage_of(&self, number: u32) -> &'static str {
        match (self.latest == number, self.production == Some(number)) {
            (true, true) => "qa, production",
            (true, false) => "qa",
            (false, true) => "production",
            (false, false) => NOTHING,
        }
    }
}

impl ToolView {
    fn state(&self) -> &'static str {
        if self.disabled { "disabled" } else { "enabled" }
    }

    fn about(&self) -> Cow<'_, str> {
        match &self.title {
            Some(title) => format!("{title}: {}", self.description).into(),
            None => self.description.as_str().into(),
        }
    }
}
