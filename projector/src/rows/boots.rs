//! Runs of the gateway: how far each got, and whether it is over.

use std::collections::BTreeMap;

use onedoor_log::Partition;
use onedoor_model::{
    audit::{AuditEvent, BootClosed, BootOpened},
    envelope::Envelope,
    ids::{BootId, Offset, ReplicaName},
};

use super::{
    ask::Question,
    column::{self, Columns},
    statement::{Statement, row},
};
use crate::{project::Step, query::OpenBoot};

/// The last event of each boot, gathered over a batch: one row written for a boot, not for every event.
#[derive(Debug, Default)]
pub(crate) struct Seen(BTreeMap<BootId, Last>);

#[derive(Debug)]
struct Last {
    source: ReplicaName,
    seq: u64,
    offset: Offset,
}

impl Seen {
    /// The end of another boot is no event of the one that tells it: it stands in the other one's partition.
    pub(crate) fn note(&mut self, offset: Offset, event: &Envelope<AuditEvent>) {
        if matches!(&event.data, AuditEvent::BootClosed(closed) if closed.closed != event.boot) {
            return;
        }
        let last = self.0.entry(event.boot).or_insert_with(|| Last {
            source: event.source.clone(),
            seq: event.seq,
            offset,
        });
        // An event that was appended twice comes again with its old number.
        last.seq = last.seq.max(event.seq);
        last.offset = offset;
    }

    /// Writes what was gathered.
    pub(crate) fn take(&mut self, partition: Partition) -> Vec<Statement<'static>> {
        const SQL: &str = "INSERT INTO boots (boot_id, partition, source, last_seq, last_offset) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (boot_id, partition) DO UPDATE SET
                last_seq = CASE WHEN excluded.last_seq > boots.last_seq THEN excluded.last_seq ELSE boots.last_seq END,
                last_offset = excluded.last_offset";
        std::mem::take(&mut self.0)
            .into_iter()
            .map(|(boot, last)| Statement {
                sql: SQL,
                values: row![
                    boot.to_string(),
                    partition,
                    String::from(last.source),
                    last.seq,
                    last.offset
                ],
            })
            .collect()
    }
}

/// A boot begins. Its row is there: see [`Seen::take`].
pub(crate) fn opened<'a>(
    partition: Partition,
    step: &Step,
    boot: BootId,
    event: &'a BootOpened,
) -> Statement<'a> {
    Statement {
        sql: "UPDATE boots SET software = $1, opened = $2 WHERE boot_id = $3 AND partition = $4 AND opened IS NULL",
        values: row![event.software.as_str(), step.time, boot.to_string(), partition],
    }
}

/// A boot is over: how its open calls ended will never be known.
pub(crate) fn closed(
    partition: Partition,
    step: &Step,
    event: &BootClosed,
) -> Result<[Statement<'static>; 2], sqlx::Error> {
    let boot = event.closed.to_string();
    Ok([
        Statement {
            sql: "UPDATE boots SET closed = $1, closed_offset = $2, how = $3
                WHERE boot_id = $4 AND partition = $5 AND (closed_offset IS NULL OR last_offset > closed_offset)",
            values: row![
                step.time,
                step.offset,
                column::name(&event.how)?,
                boot.clone(),
                partition
            ],
        },
        Statement {
            sql: "UPDATE calls SET outcome = 'unknown', ended = $1
                WHERE boot_id = $2 AND partition = $3 AND outcome IS NULL AND stream = 'audit'",
            values: row![step.time, boot, partition],
        },
    ])
}

/// Boots that are not closed, or wrote something after they were, but for one.
pub(crate) fn opened_but(boot: BootId) -> Question {
    let mut question =
        Question::new("SELECT boot_id, source, partition, last_seq FROM boots WHERE boot_id <> ");
    question.value(boot.to_string());
    question
        .sql(" AND (closed_offset IS NULL OR last_offset > closed_offset) ORDER BY partition, last_offset");
    question
}

/// A row of [`opened_but`].
pub(crate) fn open(row: &impl Columns) -> Result<OpenBoot, sqlx::Error> {
    Ok(OpenBoot {
        boot: column::named(row, "boot_id")?,
        source: column::named(row, "source")?,
        partition: column::partition(row)?,
        last_seq: column::number(row, "last_seq")?,
    })
}
