//! Writing events.

use super::EventId;

/// A comment: keeps the connection open and means nothing.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// Appends one event of type `message` to `out`. Data with line ends goes on as several data lines, which its reader
/// joins with LF: JSON means the same.
pub fn write_event(data: &[u8], out: &mut Vec<u8>) {
    write_resumable_event(None, None, data, out);
}

/// The same for a stream of a session. Without data it is a priming event (MCP 2025-11-25): it says where the stream
/// is. `retry` is in milliseconds.
pub fn write_resumable_event(id: Option<&EventId>, retry: Option<u64>, data: &[u8], out: &mut Vec<u8>) {
    let id = id.map_or("", EventId::as_str);
    out.reserve(data.len() + id.len() + 64);
    out.extend_from_slice(b"event: message\n");
    if !id.is_empty() {
        write_field("id", id.as_bytes(), out);
    }
    if let Some(retry) = retry {
        write_field("retry", retry.to_string().as_bytes(), out);
    }
    let mut rest = data;
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
        write_field("data", &rest[..end], out);
        let is_crlf = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + if is_crlf { 2 } else { 1 }..];
    }
    write_field("data", rest, out);
    out.push(b'\n');
}

fn write_field(name: &str, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.push(b'\n');
}
