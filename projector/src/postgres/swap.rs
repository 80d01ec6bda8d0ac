//! Putting a projection that was built aside in the place of the live one.

use std::ops::Range;

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection};

use super::{
    Database, connect,
    days::{self, DAY, Day},
    digest,
};
use crate::{
    error::StoreError,
    rows::{ask::Speak as _, column, digest::TableDigest, offsets},
};

/// How the schema is called in which a projection is built anew: as the live one, with this behind it.
pub(crate) const SHADOW: &str = "_rebuild";
/// And that of the one which was replaced, until it is dropped.
pub(crate) const REPLACED: &str = "_replaced";

/// The one rebuild of a schema that is under way: its connection to the live projection.
#[derive(Debug)]
pub(crate) struct Swap {
    connection: PgConnection,
    live: String,
    /// Whether the live projection stands still.
    halted: bool,
}

impl Database {
    /// Begins a rebuild, unless another one is under way.
    pub(crate) async fn begin_swap(&self) -> Result<Option<Swap>, StoreError> {
        let mut connection = connect::alone(&self.options).await?;
        let begun: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock(hashtextextended($1, 0))")
            .bind(format!("onedoor rebuild {}", self.schema))
            .fetch_one(&mut connection)
            .await?;
        Ok(begun.then(|| Swap {
            connection,
            live: self.schema.clone(),
            halted: false,
        }))
    }

    /// Drops the same days that were dropped in the schema `of`.
    pub(crate) async fn drop_days_of(&self, of: &str) -> Result<(), StoreError> {
        let mut connection = connect::alone(&self.options).await?;
        let sql = format!("SELECT max(day) FROM {of}.dropped_days");
        let last: Option<i64> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut connection)
            .await?;
        if let Some(last) = last {
            days::drop_before(&mut connection, Day::of(last).next()).await?;
        }
        Ok(())
    }

    /// Takes over these rows of `denials` from the schema `of`: the log has them no longer.
    pub(crate) async fn take_over(
        &self,
        of: &str,
        partition: Partition,
        range: Range<Offset>,
    ) -> Result<(), StoreError> {
        let mut connection = connect::alone(&self.options).await?;
        let mut transaction = connection.begin().await?;
        let which = format!(
            "partition = {partition} AND log_offset >= {} AND log_offset < {}",
            range.start.0.cast_signed(),
            range.end.0.cast_signed()
        );
        let calls = format!("{of}.calls WHERE stream = 'denials' AND {which}");
        let counts = ["denial_counts", "failed_authentications"]
            .map(|table| (table, format!("{of}.{table} WHERE {which}")));
        for rows in [&calls, &counts[0].1, &counts[1].1] {
            let times: Vec<i64> = sqlx::query_scalar(AssertSqlSafe(format!(
                "SELECT DISTINCT time / {DAY} * {DAY} FROM {rows}"
            )))
            .fetch_all(&mut *transaction)
            .await?;
            days::make(&mut transaction, &days::of(times.into_iter())).await?;
        }
        let mut statements = vec![
            format!("INSERT INTO calls SELECT * FROM {calls}"),
            format!(
                "INSERT INTO audit_keys (id, stream, partition, time) SELECT call_id, stream, partition, time FROM {calls}"
            ),
        ];
        for (table, rows) in &counts {
            statements.push(format!("INSERT INTO {table} SELECT * FROM {rows}"));
            statements.push(format!(
                "INSERT INTO audit_keys (id, stream, partition, time)
                SELECT event_id || ' ' || source, 'denials', partition, time FROM {rows}"
            ));
        }
        for sql in statements {
            sqlx::query(AssertSqlSafe(sql)).execute(&mut *transaction).await?;
        }
        Ok(transaction.commit().await?)
    }
}

impl Swap {
    /// The live schema.
    pub(crate) fn live(&self) -> &str {
        &self.live
    }

    /// Whether there is a live projection.
    pub(crate) async fn is_live(&mut self) -> Result<bool, StoreError> {
        let there = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
            .bind(format!("{}.offsets", self.live))
            .fetch_one(&mut self.connection)
            .await?;
        Ok(there)
    }

    /// Where the live projection stands.
    pub(crate) async fn positions(&mut self) -> Result<Vec<(Stream, Partition, Offset)>, StoreError> {
        let rows = self.connection.ask(offsets::all()).await?;
        Ok(offsets::positions(&rows)?)
    }

    /// Makes the live projection stand still until [`exchange`](Self::exchange) or [`let_go`](Self::let_go): whoever writes it begins
    /// with `offsets`.
    pub(crate) async fn halt(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN").await?;
        self.halted = true;
        self.run("LOCK TABLE offsets IN EXCLUSIVE MODE").await
    }

    /// The digests of the live projection.
    pub(crate) async fn digests(&mut self) -> Result<Vec<TableDigest>, StoreError> {
        Ok(digest::digests(&mut self.connection).await?)
    }

    /// Gives the schema `shadow` the live one's name, and that one the name `replaced`, both or neither.
    ///
    /// A projector that waits for the table `offsets` meanwhile finds another one by that name when it may go on, and there the offset it
    /// expects.
    pub(crate) async fn exchange(&mut self, shadow: &str, replaced: Option<&str>) -> Result<(), StoreError> {
        if !self.halted {
            self.run("BEGIN").await?;
        }
        if let Some(replaced) = replaced {
            self.run(format!("ALTER SCHEMA {} RENAME TO {replaced}", self.live))
                .await?;
        }
        self.run(format!("ALTER SCHEMA {shadow} RENAME TO {}", self.live))
            .await?;
        self.run("COMMIT").await?;
        self.halted = false;
        Ok(())
    }

    /// Lets the live projection go on, if it stands still.
    pub(crate) async fn let_go(&mut self) -> Result<(), StoreError> {
        if std::mem::take(&mut self.halted) {
            self.run("ROLLBACK").await?;
        }
        Ok(())
    }

    /// Drops a schema, table by table: all at once would need more locks than there are.
    pub(crate) async fn drop_schema(&mut self, schema: &str) -> Result<(), StoreError> {
        const TABLES: &str =
            "SELECT relname::text AS name FROM pg_class WHERE relnamespace = to_regnamespace($1)
            AND relkind IN ('r', 'p') ORDER BY relispartition DESC, relname";
        let tables = sqlx::query(TABLES)
            .bind(schema)
            .fetch_all(&mut self.connection)
            .await?;
        for table in &tables {
            let table = column::text(table, "name")?;
            self.run(format!("DROP TABLE {schema}.{table}")).await?;
        }
        self.run(format!("DROP SCHEMA IF EXISTS {schema} CASCADE")).await
    }

    /// Ends the rebuild.
    pub(crate) async fn end(self) -> Result<(), StoreError> {
        Ok(self.connection.close().await?)
    }

    async fn run(&mut self, sql: impl Into<String>) -> Result<(), StoreError> {
        sqlx::raw_sql(AssertSqlSafe(sql.into()))
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }
}
