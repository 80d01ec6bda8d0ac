//! Bodies and heads that are too long, too short or too slow.

use onedoor_tests::raw::RawAnswer;
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

use super::{Good, body};
use crate::door;

#[tokio::test]
async fn large_truncated_and_slow_bodies_hurt_nobody() {
    let (dev, upstream) = door().await;
    let good = Good::new(&dev).await;
    // One byte too many, of white space.
    let limit = 4 << 20;
    let text = body().to_string();
    let padded = |length: usize| text.clone() + &" ".repeat(length - text.len());
    assert_eq!(good.send(&good.call().body(padded(limit))).await.status, 200);
    let answer = good.send(&good.call().body(padded(limit + 1))).await;
    assert_eq!((answer.status, answer.code()), (413, Some(-32600)));
    // Without a length that would tell.
    let head = good
        .call()
        .without("Content-Length")
        .with("Transfer-Encoding", "chunked");
    let head = String::from_utf8(head.head()).unwrap();
    let head = head
        .lines()
        .filter(|line| !line.starts_with("Content-Length"))
        .map(|line| format!("{line}\r\n"))
        .collect::<String>();
    let mut stream = TcpStream::connect(&good.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let chunk = format!("10000\r\n{}\r\n", " ".repeat(0x10000));
    for _ in 0..80 {
        if stream.write_all(chunk.as_bytes()).await.is_err() {
            break;
        }
    }
    assert_eq!(RawAnswer::read(&mut stream).await.status, 413);
    assert_eq!(upstream.requests().len(), 1);

    // Whoever has no token does not get to send a body at all.
    let mut stream = TcpStream::connect(&good.address).await.unwrap();
    let head = good.call().without("Authorization").body(padded(limit)).head();
    stream.write_all(&head).await.unwrap();
    assert_eq!(RawAnswer::read(&mut stream).await.status, 401);

    // Half a head, half a body, and then nothing: they are left open while others are served.
    let mut open = Vec::new();
    for part in [&good.call().head()[..60], &good.call().head()[..]] {
        let mut stream = TcpStream::connect(&good.address).await.unwrap();
        stream.write_all(part).await.unwrap();
        stream.write_all(b"{").await.unwrap();
        open.push(stream);
    }
    assert_eq!(good.send(&good.call()).await.status, 200);
    drop(open);

    // A body that ends before its announced length.
    let mut stream = TcpStream::connect(&good.address).await.unwrap();
    stream.write_all(&good.call().head()).await.unwrap();
    stream.write_all(&text.as_bytes()[..20]).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut rest)
        .await
        .unwrap();
    assert!(
        rest.is_empty() || rest.starts_with(b"HTTP/1.1 400"),
        "{}",
        String::from_utf8_lossy(&rest)
    );
    // A head beyond all measure.
    let huge = good.call().with("X-Padding", &"x".repeat(200 << 10));
    assert!(matches!(good.send(&huge).await.status, 400 | 431));
    assert_eq!(good.send(&good.call()).await.status, 200);
    assert_eq!(upstream.requests().len(), 3);
}
