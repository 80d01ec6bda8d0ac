//! Trusted issuers: list, trust, change, distrust.

use std::collections::BTreeSet;

use deserr::Deserr;
use onedoor_model::{
    ids::{AggregateVersion, ClientId, IssuerName, Scope, TenantId},
    manifest::Fault,
    registry::{Algorithm, ClientCredential, Command, ExchangeClient, Issuer, Plane, SecretRef},
};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::{ChangeIssuers, ReadIssuers},
    answer::{Changed, Created, Plain, TakenAway},
    body::{Given, Json, Nothing},
    endpoint::{Named, endpoint},
    faults::Faults,
    order::{Done, Incoming},
    page,
    permission::May,
    precondition::IfMatch,
    read::Read,
    refusal::Refusal,
    servers::limits,
    text::Text,
    view::{IssuerList, IssuerView},
};

/// The name of the list, in its cursors.
const LIST: &str = "issuers";

/// Which part of the list.
#[derive(Debug, Deserr, IntoParams)]
#[deserr(error = Faults, deny_unknown_fields)]
struct PageQuery {
    /// Where the last page ended.
    #[deserr(default)]
    cursor: Option<String>,
    /// Entries on a page: 100 where none is named, at most 1,000, unless the settings say otherwise.
    #[deserr(default)]
    #[param(value_type = Option<u32>)]
    limit: Option<Text<u32>>,
}

/// An issuer to be trusted.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewIssuer {
    /// Its name here.
    #[schema(value_type = String)]
    name: Text<IssuerName>,
    /// The `iss` values it signs with. `{tenantid}` in one stands for each of `tenants`.
    urls: Vec<String>,
    /// The tenants accepted.
    #[schema(value_type = Vec<String>)]
    tenants: Vec<Text<TenantId>>,
    /// Where its signing keys are (RFC 7517).
    jwks_uri: String,
    /// The URL clients are sent to for a token (RFC 9728 `authorization_servers`).
    authorization_server: String,
    /// Signature algorithms accepted.
    #[schema(value_type = Vec<String>)]
    algorithms: Vec<Text<Algorithm>>,
    /// What a token for the data plane must be.
    data: NewPlane,
    /// What a token for the admin plane must be; none: its tokens are no good there.
    #[deserr(default)]
    admin: Option<NewPlane>,
    /// How the gateway exchanges this issuer's tokens on behalf of their users; none: it cannot.
    #[deserr(default)]
    on_behalf_of: Option<NewExchangeClient>,
}

/// The gateway as a client app of an issuer, to exchange tokens there.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewExchangeClient {
    /// The token endpoint. `{tenantid}` in it stands for the caller's tenant.
    token_endpoint: String,
    /// The gateway's app id there.
    #[schema(value_type = String)]
    client: Text<ClientId>,
    /// How it proves to be that app.
    credential: NewCredential,
}

/// How a client app authenticates at a token endpoint. Secrets are named by their place: `env:NAME` or `file:/absolute/path`.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewCredential {
    /// Where the client secret is; or else `certificate` and `key`.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    secret: Option<Text<SecretRef>>,
    /// Where the certificate is, PEM.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    certificate: Option<Text<SecretRef>>,
    /// Where its private key is, PEM.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    key: Option<Text<SecretRef>>,
}

/// What a token must be to be accepted on one of the planes.
#[derive(Debug, Deserr, ToSchema)]
#[deserr(error = Faults, deny_unknown_fields, rename_all = camelCase)]
#[schema(rename_all = "camelCase")]
struct NewPlane {
    /// Accepted `aud` values. The planes of an issuer share none.
    audiences: Vec<String>,
    /// Client apps to let in (`azp`, `appid`).
    #[schema(value_type = Vec<String>)]
    clients: Vec<Text<ClientId>>,
    /// A delegated scope that a user's token must hold.
    #[deserr(default)]
    #[schema(value_type = Option<String>)]
    required_scope: Option<Text<Scope>>,
    /// The scopes that clients are told to ask for, where these are not the value that tokens hold.
    #[deserr(default)]
    #[schema(value_type = Vec<String>)]
    advertised_scopes: Vec<Text<Scope>>,
}

impl Given for NewIssuer {}

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new()
        .routes(endpoint(__path_list, list))
        .routes(endpoint(__path_trust, trust))
        .routes(endpoint(__path_change, change))
        .routes(endpoint(__path_distrust, distrust))
}

/// List trusted issuers
#[utoipa::path(get, path = "/issuers", operation_id = "listIssuers")]
async fn list(_may: May<ReadIssuers>, read: Read<PageQuery>) -> Result<Plain<IssuerList>, Refusal> {
    let PageQuery { cursor, limit } = read.query;
    let limit = page::limit(limit.map(|Text(limit)| limit), &limits(&read.state))?;
    let after = cursor
        .map(|cursor| page::read::<IssuerName>(LIST, &cursor))
        .transpose()?;
    let views = read
        .state
        .issuers()
        .map(|issuer| (issuer.value.name.clone(), IssuerView::of(issuer)));
    let page = page::page(LIST, views, after.as_ref(), limit);
    Ok(Plain(IssuerList {
        issuers: page.items,
        next_cursor: page.next_cursor,
    }))
}

