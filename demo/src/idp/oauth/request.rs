//! Authorization requests (OAuth 2.1 §4.1.1, RFC 7636, RFC 8707). Pure.

use super::super::directory::Api;
use super::super::grant::{Asker, scoped_api};
use super::client::Registration;
use super::pkce::Challenge;
use super::redirect::RedirectUri;
use super::resource::Doors;

/// A request, in bytes, at most: it is kept while its page is looked at.
const LONGEST: usize = 8 * 1024;

/// The parameters of a request.
#[derive(Debug, Clone)]
pub(super) struct Query(Vec<(String, String)>);

/// What a client asks a user for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    /// Who asks.
    pub(super) client: Registration,
    /// Where the answer goes, as it was asked for.
    pub(super) redirect: RedirectUri,
    /// Given back with the answer.
    pub(super) state: Option<String>,
    pub(super) challenge: Challenge,
    /// What the tokens are for.
    pub(super) api: Api,
}

/// Why a request is refused in front of its user. Nobody is redirected: where to is what cannot be trusted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Untrusted {
    #[error("The request is longer than {LONGEST} bytes.")]
    TooLong,
    #[error("The request has no {0}.")]
    Missing(&'static str),
    #[error("The request has the parameter {0:?} more than once.")]
    Repeated(String),
    #[error(
        "No client with this client_id is registered here. If it registered long ago, it has to do so anew."
    )]
    UnknownClient,
    #[error("The client's metadata document could not be used: {0}.")]
    Document(String),
    #[error("The client has not registered this redirect_uri.")]
    Redirect,
}

/// Why a request is refused towards its client (RFC 6749 §4.1.2.1, RFC 8707 §2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Declined {
    #[error("response_type must be code")]
    ResponseType,
    #[error("response_mode must be query")]
    ResponseMode,
    #[error("request objects are not supported")]
    RequestObject,
    #[error("a code_challenge with code_challenge_method S256 is required")]
    Challenge,
    #[error("the resource is none that tokens are issued for")]
    Resource,
    #[error("the scope is not valid")]
    Scope,
    #[error("nobody is signed in")]
    LoginRequired,
    #[error("the user declined")]
    ByUser,
}

impl Query {
    /// Reads `application/x-www-form-urlencoded`: an empty value is no value, and only `resource` may come more than once.
    pub(super) fn parse(text: &[u8]) -> Result<Self, Untrusted> {
        if text.len() > LONGEST {
            return Err(Untrusted::TooLong);
        }
        let mut parameters: Vec<(String, String)> = Vec::new();
        for (name, value) in url::form_urlencoded::parse(text).filter(|(_, value)| !value.is_empty()) {
            if name != "resource" && parameters.iter().any(|(earlier, _)| *earlier == name) {
                return Err(Untrusted::Repeated(name.into_owned()));
            }
            parameters.push((name.into_owned(), value.into_owned()));
        }
        Ok(Self(parameters))
    }

    /// The value of a parameter.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// The value of a parameter without which there is no request.
    pub(super) fn required(&self, name: &'static str) -> Result<&str, Untrusted> {
        self.get(name).ok_or(Untrusted::Missing(name))
    }

    fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(one, _)| one == name)
            .map(|(_, value)| value.as_str())
    }
}

impl Declined {
    /// The error code that the client gets.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::ResponseType => "unsupported_response_type",
            Self::ResponseMode | Self::Challenge => "invalid_request",
            Self::RequestObject => "request_not_supported",
            Self::Resource => "invalid_target",
            Self::Scope => "invalid_scope",
            Self::LoginRequired => "login_required",
            Self::ByUser => "access_denied",
        }
    }
}

/// Where the answer to a request of this client may go.
pub(super) fn redirect(query: &Query, client: &Registration) -> Result<RedirectUri, Untrusted> {
    let asked = query.required("redirect_uri")?;
    client.redirect(asked).ok_or(Untrusted::Redirect)
}

/// Judges a request, once it is known where the answer goes.
pub(super) fn judge(
    query: &Query,
    client: Registration,
    redirect: RedirectUri,
    doors: &Doors,
    apis: &[Api],
) -> Result<Asked, Declined> {
    if query.get("response_type") != Some("code") {
        return Err(Declined::ResponseType);
    }
    if query.get("response_mode").is_some_and(|mode| mode != "query") {
        return Err(Declined::ResponseMode);
    }
    if query.get("request").or(query.get("request_uri")).is_some() {
        return Err(Declined::RequestObject);
    }
    // Without a method, "plain" is meant (RFC 7636 §4.3).
    let challenge = match (query.get("code_challenge"), query.get("code_challenge_method")) {
        (Some(challenge), Some("S256")) => Challenge::parse(challenge).ok_or(Declined::Challenge)?,
        (Some(_) | None, Some(_) | None) => return Err(Declined::Challenge),
    };
    let api = api(query, doors, apis)?;
    if query.get("prompt") == Some("none") {
        return Err(Declined::LoginRequired);
    }
    Ok(Asked {
        client,
        redirect,
        state: query.get("state").map(str::to_owned),
        challenge,
        api,
    })
}

/// The one API that all resources and scopes name; the data API where there are none.
fn api(query: &Query, doors: &Doors, apis: &[Api]) -> Result<Api, Declined> {
    let mut named: Option<Api> = None;
    for resource in query.all("resource") {
        let api = doors.api_of(resource, apis).ok_or(Declined::Resource)?;
        if named.is_some_and(|earlier| earlier != api) {
            return Err(Declined::Resource);
        }
        named = Some(api);
    }
    let scope = query.get("scope").unwrap_or_default();
    let scoped = scoped_api(scope, Asker::User, apis).map_err(|_| Declined::Scope)?;
    match (named, scoped) {
        (Some(named), Some(scoped)) if named != scoped => Err(Declined::Scope),
        (Some(api), _) | (None, Some(api)) => Ok(api),
        (None, None) => apis.first().copied().ok_or(Declined::Resource),
    }
}

#[cfg(test)]
mod tests;
