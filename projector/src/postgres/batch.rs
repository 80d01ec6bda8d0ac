//! What calls and outcomes come to, when many are written at once. Pure.
//!
//! One by one, each would ask the tables what came before it. Here they are asked once, for all of a batch, and what they say is
//! carried on from event to event.

use std::collections::HashMap;

use onedoor_log::Partition;
use onedoor_model::ids::Offset;

use crate::rows::{
    outcome,
    statement::{Row, row},
};

/// An event of a call.
#[derive(Debug)]
pub(super) struct Event<'a> {
    pub(super) call: String,
    pub(super) what: What<'a>,
}

#[derive(Debug)]
pub(super) enum What<'a> {
    /// It was let through: its columns, and when the log took it.
    Called { time: i64, row: Row<'a> },
    /// It ended: its outcome's columns, and where that stands in the log.
    Completed { offset: Offset, outcome: Row<'a> },
}

/// What the tables say of a call before the batch. Nothing, by default.
#[derive(Debug, Default)]
pub(super) struct Known<'a> {
    /// The time of its row, if there is one.
    pub(super) time: Option<i64>,
    /// The outcome that came before it, if one did.
    pub(super) early: Option<Row<'a>>,
}

/// What is to be written, each in the order of its table's columns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Writes<'a> {
    /// New calls, with the columns of their outcomes.
    pub(super) calls: Vec<Row<'a>>,
    /// For each new call: id and time.
    pub(super) keys: Vec<Row<'a>>,
    /// Outcomes of calls that are there: id, time, and the outcome's columns. They count unless there is one already.
    pub(super) outcomes: Vec<Row<'a>>,
    /// Outcomes of calls that are not there: id, partition, offset, and the outcome's columns.
    pub(super) early: Vec<Row<'a>>,
}

/// Where a call stands, in the course of a batch.
enum Call<'a> {
    /// Not there; an outcome may be.
    Absent { early: Option<Row<'a>> },
    /// There before the batch. Whether it has ended, the table knows.
    Stored { time: i64, ended: bool },
    /// New: the index of its row.
    New { index: usize, ended: bool },
}

/// Takes events in the order of the log.
pub(super) fn resolve<'a>(
    partition: Partition,
    events: Vec<Event<'a>>,
    known: HashMap<String, Known<'a>>,
) -> Writes<'a> {
    let mut writes = Writes::default();
    let mut calls: HashMap<String, Call<'a>> = known
        .into_iter()
        .map(|(call, known)| {
            let state = match known.time {
                Some(time) => Call::Stored { time, ended: false },
                None => Call::Absent { early: known.early },
            };
            (call, state)
        })
        .collect();
    for Event { call, what } in events {
        let state = calls.entry(call.clone()).or_insert(Call::Absent { early: None });
        match what {
            What::Called { time, row } => called(&mut writes, state, call, time, row),
            What::Completed { offset, outcome } => {
                completed(&mut writes, state, call, partition, offset, outcome);
            }
        }
    }
    writes
}

/// An event that was appended twice finds its call there.
fn called<'a>(writes: &mut Writes<'a>, state: &mut Call<'a>, call: String, time: i64, mut row: Row<'a>) {
    let Call::Absent { early } = state else { return };
    let ended = early.is_some();
    row.extend(early.take().unwrap_or_else(outcome::open));
    *state = Call::New {
        index: writes.calls.len(),
        ended,
    };
    writes.calls.push(row);
    writes.keys.push(row![call, time]);
}

/// The first outcome counts; one without its call is kept aside.
fn completed<'a>(
    writes: &mut Writes<'a>,
    state: &mut Call<'a>,
    call: String,
    partition: Partition,
    offset: Offset,
    outcome: Row<'a>,
) {
    match state {
        Call::Stored { ended: true, .. } | Call::New { ended: true, .. } => {}
        Call::Absent { early: Some(_) } => {}
        Call::Absent { early } => {
            let mut row = row![call, partition, offset];
            row.extend(outcome.iter().cloned());
            writes.early.push(row);
            *early = Some(outcome);
        }
        Call::Stored { time, ended } => {
            let mut row = row![call, *time];
            row.extend(outcome);
            writes.outcomes.push(row);
            *ended = true;
        }
        Call::New { index, ended } => {
            if let Some(row) = writes.calls.get_mut(*index) {
                row.truncate(row.len() - outcome.len());
                row.extend(outcome);
            }
            *ended = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: Partition = Partition(3);

    fn called(call: &str, time: i64) -> Event<'static> {
        Event {
            call: call.to_owned(),
            what: What::Called {
                time,
                row: row![call.to_owned(), time],
            },
        }
    }

    fn ended(text: &'static str) -> Row<'static> {
        let mut outcome = outcome::open();
        outcome[0] = text.into();
        outcome
    }

    fn completed(call: &str, offset: u64, outcome: &'static str) -> Event<'static> {
        Event {
            call: call.to_owned(),
            what: What::Completed {
                offset: Offset(offset),
                outcome: ended(outcome),
            },
        }
    }

    fn with(mut row: Row<'static>, outcome: Row<'static>) -> Row<'static> {
        row.extend(outcome);
        row
    }

    fn nothing() -> HashMap<String, Known<'static>> {
        HashMap::new()
    }

    #[test]
    fn the_first_outcome_of_a_new_call_counts_and_what_comes_twice_does_nothing() {
        let events = vec![
            called("a", 10),
            called("a", 20),
            completed("a", 2, "first"),
            completed("a", 3, "second"),
            called("b", 30),
        ];
        let writes = resolve(P, events, nothing());
        let expected = Writes {
            calls: vec![
                with(row!["a", 10_i64], ended("first")),
                with(row!["b", 30_i64], outcome::open()),
            ],
            keys: vec![row!["a", 10_i64], row!["b", 30_i64]],
            ..Writes::default()
        };
        assert_eq!(writes, expected);
    }

    #[test]
    fn an_early_outcome_is_kept_and_taken() {
        let events = vec![
            completed("a", 1, "early"),
            completed("a", 2, "later"),
            called("a", 10),
            completed("a", 4, "last"),
            completed("lost", 5, "alone"),
        ];
        let writes = resolve(P, events, nothing());
        let expected = Writes {
            calls: vec![with(row!["a", 10_i64], ended("early"))],
            keys: vec![row!["a", 10_i64]],
            outcomes: Vec::new(),
            early: vec![
                with(row!["a", P, Offset(1)], ended("early")),
                with(row!["lost", P, Offset(5)], ended("alone")),
            ],
        };
        assert_eq!(writes, expected);
    }

    #[test]
    fn what_the_tables_know_counts() {
        let stored = Known {
            time: Some(7),
            early: None,
        };
        let early = Known {
            time: None,
            early: Some(ended("before")),
        };
        let known = HashMap::from([("there".to_owned(), stored), ("early".to_owned(), early)]);
        let events = vec![
            called("there", 99),
            completed("there", 1, "first"),
            completed("there", 2, "second"),
            completed("early", 3, "ignored"),
            called("early", 40),
            completed("early", 5, "ignored"),
        ];
        let writes = resolve(P, events, known);
        let expected = Writes {
            calls: vec![with(row!["early", 40_i64], ended("before"))],
            keys: vec![row!["early", 40_i64]],
            outcomes: vec![with(row!["there", 7_i64], ended("first"))],
            early: Vec::new(),
        };
        assert_eq!(writes, expected);
    }
}
