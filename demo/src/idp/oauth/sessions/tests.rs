use super::*;
use crate::idp::directory::{ADMIN_API, ANALYST, DATA_API};
use crate::idp::oauth::client::ClientMetadata;
use crate::idp::oauth::pkce::Challenge;

const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const APIS: [Api; 2] = [DATA_API, ADMIN_API];

/// Sessions with one code, handed out at second 0.
struct Scene {
    sessions: Sessions,
    code: String,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn doors() -> Doors {
    Doors {
        data: Some("http://127.0.0.1:8080".parse().unwrap()),
        admin: Some("http://127.0.0.1:8081".parse().unwrap()),
    }
}

fn asked() -> Asked {
    let metadata =
        br#"{"redirect_uris":["http://127.0.0.1:5/cb"],"grant_types":["authorization_code","refresh_token"]}"#;
    let client = ClientMetadata::parse(metadata)
        .unwrap()
        .register("c".to_owned())
        .unwrap();
    Asked {
        redirect: client.redirect("http://127.0.0.1:5/cb").unwrap(),
        client,
        state: None,
        challenge: Challenge::parse("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM").unwrap(),
        api: DATA_API,
    }
}

impl Scene {
    fn new() -> Self {
        let mut sessions = Sessions::new();
        let code = sessions.sign_in(asked(), &ANALYST, at(0));
        Self { sessions, code }
    }

    fn redeem(&mut self, change: impl FnOnce(&mut TokenForm), now: i64) -> Result<Issued, Refusal> {
        let mut form = TokenForm {
            client_id: Some("c".to_owned()),
            code: Some(self.code.clone()),
            redirect_uri: Some("http://127.0.0.1:5/cb".to_owned()),
            code_verifier: Some(VERIFIER.to_owned()),
            ..TokenForm::default()
        };
        change(&mut form);
        self.sessions.redeem(&form, &doors(), &APIS, at(now))
    }

