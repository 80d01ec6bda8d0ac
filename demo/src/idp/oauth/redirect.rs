//! Where a client may have its users sent back to. Pure.
//!
//! Sources: RFC 8252 §7 (private-use schemes, loopback), RFC 9700 §2.1 (exact match).

use std::fmt;

use serde::{Deserialize, Serialize};
use url::{Host, Position, Url};

use super::super::is_loopback;

/// Schemes of applications that are in use without being reverse domain names. Others must have a period (RFC 8252 §7.1), which
/// keeps out `javascript`, `data` and whatever else a browser acts on.
const APPLICATIONS: [&str; 9] = [
    "claude",
    "code-oss",
    "cursor",
    "goose",
    "vscode",
    "vscode-insiders",
    "vscodium",
    "windsurf",
    "zed",
];

/// A redirect URI, as the client wrote it, at most this long.
const LONGEST: usize = 2_000;

/// A redirect URI that may be registered: https, http on loopback, or a private-use scheme.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct RedirectUri {
    text: String,
    url: Url,
}

/// Why a redirect URI cannot be registered. The client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnfitRedirect {
    #[error("a redirect URI must be an absolute URL of at most {LONGEST} characters")]
    NotAUrl,
    #[error("a redirect URI must not have a fragment")]
    Fragment,
    #[error("a redirect URI must not hold a user or password")]
    UserInfo,
    #[error("a redirect URI with http must be on loopback")]
    NotLoopback,
    #[error(
        "a redirect URI must be https, http on loopback, or of a private-use scheme such as com.example.app"
    )]
    Scheme,
}

impl RedirectUri {
    /// Reads a redirect URI.
    pub(super) fn parse(text: &str) -> Result<Self, UnfitRedirect> {
        if text.len() > LONGEST {
            return Err(UnfitRedirect::NotAUrl);
        }
        let url = Url::parse(text).map_err(|_| UnfitRedirect::NotAUrl)?;
        if url.fragment().is_some() {
            return Err(UnfitRedirect::Fragment);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UnfitRedirect::UserInfo);
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(UnfitRedirect::NotLoopback),
            scheme if scheme.contains('.') || APPLICATIONS.contains(&scheme) => {}
            _ => return Err(UnfitRedirect::Scheme),
        }
        Ok(Self {
            text: text.to_owned(),
            url,
        })
    }

    /// Whether this registered URI allows the one asked for: the same text, or both on the same loopback host and alike but for the
    /// port, which a native client cannot know beforehand (RFC 8252 §7.3).
    pub(super) fn admits(&self, asked: &Self) -> bool {
        self.text == asked.text || self.portless().is_some_and(|url| asked.portless() == Some(url))
    }

    /// As the client wrote it.
    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// This URI with parameters added to its query.
    pub(super) fn with<'a>(&self, parameters: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut url = self.url.clone();
        url.query_pairs_mut().extend_pairs(parameters);
        url.into()
    }

    /// The source expression that allows it in a `Content-Security-Policy` (CSP 3 §2.3.1). A host with other characters than a name
    /// has is left out, as it could end the directive; so is an IPv6 address, for which there is no expression.
    pub(super) fn source(&self) -> String {
        let scheme = self.url.scheme();
        let plain = |host: &str| {
            host.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
        };
        match self.url.host_str() {
            Some(host) if matches!(scheme, "http" | "https") && plain(host) => {
                self.url[..Position::AfterPort].to_owned()
            }
            Some(_) | None => format!("{scheme}:"),
        }
    }

    /// Host as written, path and query, of a loopback URI.
    fn portless(&self) -> Option<(Host<&str>, &str)> {
        (self.url.scheme() == "http")
            .then(|| Some((self.url.host()?, &self.url[Position::BeforePath..])))
            .flatten()
    }
}

impl TryFrom<String> for RedirectUri {
    type Error = UnfitRedirect;

    fn try_from(text: String) -> Result<Self, UnfitRedirect> {
        Self::parse(&text)
    }
}

impl From<RedirectUri> for String {
    fn from(uri: RedirectUri) -> Self {
        uri.text
    }
}

