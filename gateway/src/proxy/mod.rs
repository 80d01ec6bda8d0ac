//! Forwarding a call: recorded first, dispatched once, its answer passed on only if it answers the request that was made.

mod answer;
mod call;
mod dispatch;
mod events;
mod forward;
mod hand_over;
mod pools;
mod stream;
mod upstream;
mod watch;

pub(crate) use answer::{json, outcome};
pub(crate) use call::Call;
pub(crate) use dispatch::{Dispatch, Dispatched, Recorded};
pub(crate) use events::event_stream;
pub(crate) use forward::{Forward, NO_ARGUMENTS, end, fail, fault_of, media_type};
pub(crate) use hand_over::{MayWrite, Unanswered};
pub(crate) use pools::{NoPool, Pools};
pub(crate) use upstream::{CALL_ID, Fresh, call_id_header, connection, name_call, target};
pub(crate) use watch::{Cut, Watch};
