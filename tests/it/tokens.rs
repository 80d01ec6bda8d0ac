//! Tokens that must not be accepted, and what their bearer is told.

use std::collections::BTreeMap;

use jiff::Timestamp;
use onedoor_tests::{
    idp::{ADMIN_AUDIENCE, AUDIENCE, Idp, PublicKeyForm},
    log::{self, Stream},
    mcp::{Answer, Mcp},
    raw::RawRequest,
    token::Token,
};
use serde_json::{Value, json};

use crate::door;

/// A token, and how it is refused.
struct Bad {
    name: &'static str,
    token: Token,
    status: u16,
    reason: &'static str,
}

fn bad(name: &'static str, token: Token, reason: &'static str) -> Bad {
    Bad {
        name,
        token,
        status: 401,
        reason,
    }
}

#[tokio::test]
async fn no_bad_token_passes_and_each_is_counted() {
    let (mut dev, upstream) = door().await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    admin.grant(&idp.group("g"), "edge", None, "production").await;
    let mut cases = forged(&idp);
    cases.extend(misdirected(&idp));
    admin
        .admit_only(&dev.places.issuer, &[&dev.places.client_id])
        .await;
    cases.push(bad(
        "a rogue app",
        dev.token_for("analyst", &dev.places.rogue_client_id, &dev.places.data_scope)
            .await,
        "client_not_accepted",
    ));
    cases.push(bad(
        "for the admin plane",
        dev.admin_token("admin").await,
        "wrong_audience",
    ));
    cases.push(Bad {
        status: 403,
        ..bad("too many groups", dev.token("overage").await, "group_overage")
    });

    let mut sent = BTreeMap::<&str, u64>::new();
    for case in &cases {
        let answer = dev.mcp_with("edge", &case.token).call("echo", json!({})).await;
        check(&answer, case, &dev.endpoint("edge"), &dev.http).await;
        *sent.entry(case.reason).or_default() += 1;
    }
    assert_eq!(upstream.bytes().len(), 0);
    assert!(
        dev.mcp_with("edge", &idp.token("u", &["g"]))
            .call("echo", json!({}))
            .await
            .is_answered()
    );

    assert!(dev.stop().await.success());
    let mut counted = BTreeMap::<String, u64>::new();
    let denials = log::events(dev.folder(), Stream::Denials).await;
    for event in log::of_type(&denials, "AuthenticationsFailed") {
        assert_eq!(event["data"]["network"], "127.0.0.0/24");
        *counted
            .entry(event["data"]["reason"].as_str().unwrap().to_owned())
            .or_default() += event["data"]["count"].as_u64().unwrap();
    }
    let counted: BTreeMap<&str, u64> = counted
        .iter()
        .map(|(reason, count)| (reason.as_str(), *count))
        .collect();
    assert_eq!(counted, sent);
}

/// Status, challenge, metadata and body of a refusal.
async fn check(answer: &Answer, case: &Bad, endpoint: &str, http: &reqwest::Client) {
    let Bad {
        name, status, reason, ..
    } = case;
    assert_eq!(
        (answer.status, answer.last()["reason"].as_str().unwrap()),
        (*status, *reason),
        "{name}: {}",
        answer.text
    );
    let challenge = answer.headers["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Bearer "), "{name}: {challenge}");
    assert!(
        challenge.contains("scope=\"api://onedoor/mcp.access mcp.access\""),
        "{name}: {challenge}"
    );
    let error = challenge
        .split("error=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let expected = match *reason {
        "insufficient_scope" => Some("insufficient_scope"),
        "group_overage" => None,
        _ => Some("invalid_token"),
    };
    assert_eq!(error, expected, "{name}: {challenge}");
    let metadata = challenge
        .split("resource_metadata=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap();
    let metadata: Value = http.get(metadata).send().await.unwrap().json().await.unwrap();
    assert_eq!(metadata["resource"], endpoint);
    assert_eq!(
        metadata["scopes_supported"],
        json!(["api://onedoor/mcp.access", "mcp.access"])
    );
    assert!(metadata["authorization_servers"].as_array().unwrap().len() == 2);
    assert!(!answer.text.contains(case.token.expose()), "{name}");
}

