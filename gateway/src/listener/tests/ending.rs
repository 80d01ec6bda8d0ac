//! How connections end when a replica leaves.

use std::time::Duration;

use axum::routing::post;
use http_body_util::BodyExt as _;
use tokio::time::sleep;

use super::*;

/// What a client on one connection of HTTP/1.1 is answered, head and body.
struct Client(TcpStream);

impl Client {
    async fn connect(served: &Served) -> Self {
        Self(TcpStream::connect(served.address).await.unwrap())
    }

    async fn ask(&mut self) -> String {
        self.0
            .write_all(format!("GET / HTTP/1.1\r\nhost: {NAME}\r\n\r\n").as_bytes())
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"open") {
            let read = timeout(PATIENCE, self.0.read_buf(&mut answer)).await.unwrap();
            assert_ne!(read.unwrap(), 0, "the connection ended instead of an answer");
        }
        String::from_utf8(answer).unwrap().to_ascii_lowercase()
    }

    async fn is_closed(&mut self) -> bool {
        let read = timeout(PATIENCE, self.0.read(&mut [0; 1])).await;
        matches!(read.expect("the connection ends"), Ok(0) | Err(_))
    }
}

#[tokio::test]
async fn answers_of_a_replica_that_leaves_tell_clients_to_go_elsewhere() {
    let served = Served::start(None).await;
    let mut client = Client::connect(&served).await;
    assert!(!client.ask().await.contains("connection: close"));
    served.ending.leaving.cancel();
    assert!(client.ask().await.contains("connection: close"));
    assert!(client.is_closed().await);
    // Those who have not noticed yet are served.
    let mut late = Client::connect(&served).await;
    assert!(late.ask().await.contains("connection: close"));
}

#[tokio::test]
async fn who_has_just_been_answered_may_ask_once_more() {
    let served = Served::start(None).await;
    let mut client = Client::connect(&served).await;
    client.ask().await;
    served.ending.leaving.cancel();
    served.ending.stop.cancel();
    assert!(client.ask().await.contains("connection: close"));
    assert!(client.is_closed().await);
    timeout(PATIENCE, served.task).await.expect("it ends").unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let served = Served::start(None).await;
    let mut used = Client::connect(&served).await;
    used.ask().await;
    let mut silent = Client::connect(&served).await;
    sleep(QUIET).await;
    served.ending.stop.cancel();
    timeout(PATIENCE, served.task).await.expect("it ends").unwrap();
    assert!(used.is_closed().await && silent.is_closed().await);
}

#[tokio::test]
async fn http_2_is_told_to_go_away_and_what_was_asked_is_answered() {
    let slow = Router::new().route(
        "/",
        post(|| async {
            sleep(Duration::from_millis(300)).await;
            "slow"
        }),
    );
    let served = Served::start_with(None, slow).await;
    let stream = TcpStream::connect(served.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
    let connection = tokio::spawn(connection);
    let request = Request::post(format!("http://{NAME}/"))
        .body(Body::empty())
        .unwrap();
    let answer = sender.send_request(request);
    // It is on its way before the replica leaves.
    sleep(Duration::from_millis(100)).await;
    served.ending.leaving.cancel();
    served.ending.stop.cancel();
    let body = answer.await.unwrap().into_body().collect().await.unwrap();
    assert_eq!(body.to_bytes(), "slow");
    timeout(PATIENCE, connection)
        .await
        .expect("GOAWAY")
        .unwrap()
        .unwrap();
    timeout(PATIENCE, served.task).await.expect("it ends").unwrap();
}
