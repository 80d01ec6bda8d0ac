//! Reading requests and writing answers by hand.

use std::time::Instant;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Received, connection::Connection};

/// Reads one request; none once the connection has ended. Every byte read is kept, those of half a request too.
pub(super) async fn read(stream: &mut impl Connection, kept: &Mutex<Vec<u8>>) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut first = None;
    let mut buffer = vec![0; 16 << 10];
    loop {
        if let Some(received) = first.and_then(|first| whole(&bytes, first)) {
            return Some(received);
        }
        let read = stream.read(&mut buffer).await.ok().filter(|read| *read > 0)?;
        first.get_or_insert_with(Instant::now);
        kept.lock().extend_from_slice(&buffer[..read]);
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// The request, if these bytes are one. The gateway sends one at a time, and always says how long it is.
fn whole(bytes: &[u8], at: Instant) -> Option<Received> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse::<usize>().unwrap())
    });
    let body = bytes.get(end + 4..end + 4 + length.unwrap_or_default())?;
    Some(Received {
        at,
        head,
        body: serde_json::from_slice(body).unwrap_or_default(),
    })
}

/// Writes bytes; a gateway that has gone does not matter. Whether they went out.
pub(super) async fn write(stream: &mut impl Connection, bytes: impl AsRef<[u8]>) -> bool {
    stream.write_all(bytes.as_ref()).await.is_ok()
}

/// An answer that says how long it is.
pub(super) fn answer(status: &str, media_type: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\r\n{body}")
}

/// The head of a stream, each piece of which is to be a [`chunk`].
pub(super) const STREAM_HEAD: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// The end of a chunked body.
pub(super) const LAST_CHUNK: &str = "0\r\n\r\n";

/// One chunk (RFC 9112 §7.1).
pub(super) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// One server-sent event.
pub(super) fn event(data: &serde_json::Value) -> String {
    chunk(&format!("event: message\ndata: {data}\n\n"))
}
