use super::*;
use crate::idp::directory::{ADMIN_API, DATA_API};
use crate::idp::oauth::client::ClientMetadata;

const CHALLENGE: &str = "&code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256&response_type=code";

fn client() -> Registration {
    let metadata = br#"{"redirect_uris":["http://127.0.0.1/cb","https://c.example/cb"]}"#;
    ClientMetadata::parse(metadata)
        .unwrap()
        .register("c".to_owned())
        .unwrap()
}

fn judged(query: &str) -> Result<Asked, Declined> {
    let doors = Doors {
        data: Some("http://127.0.0.1:8080".parse().unwrap()),
        admin: Some("http://127.0.0.1:8081".parse().unwrap()),
    };
    let query = Query::parse(query.as_bytes()).unwrap();
    let redirect = RedirectUri::parse("https://c.example/cb").unwrap();
    judge(&query, client(), redirect, &doors, &[DATA_API, ADMIN_API])
}

#[test]
fn resource_and_scope_name_the_api() {
    for (query, api) in [
        ("", DATA_API),
        ("&scope=openid+offline_access", DATA_API),
        ("&scope=api://onedoor/mcp.access+offline_access", DATA_API),
        ("&scope=api://onedoor-admin/admin.access", ADMIN_API),
        ("&resource=http://127.0.0.1:8080/servers/finance/mcp", DATA_API),
        (
            "&resource=http://localhost:8080/mcp&resource=http://127.0.0.1:8080/tools",
            DATA_API,
        ),
        ("&resource=http://127.0.0.1:8081/", ADMIN_API),
        (
            "&resource=http://127.0.0.1:8080/mcp&scope=api://onedoor/.default",
            DATA_API,
        ),
    ] {
        assert_eq!(
            judged(&format!("{CHALLENGE}{query}")).unwrap().api,
            api,
            "{query}"
        );
    }
    assert_eq!(
        judged(&format!("{CHALLENGE}&state=a%26b"))
            .unwrap()
            .state
            .as_deref(),
        Some("a&b")
    );
}

#[test]
fn what_cannot_be_granted_is_declined_with_its_code() {
    for (query, code) in [
        (String::new(), "unsupported_response_type"),
        ("response_type=token".to_owned(), "unsupported_response_type"),
        ("response_type=code".to_owned(), "invalid_request"),
        (
            "response_type=code&code_challenge=x&code_challenge_method=S256".to_owned(),
            "invalid_request",
        ),
        (CHALLENGE.replace("S256", "plain"), "invalid_request"),
        (
            CHALLENGE.replace("&code_challenge_method=S256", ""),
            "invalid_request",
        ),
        (format!("{CHALLENGE}&response_mode=fragment"), "invalid_request"),
        (
            format!("{CHALLENGE}&request_uri=https://evil.example/"),
            "request_not_supported",
        ),
        (
            format!("{CHALLENGE}&resource=http://evil.example/mcp"),
            "invalid_target",
        ),
        (
            format!("{CHALLENGE}&resource=http://127.0.0.1:8080/mcp&resource=http://127.0.0.1:8081/"),
            "invalid_target",
        ),
        (
            format!("{CHALLENGE}&scope=api://onedoor/everything"),
            "invalid_scope",
        ),
        (
            format!("{CHALLENGE}&scope=api://onedoor/.default&resource=http://127.0.0.1:8081/"),
            "invalid_scope",
        ),
        (format!("{CHALLENGE}&prompt=none"), "login_required"),
    ] {
        assert_eq!(judged(&query).unwrap_err().code(), code, "{query}");
    }
}

#[test]
fn an_answer_goes_only_where_the_client_registered() {
    let redirect = |query: &str| redirect(&Query::parse(query.as_bytes()).unwrap(), &client());
    let here = redirect("redirect_uri=http://127.0.0.1:5000/cb").unwrap();
    assert_eq!(here.as_str(), "http://127.0.0.1:5000/cb");
    assert_eq!(redirect("state=x"), Err(Untrusted::Missing("redirect_uri")));
    for elsewhere in [
        "https://evil.example/cb",
        "https://c.example/cb/../x",
        "https://c.example@evil.example/cb",
    ] {
        assert_eq!(
            redirect(&format!("redirect_uri={elsewhere}")),
            Err(Untrusted::Redirect),
            "{elsewhere}"
        );
    }
}

#[test]
fn a_request_has_an_end() {
    let long = format!("state={}", "a".repeat(LONGEST));
    assert!(matches!(Query::parse(long.as_bytes()), Err(Untrusted::TooLong)));
}

#[test]
fn parameters_come_once() {
    for twice in [
        "state=a&state=b",
        "redirect_uri=https://c.example/cb&redirect_uri=https://evil.example/",
    ] {
        assert!(
            matches!(Query::parse(twice.as_bytes()), Err(Untrusted::Repeated(_))),
            "{twice}"
        );
    }
}
