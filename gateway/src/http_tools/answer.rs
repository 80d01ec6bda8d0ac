//! An upstream's answer, as it is passed on: what its status means, and which of its headers are the client's.

use std::convert::Infallible;

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::stream;
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, StatusCode,
    header::{
        ACCEPT_RANGES, ALLOW, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_ENCODING, CONTENT_LANGUAGE,
        CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, LOCATION, RETRY_AFTER, VARY,
    },
    response::Parts,
};
use hyper::body::Body as _;
use onedoor_model::audit::{Outcome, UpstreamFault};
use tokio_util::task::TaskTracker;

use crate::{
    proxy::{Dispatched, fail},
    refusal::Reason,
};

use super::{
    location::{Places, location},
    passing::{Passing, pass},
    upload::UploadFault,
};

/// Headers of an answer that say something of its content. Whatever is not here stays at the door: cookies, challenges, what concerns a
/// connection, and what would speak for the door's own origin (CORS, HSTS, `Alt-Svc`, `Clear-Site-Data`).
const PASSED: [HeaderName; 14] = [
    ACCEPT_RANGES,
    ALLOW,
    CONTENT_DISPOSITION,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_RANGE,
    CONTENT_TYPE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("preference-applied"),
    ETAG,
    LAST_MODIFIED,
    RETRY_AFTER,
    VARY,
];

/// What becomes of an answer with a status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// It is the tool's: passed on, with this outcome once it has ended.
    Pass(Outcome),
    /// It is none that a client should see.
    Refuse(UpstreamFault),
}

