//! Replicas in one process, on one log in memory, each seeing it through a wrapper that can be made to fail.

mod commands;
mod faults;
mod faulty;
mod holds;
mod leases;
mod replica;
