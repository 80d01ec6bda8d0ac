use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::tests::support::{
    ADMIN, CLIENT, DATA, TENANT, USER, after, app_only, issuer, now, v1, v2, with, without,
};

const LEEWAY: SignedDuration = SignedDuration::from_secs(60);

fn judge_as(issuer: &Issuer, plane: Plane, claims: &Value, now: Timestamp) -> Result<Principal, TokenFault> {
    let terms = Terms {
        issuer,
        plane,
        now,
        leeway: LEEWAY,
        token: Digest::of(b"token"),
    };
    principal(&Claims::read(claims.to_string().as_bytes())?, &terms)
}

fn judge(claims: &Value) -> Result<Principal, TokenFault> {
    judge_as(&issuer(), Plane::Data, claims, now())
}

fn names<T: ToString>(names: &BTreeSet<T>) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn a_users_token_of_either_version_tells_who_calls() {
    for (claims, version) in [(v2(), "2"), (v1(), "1")] {
        let principal = judge(&claims).unwrap();
        assert_eq!(principal.issuer.as_str(), "corp", "{version}");
        assert_eq!(principal.tenant.as_str(), TENANT);
        assert_eq!(principal.user.unwrap().as_str(), USER);
        assert_eq!(principal.display_name.as_deref(), Some("Ana Lyst"));
        assert_eq!(principal.client.as_str(), CLIENT);
        assert_eq!(names(&principal.groups), ["g-all", "g-finance"]);
        assert_eq!(names(&principal.roles), ["Registry.Admin"]);
        assert_eq!(names(&principal.scopes), ["Tools.Call", "openid"]);
        assert_eq!(principal.token_id, claims["uti"].as_str().unwrap());
        assert_eq!(principal.issued_at, after(-10));
        assert_eq!(principal.expires_at, after(3_600));
    }
}

#[test]
fn an_apps_own_token_is_no_users_and_needs_no_scope() {
    for claims in [app_only(), without(app_only(), "idtyp")] {
        let principal = judge(&claims).unwrap();
        assert_eq!(principal.user, None);
        assert!(principal.scopes.is_empty() && principal.groups.is_empty());
        assert_eq!(principal.client.as_str(), CLIENT);
    }
}

#[test]
fn what_is_not_clearly_an_apps_token_is_a_users() {
    let lacks_scope = |claims: Value| {
        let fault = judge(&claims).unwrap_err();
        assert!(
            matches!(fault, TokenFault::InsufficientScope { ref required } if required.as_str() == "Tools.Call")
        );
    };
    lacks_scope(without(v2(), "scp"));
    lacks_scope(without(with(v2(), "idtyp", json!("user")), "scp"));
    lacks_scope(with(app_only(), "idtyp", json!("user")));
    lacks_scope(with(without(app_only(), "idtyp"), "sub", json!("pairwise")));
    lacks_scope(without(without(app_only(), "idtyp"), "oid"));
    let contradiction = with(app_only(), "scp", json!("Tools.Call"));
    assert_eq!(
        judge(&contradiction),
        Err(TokenFault::ClaimMalformed { claim: "idtyp" })
    );
    let scoped = without(contradiction, "idtyp");
    assert_eq!(judge(&scoped).unwrap().user.unwrap().as_str(), USER);
}

#[test]
fn a_server_of_the_rfc_9068_kind_is_understood_too() {
    let mut issuer = issuer();
    issuer.urls = vec!["https://keycloak.example/realms/one".to_owned()];
    let claims = json!({
        "aud": [DATA],
        "iss": "https://keycloak.example/realms/one",
        "iat": now().as_second(),
        "exp": now().as_second() + 300,
        "azp": CLIENT,
        "scope": "openid Tools.Call",
        "sub": "f00",
        "jti": "j1",
        "preferred_username": "ana",
    });
    let principal = judge_as(&issuer, Plane::Data, &claims, now()).unwrap();
    assert_eq!(principal.tenant.as_str(), TENANT);
    assert_eq!(principal.user.unwrap().as_str(), "f00");
    assert_eq!(principal.display_name.as_deref(), Some("ana"));
    assert_eq!(principal.token_id, "j1");
    let nameless = judge_as(&issuer, Plane::Data, &without(claims.clone(), "jti"), now()).unwrap();
    assert_eq!(nameless.token_id, Digest::of(b"token").to_string());
    issuer.tenants.insert("another".parse().unwrap());
    assert_eq!(
        judge_as(&issuer, Plane::Data, &claims, now()),
        Err(TokenFault::TenantNotAccepted)
    );
}

