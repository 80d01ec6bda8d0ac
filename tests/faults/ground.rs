//! The brokers themselves: that they fail and come back as the other tests take for granted.

use std::time::Duration;

use onedoor_tests::{
    proxy::Way,
    stack::brokers::{Brokers, Settings},
};
use rdkafka::{
    ClientConfig,
    admin::{AdminClient, AdminOptions, NewTopic, TopicReplication},
    client::DefaultClientContext,
    producer::{FutureProducer, FutureRecord},
};

const TOPIC: &str = "things";

fn client(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", servers)
        .set("message.timeout.ms", "2000")
        .set("socket.timeout.ms", "2000");
    config
}

/// Whether a message is acknowledged in two seconds.
async fn takes(servers: &str) -> bool {
    let producer: FutureProducer = client(servers).create().unwrap();
    let record = FutureRecord::<(), str>::to(TOPIC).payload("x").partition(0);
    producer.send(record, Duration::from_secs(2)).await.is_ok()
}

#[tokio::test]
async fn ways_are_cut_for_one_client_alone_and_leaders_move() {
    let mut brokers = Brokers::start(Settings::Tuned, 2).await;
    let admin: AdminClient<DefaultClientContext> = client(&brokers.direct()).create().unwrap();
    let topic = NewTopic::new(TOPIC, 1, TopicReplication::Fixed(3));
    let made = admin.create_topics([&topic], &AdminOptions::new()).await.unwrap();
    assert!(made[0].is_ok(), "{made:?}");
    brokers.complete().await;

    let (one, other) = (brokers.of_client(0), brokers.of_client(1));
    assert!(takes(&one).await && takes(&other).await);
    let leader = brokers.leader(TOPIC, 0).await;
    for way in [Way::Stalled, Way::Cut] {
        brokers.set_one(0, leader, way);
        assert!(!takes(&one).await && takes(&other).await, "{way:?}");
        brokers.set(0, Way::Open);
        assert!(takes(&one).await, "{way:?}");
    }

    brokers.kill(leader).await;
    onedoor_tests::wait::until("another leader", async || {
        (brokers.leader(TOPIC, 0).await != leader).then_some(())
    })
    .await;
    assert!(takes(&one).await);
    brokers.restart(leader).await;
    brokers.complete().await;
}
