//! Sign-in as MCP clients do it: they register, or name a document about themselves, send their user to a page, and redeem a code.
//!
//! Sources: OAuth 2.1 (draft), RFC 7591 (registration), RFC 7636 (PKCE), RFC 8252 (native apps), RFC 8414 (metadata), RFC 8707
//! (resource indicators), RFC 9207 (`iss`), RFC 9700 (best current practice), OAuth client ID metadata documents (draft).

mod client;
mod document;
mod http;
mod metadata;
mod page;
mod pkce;
mod redirect;
mod registrations;
mod request;
mod resource;
mod sessions;
mod table;

use std::path::Path;

use jiff::Timestamp;
use onedoor_connect::{Connector, Roots, RootsError};
use parking_lot::Mutex;

use super::directory::Api;
use super::grant::TokenForm;
use super::refusal::Refusal;
use client::Registration;
pub(super) use http::router;
pub(super) use metadata::document;
use registrations::Registrations;
pub use registrations::RegistrationsError;
use request::Untrusted;
pub use resource::Doors;
pub(super) use sessions::Issued;
use sessions::Sessions;

/// All that signing in needs to remember.
#[derive(Debug)]
pub(super) struct OAuth {
    doors: Doors,
    registrations: Registrations,
    connector: Connector,
    sessions: Mutex<Sessions>,
}

/// Signing in cannot be offered. The operator's fault.
#[derive(Debug, thiserror::Error)]
pub enum OAuthError {
    /// The registered clients cannot be read.
    #[error(transparent)]
    Registrations(#[from] RegistrationsError),
    /// Clients' documents cannot be fetched.
    #[error("clients' documents cannot be fetched")]
    Connect(#[from] RootsError),
}

impl OAuth {
    /// Reads the clients that registered in earlier runs (blocking).
    pub(super) fn new(state_dir: &Path, doors: Doors) -> Result<Self, OAuthError> {
        Ok(Self {
            doors,
            registrations: Registrations::load(state_dir)?,
            connector: Connector::new(Roots::System)?,
            sessions: Mutex::new(Sessions::new()),
        })
    }

    /// Grant `authorization_code`.
    pub(super) fn redeem(&self, form: &TokenForm, apis: &[Api], now: Timestamp) -> Result<Issued, Refusal> {
        self.sessions.lock().redeem(form, &self.doors, apis, now)
    }

    /// Grant `refresh_token`.
    pub(super) fn refresh(&self, form: &TokenForm, apis: &[Api], now: Timestamp) -> Result<Issued, Refusal> {
        self.sessions.lock().refresh(form, &self.doors, apis, now)
    }

    /// The client with this id: one that registered, or the one described at that URL.
    async fn client(&self, id: &str) -> Result<Registration, Untrusted> {
        let Some(url) = document::location(id) else {
            return self.registrations.find(id).ok_or(Untrusted::UnknownClient);
        };
        document::fetch(&self.connector, &url).await.map_err(|error| {
            tracing::info!(error = &error as &dyn std::error::Error, %url, "a client's document cannot be used");
            Untrusted::Document(error.to_string())
        })
    }
}
