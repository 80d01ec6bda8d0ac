//! How a trusted issuer is shown.

use std::sync::Arc;

use onedoor_model::registry::{ClientCredential, ExchangeClient, Issuer, Plane, Versioned};
use serde::Serialize;
use utoipa::ToSchema;

use super::TouchView;

/// A page of issuers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuerList {
    /// By name.
    pub issuers: Vec<IssuerView>,
    /// Give it as `cursor` to get what follows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// A trusted issuer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct IssuerView {
    /// Its name here.
    pub name: String,
    /// The `iss` values it signs with.
    pub urls: Vec<String>,
    /// The tenants accepted.
    pub tenants: Vec<String>,
    /// Where its signing keys are.
    pub jwks_uri: String,
    /// The URL clients are sent to for a token.
    pub authorization_server: String,
    /// Signature algorithms accepted.
    pub algorithms: Vec<String>,
    /// What a token for the data plane must be.
    pub data: PlaneView,
    /// What a token for the admin plane must be; none: its tokens are no good there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub admin: Option<PlaneView>,
    /// How the gateway exchanges this issuer's tokens on behalf of their users; none: it cannot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub on_behalf_of: Option<ExchangeClientView>,
    /// What `If-Match` names: the revision of its last change.
    pub version: u64,
    /// Its last change.
    pub changed: TouchView,
}

/// What a token must be to be accepted on one of the planes.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PlaneView {
    /// Accepted `aud` values.
    pub audiences: Vec<String>,
    /// Client apps let in.
    pub clients: Vec<String>,
    /// The scope that a user's token must hold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub required_scope: Option<String>,
    /// The scopes that clients are told to ask for, where these are not the value that tokens hold.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub advertised_scopes: Vec<String>,
}

/// The gateway as a client app of an issuer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ExchangeClientView {
    /// The token endpoint.
    pub token_endpoint: String,
    /// The gateway's app id there.
    pub client: String,
    /// Where what it authenticates with is.
    pub credential: CredentialView,
}

/// The places of a secret, or of a certificate and its key.
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct CredentialView {
    /// Of the client secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret: Option<String>,
    /// Of the certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// Of its private key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
}

impl IssuerView {
    /// How an issuer is shown.
    #[must_use]
    pub(crate) fn of(issuer: &Versioned<Arc<Issuer>>) -> Self {
        let Versioned { value, changed } = issuer;
        Self {
            name: value.name.to_string(),
            urls: value.urls.clone(),
            tenants: texts(&value.tenants),
            jwks_uri: value.jwks_uri.clone(),
            authorization_server: value.authorization_server.clone(),
            // An algorithm's name is that of its variant.
            algorithms: value
                .algorithms
                .iter()
                .map(|algorithm| format!("{algorithm:?}"))
                .collect(),
            data: PlaneView::of(&value.data),
            admin: value.admin.as_ref().map(PlaneView::of),
            on_behalf_of: value.on_behalf_of.as_ref().map(ExchangeClientView::of),
            version: changed.version().0,
            changed: TouchView::of(changed),
        }
    }
}

impl PlaneView {
    fn of(plane: &Plane) -> Self {
        Self {
            audiences: texts(&plane.audiences),
            clients: texts(&plane.clients),
            required_scope: plane.required_scope.as_ref().map(ToString::to_string),
            advertised_scopes: texts(&plane.advertised_scopes),
        }
    }
}

impl ExchangeClientView {
    fn of(client: &ExchangeClient) -> Self {
        Self {
            token_endpoint: client.token_endpoint.clone(),
            client: client.client.to_string(),
            credential: CredentialView::of(&client.credential),
        }
    }
}

impl CredentialView {
    fn of(credential: &ClientCredential) -> Self {
        match credential {
            ClientCredential::Secret(secret) => Self {
                secret: Some(secret.to_string()),
                ..Self::default()
            },
            ClientCredential::Certificate { certificate, key } => Self {
                certificate: Some(certificate.to_string()),
                key: Some(key.to_string()),
                ..Self::default()
            },
        }
    }
}

fn texts<'a, T: ToString + 'a>(values: impl IntoIterator<Item = &'a T>) -> Vec<String> {
    values.into_iter().map(ToString::to_string).collect()
}
