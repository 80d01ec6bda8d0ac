//! Refusals under a flood.

use onedoor_log::MemoryLog;
use onedoor_model::{
    audit::DeniedFor,
    decide::DenialReason,
    envelope::Envelope,
    ids::{CallId, Offset},
};
use uuid::Uuid;

use super::*;

const PER_MINUTE: u32 = 3;

fn denied(user: &str) -> (ActorKey, Draft<CallDenied>) {
    let caller = Caller {
        issuer: "idp".parse().unwrap(),
        tenant: "t".parse().unwrap(),
        user: Some(user.parse().unwrap()),
        user_name: None,
        client: "app".parse().unwrap(),
        token_id: "token".to_owned(),
    };
    let actor = onedoor_model::principal::Actor::Caller {
        issuer: caller.issuer.clone(),
        tenant: caller.tenant.clone(),
        user: caller.user.clone(),
        client: caller.client.clone(),
        display_name: None,
    };
    let draft = Boot::draft(CallDenied {
        call: CallId(Uuid::now_v7()),
        operation: "tools/call".to_owned(),
        server: Some("finance".to_owned()),
        tool: None,
        caller,
        reason: DeniedFor::Rule(DenialReason::ToolNotGranted),
        revision: Offset(1),
    });
    (actor.key(), draft)
}

/// What stands in the log after these refusals and a stop.
async fn recorded(refuse: impl FnOnce(&Denials)) -> Vec<DenialEvent> {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new(onedoor_log::Options::default()));
    let boot = Boot::new("test".parse().unwrap());
    let (denials, task) = Denials::new(Arc::clone(&log), &boot, Arc::new(Metrics::new()));
    refuse(&denials);
    let stop = CancellationToken::new();
    stop.cancel();
    task.run(stop).await;
    let records = log
        .read(Stream::Denials, PARTITION, Offset(0), usize::MAX)
        .await
        .unwrap();
    records
        .iter()
        .map(|record| Envelope::read(&record.bytes).unwrap().data)
        .collect()
}

#[tokio::test]
async fn a_callers_refusals_are_recorded_one_by_one_up_to_a_rate_and_then_counted() {
    let events = recorded(|denials| {
        for user in ["ada", "eve"] {
            for _ in 0..10 {
                let (key, draft) = denied(user);
                denials.denied(key, draft, PER_MINUTE);
            }
        }
    })
    .await;
    let one_by_one = events
        .iter()
        .filter(|event| matches!(event, DenialEvent::CallDenied(_)))
        .count();
    assert_eq!(one_by_one, 2 * 3);
    let counted: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            DenialEvent::DenialsCounted(counted) => Some((counted.caller.is_some(), counted.count)),
            DenialEvent::CallDenied(_) | DenialEvent::AuthenticationsFailed(_) => None,
        })
        .collect();
    assert_eq!(counted, [(true, 7), (true, 7)], "each caller's apart, none lost");
}

#[tokio::test]
async fn failed_authentication_is_counted_by_network_in_a_bounded_table() {
    let flood = u32::try_from(TABLE).unwrap() + 500;
    let events = recorded(|denials| {
        for n in 0..flood {
            // Each from a network of its own.
            let source = IpAddr::V4((0x0a00_0000 + n * 256).into());
            denials.unauthenticated(Some(source), "invalid_signature", Timestamp::now());
        }
        denials.unauthenticated(
            Some(IpAddr::V4([10, 0, 0, 77].into())),
            "invalid_signature",
            Timestamp::now(),
        );
    })
    .await;
    let counts: Vec<_> = events
        .iter()
        .map(|event| {
            let DenialEvent::AuthenticationsFailed(failed) = event else {
                panic!("{event:?}")
            };
            (failed.network.clone(), failed.count)
        })
        .collect();
    assert_eq!(counts.len(), TABLE + 1, "no more than the table and the rest");
    assert_eq!(
        counts.iter().map(|(_, count)| count).sum::<u64>(),
        u64::from(flood) + 1,
        "none lost"
    );
    assert!(
        counts.contains(&(Some("10.0.0.0/24".to_owned()), 2)),
        "a network's addresses count together"
    );
    assert!(counts.contains(&(None, 500)));
}

#[tokio::test]
async fn networks_are_24_and_48_bits_and_mapped_addresses_are_ipv4() {
    for (address, expected) in [
        ("192.0.2.77", "192.0.2.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:1:2::3", "2001:db8:1::/48"),
    ] {
        assert_eq!(network(address.parse().unwrap()), expected);
    }
}
