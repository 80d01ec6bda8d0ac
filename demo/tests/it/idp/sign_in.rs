//! Signing in over HTTP: what a client and a browser see, good and bad.

mod clients;
mod page;

use std::collections::BTreeMap;

use reqwest::Response;
use reqwest::redirect::Policy;

use super::*;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
const REDIRECT: &str = "http://127.0.0.1:5/cb?own=1";
const RESOURCE: &str = "http://127.0.0.1:8080/servers/finance/mcp";

/// An identity provider, and a client of it.
struct SignIn {
    served: Served,
    http: reqwest::Client,
    client: String,
    _state: TempDir,
}

impl SignIn {
    /// With a client that registered.
    async fn start() -> Self {
        let state = TempDir::new().unwrap();
        let doors = Doors {
            data: Some("http://127.0.0.1:8080".parse().unwrap()),
            admin: Some("http://127.0.0.1:8081".parse().unwrap()),
        };
        let mut sign_in = Self {
            served: started_for(state.path(), doors).await,
            http: reqwest::Client::builder()
                .no_proxy()
                .redirect(Policy::none())
                .build()
                .unwrap(),
            client: String::new(),
            _state: state,
        };
        let registered = sign_in.register("Client", REDIRECT).await;
        assert_eq!(registered.status(), 201);
        let registered: Value = registered.json().await.unwrap();
        sign_in.client = registered["client_id"].as_str().unwrap().to_owned();
        sign_in
    }

    async fn register(&self, name: &str, redirect: &str) -> Response {
        let endpoint = self.served.idp.endpoints().registration_endpoint();
        let metadata = json!({
            "client_name": name, "redirect_uris": [redirect],
            "grant_types": ["authorization_code", "refresh_token"], "application_type": "native",
        });
        self.http.post(endpoint).json(&metadata).send().await.unwrap()
    }

    /// A good request, with changes; an empty value takes a parameter away.
    async fn authorize(&self, changes: &[(&str, &str)]) -> Response {
        let mut parameters = BTreeMap::from([
            ("response_type", "code"),
            ("client_id", &self.client),
            ("redirect_uri", REDIRECT),
            ("state", "a&b"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("resource", RESOURCE),
            ("scope", "api://onedoor/mcp.access offline_access"),
        ]);
        parameters.extend(changes.iter().copied());
        let endpoint = self.served.idp.endpoints().authorization_endpoint();
        self.http.get(endpoint).query(&parameters).send().await.unwrap()
    }

    /// Sends a page's form.
    async fn answer(&self, page: &str, choice: (&str, &str)) -> Response {
        let action = between(page, "action=\"", "\"");
        let request = between(page, "name=\"request\" value=\"", "\"");
        let form = [("request", request), choice];
        self.http.post(action).form(&form).send().await.unwrap()
    }

    /// A fresh code for `analyst`.
    async fn code(&self) -> String {
        let page = self.authorize(&[]).await.text().await.unwrap();
        let answer = self.answer(&page, ("user", "analyst")).await;
        sent_back(&answer)["code"].clone()
    }

    async fn redeem(&self, code: &str, changes: &[(&str, &str)]) -> Response {
        let mut form = BTreeMap::from([
            ("grant_type", "authorization_code"),
            ("client_id", &self.client),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", VERIFIER),
            ("resource", RESOURCE),
        ]);
        form.extend(changes.iter().copied());
        self.token(&form).await
    }

    async fn refresh(&self, token: &Value) -> Response {
        let token = token["refresh_token"].as_str().unwrap();
        let form = BTreeMap::from([
            ("grant_type", "refresh_token"),
            ("client_id", &self.client),
            ("refresh_token", token),
        ]);
        self.token(&form).await
    }

    async fn token(&self, form: &BTreeMap<&str, &str>) -> Response {
        let endpoint = self.served.idp.endpoints().token_endpoint(V2);
        self.http.post(endpoint).form(form).send().await.unwrap()
    }
}

/// What a redirect to the client says.
fn sent_back(answer: &Response) -> BTreeMap<String, String> {
    assert_eq!(answer.status(), 303);
    let location: Url = answer.headers()["location"].to_str().unwrap().parse().unwrap();
    assert!(location.as_str().starts_with(REDIRECT), "{location}");
    location.query_pairs().into_owned().collect()
}

fn between<'a>(text: &'a str, begin: &str, end: &str) -> &'a str {
    let (_, rest) = text.split_once(begin).unwrap();
    rest.split_once(end).unwrap().0
}

