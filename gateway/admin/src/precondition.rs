//! Versions in headers: `ETag`, `If-Match` and `If-None-Match` (RFC 9110 §8.8.3, §13.1).

use axum::{
    extract::Request,
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH},
};
use onedoor_model::ids::AggregateVersion;

use crate::{
    faults::{Faults, shown},
    header,
    openapi::Spec,
    refusal::Refusal,
};

/// Whether a command is given for a version.
pub(crate) trait Precondition: Send + Sized {
    /// Reads it.
    ///
    /// # Errors
    /// It is missing where it is needed, or is not a version.
    fn read(headers: &HeaderMap) -> Result<Self, Refusal>;

    /// The version it is given for.
    fn version(&self) -> Option<AggregateVersion>;

    /// Describes it in the OpenAPI document.
    fn document(spec: &mut Spec<'_>);
}

/// The command is given for this version: `If-Match` must name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IfMatch(pub AggregateVersion);

/// The command is given for whatever there is: it makes something, or it only takes away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Always;

impl Precondition for IfMatch {
    fn read(headers: &HeaderMap) -> Result<Self, Refusal> {
        let value = header::only(headers, &IF_MATCH, "If-Match").map_err(Refusal::Request)?;
        let value = value.ok_or(Refusal::PreconditionRequired)?;
        version(value).map(Self).ok_or_else(|| {
            Refusal::Request(Faults::one(
                "If-Match",
                format!(
                    "{} is not a version",
                    shown(&String::from_utf8_lossy(value.as_bytes()))
                ),
                "send one ETag as it was answered, such as \"17\", with its quotes",
            ))
        })
    }

    fn version(&self) -> Option<AggregateVersion> {
        Some(self.0)
    }

    fn document(spec: &mut Spec<'_>) {
        spec.header_parameter(
            "If-Match",
            true,
            "The version the command is given for: the `ETag` of what was read.",
        );
        spec.problem(428);
        spec.problem(409);
    }
}

impl Precondition for Always {
    fn read(_: &HeaderMap) -> Result<Self, Refusal> {
        Ok(Self)
    }

    fn version(&self) -> Option<AggregateVersion> {
        None
    }

    fn document(_: &mut Spec<'_>) {}
}

/// A version as an `ETag`.
pub(crate) fn etag(version: AggregateVersion) -> HeaderValue {
    // Digits between quotes make a header value.
    HeaderValue::from_str(&format!("\"{version}\"")).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// A version out of one strong entity tag, written in the one way that [`etag`] writes it.
fn version(value: &HeaderValue) -> Option<AggregateVersion> {
    let digits = value.to_str().ok()?.trim().strip_prefix('"')?.strip_suffix('"')?;
    let version = AggregateVersion(digits.parse().ok()?);
    (version.to_string() == digits).then_some(version)
}

/// Answers 304 to a read whose `If-None-Match` names the version that is there.
pub(crate) async fn not_modified(request: Request, next: Next) -> Response {
    let known = match *request.method() {
        Method::GET | Method::HEAD => request.headers().get(IF_NONE_MATCH).cloned(),
        _ => None,
    };
    let response = next.run(request).await;
    let same = match (known, response.headers().get(ETAG)) {
        (Some(known), Some(etag)) if response.status() == StatusCode::OK => names(&known, etag),
        (Some(_) | None, Some(_) | None) => false,
    };
    if !same {
        return response;
    }
    let (mut parts, _) = response.into_parts();
    parts.status = StatusCode::NOT_MODIFIED;
    parts.headers.remove(CONTENT_TYPE);
    parts.headers.remove(CONTENT_LENGTH);
    (parts, ()).into_response()
}

/// Whether an `If-None-Match` names an entity tag. Compared weakly, as RFC 9110 §13.1.2 says.
fn names(known: &HeaderValue, etag: &HeaderValue) -> bool {
    let (Ok(known), Ok(etag)) = (known.to_str(), etag.to_str()) else {
        return false;
    };
    known
        .split(',')
        .map(str::trim)
        .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn if_match(value: &'static str) -> Result<IfMatch, Refusal> {
        let mut headers = HeaderMap::new();
        headers.insert(IF_MATCH, HeaderValue::from_static(value));
        IfMatch::read(&headers)
    }

    #[test]
    fn a_version_survives_its_etag() {
        for number in [0, 7, u64::MAX] {
            let version = AggregateVersion(number);
            assert_eq!(super::version(&etag(version)), Some(version));
        }
    }

    #[test]
    fn only_one_strong_tag_is_a_version() {
        assert_eq!(if_match("\"17\"").unwrap(), IfMatch(AggregateVersion(17)));
        for bad in [
            "17",
            "*",
            "W/\"17\"",
            "\"17\", \"18\"",
            "\"\"",
            "\"017\"",
            "\"+17\"",
            "\"x\"",
            "\"-1\"",
        ] {
            assert!(matches!(if_match(bad), Err(Refusal::Request(_))), "{bad}");
        }
        let mut twice = HeaderMap::new();
        twice.append(IF_MATCH, HeaderValue::from_static("\"17\""));
        twice.append(IF_MATCH, HeaderValue::from_static("\"17\""));
        assert!(matches!(IfMatch::read(&twice), Err(Refusal::Request(_))));
        assert!(matches!(
            IfMatch::read(&HeaderMap::new()),
            Err(Refusal::PreconditionRequired)
        ));
    }

    #[test]
    fn if_none_match_is_a_list_and_compared_weakly() {
        let etag = HeaderValue::from_static("\"17\"");
        for same in ["\"17\"", "W/\"17\"", "\"3\", \"17\"", "*"] {
            assert!(names(&HeaderValue::from_static(same), &etag), "{same}");
        }
        for other in ["\"1\"", "17", ""] {
            assert!(!names(&HeaderValue::from_static(other), &etag), "{other}");
        }
    }
}
