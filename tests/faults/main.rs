//! What must hold when parts fail: replicas, brokers and projectors killed and paused, ways cut, clocks stepped. One test at a
//! time, each on three brokers of its own and the stack's PostgreSQL and Redis: `make test-faults`.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking, and tells figures"
)]

mod boot;
mod clock;
mod commands;
mod crash;
mod fault;
mod freshness;
mod ground;
mod journal;
mod late;
mod load;
mod outage;
mod partition;
mod rolling;
mod thought_dead;
mod watch;
