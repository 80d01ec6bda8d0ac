//! How the settings are shown.

use onedoor_model::registry::{Limits, Settings, State};
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
            version: kept.map_or(0, |kept| kept.changed.version().0),
            changed: kept.map(|kept| TouchView::of(&kept.changed)),
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
        }
    }
}
