//! What is anticipated is what is folded.

use super::*;

fn restrictive() -> Vec<Change> {
    let block = Block {
        id: BlockId(Uuid::from_u128(1)),
        target: BlockTarget::Client {
            issuer: name("idp"),
            client: name("app"),
        },
        not_before: None,
    };
    vec![
        disable(1),
        Change::ToolDisabled(ToolChosen {
            server: server(1),
            tool: name("read"),
        }),
        Change::GrantRemoved(GrantChosen {
            id: GrantId(Uuid::from_u128(1)),
        }),
        Change::BlockAdded(block),
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
