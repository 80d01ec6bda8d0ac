//! A state survives its bytes.

use super::*;

/// Every kind of thing a state can hold, with every member set that it can have: what a newer version adds must show in its bytes.
fn full() -> State {
    let mut log = Log::with_finance();
    log.give("approve", log.version(1), approve(1, 1));
    log.give("promote", log.version(1), promote(1, 1));
    log.give("update", log.version(1), update(1, "finance", "api://y", "2"));
    log.give("grant", 0, grant(1, 1, Some("read")));
    log.give("disable", 0, disable(1));
    log.give("taken", 0, register(2, "finance"));
    log.give("late", 1, enable(1));
    log.give("hr", 0, register(3, "hr"));
    log.give("retire", log.version(3), retire(3));
    log.give("tool", 0, Change::ToolDisabled(read_of(1)));
    let block = Block {
        id: BlockId(Uuid::from_u128(1)),
        target: BlockTarget::Client {
            issuer: name("idp"),
            client: name("app"),
        },
        not_before: Some(Timestamp::UNIX_EPOCH),
    };
    log.give("block", 0, Change::BlockAdded(block));
    log.give("exchange", 0, exchanging_issuer());
    log.give("set", 0, Change::SettingsChanged(Box::new(every_setting())));
    let restored = LogRestored {
        log: LogId(Uuid::from_u128(1)),
        from: LogId(Uuid::nil()),
        restored: Ends {
            registry: Offset(9),
            audit: Offset(40),
        },
        known: Some(Ends {
            registry: Offset(10),
            audit: Offset(44),
        }),
    };
    log.give("restore", 0, Change::LogRestored(restored));
    log.state
}

fn exchanging_issuer() -> Change {
    let plane = |name: &str| {
        serde_json::json!({
            "audiences": [name], "clients": ["app"], "requiredScope": "call", "advertisedScopes": ["api://door/call"],
        })
    };
    let issuer = serde_json::json!({
        "name": "entra", "urls": ["https://login.example/{tenantid}/v2.0"], "tenants": ["t"],
        "jwksUri": "https://login.example/keys", "authorizationServer": "https://login.example",
        "algorithms": ["RS256"], "data": plane("data"), "admin": plane("admin"),
        "onBehalfOf": {
            "tokenEndpoint": "https://login.example/{tenantid}/token", "client": "door",
            "credential": { "certificate": { "certificate": "file:/c.pem", "key": "file:/k.pem" } },
        },
    });
    Change::IssuerTrusted(Box::new(serde_json::from_value(issuer).unwrap()))
}

fn every_setting() -> Settings {
    let limit = serde_json::json!({ "perMinute": 60, "burst": 5 });
    let tls = serde_json::json!({ "ca": "file:/ca.pem", "certificate": "file:/c.pem", "key": "file:/k.pem" });
    let settings = serde_json::json!({
        "allowedOrigins": ["https://app.example"], "internalNetworks": ["10.0.0.0/8"],
        "rateLimits": { "perUser": limit, "perClient": limit, "perServer": limit },
        "upstreamTls": { "finance": tls },
    });
    serde_json::from_value(settings).unwrap()
}

fn survived(state: &State) -> State {
    State::from_bytes(&state.to_bytes().unwrap()).unwrap()
}

#[test]
fn a_state_survives_its_bytes_and_can_be_gone_on_from() {
    for state in [State::default(), full()] {
        let again = survived(&state);
        assert_eq!(again.to_bytes().unwrap(), state.to_bytes().unwrap());
        assert_eq!(again.digest().unwrap(), state.digest().unwrap());
        assert_eq!((again.log(), again.revision()), (state.log(), state.revision()));
    }
    let version = |state: &State| {
        state
            .server(server(1))
            .unwrap()
            .latest()
            .unwrap()
            .manifest
            .clone()
    };
    assert_eq!(
        version(&survived(&full())),
        version(&full()),
        "manifests are read again"
    );
}

/// Where this is red, what a state holds has changed: raise `FORM`, so that nobody reads the bytes of the other version, and take the
/// bytes printed here.
#[test]
fn the_form_is_the_one_it_says() {
    let golden = include_str!("../../../tests/golden/state.txt");
    let bytes = String::from_utf8(full().to_bytes().unwrap()).unwrap();
    assert!(bytes == golden.trim_end(), "\n{bytes}");
}

#[test]
fn bytes_of_another_form_and_damaged_ones_are_not_read() {
    let bytes = String::from_utf8(full().to_bytes().unwrap()).unwrap();
    let other = bytes.replacen("\"form\":1", "\"form\":99", 1);
    assert!(matches!(
        State::from_bytes(other.as_bytes()),
        Err(UnreadableState::OtherForm { found: 99 })
    ));
    for damaged in [
        bytes[..bytes.len() / 2].to_owned(),
        bytes.replacen("ServerDisabled", "ServerEnchanted", 1),
        bytes.replacen("\"slugs\"", "\"snails\"", 1),
        bytes.replacen("streamable-http", "carrier-pigeon", 1),
        String::new(),
    ] {
        assert_ne!(damaged, bytes);
        assert!(matches!(
            State::from_bytes(damaged.as_bytes()),
            Err(UnreadableState::Damaged(_))
        ));
    }
}

proptest! {
    #[test]
    fn whoever_goes_on_from_bytes_agrees_with_whoever_folded_it_all(script in any_script(), cut in 0..40_usize) {
        let log = run(&script);
        let mut state = State::default();
        for (offset, event) in log.events.iter().enumerate() {
            if offset == cut {
                state = survived(&state);
            }
            state.apply(Offset(offset as u64), event).unwrap();
        }
        prop_assert_eq!(state.to_bytes().unwrap(), log.state.to_bytes().unwrap());
    }
}
