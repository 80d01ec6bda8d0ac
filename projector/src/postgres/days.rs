//! The days of the audit: a table each, made before it is needed and dropped when it is kept no longer.

use std::{collections::BTreeSet, num::NonZeroU32};

use jiff::Timestamp;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tracing::info;

/// The tables that are kept by day.
const TABLES: [&str; 3] = ["calls", "denial_counts", "failed_authentications"];

/// A day in milliseconds.
pub(super) const DAY: i64 = 24 * 60 * 60 * 1_000;
/// How many days are made ahead, so that no call has to wait for its day's tables.
const AHEAD: i64 = 2;
/// Rows deleted in one go.
const CHUNK: i64 = 10_000;
/// How long a day that is to be dropped may wait for those who read: whoever comes after it waits with it.
const DROP_LOCK: &str = "SET LOCAL lock_timeout = '200ms'";

/// A day in UTC, by the millisecond at which it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Day(i64);

impl Day {
    /// The day of a time.
    pub(super) fn of(time: i64) -> Self {
        Self(time.div_euclid(DAY) * DAY)
    }

    fn end(self) -> i64 {
        self.0 + DAY
    }

    /// The day after it.
    pub(super) fn next(self) -> Self {
        Self(self.end())
    }

    /// What a table is called that holds this day of `table`.
    pub(super) fn table(self, table: &str) -> String {
        format!("{table}_{}", self.name())
    }

    /// How the tables of this day end, such as "20261124".
    fn name(self) -> String {
        match Timestamp::from_millisecond(self.0) {
            Ok(begin) if self.0 >= 0 => begin.strftime("%Y%m%d").to_string(),
            // No time that a log should give, and so no reason to stop.
            Ok(_) | Err(_) => format!("at_{}", self.0.to_string().replace('-', "minus_")),
        }
    }
}

/// The days of these times.
pub(super) fn of(times: impl Iterator<Item = i64>) -> BTreeSet<Day> {
    times.map(Day::of).collect()
}

/// Makes the tables of days that have none, within a transaction.
pub(super) async fn make(connection: &mut PgConnection, days: &BTreeSet<Day>) -> Result<(), sqlx::Error> {
    for day in days {
        if !is_made(connection, *day).await? {
            // One at a time: two would make tables of the same name.
            sqlx::query(
                "SELECT pg_advisory_xact_lock(hashtextextended('onedoor days ' || current_schema(), 0))",
            )
            .execute(&mut *connection)
            .await?;
            if !is_made(connection, *day).await? {
                make_day(connection, *day).await?;
            }
        }
    }
    Ok(())
}

/// Asks the catalogue itself: what names mean may be known from before the lock.
async fn is_made(connection: &mut PgConnection, day: Day) -> Result<bool, sqlx::Error> {
    const SQL: &str = "SELECT EXISTS (SELECT FROM pg_class
        WHERE relname = $1 AND relnamespace = to_regnamespace(current_schema()::text))";
    sqlx::query_scalar(SQL)
        .bind(day.table("calls"))
        .fetch_one(connection)
        .await
}

/// Attached, not made as a part: that would wait for everybody who reads the whole, and make all others wait behind it.
async fn make_day(connection: &mut PgConnection, day: Day) -> Result<(), sqlx::Error> {
    for table in TABLES {
        let of_day = day.table(table);
        for sql in [
            format!("CREATE TABLE {of_day} (LIKE {table} INCLUDING ALL)"),
            format!(
                "ALTER TABLE {table} ATTACH PARTITION {of_day} FOR VALUES FROM ({}) TO ({})",
                day.0,
                day.end()
            ),
        ] {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection).await?;
        }
    }
    Ok(())
}

/// Makes the days to come, and drops those that are kept no longer.
pub(super) async fn keep_house(
    connection: &mut PgConnection,
    keep_days: Option<NonZeroU32>,
) -> Result<(), sqlx::Error> {
    let today = Day::of(Timestamp::now().as_millisecond());
    let mut transaction = begin(connection).await?;
    make(
        &mut transaction,
        &of((0..=AHEAD).map(|ahead| today.0 + ahead * DAY)),
    )
    .await?;
    transaction.commit().await?;
    let Some(keep) = keep_days else { return Ok(()) };
    let kept_from = Day(today.0 - i64::from(keep.get()) * DAY);
    let old = made(connection).await?.into_iter().filter(|day| *day < kept_from);
    match old.max() {
        Some(last) => drop_before(connection, last.next()).await,
        None => Ok(()),
    }
}

