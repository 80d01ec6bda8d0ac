//! Any text as a bearer token and as a JWT; the judge is a plain reading of RFC 7515 with `serde_json`.
#![no_main]

#[path = "../../src/json/oracle.rs"]
mod oracle;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use onedoor_wire::{
    bearer::{BearerToken, MAX_TOKEN},
    json::MAX_DEPTH,
    jwt::{UnverifiedJwt, split},
};
use serde_json::{Map, Value};

fuzz_target!(|input: &[u8]| {
    if let Ok(token) = BearerToken::parse(input) {
        assert_eq!(token.expose().as_bytes(), input);
        assert!(input.is_ascii() && !input.contains(&b' ') && !input.contains(&b','));
        assert_eq!(format!("{token:?}"), "BearerToken(…)");
    }
    if let Ok(text) = std::str::from_utf8(input) {
        check(text);
    }
    // A fuzzer does not guess Base64: it also writes header, claims and signature in the clear.
    let mut parts = input
        .splitn(3, |byte| *byte == 0)
        .map(|part| URL_SAFE_NO_PAD.encode(part));
    if let (Some(header), Some(payload), Some(signature)) = (parts.next(), parts.next(), parts.next()) {
        check(&format!("{header}.{payload}.{signature}"));
    }
});

fn check(token: &str) {
    let read = split(token).ok();
    assert_eq!(read, expected(token));
    if let Some(read) = read {
        assert_eq!(format!("{read:?}"), "UnverifiedJwt(…)");
    }
}

fn expected(token: &str) -> Option<UnverifiedJwt> {
    let parts: Vec<_> = token.split('.').collect();
    let [header, payload, signature] = parts[..] else {
        return None;
    };
    let decode = |part| {
        URL_SAFE_NO_PAD
            .decode(part)
            .ok()
            .filter(|bytes| !bytes.is_empty())
    };
    let (header, payload, _) = (decode(header)?, decode(payload)?, decode(signature)?);
    let header = object(&header)?;
    object(&payload)?;
    let string = |name: &str| header.get(name).map(|value| value.as_str().map(str::to_owned));
    let is_extended = header.contains_key("crit") || header.contains_key("b64");
    if token.len() > MAX_TOKEN || is_extended {
        return None;
    }
    // A member that is there must be a string.
    let optional = |name| string(name).map_or(Some(None), |value| value.map(Some));
    Some(UnverifiedJwt {
        alg: string("alg")??,
        kid: optional("kid")?,
        typ: optional("typ")?,
        payload,
    })
}

fn object(text: &[u8]) -> Option<Map<String, Value>> {
    match oracle::read(text, MAX_DEPTH)? {
        Value::Object(members) => Some(members),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => None,
    }
}
