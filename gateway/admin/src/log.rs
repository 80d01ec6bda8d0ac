//! The log: which one it is, and that a restored one may be served.

use deserr::Deserr;
use onedoor_model::{
    ids::{AggregateVersion, LogId},
    registry::Command,
};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::{AcceptRestore, ReadLog},
    answer::{Changed, Plain},
    body::{Given, Json},
    endpoint::endpoint,
    faults::Faults,
    order::Incoming,
    permission::May,
    read::{Everything, Read},
    reason::Why,
    refusal::Refusal,
    text::Text,
    view::LogView,
};

/// The restored log that may be served, with all that it lost.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields)]
struct Acceptance {
    /// Its id, as shown with what was lost.
    #[schema(value_type = String)]
    log: Text<LogId>,
    /// Why, for those who read the history.
    #[deserr(default)]
    #[schema(value_type = Option<String>, max_length = 1000)]
    reason: Option<Text<Why>>,
}

impl Given for Acceptance {
    fn reason(&self) -> Option<&Why> {
        self.reason.as_ref().map(|Text(why)| why)
    }
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(endpoint(__path_show, show))
        .routes(endpoint(__path_accept, accept))
}

/// Show the log
///
/// Where it was restored from a backup and nobody has accepted that yet, it says what is known to be lost.
#[utoipa::path(get, path = "/log", operation_id = "showLog")]
async fn show(_may: May<ReadLog>, read: Read<Everything>) -> Result<Plain<LogView>, Refusal> {
    Ok(Plain(LogView::of(&read.state)))
}

/// Accept that the log was restored
///
/// What was appended after the backup is lost, blocks and disabled servers too. Until this is given, the data plane refuses every call.
#[utoipa::path(post, path = "/log/accept-restore", operation_id = "acceptRestore")]
async fn accept(
    may: May<AcceptRestore>,
    incoming: Incoming<Json<Acceptance>>,
) -> Result<Changed<LogView>, Refusal> {
    let Text(log) = incoming.body.0.log;
    let state = may.api.registry.state();
    let waiting = state
        .unaccepted_restore()
        .filter(|restore| restore.value.log == log);
    if waiting.is_none() && !may.is_retry(&state, &incoming.head) {
        return Err(Refusal::NotFound(format!(
            "restored log {log} that is not accepted yet"
        )));
    }
    let version = waiting.map_or(AggregateVersion::NONE, |restore| restore.changed.version());
    let command = Command::AcceptRestore { log };
    let done = may.execute(incoming.head, command, Some(version)).await?;
    Ok(Changed {
        view: LogView::of(&done.state),
        version: AggregateVersion(done.applied.revision.0),
        applied: done.applied,
    })
}
