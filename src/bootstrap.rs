//! What the bootstrap file gives a new registry. Whoever changes it through the API since has the last word: the file's own word is
//! taken again only where nobody else has spoken.

use anyhow::Context as _;
use onedoor_model::{
    ids::{AggregateVersion, CommandId, Digest},
    principal::Actor,
    registry::{Command, CommandStamp, Conflict, Issuer, Settings, State, Touch},
};
use onedoor_registry::{Order, Registry, Rejected};

use crate::config::DoorConfig;

/// Who gives the file's commands.
const ACTOR: &str = "bootstrap";

/// What they are given by. The name is in logs that were written before there were replicas, so it stays.
const ROUTE: &str = "onedoor serve";

/// What is to be done about something of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The registry has it so.
    Nothing,
    /// The registry does not have it, or as an earlier file had it: give it for this version.
    Give(AggregateVersion),
    /// Somebody changed it through the API.
    Leave,
}

/// Gives what the registry does not have yet, and says where it has something else.
pub(crate) async fn run(registry: &Registry, config: &DoorConfig) -> anyhow::Result<()> {
    for issuer in &config.issuers {
        trust(registry, issuer).await?;
    }
    if let Some(settings) = &config.settings {
        set(registry, settings).await?;
    }
    let state = registry.state();
    if state.issuers().next().is_none() {
        tracing::warn!(
            "no identity provider is trusted, so nobody can sign in: add [[issuers]] to the bootstrap file"
        );
    } else if state.issuers().all(|issuer| issuer.value.admin.is_none()) {
        tracing::warn!("no identity provider is good for the admin plane: give an issuer its `admin` part");
    }
    for admin in &config.first_admins {
        if state.issuer(&admin.issuer).is_none() {
            tracing::warn!(%admin, "a first admin of an issuer that is not trusted");
        }
    }
    Ok(())
}

async fn trust(registry: &Registry, issuer: &Issuer) -> anyhow::Result<()> {
    let is_kept = |state: &State| {
        state
            .issuer(&issuer.name)
            .is_some_and(|kept| *kept.value == *issuer)
    };
    let state = registry.state();
    let touch = state.issuer(&issuer.name).map(|kept| &kept.changed);
    let step = step(is_kept(&state), touch);
    let what = format!("issuer-{}", issuer.name);
    give(registry, &what, step, || Command::Trust(Box::new(issuer.clone()))).await?;
    if !is_kept(&registry.state()) {
        tracing::warn!(issuer = %issuer.name, "the bootstrap file's issuer differs from the registry's, which counts");
    }
    Ok(())
}

async fn set(registry: &Registry, settings: &Settings) -> anyhow::Result<()> {
    let is_kept = |state: &State| state.settings().is_some_and(|kept| kept.value == *settings);
    let state = registry.state();
    let step = step(is_kept(&state), state.settings().map(|kept| &kept.changed));
    give(registry, "settings", step, || {
        Command::Set(Box::new(settings.clone()))
    })
    .await?;
    if !is_kept(&registry.state()) {
        tracing::warn!("the bootstrap file's settings differ from the registry's, which count");
    }
    Ok(())
}

/// Whether the registry has it so, and who touched it last, decide.
fn step(is_kept: bool, touch: Option<&Touch>) -> Step {
    match touch {
        None => Step::Give(AggregateVersion::NONE),
        Some(_) if is_kept => Step::Nothing,
        Some(touch) if touch.actor == Some(actor()) => Step::Give(touch.version()),
        Some(_) => Step::Leave,
    }
}

/// Gives a command, if it is to be given.
///
/// The command's id names the version it is given for, so that it is given once, by whichever replica comes first: what was removed
/// through the API stays removed.
async fn give(
    registry: &Registry,
    what: &str,
    step: Step,
    command: impl FnOnce() -> Command,
) -> anyhow::Result<()> {
    let expected = match step {
        Step::Nothing | Step::Leave => return Ok(()),
        Step::Give(version) => version,
    };
    let id = format!("{what}-after-{}", expected.0);
    let order = Order {
        command: command(),
        expected: Some(expected),
        stamp: CommandStamp {
            id: CommandId::new(&*id)?,
            route: ROUTE.to_owned(),
            digest: Digest::of(id.as_bytes()),
        },
        actor: actor(),
        reason: Some("set up by the bootstrap file".to_owned()),
        traceparent: None,
    };
    match registry.execute(order).await {
        Ok(applied) if applied.retried => Ok(()),
        Ok(_) => {
            tracing::info!(what, "taken from the bootstrap file");
            Ok(())
        }
        // Another replica, or somebody through the API, was faster.
        Err(Rejected::Conflict(Conflict::VersionPassed { .. } | Conflict::Exists(_))) => Ok(()),
        Err(error) => Err(error).with_context(|| format!("cannot give the command {id}")),
    }
}

