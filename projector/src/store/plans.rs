//! How queries of calls are answered: by an index, in both databases.

use std::num::NonZeroU32;

use jiff::Timestamp;
use onedoor_model::ids::{Offset, ServerId};
use sqlx::{AssertSqlSafe, Row as _};
use uuid::Uuid;

use super::*;
use crate::{
    ground::{self, Ground, connect},
    query::{CallCursor, CallOutcome},
    rows::{
        ask::{Ask as _, Question},
        select_calls::{Calls, Life, question},
    },
};

/// Queries, and the index that answers each.
fn table() -> Vec<(CallQuery, Option<Calls>, &'static [&'static str])> {
    let all = CallQuery::all(NonZeroU32::new(100).unwrap());
    let text = Some("x".to_owned());
    let since = Some(Timestamp::UNIX_EPOCH);
    let server = Calls {
        slug: "x".to_owned(),
        server: Some(Life {
            id: ServerId(Uuid::nil()),
            registered: Offset(1),
            retired: Some(Offset(2)),
        }),
    };
    let tool = CallQuery {
        tool: text.clone(),
        ..all.clone()
    };
    let client = CallQuery {
        client: text.clone(),
        ..all.clone()
    };
    let user = CallQuery {
        user: text,
        ..all.clone()
    };
    let open = CallQuery {
        outcome: Some(CallOutcome::Open),
        ..all.clone()
    };
    let since = |query: &CallQuery| CallQuery {
        since,
        ..query.clone()
    };
    vec![
        (since(&all), None, &["time"]),
        (since(&all), Some(server), &["slug"]),
        (since(&tool), None, &["tool"]),
        (since(&client), None, &["client"]),
        (since(&user), None, &["user_id", "user_name"]),
        (since(&open), None, &["open"]),
        (all, None, &["time"]),
        (tool, None, &["tool"]),
        (client, None, &["client"]),
        (user, None, &["user_id", "user_name"]),
        (open, None, &["open"]),
    ]
}

/// Each query, on its first page and on a later one.
fn questions() -> Vec<(Question, &'static [&'static str])> {
    let cursor = CallCursor {
        time: Timestamp::MAX.as_millisecond(),
        stream: "audit".to_owned(),
        partition: 0,
        offset: Offset(0),
    };
    let mut questions = Vec::new();
    for (query, calls, index) in table() {
        for cursor in [None, Some(cursor.write())] {
            let query = CallQuery {
                cursor,
                ..query.clone()
            };
            questions.push((question(&query, calls.as_ref()).unwrap(), index));
        }
    }
    questions
}

#[tokio::test]
async fn sqlite_answers_every_query_by_an_index() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("projection.db");
    let database = sqlite::Database::open(&place).await.unwrap();
    for (mut question, indexes) in questions() {
        question.sql.insert_str(0, "EXPLAIN QUERY PLAN ");
        let sql = question.sql.clone();
        let steps = database.ask(question).await.unwrap();
        let plan: Vec<String> = steps.iter().map(|step| step.get("detail")).collect();
        let plan = plan.join("; ");
        for index in indexes {
            let by = match *index {
                "time" => "calls_by_time".to_owned(),
                "open" => "calls_open".to_owned(),
                "user_id" => "calls_by_user (user_id=?".to_owned(),
                column => format!("calls_by_{column} ({column}=?"),
            };
            assert!(plan.contains(&by), "{sql}: {plan}");
        }
        assert!(!plan.contains("SCAN calls;"), "{sql}: {plan}");
    }
}

/// With 100,000 calls on a day and three other days, of nobody who is asked for.
#[tokio::test]
async fn postgres_answers_every_query_by_an_index() {
    const DAY: i64 = 24 * 60 * 60 * 1_000;
    let ground = Ground::new(ground::Engine::Postgres);
    let Place::Postgres(options) = &ground.place else {
        unreachable!();
    };
    let store = Store::open(options.clone()).await.unwrap();
    store.migrate().await.unwrap();
    store.keep_house().await.unwrap();
    let today = Timestamp::now().as_millisecond() / DAY * DAY;
    let fill = format!(
        "INSERT INTO calls
        SELECT 'call-' || i, 'audit', i % 6, i, {today} + CASE WHEN i < 100000 THEN i * 864 ELSE {DAY} * (i % 2 + 1) END, 'r', 'b',
            NULL, 'tools/call', 's', 'server-' || i % 20, 1, 'production', 'tool-' || i % 100, 'd', 'entra', 't', 'u-' || i % 200,
            'name-' || i % 200, 'client-' || i % 5, 't', 's', 'a', 'obo', '[]', 1, 1,
            CASE WHEN i % 1000 > 0 THEN 'succeeded' END, NULL, 1, 1, 1, 1
        FROM generate_series(0, 120000) AS i"
    );
    let mut connection = connect(options).await;
    for sql in [fill.as_str(), "ANALYZE calls"] {
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .execute(&mut connection)
            .await
            .unwrap();
    }
    let Engine::Postgres(database) = &store.engine else {
        unreachable!();
    };
    for (mut question, indexes) in questions() {
        question
            .sql
            .insert_str(0, "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) ");
        let sql = question.sql.clone();
        let steps = database.ask(question).await.unwrap();
        let plan: Vec<String> = steps.iter().map(|step| step.get(0)).collect();
        let plan = plan.join("\n");
        for index in indexes {
            let by = match *index {
                "time" => "time_stream_partition_log_offset_idx".to_owned(),
                "open" => "log_offset_boot_id_idx".to_owned(),
                column => format!("{column}_time_idx"),
            };
            assert!(plan.contains(&by), "{sql}:\n{plan}");
        }
        for whole in ["Seq Scan", "Rows Removed by Filter"] {
            assert!(!plan.contains(whole), "{sql}:\n{plan}");
        }
    }
}