/// Tokens that the issuer did not sign.
fn forged(idp: &Idp) -> Vec<Bad> {
    let claims = idp.claims("u", &["g"]);
    let good = idp.sign(&claims);
    let other = idp.sign(&idp.claims("u", &["other"]));
    let parts = |token: &Token| token.expose().split('.').map(str::to_owned).collect::<Vec<_>>();
    let spliced = [
        parts(&good)[0].clone(),
        parts(&good)[1].clone(),
        parts(&other)[2].clone(),
    ]
    .join(".");
    let header = |alg: &str, kid: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    let mut cases = vec![
        bad(
            "signed by another key",
            idp.sign_wrongly(&claims),
            "invalid_signature",
        ),
        bad(
            "the claims of one, the signature of another",
            Token::new(spliced),
            "invalid_signature",
        ),
        bad(
            "an unknown key",
            idp.sign_as(&header("ES256", "another"), &claims),
            "unknown_key",
        ),
        bad(
            "RS256 in the header of an EC key",
            idp.sign_as(&header("RS256", "tests-key"), &claims),
            "algorithm_not_accepted",
        ),
        bad(
            "another type",
            idp.sign_as(
                &json!({ "alg": "ES256", "typ": "dpop+jwt", "kid": "tests-key" }),
                &claims,
            ),
            "wrong_token_type",
        ),
        bad("no JWT", Token::new("opaque"), "malformed_token"),
        bad(
            "two parts",
            Token::new(parts(&good)[..2].join(".")),
            "malformed_token",
        ),
        bad(
            "four parts",
            Token::new(format!("{}.x", good.expose())),
            "malformed_token",
        ),
    ];
    for form in [
        PublicKeyForm::Point,
        PublicKeyForm::Der,
        PublicKeyForm::Pem,
        PublicKeyForm::Jwk,
    ] {
        cases.push(bad(
            "HS256 with the public key",
            idp.sign_symmetrically(&claims, form),
            "algorithm_not_accepted",
        ));
    }
    for algorithm in ["none", "None", "NONE"] {
        let unsigned = idp.unsigned(algorithm, &claims);
        cases.push(bad("unsigned", unsigned.clone(), "malformed_token"));
        let signature = Token::new(format!("{}{}", unsigned.expose(), good.signature()));
        cases.push(bad(
            "alg none with a signature",
            signature,
            "algorithm_not_accepted",
        ));
    }
    cases
}

/// Tokens that the issuer did sign, for something else.
fn misdirected(idp: &Idp) -> Vec<Bad> {
    let now = Timestamp::now().as_second();
    let with = |member: &str, value: Value| {
        let mut claims = idp.claims("u", &["g"]);
        claims[member] = value;
        idp.sign(&claims)
    };
    let without = |member: &str| {
        let mut claims = idp.claims("u", &["g"]);
        claims.as_object_mut().unwrap().remove(member);
        idp.sign(&claims)
    };
    vec![
        bad(
            "another issuer",
            with("iss", json!("https://login.example/")),
            "untrusted_issuer",
        ),
        bad(
            "the issuer without its slash",
            with("iss", json!(idp.issuer.trim_end_matches('/'))),
            "untrusted_issuer",
        ),
        bad(
            "another tenant",
            with("tid", json!("another")),
            "tenant_not_accepted",
        ),
        bad(
            "another audience",
            with("aud", json!("api://another")),
            "wrong_audience",
        ),
        bad(
            "the admin plane",
            with("aud", json!(ADMIN_AUDIENCE)),
            "wrong_audience",
        ),
        bad(
            "several audiences",
            with("aud", json!([AUDIENCE, "api://another"])),
            "several_audiences",
        ),
        bad("no audience", without("aud"), "claim_missing"),
        bad(
            "another app",
            with("azp", json!("another")),
            "client_not_accepted",
        ),
        bad("two apps", with("appid", json!("another")), "clients_disagree"),
        bad("no app", without("azp"), "claim_missing"),
        bad("expired", with("exp", json!(now - 120)), "token_expired"),
        bad("no end", without("exp"), "claim_missing"),
        bad(
            "an end that is a text",
            with("exp", json!((now + 3_600).to_string())),
            "claim_malformed",
        ),
        bad(
            "not yet valid",
            with("nbf", json!(now + 600)),
            "token_not_yet_valid",
        ),
        bad(
            "issued tomorrow",
            with("iat", json!(now + 86_400)),
            "token_not_yet_valid",
        ),
        Bad {
            status: 403,
            ..bad(
                "another scope",
                with("scp", json!("User.Read")),
                "insufficient_scope",
            )
        },
        Bad {
            status: 403,
            ..bad(
                "groups elsewhere",
                with("_claim_names", json!({ "groups": "src1" })),
                "group_overage",
            )
        },
    ]
}

