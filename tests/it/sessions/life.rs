//! Grants, versions and servers that come and go while sessions last.

use onedoor_tests::{dev::Dev, session_servers::SessionServer, session_upstream::SessionUpstream, wait};
use rmcp::model::ProtocolVersion;
use serde_json::json;

use super::{
    all, door,
    host::{Client, Heard, Host, called},
};

async fn connect(dev: &Dev, url: &str) -> Client {
    Host::new(ProtocolVersion::V_2025_11_25).connect(dev, url).await
}

/// Waits until so many streams to clients are open.
async fn open_streams(dev: &Dev, number: u8) {
    let url = format!("{}/metrics", dev.places.admin_url);
    wait::until("streams to clients", async || {
        let page = dev.http.get(&url).send().await.unwrap().text().await.unwrap();
        let gauge = page
            .lines()
            .find_map(|line| line.strip_prefix("onedoor_streams_open "));
        (gauge?.parse::<f64>().unwrap() == f64::from(number)).then_some(())
    })
    .await;
}

async fn has(client: &Client, tool: &str) -> bool {
    let tools = client.list_all_tools().await.unwrap();
    tools.iter().any(|one| one.name == tool)
}

#[tokio::test]
async fn a_client_hears_of_grants_that_come_and_go() {
    let (dev, upstream) = tokio::join!(Dev::start(), SessionUpstream::start());
    let admin = dev.admin("admin").await;
    admin.open(&upstream.manifest("edge")).await;
    let grant = async |tool| {
        admin
            .grant(&dev.analysts(), "edge", Some(tool), "production")
            .await
    };
    grant("echo").await;
    let (here, everywhere) = (
        connect(&dev, &dev.endpoint("edge")).await,
        connect(&dev, &all(&dev)).await,
    );
    open_streams(&dev, 2).await;
    let hear = async |times| {
        for client in [&here, &everywhere] {
            client
                .service()
                .hears(times, |heard| *heard == Heard::ToolsChanged)
                .await;
        }
        (has(&here, "held").await, has(&everywhere, "edge__held").await)
    };
    assert!(!has(&here, "held").await);
    let held = grant("held").await;
    assert_eq!(hear(1).await, (true, true));
    admin.delete(&format!("/grants/{held}")).await.expect(200);
    assert_eq!(hear(2).await, (false, false));
}

#[tokio::test]
async fn a_new_version_is_used_in_a_new_session() {
    let upstream = SessionUpstream::start().await;
    let mut manifest = upstream.manifest("edge");
    let dev = door(&manifest).await;
    let begun = || upstream.messages(Some("initialize")).len();
    let (here, everywhere) = (
        connect(&dev, &dev.endpoint("edge")).await,
        connect(&dev, &all(&dev)).await,
    );
    let call = async || {
        called(&here, "echo", json!({})).await.unwrap();
        called(&everywhere, "edge__echo", json!({})).await.unwrap();
    };
    call().await;
    assert_eq!(begun(), 2);
    let admin = dev.admin("admin").await;
    "2.0.0".clone_into(&mut manifest.version);
    admin.update(&manifest).await;
    call().await;
    assert_eq!(begun(), 2);
    admin.act("edge", "promote").await.expect(200);
    call().await;
    assert_eq!(begun(), 4);
}

#[tokio::test]
async fn a_server_that_starts_anew_is_used_in_a_new_session() {
    let mut server = SessionServer::resumable().await;
    let dev = door(&server.manifest).await;
    let (here, everywhere) = (
        connect(&dev, &dev.endpoint("resumable")).await,
        connect(&dev, &all(&dev)).await,
    );
    called(&here, "outlast", json!({})).await.unwrap();
    called(&everywhere, "resumable__outlast", json!({}))
        .await
        .unwrap();
    server.restart().await;
    // The client's session is gone, so it begins another; with all servers it is not, and the next call is well again.
    called(&here, "outlast", json!({})).await.unwrap();
    called(&everywhere, "resumable__outlast", json!({}))
        .await
        .unwrap_err();
    called(&everywhere, "resumable__outlast", json!({}))
        .await
        .unwrap();
}

/// The reference server answers 400 where it should answer 404.
#[tokio::test]
async fn so_is_one_that_does_not_say_that_it_has_forgotten() {
    let mut server = SessionServer::everything().await;
    let dev = door(&server.manifest).await;
    let client = connect(&dev, &all(&dev)).await;
    let echo = async || called(&client, "everything__echo", json!({ "message": "hi" })).await;
    echo().await.unwrap();
    server.restart().await;
    echo().await.unwrap_err();
    echo().await.unwrap();
}
