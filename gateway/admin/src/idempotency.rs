//! What a retry is recognised by: the caller's name for the command, the route, and a digest of what was asked.

use http::{HeaderMap, HeaderName, Method, header::IF_MATCH};
use onedoor_model::{
    ids::{CommandId, Digest, InvalidName},
    registry::CommandStamp,
};
use uuid::Uuid;

use crate::{
    faults::{Faults, shown},
    header,
    refusal::Refusal,
};

/// The header that names a command.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
/// Its name as people write it.
pub(crate) const NAME: &str = "Idempotency-Key";

/// The stamp of a command. Without the header the command gets a name of its own, and a retry is another command.
///
/// # Errors
/// The header does not hold a name.
pub(crate) fn stamp(
    method: &Method,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
) -> Result<CommandStamp, Refusal> {
    let id = match header::only(headers, &HEADER, NAME).map_err(Refusal::Request)? {
        Some(value) => named(value.as_bytes())?,
        None => CommandId::new(Uuid::now_v7().to_string()).map_err(Refusal::internal)?,
    };
    let if_match = headers.get(IF_MATCH).map_or(&b""[..], |value| value.as_bytes());
    Ok(CommandStamp {
        id,
        route: format!("{method} {path}"),
        digest: digest(if_match, body),
    })
}

fn named(value: &[u8]) -> Result<CommandId, Refusal> {
    let text = std::str::from_utf8(value).unwrap_or_default();
    CommandId::new(text).map_err(|InvalidName { text, rule, .. }| {
        Refusal::Request(Faults::one(
            NAME,
            format!("{} cannot name a command", shown(&text)),
            rule,
        ))
    })
}

/// A digest of what was asked. A header holds no line break, so the two parts cannot run into each other.
fn digest(if_match: &[u8], body: &[u8]) -> Digest {
    Digest::of(&[if_match, b"\n", body].concat())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn the_same_request_has_the_same_stamp() {
        let headers = headers(&[(HEADER, "k1"), (IF_MATCH, "\"3\"")]);
        let stamp = |path, body| stamp(&Method::PUT, path, &headers, body).unwrap();
        assert_eq!(stamp("/a", b"x"), stamp("/a", b"x"));
        assert_eq!(stamp("/a", b"x").route, "PUT /a");
        assert_ne!(stamp("/a", b"x").route, stamp("/b", b"x").route);
        assert_ne!(stamp("/a", b"x").digest, stamp("/a", b"y").digest);
    }

    #[test]
    fn another_if_match_is_another_request() {
        let digest_with = |pairs: &[_]| stamp(&Method::PUT, "/a", &headers(pairs), b"x").unwrap().digest;
        assert_ne!(
            digest_with(&[(IF_MATCH, "\"3\"")]),
            digest_with(&[(IF_MATCH, "\"4\"")])
        );
        assert_ne!(digest_with(&[(IF_MATCH, "\"3\"")]), digest_with(&[]));
    }

    #[test]
    fn a_command_without_a_name_gets_one_of_its_own() {
        let unnamed = || stamp(&Method::POST, "/a", &HeaderMap::new(), b"").unwrap().id;
        assert_ne!(unnamed(), unnamed());
    }

    #[test]
    fn what_cannot_be_a_name_is_refused() {
        for bad in ["", "two words"] {
            assert!(
                matches!(named(bad.as_bytes()), Err(Refusal::Request(_))),
                "{bad:?}"
            );
        }
        assert!(named("x".repeat(257).as_bytes()).is_err());
        assert!(named(b"\xff").is_err());
        assert!(named("x".repeat(256).as_bytes()).is_ok());
    }
}
