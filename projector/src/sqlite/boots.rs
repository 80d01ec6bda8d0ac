//! Runs of the gateway: how far each got, and whether it is over.

use std::collections::BTreeMap;

use onedoor_log::Partition;
use onedoor_model::{
    audit::{AuditEvent, BootClosed, BootOpened},
    envelope::Envelope,
    ids::{BootId, Offset, ReplicaName},
};
use sqlx::{Row as _, SqliteConnection, SqlitePool, sqlite::SqliteRow};

use super::column;
use crate::{project::Step, query::OpenBoot};

/// The last event of each boot, gathered over a batch: one row written for a boot, not for every event.
#[derive(Debug, Default)]
pub(super) struct Seen(BTreeMap<BootId, Last>);

#[derive(Debug)]
struct Last {
    source: ReplicaName,
    seq: u64,
    offset: Offset,
}

impl Seen {
    pub(super) fn note(&mut self, offset: Offset, event: &Envelope<AuditEvent>) {
        let last = self.0.entry(event.boot).or_insert_with(|| Last {
            source: event.source.clone(),
            seq: event.seq,
            offset,
        });
        // An event that was appended twice comes again with its old number.
        last.seq = last.seq.max(event.seq);
        last.offset = offset;
    }
}

/// Writes what was gathered.
pub(super) async fn flush(
    connection: &mut SqliteConnection,
    seen: &mut Seen,
    partition: Partition,
) -> Result<(), sqlx::Error> {
    const SQL: &str =
        "INSERT INTO boots (boot_id, partition, source, last_seq, last_offset) VALUES (?, ?, ?, ?, ?)
        ON CONFLICT (boot_id, partition) DO UPDATE SET
            last_seq = max(last_seq, excluded.last_seq), last_offset = excluded.last_offset";
    while let Some((boot, last)) = seen.0.pop_first() {
        sqlx::query(SQL)
            .bind(boot.to_string())
            .bind(partition.0)
            .bind(last.source.as_str())
            .bind(last.seq.cast_signed())
            .bind(last.offset.0.cast_signed())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

/// A boot begins.
pub(super) async fn opened(
    connection: &mut SqliteConnection,
    seen: &mut Seen,
    partition: Partition,
    step: &Step,
    boot: BootId,
    event: &BootOpened,
) -> Result<(), sqlx::Error> {
    flush(connection, seen, partition).await?;
    sqlx::query(
        "UPDATE boots SET software = ?, opened = ? WHERE boot_id = ? AND partition = ? AND opened IS NULL",
    )
    .bind(&event.software)
    .bind(step.time.as_millisecond())
    .bind(boot.to_string())
    .bind(partition.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// A boot is over: how its open calls ended will never be known.
pub(super) async fn closed(
    connection: &mut SqliteConnection,
    seen: &mut Seen,
    partition: Partition,
    step: &Step,
    event: &BootClosed,
) -> Result<(), sqlx::Error> {
    // Only now are the boot's earlier events of this batch in the table.
    flush(connection, seen, partition).await?;
    let boot = event.closed.to_string();
    sqlx::query(
        "UPDATE boots SET closed = ?, closed_offset = ?, how = ?
         WHERE boot_id = ? AND partition = ? AND (closed_offset IS NULL OR last_offset > closed_offset)",
    )
    .bind(step.time.as_millisecond())
    .bind(step.offset.0.cast_signed())
    .bind(column::name(&event.how)?)
    .bind(&boot)
    .bind(partition.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "UPDATE calls SET outcome = 'unknown', ended = ?
         WHERE boot_id = ? AND partition = ? AND outcome IS NULL AND stream = 'audit'",
    )
    .bind(step.time.as_millisecond())
    .bind(&boot)
    .bind(partition.0)
    .execute(connection)
    .await?;
    Ok(())
}

/// Boots that are not closed, or wrote something after they were.
pub(super) async fn open(readers: &SqlitePool, except: BootId) -> Result<Vec<OpenBoot>, sqlx::Error> {
    let rows = sqlx::query(
        "SELECT boot_id, source, partition, last_seq FROM boots
         WHERE boot_id <> ? AND (closed_offset IS NULL OR last_offset > closed_offset)
         ORDER BY partition, last_offset",
    )
    .bind(except.to_string())
    .fetch_all(readers)
    .await?;
    let boot = |row: &SqliteRow| {
        Ok(OpenBoot {
            boot: column::named(row, "boot_id")?,
            source: column::named(row, "source")?,
            partition: Partition(row.try_get("partition")?),
            last_seq: column::number(row, "last_seq")?,
        })
    };
    rows.iter().map(boot).collect()
}
