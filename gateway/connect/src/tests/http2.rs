//! Many requests on one connection.

mod going_away;
mod reset;
mod sharing;

use bytes::Bytes;
use futures_util::stream;
use h2::{RecvStream, server::SendResponse};
use http::{Request, Response};
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};

use super::{
    server::{acquire, get, in_time},
    upstream::{Stream, answer_ok},
};
use crate::{Pool, PooledBody, RequestBody};

async fn text(answer: Response<PooledBody>) -> Bytes {
    in_time(answer.into_body().collect()).await.unwrap().to_bytes()
}

async fn exchange(pool: &Pool) {
    let answer = in_time(acquire(pool).await.send(get("/"))).await.unwrap();
    assert_eq!(text(answer).await, "{}");
}

async fn ok(_: usize, _: Request<RecvStream>, respond: SendResponse<Bytes>) {
    answer_ok(respond);
}

/// Answers every request on a connection of HTTP/2.
async fn answer_all(stream: Stream) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, respond))) = connection.accept().await {
        answer_ok(respond);
    }
}

fn endless() -> RequestBody {
    let chunks =
        stream::repeat_with(|| Ok::<_, std::io::Error>(Frame::data(Bytes::from_static(&[0; 16 * 1024]))));
    RequestBody::streaming(StreamBody::new(chunks))
}
