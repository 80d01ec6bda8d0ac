//! Clients that register, and clients that have a document.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::Redirect;
use axum::routing::get;

use super::*;

#[tokio::test]
async fn a_registration_outlives_a_restart() {
    let state = TempDir::new().unwrap();
    let redirect = json!({ "redirect_uris": ["http://127.0.0.1/cb"] });
    let first = started(state.path()).await;
    let registered = crate::http()
        .post(first.idp.endpoints().registration_endpoint())
        .json(&redirect);
    let registered: Value = registered.send().await.unwrap().json().await.unwrap();
    assert_eq!(registered["token_endpoint_auth_method"], "none");
    let client = registered["client_id"].as_str().unwrap();

    let other = TempDir::new().unwrap();
    for (state, status) in [(&state, 200), (&other, 400)] {
        let again = started(state.path()).await;
        let query = [
            ("client_id", client),
            ("redirect_uri", "http://127.0.0.1:7/cb"),
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        let request = crate::http()
            .get(again.idp.endpoints().authorization_endpoint())
            .query(&query);
        assert_eq!(request.send().await.unwrap().status(), status);
    }
}

#[tokio::test]
async fn not_everything_can_be_registered() {
    let sign_in = SignIn::start().await;
    for (redirect, error) in [
        ("http://client.example/cb", "invalid_redirect_uri"),
        ("javascript:alert(1)", "invalid_redirect_uri"),
        ("https://client.example/cb#x", "invalid_redirect_uri"),
    ] {
        let answer = sign_in.register("Client", redirect).await;
        assert_eq!(answer.status(), 400);
        assert_eq!(
            answer.json::<Value>().await.unwrap()["error"],
            error,
            "{redirect}"
        );
    }
    let answer = sign_in.register(&"n".repeat(100_000), REDIRECT).await;
    assert_eq!(answer.status(), 413);
}

/// A server of clients' documents; `%` in one stands for its own base URL.
async fn documents(pages: &[(&'static str, Value)]) -> Url {
    let base = Arc::new(std::sync::OnceLock::<String>::new());
    let mut router = Router::new().route("/moved", get(async || Redirect::temporary("/good")));
    for (path, page) in pages {
        let (page, base) = (page.to_string(), Arc::clone(&base));
        let answer = async move || {
            let page = page.replace('%', base.get().unwrap());
            ([(header::CONTENT_TYPE, "application/json")], page)
        };
        router = router.route(path, get(answer));
    }
    let url = crate::serve(router).await;
    base.set(url.as_str().to_owned()).unwrap();
    url
}

#[tokio::test]
async fn a_document_speaks_for_the_client_at_its_url() {
    let sign_in = SignIn::start().await;
    let document =
        |id: &str| json!({ "client_id": id, "client_name": "Described", "redirect_uris": [REDIRECT] });
    let base = documents(&[
        ("/good", document("%good")),
        ("/other", document("%good")),
        (
            "/large",
            json!({ "client_id": "%large", "redirect_uris": [REDIRECT], "x": "x".repeat(20_000) }),
        ),
        ("/text", json!("text")),
    ])
    .await;
    let client = base.join("good").unwrap();
    let page = sign_in.authorize(&[("client_id", client.as_str())]).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(
        page.contains("Described") && page.contains(client.as_str()),
        "{page}"
    );
    let back = sent_back(&sign_in.answer(&page, ("user", "analyst")).await);
    let tokens = sign_in
        .redeem(&back["code"], &[("client_id", client.as_str())])
        .await;
    let tokens: Value = tokens.json().await.unwrap();
    let claims = sign_in
        .served
        .verified(&access_token(&tokens), V2, &DATA_API.app_id.to_string())
        .await;
    assert_eq!(claims["azp"], client.as_str());
    assert!(
        tokens.get("refresh_token").is_none(),
        "its document does not ask for one"
    );

    for bad in ["other", "large", "text", "moved", "missing", "good#x", "good?"] {
        let client = format!("{base}{bad}");
        let answer = sign_in.authorize(&[("client_id", &client)]).await;
        assert_eq!(
            (answer.status().as_u16(), answer.headers().get("location")),
            (400, None),
            "{bad}"
        );
    }
}
