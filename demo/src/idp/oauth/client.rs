//! What a client says of itself, by registering (RFC 7591 §2) or in a document at its id (OAuth client ID metadata documents). Pure.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::redirect::{RedirectUri, UnfitRedirect};

/// Redirect URIs of one client at most.
const MOST_REDIRECTS: usize = 10;

/// A client's name, in characters, at most.
const LONGEST_NAME: usize = 80;

/// The grant by which a client stays signed in.
const REFRESH: &str = "refresh_token";

/// The members of a client's metadata that mean something here; others are ignored.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct ClientMetadata {
    /// Only in a document: the URL it is at.
    #[serde(default)]
    pub(super) client_id: Option<String>,
    #[serde(default)]
    client_name: Option<String>,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    grant_types: Option<Vec<String>>,
    #[serde(default)]
    response_types: Option<Vec<String>>,
    #[serde(default)]
    application_type: Option<ApplicationType>,
}

/// Where a client runs (`OpenID` Connect Dynamic Client Registration §2).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ApplicationType {
    #[default]
    Web,
    Native,
}

/// A public client whose metadata was found good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Registration {
    /// `client_id`: a random one, or the URL of its document.
    pub(super) id: String,
    /// As it calls itself: nobody vouches for it.
    pub(super) name: String,
    /// Where its users may be sent.
    pub(super) redirect_uris: Vec<RedirectUri>,
    /// Whether it takes refresh tokens.
    pub(super) refreshes: bool,
    /// Where it says that it runs.
    pub(super) application_type: ApplicationType,
}

/// Why a client's metadata is no good. The client's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum UnfitClient {
    #[error("this is not the metadata of a client: a JSON object with redirect_uris")]
    NotMetadata,
    #[error("there must be from 1 to {MOST_REDIRECTS} redirect_uris")]
    RedirectCount,
    #[error(transparent)]
    Redirect(UnfitRedirect),
    #[error("client_name must have at most {LONGEST_NAME} characters, all of them printable")]
    Name,
    #[error("grant_types must contain authorization_code")]
    Grants,
    #[error("response_types must contain code")]
    Responses,
}

impl UnfitClient {
    /// The error code of a refused registration (RFC 7591 §3.2.2).
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::RedirectCount | Self::Redirect(_) => "invalid_redirect_uri",
            Self::NotMetadata | Self::Name | Self::Grants | Self::Responses => "invalid_client_metadata",
        }
    }
}

impl ClientMetadata {
    /// Reads a JSON object.
    pub(super) fn parse(json: &[u8]) -> Result<Self, UnfitClient> {
        serde_json::from_slice(json).map_err(|_| UnfitClient::NotMetadata)
    }

    /// The client, under an id.
    pub(super) fn register(self, id: String) -> Result<Registration, UnfitClient> {
        if self.redirect_uris.is_empty() || self.redirect_uris.len() > MOST_REDIRECTS {
            return Err(UnfitClient::RedirectCount);
        }
        let redirect_uris = self
            .redirect_uris
            .iter()
            .map(|text| RedirectUri::parse(text).map_err(UnfitClient::Redirect))
            .collect::<Result<_, _>>()?;
        let name = self
            .client_name
            .filter(|name| !name.trim().is_empty())
            .unwrap_or_else(|| "A client without a name".to_owned());
        if name.chars().count() > LONGEST_NAME || name.chars().any(is_invisible) {
            return Err(UnfitClient::Name);
        }
        let grants = self
            .grant_types
            .unwrap_or_else(|| vec!["authorization_code".to_owned()]);
        if !grants.iter().any(|grant| grant == "authorization_code") {
            return Err(UnfitClient::Grants);
        }
        if self
            .response_types
            .is_some_and(|types| !types.iter().any(|one| one == "code"))
        {
            return Err(UnfitClient::Responses);
        }
        Ok(Registration {
            id,
            name,
            redirect_uris,
            refreshes: grants.iter().any(|grant| grant == REFRESH),
            application_type: self.application_type.unwrap_or_default(),
        })
    }
}

