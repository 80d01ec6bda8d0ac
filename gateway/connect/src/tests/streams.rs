//! Bodies that come as streams, up and down, over every way to speak HTTP.

use std::{
    convert::Infallible,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::Poll,
    time::Duration,
};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, header::CONTENT_LENGTH};
use http_body::{Body, Frame};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, mpsc},
    time::{Instant, sleep},
};

use super::{
    server::{PATIENCE, Server, Told, acquire, get, in_time},
    upstream::Upstream,
};
use crate::{Pool, PooledBody, RequestBody, Witness};

type AnyBody = UnsyncBoxBody<Bytes, crate::BoxError>;

/// More than all the buffers on the way hold together.
const BUFFERED: usize = 24 << 20;

const CHUNK: usize = 16 * 1024;

enum Peer {
    Plain(Server),
    Secure(Upstream),
}

impl Peer {
    fn pool(&self) -> Pool {
        match self {
            Self::Plain(server) => server.pool(),
            Self::Secure(upstream) => upstream.pool(),
        }
    }

    fn connections(&self) -> usize {
        match self {
            Self::Plain(server) => server.connections(),
            Self::Secure(upstream) => upstream.connections(),
        }
    }
}

/// Servers that answer by `answer`: HTTP/1.1 in clear text and over TLS, HTTP/2.
async fn peers<F, S>(answer: F) -> [(&'static str, Peer); 3]
where
    F: Fn(Request<Incoming>) -> S + Clone + Send + 'static,
    S: Future<Output = AnyBody> + Send + 'static,
{
    let (of_first, of_second) = (answer.clone(), answer.clone());
    let plain = Server::start(move |_, stream| serve(stream, answer.clone())).await;
    let first = Upstream::speaking(&["http/1.1"], move |_, stream| serve(stream, of_first.clone())).await;
    let second = Upstream::speaking(&["h2", "http/1.1"], move |_, stream| {
        serve(stream, of_second.clone())
    })
    .await;
    [
        ("HTTP/1.1", Peer::Plain(plain)),
        ("HTTP/1.1 over TLS", Peer::Secure(first)),
        ("HTTP/2", Peer::Secure(second)),
    ]
}

async fn serve<F, S>(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, answer: F)
where
    F: Fn(Request<Incoming>) -> S + Send + 'static,
    S: Future<Output = AnyBody> + Send + 'static,
{
    let service = service_fn(move |request| {
        let answer = answer(request);
        async move {
            let answer = answer.await;
            Response::builder().header("trailer", "x-sum").body(answer)
        }
    });
    let server = auto::Builder::new(TokioExecutor::new());
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

fn boxed<B>(body: B) -> AnyBody
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<crate::BoxError>,
{
    body.map_err(Into::into).boxed_unsync()
}

async fn echo(request: Request<Incoming>) -> AnyBody {
    boxed(request.into_body())
}

/// A body whose frames come one by one.
fn piecewise() -> (mpsc::Sender<Result<Frame<Bytes>, io::Error>>, RequestBody) {
    let (sender, mut receiver) = mpsc::channel(1);
    let frames = stream::poll_fn(move |cx| receiver.poll_recv(cx));
    (sender, RequestBody::streaming(StreamBody::new(frames)))
}

fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

/// A body without end, and how many of its bytes were taken.
fn endless() -> (
    impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
    Arc<AtomicUsize>,
) {
    let taken = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&taken);
    let chunks = stream::repeat_with(move || {
        count.fetch_add(CHUNK, Ordering::SeqCst);
        Ok(Frame::data(Bytes::from_static(&[b'x'; CHUNK])))
    });
    (StreamBody::new(chunks), taken)
}

/// How much was taken when for a good while nothing more is.
async fn settled(taken: &AtomicUsize) -> usize {
    let (mut last, mut since) = (0, Instant::now());
    let deadline = since + PATIENCE;
    while since.elapsed() < Duration::from_millis(300) {
        assert!(Instant::now() < deadline, "it goes on and on: {last}");
        sleep(Duration::from_millis(5)).await;
        let now = taken.load(Ordering::SeqCst);
        if now != last {
            (last, since) = (now, Instant::now());
        }
    }
    last
}

fn post(body: RequestBody) -> Request<RequestBody> {
    let request = Request::post("/")
        .header("te", "trailers")
        .header("trailer", "x-sum");
    request.body(body).unwrap()
}

async fn next(body: &mut PooledBody) -> Frame<Bytes> {
    in_time(body.frame()).await.unwrap().unwrap()
}

#[tokio::test]
async fn both_sides_speak_before_either_has_ended() {
    for (protocol, peer) in peers(echo).await {
        let (say, body) = piecewise();
        let answer = in_time(acquire(&peer.pool()).await.send(post(body)))
            .await
            .unwrap();
        let mut heard = answer.into_body();
        for word in ["one", "two", "three"] {
            say.send(Ok(data(word))).await.unwrap();
            assert_eq!(next(&mut heard).await.into_data().unwrap(), word, "{protocol}");
        }
        let sums = HeaderMap::from_iter([(HeaderName::from_static("x-sum"), HeaderValue::from_static("3"))]);
        say.send(Ok(Frame::trailers(sums.clone()))).await.unwrap();
        drop(say);
        assert_eq!(
            next(&mut heard).await.into_trailers().unwrap(),
            sums,
            "{protocol}"
        );
        assert!(in_time(heard.frame()).await.is_none(), "{protocol}");
    }
}

#[tokio::test]
async fn large_bodies_arrive_as_they_were_sent() {
    let large: Vec<u8> = (0..3 << 20)
        .map(|n: u32| n.to_le_bytes()[n as usize % 3])
        .collect();
    let large = Bytes::from(large);
    for (protocol, peer) in peers(echo).await {
        let pool = peer.pool();
        for streamed in [false, true] {
            let body = match streamed {
                true => {
                    let mut rest = large.clone();
                    let chunks = stream::poll_fn(move |_| {
                        let chunk = rest.split_to(rest.len().min(70_000));
                        Poll::Ready((!chunk.is_empty()).then(|| Ok::<_, io::Error>(Frame::data(chunk))))
                    });
                    RequestBody::streaming(StreamBody::new(chunks))
                }
                false => RequestBody::whole(large.clone()),
            };
            let answer = in_time(acquire(&pool).await.send(post(body))).await.unwrap();
            let heard = in_time(answer.into_body().collect()).await.unwrap().to_bytes();
            assert!(heard == large, "{protocol} {streamed}: {} bytes", heard.len());
        }
        assert_eq!(peer.connections(), 1, "{protocol}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_read_holds_up_the_sender() {
    let resume = Arc::new(Notify::new());
    let resumed = Arc::clone(&resume);
    let peers = peers(move |request| {
        let resumed = Arc::clone(&resumed);
        async move {
            resumed.notified().await;
            echo(request).await
        }
    });
    for (protocol, peer) in peers.await {
        let (body, taken) = endless();
        let request = post(RequestBody::streaming(body));
        let mut answer = Box::pin(acquire(&peer.pool()).await.send(request));
        let held = tokio::select! {
            _ = &mut answer => panic!("{protocol}: answered"),
            held = settled(&taken) => held,
        };
        assert!((CHUNK..BUFFERED).contains(&held), "{protocol}: {held}");
        resume.notify_one();
        let mut heard = in_time(answer).await.unwrap().into_body();
        while taken.load(Ordering::SeqCst) < held + BUFFERED {
            next(&mut heard).await;
        }
    }
}

#[tokio::test]
async fn a_reader_that_does_not_read_holds_up_the_server() {
    let (tell, mut told) = mpsc::channel(1);
    let peers = peers(move |_| {
        let tell = tell.clone();
        async move {
            let (body, taken) = endless();
            tell.send(taken).await.unwrap();
            boxed(body)
        }
    });
    for (protocol, peer) in peers.await {
        let answer = in_time(acquire(&peer.pool()).await.send(get("/"))).await.unwrap();
        let mut heard = answer.into_body();
        let taken = in_time(told.recv()).await.unwrap();
        let held = settled(&taken).await;
        assert!((CHUNK..BUFFERED).contains(&held), "{protocol}: {held}");
        while taken.load(Ordering::SeqCst) < held + BUFFERED {
            next(&mut heard).await;
        }
    }
}

/// Servers that answer at once, read on, and tell how the request's body ended.
async fn reading_peers() -> ([(&'static str, Peer); 3], mpsc::Receiver<bool>) {
    let (tell, told) = mpsc::channel(1);
    let peers = peers(move |request: Request<Incoming>| {
        let tell = tell.clone();
        async move {
            tokio::spawn(async move {
                let is_whole = request.into_body().collect().await.is_ok();
                tell.send(is_whole).await.unwrap();
            });
            boxed(StreamBody::new(stream::pending::<Result<_, Infallible>>()))
        }
    });
    (peers.await, told)
}

#[tokio::test]
async fn dropping_the_answer_ends_the_upload() {
    let (peers, mut is_whole) = reading_peers().await;
    for (protocol, peer) in peers {
        let (say, body) = piecewise();
        let answer = in_time(acquire(&peer.pool()).await.send(post(body)))
            .await
            .unwrap();
        say.send(Ok(data("one"))).await.unwrap();
        drop(answer);
        assert_eq!(in_time(is_whole.recv()).await, Some(false), "{protocol}");
        in_time(say.closed()).await;
    }
}

#[tokio::test]
async fn a_body_that_fails_is_not_taken_for_a_whole_one() {
    let (peers, mut is_whole) = reading_peers().await;
    for (protocol, peer) in peers {
        let pool = peer.pool();
        for (declared, last, whole) in [
            (None, Some(Ok(data("two"))), true),
            (None, Some(Err(io::Error::other("gone"))), false),
            (Some("6"), Some(Ok(data("two"))), true),
            (Some("3"), None, true),
            (Some("7"), Some(Ok(data("two"))), false),
            (Some("4"), None, false),
            (Some("5"), Some(Ok(data("two"))), false),
        ] {
            let (say, body) = piecewise();
            let mut request = post(body);
            if let Some(declared) = declared {
                let declared = HeaderValue::from_static(declared);
                request.headers_mut().insert(CONTENT_LENGTH, declared);
            }
            say.send(Ok(data("one"))).await.unwrap();
            let _answer = in_time(acquire(&pool).await.send(request)).await.unwrap();
            if let Some(last) = last {
                in_time(say.send(last)).await.unwrap();
            }
            drop(say);
            assert_eq!(
                in_time(is_whole.recv()).await,
                Some(whole),
                "{protocol} {declared:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_write_is_told_once_when_the_request_went_out() {
    for (protocol, peer) in peers(echo).await {
        let pool = peer.pool();
        for _ in 0..2 {
            let told = Arc::new(Told::default());
            let answer = acquire(&pool)
                .await
                .send_witnessed(get("/"), Arc::clone(&told) as Arc<dyn Witness>);
            let answer = in_time(answer).await.unwrap();
            assert_eq!(told.times(), 1, "{protocol}");
            in_time(answer.into_body().collect()).await.unwrap();
            assert_eq!(told.times(), 1, "{protocol}");
        }
        assert_eq!(peer.connections(), 1, "{protocol}");
    }
}

/// The negative control: what is only handed over is not written.
#[tokio::test(flavor = "current_thread")]
async fn a_request_that_is_not_written_yet_is_not_told() {
    for (protocol, peer) in peers(echo).await {
        let lease = acquire(&peer.pool()).await;
        let told = Arc::new(Told::default());
        let answer = lease.send_witnessed(get("/"), Arc::clone(&told) as Arc<dyn Witness>);
        assert_eq!(told.times(), 0, "{protocol}: the connection's task has not run");
        in_time(answer).await.unwrap();
        assert_eq!(told.times(), 1, "{protocol}");
    }
}
