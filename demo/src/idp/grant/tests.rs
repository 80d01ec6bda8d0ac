use proptest::prelude::*;

use super::super::directory::{ADMIN_API, ANALYST, BATCH, CLI, DATA_API, MCP_CLIENT};
use super::*;

fn decided(version: TokenVersion, body: &str) -> Result<Grant, Refusal> {
    decide(
        &TokenForm::parse(body.as_bytes())?,
        version,
        &[DATA_API, ADMIN_API],
    )
}

fn password(rest: &str) -> String {
    format!(
        "grant_type=password&client_id={}&username=analyst&{rest}",
        MCP_CLIENT.client_id
    )
}

fn app(rest: &str) -> String {
    format!(
        "grant_type=client_credentials&client_id={}&{rest}",
        BATCH.client_id
    )
}

#[test]
fn a_user_gets_a_token_for_the_api_the_scope_names() {
    for (scope, api) in [
        ("api://onedoor/.default", DATA_API),
        ("api://onedoor/mcp.access", DATA_API),
        ("openid profile api://onedoor/mcp.access offline_access", DATA_API),
        ("api://onedoor/mcp.access api://onedoor/.default", DATA_API),
        ("api://onedoor-admin/.default", ADMIN_API),
        ("api://onedoor-admin/admin.access", ADMIN_API),
        (&format!("{}/.default", ADMIN_API.app_id), ADMIN_API),
    ] {
        let grant = decided(TokenVersion::V2, &password(&format!("scope={scope}"))).unwrap();
        assert_eq!(
            (grant.api, grant.audience),
            (api, api.app_id.to_string()),
            "{scope}"
        );
        assert_eq!(grant.subject, Subject::User(&ANALYST));
        assert_eq!(grant.client, Client::Listed(&MCP_CLIENT));
    }
}

#[test]
fn a_v1_audience_is_the_resource_as_it_was_named() {
    for resource in DATA_API.audiences() {
        let grant = decided(TokenVersion::V1, &password(&format!("resource={resource}"))).unwrap();
        assert_eq!((grant.api, grant.audience), (DATA_API, resource));
    }
}

#[test]
fn every_refusal_has_its_aadsts_number() {
    use TokenVersion::{V1, V2};
    let cli = CLI.client_id;
    let batch = BATCH.client_id;
    let cases = [
        (V2, String::new(), 900_144),
        (V2, "grant_type=password".into(), 900_144),
        (V2, format!("grant_type=&client_id={cli}"), 900_144),
        (V2, format!("grant_type=password&client_id={cli}"), 900_144),
        (V2, password("scope="), 900_144),
        (V1, password("scope=api://onedoor/.default"), 900_144),
        (
            V2,
            format!("grant_type=authorization_code&client_id={cli}"),
            70_003,
        ),
        (V2, "grant_type=password&client_id=nobody".into(), 700_016),
        (
            V2,
            format!("grant_type=password&client_id={}", uuid::Uuid::nil()),
            700_016,
        ),
        (
            V2,
            format!("grant_type=password&client_id={cli}&username=eve"),
            50_034,
        ),
        (V2, password("client_secret=x"), 700_025),
        (
            V2,
            format!("grant_type=password&client_id={batch}&username=analyst"),
            7_000_218,
        ),
        (V2, app("scope=api://onedoor/.default"), 7_000_216),
        (V2, app("client_secret=wrong"), 7_000_215),
        (V2, app("client_secret=demo-batch-secre"), 7_000_215),
        (
            V2,
            app("client_secret=demo-batch-secret&scope=api://onedoor/mcp.access"),
            1_002_012,
        ),
        (V2, password("scope=openid"), 70_011),
        (V2, password("scope=mcp.access"), 70_011),
        (V2, password("scope=api://onedoor/mcp.everything"), 70_011),
        (
            V2,
            password("scope=api://onedoor/.default api://onedoor-admin/.default"),
            70_011,
        ),
        (V2, password("scope=api://elsewhere/.default"), 500_011),
        (V1, password("resource=api://elsewhere"), 500_011),
        (V2, password("username=manager"), 9_002_313),
    ];
    for (version, body, code) in cases {
        let refusal = decided(version, &body).unwrap_err();
        assert_eq!(refusal.codes().2, code, "{body}: {refusal}");
    }
}

#[test]
fn a_secret_makes_an_app_only_token() {
    let body = app("client_secret=demo-batch-secret&scope=api://onedoor/.default");
    let grant = decided(TokenVersion::V2, &body).unwrap();
    assert_eq!(
        (grant.subject, grant.client),
        (Subject::App(&BATCH), Client::Listed(&BATCH))
    );
}

#[test]
fn the_form_does_not_print_its_secret() {
    let form = TokenForm::parse(b"client_secret=demo-batch-secret").unwrap();
    assert!(!format!("{form:?} {BATCH:?}").contains("demo-batch"));
}

proptest! {
    #[test]
    fn any_body_is_read_and_nothing_comes_of_nonsense(body in proptest::collection::vec(any::<u8>(), 0..200)) {
        for version in [TokenVersion::V1, TokenVersion::V2] {
            let decided = TokenForm::parse(&body).and_then(|form| decide(&form, version, &[DATA_API]));
            prop_assert!(decided.is_err());
        }
    }
}