#[test]
fn each_fault_is_told_apart() {
    let missing = |claim| TokenFault::ClaimMissing { claim };
    let malformed = |claim| TokenFault::ClaimMalformed { claim };
    let claims = v2();
    let changed = |name: &str, value: Value| with(claims.clone(), name, value);
    let second = now().as_second();
    for (claims, fault) in [
        (without(v2(), "iss"), missing("iss")),
        (changed("iss", json!(1)), malformed("iss")),
        (
            changed("iss", json!("https://evil.example/v2.0")),
            TokenFault::UntrustedIssuer,
        ),
        (changed("tid", json!("elsewhere")), TokenFault::UntrustedIssuer),
        (changed("tid", json!(["a"])), malformed("tid")),
        (
            with(
                changed("tid", json!("x")),
                "iss",
                json!("https://login.example/x/v2.0"),
            ),
            TokenFault::TenantNotAccepted,
        ),
        (without(v2(), "aud"), missing("aud")),
        (changed("aud", json!(7)), malformed("aud")),
        (changed("aud", json!([DATA, 7])), malformed("aud")),
        (changed("aud", json!([])), TokenFault::WrongAudience),
        (
            changed("aud", json!("api://elsewhere")),
            TokenFault::WrongAudience,
        ),
        (changed("aud", json!(ADMIN)), TokenFault::WrongAudience),
        (
            changed("aud", json!(format!("{DATA}/"))),
            TokenFault::WrongAudience,
        ),
        (
            changed("aud", json!([DATA, "api://elsewhere"])),
            TokenFault::SeveralAudiences,
        ),
        (changed("aud", json!([DATA, ADMIN])), TokenFault::SeveralAudiences),
        (changed("aud", json!([DATA, DATA])), TokenFault::SeveralAudiences),
        (without(v2(), "exp"), missing("exp")),
        (without(v2(), "iat"), missing("iat")),
        (changed("exp", json!("1800003600")), malformed("exp")),
        (changed("exp", json!(-1)), malformed("exp")),
        (changed("exp", json!(1e300)), malformed("exp")),
        (changed("exp", json!(i64::MAX)), malformed("exp")),
        (changed("exp", json!(1_800_003_600.5)), malformed("exp")),
        (changed("exp", Value::Null), malformed("exp")),
        (changed("iat", json!(true)), malformed("iat")),
        (changed("nbf", json!("soon")), malformed("nbf")),
        (changed("exp", json!(second - 60)), TokenFault::Expired),
        (changed("nbf", json!(second + 61)), TokenFault::NotYetValid),
        (changed("iat", json!(second + 61)), TokenFault::NotYetValid),
        (without(v2(), "azp"), missing("azp")),
        (changed("azp", json!({})), malformed("azp")),
        (changed("azp", json!("")), malformed("azp")),
        (changed("azp", json!("evil-app")), TokenFault::ClientNotAccepted),
        (changed("appid", json!("evil-app")), TokenFault::ClientsDisagree),
        (
            changed("scp", json!("openid")),
            TokenFault::InsufficientScope {
                required: "Tools.Call".parse().unwrap(),
            },
        ),
        (
            changed("scp", json!("Tools.Calls")),
            TokenFault::InsufficientScope {
                required: "Tools.Call".parse().unwrap(),
            },
        ),
        (
            changed("scp", json!("")),
            TokenFault::InsufficientScope {
                required: "Tools.Call".parse().unwrap(),
            },
        ),
        (changed("scp", json!(["Tools.Call"])), malformed("scp")),
        (changed("scp", json!("Tools.Call \"x\"")), malformed("scp")),
        (changed("scp", json!("Tools.Call\topenid")), malformed("scp")),
        (changed("idtyp", json!("device")), malformed("idtyp")),
        (changed("oid", json!(1)), malformed("oid")),
        (changed("oid", json!("a b")), malformed("oid")),
        (without(without(v2(), "oid"), "sub"), missing("oid")),
        (changed("groups", json!("g-finance")), malformed("groups")),
        (changed("groups", json!(["g-finance", 1])), malformed("groups")),
        (changed("groups", json!(["g-finance", ""])), malformed("groups")),
        (changed("groups", json!({"0": "g-finance"})), malformed("groups")),
        (changed("groups", Value::Null), malformed("groups")),
        (changed("roles", json!("Registry.Admin")), malformed("roles")),
        (changed("roles", json!([null])), malformed("roles")),
        (changed("uti", json!(5)), malformed("uti")),
        (changed("uti", json!("a\nb")), malformed("uti")),
    ] {
        assert_eq!(judge(&claims), Err(fault), "{claims}");
    }
}

