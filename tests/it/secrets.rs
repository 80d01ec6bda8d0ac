//! The caller's token is in no upstream byte, no log line and no file.

use onedoor_tests::{
    dev::Dev,
    idp::Idp,
    ledger::Ledger,
    mcp::Mcp,
    raw::RawRequest,
    search::{files, holding},
    token::Token,
    upstream::{Behaviour, Upstream},
};
use serde_json::json;
use tempfile::TempDir;

/// Pieces of a signature that are long enough to be nowhere by chance, and short enough to be whole where a file is cut into pages.
const PIECE: usize = 24;

#[tokio::test]
async fn a_callers_token_is_nowhere() {
    // Everything is logged that can be.
    let (mut dev, upstream) = tokio::join!(Dev::start_logging("trace"), Upstream::start());
    let ledger = Ledger::start(&dev.places.data_url).await;
    let (admin, idp) = (dev.admin("admin").await, Idp::start("tests").await);
    idp.register(&admin).await;
    let mut manifest = upstream.manifest("edge");
    manifest.timeouts = json!({ "connectMs": 500, "firstByteMs": 500, "totalMs": 1_000 });
    admin.open(&manifest).await;
    admin.open(&ledger.manifest).await;
    for slug in ["edge", "ledger"] {
        admin.grant(&dev.analysts(), slug, None, "production").await;
        admin.grant(&idp.group("g"), slug, None, "production").await;
    }

    let analyst = dev.token("analyst").await;
    let good = idp.token("u", &["g"]);
    let tokens = [
        analyst.clone(),
        good.clone(),
        dev.token("manager").await,
        dev.admin_token("auditor").await,
        idp.sign_wrongly(&idp.claims("u", &["g"])),
        idp.sign(&json!({ "iss": idp.issuer })),
    ];
    // A server that misbehaves all the time would be left alone before long.
    dev.admin("admin")
        .await
        .set(|settings| settings["breaker"]["failures"] = json!(1_000))
        .await;
    for token in &tokens {
        for slug in ["edge", "ledger", "finance", "nowhere"] {
            let server = dev.mcp_with(slug, token);
            server.request("server/discover", json!({})).await;
            server.request("tools/list", json!({})).await;
            server.call("whoami", json!({})).await;
        }
        let edge = dev.mcp_with("edge", token);
        for behaviour in Behaviour::ALL {
            if !matches!(
                behaviour,
                Behaviour::Endless | Behaviour::Held | Behaviour::HugeAnswer | Behaviour::HugeEvent
            ) {
                edge.call(behaviour.tool(), json!({})).await;
            }
        }
        dev.http
            .get(format!("{}/tools", dev.places.data_url))
            .bearer_auth(token.expose())
            .send()
            .await
            .unwrap();
        let servers = format!("{}/api/v1/servers", dev.places.admin_url);
        dev.http
            .get(servers)
            .bearer_auth(token.expose())
            .send()
            .await
            .unwrap();
        raw(&dev, token).await;
    }
    // A stream that the client leaves, and one that an administrator ends.
    let edge = dev.mcp_with("edge", &good);
    let mut stream = edge.stream("endless", json!({})).await;
    stream.next().await;
    drop(stream);
    let mut stream = edge.stream("endless", json!({})).await;
    stream.next().await;
    admin.stop("edge", "disable").await;
    while stream.next().await.is_some() {}

    assert!(upstream.requests().len() > 20);
    assert!(dev.stop().await.success());
    let output = dev.output();
    let lines = output.split(|byte| *byte == b'\n').count();
    assert!(lines > 30, "there was hardly a log: {lines} lines");
    let (bytes, journal) = (upstream.bytes(), ledger.journal());
    let texts = [
        ("the log", output.as_slice()),
        ("an upstream", &bytes),
        ("the ledger", journal.as_bytes()),
    ];
    for (number, token) in tokens.iter().enumerate() {
        let pieces = pieces(token);
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        assert_eq!(
            holding(&texts, dev.folder(), &pieces),
            Vec::<String>::new(),
            "token {number}"
        );
    }
    assert!(files(dev.folder()).len() > 5);
}

/// Where it does not belong: in the target, in a header of another name, in arguments that are too deep to be read.
async fn raw(dev: &Dev, token: &Token) {
    let bearer = format!("Bearer {}", token.expose());
    let request =
        RawRequest::new("POST /servers/edge/mcp", dev.data_address()).with("Authorization", &bearer);
    request
        .clone()
        .with("Authorization", &bearer)
        .send(dev.data_address())
        .await;
    request
        .clone()
        .with("Content-Encoding", "x")
        .send(dev.data_address())
        .await;
    let mut elsewhere = request.clone();
    elsewhere.start = format!("GET /tools?access_token={}", token.expose());
    elsewhere.send(dev.data_address()).await;
    let broken = Mcp::body("tools/call", json!({ "name": "echo" })).to_string();
    request
        .with("Content-Type", "application/json")
        .body(&broken.as_bytes()[1..])
        .send(dev.data_address())
        .await;
}

/// The signature, in pieces.
fn pieces(token: &Token) -> Vec<String> {
    token
        .signature()
        .as_bytes()
        .chunks_exact(PIECE)
        .map(|piece| String::from_utf8(piece.to_vec()).unwrap())
        .collect()
}

/// The search can fail: it finds a token where there is one.
#[tokio::test]
async fn the_search_finds_what_is_there() {
    let idp = Idp::start("tests").await;
    let (token, other) = (idp.token("u", &[]), idp.token("u", &[]));
    let folder = TempDir::new().unwrap();
    std::fs::create_dir(folder.path().join("deep")).unwrap();
    let file = folder.path().join("deep/file.db");
    let pieces_of = pieces(&token);
    // Only its last piece, amid zeros.
    std::fs::write(
        &file,
        [&[0; 5_000], pieces_of.last().unwrap().as_bytes(), &[0; 50]].concat(),
    )
    .unwrap();
    let log = format!("Authorization: Bearer {}", token.expose());
    let texts = [
        ("the log", log.as_bytes()),
        ("an upstream", b"POST /mcp".as_slice()),
    ];
    let needles: Vec<&str> = pieces_of.iter().map(String::as_str).collect();
    assert_eq!(
        holding(&texts, folder.path(), &needles),
        ["the log".to_owned(), file.display().to_string()]
    );
    let others = pieces(&other);
    let needles: Vec<&str> = others.iter().map(String::as_str).collect();
    assert_eq!(holding(&texts, folder.path(), &needles), Vec::<String>::new());
}
