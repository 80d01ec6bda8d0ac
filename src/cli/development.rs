//! A door that `onedoor dev` has opened on this machine: where it is, and tokens of its demonstration users.

use std::{
    fmt, io,
    net::IpAddr,
    path::{Path, PathBuf},
};

use serde::Deserialize;
use url::{Host, Url};

use super::{
    client::{self, Unreachable},
    token::{Plane, Token},
};

/// The file in the data folder that says where the door is.
const FILE: &str = "dev.json";

/// What `dev.json` says. It can be trusted as far as the folder it lies in, so all it names must be on this machine:
/// a folder from elsewhere cannot send a token abroad.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Development {
    /// The admin plane.
    pub(super) admin_url: Url,
    /// The identity provider's token endpoint.
    token_url: Url,
    data_scope: String,
    admin_scope: String,
    client_id: String,
    users: Vec<String>,
}

/// There is no usable development door.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoDevelopment {
    #[error("cannot read {}: is `onedoor dev` running?", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} is not what `onedoor dev` writes", path.display())]
    Malformed {
        path: PathBuf,
        source: serde_json::Error,
    },
    #[error("{} names {url}, which is not on this machine", path.display())]
    Elsewhere { path: PathBuf, url: Url },
}

/// No token for a user.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoToken {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error("no token for {user:?}: {why} (users: {})", users.join(", "))]
    Refused {
        user: String,
        why: String,
        users: Vec<String>,
    },
    #[error("{url} did not answer with a token")]
    Unintelligible { url: Url },
}

/// A token endpoint's answer (RFC 6749 §5.1). It holds a token and so has no `Debug`.
#[derive(Deserialize)]
struct Granted {
    access_token: String,
}

/// Its refusal (RFC 6749 §5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
    #[serde(default)]
    error_description: Option<String>,
}

impl Development {
    /// Reads where the door is from its data folder.
    pub(super) fn read(folder: &Path) -> Result<Self, NoDevelopment> {
        let path = folder.join(FILE);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(source) => return Err(NoDevelopment::Unreadable { path, source }),
        };
        let development: Self = match serde_json::from_slice(&text) {
            Ok(development) => development,
            Err(source) => return Err(NoDevelopment::Malformed { path, source }),
        };
        let urls = [&development.admin_url, &development.token_url];
        if let Some(url) = urls.into_iter().find(|url| !is_loopback(url)) {
            return Err(NoDevelopment::Elsewhere {
                path,
                url: url.clone(),
            });
        }
        Ok(development)
    }

    /// A token of a demonstration user. They have no passwords.
    pub(super) async fn token(&self, user: &str, plane: Plane) -> Result<Token, NoToken> {
        let scope = match plane {
            Plane::Data => &self.data_scope,
            Plane::Admin => &self.admin_scope,
        };
        let form = [
            ("grant_type", "password"),
            ("username", user),
            ("client_id", &self.client_id),
            ("scope", scope),
        ];
        let unreachable = |source| Unreachable::new(&self.token_url, source);
        let answer = client::http()
            .map_err(unreachable)?
            .post(self.token_url.clone())
            .form(&form)
            .send()
            .await
            .map_err(unreachable)?;
        let granted = answer.status().is_success();
        let body = answer.bytes().await.map_err(unreachable)?;
        let unintelligible = || NoToken::Unintelligible {
            url: self.token_url.clone(),
        };
        if granted {
            let Granted { access_token } = serde_json::from_slice(&body).map_err(|_| unintelligible())?;
            return Token::new(access_token).ok_or_else(unintelligible);
        }
        let refused: Refused = serde_json::from_slice(&body).map_err(|_| unintelligible())?;
        Err(NoToken::Refused {
            user: user.to_owned(),
            why: refused.to_string(),
            users: self.users.clone(),
        })
    }
}

impl fmt::Display for Refused {
    /// The first line: ids for support follow, which nobody needs here.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let first = self
            .error_description
            .as_deref()
            .and_then(|text| text.lines().next());
        f.write_str(first.unwrap_or(&self.error))
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        for here in ["http://127.0.0.1:1", "http://localhost", "http://[::1]:80"] {
            assert!(is_loopback(&here.parse().unwrap()), "{here}");
        }
        for elsewhere in [
            "http://10.0.0.1",
            "http://localhost.example",
            "http://127.0.0.1.example",
            "data:x",
        ] {
            assert!(!is_loopback(&elsewhere.parse().unwrap()), "{elsewhere}");
        }
    }
}
