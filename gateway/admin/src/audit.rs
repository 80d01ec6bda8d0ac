//! Who called what.

use deserr::Deserr;
use jiff::{SignedDuration, Timestamp};
use onedoor_projector::{CallOutcome, CallQuery, ServerSelector};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::ReadCalls,
    answer::Plain,
    endpoint::endpoint,
    faults::Faults,
    page,
    permission::May,
    read::Read,
    refusal::Refusal,
    servers::limits,
    text::{FromText, Text, Wrong},
    view::CallList,
};

/// Which calls. Every part that is given must hold.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
struct CallsQuery {
    /// The server, by slug or id.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    server: Option<String>,
    /// The tool.
    #[deserr(default)]
    tool: Option<String>,
    /// The user, by object id or name.
    #[deserr(default)]
    user: Option<String>,
    /// The client app.
    #[deserr(default)]
    client: Option<String>,
    /// How they ended.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    outcome: Option<Text<CallOutcome>>,
    /// Not before: RFC 3339, or so long ago, such as `7d`, `12h`, `30m`.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    since: Option<Text<Moment>>,
    /// Before: RFC 3339, or so long ago.
    #[deserr(default)]
    #[param(value_type = Option<String>)]
    until: Option<Text<Moment>>,
    /// Where the last page ended.
    #[deserr(default)]
    cursor: Option<String>,
    /// Entries on a page: 100 where none is named, at most 1,000, unless the settings say otherwise.
    #[deserr(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<Text<u32>>,
}

/// A time, as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Moment {
    At(Timestamp),
    /// So long ago.
    Ago(SignedDuration),
}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(endpoint(__path_calls, calls))
}

/// Who called what
///
/// Refused calls are among them. The newest first.
#[utoipa::path(get, path = "/audit/calls", operation_id = "listCalls")]
async fn calls(may: May<ReadCalls>, read: Read<CallsQuery>) -> Result<Plain<CallList>, Refusal> {
    let query = read.query;
    let limit = page::limit(query.limit.map(|Text(limit)| limit), &limits(&read.state))?;
    let now = Timestamp::now();
    let moment = |moment: Option<Text<Moment>>| moment.map(|Text(moment)| moment.before(now));
    let query = CallQuery {
        server: query.server.map(|server| match server.parse::<ServerSelector>() {
            Ok(selector) => selector,
            Err(never) => match never {},
        }),
        tool: query.tool,
        user: query.user,
        client: query.client,
        outcome: query.outcome.map(|Text(outcome)| outcome),
        since: moment(query.since),
        until: moment(query.until),
        limit,
        cursor: query.cursor,
    };
    may.api.projected(read.at_least).await?;
    Ok(Plain(CallList::of(may.api.rows.calls(&query).await?)))
}

impl FromText for Moment {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        if let Some(ago) = ago(text) {
            return Ok(Self::Ago(ago));
        }
        let hint = "write RFC 3339, such as 2026-11-24T09:00:00Z, or how long ago, such as 7d, 12h or 30m";
        text.parse()
            .map(Self::At)
            .map_err(|_| Wrong::not_a("a time", text, hint))
    }
}

impl Moment {
    fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(ago) => now.checked_sub(ago).unwrap_or(Timestamp::MIN),
        }
    }
}

/// A number of weeks, days, hours, minutes or seconds.
fn ago(text: &str) -> Option<SignedDuration> {
    const MAX_DIGITS: usize = 9;
    let unit = match text.chars().next_back()? {
        'w' => 7 * 86_400,
        'd' => 86_400,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return None,
    };
    let digits = &text[..text.len() - 1];
    if digits.is_empty() || digits.len() > MAX_DIGITS || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits
        .parse::<i64>()
        .ok()
        .map(|count| SignedDuration::from_secs(count * unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_or_a_while_ago() {
        let now: Timestamp = "2026-11-24T09:00:00Z".parse().unwrap();
        for (text, then) in [
            ("7d", "2026-11-17T09:00:00Z"),
            ("2w", "2026-11-10T09:00:00Z"),
            ("12h", "2026-11-23T21:00:00Z"),
            ("30m", "2026-11-24T08:30:00Z"),
            ("0s", "2026-11-24T09:00:00Z"),
            ("2026-11-20T08:00:00+01:00", "2026-11-20T07:00:00Z"),
        ] {
            assert_eq!(
                Moment::from_text(text).unwrap().before(now),
                then.parse().unwrap(),
                "{text}"
            );
        }
        assert_eq!(
            Moment::from_text("999999999w").unwrap().before(now),
            Timestamp::MIN
        );
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "",
            "d",
            "7",
            "7y",
            "-7d",
            "+7d",
            "7 d",
            "1.5h",
            "yesterday",
            "9999999999d",
            "ü",
            "2026-11-24",
        ] {
            assert!(Moment::from_text(bad).is_err(), "{bad}");
        }
    }
}