impl Registration {
    /// The registered redirect URI that was asked for, if there is one.
    pub(super) fn redirect(&self, asked: &str) -> Option<RedirectUri> {
        let asked = RedirectUri::parse(asked).ok()?;
        self.redirect_uris
            .iter()
            .any(|registered| registered.admits(&asked))
            .then_some(asked)
    }

    /// The answer to a registration (RFC 7591 §3.2.1). All clients are public ones, whatever they asked for.
    pub(super) fn answer(&self, issued_at: i64) -> Value {
        let mut grants = vec!["authorization_code"];
        grants.extend(self.refreshes.then_some(REFRESH));
        json!({
            "client_id": self.id,
            "client_id_issued_at": issued_at,
            "client_name": self.name,
            "redirect_uris": self.redirect_uris,
            "grant_types": grants,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "application_type": self.application_type,
        })
    }
}

/// Characters that could make a name look like another: controls, and those that turn the direction of text.
fn is_invisible(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn register(metadata: &Value) -> Result<Registration, UnfitClient> {
        ClientMetadata::parse(metadata.to_string().as_bytes())?.register("id".to_owned())
    }

    #[test]
    fn a_client_is_registered_as_a_public_one() {
        let client = register(&json!({
            "client_name": "Inspector",
            "redirect_uris": ["http://localhost:6274/oauth/callback"],
            "grant_types": ["authorization_code", "refresh_token"],
            "response_types": ["code"],
            "token_endpoint_auth_method": "client_secret_post",
            "application_type": "native",
            "logo_uri": "https://elsewhere.example/logo",
        }))
        .unwrap();
        assert_eq!(
            client.answer(7),
            json!({
                "client_id": "id",
                "client_id_issued_at": 7,
                "client_name": "Inspector",
                "redirect_uris": ["http://localhost:6274/oauth/callback"],
                "grant_types": ["authorization_code", "refresh_token"],
                "response_types": ["code"],
                "token_endpoint_auth_method": "none",
                "application_type": "native",
            })
        );
        assert!(client.redirect("http://localhost:1/oauth/callback").is_some());
        assert_eq!(client.redirect("http://localhost:1/elsewhere"), None);
        let kept: Registration = serde_json::from_str(&serde_json::to_string(&client).unwrap()).unwrap();
        assert_eq!(kept, client);
    }

    #[test]
    fn little_need_be_said() {
        let client = register(&json!({ "redirect_uris": ["https://c.example/"] })).unwrap();
        assert!(!client.refreshes, "RFC 7591 §2: authorization_code unless said");
        assert_eq!(client.application_type, ApplicationType::Web);
    }

    #[test]
    fn every_fault_has_its_code() {
        let with = |name: &str, value: Value| {
            let mut metadata = json!({ "redirect_uris": ["https://c.example/"] });
            metadata[name] = value;
            metadata
        };
        for (metadata, code) in [
            (json!("x"), "invalid_client_metadata"),
            (json!({}), "invalid_redirect_uri"),
            (with("redirect_uris", json!([])), "invalid_redirect_uri"),
            (
                with("redirect_uris", json!(["javascript:alert(1)"])),
                "invalid_redirect_uri",
            ),
            (
                with("redirect_uris", json!(vec!["https://c.example/"; 11])),
                "invalid_redirect_uri",
            ),
            (
                with("client_name", json!("n".repeat(81))),
                "invalid_client_metadata",
            ),
            (with("client_name", json!("a\nb")), "invalid_client_metadata"),
            (
                with("client_name", json!("a\u{202e}b")),
                "invalid_client_metadata",
            ),
            (
                with("grant_types", json!(["client_credentials"])),
                "invalid_client_metadata",
            ),
            (
                with("response_types", json!(["token"])),
                "invalid_client_metadata",
            ),
            (
                with("application_type", json!("desktop")),
                "invalid_client_metadata",
            ),
        ] {
            assert_eq!(register(&metadata).unwrap_err().code(), code, "{metadata}");
        }
    }
}
