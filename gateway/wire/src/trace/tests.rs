use http::HeaderValue;
use proptest::prelude::*;

use super::*;

const PARENT: &str = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";

fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(*name, HeaderValue::from_static(value));
    }
    headers
}

#[test]
fn a_traceparent_is_read_and_written() {
    let parent = TraceParent::parse(PARENT).unwrap();
    assert_eq!(parent.to_string(), PARENT);
    assert_eq!(parent.trace().to_string(), "0102030405060708090a0b0c0d0e0f10");
    assert_eq!(parent.span().to_string(), "1112131415161718");
    assert!(parent.is_sampled());
    let child = parent.child(SpanId::new([0xAB; 8]).unwrap());
    assert_eq!(
        child.to_string(),
        "00-0102030405060708090a0b0c0d0e0f10-abababababababab-01"
    );
}

#[test]
fn later_versions_are_read_by_what_we_know() {
    let with = |version: &str, flags: &str, rest: &str| format!("{version}{}{flags}{rest}", &PARENT[2..53]);
    for (text, flags) in [
        (with("00", "00", ""), Some("00")),
        (with("00", "03", ""), Some("03")),
        (with("00", "ff", ""), Some("03")),
        (with("01", "09", ""), Some("01")),
        (with("cc", "01", "-what-the-future-brings"), Some("01")),
        (with("01", "01", "x"), None),
        (with("00", "01", "-"), None),
        (with("00", "01", "-00"), None),
        (with("ff", "01", ""), None),
    ] {
        let read = TraceParent::parse(&text).map(|parent| parent.to_string());
        assert_eq!(read, flags.map(|flags| with("00", flags, "")), "{text}");
    }
}

#[test]
fn malformed_traceparents_are_none() {
    for text in [
        "",
        "00",
        "00-00000000000000000000000000000000-1112131415161718-01",
        "00-0102030405060708090a0b0c0d0e0f10-0000000000000000-01",
        "00-0102030405060708090A0b0c0d0e0f10-1112131415161718-01",
        "00-0102030405060708090a0b0c0d0e0f1-1112131415161718-01",
        "00-0102030405060708090a0b0c0d0e0f1010-1112131415161718-01",
        "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-1",
        "00-0102030405060708090a0b0c0d0e0f10-1112131415161718",
        "00_0102030405060708090a0b0c0d0e0f10-1112131415161718-01",
        " 00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01",
        "00-0102030405060708090a0b0c0d0e0fé-1112131415161718-01",
        "+0-0102030405060708090a0b0c0d0e0f10-1112131415161718-01",
    ] {
        assert_eq!(TraceParent::parse(text), None, "{text}");
    }
    assert_eq!(TraceId::new([0; 16]), None);
    assert_eq!(SpanId::new([0; 8]), None);
}

#[test]
fn a_tracestate_is_kept_or_dropped_whole() {
    let kept = |text: &str| TraceState::parse(text).map(|state| state.to_string());
    assert_eq!(kept("a=1").as_deref(), Some("a=1"));
    assert_eq!(
        kept(" a=1 ,\tb@c=x y!, ,0/_-*=~").as_deref(),
        Some("a=1,b@c=x y!,0/_-*=~")
    );
    let members = |count: usize| {
        (0..count)
            .map(|key| format!("k{key}=v"))
            .collect::<Vec<_>>()
            .join(",")
    };
    assert_eq!(kept(&members(32)), Some(members(32)));
    let sized = |value: usize| format!("a={},b={}", "x".repeat(250), "y".repeat(value));
    assert_eq!(kept(&sized(257)), None, "value too long");
    assert_eq!(sized(256).len(), 511);
    assert_eq!(kept(&sized(256)), Some(sized(256)));
    let longest = sized(256).replace("b=", "bb=");
    assert_eq!(kept(&longest), Some(longest), "512 characters");
    let longest_key = format!("{}=1", "k".repeat(256));
    assert_eq!(kept(&longest_key), Some(longest_key));
    assert_eq!(kept(&format!("{},c=", sized(256))), None, "empty value");
    assert_eq!(
        kept(&format!("{},c=1", sized(256))),
        None,
        "513 characters and more"
    );
    for text in [
        "",
        " , ",
        "a",
        "a=",
        "=1",
        "A=1",
        "a b=1",
        "@a=1",
        "a=1=2",
        "a=\u{e9}",
        "a=\u{7f}",
        "a=1,a=2",
        "a=1,b",
        &members(33),
        &format!("{}=1", "k".repeat(257)),
    ] {
        assert_eq!(kept(text), None, "{text}");
    }
}

#[test]
fn the_body_comes_before_the_headers() {
    const OTHER: &str = "00-f1f2f3f4f5f6f7f8f9fafbfcfdfeff01-2122232425262728-00";
    let http = headers(&[
        ("traceparent", OTHER),
        ("tracestate", "http=1"),
        ("tracestate", "more=2"),
    ]);
    let read = |parent, state, headers: &HeaderMap| {
        TraceContext::read(parent, state, headers).map(|context| {
            (
                context.parent.to_string(),
                context.state.map(|state| state.to_string()),
            )
        })
    };
    let from = |parent: &str, state: Option<&str>| Some((parent.to_owned(), state.map(str::to_owned)));
    assert_eq!(
        read(Some(PARENT), Some("body=1"), &http),
        from(PARENT, Some("body=1"))
    );
    assert_eq!(read(Some(PARENT), None, &http), from(PARENT, None));
    assert_eq!(read(Some(PARENT), Some("bad"), &http), from(PARENT, None));
    assert_eq!(
        read(None, Some("body=1"), &http),
        from(OTHER, Some("http=1,more=2"))
    );
    assert_eq!(
        read(Some("bad"), Some("body=1"), &http),
        from(OTHER, Some("http=1,more=2"))
    );
    assert_eq!(
        read(None, None, &headers(&[("traceparent", OTHER)])),
        from(OTHER, None)
    );
    assert_eq!(read(None, None, &headers(&[])), None);
    assert_eq!(
        read(
            None,
            None,
            &headers(&[("traceparent", OTHER), ("traceparent", OTHER)])
        ),
        None
    );
}

#[test]
fn a_child_keeps_trace_and_state_and_a_root_is_sampled() {
    let span = SpanId::new([1; 8]).unwrap();
    let context = TraceContext::read(Some(PARENT), Some("a=1"), &headers(&[])).unwrap();
    let child = context.child(span);
    assert_eq!(
        (child.parent.trace(), child.parent.span()),
        (context.parent.trace(), span)
    );
    assert_eq!(child.state, context.state);
    let root = TraceContext::root(TraceId::new([2; 16]).unwrap(), span);
    assert!(root.parent.is_sampled() && root.state.is_none());
    assert_eq!(root.parent.trace().as_bytes(), &[2; 16]);
    assert_eq!(root.parent.span().as_bytes(), &[1; 8]);
}

proptest! {
    #[test]
    fn what_is_written_is_read(trace in any::<[u8; 16]>(), span in any::<[u8; 8]>()) {
        prop_assume!(trace != [0; 16] && span != [0; 8]);
        let root = TraceContext::root(TraceId::new(trace).unwrap(), SpanId::new(span).unwrap());
        prop_assert_eq!(TraceParent::parse(&root.parent.to_string()), Some(root.parent));
    }

    #[test]
    fn what_is_kept_of_a_tracestate_is_read_again(text in "([a-z@0-9=, ~é]|a=1,){0,40}") {
        if let Some(state) = TraceState::parse(&text) {
            prop_assert_eq!(TraceState::parse(state.as_str()), Some(state));
        }
    }
}
