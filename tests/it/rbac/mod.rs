//! Who may call what, against the oracle.

mod in_process;
mod over_http;
