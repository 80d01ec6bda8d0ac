//! What the tokens and the token endpoint's answers say.

use onedoor_demo::idp::TokenVersion::{V1, V2};
use onedoor_demo::idp::directory::{
    ADMIN_API, ANALYST, BATCH, BATCH_SECRET, CLI, DATA_API, FINANCE, MCP_CLIENT, TENANT_ID, User,
};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{access_token, header_of, started};

/// Takes out what differs from token to token, after a look at it.
fn stable(mut claims: Value) -> Value {
    let seconds = |claim: &str| claims[claim].as_i64().unwrap();
    assert!(seconds("iat").abs_diff(i64::try_from(crate::gateway::now()).unwrap()) < 10);
    assert_eq!(seconds("nbf"), seconds("iat"));
    assert_eq!(seconds("exp") - seconds("iat"), 75 * 60);
    assert_eq!(claims["uti"].as_str().unwrap().len(), 22);
    for claim in ["iat", "nbf", "exp", "uti", "rh", "sub"] {
        assert!(claims.as_object_mut().unwrap().remove(claim).is_some(), "{claim}");
    }
    claims
}

#[tokio::test]
async fn a_v2_user_token_looks_like_entras() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let token = served
        .user_token(V2, &ANALYST, &MCP_CLIENT, "api://onedoor/.default")
        .await;
    let claims = served.verified(&token, V2, &DATA_API.app_id.to_string()).await;
    assert_eq!(
        stable(claims),
        json!({
            "aud": DATA_API.app_id, "iss": format!("{}{TENANT_ID}/v2.0", served.base), "ver": "2.0", "tid": TENANT_ID,
            "azp": MCP_CLIENT.client_id, "azpacr": "0", "oid": ANALYST.object_id, "name": "Ana Lyst",
            "preferred_username": "analyst@demo.onedoor.dev", "scp": "mcp.access", "groups": [FINANCE.id],
        })
    );
    let header = header_of(&token);
    assert_eq!(
        (&header["typ"], &header["alg"], header.get("x5t")),
        (&json!("JWT"), &json!("RS256"), None)
    );
}

#[tokio::test]
async fn a_v1_user_token_looks_like_entras() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let token = served.user_token(V1, &ANALYST, &CLI, "api://onedoor").await;
    let claims = served.verified(&token, V1, "api://onedoor").await;
    assert_eq!(
        stable(claims),
        json!({
            "aud": "api://onedoor", "iss": format!("{}sts/{TENANT_ID}/", served.base), "ver": "1.0", "tid": TENANT_ID,
            "appid": CLI.client_id, "appidacr": "0", "acr": "1", "amr": ["pwd"], "oid": ANALYST.object_id,
            "name": "Ana Lyst", "upn": "analyst@demo.onedoor.dev", "unique_name": "analyst@demo.onedoor.dev",
            "scp": "mcp.access", "groups": [FINANCE.id],
        })
    );
    let header = header_of(&token);
    assert_eq!(header["x5t"], header["kid"]);
}

#[tokio::test]
async fn an_app_only_token_has_roles_and_no_user() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let client_id = BATCH.client_id.to_string();
    let form = |asked| {
        [
            ("grant_type", "client_credentials"),
            ("client_id", client_id.as_str()),
            ("client_secret", BATCH_SECRET.expose()),
            asked,
        ]
    };

    let answer = served
        .answer(V2, &form(("scope", "api://onedoor/.default")))
        .await;
    let expected = json!({ "token_type": "Bearer", "expires_in": 4500, "ext_expires_in": 4500 });
    assert_eq!(without_token(answer.clone()), expected);
    let claims = served
        .verified(&access_token(&answer), V2, &DATA_API.app_id.to_string())
        .await;
    assert_eq!(claims["sub"], json!(BATCH.service_principal));
    assert_eq!(
        stable(claims),
        json!({
            "aud": DATA_API.app_id, "iss": served.idp.endpoints().issuer(V2), "ver": "2.0", "tid": TENANT_ID,
            "azp": BATCH.client_id, "azpacr": "1", "oid": BATCH.service_principal, "idtyp": "app",
            "roles": ["Finance.Batch"],
        })
    );

    let answer = served.answer(V1, &form(("resource", "api://onedoor"))).await;
    let claims = served.verified(&access_token(&answer), V1, "api://onedoor").await;
    assert_eq!(
        stable(claims),
        json!({
            "aud": "api://onedoor", "iss": served.idp.endpoints().issuer(V1), "ver": "1.0", "tid": TENANT_ID,
            "appid": BATCH.client_id, "appidacr": "1", "oid": BATCH.service_principal, "idtyp": "app",
            "roles": ["Finance.Batch"],
        })
    );
}

