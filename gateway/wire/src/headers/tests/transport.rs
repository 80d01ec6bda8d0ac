use super::headers;
use crate::{headers::check_transport, malformed::Malformed};

const JSON: (&str, &str) = ("content-type", "application/json");
const BOTH: (&str, &str) = ("accept", "application/json, text/event-stream");

#[test]
fn json_and_both_answers_are_taken() {
    for content_type in [
        "application/json",
        "Application/JSON ; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
        "application/json; profile=x",
    ] {
        assert_eq!(
            check_transport(&headers(&[("content-type", content_type), BOTH])),
            Ok(()),
            "{content_type}"
        );
    }
    for accept in [
        "text/event-stream,application/json",
        "application/json;q=0.5, TEXT/event-stream; q=1.0, */*;q=0.1",
        "text/html, application/json , text/event-stream",
    ] {
        assert_eq!(
            check_transport(&headers(&[JSON, ("accept", accept)])),
            Ok(()),
            "{accept}"
        );
    }
    let spread = [
        JSON,
        ("accept", "application/json"),
        ("accept", "text/event-stream"),
    ];
    assert_eq!(check_transport(&headers(&spread)), Ok(()));
}

#[test]
fn other_bodies_are_refused() {
    for content_type in [
        "",
        "text/plain",
        "application/json-seq",
        "application/x-json",
        "application/json; charset=utf-16",
        "application/json; x=é",
    ] {
        let refused = check_transport(&headers(&[("content-type", content_type), BOTH]));
        assert_eq!(refused, Err(Malformed::ContentType), "{content_type}");
    }
    assert_eq!(check_transport(&headers(&[BOTH])), Err(Malformed::ContentType));
    assert_eq!(
        check_transport(&headers(&[JSON, JSON, BOTH])),
        Err(Malformed::ContentType)
    );
    for encoding in ["gzip", "identity", ""] {
        let refused = check_transport(&headers(&[JSON, BOTH, ("content-encoding", encoding)]));
        assert_eq!(refused, Err(Malformed::ContentEncoding), "{encoding}");
    }
}

#[test]
fn clients_that_cannot_take_both_answers_are_refused() {
    for accept in [
        "application/json",
        "text/event-stream",
        "*/*",
        "application/*, text/*",
        "application/json, text/event-stream;q=0",
        "application/json; q = 0.000, text/event-stream",
        "application/jsonp, text/event-stream",
    ] {
        let refused = check_transport(&headers(&[JSON, ("accept", accept)]));
        assert_eq!(refused, Err(Malformed::NotAcceptable), "{accept}");
    }
    assert_eq!(check_transport(&headers(&[JSON])), Err(Malformed::NotAcceptable));
}

#[test]
fn refusals_have_their_own_status() {
    let told = |fault: Malformed| (fault.http_status().as_u16(), fault.code(), fault.data());
    assert_eq!(told(Malformed::ContentType), (415, -32600, None));
    assert_eq!(told(Malformed::ContentEncoding), (415, -32600, None));
    assert_eq!(told(Malformed::NotAcceptable), (406, -32600, None));
}