    fn refresh(
        &mut self,
        token: &str,
        change: impl FnOnce(&mut TokenForm),
        now: i64,
    ) -> Result<Issued, Refusal> {
        let mut form = TokenForm {
            client_id: Some("c".to_owned()),
            refresh_token: Some(token.to_owned()),
            ..TokenForm::default()
        };
        change(&mut form);
        self.sessions.refresh(&form, &doors(), &APIS, at(now))
    }
}

fn token(issued: Issued) -> String {
    issued.refresh_token.unwrap().expose().to_owned()
}

#[test]
fn a_page_is_answered_once_and_in_time() {
    let mut sessions = Sessions::new();
    let id = sessions.ask(asked(), at(0));
    assert!(sessions.answered("another", at(1)).is_none());
    assert!(sessions.answered(&id, at(1)).is_some());
    assert!(sessions.answered(&id, at(1)).is_none());
    let late = sessions.ask(asked(), at(0));
    assert!(sessions.answered(&late, at(600)).is_none());
}

#[test]
fn a_code_gives_tokens_for_its_client_user_and_api() {
    let Issued { grant, .. } = Scene::new()
        .redeem(
            |form| form.resource = Some("http://127.0.0.1:8080/mcp".to_owned()),
            59,
        )
        .unwrap();
    assert_eq!((grant.client.id(), grant.api), ("c".to_owned(), DATA_API));
    assert_eq!(grant.subject, Subject::User(&ANALYST));
}

#[test]
fn a_code_is_good_for_nothing_else() {
    type Change = fn(&mut TokenForm);
    let cases: [(Change, Refusal); 9] = [
        (
            |form| form.client_id = Some("other".to_owned()),
            Refusal::InvalidCode,
        ),
        (
            |form| form.client_id = None,
            Refusal::MissingParameter("client_id"),
        ),
        (
            |form| form.client_secret = Some("s".to_owned()),
            Refusal::SecretFromPublicClient,
        ),
        (|form| form.code = Some("other".to_owned()), Refusal::InvalidCode),
        (
            |form| form.redirect_uri = Some("http://127.0.0.1:6/cb".to_owned()),
            Refusal::OtherRedirect,
        ),
        (
            |form| form.redirect_uri = None,
            Refusal::MissingParameter("redirect_uri"),
        ),
        (
            |form| form.code_verifier = Some(VERIFIER.replace('d', "e")),
            Refusal::WrongVerifier,
        ),
        (
            |form| form.code_verifier = None,
            Refusal::MissingParameter("code_verifier"),
        ),
        (
            |form| form.resource = Some("http://127.0.0.1:8081/".to_owned()),
            Refusal::OtherResource("http://127.0.0.1:8081/".to_owned()),
        ),
    ];
    let mut scene = Scene::new();
    for (change, refusal) in cases {
        assert_eq!(scene.redeem(change, 1).unwrap_err(), refusal);
    }
    assert!(scene.redeem(|_| {}, 1).is_ok(), "a refusal does not use it up");
    assert_eq!(
        Scene::new().redeem(|_| {}, 60).unwrap_err(),
        Refusal::InvalidCode,
        "late"
    );
}

#[test]
fn a_code_redeemed_twice_revokes_what_came_of_it() {
    let mut scene = Scene::new();
    let token = token(scene.redeem(|_| {}, 1).unwrap());
    assert_eq!(scene.redeem(|_| {}, 2).unwrap_err(), Refusal::RedeemedCode);
    assert_eq!(
        scene.refresh(&token, |_| {}, 3).unwrap_err(),
        Refusal::InvalidRefreshToken
    );
}

#[test]
fn refresh_tokens_rotate_and_reuse_ends_the_family() {
    let mut scene = Scene::new();
    let first = token(scene.redeem(|_| {}, 1).unwrap());
    let second = token(scene.refresh(&first, |_| {}, 2).unwrap());
    let third = token(scene.refresh(&second, |_| {}, 3).unwrap());
    assert_eq!(
        scene.refresh(&first, |_| {}, 4).unwrap_err(),
        Refusal::ReusedRefreshToken
    );
    assert_eq!(
        scene.refresh(&third, |_| {}, 5).unwrap_err(),
        Refusal::InvalidRefreshToken
    );
}

#[test]
fn a_refresh_token_is_good_for_its_client_and_api_for_a_day() {
    let mut scene = Scene::new();
    let token = token(scene.redeem(|_| {}, 1).unwrap());
    let day = 24 * 3600;
    for (refused, refusal) in [
        (
            scene.refresh(&token, |form| form.client_id = Some("other".to_owned()), 2),
            Refusal::InvalidRefreshToken,
        ),
        (
            scene.refresh(&token, |form| form.scope = Some(ADMIN_API.default_scope()), 2),
            Refusal::InvalidScope(ADMIN_API.default_scope()),
        ),
        (
            scene.refresh(
                &token,
                |form| form.resource = Some("http://evil.example/".to_owned()),
                2,
            ),
            Refusal::OtherResource("http://evil.example/".to_owned()),
        ),
        (scene.refresh("nonsense", |_| {}, 2), Refusal::InvalidRefreshToken),
        (
            scene.refresh(&token, |_| {}, day + 1),
            Refusal::InvalidRefreshToken,
        ),
    ] {
        assert_eq!(refused.unwrap_err(), refusal);
    }
    assert!(
        scene
            .refresh(&token, |form| form.scope = Some(DATA_API.default_scope()), day)
            .is_ok()
    );
}

#[test]
fn a_client_that_does_not_refresh_gets_no_refresh_token() {
    let mut scene = Scene::new();
    let mut plain = asked();
    plain.client.refreshes = false;
    scene.code = scene.sessions.sign_in(plain, &ANALYST, at(0));
    assert!(scene.redeem(|_| {}, 1).unwrap().refresh_token.is_none());
}
