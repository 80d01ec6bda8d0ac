//! What the tables hold, whichever database keeps them: values, statements in the SQL that both dialects share, and rows read back.

pub(crate) mod ask;
pub(crate) mod boots;
pub(crate) mod calls;
pub(crate) mod column;
pub(crate) mod counts;
pub(crate) mod digest;
mod history;
pub(crate) mod offsets;
pub(crate) mod outcome;
pub(crate) mod registry;
pub(crate) mod select;
pub(crate) mod select_calls;
mod select_history;
pub(crate) mod state;
pub(crate) mod statement;
pub(crate) mod text;
