//! What a client carries opens for its holder, in its session and as what it is, and not otherwise.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use onedoor_model::{
    ids::{CallId, UserId},
    principal::Principal,
};
use onedoor_wire::{
    request::RequestId,
    session::{Declared, MAX_SESSION_ID, SessionId, SessionVersion},
    sse::EventId,
};
use proptest::prelude::*;
use serde_json::json;
use uuid::Uuid;

use crate::seal::Seal;

use super::{
    sealed::{Answers, Asking, Place},
    state::{Opening, Session, Target},
};

const BEGIN: Timestamp = Timestamp::UNIX_EPOCH;

fn seal() -> Seal {
    Seal::new(&[7; 32]).unwrap()
}

fn principal(user: Option<&str>, client: &str) -> Principal {
    Principal {
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        user: user.map(|user| UserId::new(user).unwrap()),
        display_name: None,
        client: client.parse().unwrap(),
        groups: BTreeSet::new(),
        roles: BTreeSet::new(),
        scopes: BTreeSet::new(),
        token_id: "token".to_owned(),
        issued_at: BEGIN,
        expires_at: BEGIN,
    }
}

fn ada() -> Principal {
    principal(Some("ada"), "app")
}

fn target(upstream: &str) -> Target {
    let target = json!({
        "s": Uuid::from_u128(7), "w": "edge", "n": 1, "g": "production", "r": "2025-11-25", "u": upstream,
    });
    serde_json::from_value(target).unwrap()
}

fn opening(server: Option<Target>) -> Opening {
    Opening {
        server,
        version: SessionVersion::LATEST,
        declared: Declared {
            sampling: true,
            ..Declared::default()
        },
        logging: true,
        now: BEGIN,
    }
}

/// A session of Ada's: with one server, or with all of hers.
fn session(seal: &Seal, server: Option<Target>) -> Session {
    let id = opening(server).seal(seal, &ada()).unwrap();
    Session::open(seal, &ada(), &id, BEGIN).unwrap()
}

#[test]
fn a_session_is_what_it_was_opened_with() {
    let seal = seal();
    let session = session(&seal, Some(target("theirs")));
    assert_eq!(session.version(), Some(SessionVersion::LATEST));
    assert!(session.has_logging() && session.declared().sampling && !session.declared().elicitation);
    assert_eq!(session.target, Some(target("theirs")));
    assert!(!session.id.expose().contains("theirs"));
}

#[test]
fn a_session_is_its_holders_for_a_day() {
    let seal = seal();
    let id = opening(None).seal(&seal, &ada()).unwrap();
    let opens = |principal: &Principal, now| Session::open(&seal, principal, &id, now).is_some();
    let day = BEGIN + SignedDuration::from_hours(24);
    assert!(opens(&ada(), BEGIN) && opens(&ada(), day));
    assert!(!opens(&ada(), day + SignedDuration::from_nanos(1)));
    let mut elsewhere = ada();
    elsewhere.tenant = "t2".parse().unwrap();
    let mut of_another_issuer = ada();
    of_another_issuer.issuer = "idp2".parse().unwrap();
    for stranger in [
        principal(Some("eve"), "app"),
        principal(Some("ada"), "another"),
        principal(None, "app"),
        principal(None, "ada"),
        elsewhere,
        of_another_issuer,
    ] {
        assert!(!opens(&stranger, BEGIN), "{stranger:?}");
    }
}

#[test]
fn the_longest_id_of_a_server_fits_in_ours() {
    let seal = seal();
    let longest = session(&seal, Some(target(&"x".repeat(1 << 10))));
    assert!(longest.id.expose().len() <= MAX_SESSION_ID / 2);
}

#[test]
fn what_a_server_asks_leads_back_to_it_from_its_session_alone() {
    let seal = seal();
    let one = session(&seal, Some(target("theirs")));
    let all = session(&seal, None);
    let towards = all.towards(target("theirs"));
    for asked in [&one, &towards] {
        let asking = Asking {
            id: "7".to_owned(),
            target: asked.target_to_seal(),
        };
        let id = asking.seal(&seal, asked).unwrap();
        // The same text each time: the server may give the request up, by its id.
        assert_eq!(asking.seal(&seal, asked).unwrap(), id);
        let opened = Asking::open(&seal, asked, RequestId::parse(&id).unwrap()).unwrap();
        assert_eq!(opened, asking);
        assert_eq!(asked.back_to(opened.target).unwrap().target, asked.target);
        // Nor is it good as an event's id, or in another session of the same client.
        let text = EventId::parse(id.trim_matches('"').as_bytes()).unwrap();
        assert_eq!(Place::open(&seal, asked, &text), None);
        let another = session(&seal, asked.target_to_seal());
        assert_eq!(
            Asking::open(&seal, &another, RequestId::parse(&id).unwrap()),
            None
        );
    }
    for other in ["7", "\"7\"", "\"\"", "-1"] {
        assert_eq!(Asking::open(&seal, &one, RequestId::parse(other).unwrap()), None);
    }
    // A session with one server leads to no other.
    assert!(one.back_to(Some(target("another"))).is_none());
    assert!(all.back_to(None).is_none());
}

#[test]
fn an_event_that_would_be_too_long_has_no_id() {
    let seal = seal();
    let session = session(&seal, None);
    let place = |length| Place {
        event: "x".repeat(length),
        target: None,
        answers: None,
    };
    assert!(place(2_000).seal(&seal, &session).is_some());
    assert!(place(4_000).seal(&seal, &session).is_none());
}

proptest! {
    #[test]
    fn a_place_is_the_same_when_it_is_opened(
        event in "[!-~]{1,100}",
        tool in "[a-z_]{1,20}",
        id in prop_oneof![any::<i64>().prop_map(|id| id.to_string()), "\"[a-z]{0,20}\""],
        is_answer in any::<bool>(),
        server in any::<bool>(),
    ) {
        let seal = seal();
        let session = session(&seal, None);
        let answers = Answers {
            call: CallId(Uuid::from_u128(9)),
            tool: tool.parse().unwrap(),
            progress_token: Some(id.clone()),
            id,
        };
        let place = Place {
            event,
            target: server.then(|| target("theirs")),
            answers: is_answer.then_some(answers),
        };
        let sealed = place.seal(&seal, &session).unwrap();
        prop_assert_eq!(Place::open(&seal, &session, &sealed), Some(place));
    }

    #[test]
    fn a_session_id_that_was_changed_is_none(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
        let seal = seal();
        let id = session(&seal, Some(target("theirs"))).id;
        let mut text = id.expose().to_owned();
        let at = at.index(text.len());
        prop_assume!(text[at..=at] != to);
        text.replace_range(at..=at, &to);
        let changed = SessionId::parse(&text).unwrap();
        prop_assert!(Session::open(&seal, &ada(), &changed, BEGIN).is_none());
    }
}
