use jiff::{SignedDuration, Timestamp};

use super::super::claims::{Issuance, claims};
use super::super::directory::{
    ADMIN_API, ANALYST, BATCH, DATA_API, FINANCE_API, GATEWAY, HR_API, MCP_CLIENT, MIA, OSCAR, TENANT_ID,
};
use super::*;

/// An identity provider's key, and what it decides with it.
struct Provider {
    key: SigningKey,
    other_key: SigningKey,
    endpoints: Endpoints,
}

impl Provider {
    fn new() -> Self {
        let key = || SigningKey::load_or_create(tempfile::tempdir().unwrap().path()).unwrap();
        Self {
            key: key(),
            other_key: key(),
            endpoints: Endpoints::new(&"http://127.0.0.1:1".parse().unwrap(), TENANT_ID),
        }
    }

    fn token_of(
        &self,
        key: &SigningKey,
        subject: Subject,
        api: Api,
        lifetime: i64,
        version: TokenVersion,
    ) -> String {
        let [by_id, by_uri] = api.audiences();
        let grant = Grant {
            version,
            subject,
            client: Client::Listed(&MCP_CLIENT),
            api,
            audience: match version {
                TokenVersion::V1 => by_uri,
                TokenVersion::V2 => by_id,
            },
        };
        let issuance = Issuance {
            now: Timestamp::now() - SignedDuration::from_secs(1),
            lifetime: SignedDuration::from_secs(lifetime),
            token_id: Uuid::new_v4(),
        };
        key.sign(version, &claims(&grant, TENANT_ID, &self.endpoints, issuance))
            .unwrap()
    }

    fn token(&self, subject: Subject) -> String {
        self.token_of(&self.key, subject, DATA_API, 600, TokenVersion::V2)
    }

    /// What becomes of a form that is right but for these parameters; an empty value leaves one out.
    fn exchanged(&self, assertion: &str, otherwise: &[(&str, &str)]) -> Result<Grant, Refusal> {
        let client = GATEWAY.client_id.to_string();
        let mut form = vec![
            ("grant_type", GRANT_TYPE),
            ("client_id", client.as_str()),
            ("client_secret", "demo-gateway-secret"),
            ("requested_token_use", "on_behalf_of"),
            ("assertion", assertion),
            ("scope", "api://finance/finance.read"),
        ];
        form.retain(|(name, _)| !otherwise.iter().any(|(other, _)| other == name));
        let form = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form.iter().chain(otherwise))
            .finish();
        let form = TokenForm::parse(form.as_bytes()).unwrap();
        exchange(&form, &self.key, &self.endpoints, &[DATA_API, ADMIN_API])
    }
}

#[test]
fn a_user_of_the_gateway_gets_a_token_for_the_tool() {
    let provider = Provider::new();
    let user = Subject::User(&ANALYST);
    let of_version = |version| provider.token_of(&provider.key, user, DATA_API, 600, version);
    for (assertion, scope, api, audience) in [
        (
            of_version(TokenVersion::V2),
            "api://finance/finance.read",
            FINANCE_API,
            "api://finance",
        ),
        (
            of_version(TokenVersion::V1),
            "api://finance/.default",
            FINANCE_API,
            "api://finance",
        ),
        (
            of_version(TokenVersion::V2),
            "openid api://hr/hr.read",
            HR_API,
            "api://hr",
        ),
        (
            of_version(TokenVersion::V2),
            "25f8a3e6-b91d-4c07-84fa-60d7e2b9c138/.default",
            HR_API,
            "25f8a3e6-b91d-4c07-84fa-60d7e2b9c138",
        ),
    ] {
        let grant = provider.exchanged(&assertion, &[("scope", scope)]).unwrap();
        let expected = Grant {
            version: TokenVersion::V1,
            subject: user,
            client: Client::Listed(&GATEWAY),
            api,
            audience: audience.to_owned(),
        };
        assert_eq!(grant, expected, "{scope}");
    }
}

#[test]
fn every_refusal_has_its_aadsts_number() {
    let provider = Provider::new();
    let user = Subject::User(&ANALYST);
    let good = provider.token(user);
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = if signature.starts_with('A') { 'B' } else { 'A' };
    let batch = BATCH.client_id.to_string();
    let of = |key, api, lifetime| provider.token_of(key, user, api, lifetime, TokenVersion::V2);
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str)], u32);
    let cases: [Case<'_>; 22] = [
        ("x", &[("client_id", "")], 900_144),
        ("x", &[("client_id", "nobody")], 700_016),
        ("x", &[("client_secret", "wrong")], 7_000_215),
        ("x", &[("client_secret", "")], 7_000_218),
        ("x", &[("requested_token_use", "")], 900_144),
        ("x", &[("requested_token_use", "something")], 70_003),
        ("", &[], 900_144),
        ("x", &[], 50_013),
        (&format!("{head}.{flipped}{}", &signature[1..]), &[], 50_013),
        (&format!("{head}."), &[], 50_013),
        (&of(&provider.other_key, DATA_API, 600), &[], 50_013),
        (&of(&provider.key, DATA_API, 0), &[], 500_133),
        (&of(&provider.key, ADMIN_API, 600), &[], 500_131),
        (&of(&provider.key, FINANCE_API, 600), &[], 500_131),
        (
            &good,
            &[("client_id", &batch), ("client_secret", "demo-batch-secret")],
            500_131,
        ),
        (&provider.token(Subject::App(&BATCH)), &[], 7_000_114),
        (&good, &[("scope", "")], 900_144),
        (&good, &[("scope", "openid")], 70_011),
        (&good, &[("scope", "api://finance/finance.everything")], 70_011),
        (&good, &[("scope", "api://elsewhere/.default")], 500_011),
        (&provider.token(Subject::User(&OSCAR)), &[], 65_001),
        (&provider.token(Subject::User(&MIA)), &[], 50_076),
    ];
    for (assertion, otherwise, code) in cases {
        let refusal = provider.exchanged(assertion, otherwise).unwrap_err();
        assert_eq!(refusal.codes().2, code, "{otherwise:?}: {refusal}");
    }
}

#[test]
fn a_refusal_says_what_to_do_about_it_as_entra_does() {
    let body = |refusal: Refusal| {
        let body = refusal.body(Timestamp::UNIX_EPOCH, Uuid::nil(), Uuid::nil());
        serde_json::to_value(body).unwrap()
    };
    let consent = body(Refusal::NotConsented(Uuid::nil()));
    assert_eq!(
        (&consent["error"], &consent["suberror"]),
        (&"invalid_grant".into(), &"consent_required".into())
    );
    let factor = body(Refusal::NeedsMultiFactor(FINANCE_API.app_id));
    assert_eq!(
        (&factor["error"], &factor["suberror"]),
        (&"interaction_required".into(), &"basic_action".into())
    );
    let claims: serde_json::Value = serde_json::from_str(factor["claims"].as_str().unwrap()).unwrap();
    let policies = &claims["access_token"]["polids"];
    assert_eq!(
        (&policies["essential"], &policies["values"][0]),
        (&true.into(), &FINANCE_API.app_id.to_string().into())
    );
    assert!(body(Refusal::InvalidAssertion).get("suberror").is_none());
}
