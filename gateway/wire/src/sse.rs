//! Server-sent events (WHATWG HTML, section 9.2): read from an upstream, written to a client.

mod id;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use id::{EventId, MAX_EVENT_ID};
pub use reader::{SseFault, SseItem, SseReader};
pub use writer::{KEEP_ALIVE, write_event, write_resumable_event};

/// Largest event that is read unless a limit says otherwise, in bytes (design.md, limits).
pub const MAX_EVENT: usize = 1 << 20;
