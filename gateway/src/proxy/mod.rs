//! Forwarding a call: recorded first, dispatched once, its answer passed on only if it answers the request that was made.

mod answer;
mod call;
mod forward;
mod pools;
mod stream;
mod watch;

pub(crate) use call::{Call, new_span};
pub(crate) use forward::{CALL_ID, Forward, call_id_header};
pub(crate) use pools::Pools;
