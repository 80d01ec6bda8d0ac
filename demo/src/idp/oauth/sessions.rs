//! Who is signing in, and who has signed in: from a request over a code to tokens. Pure: time comes in, randomness in the shape of
//! keys.

use jiff::{SignedDuration, Timestamp};

use super::super::claims::{Client, Grant, Subject};
use super::super::directory::{Api, User};
use super::super::endpoints::TokenVersion;
use super::super::grant::{Asker, TokenForm, required, scoped_api};
use super::super::refusal::Refusal;
use super::client::Registration;
use super::request::Asked;
use super::resource::Doors;
use super::table::{Table, unguessable};

/// How long a person may look at the page.
const REQUEST_LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// How long a client may take to redeem a code.
const CODE_LIFETIME: SignedDuration = SignedDuration::from_secs(60);

/// How long a client stays signed in without using its refresh token: as Entra's single-page applications.
const REFRESH_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Entries of a table at most.
const MOST: usize = 1_000;

/// All that is known of sign-ins. It is not kept: after a restart one signs in anew.
#[derive(Debug)]
pub(super) struct Sessions {
    /// By the id in the page's form.
    requests: Table<Asked>,
    codes: Table<Code>,
    families: Table<Family>,
}

/// A code that was handed out. It stays when it is redeemed, so that a second use is noticed.
#[derive(Debug)]
struct Code {
    asked: Asked,
    user: &'static User,
    redeemed: bool,
    /// The id of the family of refresh tokens that begins with it.
    family: String,
}

/// Refresh tokens that came one from the other. Only the last is good.
#[derive(Debug, Clone)]
struct Family {
    client: Registration,
    user: &'static User,
    api: Api,
    current: String,
}

/// What is issued.
#[derive(Debug)]
pub(crate) struct Issued {
    pub(crate) grant: Grant,
    pub(crate) refresh_token: Option<RefreshToken>,
}

/// A refresh token. It does not print itself.
pub(crate) struct RefreshToken(String);

impl Sessions {
    pub(super) fn new() -> Self {
        Self {
            requests: Table::new(MOST, REQUEST_LIFETIME),
            codes: Table::new(MOST, CODE_LIFETIME),
            families: Table::new(MOST, REFRESH_LIFETIME),
        }
    }

    /// Keeps a request until its page is answered. Gives the id that the page's form carries: nobody else knows it, so no other
    /// page can answer.
    pub(super) fn ask(&mut self, asked: Asked, now: Timestamp) -> String {
        let id = unguessable();
        self.requests.insert(id.clone(), asked, now);
        id
    }

    /// The request of a page that is answered. It can be answered once.
    pub(super) fn answered(&mut self, id: &str, now: Timestamp) -> Option<Asked> {
        self.requests.take(id, now)
    }

    /// A code for the user who was chosen.
    pub(super) fn sign_in(&mut self, asked: Asked, user: &'static User, now: Timestamp) -> String {
        let code = unguessable();
        let entry = Code {
            asked,
            user,
            redeemed: false,
            family: unguessable(),
        };
        self.codes.insert(code.clone(), entry, now);
        code
    }

    /// Grant `authorization_code` (OAuth 2.1 §4.1.3).
    pub(super) fn redeem(
        &mut self,
        form: &TokenForm,
        doors: &Doors,
        apis: &[Api],
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let client_id = public_client(form)?;
        let presented = required(form.code.as_deref(), "code")?;
        let redirect = required(form.redirect_uri.as_deref(), "redirect_uri")?;
        let verifier = required(form.code_verifier.as_deref(), "code_verifier")?;
        let code = self.codes.get_mut(presented, now).ok_or(Refusal::InvalidCode)?;
        let asked = &code.asked;
        if asked.client.id != client_id {
            return Err(Refusal::InvalidCode);
        }
        if code.redeemed {
            // Whoever came first may have been a thief (RFC 6749 §4.1.2).
            self.families.take(&code.family, now);
            return Err(Refusal::RedeemedCode);
        }
        if asked.redirect.as_str() != redirect {
            return Err(Refusal::OtherRedirect);
        }
        if !asked.challenge.is_met_by(verifier) {
            return Err(Refusal::WrongVerifier);
        }
        check_resource(form, asked.api, doors, apis)?;
        code.redeemed = true;
        let family = Family {
            client: asked.client.clone(),
            user: code.user,
            api: asked.api,
            current: unguessable(),
        };
        let grant = family.grant();
        let refresh_token = family.client.refreshes.then(|| {
            let token = RefreshToken::new(&code.family, &family);
            self.families.insert(code.family.clone(), family, now);
            token
        });
        Ok(Issued { grant, refresh_token })
    }

    /// Grant `refresh_token` (OAuth 2.1 §4.3): gives the next token of the family. One that was used before ends the family
    /// (RFC 9700 §4.14.2).
    pub(super) fn refresh(
        &mut self,
        form: &TokenForm,
        doors: &Doors,
        apis: &[Api],
        now: Timestamp,
    ) -> Result<Issued, Refusal> {
        let client_id = public_client(form)?;
        let presented = required(form.refresh_token.as_deref(), "refresh_token")?;
        let (id, secret) = presented.split_once('.').ok_or(Refusal::InvalidRefreshToken)?;
        let family = self
            .families
            .get_mut(id, now)
            .filter(|family| family.client.id == client_id)
            .ok_or(Refusal::InvalidRefreshToken)?;
        if family.current != secret {
            self.families.take(id, now);
            return Err(Refusal::ReusedRefreshToken);
        }
        check_resource(form, family.api, doors, apis)?;
        let scope = form.scope.as_deref().unwrap_or_default();
        if scoped_api(scope, Asker::User, apis)?.is_some_and(|scoped| scoped != family.api) {
            return Err(Refusal::InvalidScope(scope.to_owned()));
        }
        let next = Family {
            current: unguessable(),
            ..family.clone()
        };
        let issued = Issued {
            grant: next.grant(),
            refresh_token: Some(RefreshToken::new(id, &next)),
        };
        self.families.insert(id.to_owned(), next, now);
        Ok(issued)
    }
}

/// All clients here are public: a secret is a mistake.
fn public_client(form: &TokenForm) -> Result<&str, Refusal> {
    match form.client_secret {
        Some(_) => Err(Refusal::SecretFromPublicClient),
        None => required(form.client_id.as_deref(), "client_id"),
    }
}

/// A resource, where one is named, is at the API that was consented to.
fn check_resource(form: &TokenForm, api: Api, doors: &Doors, apis: &[Api]) -> Result<(), Refusal> {
    match form.resource.as_deref() {
        Some(resource) if doors.api_of(resource, apis) != Some(api) => {
            Err(Refusal::OtherResource(resource.to_owned()))
        }
        Some(_) | None => Ok(()),
    }
}

impl Family {
    fn grant(&self) -> Grant {
        Grant {
            version: TokenVersion::V2,
            subject: Subject::User(self.user),
            client: Client::SelfRegistered {
                id: self.client.id.clone(),
                name: self.client.name.clone(),
            },
            api: self.api,
            audience: self.api.app_id.to_string(),
        }
    }
}

impl Issued {
    /// A grant after which one asks anew.
    pub(crate) fn without_refresh(grant: Grant) -> Self {
        Self {
            grant,
            refresh_token: None,
        }
    }
}

impl RefreshToken {
    fn new(family: &str, member: &Family) -> Self {
        Self(format!("{family}.{}", member.current))
    }

    /// The token itself, for the one answer that hands it out.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(…)")
    }
}

#[cfg(test)]
mod tests;
