//! Where each partition stands, and of which log.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::Offset;

use super::{
    column::{self, Columns},
    statement::{Statement, row},
};

/// A move of a partition: from where it must stand to where it will.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Move {
    pub(crate) stream: Stream,
    pub(crate) partition: Partition,
    pub(crate) from: Offset,
    pub(crate) next: Offset,
}

/// What became of an advance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Advance {
    /// Rows and offset are written.
    Done,
    /// Nothing is written: the partition stands here, not where the advance started. Another projector was faster.
    Elsewhere(Offset),
}

/// The log's id, if there is one.
pub(crate) const LOG: &str = "SELECT log_id FROM meta";
/// Takes the log's id, unless there is one.
pub(crate) const ADOPT: &str = "INSERT INTO meta (one, log_id) VALUES (1, $1) ON CONFLICT DO NOTHING";
/// Makes sure that a partition has an offset to move.
pub(crate) const ENLIST: &str =
    "INSERT INTO offsets (stream, partition, next) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING";
/// The first offset of a partition that is not projected yet.
pub(crate) const POSITION: &str = "SELECT next FROM offsets WHERE stream = $1 AND partition = $2";
/// All of them.
pub(crate) const POSITIONS: &str = "SELECT stream, partition, next FROM offsets ORDER BY stream, partition";

impl Move {
    /// Moves the offset, and only from where it is thought to stand: no row where it stands elsewhere.
    pub(crate) fn write(&self) -> Statement<'static> {
        Statement {
            sql: "UPDATE offsets SET next = $1 WHERE stream = $2 AND partition = $3 AND next = $4",
            values: row![self.next, self.stream.to_string(), self.partition, self.from],
        }
    }
}

/// The rows of [`POSITIONS`]. Those of a stream that only a later version knows are left out.
pub(crate) fn positions(rows: &[impl Columns]) -> Result<Vec<(Stream, Partition, Offset)>, sqlx::Error> {
    let mut positions = Vec::with_capacity(rows.len());
    for row in rows {
        let name = column::text(row, "stream")?;
        let stream = Stream::FACTS
            .into_iter()
            .find(|stream| stream.to_string() == name);
        if let Some(stream) = stream {
            positions.push((
                stream,
                column::partition(row)?,
                Offset(column::number(row, "next")?),
            ));
        }
    }
    Ok(positions)
}
