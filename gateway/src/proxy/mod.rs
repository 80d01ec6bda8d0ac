//! Forwarding a call: recorded first, dispatched once, its answer passed on only if it answers the request that was made.

mod answer;
mod call;
mod dispatch;
mod forward;
mod pools;
mod stream;
mod upstream;
mod watch;

pub(crate) use call::{Call, new_span};
pub(crate) use dispatch::{Dispatch, Dispatched, Recorded};
pub(crate) use forward::Forward;
pub(crate) use pools::Pools;
pub(crate) use upstream::{CALL_ID, call_id_header};
