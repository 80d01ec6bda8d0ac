//! Read models of the log: the registry's tables and the audit index, in embedded SQLite.
//!
//! [`run`] follows the log and writes what it says into a [`Store`]: rows and offset in one transaction, so that a crash, a second
//! projector or an event that was appended twice changes nothing. Everything in a store can be built anew from the log, and a
//! projection that was built in one go equals one that grew in steps ([`Store::digest`]).
//!
//! `project` says, without I/O, what events mean for the tables; `sqlite` knows the tables; `run` moves records from one to the
//! other. What is asked of a store, and what it answers, is in `query`.

mod error;
mod progress;
mod project;
mod query;
mod run;
mod sqlite;

pub use self::{
    error::{OpenError, ProjectorError, QueryError, StoreError},
    project::Halt,
    query::{
        Aggregate, CallOutcome, CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page, ServerSelector,
        UnknownOutcome, VerdictKind,
    },
    run::run,
    sqlite::Store,
};
