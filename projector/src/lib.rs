//! Read models of the log: the registry's tables and the audit index, in embedded SQLite or in PostgreSQL.
//!
//! [`run`] follows the log and writes what it says into a [`Store`]: rows and offset in one transaction, so that a crash, a second
//! projector or an event that was appended twice changes nothing. Everything in a store can be built anew from the log ([`rebuild`]), and
//! a projection that was built in one go equals one that grew in steps ([`Store::digest`]).
//!
//! `project` says, without I/O, what events mean for the tables; `rows` what stands in them; `sqlite` and `postgres` keep them; `run`
//! moves records from the log to there. What is asked of a store, and what it answers, is in `query`.

mod error;
mod place;
mod postgres;
mod progress;
mod project;
mod query;
mod rebuild;
mod rows;
mod run;
mod sqlite;
mod status;
mod store;

#[cfg(test)]
extern crate self as onedoor_projector;
/// Places for tests: those of the integration tests.
#[cfg(test)]
#[path = "../tests/projector/ground.rs"]
mod ground;

pub use self::{
    error::{OpenError, ProjectorError, QueryError, StoreError},
    place::{ClientCertificate, Password, Place, PostgresOptions, PostgresTls},
    project::Halt,
    query::{
        Aggregate, CallOutcome, CallQuery, CallRow, HistoryQuery, HistoryRow, OpenBoot, Page, ServerSelector,
        UnknownOutcome, VerdictKind,
    },
    rebuild::{Differing, Rebuild, RebuildError, Report, TableReport, rebuild},
    rows::state::KeptState,
    run::run,
    status::{Activity, PartitionStatus, Status},
    store::Store,
};
