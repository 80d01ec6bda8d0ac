//! Who called what.

use jiff::{Span, Timestamp};
use onedoor_log::Stream;
use onedoor_model::{
    audit::{AuditEvent, CancelCause, DispatchedLate, LateCause, Outcome, UpstreamFault},
    ids::{CallId, GrantId, Offset, ServerId, UserId},
    registry::{Change, ServerChosen},
};
use onedoor_projector::{CallOutcome, CallQuery, CallRow, HistoryQuery, Page, QueryError, ServerSelector};
use uuid::Uuid;

use crate::{
    scene::{Scene, all, limit, of},
    support::{Engine, P0, called},
};

on_both! {
    a_row_says_who_called_what_and_how_it_ended,
    a_call_that_left_late_says_so,
    a_user_whose_name_is_an_id_is_found_once,
    every_filter_finds_its_calls_and_no_others,
    a_range_holds_its_beginning_and_not_its_end,
    pages_follow_each_other,
    a_cursor_of_another_list_is_refused,
    a_slug_may_have_meant_several_servers,
}

async fn a_row_says_who_called_what_and_how_it_ended(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let server = ServerId(Uuid::now_v7());
    let call = scene.writer.call(server, "finance", "pay", "ada").await;
    let open = scene.calls(all()).await.remove(0);
    assert_eq!(
        (open.outcome, open.ended, open.duration_ms),
        (CallOutcome::Open, None, None)
    );

    let fault = Outcome::UpstreamError(UpstreamFault::Status);
    let ended = scene.writer.complete(call, fault).await;
    let times = scene.log.read(Stream::Audit, P0, Offset(0), 2).await.unwrap();
    let row = scene.calls(all()).await.remove(0);
    assert_eq!(
        row,
        CallRow {
            time: times[0].time,
            call,
            outcome: CallOutcome::UpstreamError,
            cause: Some("status".to_owned()),
            late: None,
            operation: "tools/call".to_owned(),
            server: Some("finance".to_owned()),
            server_id: Some(server),
            version: Some(1),
            stage: Some("production".to_owned()),
            tool: Some("pay".to_owned()),
            issuer: "dev".to_owned(),
            tenant: "t1".to_owned(),
            user: Some("u-ada".to_owned()),
            user_name: Some("ada".to_owned()),
            client: "claude".to_owned(),
            token_id: "token-1".to_owned(),
            trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736".to_owned()),
            required_scope: Some("finance.read".to_owned()),
            audience: Some("https://finance.example.com".to_owned()),
            grants: vec![GrantId(Uuid::from_u128(1)), GrantId(Uuid::from_u128(2))],
            revision: Offset(3),
            ended: Some(times[usize::try_from(ended.0).unwrap()].time),
            duration_ms: Some(12.345),
            upstream_ms: Some(11.0),
            arguments_size: Some(12),
            answer_size: Some(99),
        }
    );
    let json = serde_json::to_value(&row).unwrap();
    assert_eq!(json["time"], format!("{:.3}", row.time));
    assert_eq!(json["userName"], "ada");
    assert_eq!(serde_json::from_value::<CallRow>(json).unwrap(), row);
}

async fn a_call_that_left_late_says_so(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let server = ServerId(Uuid::now_v7());
    let call = scene.writer.call(server, "finance", "pay", "ada").await;
    scene.calls(all()).await;
    let other = scene.writer.call(server, "finance", "pay", "ada").await;
    for pause_us in [1_500_000, 2_000_000] {
        let late = DispatchedLate {
            call,
            cause: LateCause::Stale,
            pause_us,
        };
        scene.writer.audit(AuditEvent::DispatchedLate(late)).await;
    }
    scene
        .writer
        .complete(call, Outcome::Cancelled(CancelCause::Revoked))
        .await;
    let rows = scene.calls(all()).await;
    let late: Vec<_> = rows.iter().map(|row| (row.call, row.late.as_deref())).collect();
    assert_eq!(late, [(other, None), (call, Some("stale"))]);
    assert_eq!(rows[1].outcome, CallOutcome::Cancelled);
}

