//! A request's head, as it goes out. Pure.
//!
//! The caller says what is asked, the destination says of whom; how the body is framed, and what holds only for one
//! connection (RFC 9110 §7.6.1), follows from the connection and is nobody else's to say.

use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version,
    header::{CONNECTION, CONTENT_LENGTH, HOST, TE, TRANSFER_ENCODING, UPGRADE},
    uri::{Parts, PathAndQuery, Scheme},
};

use crate::{destination::Destination, request::RequestBody};

/// What holds only for one connection, or is framing.
const HOP_BY_HOP: [HeaderName; 5] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Addresses a request that goes over HTTP/1.1 (RFC 9112 §3.2.1).
pub(crate) fn for_http1(mut request: Request<RequestBody>, to: &Destination) -> Request<RequestBody> {
    frame(&mut request);
    *request.uri_mut() = Uri::from(path_and_query(request.uri()));
    *request.version_mut() = Version::HTTP_11;
    let headers = request.headers_mut();
    headers.insert(HOST, to.host_header.clone());
    if headers.contains_key(TE) {
        // RFC 9110 §10.1.4.
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
    request
}

/// Addresses a request that goes over HTTP/2, which is spoken over TLS only (RFC 9113 §8.3.1).
pub(crate) fn for_http2(mut request: Request<RequestBody>, to: &Destination) -> Request<RequestBody> {
    frame(&mut request);
    let mut parts = Parts::default();
    parts.scheme = Some(Scheme::HTTPS);
    parts.authority = Some(to.authority.clone());
    parts.path_and_query = Some(path_and_query(request.uri()));
    // With all three parts there is always a URI; without, no request is made of it.
    *request.uri_mut() = Uri::from_parts(parts).unwrap_or_default();
    *request.version_mut() = Version::HTTP_2;
    request.headers_mut().remove(HOST);
    request
}

fn path_and_query(uri: &Uri) -> PathAndQuery {
    let given = uri.path_and_query().cloned();
    given.unwrap_or_else(|| PathAndQuery::from_static("/"))
}

/// Leaves no header that speaks of the connection, and none that disagrees with the body.
fn frame(request: &mut Request<RequestBody>) {
    for name in &HOP_BY_HOP {
        request.headers_mut().remove(name);
    }
    if request.headers().get(TE).is_some_and(|value| value != "trailers") {
        request.headers_mut().remove(TE);
    }
    let declared = declared_length(request.headers());
    request.headers_mut().remove(CONTENT_LENGTH);
    let length = match (request.body().length(), declared) {
        (Some(0), _) if !means_a_body(request.method()) => return,
        (Some(known), _) => known,
        (None, Some(declared)) => declared,
        (None, None) => return,
    };
    request.body_mut().declare(length);
    request
        .headers_mut()
        .insert(CONTENT_LENGTH, HeaderValue::from(length));
}

/// Whether a server expects to be told of an empty body (RFC 9110 §8.6).
fn means_a_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

/// The one number that a request declares as its body's length.
fn declared_length(headers: &HeaderMap) -> Option<u64> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    let value = values.next()?.as_bytes();
    let is_alone = values.next().is_none();
    let is_number = value.iter().all(u8::is_ascii_digit);
    (is_alone && is_number).then(|| std::str::from_utf8(value).ok()?.parse().ok())?
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::header::ACCEPT;
    use http_body_util::StreamBody;
    use url::Url;

    use super::*;

    fn destination() -> Destination {
        Destination::of(&Url::parse("https://tools.example:8443/").unwrap()).unwrap()
    }

    fn whole(text: &'static str) -> RequestBody {
        RequestBody::whole(Bytes::from(text))
    }

    fn unknown() -> RequestBody {
        let nothing = futures_util::stream::pending::<Result<http_body::Frame<Bytes>, std::io::Error>>();
        RequestBody::streaming(StreamBody::new(nothing))
    }

    fn request(method: Method, headers: &[(&str, &str)], body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::builder()
            .method(method)
            .uri("http://elsewhere.example:1/a?b");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(body).unwrap()
    }

    #[test]
    fn the_destination_says_where() {
        let sent = || request(Method::GET, &[("host", "elsewhere.example")], whole(""));
        let first = for_http1(sent(), &destination());
        assert_eq!(first.uri(), "/a?b");
        assert_eq!(first.headers()[HOST], "tools.example:8443");
        let second = for_http2(sent(), &destination());
        assert_eq!(second.uri(), "https://tools.example:8443/a?b");
        assert!(!second.headers().contains_key(HOST));
        let back = for_http1(second, &destination());
        assert_eq!(
            (back.uri(), back.version()),
            (&Uri::from_static("/a?b"), Version::HTTP_11)
        );
    }

    #[test]
    fn nothing_that_speaks_of_the_connection_passes() {
        let given = [
            ("connection", "upgrade, x-secret"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "keep-alive"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("te", "gzip"),
            ("accept", "*/*"),
        ];
        let sent = || request(Method::GET, &given, whole(""));
        let first = for_http1(sent(), &destination()).headers().clone();
        assert_eq!(first.len(), 2, "{first:?}");
        assert!(first.contains_key(HOST) && first.contains_key(ACCEPT));
        let second = for_http2(sent(), &destination()).headers().clone();
        assert_eq!(second.len(), 1, "{second:?}");
    }

    #[test]
    fn trailers_may_be_asked_for() {
        let sent = || request(Method::GET, &[("te", "trailers")], whole(""));
        assert_eq!(for_http1(sent(), &destination()).headers()[CONNECTION], "te");
        let second = for_http2(sent(), &destination());
        assert_eq!(second.headers()[TE], "trailers");
        assert!(!second.headers().contains_key(CONNECTION));
    }

    #[test]
    fn the_length_is_the_bodys_own() {
        let (get, post) = (Method::GET, Method::POST);
        for (method, declared, body, length) in [
            (&post, vec![], whole("four"), Some("4")),
            (&post, vec!["9"], whole("four"), Some("4")),
            (&post, vec!["4", "9"], whole("four"), Some("4")),
            (&post, vec!["9"], whole(""), Some("0")),
            (&get, vec!["9"], whole(""), None),
            (&get, vec![], whole("four"), Some("4")),
            (&post, vec![], unknown(), None),
            (&post, vec!["7"], unknown(), Some("7")),
            (&post, vec!["7", "7"], unknown(), None),
            (&post, vec!["+7"], unknown(), None),
            (&post, vec![""], unknown(), None),
        ] {
            let given: Vec<_> = declared.iter().map(|value| ("content-length", *value)).collect();
            let sent = for_http1(request(method.clone(), &given, body), &destination());
            let set = sent.headers().get(CONTENT_LENGTH);
            assert_eq!(
                set.map(|value| value.to_str().unwrap()),
                length,
                "{method} {declared:?}"
            );
        }
    }
}
