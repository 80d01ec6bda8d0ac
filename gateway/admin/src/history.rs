//! What was done to a server, by whom, and what came to nothing.

use std::num::NonZeroU32;

use deserr::Deserr;
use onedoor_model::ids::{Revision, ServerId, Slug};
use onedoor_projector::{HistoryQuery, ServerSelector};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::ReadServers,
    answer::Plain,
    endpoint::{Named, endpoint},
    faults::Faults,
    page,
    permission::May,
    read::Read,
    refusal::Refusal,
    servers::limits,
    text::Text,
    view::HistoryList,
};

/// Entries that are looked through at once.
const STEP: NonZeroU32 = NonZeroU32::MIN.saturating_add(999);

/// Which part of a history.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
struct PageQuery {
    /// Where the last page ended.
    #[deserr(default)]
    cursor: Option<String>,
    /// Entries on a page: 100 where none is named, at most 1,000, unless the settings say otherwise.
    #[deserr(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<Text<u32>>,
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(endpoint(__path_history, history))
}

/// A server's history
///
/// The oldest event first; commands that were refused are in it. Whoever may see all servers gets the history of the slug, with
/// those that had it before.
#[utoipa::path(get, path = "/servers/{slug}/history", operation_id = "serverHistory")]
async fn history(
    may: May<ReadServers>,
    Named(slug): Named<Slug>,
    read: Read<PageQuery>,
) -> Result<Plain<HistoryList>, Refusal> {
    let PageQuery { cursor, limit } = read.query;
    let limit = page::limit(limit.map(|Text(limit)| limit), &limits(&read.state))?;
    let first = cursor.is_none();
    let server = if may.is_for_all() {
        ServerSelector::Slug(slug.to_string())
    } else {
        ServerSelector::Id(may.server(&read.state, &slug)?.id)
    };
    may.api.projected(read.at_least).await?;
    let page = may
        .api
        .rows
        .history(&HistoryQuery {
            server,
            limit,
            cursor,
        })
        .await?;
    if first && page.items.is_empty() && read.state.server_named(&slug).is_none() {
        return Err(Refusal::NotFound(format!("server {slug}")));
    }
    Ok(Plain(HistoryList::of(page)))
}

impl Api {
    /// The server that an event was about, which had this slug then.
    pub(crate) async fn server_of_event(
        &self,
        slug: &Slug,
        revision: Revision,
    ) -> Result<Option<ServerId>, Refusal> {
        self.projected(Some(revision)).await?;
        let mut query = HistoryQuery {
            server: ServerSelector::Slug(slug.to_string()),
            limit: STEP,
            cursor: None,
        };
        loop {
            let page = self.rows.history(&query).await?;
            if let Some(row) = page.items.into_iter().find(|row| row.revision == revision) {
                return Ok(row.server_id);
            }
            match page.next_cursor {
                Some(cursor) => query.cursor = Some(cursor),
                None => return Ok(None),
            }
        }
    }
}
