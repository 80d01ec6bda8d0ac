//! The on-behalf-of grant: the gateway, with its secret and a user's token for it, gets that user's token for a tool.
//!
//! Source: Microsoft identity platform, "OAuth 2.0 On-Behalf-Of flow". With Entra the consent to a tool, and what it asks of a sign-in,
//! is each tenant's own; here it is [a user's](super::directory::User::obstacle).

#[cfg(test)]
mod tests;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;
use uuid::Uuid;

use super::claims::{Client, Grant, Subject};
use super::directory::{Api, App, Obstacle, TOOL_APIS, User};
use super::endpoints::{Endpoints, TokenVersion};
use super::grant::{Asker, TokenForm, authenticate, required, scoped_api};
use super::key::SigningKey;
use super::refusal::Refusal;

/// The grant's name (RFC 7523 §2.1).
pub(super) const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// What is read of an assertion.
#[derive(Deserialize)]
struct Claims {
    oid: Uuid,
    /// `app` where nobody is behind the token.
    idtyp: Option<String>,
}

/// Decides an exchange. `apis` are those that tokens are asked for by people: the client must be one of them.
pub(super) fn exchange(
    form: &TokenForm,
    key: &SigningKey,
    endpoints: &Endpoints,
    apis: &[Api],
) -> Result<Grant, Refusal> {
    let client_id = required(form.client_id.as_deref(), "client_id")?;
    let client = App::find(client_id).ok_or_else(|| Refusal::UnknownClient(client_id.to_owned()))?;
    authenticate(client, form, Refusal::MissingSecret)?;
    let used_as = required(form.requested_token_use.as_deref(), "requested_token_use")?;
    if client.secret.is_none() || used_as != "on_behalf_of" {
        return Err(Refusal::UnsupportedGrantType(GRANT_TYPE.to_owned()));
    }
    let assertion = required(form.assertion.as_deref(), "assertion")?;
    let user = user_of(assertion, client, key, endpoints, apis)?;
    let scope = required(form.scope.as_deref(), "scope")?;
    let invalid = || Refusal::InvalidScope(scope.to_owned());
    let api = scoped_api(scope, Asker::User, &TOOL_APIS)?.ok_or_else(invalid)?;
    // The registrations of tools leave their token version unset: they get v1.0 tokens, whose audience is the resource as it was named.
    let named = scope
        .split_ascii_whitespace()
        .find_map(|one| one.rsplit_once('/'));
    let (audience, _) = named.ok_or_else(invalid)?;
    match user.obstacle {
        None => Ok(Grant {
            version: TokenVersion::V1,
            subject: Subject::User(user),
            client: Client::Listed(client),
            api,
            audience: audience.to_owned(),
        }),
        Some(Obstacle::Consent) => Err(Refusal::NotConsented(client.client_id)),
        Some(Obstacle::MultiFactor) => Err(Refusal::NeedsMultiFactor(api.app_id)),
    }
}

/// Whose token an assertion is: one of ours, for the client, not expired.
fn user_of(
    assertion: &str,
    client: &App,
    key: &SigningKey,
    endpoints: &Endpoints,
    apis: &[Api],
) -> Result<&'static User, Refusal> {
    let api = apis.iter().find(|api| api.app_id == client.client_id);
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_required_spec_claims(&["iss", "aud", "exp", "nbf"]);
    validation.set_issuer(&[TokenVersion::V1, TokenVersion::V2].map(|version| endpoints.issuer(version)));
    validation.set_audience(&api.map_or_else(
        || vec![client.client_id.to_string()],
        |api| api.audiences().to_vec(),
    ));
    validation.validate_nbf = true;
    validation.leeway = 0;
    // `exp` is the first second in which a token is no good (RFC 7519 §4.1.4).
    validation.reject_tokens_expiring_in_less_than = 1;
    let claims: Claims = key
        .verified(assertion, &validation)
        .map_err(|error| refused(&error))?;
    if claims.idtyp.as_deref() == Some("app") {
        return Err(Refusal::AppOnlyAssertion(client.client_id));
    }
    User::with_id(claims.oid).ok_or(Refusal::InvalidAssertion)
}

fn refused(error: &Error) -> Refusal {
    let kind = error.kind();
    if matches!(kind, ErrorKind::ExpiredSignature | ErrorKind::ImmatureSignature) {
        Refusal::ExpiredAssertion
    } else if matches!(kind, ErrorKind::InvalidAudience) {
        Refusal::AssertionForAnother
    } else {
        Refusal::InvalidAssertion
    }
}