#[test]
fn too_many_groups_are_not_no_groups() {
    let sources = json!({"src1": {"endpoint": "https://graph.example/users/x/getMemberObjects"}});
    let listed_elsewhere = with(
        with(without(v2(), "groups"), "_claim_names", json!({"groups": "src1"})),
        "_claim_sources",
        sources,
    );
    for claims in [
        listed_elsewhere.clone(),
        with(listed_elsewhere, "groups", json!(["g-all"])),
        with(without(v2(), "groups"), "hasgroups", json!(true)),
        with(without(v2(), "groups"), "hasgroups", json!("True")),
        with(
            without(v2(), "groups"),
            "groups:src1",
            json!("https://graph.example"),
        ),
    ] {
        assert_eq!(judge(&claims), Err(TokenFault::GroupOverage), "{claims}");
    }
    for (claims, fault) in [
        (
            with(v2(), "_claim_names", json!("groups")),
            TokenFault::ClaimMalformed {
                claim: "_claim_names",
            },
        ),
        (
            with(v2(), "hasgroups", json!(1)),
            TokenFault::ClaimMalformed { claim: "hasgroups" },
        ),
    ] {
        assert_eq!(judge(&claims), Err(fault));
    }
    for claims in [
        with(v2(), "_claim_names", json!({"other": "src1"})),
        with(v2(), "hasgroups", json!(false)),
    ] {
        assert_eq!(judge(&claims).unwrap().groups.len(), 2);
    }
    assert!(judge(&without(v2(), "groups")).unwrap().groups.is_empty());
}

#[test]
fn times_are_judged_to_the_second_with_the_leeway() {
    let issuer = issuer();
    let at = |now| judge_as(&issuer, Plane::Data, &v2(), now).map(drop);
    assert_eq!(at(after(-71)), Err(TokenFault::NotYetValid));
    assert_eq!(at(after(-70)), Ok(()));
    assert_eq!(at(after(3_659)), Ok(()));
    assert_eq!(at(after(3_660)), Err(TokenFault::Expired));
    assert_eq!(judge(&without(v2(), "nbf")).map(drop), Ok(()));
}

#[test]
fn each_plane_has_its_own_audience() {
    let issuer = issuer();
    let admin = with(v2(), "aud", json!(ADMIN));
    assert!(judge_as(&issuer, Plane::Admin, &admin, now()).is_ok());
    assert_eq!(
        judge_as(&issuer, Plane::Data, &admin, now()),
        Err(TokenFault::WrongAudience)
    );
    assert_eq!(
        judge_as(&issuer, Plane::Admin, &v2(), now()),
        Err(TokenFault::WrongAudience)
    );
    let without_admin = Issuer {
        admin: None,
        ..issuer
    };
    assert_eq!(
        judge_as(&without_admin, Plane::Admin, &admin, now()),
        Err(TokenFault::IssuerNotForPlane)
    );
}

#[test]
fn a_display_name_is_made_harmless() {
    let shown = |value: Value| judge(&with(v2(), "name", value)).unwrap().display_name;
    assert_eq!(shown(json!("A\u{1b}[31mna\n")).as_deref(), Some("A[31mna"));
    assert_eq!(shown(json!("ü".repeat(300))).unwrap().chars().count(), 256);
    assert_eq!(shown(json!(5)).as_deref(), Some("ana@corp.example"));
}

#[test]
fn claims_print_nothing() {
    let claims = Claims::read(v2().to_string().as_bytes()).unwrap();
    assert_eq!(format!("{claims:?}"), "Claims(…)");
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        Just(json!("app")),
        Just(json!(DATA)),
        Just(json!(USER)),
    ];
    leaf.prop_recursive(2, 12, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map("groups|a|b", inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

const READ: [&str; 22] = [
    "iss",
    "tid",
    "aud",
    "exp",
    "nbf",
    "iat",
    "azp",
    "appid",
    "scp",
    "scope",
    "idtyp",
    "oid",
    "sub",
    "groups",
    "roles",
    "_claim_names",
    "hasgroups",
    "groups:src1",
    "name",
    "uti",
    "jti",
    "ver",
];

proptest! {
    #[test]
    fn no_claims_make_it_panic(changes in prop::collection::vec((prop::sample::select(&READ[..]), any_json()), 0..6), seconds in any::<i32>()) {
        let claims = changes.into_iter().fold(v2(), |claims, (name, value)| with(claims, name, value));
        let _ = judge_as(&issuer(), Plane::Data, &claims, after(seconds.into()));
    }

    /// Whatever is done to one claim, what comes out is either refused or within what the issuer may say.
    #[test]
    fn what_is_accepted_is_within_the_terms(name in prop::sample::select(&READ[..]), value in any_json()) {
        if let Ok(principal) = judge(&with(v2(), name, value)) {
            prop_assert_eq!(principal.tenant.as_str(), TENANT);
            prop_assert_eq!(principal.client.as_str(), CLIENT);
            prop_assert!(principal.user.is_some() && principal.scopes.iter().any(|scope| scope.as_str() == "Tools.Call"));
            prop_assert!(principal.expires_at > after(-60) && principal.issued_at <= after(60));
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let _ = Claims::read(&bytes);
    }
}
