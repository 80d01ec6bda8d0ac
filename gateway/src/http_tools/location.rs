//! `Location` of an upstream's answer, as the client may follow it. Pure.

use onedoor_model::path::CanonicalPath;
use url::Url;

use super::request::arguments;

/// Where a service is for its clients and for the door.
#[derive(Clone, Copy, Debug)]
pub(super) struct Places<'a> {
    /// The service's base URL.
    pub(super) base: &'a Url,
    /// The URL that the door asked.
    pub(super) asked: &'a Url,
    /// What clients know the base as.
    pub(super) door: &'a str,
}

/// A reference as the client may follow it: through the door. None where it leads out of the service: the client must not take its
/// token there, nor learn of places it cannot reach.
pub(super) fn location(reference: &str, places: Places<'_>) -> Option<String> {
    let to = places.asked.join(reference).ok()?;
    if to.origin() != places.base.origin() {
        return None;
    }
    let base = places.base.path();
    let path = to.path().strip_prefix(base.strip_suffix('/').unwrap_or(base))?;
    let path = if path.is_empty() { "/" } else { path };
    let path = CanonicalPath::parse(path).ok()?;
    Some(arguments(&format!("{}{path}", places.door), to.query()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_location_leads_through_the_door() {
        for (base, reference, through) in [
            (
                "https://a.example/v1",
                "/v1/jobs/7",
                Some("https://door/http/a/jobs/7"),
            ),
            ("https://a.example/v1", "7", Some("https://door/http/a/jobs/7")),
            (
                "https://a.example/v1",
                "?page=2",
                Some("https://door/http/a/jobs/1?page=2"),
            ),
            ("https://a.example/v1", "../x#f", Some("https://door/http/a/x")),
            (
                "https://a.example/v1",
                "https://a.example:443/v1/x",
                Some("https://door/http/a/x"),
            ),
            (
                "https://a.example/v1",
                "//a.example/v1/x",
                Some("https://door/http/a/x"),
            ),
            ("https://a.example/v1", "/v1", Some("https://door/http/a/")),
            ("https://a.example/v1/", "/v1/x", Some("https://door/http/a/x")),
            (
                "https://a.example/",
                "/anything",
                Some("https://door/http/a/anything"),
            ),
            (
                "https://a.example/v1",
                "https://user:secret@a.example/v1/x",
                Some("https://door/http/a/x"),
            ),
            ("https://a.example/v1", "https://b.example/v1/x", None),
            ("https://a.example/v1", "http://a.example/v1/x", None),
            ("https://a.example/v1", "https://a.example:8443/v1/x", None),
            ("https://a.example/v1", "//b.example/v1/x", None),
            ("https://a.example/v1", "/\\b.example/v1/x", None),
            ("https://a.example/v1", "/v1/../admin", None),
            ("https://a.example/v1", "/v1/%2e%2e/admin", None),
            ("https://a.example/v1", "/v1/..%2fadmin", None),
            ("https://a.example/v1", "/v10/x", None),
            ("https://a.example/v1", "/admin", None),
            ("https://a.example/v1", "javascript:alert(1)", None),
            ("https://a.example/v1", "data:,x", None),
            ("https://a.example/v1", "https://", None),
        ] {
            let base = Url::parse(base).unwrap();
            let asked = Url::parse("https://a.example/v1/jobs/1").unwrap();
            let places = Places {
                base: &base,
                asked: &asked,
                door: "https://door/http/a",
            };
            assert_eq!(
                location(reference, places).as_deref(),
                through,
                "{base} {reference}"
            );
        }
    }
}
