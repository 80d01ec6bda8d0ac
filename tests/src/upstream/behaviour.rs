//! How upstreams behave: one tool for each way.

use std::{
    future::pending,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Received, Seen,
    connection::Connection,
    http::{LAST_CHUNK, STREAM_HEAD, answer, chunk, event, write},
};

/// Between two notifications of [`Behaviour::Endless`].
const BEAT: Duration = Duration::from_millis(20);
/// How long [`Behaviour::Long`] takes.
const LONG: Duration = Duration::from_secs(20);

macro_rules! behaviours {
    ($($(#[$doc:meta])* $name:ident = $tool:literal,)+) => {
        /// What an upstream does with a call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Behaviour {
            $($(#[$doc])* $name,)+
        }

        impl Behaviour {
            /// Every behaviour.
            pub const ALL: [Self; [$($tool),+].len()] = [$(Self::$name),+];

            /// The tool that behaves so.
            #[must_use]
            pub const fn tool(self) -> &'static str {
                match self {
                    $(Self::$name => $tool,)+
                }
            }
        }
    };
}

behaviours! {
    /// Answers as it should, with the arguments it got.
    Echo = "echo",
    /// Answers with a stream of two progress notifications and the result.
    Stream = "stream",
    /// Sends progress for ever.
    Endless = "endless",
    /// Sends progress for twenty seconds, and then the result.
    Long = "long",
    /// Answers once it is told to ([`super::Upstream::release`]).
    Held = "held",
    /// Says that the tool failed.
    Fails = "fails",
    /// Reads, and never answers.
    HangsBeforeHead = "hangs_before_head",
    /// Sends a head and a bit of a body, and then nothing.
    HangsInBody = "hangs_in_body",
    /// Resets the connection (RST) once it has the request.
    Resets = "resets",
    /// Closes the connection once it has the request.
    Closes = "closes",
    /// Sends less than `Content-Length` says, and closes.
    ShortBody = "short_body",
    /// Sends more than `Content-Length` says: behind the answer, one to the next request.
    LongBody = "long_body",
    /// Ends a chunked body without its last chunk.
    CutChunks = "cut_chunks",
    /// Sends a stream that ends without a response.
    CutStream = "cut_stream",
    /// Sends the client elsewhere, method and body to be kept.
    Redirects = "redirects",
    /// Refuses Token B.
    Unauthorized = "unauthorized",
    /// 500, with a body that would be an answer.
    ServerError = "server_error",
    /// 202, as if the call were a notification.
    Accepted = "accepted",
    /// Answers with a web page.
    WebPage = "web_page",
    /// Answers another request.
    WrongId = "wrong_id",
    /// Answers with JSON that is cut short, in full length.
    BrokenJson = "broken_json",
    /// Answers with two results under one key.
    TwoResults = "two_results",
    /// Asks the client for a completion, then answers.
    ServerRequest = "server_request",
    /// Sends an event beyond the size limit.
    HugeEvent = "huge_event",
    /// Answers beyond the size limit.
    HugeAnswer = "huge_answer",
    /// Asks for input.
    InputRequired = "input_required",
    /// Sends log messages and progress under a foreign token, then answers.
    Chatters = "chatters",
}

impl Behaviour {
    /// What a tool does; a tool that is none of these answers as it should.
    pub(super) fn of(tool: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|behaviour| behaviour.tool() == tool)
            .unwrap_or(Self::Echo)
    }

    /// Does it. Whether the connection goes on.
    pub(super) async fn act(self, stream: &mut impl Connection, request: &Received, seen: &Seen) -> bool {
        let good = result(&request.body);
        let json = |status: &str, body: &Value| answer(status, "application/json", &body.to_string());
        match self {
            Self::Echo => write(stream, json("200 OK", &good)).await,
            Self::Held => {
                seen.released.notified().await;
                write(stream, json("200 OK", &good)).await
            }
            Self::Fails => {
                let mut failed = good;
                failed["result"]["isError"] = json!(true);
                write(stream, json("200 OK", &failed)).await
            }
            Self::Stream => {
                let events = [progress(&request.body, 1), progress(&request.body, 2), good]
                    .map(|message| event(&message));
                write(stream, format!("{STREAM_HEAD}{}{LAST_CHUNK}", events.concat())).await
            }
            Self::Endless => {
                let mut sent = write(stream, STREAM_HEAD).await;
                for step in 1.. {
                    if !sent {
                        break;
                    }
                    sent = write(stream, event(&progress(&request.body, step))).await;
                    tokio::time::sleep(BEAT).await;
                }
                false
            }
            Self::Long => {
                let end = Instant::now() + LONG;
                let mut sent = write(stream, STREAM_HEAD).await;
                for step in 1.. {
                    if !sent || Instant::now() > end {
                        break;
                    }
                    sent = write(stream, event(&progress(&request.body, step))).await;
                    tokio::time::sleep(BEAT).await;
                }
                sent && write(stream, format!("{}{LAST_CHUNK}", event(&good))).await
            }
            Self::HangsBeforeHead => pending().await,
            Self::HangsInBody => {
                write(
                    stream,
                    "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{",
                )
                .await;
                pending().await
            }
            Self::Resets => {
                stream.reset();
                false
            }
            Self::Closes => false,
            Self::ShortBody => {
                let body = good.to_string();
                write(
                    stream,
                    answer("200 OK", "application/json", &body).trim_end_matches('}'),
                )
                .await;
                false
            }
            Self::LongBody => {
                let mut poison = good.clone();
                poison["result"]["content"][0]["text"] = json!("poison");
                let both = json("200 OK", &good) + &json("200 OK", &poison);
                write(stream, both).await;
                pending().await
            }
            Self::CutChunks => {
                let head = STREAM_HEAD.replace("text/event-stream", "application/json");
                write(stream, format!("{head}{}", chunk(&good.to_string()))).await;
                false
            }
            Self::CutStream => {
                write(
                    stream,
                    format!("{STREAM_HEAD}{}{LAST_CHUNK}", event(&progress(&request.body, 1))),
                )
                .await
            }
            Self::Redirects => {
                let location = seen.elsewhere.lock().clone();
                let head = format!(
                    "HTTP/1.1 307 Temporary Redirect\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n"
                );
                write(stream, head).await
            }
            Self::Unauthorized => write(stream, answer("401 Unauthorized", "text/plain", "no")).await,
            Self::ServerError => write(stream, json("500 Internal Server Error", &good)).await,
            Self::Accepted => write(stream, "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n").await,
            Self::WebPage => write(stream, answer("200 OK", "text/html", "<h1>Welcome</h1>")).await,
            Self::WrongId => {
                let mut other = good;
                other["id"] = json!("another");
                write(stream, json("200 OK", &other)).await
            }
            Self::BrokenJson => {
                let body = good.to_string();
                write(
                    stream,
                    answer("200 OK", "application/json", &body[..body.len() - 1]),
                )
                .await
            }
            Self::TwoResults => {
                let body = good
                    .to_string()
                    .replacen("\"result\"", "\"result\":{},\"result\"", 1);
                write(stream, answer("200 OK", "application/json", &body)).await
            }
            Self::ServerRequest => {
                let asked =
                    json!({ "jsonrpc": "2.0", "id": 7, "method": "sampling/createMessage", "params": {} });
                write(
                    stream,
                    format!("{STREAM_HEAD}{}{}{LAST_CHUNK}", event(&asked), event(&good)),
                )
                .await
            }
            Self::HugeEvent => {
                let mut huge = progress(&request.body, 1);
                huge["params"]["message"] = json!("x".repeat(2 << 20));
                write(
                    stream,
                    format!("{STREAM_HEAD}{}{}{LAST_CHUNK}", event(&huge), event(&good)),
                )
                .await
            }
            Self::HugeAnswer => {
                let mut huge = good;
                huge["result"]["content"][0]["text"] = json!("x".repeat(17 << 20));
                write(stream, json("200 OK", &huge)).await
            }
            Self::InputRequired => {
                let mut asks = good;
                asks["result"] =
                    json!({ "resultType": "input_required", "inputRequests": {}, "requestState": "s" });
                write(stream, json("200 OK", &asks)).await
            }
            Self::Chatters => {
                let log = json!({ "jsonrpc": "2.0", "method": "notifications/message", "params": { "level": "info", "data": 1 } });
                let mut foreign = progress(&request.body, 1);
                foreign["params"]["progressToken"] = json!("another");
                let events = [log, foreign, good].map(|message| event(&message)).concat();
                write(stream, format!("{STREAM_HEAD}{events}{LAST_CHUNK}")).await
            }
        }
    }
}

/// The answer to a request: its arguments, as text.
fn result(request: &Value) -> Value {
    json!({
        "jsonrpc": "2.0",
        "id": request["id"],
        "result": {
            "resultType": "complete",
            "content": [{ "type": "text", "text": request["params"]["arguments"].to_string() }],
            "isError": false,
        },
    })
}

fn progress(request: &Value, step: u64) -> Value {
    let token = &request["params"]["_meta"]["progressToken"];
    json!({
        "jsonrpc": "2.0",
        "method": "notifications/progress",
        "params": { "progressToken": token, "progress": step },
    })
}
