//! Reading a stream chunk by chunk, holding at most one event.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::{EventId, MAX_EVENT_ID};

/// A reader of one event stream.
#[derive(Debug)]
pub struct SseReader {
    max_event: usize,
    /// `id` and `retry` fields are read, and an event may have nothing else.
    is_resumable: bool,
    /// The current line, if a chunk ended inside it.
    line: BytesMut,
    /// The last line ended in CR: an LF that follows belongs to it.
    after_cr: bool,
    /// No line has ended yet: the first may start with a byte order mark.
    at_start: bool,
    event: Event,
}

/// The event being read.
#[derive(Debug, Default)]
struct Event {
    data: Data,
    /// Of another type than `message`.
    is_other_type: bool,
    id: Option<EventId>,
    retry: Option<u64>,
}

/// The data of an event. One line, the usual case, stays the piece of the chunk it came in.
#[derive(Debug, Default)]
enum Data {
    #[default]
    None,
    Line(Bytes),
    Lines(BytesMut),
}

/// What a stream holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SseItem {
    /// An event.
    Event {
        /// Whether its type is `message`, the default. MCP has no other.
        is_message: bool,
        /// Its data lines, joined by LF. Not checked to be UTF-8: what reads them does. Without any in an event that
        /// only says where the stream is (a "priming event", MCP 2025-11-25) or how long to wait.
        data: Bytes,
        /// Where the stream is after this event; only of a resumable stream.
        id: Option<EventId>,
        /// How long to wait before reconnecting, in milliseconds; only of a resumable stream.
        retry: Option<u64>,
    },
    /// A comment line: a sign of life, nothing else.
    Comment,
}

/// Why reading ended. The upstream's fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SseFault {
    /// An event larger than the limit.
    #[error("event larger than {limit} bytes")]
    TooLarge {
        /// The limit.
        limit: usize,
    },
    /// An event id longer than [`MAX_EVENT_ID`].
    #[error("event id larger than {MAX_EVENT_ID} bytes")]
    IdTooLarge,
}

impl SseReader {
    /// A reader of events of at most `max_event` bytes, counting a line and the data before it. Ignores `id` and
    /// `retry` fields: revision 2026-07-28 of MCP has no resumption.
    #[must_use]
    pub fn new(max_event: usize) -> Self {
        Self {
            max_event,
            is_resumable: false,
            line: BytesMut::new(),
            after_cr: false,
            at_start: true,
            event: Event::default(),
        }
    }

    /// The same for a stream of a session: reads `id` and `retry` fields.
    #[must_use]
    pub fn resumable(max_event: usize) -> Self {
        Self {
            is_resumable: true,
            ..Self::new(max_event)
        }
    }

    /// Takes bytes off the front of `chunk` up to the end of the next item. `None`: the chunk is used up, go on with
    /// the next one.
    ///
    /// # Errors
    /// When an event or its id is too large; the stream cannot be read further.
    pub fn next(&mut self, chunk: &mut Bytes) -> Result<Option<SseItem>, SseFault> {
        while let Some(line) = self.next_line(chunk)? {
            if let Some(item) = self.event.take_line(&line, self.is_resumable)? {
                return Ok(Some(item));
            }
        }
        Ok(None)
    }

    /// The next line without its end; `None` if the chunk ends before the line does.
    fn next_line(&mut self, chunk: &mut Bytes) -> Result<Option<Bytes>, SseFault> {
        if self.after_cr && !chunk.is_empty() {
            self.after_cr = false;
            if chunk.first() == Some(&b'\n') {
                chunk.advance(1);
            }
        }
        let Some(end) = memchr::memchr2(b'\n', b'\r', chunk) else {
            self.check_size(chunk.len())?;
            self.line.extend_from_slice(chunk);
            chunk.clear();
            return Ok(None);
        };
        self.check_size(end)?;
        let piece = chunk.split_to(end);
        self.after_cr = chunk.first() == Some(&b'\r');
        chunk.advance(1);
        Ok(Some(self.complete_line(piece)))
    }

    fn complete_line(&mut self, piece: Bytes) -> Bytes {
        let mut line = if self.line.is_empty() {
            piece
        } else {
            self.line.extend_from_slice(&piece);
            self.line.split().freeze()
        };
        let has_mark = self.at_start && line.starts_with("\u{feff}".as_bytes());
        self.at_start = false;
        if has_mark {
            line.advance("\u{feff}".len());
        }
        line
    }

    /// Refuses the event if `more` bytes would make it too large.
    fn check_size(&self, more: usize) -> Result<(), SseFault> {
        let size = self.event.data.len() + self.line.len() + more;
        if size > self.max_event {
            Err(SseFault::TooLarge {
                limit: self.max_event,
            })
        } else {
            Ok(())
        }
    }
}

impl Event {
    /// Takes a line in (WHATWG HTML 9.2.6); gives the item it completes.
    fn take_line(&mut self, line: &Bytes, is_resumable: bool) -> Result<Option<SseItem>, SseFault> {
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (name, value) = match memchr::memchr(b':', line) {
            Some(0) => return Ok(Some(SseItem::Comment)),
            Some(colon) => (&line[..colon], line.slice(colon + 1..)),
            None => (&line[..], Bytes::new()),
        };
        let value = if value.first() == Some(&b' ') {
            value.slice(1..)
        } else {
            value
        };
        match name {
            b"data" => self.data.push_line(value),
            b"event" => self.is_other_type = !value.is_empty() && value != "message",
            b"id" if is_resumable && value.len() > MAX_EVENT_ID => return Err(SseFault::IdTooLarge),
            // One that no header can carry back is no place to go on from.
            b"id" if is_resumable => self.id = EventId::parse(&value),
            b"retry" if is_resumable => self.retry = milliseconds(&value).or(self.retry),
            _ => {}
        }
        Ok(None)
    }

    /// Ends the event. One that says nothing is none.
    fn dispatch(&mut self) -> Option<SseItem> {
        let Self {
            data,
            is_other_type,
            id,
            retry,
        } = std::mem::take(self);
        let data = match data {
            Data::None if id.is_none() && retry.is_none() => return None,
            Data::None => Bytes::new(),
            Data::Line(line) => line,
            Data::Lines(lines) => lines.freeze(),
        };
        Some(SseItem::Event {
            is_message: !is_other_type,
            data,
            id,
            retry,
        })
    }
}

/// A `retry` field's value: ASCII digits only, others are ignored (WHATWG HTML 9.2.6).
fn milliseconds(value: &[u8]) -> Option<u64> {
    let is_digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(value)
        .ok()
        .filter(|_| is_digits)?
        .parse()
        .ok()
}

impl Data {
    fn len(&self) -> usize {
        match self {
            Self::None => 0,
            Self::Line(line) => line.len(),
            Self::Lines(lines) => lines.len(),
        }
    }

    fn push_line(&mut self, line: Bytes) {
        *self = match std::mem::take(self) {
            Self::None => Self::Line(line),
            Self::Line(first) => Self::Lines(joined(BytesMut::from(first), &line)),
            Self::Lines(lines) => Self::Lines(joined(lines, &line)),
        };
    }
}

fn joined(mut lines: BytesMut, line: &[u8]) -> BytesMut {
    lines.extend_from_slice(b"\n");
    lines.extend_from_slice(line);
    lines
}