/// A transaction beside which nobody writes and no schemas are swapped: names mean one schema throughout, and nobody has found a key of
/// a call whose table goes.
async fn begin(connection: &mut PgConnection) -> Result<sqlx::Transaction<'_, sqlx::Postgres>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    sqlx::query("LOCK TABLE offsets IN SHARE ROW EXCLUSIVE MODE")
        .execute(&mut *transaction)
        .await?;
    Ok(transaction)
}

/// Drops all days before `first`, the oldest first, and notes it.
pub(super) async fn drop_before(connection: &mut PgConnection, first: Day) -> Result<(), sqlx::Error> {
    // The keys first, in small steps: while the tables go, nobody can read the audit.
    for sql in [
        "DELETE FROM audit_keys WHERE ctid = ANY (ARRAY(SELECT ctid FROM audit_keys WHERE time < $1 LIMIT $2))",
        "DELETE FROM early_outcomes WHERE ctid = ANY (ARRAY(SELECT ctid FROM early_outcomes WHERE ended < $1 LIMIT $2))",
    ] {
        loop {
            let delete = sqlx::query(sql).bind(first.0).bind(CHUNK);
            if delete.execute(&mut *connection).await?.rows_affected() == 0 {
                break;
            }
        }
    }
    for day in made(connection).await?.into_iter().filter(|day| *day < first) {
        drop_day(connection, day).await?;
    }
    Ok(())
}

/// Every day that has tables, the oldest first.
async fn made(connection: &mut PgConnection) -> Result<BTreeSet<Day>, sqlx::Error> {
    const SQL: &str = "SELECT pg_get_expr(part.relpartbound, part.oid) FROM pg_inherits
        JOIN pg_class AS part ON part.oid = inhrelid WHERE inhparent = 'calls'::regclass";
    let bounds: Vec<String> = sqlx::query_scalar(SQL).fetch_all(connection).await?;
    Ok(bounds.iter().filter_map(|bounds| begin_of(bounds)).collect())
}

/// Where the day begins whose table has these bounds: "FOR VALUES FROM ('1') TO ('2')".
fn begin_of(bounds: &str) -> Option<Day> {
    bounds.split('\'').nth(1)?.parse().ok().map(Day)
}

async fn drop_day(connection: &mut PgConnection, day: Day) -> Result<(), sqlx::Error> {
    let calls: i64 = sqlx::query_scalar("SELECT count(*) FROM calls WHERE time >= $1 AND time < $2")
        .bind(day.0)
        .bind(day.end())
        .fetch_one(&mut *connection)
        .await?;
    let mut transaction = begin(connection).await?;
    sqlx::query(DROP_LOCK).execute(&mut *transaction).await?;
    for table in TABLES {
        let sql = format!("DROP TABLE IF EXISTS {}", day.table(table));
        sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
    }
    const NOTE: &str = "INSERT INTO dropped_days (day, dropped, calls) VALUES ($1, $2, $3)
        ON CONFLICT (day) DO UPDATE SET dropped = excluded.dropped, calls = dropped_days.calls + excluded.calls";
    sqlx::query(NOTE)
        .bind(day.0)
        .bind(Timestamp::now().as_millisecond())
        .bind(calls)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await?;
    info!(
        day = day.name(),
        calls, "a day of the audit index was dropped: it is kept no longer"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let time = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let day = Day::of(time("2026-11-24T23:59:59.999Z"));
        assert_eq!(day, Day(time("2026-11-24T00:00:00Z")));
        assert_eq!(day.end(), time("2026-11-25T00:00:00Z"));
        assert_eq!(day.name(), "20261124");
        assert_eq!(Day::of(-1), Day(-DAY));
        assert_eq!(Day(-DAY).name(), "at_minus_86400000");
        assert_eq!(Day::of(0).name(), "19700101");
        assert_eq!(Day::of(Timestamp::MAX.as_millisecond()).name(), "99991230");
    }

    #[test]
    fn bounds_are_read_as_the_database_writes_them() {
        assert_eq!(
            begin_of("FOR VALUES FROM ('86400000') TO ('172800000')"),
            Some(Day(DAY))
        );
        assert_eq!(
            begin_of("FOR VALUES FROM ('-86400000') TO ('0')"),
            Some(Day(-DAY))
        );
        assert_eq!(begin_of("DEFAULT"), None);
    }
}
