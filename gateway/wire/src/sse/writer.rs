//! Writing events.

/// A comment: keeps the connection open and means nothing.
pub const KEEP_ALIVE: &[u8] = b":\n\n";

/// Appends one event of type `message` to `out`. Data with line ends goes on as several data lines, which its reader
/// joins with LF: JSON means the same.
pub fn write_event(data: &[u8], out: &mut Vec<u8>) {
    out.reserve(data.len() + 32);
    out.extend_from_slice(b"event: message\n");
    let mut rest = data;
    while let Some(end) = memchr::memchr2(b'\n', b'\r', rest) {
        write_line(&rest[..end], out);
        let is_crlf = rest[end..].starts_with(b"\r\n");
        rest = &rest[end + if is_crlf { 2 } else { 1 }..];
    }
    write_line(rest, out);
    out.push(b'\n');
}

fn write_line(line: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(line);
    out.push(b'\n');
}
