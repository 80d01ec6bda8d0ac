//! How the settings are shown.

use std::collections::BTreeMap;

use onedoor_model::registry::{Limits, RateLimit, RateLimits, SecretRef, Settings, State, UpstreamTls};
use serde::Serialize;
use utoipa::ToSchema;

use super::TouchView;

/// The settings in force.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SettingsView {
    /// Sizes and counts that are refused beyond.
    pub limits: LimitsView,
    /// Tolerance for other hosts' clocks, in seconds.
    pub clock_leeway_seconds: u64,
    /// Lifetime of a Token B that the gateway issues, in seconds.
    pub token_b_seconds: u64,
    /// Refusals of one caller that are recorded one by one, per minute.
    pub denials_per_minute: u32,
    /// Browser origins that may call, beside the door's own.
    pub allowed_origins: Vec<String>,
    /// Networks that upstreams and identity providers may be in although they are not public.
    pub internal_networks: Vec<String>,
    /// When calls to a failing server are no longer tried.
    pub breaker: BreakerView,
    /// How often calls may be made.
    pub rate_limits: RateLimitsView,
    /// TLS towards servers that need more than the machine's certificate authorities, by slug.
    pub upstream_tls: BTreeMap<String, UpstreamTlsView>,
    /// What `If-Match` names: the revision of the last change; 0 where nobody has set any.
    pub version: u64,
    /// The last change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<TouchView>,
}

/// Sizes and counts that are refused beyond.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LimitsView {
    /// A request's body on the data plane, in bytes.
    pub body_bytes: u64,
    /// An upstream's JSON answer, in bytes.
    pub answer_bytes: u64,
    /// One server-sent event, in bytes.
    pub sse_event_bytes: u64,
    /// Nesting of JSON.
    pub json_depth: u32,
    /// Entries on a page where the caller names no number.
    pub page: u32,
    /// Entries on a page at most.
    pub page_max: u32,
    /// Calls under way to one server.
    pub upstream_calls: u32,
}

/// When calls to a failing server are no longer tried.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct BreakerView {
    /// Failures in a row after which a server is left alone.
    pub failures: u32,
    /// For how long at first, in milliseconds.
    pub open_ms: u64,
}

/// How often calls may be made; what is left out is not limited.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RateLimitsView {
    /// Calls of each user, through whichever client app.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_user: Option<RateLimitView>,
    /// Calls through each client app, of whichever user or on its own behalf.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_client: Option<RateLimitView>,
    /// Calls to each server, by whomever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub per_server: Option<RateLimitView>,
}

/// How often something may happen.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RateLimitView {
    /// How often in a minute, in the long run.
    pub per_minute: u32,
    /// How often at once, after a pause.
    pub burst: u32,
}

/// TLS towards one server: the places of PEM files or texts.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UpstreamTlsView {
    /// Certificate authorities that its certificate must go back to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<String>,
    /// The gateway's certificate for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// The private key of that certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl SettingsView {
    /// How the settings are shown, the defaults where nobody has set any.
    #[must_use]
    pub(crate) fn of(state: &State) -> Self {
        let defaults = Settings::default();
        let kept = state.settings();
        let settings = kept.map_or(&defaults, |kept| &kept.value);
        Self {
            limits: LimitsView::of(&settings.limits),
            clock_leeway_seconds: settings.clock_leeway_seconds,
            token_b_seconds: settings.token_b_seconds,
            denials_per_minute: settings.denials_per_minute,
            allowed_origins: settings.allowed_origins.iter().cloned().collect(),
            internal_networks: settings
                .internal_networks
                .iter()
                .map(ToString::to_string)
                .collect(),
            breaker: BreakerView {
                failures: settings.breaker.failures,
                open_ms: settings.breaker.open_ms,
            },
            rate_limits: RateLimitsView::of(&settings.rate_limits),
            upstream_tls: settings
                .upstream_tls
                .iter()
                .map(|(slug, tls)| (slug.to_string(), UpstreamTlsView::of(tls)))
                .collect(),
            version: kept.map_or(0, |kept| kept.changed.version().0),
            changed: kept.map(|kept| TouchView::of(&kept.changed)),
        }
    }
}

impl RateLimitsView {
    fn of(limits: &RateLimits) -> Self {
        let view = |limit: Option<RateLimit>| {
            limit.map(|RateLimit { per_minute, burst }| RateLimitView { per_minute, burst })
        };
        Self {
            per_user: view(limits.per_user),
            per_client: view(limits.per_client),
            per_server: view(limits.per_server),
        }
    }
}

impl UpstreamTlsView {
    fn of(tls: &UpstreamTls) -> Self {
        let place = |place: &Option<SecretRef>| place.as_ref().map(ToString::to_string);
        Self {
            ca: place(&tls.ca),
            certificate: place(&tls.certificate),
            key: place(&tls.key),
        }
    }
}

impl LimitsView {
    fn of(limits: &Limits) -> Self {
        Self {
            body_bytes: limits.body_bytes,
            answer_bytes: limits.answer_bytes,
            sse_event_bytes: limits.sse_event_bytes,
            json_depth: limits.json_depth,
            page: limits.page,
            page_max: limits.page_max,
            upstream_calls: limits.upstream_calls,
        }
    }
}
