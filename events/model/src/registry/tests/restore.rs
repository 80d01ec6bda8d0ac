//! A log that was restored.

use super::*;

fn log_id(n: u128) -> LogId {
    LogId(Uuid::from_u128(n))
}

fn restored(from: u128, to: u128) -> Change {
    Change::LogRestored(LogRestored {
        log: log_id(to),
        from: log_id(from),
        restored: Ends {
            registry: Offset(3),
            audit: Offset(10),
        },
        known: None,
    })
}

fn accepted(log: u128) -> Change {
    Change::RestoreAccepted(RestoreAccepted { log: log_id(log) })
}

fn missing(what: String) -> Verdict {
    Verdict::Refused(Conflict::Missing(what))
}

#[test]
fn it_is_another_log_and_waits_to_be_accepted() {
    let mut log = Log::with_finance();
    assert_eq!(log.state.log(), Some(log_id(0)));
    assert_eq!(log.give("restore", 0, restored(0, 1)), Verdict::Effective);
    assert_eq!(log.state.log(), Some(log_id(1)));
    let version = log.state.unaccepted_restore().unwrap().changed.version().0;

    assert_eq!(
        log.give("foreign", version, accepted(0)),
        missing(format!("unaccepted restore {}", log_id(0)))
    );
    assert_eq!(
        log.give("early", version - 1, accepted(1)),
        passed(version - 1, version)
    );
    assert_eq!(log.give("accept", version, accepted(1)), Verdict::Effective);
    assert!(log.state.unaccepted_restore().is_none());
    assert_eq!(log.state.log(), Some(log_id(1)));
    assert_eq!(
        log.give("again", version, accepted(1)),
        missing(format!("unaccepted restore {}", log_id(1)))
    );
}

#[test]
fn a_restore_of_another_log_changes_nothing() {
    let mut log = Log::with_finance();
    assert_eq!(
        log.give("restore", 0, restored(7, 1)),
        missing(format!("log {}", log_id(7)))
    );
    assert_eq!(log.state.log(), Some(log_id(0)));
    assert!(log.state.unaccepted_restore().is_none());
}

#[test]
fn a_log_may_be_restored_again_before_it_was_accepted() {
    let mut log = Log::with_finance();
    log.give("first", 0, restored(0, 1));
    assert_eq!(log.give("second", 0, restored(1, 2)), Verdict::Effective);
    let version = log.state.unaccepted_restore().unwrap().changed.version().0;
    assert_eq!(log.give("accept", version, accepted(2)), Verdict::Effective);
    assert!(log.state.unaccepted_restore().is_none());
}

/// Whatever was granted: see `decide`.
#[test]
fn nothing_is_served_until_it_is_accepted() {
    let mut log = Log::with_finance();
    let caller = caller();
    assert_eq!(Snapshot::of(&log.state).admit(&caller), Ok(()));
    log.give("restore", 0, restored(0, 1));
    let denied = Err(crate::decide::DenialReason::RestoreNotAccepted);
    assert_eq!(Snapshot::of(&log.state).admit(&caller), denied);
    let version = log.state.unaccepted_restore().unwrap().changed.version().0;
    log.give("accept", version, accepted(1));
    assert_eq!(Snapshot::of(&log.state).admit(&caller), Ok(()));
}

fn caller() -> Principal {
    Principal {
        issuer: name("idp"),
        tenant: name("t"),
        user: Some(name("u")),
        display_name: None,
        client: name("app"),
        groups: BTreeSet::new(),
        roles: BTreeSet::new(),
        scopes: BTreeSet::new(),
        token_id: "token".to_owned(),
        issued_at: Timestamp::UNIX_EPOCH,
        expires_at: Timestamp::MAX,
    }
}