/// Trust an issuer
#[utoipa::path(post, path = "/issuers", operation_id = "trustIssuer")]
async fn trust(
    may: May<ChangeIssuers>,
    incoming: Incoming<Json<NewIssuer>>,
) -> Result<Created<IssuerView>, Refusal> {
    let issuer = incoming.body.0.into_issuer().map_err(Refusal::Body)?;
    let name = issuer.name.clone();
    let command = Command::Trust(Box::new(issuer));
    let done = may
        .execute(incoming.head, command, Some(AggregateVersion::NONE))
        .await?;
    let (view, version) = viewed(&done, &name)?;
    Ok(Created {
        view,
        version,
        location: None,
        applied: done.applied,
    })
}

/// Change a trusted issuer
#[utoipa::path(put, path = "/issuers/{name}", operation_id = "changeIssuer")]
async fn change(
    may: May<ChangeIssuers>,
    Named(name): Named<IssuerName>,
    incoming: Incoming<Json<NewIssuer>, IfMatch>,
) -> Result<Changed<IssuerView>, Refusal> {
    let issuer = incoming.body.0.into_issuer().map_err(Refusal::Body)?;
    if issuer.name != name {
        let hint = format!("write {:?}, or trust another issuer", name.as_str());
        return Err(Refusal::Body(Faults::one(
            "/name",
            "is not the name in the path",
            hint,
        )));
    }
    let state = may.api.registry.state();
    if state.issuer(&name).is_none() && !may.is_retry(&state, &incoming.head) {
        return Err(Refusal::NotFound(format!("issuer {name}")));
    }
    let command = Command::Trust(Box::new(issuer));
    let done = may.execute(incoming.head, command, Some(incoming.when.0)).await?;
    let (view, version) = viewed(&done, &name)?;
    Ok(Changed {
        view,
        version,
        applied: done.applied,
    })
}

/// Distrust an issuer
///
/// Its tokens are good for nothing from the answer on. It takes no `If-Match`: it always wins.
#[utoipa::path(delete, path = "/issuers/{name}", operation_id = "distrustIssuer")]
async fn distrust(
    may: May<ChangeIssuers>,
    Named(name): Named<IssuerName>,
    incoming: Incoming<Nothing>,
) -> Result<TakenAway, Refusal> {
    let done = may
        .execute(incoming.head, Command::Distrust { name }, None)
        .await?;
    Ok(TakenAway(done))
}

fn viewed(done: &Done, name: &IssuerName) -> Result<(IssuerView, AggregateVersion), Refusal> {
    let issuer = done.state.issuer(name).ok_or(Refusal::Gone {
        revision: done.applied.revision,
    })?;
    Ok((IssuerView::of(issuer), issuer.changed.version()))
}

/// Reads an issuer that stands in a file, in the form that the API takes.
///
/// # Errors
/// All that is wrong with it, each with a JSON pointer.
pub fn read_issuer(document: serde_json::Value) -> Result<Issuer, Vec<Fault>> {
    deserr::deserialize::<NewIssuer, _, Faults>(document)
        .and_then(NewIssuer::into_issuer)
        .map_err(Faults::into_vec)
}

impl NewIssuer {
    /// The issuer, if it is usable and safe.
    fn into_issuer(self) -> Result<Issuer, Faults> {
        let issuer = Issuer {
            name: self.name.0,
            urls: self.urls,
            tenants: set(self.tenants),
            jwks_uri: self.jwks_uri,
            authorization_server: self.authorization_server,
            algorithms: set(self.algorithms),
            data: self.data.into_plane(),
            admin: self.admin.map(NewPlane::into_plane),
            on_behalf_of: self
                .on_behalf_of
                .map(NewExchangeClient::into_client)
                .transpose()?,
        };
        Faults::refuse_any(issuer.faults())?;
        Ok(issuer)
    }
}

impl NewPlane {
    fn into_plane(self) -> Plane {
        Plane {
            audiences: self.audiences.into_iter().collect(),
            clients: set(self.clients),
            required_scope: self.required_scope.map(|Text(scope)| scope),
            advertised_scopes: self
                .advertised_scopes
                .into_iter()
                .map(|Text(scope)| scope)
                .collect(),
        }
    }
}

impl NewExchangeClient {
    fn into_client(self) -> Result<ExchangeClient, Faults> {
        let NewCredential {
            secret,
            certificate,
            key,
        } = self.credential;
        let credential = match (secret, certificate, key) {
            (Some(Text(secret)), None, None) => ClientCredential::Secret(secret),
            (None, Some(Text(certificate)), Some(Text(key))) => {
                ClientCredential::Certificate { certificate, key }
            }
            (Some(_) | None, Some(_) | None, Some(_) | None) => {
                return Err(Faults::one(
                    "/onBehalfOf/credential".to_owned(),
                    "names neither one secret nor one certificate with its key".to_owned(),
                    "give `secret`, or `certificate` and `key`".to_owned(),
                ));
            }
        };
        Ok(ExchangeClient {
            token_endpoint: self.token_endpoint,
            client: self.client.0,
            credential,
        })
    }
}

fn set<T: Ord>(texts: Vec<Text<T>>) -> BTreeSet<T> {
    texts.into_iter().map(|Text(value)| value).collect()
}
