//! Settings: show and change.

use deserr::Deserr;
use onedoor_model::{
    ids::AggregateVersion,
    registry::{Command, Limits, Settings},
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
    let settings = incoming.body.0.into_settings();
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

impl NewSettings {
    fn into_settings(self) -> Settings {
        let default = Settings::default();
        Settings {
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
        }
    }
}