async fn a_user_whose_name_is_an_id_is_found_once(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let server = ServerId(Uuid::now_v7());
    let mut made = Vec::new();
    for (id, user_name) in [("ada", "ada"), ("bob", "ada"), ("ada", "bob"), ("bob", "bob")] {
        let call = CallId(Uuid::now_v7());
        let mut event = called(call, server, "finance", "pay", user_name);
        if let AuditEvent::ToolCalled(call) = &mut event {
            call.caller.user = Some(UserId::new(id).unwrap());
        }
        scene.writer.audit(event).await;
        made.insert(0, call);
    }
    let user = CallQuery {
        user: Some("ada".to_owned()),
        ..all()
    };
    assert_eq!(scene.found(user.clone()).await, made[1..]);
    let page = CallQuery {
        limit: limit(2),
        ..user
    };
    assert_eq!(scene.found(page).await, made[1..3]);
}

async fn every_filter_finds_its_calls_and_no_others(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let [finance, hr] = [ServerId(Uuid::now_v7()), ServerId(Uuid::now_v7())];
    let writer = &mut scene.writer;
    let pay = writer.call(finance, "finance", "pay", "ada").await;
    let balance = writer.call(finance, "finance", "get_balance", "bob").await;
    let leave = writer.call(hr, "hr", "leave", "ada").await;
    let refused = writer.deny("hr", "pay", "eve", 0).await;
    writer.complete(pay, Outcome::Succeeded).await;
    writer.complete(leave, Outcome::TimedOut).await;

    let tool = |tool: &str| CallQuery {
        tool: Some(tool.to_owned()),
        ..all()
    };
    let user = |user: &str| CallQuery {
        user: Some(user.to_owned()),
        ..all()
    };
    let client = |client: &str| CallQuery {
        client: Some(client.to_owned()),
        ..all()
    };
    let outcome = |outcome| CallQuery {
        outcome: Some(outcome),
        ..all()
    };
    let table = [
        (all(), vec![refused, leave, balance, pay]),
        (of("finance"), vec![balance, pay]),
        (of("hr"), vec![refused, leave]),
        (of("nobody"), vec![]),
        (tool("pay"), vec![refused, pay]),
        (tool("PAY"), vec![]),
        (user("ada"), vec![leave, pay]),
        (user("u-ada"), vec![leave, pay]),
        (user("u-a"), vec![]),
        (client("claude"), vec![refused, leave, balance, pay]),
        (client("cursor"), vec![]),
        (outcome(CallOutcome::Open), vec![balance]),
        (outcome(CallOutcome::Succeeded), vec![pay]),
        (outcome(CallOutcome::TimedOut), vec![leave]),
        (outcome(CallOutcome::Denied), vec![refused]),
        (outcome(CallOutcome::Unknown), vec![]),
        (
            CallQuery {
                tool: Some("pay".to_owned()),
                ..of("finance")
            },
            vec![pay],
        ),
    ];
    for (query, expected) in table {
        let mut found = scene.found(query.clone()).await;
        // Calls and refusals come in two streams; within a millisecond their order is not that of the writer.
        found.sort();
        assert_eq!(found, expected.into_iter().rev().collect::<Vec<_>>(), "{query:?}");
    }
    let denied = scene.calls(outcome(CallOutcome::Denied)).await.remove(0);
    assert_eq!(denied.cause.as_deref(), Some("tool_not_granted"));
    assert_eq!((denied.server.as_deref(), denied.server_id), (Some("hr"), None));
}

async fn a_range_holds_its_beginning_and_not_its_end(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let call = scene
        .writer
        .call(ServerId(Uuid::now_v7()), "finance", "pay", "ada")
        .await;
    let time = scene.calls(all()).await[0].time;
    let range = |since: Option<Timestamp>, until: Option<Timestamp>| CallQuery {
        since,
        until,
        ..all()
    };
    let nanosecond = Span::new().nanoseconds(1);
    assert_eq!(scene.found(range(Some(time), None)).await, [call]);
    assert_eq!(scene.found(range(Some(time + nanosecond), None)).await, []);
    assert_eq!(scene.found(range(None, Some(time))).await, []);
    assert_eq!(scene.found(range(None, Some(time + nanosecond))).await, [call]);
    assert_eq!(
        scene
            .found(range(Some(time - nanosecond), Some(time + nanosecond)))
            .await,
        [call]
    );
}

