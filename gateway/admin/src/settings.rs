//! Settings: show and change.

use std::collections::BTreeMap;

use deserr::Deserr;
use onedoor_model::{
    ids::{AggregateVersion, Slug},
    manifest::Fault,
    registry::{Breaker, Command, Limits, RateLimit, RateLimits, SecretRef, Settings, UpstreamTls},
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::{ChangeSettings, ReadSettings},
    answer::{Changed, Shown},
    body::{Given, Json},
    endpoint::endpoint,
    faults::Faults,
    order::Incoming,
    permission::May,
    precondition::IfMatch,
    read::{Everything, Read},
    refusal::Refusal,
    text::{FromText, Text, Wrong},
    view::SettingsView,
};

/// The settings to be. What is left out gets its default.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewSettings {
    /// Sizes and counts that are refused beyond.
    #[deserr(default)]
    limits: Option<NewLimits>,
    /// Tolerance for other hosts' clocks, in seconds.
    #[deserr(default)]
    clock_leeway_seconds: Option<u64>,
    /// Lifetime of a Token B that the gateway issues, in seconds.
    #[deserr(default)]
    token_b_seconds: Option<u64>,
    /// Refusals of one caller that are recorded one by one, per minute.
    #[deserr(default)]
    denials_per_minute: Option<u32>,
    /// Browser origins that may call, beside the door's own.
    #[deserr(default)]
    allowed_origins: Option<Vec<String>>,
    /// Networks that upstreams and identity providers may be in although they are not public, such as `10.0.0.0/8`.
    #[deserr(default)]
    #[schema(value_type = Option<Vec<String>>)]
    internal_networks: Option<Vec<Text<Network>>>,
    /// When calls to a failing server are no longer tried.
    #[deserr(default)]
    breaker: Option<NewBreaker>,
    /// How often calls may be made.
    #[deserr(default)]
    rate_limits: Option<NewRateLimits>,
    /// TLS towards servers that need more than the machine's certificate authorities, by slug.
    #[deserr(default)]
    #[schema(value_type = Option<BTreeMap<String, NewUpstreamTls>>)]
    upstream_tls: Option<BTreeMap<String, NewUpstreamTls>>,
}

/// When calls to a failing server are no longer tried. What is left out gets its default.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewBreaker {
    /// Failures in a row after which a server is left alone.
    #[deserr(default)]
    failures: Option<u32>,
    /// For how long at first, in milliseconds.
    #[deserr(default)]
    open_ms: Option<u64>,
}

/// How often calls may be made. What is left out is not limited.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewRateLimits {
    /// Calls of each user, through whichever client app.
    #[deserr(default)]
    per_user: Option<NewRateLimit>,
    /// Calls through each client app, of whichever user or on its own behalf.
    #[deserr(default)]
    per_client: Option<NewRateLimit>,
    /// Calls to each server, by whomever.
    #[deserr(default)]
    per_server: Option<NewRateLimit>,
}

/// How often something may happen.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewRateLimit {
    /// How often in a minute, in the long run.
    per_minute: u32,
    /// How often at once, after a pause; a minute's worth where it is left out.
    #[deserr(default)]
    burst: Option<u32>,
}

/// TLS towards one server. Each is the place of a PEM file or text: `file:/absolute/path` or `env:NAME`.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewUpstreamTls {
    /// Certificate authorities that its certificate must go back to, instead of the machine's.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    ca: Option<Text<SecretRef>>,
    /// The gateway's certificate for it, with its chain.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    certificate: Option<Text<SecretRef>>,
    /// The private key of that certificate.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    key: Option<Text<SecretRef>>,
}

/// The limits to be. What is left out gets its default.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewLimits {
    /// A request's body on the data plane, in bytes.
    #[deserr(default)]
    body_bytes: Option<u64>,
    /// An upstream's JSON answer, in bytes.
    #[deserr(default)]
    answer_bytes: Option<u64>,
    /// One server-sent event, in bytes.
    #[deserr(default)]
    sse_event_bytes: Option<u64>,
    /// Nesting of JSON.
    #[deserr(default)]
    json_depth: Option<u32>,
    /// Entries on a page where the caller names no number.
    #[deserr(default)]
    page: Option<u32>,
    /// Entries on a page at most.
    #[deserr(default)]
    page_max: Option<u32>,
    /// Calls under way to one server.
    #[deserr(default)]
    upstream_calls: Option<u32>,
}

/// A network, in the model's type for it.
type Network = ipnet::IpNet;

impl Given for NewSettings {}

impl FromText for Network {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        text.parse().map_err(|_| {
            Wrong::not_a(
                "a network",
                text,
                "write it as address/length, such as 10.0.0.0/8",
            )
        })
    }
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(endpoint(__path_show, show))
        .routes(endpoint(__path_change, change))
}

/// Show the settings
#[utoipa::path(get, path = "/settings", operation_id = "showSettings")]
async fn show(_may: May<ReadSettings>, read: Read<Everything>) -> Result<Shown<SettingsView>, Refusal> {
    let view = SettingsView::of(&read.state);
    Ok(Shown {
        version: AggregateVersion(view.version),
        view,
    })
}

