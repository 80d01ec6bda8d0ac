//! How the gateway proves to be the client app: a secret, or an assertion signed with its certificate's key.
//!
//! Source: Microsoft identity platform, "Application authentication certificate credentials"; RFC 7523 §2.2, §3.

use aws_lc_rs::digest;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use onedoor_model::registry::{ClientCredential, ExchangeClient, SecretRef};
use onedoor_secrets::{Secret, Secrets};
use serde::Serialize;
use url::Url;
use uuid::Uuid;

use crate::NotSetUp;

/// How long an assertion is good for, in seconds: for its one request.
const LIFETIME: i64 = 300;

/// A proof, ready to be sent. Never printed.
pub(super) enum Credential {
    /// `client_secret` (RFC 6749 §2.3.1).
    Secret(String),
    /// `client_assertion`.
    Assertion(String),
}

/// RFC 7523 §3. `sub` is the client itself.
#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    iss: &'a str,
    sub: &'a str,
    jti: Uuid,
    iat: i64,
    nbf: i64,
    exp: i64,
}

/// The proof that the gateway is `client`, good at one token endpoint.
pub(super) fn of(
    client: &ExchangeClient,
    endpoint: &Url,
    secrets: &Secrets,
    now: Timestamp,
) -> Result<Credential, NotSetUp> {
    match &client.credential {
        ClientCredential::Secret(reference) => {
            let secret = secrets.read(reference)?;
            let text = secret.expose_text().ok_or_else(|| no(reference, "text"))?;
            Ok(Credential::Secret(text.to_owned()))
        }
        ClientCredential::Certificate { certificate, key } => {
            let thumbprint = thumbprint(&secrets.read_public(certificate)?)
                .ok_or_else(|| no(certificate, "certificate in PEM"))?;
            let no_key = || no(key, "RSA private key in PEM");
            let signing = EncodingKey::from_rsa_pem(secrets.read(key)?.expose()).map_err(|_| no_key())?;
            let assertion = assertion(client.client.as_str(), endpoint, thumbprint, &signing, now);
            assertion.map(Credential::Assertion).map_err(|_| no_key())
        }
    }
}

impl Credential {
    /// The parameters that carry it.
    pub(super) fn parameters(&self) -> Vec<(&'static str, &str)> {
        match self {
            Self::Secret(secret) => vec![("client_secret", secret)],
            Self::Assertion(assertion) => vec![
                (
                    "client_assertion_type",
                    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
                ),
                ("client_assertion", assertion),
            ],
        }
    }
}

fn assertion(
    client: &str,
    endpoint: &Url,
    thumbprint: String,
    key: &EncodingKey,
    now: Timestamp,
) -> Result<String, jsonwebtoken::errors::Error> {
    let mut header = Header::new(Algorithm::PS256);
    header.x5t_s256 = Some(thumbprint);
    let iat = now.as_second();
    let claims = Claims {
        aud: endpoint.as_str(),
        iss: client,
        sub: client,
        jti: Uuid::new_v4(),
        iat,
        nbf: iat,
        exp: iat.saturating_add(LIFETIME),
    };
    jsonwebtoken::encode(&header, &claims, key)
}

/// `x5t#S256` (RFC 7515 §4.1.8): of the first certificate, which is the client's own; its chain may follow.
fn thumbprint(pem: &Secret) -> Option<String> {
    let blocks = pem::parse_many(pem.expose()).ok()?;
    let certificate = blocks.iter().find(|block| block.tag() == "CERTIFICATE")?;
    let digest = digest::digest(&digest::SHA256, certificate.contents());
    Some(URL_SAFE_NO_PAD.encode(digest.as_ref()))
}

fn no(reference: &SecretRef, kind: &'static str) -> NotSetUp {
    NotSetUp::Credential {
        reference: reference.clone(),
        kind,
    }
}

#[cfg(test)]
mod tests;