/// Passes on the answer to a request of this method.
pub(super) fn respond(
    dispatched: Dispatched,
    method: &Method,
    places: Places<'_>,
    upload: UploadFault,
    tasks: &TaskTracker,
) -> Result<Response, Reason> {
    let Dispatched {
        mut call,
        watch,
        head,
    } = dispatched;
    let (parts, body) = head.into_parts();
    let outcome = match verdict(parts.status) {
        Verdict::Pass(outcome) => outcome,
        Verdict::Refuse(fault) => return Err(fail(call, fault)),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = parts.status;
    *response.headers_mut() = passed(&parts, places);
    let headers = response.headers_mut();
    // RFC 9110 §6.4.1; what a server sends nevertheless is nobody's answer.
    let without_content = [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&parts.status);
    if method == Method::HEAD {
        call.finish(outcome);
        let length = parts.headers.get(CONTENT_LENGTH).cloned();
        headers.extend(length.map(|length| (CONTENT_LENGTH, length)));
        // A body of unknown length: one of none would be told as the length of what a GET gives.
        *response.body_mut() = Body::from_stream(stream::empty::<Result<Bytes, Infallible>>());
    } else if without_content || body.is_end_stream() {
        call.finish(outcome);
    } else {
        let length = body.size_hint().exact();
        headers.extend(length.map(|length| (CONTENT_LENGTH, HeaderValue::from(length))));
        // A failure is told at its end; till then it shows nothing.
        if !matches!(outcome, Outcome::UpstreamError(_)) {
            call.streams();
        }
        let passing = Passing {
            call,
            body,
            watch,
            outcome,
            upload,
        };
        *response.body_mut() = pass(passing, tasks);
    }
    Ok(response)
}

/// A tool's own success, redirect or error is the client's to see. A refusal of Token B is not: the client would sign in again for
/// nothing. Nor is what speaks of a connection.
fn verdict(status: StatusCode) -> Verdict {
    match status.as_u16() {
        401 | 403 => Verdict::Refuse(UpstreamFault::Unauthorized),
        407 => Verdict::Refuse(UpstreamFault::Status),
        200..400 => Verdict::Pass(Outcome::Succeeded),
        400..500 => Verdict::Pass(Outcome::ToolError),
        500..600 => Verdict::Pass(Outcome::UpstreamError(UpstreamFault::Status)),
        _ => Verdict::Refuse(UpstreamFault::Protocol),
    }
}

fn passed(parts: &Parts, places: Places<'_>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for name in &PASSED {
        for value in parts.headers.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(CACHE_CONTROL, cache_control(&parts.headers));
    let reference = parts.headers.get(LOCATION).and_then(|value| value.to_str().ok());
    let through = reference.and_then(|reference| location(reference, places));
    if let Some(value) = through.and_then(|through| HeaderValue::try_from(through).ok()) {
        headers.insert(LOCATION, value);
    }
    headers
}

/// An answer is one caller's: kept by nobody, or by the caller alone where the tool says so.
fn cache_control(upstream: &HeaderMap) -> HeaderValue {
    let mut given = upstream.get_all(CACHE_CONTROL).iter();
    let is_private = |value: &HeaderValue| {
        let directives = value.to_str().unwrap_or_default();
        directives
            .split(',')
            .any(|directive| directive.trim().eq_ignore_ascii_case("private"))
    };
    match (given.next(), given.next()) {
        (Some(value), None) if is_private(value) => value.clone(),
        (_, _) => HeaderValue::from_static("no-store"),
    }
}

#[cfg(test)]
mod tests {
    use url::Url;

    use super::*;

    #[test]
    fn a_status_is_the_tools_or_not_for_clients() {
        use Verdict::{Pass, Refuse};
        for (status, meant) in [
            (200, Pass(Outcome::Succeeded)),
            (204, Pass(Outcome::Succeeded)),
            (302, Pass(Outcome::Succeeded)),
            (304, Pass(Outcome::Succeeded)),
            (400, Pass(Outcome::ToolError)),
            (404, Pass(Outcome::ToolError)),
            (429, Pass(Outcome::ToolError)),
            (500, Pass(Outcome::UpstreamError(UpstreamFault::Status))),
            (503, Pass(Outcome::UpstreamError(UpstreamFault::Status))),
            (401, Refuse(UpstreamFault::Unauthorized)),
            (403, Refuse(UpstreamFault::Unauthorized)),
            (407, Refuse(UpstreamFault::Status)),
            (101, Refuse(UpstreamFault::Protocol)),
            (600, Refuse(UpstreamFault::Protocol)),
            (999, Refuse(UpstreamFault::Protocol)),
        ] {
            assert_eq!(verdict(StatusCode::from_u16(status).unwrap()), meant, "{status}");
        }
    }

    fn passed_of(headers: &[(&str, &str)]) -> Vec<String> {
        let mut response = http::Response::builder();
        for (name, value) in headers {
            response = response.header(*name, *value);
        }
        let base = Url::parse("https://a.example/v1").unwrap();
        let places = Places {
            base: &base,
            asked: &base,
            door: "https://door/http/a",
        };
        let parts = response.body(()).unwrap().into_parts().0;
        let mut lines: Vec<_> = passed(&parts, places)
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        lines.sort();
        lines
    }

    #[test]
    fn only_what_says_something_of_the_content_passes() {
        let all = [
            ("content-type", "text/html"),
            ("content-encoding", "gzip"),
            ("etag", "\"a\""),
            ("retry-after", "3"),
            ("location", "/v1/x"),
            ("set-cookie", "a=b"),
            ("www-authenticate", "Bearer"),
            ("proxy-authenticate", "Basic"),
            ("connection", "close"),
            ("keep-alive", "1"),
            ("transfer-encoding", "chunked"),
            ("content-length", "4"),
            ("trailer", "x"),
            ("upgrade", "h2c"),
            ("server", "nginx"),
            ("x-powered-by", "php"),
            ("alt-svc", "h3=\":443\""),
            ("strict-transport-security", "max-age=1"),
            ("access-control-allow-origin", "*"),
            ("content-security-policy", "x"),
            ("clear-site-data", "\"*\""),
            ("onedoor-call-id", "theirs"),
            ("link", "</x>; rel=next"),
        ];
        assert_eq!(
            passed_of(&all),
            [
                "cache-control: no-store",
                "content-encoding: gzip",
                "content-type: text/html",
                "etag: \"a\"",
                "location: https://door/http/a/x",
                "retry-after: 3",
            ]
        );
        assert_eq!(
            passed_of(&[("location", "https://b.example/")]),
            ["cache-control: no-store"]
        );
    }

    #[test]
    fn nobody_but_the_caller_keeps_an_answer() {
        for (given, told) in [
            (vec![], "no-store"),
            (vec!["public, max-age=60"], "no-store"),
            (vec!["max-age=60"], "no-store"),
            (vec!["Private, max-age=60"], "Private, max-age=60"),
            (vec!["private, max-age=60", "public"], "no-store"),
            (vec!["privately"], "no-store"),
        ] {
            let given: Vec<_> = given.into_iter().map(|value| ("cache-control", value)).collect();
            assert_eq!(passed_of(&given), [format!("cache-control: {told}")], "{given:?}");
        }
    }
}