fn actor() -> Actor {
    Actor::System {
        name: ACTOR.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use onedoor_registry::Boot;

    use super::*;

    async fn registry() -> Arc<Registry> {
        let log = onedoor_log::open("memory://").await.unwrap();
        let boot = Boot::new("test".parse().unwrap());
        let (registry, follow) = Registry::open(log, &boot).await.unwrap();
        tokio::spawn(follow);
        registry
    }

    fn issuer(jwks_uri: &str) -> Issuer {
        let plane = |audience: &str| serde_json::json!({ "audiences": [audience], "clients": ["cli"] });
        onedoor_admin::read_issuer(serde_json::json!({
            "name": "corp",
            "urls": ["https://login.example"],
            "tenants": ["corp"],
            "jwksUri": jwks_uri,
            "authorizationServer": "https://login.example",
            "algorithms": ["RS256"],
            "data": plane("api://data"),
            "admin": plane("api://admin"),
        }))
        .unwrap()
    }

    fn jwks_uri(registry: &Registry) -> Option<String> {
        let state = registry.state();
        let kept = state.issuer(&"corp".parse().unwrap());
        kept.map(|kept| kept.value.jwks_uri.clone())
    }

    /// Changes the registry as somebody else than the file does.
    async fn by_hand(registry: &Registry, command: Command) {
        let version = registry
            .state()
            .issuer(&"corp".parse().unwrap())
            .map_or(AggregateVersion::NONE, |kept| kept.changed.version());
        let order = Order {
            command,
            expected: Some(version),
            stamp: CommandStamp {
                id: "by-hand".parse().unwrap(),
                route: "test".to_owned(),
                digest: Digest::of(b""),
            },
            actor: Actor::System {
                name: "somebody".to_owned(),
            },
            reason: None,
            traceparent: None,
        };
        registry.execute(order).await.unwrap();
    }

    #[tokio::test]
    async fn the_file_may_be_mended_as_long_as_nobody_else_has_spoken() {
        let registry = registry().await;
        for jwks_uri in [
            "https://wrong.example",
            "https://right.example",
            "https://wrong.example",
        ] {
            trust(&registry, &issuer(jwks_uri)).await.unwrap();
            assert_eq!(self::jwks_uri(&registry).as_deref(), Some(jwks_uri));
        }
        let revision = registry.state().revision();
        trust(&registry, &issuer("https://wrong.example")).await.unwrap();
        assert_eq!(registry.state().revision(), revision, "the same again is nothing");
    }

    #[tokio::test]
    async fn what_was_changed_through_the_api_stays() {
        let registry = registry().await;
        trust(&registry, &issuer("https://file.example")).await.unwrap();
        let changed = issuer("https://api.example");
        by_hand(&registry, Command::Trust(Box::new(changed))).await;
        for again in ["https://file.example", "https://newer-file.example"] {
            trust(&registry, &issuer(again)).await.unwrap();
            assert_eq!(jwks_uri(&registry).as_deref(), Some("https://api.example"));
        }
    }

    #[tokio::test]
    async fn what_was_removed_through_the_api_stays_removed() {
        let registry = registry().await;
        trust(&registry, &issuer("https://file.example")).await.unwrap();
        let name = "corp".parse().unwrap();
        by_hand(&registry, Command::Distrust { name }).await;
        trust(&registry, &issuer("https://file.example")).await.unwrap();
        assert_eq!(jwks_uri(&registry), None);
    }

    #[tokio::test]
    async fn settings_follow_the_same_rule() {
        let registry = registry().await;
        let with = |token_b_seconds| Settings {
            token_b_seconds,
            ..Settings::default()
        };
        let kept = || registry.state().settings().unwrap().value.token_b_seconds;
        for seconds in [100, 200] {
            set(&registry, &with(seconds)).await.unwrap();
            assert_eq!(kept(), seconds);
        }
    }
}