#[tokio::test]
async fn a_request_without_exactly_one_bearer_token_is_refused() {
    let (dev, upstream) = door().await;
    let token = dev.token("analyst").await;
    let body = Mcp::body("tools/call", json!({ "name": "echo", "arguments": {} })).to_string();
    let request = |target: &str| {
        RawRequest::new(&format!("POST {target}"), dev.data_address())
            .with("Content-Type", "application/json")
            .with("Accept", "application/json, text/event-stream")
            .with("MCP-Protocol-Version", "2026-07-28")
            .with("Mcp-Method", "tools/call")
            .with("Mcp-Name", "echo")
            .body(body.clone())
    };
    let plain = || request("/servers/edge/mcp");
    let bearer = format!("Bearer {}", token.expose());
    for (name, request, status, reason) in [
        ("no token", plain(), 401, "no_token"),
        (
            "in the query",
            request(&format!("/servers/edge/mcp?access_token={}", token.expose())),
            401,
            "no_token",
        ),
        (
            "twice",
            plain()
                .with("Authorization", &bearer)
                .with("Authorization", &bearer),
            400,
            "repeated_authorization",
        ),
        (
            "Basic",
            plain().with("Authorization", "Basic YTpi"),
            401,
            "not_bearer",
        ),
        (
            "a scheme of its own",
            plain().with("Authorization", &format!("Bearerx {}", token.expose())),
            401,
            "not_bearer",
        ),
        (
            "two in one",
            plain().with("Authorization", &format!("{bearer}, {bearer}")),
            401,
            "malformed_token",
        ),
        (
            "too long",
            plain().with("Authorization", &format!("Bearer {}", "a".repeat(20_000))),
            401,
            "token_too_long",
        ),
    ] {
        let answer = request.send(dev.data_address()).await;
        assert_eq!(answer.status, status, "{name}: {} {}", answer.head, answer.body);
        let told: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(told["reason"], reason, "{name}");
        if status == 401 {
            assert!(
                answer.head.to_lowercase().contains("www-authenticate: bearer "),
                "{name}: {}",
                answer.head
            );
        }
        if reason == "no_token" {
            assert!(!answer.head.contains("error="), "{name}: {}", answer.head);
        }
    }
    assert_eq!(upstream.bytes().len(), 0);
    assert_eq!(
        plain()
            .with("Authorization", &bearer)
            .send(dev.data_address())
            .await
            .status,
        200
    );
}

#[tokio::test]
async fn each_plane_refuses_the_tokens_of_the_other() {
    let (dev, _upstream) = door().await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    let servers = async |token: &Token| {
        let url = format!("{}/api/v1/servers", dev.places.admin_url);
        let answer = dev
            .http
            .get(url)
            .bearer_auth(token.expose())
            .send()
            .await
            .unwrap();
        (
            answer.status().as_u16(),
            answer.json::<Value>().await.unwrap()["reason"]
                .as_str()
                .unwrap_or_default()
                .to_owned(),
        )
    };
    let mut administers = idp.claims("u", &[]);
    administers["aud"] = json!(ADMIN_AUDIENCE);
    administers["roles"] = json!(["Auditor"]);
    assert_eq!(servers(&idp.sign(&administers)).await, (200, String::new()));
    // A role on the data plane is none here.
    administers["aud"] = json!(AUDIENCE);
    for token in [
        dev.token("admin").await,
        dev.token("analyst").await,
        idp.sign(&administers),
    ] {
        assert_eq!(servers(&token).await.0, 401);
    }
    assert_eq!(
        servers(&dev.admin_token("analyst").await).await,
        (403, "forbidden".to_owned())
    );
    assert_eq!(
        dev.mcp_with("edge", &dev.admin_token("analyst").await)
            .call("echo", json!({}))
            .await
            .status,
        401
    );
}

#[tokio::test]
async fn a_distrusted_issuers_tokens_are_out_at_once() {
    let (dev, _upstream) = door().await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    admin.grant(&idp.group("g"), "edge", None, "production").await;
    let edge = dev.mcp_with("edge", &idp.token("u", &["g"]));
    assert!(edge.call("echo", json!({})).await.is_answered());
    admin.delete("/issuers/tests").await.expect(200);
    let refused = edge.call("echo", json!({})).await;
    assert_eq!(
        (refused.status, refused.last()["reason"].as_str()),
        (401, Some("untrusted_issuer"))
    );
}