fn without_token(mut answer: Value) -> Value {
    assert!(answer.as_object_mut().unwrap().remove("access_token").is_some());
    answer
}

#[tokio::test]
async fn the_answer_says_what_was_granted() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let client_id = MCP_CLIENT.client_id.to_string();
    let form = |asked| {
        [
            ("grant_type", "password"),
            ("username", "ANALYST"),
            ("client_id", client_id.as_str()),
            asked,
        ]
    };
    let v2 = served
        .answer(V2, &form(("scope", "openid api://onedoor/.default")))
        .await;
    assert_eq!(
        without_token(v2),
        json!({
            "token_type": "Bearer", "scope": "api://onedoor/mcp.access", "expires_in": 4500, "ext_expires_in": 4500
        })
    );
    let mut v1 = without_token(served.answer(V1, &form(("resource", "api://onedoor"))).await);
    let moment = |value: Value| value.as_str().unwrap().parse::<i64>().unwrap();
    let (from, to) = (moment(v1["not_before"].take()), moment(v1["expires_on"].take()));
    assert_eq!(to - from, 4500);
    assert_eq!(
        v1,
        json!({
            "token_type": "Bearer", "scope": "mcp.access", "expires_in": "4500", "ext_expires_in": "4500",
            "not_before": null, "expires_on": null, "resource": "api://onedoor",
        })
    );
}

#[tokio::test]
async fn groups_and_roles_are_each_users_own() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    for (username, groups, roles) in [
        (
            "analyst",
            json!(["b8a1c9f4-2e65-4d0b-9c37-51f0e6a48d12"]),
            Value::Null,
        ),
        (
            "manager",
            json!(["47d2e0b6-8f13-4a9c-a5de-c3907b1f6e24"]),
            Value::Null,
        ),
        (
            "admin@demo.onedoor.dev",
            json!(["e35f7a80-1c4b-4296-bd08-94a6f2d7c053"]),
            json!(["Registry.Admin", "Security.Admin"]),
        ),
        ("auditor", Value::Null, json!(["Auditor"])),
        ("owner", Value::Null, json!(["Tool.Owner"])),
        ("overage", Value::Null, Value::Null),
    ] {
        let user = User::find(username).unwrap();
        let data = served
            .user_token(V2, user, &MCP_CLIENT, "api://onedoor/mcp.access")
            .await;
        let data = served.verified(&data, V2, &DATA_API.app_id.to_string()).await;
        assert_eq!(
            (&data["groups"], &data["roles"]),
            (&groups, &Value::Null),
            "{username}"
        );
        assert_eq!(data["scp"], "mcp.access");

        let admin = served
            .user_token(V2, user, &CLI, "api://onedoor-admin/.default")
            .await;
        let admin = served.verified(&admin, V2, &ADMIN_API.app_id.to_string()).await;
        assert_eq!(
            (&admin["groups"], &admin["roles"]),
            (&groups, &roles),
            "{username}"
        );
        assert_eq!(admin["scp"], "admin.access");
        assert_eq!(admin["oid"], data["oid"], "one user, one object id");
        assert_ne!(admin["sub"], data["sub"], "the subject is another for each API");
    }
}

#[tokio::test]
async fn an_overage_token_points_to_the_groups() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let user = User::find("overage").unwrap();
    for (version, asked, audience) in [
        (V2, "api://onedoor/.default", DATA_API.app_id.to_string()),
        (V1, "api://onedoor", "api://onedoor".to_owned()),
    ] {
        let token = served.user_token(version, user, &MCP_CLIENT, asked).await;
        let claims = served.verified(&token, version, &audience).await;
        assert!(claims.get("groups").is_none());
        assert_eq!(claims["_claim_names"], json!({ "groups": "src1" }));
        let endpoint = claims["_claim_sources"]["src1"]["endpoint"].as_str().unwrap();
        assert!(endpoint.starts_with(served.base.as_str()), "{endpoint}");
        assert!(
            endpoint.ends_with(&format!("/users/{}/getMemberObjects", user.object_id)),
            "{endpoint}"
        );
    }
}

#[tokio::test]
async fn no_two_tokens_are_the_same() {
    let state = TempDir::new().unwrap();
    let served = started(state.path()).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let token = served
            .user_token(V2, &ANALYST, &MCP_CLIENT, "api://onedoor/.default")
            .await;
        let claims = served.verified(&token, V2, &DATA_API.app_id.to_string()).await;
        seen.push((claims["uti"].clone(), claims["sub"].clone()));
    }
    assert_ne!(seen[0].0, seen[1].0);
    assert_eq!(seen[0].1, seen[1].1);
}