impl fmt::Display for RedirectUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn uri(text: &str) -> RedirectUri {
        RedirectUri::parse(text).unwrap()
    }

    #[test]
    fn only_where_a_client_can_live_may_be_registered() {
        for good in [
            "https://claude.ai/api/mcp/auth_callback",
            "https://client.example/callback?x=1",
            "http://127.0.0.1:33418/",
            "http://localhost/callback",
            "http://[::1]:9/cb",
            "vscode://vscode.github-authentication/did-authenticate",
            "cursor://anysphere.cursor-retrieval/oauth/x/callback",
            "com.example.app:/oauth",
        ] {
            assert!(RedirectUri::parse(good).is_ok(), "{good}");
        }
        for (bad, fault) in [
            ("", UnfitRedirect::NotAUrl),
            ("/callback", UnfitRedirect::NotAUrl),
            ("https://client.example/#x", UnfitRedirect::Fragment),
            ("https://me@client.example/", UnfitRedirect::UserInfo),
            ("http://client.example/", UnfitRedirect::NotLoopback),
            ("http://127.0.0.1.evil.example/", UnfitRedirect::NotLoopback),
            ("javascript:alert(1)", UnfitRedirect::Scheme),
            ("data:text/html,x", UnfitRedirect::Scheme),
            ("file:///etc/passwd", UnfitRedirect::Scheme),
            ("blob:https://client.example/1", UnfitRedirect::Scheme),
            ("mailto:eve", UnfitRedirect::Scheme),
        ] {
            assert_eq!(RedirectUri::parse(bad), Err(fault), "{bad}");
        }
        let long = format!("https://client.example/{}", "a".repeat(LONGEST));
        assert_eq!(RedirectUri::parse(&long), Err(UnfitRedirect::NotAUrl));
    }

    #[test]
    fn a_registered_uri_admits_itself_and_other_loopback_ports() {
        for (registered, asked, admitted) in [
            ("https://c.example/cb", "https://c.example/cb", true),
            ("https://c.example/cb", "https://c.example/cb/", false),
            ("https://c.example/cb", "https://c.example/cb?x=1", false),
            ("https://c.example/cb", "https://c.example:8443/cb", false),
            ("https://c.example/cb", "https://evil.example/cb", false),
            ("https://c.example/cb", "https://C.example/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb", true),
            ("http://localhost:1/cb", "http://localhost:2/cb", true),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/other", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:5000/cb?x=1", false),
            ("http://127.0.0.1/cb", "http://localhost:5000/cb", false),
            ("http://127.0.0.1/cb", "https://127.0.0.1:5000/cb", false),
            ("vscode://a/b", "vscode://a/b", true),
            ("vscode://a/b", "vscode://a/c", false),
        ] {
            assert_eq!(
                uri(registered).admits(&uri(asked)),
                admitted,
                "{registered} {asked}"
            );
        }
    }

    #[test]
    fn the_answer_is_added_to_the_query() {
        let answered = uri("https://c.example/cb?x=1").with([("code", "a b&c"), ("state", "é")]);
        assert_eq!(answered, "https://c.example/cb?x=1&code=a+b%26c&state=%C3%A9");
        assert_eq!(uri("vscode://a/b").with([("code", "1")]), "vscode://a/b?code=1");
    }

    #[test]
    fn a_policy_names_just_the_redirect() {
        for (text, source) in [
            ("https://c.example/cb?x", "https://c.example"),
            ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000"),
            ("http://[::1]:5000/cb", "http:"),
            ("https://c.example;script-src/cb", "https:"),
            ("vscode://a/b", "vscode:"),
        ] {
            assert_eq!(uri(text).source(), source);
        }
    }

    proptest! {
        #[test]
        fn no_source_can_end_a_directive(text in "https://[a-z0-9.;,'\"-]{1,20}(:[0-9]{1,4})?/.{0,10}") {
            if let Ok(uri) = RedirectUri::parse(&text) {
                prop_assert!(!uri.source().contains([';', ',', ' ', '\'', '"']), "{}", uri.source());
            }
        }
    }
}
