//! From a token's claims to a principal. Pure.
//!
//! The claims are those of Entra's access tokens, v1.0 and v2.0 ("Access token claims reference", Microsoft identity
//! platform), and of OAuth 2.0 servers that follow RFC 9068. The signature is not looked at here.

mod reader;
#[cfg(test)]
mod tests;

pub use reader::Claims;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use onedoor_model::{
    ids::{ClientId, Digest, GroupId, Scope, UserId},
    principal::Principal,
    registry::{self, Issuer},
};

use crate::{Plane, TokenFault, issuer::tenant_of};

/// What a token is judged by.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// The issuer that signed it.
    pub issuer: &'a Issuer,
    /// The plane it was presented on.
    pub plane: Plane,
    /// The time.
    pub now: Timestamp,
    /// Tolerance for the issuer's clock.
    pub leeway: SignedDuration,
    /// A digest of the token: its id, where it has none of its own.
    pub token: Digest,
}

/// Whom the token speaks for, of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Bearer {
    User(UserId),
    App,
}

/// The principal of a token whose signature has been verified.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn principal(claims: &Claims, terms: &Terms<'_>) -> Result<Principal, TokenFault> {
    let tenant = tenant_of(terms.issuer, &claims.issuer()?, claims.tenant()?.as_deref())?;
    let plane = plane_of(terms.issuer, terms.plane).ok_or(TokenFault::IssuerNotForPlane)?;
    check_audience(claims, plane)?;
    let (issued_at, expires_at) = check_times(claims, terms)?;
    let client = client(claims, plane)?;
    let scopes = scopes(claims)?;
    let user = match bearer(claims, scopes.is_some())? {
        Bearer::User(user) => Some(user),
        Bearer::App => None,
    };
    let scopes = scopes.unwrap_or_default();
    if let Some(required) = plane.required_scope.as_ref()
        && user.is_some()
        && !scopes.contains(required)
    {
        return Err(TokenFault::InsufficientScope {
            required: required.clone(),
        });
    }
    Ok(Principal {
        issuer: terms.issuer.name.clone(),
        tenant,
        user,
        display_name: claims.display_name(),
        client,
        groups: groups(claims)?,
        roles: claims.names("roles")?.unwrap_or_default(),
        scopes,
        token_id: claims.token_id()?.unwrap_or_else(|| terms.token.to_string()),
        issued_at,
        expires_at,
    })
}

/// Refuses a token that has ended.
///
/// # Errors
/// [`TokenFault::Expired`].
pub fn check_expiry(expires_at: Timestamp, now: Timestamp, leeway: SignedDuration) -> Result<(), TokenFault> {
    if now.duration_since(expires_at) < leeway {
        Ok(())
    } else {
        Err(TokenFault::Expired)
    }
}

fn plane_of(issuer: &Issuer, plane: Plane) -> Option<&registry::Plane> {
    match plane {
        Plane::Data => Some(&issuer.data),
        Plane::Admin => issuer.admin.as_ref(),
    }
}

/// Exactly one audience, and it is this plane. RFC 7519 would be content with one among several, but every other
/// audience of a token gets to see it, and could use it here with all its user may do (RFC 9700 §2.3).
fn check_audience(claims: &Claims, plane: &registry::Plane) -> Result<(), TokenFault> {
    let audiences = claims.audiences()?;
    if !audiences
        .iter()
        .any(|audience| plane.audiences.contains(audience))
    {
        return Err(TokenFault::WrongAudience);
    }
    if audiences.len() == 1 {
        Ok(())
    } else {
        Err(TokenFault::SeveralAudiences)
    }
}

/// `iat` and `exp` must be there; `nbf` counts where it is, as not every server writes it (RFC 7519 §4.1.5).
fn check_times(claims: &Claims, terms: &Terms<'_>) -> Result<(Timestamp, Timestamp), TokenFault> {
    let issued_at = claims.required_time("iat")?;
    let expires_at = claims.required_time("exp")?;
    let not_before = claims.time("nbf")?.unwrap_or(issued_at).max(issued_at);
    check_expiry(expires_at, terms.now, terms.leeway)?;
    if not_before.duration_since(terms.now) > terms.leeway {
        return Err(TokenFault::NotYetValid);
    }
    Ok((issued_at, expires_at))
}

/// `azp` (v2.0) or `appid` (v1.0); both, if they agree.
fn client(claims: &Claims, plane: &registry::Plane) -> Result<ClientId, TokenFault> {
    let client = match (claims.name::<ClientId>("azp")?, claims.name::<ClientId>("appid")?) {
        (Some(azp), Some(appid)) if azp != appid => return Err(TokenFault::ClientsDisagree),
        (Some(client), _) | (None, Some(client)) => client,
        (None, None) => return Err(TokenFault::ClaimMissing { claim: "azp" }),
    };
    if plane.admits(&client) {
        Ok(client)
    } else {
        Err(TokenFault::ClientNotAccepted)
    }
}

/// Delegated scopes: `scp`, or where there is none RFC 9068's `scope`. None where the token has neither: a user's
/// token from Entra always has one.
fn scopes(claims: &Claims) -> Result<Option<BTreeSet<Scope>>, TokenFault> {
    Ok(match claims.words("scp")? {
        Some(scopes) => Some(scopes),
        None => claims.words("scope")?,
    })
}

/// An app's own token says `idtyp: app`. That claim is optional in Entra; without it, an app's token is the one that
/// has no scopes and whose `sub` is its `oid`: a user's `sub` is another for each API.
fn bearer(claims: &Claims, has_scopes: bool) -> Result<Bearer, TokenFault> {
    let (object, subject) = (claims.name::<UserId>("oid")?, claims.name::<UserId>("sub")?);
    let is_app = match claims.text("idtyp")?.as_deref() {
        Some("app") if !has_scopes => true,
        Some("user") => false,
        Some(_) => return Err(TokenFault::ClaimMalformed { claim: "idtyp" }),
        None => !has_scopes && object.is_some() && object == subject,
    };
    if is_app {
        return Ok(Bearer::App);
    }
    object
        .or(subject)
        .map(Bearer::User)
        .ok_or(TokenFault::ClaimMissing { claim: "oid" })
}

/// The groups, if the token lists them all.
fn groups(claims: &Claims) -> Result<BTreeSet<GroupId>, TokenFault> {
    if claims.has_group_overage()? {
        return Err(TokenFault::GroupOverage);
    }
    Ok(claims.names("groups")?.unwrap_or_default())
}