#[tokio::test]
async fn the_same_metadata_is_wherever_clients_look() {
    let sign_in = SignIn::start().await;
    let (base, endpoints) = (&sign_in.served.base, sign_in.served.idp.endpoints());
    let mut documents = Vec::new();
    for place in [
        format!("{base}.well-known/oauth-authorization-server/{TENANT_ID}/v2.0"),
        format!("{base}.well-known/openid-configuration/{TENANT_ID}/v2.0"),
        format!("{base}{TENANT_ID}/v2.0/.well-known/openid-configuration"),
    ] {
        let answer = sign_in
            .http
            .get(place)
            .header("origin", "https://page.example")
            .send()
            .await
            .unwrap();
        assert_eq!(answer.headers()["access-control-allow-origin"], "*");
        documents.push(answer.json::<Value>().await.unwrap());
    }
    assert!(
        documents.iter().all(|document| *document == documents[0]),
        "{documents:?}"
    );
    let document = &documents[0];
    assert_eq!(document["issuer"], endpoints.issuer(V2));
    assert_eq!(
        document["authorization_endpoint"],
        endpoints.authorization_endpoint()
    );
    assert_eq!(
        document["registration_endpoint"],
        endpoints.registration_endpoint()
    );
    assert_eq!(document["code_challenge_methods_supported"], json!(["S256"]));
    for supported in [
        "client_id_metadata_document_supported",
        "authorization_response_iss_parameter_supported",
    ] {
        assert_eq!(document[supported], true, "{supported}");
    }
}

#[tokio::test]
async fn a_code_becomes_tokens_for_the_client_that_renew_themselves() {
    let sign_in = SignIn::start().await;
    let page = sign_in.authorize(&[]).await.text().await.unwrap();
    let back = sent_back(&sign_in.answer(&page, ("user", "analyst")).await);
    assert_eq!((back["own"].as_str(), back["state"].as_str()), ("1", "a&b"));
    assert_eq!(back["iss"], sign_in.served.idp.endpoints().issuer(V2));

    let first = sign_in.redeem(&back["code"], &[]).await;
    assert_eq!(
        (first.status().as_u16(), &first.headers()["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let first: Value = first.json().await.unwrap();
    let audience = DATA_API.app_id.to_string();
    let claims = sign_in
        .served
        .verified(&access_token(&first), V2, &audience)
        .await;
    assert_eq!(claims["azp"], sign_in.client.as_str());
    assert_eq!(
        (&claims["azpacr"], &claims["scp"]),
        (&json!("0"), &json!("mcp.access"))
    );
    assert_eq!(claims["oid"], ANALYST.object_id.to_string());
    assert_eq!(first["scope"], "api://onedoor/mcp.access");

    let second = sign_in.refresh(&first).await;
    assert_eq!(second.status(), 200);
    let second: Value = second.json().await.unwrap();
    let renewed = sign_in
        .served
        .verified(&access_token(&second), V2, &audience)
        .await;
    assert_eq!(
        (&renewed["azp"], &renewed["oid"]),
        (&claims["azp"], &claims["oid"])
    );

    // Used again, the first ends what came of it.
    for token in [&first, &second] {
        refused(sign_in.refresh(token).await, "invalid_grant").await;
    }
}

#[tokio::test]
async fn a_code_is_good_once_and_only_for_its_request() {
    let sign_in = SignIn::start().await;
    let code = sign_in.code().await;
    for (change, error) in [
        (("code_verifier", ""), "invalid_request"),
        (("code_verifier", CHALLENGE), "invalid_grant"),
        (("redirect_uri", "http://127.0.0.1:6/cb?own=1"), "invalid_grant"),
        (("client_id", "another"), "invalid_grant"),
        (("resource", "http://evil.example/mcp"), "invalid_target"),
        (("client_secret", "s"), "invalid_client"),
    ] {
        refused(sign_in.redeem(&code, &[change]).await, error).await;
    }
    let tokens = sign_in.redeem(&code, &[]).await;
    assert_eq!(tokens.status(), 200);
    refused(sign_in.redeem(&code, &[]).await, "invalid_grant").await;
    // Either of the two was a thief.
    refused(
        sign_in.refresh(&tokens.json().await.unwrap()).await,
        "invalid_grant",
    )
    .await;
}

#[tokio::test]
async fn a_web_page_gets_tokens_only_for_what_a_person_clicked() {
    let sign_in = SignIn::start().await;
    let endpoint = sign_in.served.idp.endpoints().token_endpoint(V2);
    let from_page = |form: Vec<(&str, &str)>| {
        let request = sign_in
            .http
            .post(&endpoint)
            .header("origin", "https://page.example");
        request.form(&form).send()
    };
    let code = sign_in.code().await;
    let answer = from_page(vec![
        ("grant_type", "authorization_code"),
        ("client_id", &sign_in.client),
        ("code", &code),
        ("redirect_uri", REDIRECT),
        ("code_verifier", VERIFIER),
    ]);
    let answer = answer.await.unwrap();
    assert_eq!(
        (
            answer.status().as_u16(),
            &answer.headers()["access-control-allow-origin"]
        ),
        (200, &"*".parse().unwrap())
    );

    let client = MCP_CLIENT.client_id.to_string();
    let scope = DATA_API.default_scope();
    let password = vec![
        ("grant_type", "password"),
        ("username", "admin"),
        ("client_id", &client),
        ("scope", &scope),
    ];
    refused(from_page(password).await.unwrap(), "invalid_request").await;
}

async fn refused(answer: Response, error: &str) {
    assert!(answer.status().is_client_error(), "{}", answer.status());
    let body: Value = answer.json().await.unwrap();
    assert_eq!(body["error"], error, "{body}");
    assert!(body.get("access_token").is_none());
}
