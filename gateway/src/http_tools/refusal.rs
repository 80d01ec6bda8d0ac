//! How a plain HTTP call is refused. Each reason's status stands in `docs/errors.md` too.

use axum::response::Response;
use http::StatusCode;
use onedoor_model::{audit::UpstreamFault, decide::DenialReason};
use serde_json::json;

use crate::{
    problem::problem,
    refusal::{HttpReason, Reason, Told},
};

/// A call that is refused: the same answer, byte for byte, for what is not there and for what the caller may not know of.
pub(super) fn refused(reason: Reason) -> Response {
    let Told {
        name, message, retry, ..
    } = told(reason);
    problem(status(reason), name, message, [("retry", json!(retry))])
}

/// A request that is refused whatever it names.
pub(super) fn refused_by_status(reason: HttpReason) -> Response {
    let title = match reason {
        HttpReason::TokenInQuery => "An access token must not be in the query",
        HttpReason::UpgradeNotServed => "Connections are not upgraded",
        HttpReason::ExpectationFailed => "Only `100-continue` can be expected",
        HttpReason::BadQuery => "The query holds a character that must be percent-encoded",
        HttpReason::BodyTooLarge => "The body is too large",
        HttpReason::BodyTooSlow => "The body did not come in time",
        HttpReason::BodyIncomplete => "The body is incomplete",
        HttpReason::HostNotServed => "This host is not served here",
        HttpReason::OriginNotAllowed => "This origin is not allowed",
        HttpReason::Blocked => "Access is blocked; ask your security team",
        HttpReason::RestoreNotAccepted => Reason::Denied(DenialReason::RestoreNotAccepted).told().message,
        HttpReason::Stale => Reason::Stale.told().message,
    };
    problem(reason.status(), reason.name(), title, [])
}

fn told(reason: Reason) -> Told {
    if matches!(reason, Reason::Denied(denial) if denial.is_hidden()) {
        Reason::Denied(DenialReason::UnknownTool).told()
    } else {
        reason.told()
    }
}

/// The status that a reason has where it is not told as a JSON-RPC error.
pub(crate) fn status(reason: Reason) -> StatusCode {
    match reason {
        Reason::Denied(DenialReason::Blocked) | Reason::ConsentRequired => StatusCode::FORBIDDEN,
        Reason::Denied(
            DenialReason::ServerDisabled | DenialReason::ToolDisabled | DenialReason::RestoreNotAccepted,
        ) => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Denied(
            DenialReason::UnknownServer
            | DenialReason::ServerNotGranted
            | DenialReason::WrongKind
            | DenialReason::NoVersion
            | DenialReason::NotApproved
            | DenialReason::UnknownTool
            | DenialReason::ToolNotGranted,
        ) => StatusCode::NOT_FOUND,
        Reason::TokenExpired | Reason::InteractionRequired | Reason::TokenARejected => {
            StatusCode::UNAUTHORIZED
        }
        Reason::RegistryChanged
        | Reason::AuditUnavailable
        | Reason::Overloaded
        | Reason::ExchangeUnavailable
        | Reason::CircuitOpen
        | Reason::UpstreamBusy
        | Reason::Draining
        | Reason::Stale => StatusCode::SERVICE_UNAVAILABLE,
        Reason::Limited => StatusCode::TOO_MANY_REQUESTS,
        Reason::NoTokenB
        | Reason::EraNotSupported
        | Reason::Cancelled
        | Reason::Upstream(
            UpstreamFault::Unreachable
            | UpstreamFault::Unauthorized
            | UpstreamFault::Status
            | UpstreamFault::Protocol
            | UpstreamFault::TooLarge,
        ) => StatusCode::BAD_GATEWAY,
        Reason::UpstreamTimeout => StatusCode::GATEWAY_TIMEOUT,
        Reason::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use http_body_util::BodyExt as _;

    use super::*;

    const DOCUMENT: &str = include_str!("../../../docs/errors.md");

    #[test]
    fn every_status_is_documented() {
        let section = DOCUMENT
            .split("\n## ")
            .find(|section| section.starts_with("Plain HTTP tools"))
            .unwrap();
        let documented: BTreeMap<_, _> = section
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split_once("` | "))
            .map(|(name, rest)| (name, rest.split(' ').next().unwrap().to_owned()))
            .collect();
        let told: BTreeMap<_, _> = Reason::all()
            .into_iter()
            .map(|reason| (told(reason).name, status(reason).as_str().to_owned()))
            .collect();
        assert_eq!(documented, told);
    }

    async fn whole(reason: Reason) -> (StatusCode, String, Vec<u8>) {
        let (parts, body) = refused(reason).into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        (parts.status, format!("{:?}", parts.headers), body)
    }

    #[tokio::test]
    async fn what_may_not_be_known_is_told_as_what_does_not_exist() {
        let unknown = whole(Reason::Denied(DenialReason::UnknownTool)).await;
        assert_eq!(unknown.0, StatusCode::NOT_FOUND);
        for reason in DenialReason::ALL {
            let same = whole(Reason::Denied(reason)).await == unknown;
            assert_eq!(same, reason.is_hidden(), "{reason:?}");
        }
    }
}
