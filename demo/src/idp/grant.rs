//! From a token request's form to what is issued, or the reason why not. Pure.

use std::fmt;

use super::claims::{Client, Grant, Subject};
use super::directory::{Api, App, User};
use super::endpoints::TokenVersion;
use super::refusal::Refusal;

/// The scopes of `OpenID` Connect ask for no API. Accepted and without effect, as there are no ID or refresh tokens.
const OPENID_SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// On whose behalf scopes are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asker {
    /// A user, by any delegated permission.
    User,
    /// An application itself, by `.default` alone.
    App,
}

/// The parameters of a token request that mean something here; others (`password` among them) are ignored.
#[derive(Default, Clone)]
pub(super) struct TokenForm {
    pub(super) grant_type: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<String>,
    pub(super) username: Option<String>,
    pub(super) scope: Option<String>,
    pub(super) resource: Option<String>,
    pub(super) code: Option<String>,
    pub(super) redirect_uri: Option<String>,
    pub(super) code_verifier: Option<String>,
    pub(super) refresh_token: Option<String>,
    pub(super) assertion: Option<String>,
    pub(super) requested_token_use: Option<String>,
}

impl TokenForm {
    /// Reads `application/x-www-form-urlencoded` (RFC 6749 §3.2): an empty value is no value, a parameter appears once.
    pub(super) fn parse(body: &[u8]) -> Result<Self, Refusal> {
        let mut form = Self::default();
        for (name, value) in url::form_urlencoded::parse(body) {
            let (name, slot) = match &*name {
                "grant_type" => ("grant_type", &mut form.grant_type),
                "client_id" => ("client_id", &mut form.client_id),
                "client_secret" => ("client_secret", &mut form.client_secret),
                "username" => ("username", &mut form.username),
                "scope" => ("scope", &mut form.scope),
                "resource" => ("resource", &mut form.resource),
                "code" => ("code", &mut form.code),
                "redirect_uri" => ("redirect_uri", &mut form.redirect_uri),
                "code_verifier" => ("code_verifier", &mut form.code_verifier),
                "refresh_token" => ("refresh_token", &mut form.refresh_token),
                "assertion" => ("assertion", &mut form.assertion),
                "requested_token_use" => ("requested_token_use", &mut form.requested_token_use),
                _ => continue,
            };
            if !value.is_empty() && slot.replace(value.into_owned()).is_some() {
                return Err(Refusal::RepeatedParameter(name));
            }
        }
        Ok(form)
    }
}

/// The form holds a secret.
impl fmt::Debug for TokenForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenForm")
            .field("grant_type", &self.grant_type)
            .finish_non_exhaustive()
    }
}

/// Decides a token request against the directory and the `apis` of this tenant.
pub(super) fn decide(form: &TokenForm, version: TokenVersion, apis: &[Api]) -> Result<Grant, Refusal> {
    let grant_type = required(form.grant_type.as_deref(), "grant_type")?;
    let client_id = required(form.client_id.as_deref(), "client_id")?;
    let client = App::find(client_id).ok_or_else(|| Refusal::UnknownClient(client_id.to_owned()))?;
    let subject = match grant_type {
        "password" => {
            authenticate(client, form, Refusal::MissingSecret)?;
            let login = required(form.username.as_deref(), "username")?;
            Subject::User(User::find(login).ok_or_else(|| Refusal::UnknownUser(login.to_owned()))?)
        }
        "client_credentials" => {
            if form.client_secret.is_none() {
                return Err(Refusal::MissingSecretForApp);
            }
            authenticate(client, form, Refusal::MissingSecretForApp)?;
            Subject::App(client)
        }
        other => return Err(Refusal::UnsupportedGrantType(other.to_owned())),
    };
    let (api, audience) = match version {
        TokenVersion::V1 => asked_by_resource(required(form.resource.as_deref(), "resource")?, apis)?,
        TokenVersion::V2 => asked_by_scope(required(form.scope.as_deref(), "scope")?, subject, apis)?,
    };
    Ok(Grant {
        version,
        subject,
        client: Client::Listed(client),
        api,
        audience,
    })
}

pub(super) fn required<'a>(value: Option<&'a str>, name: &'static str) -> Result<&'a str, Refusal> {
    value.ok_or(Refusal::MissingParameter(name))
}

/// Client authentication by `client_secret` (RFC 6749 §2.3.1); `missing` is the answer to a confidential client without.
pub(super) fn authenticate(client: &App, form: &TokenForm, missing: Refusal) -> Result<(), Refusal> {
    match (&client.secret, &form.client_secret) {
        (None, None) => Ok(()),
        (None, Some(_)) => Err(Refusal::SecretFromPublicClient),
        (Some(_), None) => Err(missing),
        (Some(expected), Some(presented)) if presented == expected.expose() => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::WrongSecret(client.client_id)),
    }
}

/// v1.0: the resource as it was named becomes the audience.
fn asked_by_resource(resource: &str, apis: &[Api]) -> Result<(Api, String), Refusal> {
    Ok((api_named(resource, apis)?, resource.to_owned()))
}

/// v2.0: all scopes belong to one API, whose application id becomes the audience.
fn asked_by_scope(scope: &str, subject: Subject, apis: &[Api]) -> Result<(Api, String), Refusal> {
    let asker = match subject {
        Subject::User(_) => Asker::User,
        Subject::App(_) => Asker::App,
    };
    let api = scoped_api(scope, asker, apis)?.ok_or_else(|| Refusal::InvalidScope(scope.to_owned()))?;
    Ok((api, api.app_id.to_string()))
}

/// The one API that all scopes belong to; none where only scopes of `OpenID` Connect are asked for.
pub(super) fn scoped_api(scope: &str, asker: Asker, apis: &[Api]) -> Result<Option<Api>, Refusal> {
    let mut asked: Option<Api> = None;
    for one in scope
        .split_ascii_whitespace()
        .filter(|one| !OPENID_SCOPES.contains(one))
    {
        let invalid = || Refusal::InvalidScope(one.to_owned());
        let (resource, permission) = one.rsplit_once('/').ok_or_else(invalid)?;
        let api = api_named(resource, apis)?;
        match (permission, asker) {
            (".default", _) => {}
            (_, Asker::App) => return Err(Refusal::NotDefaultScope(one.to_owned())),
            (named, Asker::User) if named == api.permission => {}
            (_, Asker::User) => return Err(invalid()),
        }
        if asked.is_some_and(|earlier| earlier != api) {
            return Err(Refusal::InvalidScope(scope.to_owned()));
        }
        asked = Some(api);
    }
    Ok(asked)
}

fn api_named(resource: &str, apis: &[Api]) -> Result<Api, Refusal> {
    let found = apis.iter().copied().find(|api| api.is_named(resource));
    found.ok_or_else(|| Refusal::UnknownResource(resource.to_owned()))
}

#[cfg(test)]
mod tests;
