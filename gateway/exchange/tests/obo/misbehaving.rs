//! With identity providers that do what they should not.

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode},
    routing::any,
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use jiff::Timestamp;
use onedoor_demo::idp::directory::{ANALYST, GATEWAY, TENANT_ID};
use onedoor_exchange::{NoTokenB, Unavailable, UnusableAnswer};
use onedoor_model::{audit::NotDispatchedReason, registry::ClientCredential};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::scene::{Scene, in_time};

/// What any Token A is here: nobody reads it.
const TOKEN_A: &str = "eyJ.token.a";

/// The answer of a token endpoint whose token has these claims, beside those the caller's should have.
fn answer(claims: &[(&str, Value)]) -> String {
    let mut token = json!({
        "aud": "api://finance", "tid": TENANT_ID, "oid": ANALYST.object_id,
        "exp": Timestamp::now().as_second() + 600,
    });
    for (name, value) in claims {
        token[*name] = value.clone();
    }
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let token = format!("{}.{}.c2ln", part(json!({ "alg": "RS256" })), part(token));
    json!({ "token_type": "Bearer", "expires_in": 600, "access_token": token }).to_string()
}

/// A provider that always answers so.
fn answering(status: StatusCode, headers: &[(&'static str, &'static str)], body: String) -> Router {
    let headers: HeaderMap = headers
        .iter()
        .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
        .collect();
    Router::new().fallback(any(async move || (status, headers, body)))
}

#[tokio::test]
async fn a_token_for_anybody_or_anything_else_is_not_passed_on() {
    for (claims, fault) in [
        (vec![("aud", json!("api://hr"))], UnusableAnswer::Audience),
        (
            vec![("aud", json!(["api://finance", "api://hr"]))],
            UnusableAnswer::Claims,
        ),
        (vec![("tid", json!("elsewhere"))], UnusableAnswer::Tenant),
        (vec![("oid", json!("somebody"))], UnusableAnswer::User),
        (vec![("exp", json!(1))], UnusableAnswer::Expired),
    ] {
        let scene = Scene::with(answering(StatusCode::OK, &[], answer(&claims))).await;
        let refused = scene.obtain(&scene.call_by_analyst(), TOKEN_A).await.unwrap_err();
        assert!(
            matches!(refused, NoTokenB::Unusable(found) if found == fault),
            "{refused:?}"
        );
        assert_eq!(refused.not_dispatched(), NotDispatchedReason::NoTokenB);
    }
    let right = Scene::with(answering(StatusCode::OK, &[], answer(&[]))).await;
    right.obtain(&right.call_by_analyst(), TOKEN_A).await.unwrap();
}

#[tokio::test]
async fn a_redirect_takes_no_secret_along() {
    let elsewhere = Scene::with(answering(StatusCode::OK, &[], answer(&[]))).await;
    let target: &'static str = elsewhere.call_by_analyst().client.unwrap().token_endpoint.leak();
    let scene = Scene::with(answering(
        StatusCode::TEMPORARY_REDIRECT,
        &[("location", target)],
        String::new(),
    ))
    .await;
    let refused = scene.obtain(&scene.call_by_analyst(), TOKEN_A).await.unwrap_err();
    assert!(matches!(refused, NoTokenB::ExchangeRefused(_)), "{refused:?}");
    assert_eq!((scene.gate.asked(), elsewhere.gate.asked()), (1, 0));
}

#[tokio::test]
async fn a_provider_that_is_busy_is_left_alone_for_as_long_as_it_says() {
    let busy = StatusCode::TOO_MANY_REQUESTS;
    for (headers, asked) in [([("retry-after", "60")].as_slice(), 1), (&[], 3)] {
        let scene = Scene::with(answering(busy, headers, String::new())).await;
        for _ in 0..3 {
            let refused = scene.obtain(&scene.call_by_analyst(), TOKEN_A).await.unwrap_err();
            assert_eq!(refused.not_dispatched(), NotDispatchedReason::ExchangeUnavailable);
            assert_eq!(refused.retry_after().is_some(), !headers.is_empty());
        }
        assert_eq!(scene.gate.asked(), asked);
    }
}

#[tokio::test]
async fn a_provider_that_does_not_answer_may_do_so_later() {
    let scene = Scene::with(Router::new()).await;
    let mut world = scene.call_by_analyst();
    world.client.as_mut().unwrap().token_endpoint = "http://127.0.0.1:1/token".to_owned();
    for _ in 0..2 {
        let refused = scene.obtain(&world, TOKEN_A).await.unwrap_err();
        assert!(
            matches!(refused, NoTokenB::ExchangeUnavailable(Unavailable::NoAnswer(_))),
            "{refused:?}"
        );
    }
}

#[tokio::test]
async fn what_is_sent_is_what_entra_documents() {
    let (sender, mut sent) = mpsc::channel(1);
    let record = async |State(sender): State<mpsc::Sender<_>>, headers: HeaderMap, body: String| {
        sender.send((headers, body)).await.unwrap();
        answer(&[])
    };
    let path = "/{tenant}/oauth2/v2.0/token";
    let scene = Scene::with(
        Router::new()
            .route(path, axum::routing::post(record))
            .with_state(sender),
    )
    .await;
    let mut world = scene.call_by_analyst();
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let certificate = rcgen::CertificateParams::default().self_signed(&key).unwrap();
    let pem = |tag, der: &[u8]| pem::encode(&pem::Pem::new(tag, der));
    world.client.as_mut().unwrap().credential = ClientCredential::Certificate {
        certificate: scene.write("certificate", &pem("CERTIFICATE", certificate.der())),
        key: scene.write("key", &pem("PRIVATE KEY", key.serialized_der())),
    };
    scene.obtain(&world, TOKEN_A).await.unwrap();

    let (headers, body): (HeaderMap, String) = in_time(sent.recv()).await.unwrap();
    let form: Vec<(String, String)> = url::form_urlencoded::parse(body.as_bytes())
        .into_owned()
        .collect();
    let (assertion, form): (Vec<_>, Vec<_>) =
        form.into_iter().partition(|(name, _)| name == "client_assertion");
    let client = GATEWAY.client_id.to_string();
    let expected = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
        ("requested_token_use", "on_behalf_of"),
        ("client_id", &client),
        ("scope", "api://finance/finance.read"),
        ("assertion", TOKEN_A),
        (
            "client_assertion_type",
            "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        ),
    ];
    assert_eq!(
        form,
        expected.map(|(name, value)| (name.to_owned(), value.to_owned()))
    );
    let [(_, assertion)] = assertion.as_slice() else {
        panic!("one client assertion");
    };
    let claims = URL_SAFE_NO_PAD
        .decode(assertion.split('.').nth(1).unwrap())
        .unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    assert!(
        claims["aud"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/{TENANT_ID}/oauth2/v2.0/token"))
    );
    let correlation: uuid::Uuid = headers["client-request-id"].to_str().unwrap().parse().unwrap();
    assert_eq!(correlation.get_version_num(), 7, "the call's id");
}
