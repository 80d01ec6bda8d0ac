//! Authorization server metadata (RFC 8414, `OpenID` Connect Discovery). Pure.

use serde_json::{Value, json};

use super::super::directory::Api;
use super::super::endpoints::{Endpoints, TokenVersion};
use super::super::obo;

/// The grants of the token endpoint.
const GRANTS: [&str; 2] = ["password", "client_credentials"];

/// The document of one generation of endpoints. Only what exists: one signs in at v2.0.
pub(crate) fn document(endpoints: &Endpoints, version: TokenVersion, apis: &[Api]) -> Value {
    let scope = |api: &Api| format!("{}/{}", api.app_id_uri, api.permission);
    let mut scopes: Vec<String> = apis.iter().map(scope).collect();
    let mut document = json!({
        "issuer": endpoints.issuer(version),
        "token_endpoint": endpoints.token_endpoint(version),
        "jwks_uri": endpoints.jwks_uri(version),
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
    });
    match version {
        TokenVersion::V1 => {
            document["token_endpoint_auth_methods_supported"] = json!(["client_secret_post"]);
            document["grant_types_supported"] = json!(GRANTS);
            document["response_types_supported"] = json!([]);
        }
        TokenVersion::V2 => {
            scopes.push("offline_access".to_owned());
            document["authorization_endpoint"] = json!(endpoints.authorization_endpoint());
            document["registration_endpoint"] = json!(endpoints.registration_endpoint());
            document["token_endpoint_auth_methods_supported"] = json!(["none", "client_secret_post"]);
            document["grant_types_supported"] = json!(
                [
                    &["authorization_code", "refresh_token", obo::GRANT_TYPE][..],
                    &GRANTS[..]
                ]
                .concat()
            );
            document["response_types_supported"] = json!(["code"]);
            document["response_modes_supported"] = json!(["query"]);
            document["code_challenge_methods_supported"] = json!(["S256"]);
            document["client_id_metadata_document_supported"] = json!(true);
            document["authorization_response_iss_parameter_supported"] = json!(true);
        }
    }
    document["scopes_supported"] = json!(scopes);
    document
}
