//! How a gateway ends.

use tokio::net::TcpListener;

use crate::upstream::scene::Stalling;

use super::*;

async fn listener() -> Listener {
    Listener::plain(TcpListener::bind("127.0.0.1:0").await.unwrap())
}

/// What comes of a gateway that is stopped at once, while a stream of its log takes nothing.
async fn drained(stalled: Option<Stream>) -> Result<(), GatewayError> {
    let folder = tempfile::tempdir().unwrap();
    let (log, store) = (Stalling::new(), folder.path().join("projection.db"));
    let config = Config {
        replica: "test".parse().unwrap(),
        alone: false,
        public_url: "http://localhost".to_owned(),
        hosts: Vec::new(),
        admin_hosts: Vec::new(),
        keys: Keys::load_or_create(folder.path()).unwrap(),
        first_admins: Vec::new(),
        redis: None,
        drain: Drain {
            notice: Duration::ZERO,
            grace: Duration::from_secs(1),
        },
    };
    let store = Store::open(store).await.unwrap();
    let its_log = Arc::clone(&log) as Arc<dyn EventLog>;
    let gateway = Box::pin(Gateway::open(config, its_log, store)).await.unwrap();
    log.stall(stalled);
    let listeners = Listeners {
        data: listener().await,
        admin: listener().await,
    };
    let stop = CancellationToken::new();
    stop.cancel();
    let ended = tokio::time::timeout(3 * LAST_EVENTS, Box::pin(gateway.serve(listeners, stop))).await;
    ended.expect("it ends")
}

#[tokio::test]
async fn a_gateway_drains() {
    drained(None).await.unwrap();
}

#[tokio::test]
async fn a_log_that_takes_nothing_does_not_hold_up_the_end_for_ever() {
    for stalled in [Stream::Audit, Stream::Denials] {
        let ended = drained(Some(stalled)).await;
        let is_recorded = stalled != Stream::Audit;
        assert_eq!(ended.is_ok(), is_recorded, "{stalled:?}: {ended:?}");
    }
}
