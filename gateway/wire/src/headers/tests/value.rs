use proptest::prelude::*;

use crate::headers::{decode, encode};

/// The table of MCP 2026-07-28, "Value Encoding", with values of our own, and its edges.
#[test]
fn safe_text_stays_and_other_text_is_encoded() {
    for (text, value) in [
        ("eu-north", "eu-north"),
        ("a b\tc", "a b\tc"),
        ("", ""),
        ("é", "=?base64?w6k=?="),
        (" x", "=?base64?IHg=?="),
        ("x\t", "=?base64?eAk=?="),
        ("a\r\nb", "=?base64?YQ0KYg==?="),
        ("\u{7f}", "=?base64?fw==?="),
        ("=?base64?eA==?=", "=?base64?PT9iYXNlNjQ/ZUE9PT89?="),
        ("=?base64?=", "=?base64?PT9iYXNlNjQ/PQ==?="),
        ("=?base64?x", "=?base64?x"),
        ("=?BASE64?eA==?=", "=?BASE64?eA==?="),
    ] {
        assert_eq!(encode(text), value, "{text:?}");
        assert_eq!(decode(value).as_deref(), Some(text), "{value}");
    }
}

#[test]
fn what_claims_to_be_base64_must_be() {
    for value in [
        "=?base64?eA?=",
        "=?base64?eA=?=",
        "=?base64?e A==?=",
        "=?base64?eB==?=",
        "=?base64?_w==?=",
    ] {
        assert_eq!(decode(value), None, "{value}");
    }
    assert_eq!(decode("=?base64?/w==?="), None, "not UTF-8");
    assert_eq!(decode("=?base64??=").as_deref(), Some(""));
}

proptest! {
    #[test]
    fn decoding_undoes_encoding(text in any::<String>()) {
        let value = encode(&text);
        prop_assert_eq!(decode(value.to_str().unwrap()).unwrap(), text);
    }

    #[test]
    fn so_it_does_for_text_that_looks_encoded(text in "(=\\?base64\\?)?[ -~é]{0,6}(\\?=)?") {
        let value = encode(&text);
        prop_assert_eq!(decode(value.to_str().unwrap()).unwrap(), text);
    }
}
