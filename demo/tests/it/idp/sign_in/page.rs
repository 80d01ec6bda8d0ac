//! The page, and where it sends people.

use super::*;

#[tokio::test]
async fn the_page_says_who_asks_and_runs_nothing() {
    let sign_in = SignIn::start().await;
    let page = sign_in.authorize(&[]).await;
    assert_eq!(page.status(), 200);
    let headers = page.headers();
    assert_eq!(
        headers["content-security-policy"],
        "default-src 'none'; style-src 'self'; form-action 'self' http://127.0.0.1:5; frame-ancestors 'none'; base-uri 'none'"
    );
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("x-frame-options", "DENY"),
    ] {
        assert_eq!(headers[name], value);
    }
    assert!(
        headers.get("access-control-allow-origin").is_none(),
        "no other page may read it"
    );
    let page = page.text().await.unwrap();
    for shown in [
        "Client",
        &sign_in.client,
        REDIRECT,
        "api://onedoor/mcp.access",
        "Ana Lyst",
        "Addie Min",
    ] {
        assert!(page.contains(shown), "{shown} in {page}");
    }
    assert!(!page.contains("<script"));
    let style = sign_in.http.get(
        sign_in
            .served
            .base
            .join(between(&page, "stylesheet\" href=\"", "\""))
            .unwrap(),
    );
    assert_eq!(
        style.send().await.unwrap().headers()["content-type"],
        "text/css; charset=utf-8"
    );
}

#[tokio::test]
async fn what_a_client_says_of_itself_is_text() {
    let sign_in = SignIn::start().await;
    let redirect = "https://c.example/cb?x='\"><script>alert(1)</script>";
    let registered = sign_in.register("<script>alert(1)</script>\"&", redirect).await;
    let client: Value = registered.json().await.unwrap();
    let request = [
        ("client_id", client["client_id"].as_str().unwrap()),
        ("redirect_uri", redirect),
    ];
    let page = sign_in.authorize(&request).await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    assert!(!page.contains("<script"), "{page}");
    assert!(page.contains("&#60;script&#62;alert(1)"), "{page}");
}

#[tokio::test]
async fn nobody_is_sent_where_no_client_lives() {
    let sign_in = SignIn::start().await;
    for change in [
        ("redirect_uri", "https://evil.example/cb"),
        ("redirect_uri", "http://127.0.0.1:5/cb"),
        ("redirect_uri", "http://127.0.0.1:5/cb?own=1&more=1"),
        ("redirect_uri", "http://127.0.0.1@evil.example/cb?own=1"),
        ("redirect_uri", "javascript:alert(1)"),
        ("redirect_uri", ""),
        ("client_id", "another"),
        ("client_id", ""),
        ("client_id", "https://127.0.0.1:1/not-there.json"),
    ] {
        // Whatever else is wrong with it.
        let answer = sign_in.authorize(&[change, ("response_type", "token")]).await;
        assert_eq!(answer.status(), 400, "{change:?}");
        assert!(answer.headers().get("location").is_none(), "{change:?}");
        assert!(answer.headers().contains_key("content-security-policy"));
        assert!(!answer.text().await.unwrap().contains("<form"), "{change:?}");
    }
    // Another port of loopback is the same native client.
    let other_port = sign_in
        .authorize(&[("redirect_uri", "http://127.0.0.1:61000/cb?own=1")])
        .await;
    assert_eq!(other_port.status(), 200);
}

#[tokio::test]
async fn a_client_learns_why_its_request_is_declined() {
    let sign_in = SignIn::start().await;
    for (change, error) in [
        (("code_challenge", ""), "invalid_request"),
        (("code_challenge_method", "plain"), "invalid_request"),
        (("code_challenge_method", ""), "invalid_request"),
        (("response_type", "token"), "unsupported_response_type"),
        (
            ("resource", "http://evil.example/servers/finance/mcp"),
            "invalid_target",
        ),
        (("resource", "http://127.0.0.1:8081/api"), "invalid_scope"),
        (("scope", "api://onedoor/everything"), "invalid_scope"),
        (("prompt", "none"), "login_required"),
    ] {
        let back = sent_back(&sign_in.authorize(&[change]).await);
        assert_eq!(
            (back["error"].as_str(), back["state"].as_str()),
            (error, "a&b"),
            "{change:?}"
        );
        assert_eq!(back["iss"], sign_in.served.idp.endpoints().issuer(V2));
        assert!(!back.contains_key("code"));
    }
}

#[tokio::test]
async fn a_page_is_answered_once_and_by_itself() {
    let sign_in = SignIn::start().await;
    let page = sign_in.authorize(&[]).await.text().await.unwrap();
    assert!(sent_back(&sign_in.answer(&page, ("user", "analyst")).await).contains_key("code"));
    let again = sign_in.answer(&page, ("user", "admin")).await;
    assert_eq!(
        (again.status().as_u16(), again.headers().get("location")),
        (400, None)
    );

    let forged = r#"action="A" name="request" value="guessed""#;
    let forged = forged.replace('A', &sign_in.served.idp.endpoints().authorization_endpoint());
    assert_eq!(sign_in.answer(&forged, ("user", "admin")).await.status(), 400);

    for choice in [("decline", "yes"), ("user", "nobody")] {
        let page = sign_in.authorize(&[]).await.text().await.unwrap();
        let back = sent_back(&sign_in.answer(&page, choice).await);
        assert_eq!(back["error"], "access_denied", "{choice:?}");
    }
}
