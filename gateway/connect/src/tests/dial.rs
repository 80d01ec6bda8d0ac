//! Where connections go, and where not.

use std::{sync::Arc, time::Duration};

use tokio::net::TcpListener;
use url::Url;

use super::server::{OK, Server, connector, in_time, loopback, soon};
use crate::{AddressPolicy, ConnectError, Destination, Instant, Stage};

async fn connect(url: &str, policy: AddressPolicy<'_>, deadline: Instant) -> Result<(), ConnectError> {
    let destination = Arc::new(Destination::of(&Url::parse(url).unwrap()).unwrap());
    in_time(connector().connect(&destination, policy, deadline))
        .await
        .map(drop)
}

#[tokio::test]
async fn a_forbidden_address_is_never_connected_to() {
    let server = Server::answering(OK).await;
    let port = server.address.port();
    for host in [
        "localhost",
        "127.0.0.1",
        "0.0.0.0",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::127.0.0.1]",
        "2130706433",
    ] {
        let url = format!("http://{host}:{port}/");
        let error = connect(&url, AddressPolicy::PUBLIC, soon()).await.unwrap_err();
        assert!(matches!(error, ConnectError::Forbidden(_)), "{host}: {error:?}");
    }
    assert_eq!(server.connections(), 0);
    connect(
        &format!("http://127.0.0.1:{port}/"),
        AddressPolicy::allowing(&loopback()),
        soon(),
    )
    .await
    .unwrap();
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_name_is_connected_to_by_whichever_of_its_addresses_answers() {
    let server = Server::answering(OK).await;
    let internal = ["127.0.0.0/8", "::1/128"].map(|net| net.parse().unwrap());
    let url = format!("http://localhost:{}/", server.address.port());
    connect(&url, AddressPolicy::allowing(&internal), soon())
        .await
        .unwrap();
}

#[tokio::test]
async fn a_name_that_does_not_exist_cannot_be_resolved() {
    let error = connect("http://no-such-host.invalid/", AddressPolicy::PUBLIC, soon())
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::Resolve(_) | ConnectError::NoAddress),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_port_that_nobody_listens_on_is_unreachable() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let error = connect(&url, AddressPolicy::allowing(&loopback()), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, ConnectError::Tcp(_)), "{error:?}");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up_at_the_deadline() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", listener.local_addr().unwrap());
    let deadline = Instant::now() + Duration::from_millis(50);
    let error = connect(&url, AddressPolicy::allowing(&loopback()), deadline)
        .await
        .unwrap_err();
    assert!(
        matches!(error, ConnectError::TimedOut(Stage::Handshake)),
        "{error:?}"
    );
    assert!(Instant::now() >= deadline);
}