/// Change the settings
///
/// They become what is sent; what is left out gets its default.
#[utoipa::path(put, path = "/settings", operation_id = "changeSettings")]
async fn change(
    may: May<ChangeSettings>,
    incoming: Incoming<Json<NewSettings>, IfMatch>,
) -> Result<Changed<SettingsView>, Refusal> {
    let settings = incoming.body.0.into_settings().map_err(Refusal::Body)?;
    Faults::refuse_any(settings.faults()).map_err(Refusal::Body)?;
    let command = Command::Set(Box::new(settings));
    let done = may.execute(incoming.head, command, Some(incoming.when.0)).await?;
    let view = SettingsView::of(&done.state);
    Ok(Changed {
        version: AggregateVersion(view.version),
        view,
        applied: done.applied,
    })
}

/// Reads settings that stand in a file, in the form that the API takes.
///
/// # Errors
/// All that is wrong with them, each with a JSON pointer.
pub fn read_settings(document: serde_json::Value) -> Result<Settings, Vec<Fault>> {
    let settings = deserr::deserialize::<NewSettings, _, Faults>(document)
        .and_then(NewSettings::into_settings)
        .map_err(Faults::into_vec)?;
    let faults = settings.faults();
    if faults.is_empty() {
        Ok(settings)
    } else {
        Err(faults)
    }
}

impl NewSettings {
    fn into_settings(self) -> Result<Settings, Faults> {
        let default = Settings::default();
        Ok(Settings {
            limits: self.limits.map(NewLimits::into_limits).unwrap_or_default(),
            clock_leeway_seconds: self.clock_leeway_seconds.unwrap_or(default.clock_leeway_seconds),
            token_b_seconds: self.token_b_seconds.unwrap_or(default.token_b_seconds),
            denials_per_minute: self.denials_per_minute.unwrap_or(default.denials_per_minute),
            allowed_origins: self
                .allowed_origins
                .map_or(default.allowed_origins, |origins| origins.into_iter().collect()),
            internal_networks: self
                .internal_networks
                .map_or(default.internal_networks, |networks| {
                    networks.into_iter().map(|Text(it)| it).collect()
                }),
            breaker: self.breaker.map(NewBreaker::into_breaker).unwrap_or_default(),
            rate_limits: self
                .rate_limits
                .map(NewRateLimits::into_limits)
                .unwrap_or_default(),
            upstream_tls: self
                .upstream_tls
                .map(upstream_tls)
                .transpose()?
                .unwrap_or_default(),
        })
    }
}

/// Each slug with its TLS.
fn upstream_tls(given: BTreeMap<String, NewUpstreamTls>) -> Result<BTreeMap<Slug, UpstreamTls>, Faults> {
    let mut wrong = Vec::new();
    let mut named = BTreeMap::new();
    for (name, tls) in given {
        match Slug::new(name.as_str()) {
            Ok(slug) => {
                named.insert(slug, tls.into_tls());
            }
            Err(invalid) => wrong.push(Fault {
                pointer: "/upstreamTls".to_owned(),
                message: format!("{name:?} is not a slug: {}", invalid.rule),
                hint: "name the server by its slug".to_owned(),
            }),
        }
    }
    Faults::refuse_any(wrong)?;
    Ok(named)
}

impl NewBreaker {
    fn into_breaker(self) -> Breaker {
        let default = Breaker::default();
        Breaker {
            failures: self.failures.unwrap_or(default.failures),
            open_ms: self.open_ms.unwrap_or(default.open_ms),
        }
    }
}

impl NewRateLimits {
    fn into_limits(self) -> RateLimits {
        let limit = |given: Option<NewRateLimit>| {
            given.map(|NewRateLimit { per_minute, burst }| RateLimit {
                per_minute,
                burst: burst.unwrap_or(per_minute),
            })
        };
        RateLimits {
            per_user: limit(self.per_user),
            per_client: limit(self.per_client),
            per_server: limit(self.per_server),
        }
    }
}

impl NewUpstreamTls {
    fn into_tls(self) -> UpstreamTls {
        let place = |given: Option<Text<SecretRef>>| given.map(|Text(place)| place);
        UpstreamTls {
            ca: place(self.ca),
            certificate: place(self.certificate),
            key: place(self.key),
        }
    }
}

impl NewLimits {
    fn into_limits(self) -> Limits {
        let default = Limits::default();
        Limits {
            body_bytes: self.body_bytes.unwrap_or(default.body_bytes),
            answer_bytes: self.answer_bytes.unwrap_or(default.answer_bytes),
            sse_event_bytes: self.sse_event_bytes.unwrap_or(default.sse_event_bytes),
            json_depth: self.json_depth.unwrap_or(default.json_depth),
            page: self.page.unwrap_or(default.page),
            page_max: self.page_max.unwrap_or(default.page_max),
            upstream_calls: self.upstream_calls.unwrap_or(default.upstream_calls),
        }
    }
}
