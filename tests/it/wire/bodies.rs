//! Bodies that have two readings, or none.

use super::{Good, body, nested, spoilt};
use crate::door;

#[tokio::test]
async fn a_body_with_two_readings_is_refused() {
    let (dev, upstream) = door().await;
    let good = Good::new(&dev).await;
    let parse = -32700;
    let invalid = -32600;
    let params = -32602;
    let cases: Vec<(&str, Vec<u8>, i64)> = vec![
        (
            "a key twice",
            spoilt("\"id\":1", "\"id\":1,\"id\":2").into(),
            parse,
        ),
        (
            "a key twice, once escaped",
            spoilt("\"name\":\"echo\"", "\"name\":\"echo\",\"n\\u0061me\":\"fails\"").into(),
            parse,
        ),
        (
            "a key twice in the arguments",
            spoilt("\"a\":1", "\"a\":1,\"a\":2").into(),
            parse,
        ),
        (
            "a key twice, deep",
            spoilt("\"a\":1", "\"a\":[{\"b\":[{\"c\":1,\"\\u0063\":2}]}]").into(),
            parse,
        ),
        (
            "a key twice in _meta",
            spoilt(
                "\"_meta\":{",
                "\"_meta\":{\"traceparent\":\"\",\"traceparent\":\"\",",
            )
            .into(),
            parse,
        ),
        (
            "another case at the top",
            spoilt("\"method\"", "\"Method\":\"tools/list\",\"method\"").into(),
            invalid,
        ),
        (
            "another case in params",
            spoilt("\"name\"", "\"NAME\":\"fails\",\"name\"").into(),
            invalid,
        ),
        (
            "another case, escaped",
            spoilt("\"name\"", "\"\\u004eame\":\"fails\",\"name\"").into(),
            invalid,
        ),
        (
            "another case in _meta",
            spoilt("\"_meta\":{", "\"_meta\":{\"ProgressToken\":1,").into(),
            invalid,
        ),
        (
            "a Kelvin sign for a k",
            spoilt("\"_meta\":{", "\"_meta\":{\"progressTo\u{212a}en\":1,").into(),
            invalid,
        ),
        (
            "bytes that are not UTF-8",
            [
                b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\"".as_slice(),
                &body().to_string().as_bytes()[1..],
            ]
            .concat(),
            parse,
        ),
        (
            "an overlong encoding",
            [
                b"{\"x\":\"\xc0\xaf\",".as_slice(),
                &body().to_string().as_bytes()[1..],
            ]
            .concat(),
            parse,
        ),
        (
            "half a surrogate pair",
            spoilt("\"a\":1", "\"a\":\"\\ud800\"").into(),
            parse,
        ),
        (
            "half a pair in a key",
            spoilt("\"a\":1", "\"\\udc00\":1").into(),
            parse,
        ),
        ("a byte order mark", format!("\u{feff}{}", body()).into(), parse),
        ("something behind it", format!("{} x", body()).into(), parse),
        ("two of them", format!("{}{}", body(), body()).into(), parse),
        ("a NUL behind it", format!("{}\0", body()).into(), parse),
        ("a batch", format!("[{}]", body()).into(), invalid),
        ("an empty batch", "[]".into(), invalid),
        ("a text", "\"x\"".into(), invalid),
        ("nothing", Vec::new(), parse),
        ("half of it", body().to_string().as_bytes()[..40].to_vec(), parse),
        ("a comment", spoilt("\"id\":1", "/* */\"id\":1").into(), parse),
        ("NaN", spoilt("\"a\":1", "\"a\":NaN").into(), parse),
        (
            "too deep",
            spoilt("\"a\":1", &format!("\"a\":{}", nested(80))).into(),
            parse,
        ),
        ("much too deep", nested(1_000_000).into(), parse),
        (
            "no version of JSON-RPC",
            spoilt("\"2.0\"", "\"1.0\"").into(),
            invalid,
        ),
        (
            "an id that is an object",
            spoilt("\"id\":1", "\"id\":{}").into(),
            invalid,
        ),
        (
            "an id that is null",
            spoilt("\"id\":1", "\"id\":null").into(),
            invalid,
        ),
        (
            "an id with a fraction",
            spoilt("\"id\":1", "\"id\":1.5").into(),
            invalid,
        ),
        (
            "a method that is a number",
            spoilt("\"method\":\"tools/call\"", "\"method\":1").into(),
            invalid,
        ),
        (
            "a request and a response",
            spoilt("\"id\":1", "\"id\":1,\"result\":{}").into(),
            invalid,
        ),
        (
            "params in an array",
            "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"tools/call\",\"params\":[]}".into(),
            invalid,
        ),
        (
            "arguments that are a text",
            spoilt("{\"a\":1}", "\"a\"").into(),
            params,
        ),
        (
            "a name that is a number",
            spoilt("\"name\":\"echo\"", "\"name\":1").into(),
            params,
        ),
        ("no name", spoilt(",\"name\":\"echo\"", "").into(), params),
    ];
    for (name, bytes, code) in cases {
        // Where the rest of the text is no JSON at all, what it spoilt does not matter.
        let answer = good.send(&good.call().body(bytes)).await;
        assert_eq!(
            (answer.status, answer.code()),
            (400, Some(code)),
            "{name}: {}",
            answer.body
        );
    }
    assert_eq!(upstream.bytes().len(), 0);
    // What is unusual and clear passes.
    for bytes in [
        spoilt("\"a\":1", &format!("\"a\":{}", nested(50))),
        spoilt("\"a\":1", "\"A\":1,\"a\":\"\\ud83d\\ude00\""),
        format!("\r\n\t {} \n", body()),
    ] {
        let answer = good.send(&good.call().body(bytes)).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains("\"result\""), "{}", answer.body);
    }
}
