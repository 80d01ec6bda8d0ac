//! What is taken of a client's request, and the request that is sent to the upstream. Pure.

use std::collections::HashSet;

use http::{
    HeaderMap, HeaderName, HeaderValue, Uri,
    header::{
        ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONNECTION, CONTENT_ENCODING, CONTENT_LANGUAGE,
        CONTENT_LENGTH, CONTENT_TYPE, EXPECT, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE,
        IF_UNMODIFIED_SINCE, RANGE, UPGRADE, USER_AGENT,
    },
    request::Parts,
};
use onedoor_model::path::CanonicalPath;
use url::{Url, form_urlencoded};

use crate::refusal::HttpReason;

/// Headers of a client that say something of the call itself. Whatever is not here stays at the door: credentials, cookies, what
/// concerns a connection or its forwarding, and what frameworks take for commands (`X-HTTP-Method-Override`, `X-Original-URL`).
const PASSED: [HeaderName; 16] = [
    ACCEPT,
    ACCEPT_ENCODING,
    ACCEPT_LANGUAGE,
    CONTENT_ENCODING,
    CONTENT_LANGUAGE,
    CONTENT_TYPE,
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("idempotency-key"),
    HeaderName::from_static("prefer"),
    IF_MATCH,
    IF_NONE_MATCH,
    IF_MODIFIED_SINCE,
    IF_UNMODIFIED_SINCE,
    IF_RANGE,
    RANGE,
];

/// The name of Token A where a client puts it into a query (RFC 6750 §2.3).
const TOKEN_PARAMETER: &str = "access_token";

const AGENT: HeaderValue = HeaderValue::from_static(concat!("onedoor/", env!("CARGO_PKG_VERSION")));

/// Refuses requests that no tool is to get: whatever they name, and with a body of at most so many bytes.
pub(super) fn judge(parts: &Parts, most: u64) -> Result<(), HttpReason> {
    let query = parts.uri.query().unwrap_or_default();
    if form_urlencoded::parse(query.as_bytes()).any(|(name, _)| name.eq_ignore_ascii_case(TOKEN_PARAMETER)) {
        return Err(HttpReason::TokenInQuery);
    }
    if !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(HttpReason::BadQuery);
    }
    if parts.headers.contains_key(UPGRADE) {
        return Err(HttpReason::UpgradeNotServed);
    }
    let mut expected = parts.headers.get_all(EXPECT).iter();
    if !expected.all(|expected| expected.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
        return Err(HttpReason::ExpectationFailed);
    }
    let length = parts.headers.get(CONTENT_LENGTH);
    let length = length.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > most) {
        return Err(HttpReason::BodyTooLarge);
    }
    Ok(())
}

/// The headers that pass, those that the client's `Connection` names left out (RFC 9110 §7.6.1), and the door's own name.
pub(super) fn passed(client: &HeaderMap) -> HeaderMap {
    let hop_by_hop: HashSet<String> = client
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_ascii_lowercase())
        .collect();
    let mut headers = HeaderMap::new();
    for name in PASSED.iter().filter(|name| !hop_by_hop.contains(name.as_str())) {
        for value in client.get_all(name) {
            headers.append(name, value.clone());
        }
    }
    headers.insert(USER_AGENT, AGENT);
    headers
}

/// The request target below a service's base URL, with the query as it was sent.
pub(super) fn upstream_target(
    base: &Url,
    path: &CanonicalPath,
    query: Option<&str>,
) -> Result<Uri, http::uri::InvalidUri> {
    arguments(&path.below(base.path()), query).parse()
}

/// Path and query: what a tool is called with, beside the body.
pub(super) fn arguments(path: &str, query: Option<&str>) -> String {
    match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn parts(target: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn what_no_tool_is_to_get_is_refused() {
        use HttpReason::*;
        for (target, headers, refused) in [
            ("/http/a/b", vec![], None),
            ("/http/a/b?filter[x]=1&y=%zz&z={}|^`\\", vec![], None),
            ("/http/a/b?x=access_token", vec![], None),
            ("/http/a/b?access_token=x", vec![], Some(TokenInQuery)),
            ("/http/a/b?a=b&ACCESS_TOKEN=x", vec![], Some(TokenInQuery)),
            ("/http/a/b?%61ccess%5Ftoken=x", vec![], Some(TokenInQuery)),
            ("/http/a/b?access_token", vec![], Some(TokenInQuery)),
            ("/", vec![("expect", "100-Continue")], None),
            ("/", vec![("expect", "200-maybe")], Some(ExpectationFailed)),
            ("/", vec![("expect", "100-continue, x")], Some(ExpectationFailed)),
            ("/", vec![("upgrade", "websocket")], Some(UpgradeNotServed)),
            ("/", vec![("content-length", "10")], None),
            ("/", vec![("content-length", "11")], Some(BodyTooLarge)),
        ] {
            assert_eq!(
                judge(&parts(target, &headers), 10).err(),
                refused,
                "{target} {headers:?}"
            );
        }
        let mut odd = parts("/", &[]);
        odd.uri = Uri::from_maybe_shared("/http/a?é".as_bytes()).unwrap();
        assert_eq!(judge(&odd, 10), Err(BadQuery));
    }

    #[test]
    fn only_what_says_something_of_the_call_passes() {
        let client = parts(
            "/",
            &[
                ("accept", "text/csv"),
                ("accept", "application/json"),
                ("content-type", "text/plain"),
                ("if-none-match", "\"a\""),
                ("range", "bytes=0-9"),
                ("idempotency-key", "k"),
                ("connection", "keep-alive, If-None-Match"),
                ("connection", "X-Custom"),
                ("x-custom", "1"),
                ("authorization", "Bearer a"),
                ("proxy-authorization", "Basic a"),
                ("cookie", "a=b"),
                ("host", "door.example"),
                ("content-length", "3"),
                ("transfer-encoding", "chunked"),
                ("te", "trailers"),
                ("trailer", "x"),
                ("keep-alive", "1"),
                ("forwarded", "for=1"),
                ("x-forwarded-for", "1"),
                ("x-forwarded-host", "evil.example"),
                ("x-real-ip", "1"),
                ("x-http-method-override", "DELETE"),
                ("x-original-url", "/admin"),
                (
                    "traceparent",
                    "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                ),
                ("onedoor-call-id", "mine"),
                ("user-agent", "curl"),
                ("via", "1.1 x"),
                ("expect", "100-continue"),
                ("origin", "https://a.example"),
                ("referer", "https://a.example/secret"),
            ],
        );
        let passed = passed(&client.headers);
        let lines: Vec<_> = passed
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            lines,
            [
                "accept: text/csv",
                "accept: application/json",
                "content-type: text/plain",
                "idempotency-key: k",
                "range: bytes=0-9",
                concat!("user-agent: onedoor/", env!("CARGO_PKG_VERSION")),
            ]
        );
    }

    #[test]
    fn a_target_stands_below_the_base() {
        let path = CanonicalPath::parse("/invoices/a%20b").unwrap();
        for (base, query, target) in [
            ("https://a.example", None, "/invoices/a%20b"),
            (
                "https://a.example/v1/",
                Some("q=%zz&[]"),
                "/v1/invoices/a%20b?q=%zz&[]",
            ),
            ("https://a.example/v1", Some(""), "/v1/invoices/a%20b?"),
        ] {
            let sent = upstream_target(&Url::parse(base).unwrap(), &path, query).unwrap();
            assert_eq!(sent.to_string(), target);
        }
    }
}
