//! From the URL of the door that a client connects to, to the API its token is for (RFC 8707). Pure.

use url::Url;

use super::super::directory::{Api, Plane};
use super::super::is_loopback;

/// Where the planes of the door are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Doors {
    /// The data plane: whatever is below it is the data API.
    pub data: Option<Url>,
    /// The admin plane: whatever is below it is the admin API.
    pub admin: Option<Url>,
}

impl Doors {
    /// The API that a `resource` parameter names: by a URL at the door, or as Entra names it.
    pub(super) fn api_of(&self, resource: &str, apis: &[Api]) -> Option<Api> {
        let url = Url::parse(resource).ok().filter(|url| url.fragment().is_none());
        apis.iter().copied().find(|api| {
            let door = match api.plane {
                Plane::Data => &self.data,
                Plane::Admin => &self.admin,
                Plane::Tool => &None,
            };
            let at_door = matches!((door, &url), (Some(door), Some(url)) if is_below(door, url));
            at_door || api.is_named(resource)
        })
    }
}

/// Whether a URL is that of the door or one below it. All names of loopback are one.
fn is_below(door: &Url, url: &Url) -> bool {
    let same_host = door.host() == url.host() || (is_loopback(door) && is_loopback(url));
    let path = door.path().trim_end_matches('/');
    let below = url
        .path()
        .strip_prefix(path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let authority = |url: &Url| (url.scheme().to_owned(), url.port_or_known_default());
    same_host
        && below
        && authority(door) == authority(url)
        && url.username().is_empty()
        && url.password().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::idp::directory::{ADMIN_API, DATA_API};

    #[test]
    fn a_url_at_the_door_names_the_api_behind_it() {
        let doors = Doors {
            data: Some("http://127.0.0.1:8080".parse().unwrap()),
            admin: Some("https://door.example/admin".parse().unwrap()),
        };
        for (resource, api) in [
            ("http://127.0.0.1:8080", Some(DATA_API)),
            ("http://127.0.0.1:8080/servers/finance/mcp", Some(DATA_API)),
            ("http://localhost:8080/mcp", Some(DATA_API)),
            ("api://onedoor", Some(DATA_API)),
            ("https://door.example/admin/", Some(ADMIN_API)),
            ("https://door.example:443/admin/api", Some(ADMIN_API)),
            ("https://door.example/administer", None),
            ("https://door.example/", None),
            ("http://127.0.0.1:8081/mcp", None),
            ("https://127.0.0.1:8080/mcp", None),
            ("http://evil.example:8080/mcp", None),
            ("http://127.0.0.1:8080@evil.example/mcp", None),
            ("http://me@127.0.0.1:8080/mcp", None),
            ("http://127.0.0.1:8080/mcp#x", None),
            ("/mcp", None),
            ("", None),
        ] {
            assert_eq!(doors.api_of(resource, &[DATA_API, ADMIN_API]), api, "{resource}");
        }
    }
}
