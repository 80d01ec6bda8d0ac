//! HTTP written by hand, for requests that no client library would send.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::wait;

/// A request to be sent byte for byte.
#[derive(Clone, Debug)]
pub struct RawRequest {
    /// Method and target.
    pub start: String,
    /// Header lines in order. `Content-Length` and `Connection: close` are added.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back until the server closed the connection.
#[derive(Clone, Debug)]
pub struct RawAnswer {
    /// HTTP status.
    pub status: u16,
    /// The head, without its status line.
    pub head: String,
    /// What follows it, chunked or not.
    pub body: String,
}

impl RawRequest {
    /// A request without body.
    #[must_use]
    pub fn new(start: &str, host: &str) -> Self {
        Self {
            start: start.to_owned(),
            headers: vec![("Host".to_owned(), host.to_owned())],
            body: Vec::new(),
        }
    }

    /// With one more header line.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Without the lines of a header.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(line, _)| !line.eq_ignore_ascii_case(name));
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// The bytes of the head.
    #[must_use]
    pub fn head(&self) -> Vec<u8> {
        let mut head = format!("{} HTTP/1.1\r\n", self.start);
        for (name, value) in &self.headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += &format!("Content-Length: {}\r\nConnection: close\r\n\r\n", self.body.len());
        head.into_bytes()
    }

    /// Sends it to an address, and reads the whole answer.
    pub async fn send(&self, address: &str) -> RawAnswer {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(&self.head()).await.unwrap();
        // A server that has answered already need not read on.
        let _ = stream.write_all(&self.body).await;
        RawAnswer::read(&mut stream).await
    }
}

impl RawAnswer {
    /// Reads an answer to its end.
    pub async fn read(stream: &mut TcpStream) -> Self {
        let mut bytes = Vec::new();
        // After a refusal the rest of a body meets a closed socket, and the answer ends with a reset.
        let _ = wait::within("the end of an answer", stream.read_to_end(&mut bytes)).await;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let (line, head) = head.split_once("\r\n").unwrap_or((head, ""));
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no status: {text:?}")),
            head: head.to_owned(),
            body: body.to_owned(),
        }
    }

    /// The JSON-RPC error code in the body; none where there is no such error.
    #[must_use]
    pub fn code(&self) -> Option<i64> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        body["error"]["code"].as_i64()
    }
}