/// Pages of every size give every call once, the newest first, whatever is appended meanwhile.
async fn pages_follow_each_other(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let server = ServerId(Uuid::now_v7());
    let mut calls = Vec::new();
    for round in 0..7 {
        calls.push(scene.writer.call(server, "finance", "pay", "ada").await);
        if round % 3 == 0 {
            calls.push(scene.writer.deny("finance", "pay", "ada", 1).await);
        }
    }
    for query in [
        all(),
        of("finance"),
        CallQuery {
            user: Some("ada".to_owned()),
            ..all()
        },
    ] {
        for size in 1..=11 {
            let expected = scene.found(query.clone()).await;
            let mut seen = Vec::new();
            let mut query = CallQuery {
                limit: limit(size),
                ..query.clone()
            };
            loop {
                let Page { items, next_cursor } = scene.store().await.calls(&query).await.unwrap();
                assert!(
                    items.len() <= size as usize && items.is_sorted_by_key(|row| std::cmp::Reverse(row.time))
                );
                seen.extend(items.into_iter().map(|row| row.call));
                if query.cursor.is_none() {
                    scene.writer.call(server, "finance", "pay", "ada").await;
                }
                let Some(cursor) = next_cursor else { break };
                query.cursor = Some(cursor);
            }
            assert_eq!(seen, expected, "{query:?}");
        }
    }
}

async fn a_cursor_of_another_list_is_refused(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let (server, _) = scene.writer.register("finance").await;
    scene
        .writer
        .change(Change::ServerDisabled(ServerChosen { server }), None)
        .await;
    let store = scene.store().await;
    let history = HistoryQuery {
        server: ServerSelector::Id(server),
        limit: limit(1),
        cursor: None,
    };
    let cursor = store.history(&history).await.unwrap().next_cursor;
    assert!(cursor.is_some());
    for cursor in [cursor, Some("nonsense".to_owned()), Some(String::new())] {
        let error = store
            .calls(&CallQuery {
                cursor: cursor.clone(),
                ..all()
            })
            .await
            .unwrap_err();
        assert!(matches!(error, QueryError::BadCursor), "{cursor:?}");
    }
    let error = store
        .history(&HistoryQuery {
            cursor: Some("!".to_owned()),
            ..history
        })
        .await
        .unwrap_err();
    assert!(matches!(error, QueryError::BadCursor));
}

/// A slug finds what went by it at the time. An id finds one server only, its refusals too, though they name it by slug.
async fn a_slug_may_have_meant_several_servers(engine: Engine) {
    let mut scene = Scene::new(engine).await;
    let writer = &mut scene.writer;
    let before = writer.deny("finance", "pay", "eve", 0).await;
    let (first, registered) = writer.register("finance").await;
    let to_first = writer.call(first, "finance", "pay", "ada").await;
    let refused_first = writer.deny("finance", "pay", "eve", registered.0).await;
    let retired = writer
        .change(
            Change::ServerRetired(ServerChosen { server: first }),
            Some(registered.0),
        )
        .await;
    let between = writer.deny("finance", "pay", "eve", retired.0).await;
    let (second, registered) = writer.register("finance").await;
    let to_second = writer.call(second, "finance", "pay", "ada").await;
    let refused_second = writer.deny("finance", "pay", "eve", registered.0 + 1).await;

    let sorted = async |query| {
        let mut found = scene.found(query).await;
        found.sort();
        found
    };
    let every = [
        before,
        to_first,
        refused_first,
        between,
        to_second,
        refused_second,
    ];
    assert_eq!(sorted(of("finance")).await, every);
    assert_eq!(sorted(of(&first.to_string())).await, [to_first, refused_first]);
    assert_eq!(sorted(of(&second.to_string())).await, [to_second, refused_second]);
    assert_eq!(sorted(of(&ServerId(Uuid::now_v7()).to_string())).await, []);
}
