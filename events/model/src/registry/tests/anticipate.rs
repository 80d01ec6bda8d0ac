//! What is anticipated is what is folded.

use super::*;
use crate::{envelope::Envelope, ids::ServerId};

fn restrictive() -> Vec<Change> {
    vec![
        disable(1),
        Change::ToolDisabled(read_of(1)),
        Change::GrantRemoved(GrantChosen {
            id: GrantId(Uuid::from_u128(1)),
        }),
        block(1),
        Change::IssuerDistrusted(IssuerChosen { name: name("idp") }),
        // What the fold refuses.
        disable(9),
    ]
}

#[test]
fn a_state_anticipates_what_it_will_be() {
    for change in restrictive() {
        assert!(change.is_restrictive());
        let mut log = Log::with_finance();
        log.give("grant", 0, grant(1, 1, None));
        let (mut anticipated, digest) = (log.state.clone(), log.state.digest().unwrap());
        let verdict = log.give("restrict", 0, change);
        let event = log.events.last().unwrap();
        let actor = event.actor.as_ref().unwrap();
        anticipated.anticipate(actor, &event.data, event.time, event.reason.as_deref());
        assert_eq!(anticipated.revision().map(Offset::next), log.state.revision());
        let differs = anticipated.digest().unwrap() != digest;
        assert_eq!(differs, verdict == Verdict::Effective, "{:?}", event.data.change);
        // But for the event itself.
        anticipated.origin = log.state.origin;
        anticipated.commands = log.state.commands.clone();
        assert_eq!(anticipated.digest().unwrap(), log.state.digest().unwrap());
    }
}

/// Whether nothing is served that a restrictive change took away.
fn is_in_force(state: &State, change: &Change) -> bool {
    let lives = |id: ServerId| state.server(id).filter(|server| server.retired.is_none());
    match change {
        Change::ServerDisabled(chosen) => lives(chosen.server).is_none_or(|server| server.disabled.is_some()),
        Change::ToolDisabled(ToolChosen { server, tool }) => lives(*server).is_none_or(|server| {
            let mut versions = server.versions.values();
            server.disabled_tools.contains_key(tool)
                || versions.all(|version| !version.manifest.tools.contains_key(tool))
        }),
        Change::GrantRemoved(chosen) => state.grant(chosen.id).is_none(),
        Change::BlockAdded(block) => {
            let (BlockTarget::User { issuer, .. } | BlockTarget::Client { issuer, .. }) = &block.target;
            state.block(block.id).is_some() || state.issuer(issuer).is_none()
        }
        Change::IssuerDistrusted(chosen) => state.issuer(&chosen.name).is_none(),
        Change::LogCreated(_)
        | Change::ServerRegistered(_)
        | Change::ServerUpdated(_)
        | Change::VersionApproved(_)
        | Change::VersionPromoted(_)
        | Change::ServerEnabled(_)
        | Change::ServerRetired(_)
        | Change::ToolEnabled(_)
        | Change::GrantAdded(_)
        | Change::BlockRemoved(_)
        | Change::IssuerTrusted(_)
        | Change::SettingsChanged(_)
        | Change::LogRestored(_)
        | Change::RestoreAccepted(_)
        | Change::ReplicaJoined(_) => panic!("{change:?} is not held"),
    }
}

proptest! {
    /// A replica may know of the registry far less than whoever gave the command, and hold others beside it.
    #[test]
    fn what_is_held_is_in_force_on_whatever_state(script in any_script(), known in 1..40_usize) {
        let log = run(&script);
        let known = known.min(log.events.len());
        let (folded, later) = log.events.split_at(known);
        let mut state = State::default();
        for (offset, event) in folded.iter().enumerate() {
            state.apply(Offset(offset as u64), event).unwrap();
        }
        let held = later
            .iter()
            .filter(|event| event.data.change.is_restrictive() && state.command(&key_of(event)).is_none());
        let mut under = state.clone();
        for event in held.clone() {
            let actor = event.actor.as_ref().unwrap();
            under.anticipate(actor, &event.data, event.time, event.reason.as_deref());
        }
        for event in held {
            prop_assert!(is_in_force(&under, &event.data.change), "{:?}", event.data.change);
        }
    }
}

fn key_of(event: &Envelope<RegistryEvent>) -> CommandKey {
    CommandKey {
        actor: event.actor.as_ref().unwrap().key(),
        route: event.data.command.route.clone(),
        id: event.data.command.id.clone(),
    }
}
