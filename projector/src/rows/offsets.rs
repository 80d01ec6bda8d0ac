//! Where each partition stands, and of which log.

use onedoor_log::{Partition, Stream};
use onedoor_model::ids::{LogId, Offset};

use super::{
    ask::{Question, Speak},
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
pub(crate) fn log() -> Question {
    Question::new("SELECT log_id FROM meta")
}

/// Where every partition stands.
pub(crate) fn all() -> Question {
    Question::new("SELECT stream, partition, next FROM offsets ORDER BY stream, partition")
}

impl Move {
    /// Moves the offset, and only from where it is thought to stand: no row where it stands elsewhere.
    pub(crate) fn write(&self) -> Statement<'static> {
        Statement {
            sql: "UPDATE offsets SET next = $1 WHERE stream = $2 AND partition = $3 AND next = $4",
            values: row![self.next, self.stream.to_string(), self.partition, self.from],
        }
    }

    /// Moves the offset within a transaction: the first thing that is done there.
    ///
    /// Only from where it was thought to stand: **this is what keeps a projector that was overtaken, or was thought dead, from writing
    /// anything**.
    pub(crate) async fn make(&self, connection: &mut impl Speak) -> Result<Advance, sqlx::Error> {
        if connection.tell(self.write()).await? > 0 {
            return Ok(Advance::Done);
        }
        let position = position(connection, self.stream, self.partition).await?;
        Ok(Advance::Elsewhere(position))
    }
}

/// Makes sure that a partition has an offset to move, and says where it stands.
pub(crate) async fn enlist(
    connection: &mut impl Speak,
    stream: Stream,
    partition: Partition,
) -> Result<Offset, sqlx::Error> {
    let enlist = Statement {
        sql: "INSERT INTO offsets (stream, partition, next) VALUES ($1, $2, 0) ON CONFLICT DO NOTHING",
        values: row![stream.to_string(), partition],
    };
    connection.tell(enlist).await?;
    position(connection, stream, partition).await
}

/// Takes the log's id, unless there is one, and says which there is.
pub(crate) async fn adopt(connection: &mut impl Speak, id: LogId) -> Result<LogId, sqlx::Error> {
    let adopt = Statement {
        sql: "INSERT INTO meta (one, log_id) VALUES (1, $1) ON CONFLICT DO NOTHING",
        values: row![id.to_string()],
    };
    connection.tell(adopt).await?;
    let rows = connection.ask(log()).await?;
    rows.first()
        .map_or(Err(sqlx::Error::RowNotFound), |row| column::named(row, "log_id"))
}

/// The first offset of a partition that is not projected yet.
async fn position(
    connection: &mut impl Speak,
    stream: Stream,
    partition: Partition,
) -> Result<Offset, sqlx::Error> {
    let mut question = Question::new("SELECT next FROM offsets WHERE stream = ");
    question.value(stream.to_string());
    question.sql(" AND partition = ").value(partition);
    let rows = connection.ask(question).await?;
    let next = rows.first().map(|row| column::number(row, "next")).transpose()?;
    Ok(Offset(next.unwrap_or(0)))
}

/// The rows of [`all`]. Those of a stream that only a later version knows are left out.
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
