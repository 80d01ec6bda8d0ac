//! What opening makes of topics that are there, are not there, or become others.

use std::time::Duration;

use bytes::Bytes;
use onedoor_log::{AppendError, KafkaOptions, MAX_EVENT_BYTES, OpenError, Options, ReadError, Stream, Tail};
use rdkafka::admin::{AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication};

use tokio::sync::oneshot;

use super::{Topics, few_partitions, open, try_open};
use crate::contract::{P0, append, at, batch, in_time, one};

fn admin_options() -> AdminOptions {
    AdminOptions::new().operation_timeout(Some(Duration::from_secs(5)))
}

/// Makes a topic as it must be, but for some settings.
async fn make(topics: &Topics, stream: Stream, partitions: i32, settings: &[(&str, &str)]) {
    let name = topics.name(stream);
    let as_they_must_be = [
        ("message.timestamp.type", "LogAppendTime"),
        ("max.message.bytes", "4194304"),
        ("retention.ms", "-1"),
        ("retention.bytes", "-1"),
    ];
    let mut topic = NewTopic::new(&name, partitions, TopicReplication::Fixed(1));
    for (setting, value) in as_they_must_be.iter().chain(settings) {
        topic = topic.set(setting, value);
    }
    topics
        .admin()
        .create_topics([&topic], &admin_options())
        .await
        .unwrap()[0]
        .as_ref()
        .unwrap();
}

async fn delete(topics: &Topics, stream: Stream) {
    let name = topics.name(stream);
    topics
        .admin()
        .delete_topics(&[&name], &admin_options())
        .await
        .unwrap();
}

/// The settings of a stream's topic.
async fn settings(topics: &Topics, stream: Stream) -> impl Fn(&str) -> String {
    let name = topics.name(stream);
    let described = topics
        .admin()
        .describe_configs([&ResourceSpecifier::Topic(&name)], &AdminOptions::new())
        .await
        .unwrap();
    let topic = described.into_iter().next().unwrap().unwrap();
    move |setting| topic.get(setting).unwrap().value.clone().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_made_as_they_must_be() {
    let topics = Topics::new();
    let options = Options {
        denials_bytes: 64 << 20,
        ..Options::default()
    };
    let log = open(&topics, options.clone()).await;
    assert_eq!(Stream::ALL.map(|stream| log.partitions(stream)), [1, 2, 1, 1]);
    for stream in Stream::ALL {
        let setting = settings(&topics, stream).await;
        assert_eq!(setting("cleanup.policy"), "delete");
        assert_eq!(setting("message.timestamp.type"), "LogAppendTime");
        assert_eq!(setting("unclean.leader.election.enable"), "false");
        let (ms, bytes) = match stream {
            Stream::Registry | Stream::Audit => ("-1", "-1"),
            Stream::Denials => ("-1", "67108864"),
            Stream::Control => ("21600000", "-1"),
        };
        assert_eq!(
            (setting("retention.ms"), setting("retention.bytes")),
            (ms.to_owned(), bytes.to_owned())
        );
    }
    assert_eq!(
        settings(&topics, Stream::Denials).await("segment.bytes"),
        "8388608"
    );
    // Opened again, they are found to be what they must be.
    open(&topics, options).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_is_not_what_it_must_be_is_refused_and_left_alone() {
    let wrong = [
        (
            Stream::Registry,
            2,
            ("retention.ms", "-1"),
            "partitions is 2 and must be 1",
        ),
        (
            Stream::Audit,
            3,
            ("retention.ms", "-1"),
            "set audit partitions to 3",
        ),
        (
            Stream::Registry,
            1,
            ("cleanup.policy", "compact"),
            "cleanup.policy is compact and must be delete",
        ),
        (
            Stream::Audit,
            2,
            ("retention.ms", "604800000"),
            "retention.ms is 604800000 and must be -1",
        ),
        (
            Stream::Registry,
            1,
            ("retention.bytes", "1000000"),
            "retention.bytes is 1000000 and must be -1",
        ),
        (
            Stream::Denials,
            1,
            ("retention.bytes", "-1"),
            "retention.bytes is -1 and must be 1 or more",
        ),
        (
            Stream::Control,
            1,
            ("retention.ms", "-1"),
            "retention.ms is -1 and must be 3600000 to 604800000",
        ),
        (
            Stream::Control,
            1,
            ("min.insync.replicas", "2"),
            "min.insync.replicas is 2 and must be 1 (",
        ),
        (
            Stream::Registry,
            1,
            ("message.timestamp.type", "CreateTime"),
            "is CreateTime and must be LogAppendTime",
        ),
        (
            Stream::Audit,
            2,
            ("max.message.bytes", "1048588"),
            "max.message.bytes is 1048588 and must be 4194304 or more",
        ),
        (
            Stream::Registry,
            1,
            ("unclean.leader.election.enable", "true"),
            "unclean.leader.election.enable is true",
        ),
    ];
    for (stream, partitions, (setting, value), told) in wrong {
        let topics = Topics::new();
        make(&topics, stream, partitions, &[(setting, value)]).await;
        let error = try_open(&topics, Options::default()).await.unwrap_err();
        assert!(
            matches!(&error, OpenError::WrongTopic { topic, .. } if *topic == topics.name(stream)),
            "{error:?}"
        );
        let text = error.to_string();
        assert!(text.contains(told), "{text}");
        assert_eq!(settings(&topics, stream).await(setting), value);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_few_replicas_are_refused() {
    let topics = Topics::new();
    make(&topics, Stream::Registry, 1, &[]).await;
    let mut options = few_partitions(Options::default());
    options.kafka.replication = Some(3);
    let text = try_open(&topics, options).await.unwrap_err().to_string();
    assert!(
        text.contains("replication factor is 1 and must be 3 or more"),
        "{text}"
    );
    assert!(
        text.contains("min.insync.replicas is 1 and must be 2 ("),
        "{text}"
    );
}

/// The others may be about to start.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_broker_that_is_up_does_not_keep_topics_alone_where_more_are_named() {
    let topics = Topics::new();
    let url = topics.url().replace("kafka://", "kafka://localhost:1,");
    let error = in_time(onedoor_log::open(&url)).await.unwrap_err();
    let named = format!("make topic {}", topics.name(Stream::Registry));
    assert!(error.to_string().contains(&named), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn topics_are_not_made_where_they_are_not_to_be() {
    let topics = Topics::new();
    let options = Options {
        kafka: KafkaOptions {
            create_topics: false,
            ..KafkaOptions::default()
        },
        ..Options::default()
    };
    let error = try_open(&topics, options).await.unwrap_err();
    assert!(matches!(&error, OpenError::NoTopic { topic, .. } if *topic == topics.name(Stream::Registry)));
    assert!(error.to_string().contains("retention.ms=-1"), "{error}");
}

/// However many records the new one has, and whether or not somebody waits meanwhile.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_that_was_made_anew_is_noticed() {
    for (records, is_waiting) in [(2, true), (2, false), (8, true), (8, false)] {
        let topics = Topics::new();
        let log = open(&topics, Options::default()).await;
        append(&log, Stream::Registry, batch(0, 5, 10)).await;
        let mut tail = Tail::new(log.clone(), Stream::Registry, P0, at(0));
        while tail.position() < at(5) {
            tail.next().await.unwrap();
        }
        let (go, gone) = oneshot::channel();
        let following = tokio::spawn(async move {
            if !is_waiting {
                gone.await.unwrap();
            }
            tail.next().await
        });
        delete(&topics, Stream::Registry).await;
        // Kafka's client looks for it several times a second.
        tokio::time::sleep(Duration::from_millis(500)).await;
        make(&topics, Stream::Registry, 1, &[]).await;
        let another = open(&topics, Options::default()).await;
        append(&another, Stream::Registry, batch(1, records, 10)).await;
        let _ = go.send(());
        let noticed = in_time(following).await.unwrap();
        assert!(
            matches!(noticed, Err(ReadError::BeyondEnd { end }) if end < at(5)),
            "{records}: {noticed:?}"
        );
    }
}

/// What Kafka will never take ends a producer, as nothing may overtake it: of the append, none is stored after it. The next append
/// has another producer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_overtakes_what_kafka_refuses_and_appends_go_on() {
    let topics = Topics::new();
    let log = open(&topics, Options::default()).await;
    append(&log, Stream::Audit, one("before")).await;
    let name = topics.name(Stream::Audit);
    let alter = AlterConfig::new(ResourceSpecifier::Topic(&name)).set("max.message.bytes", "950000");
    topics
        .admin()
        .alter_configs([&alter], &admin_options())
        .await
        .unwrap()[0]
        .as_ref()
        .unwrap();
    let refused = async {
        loop {
            // Large enough to be sent apart from those after it.
            let events = [vec![Bytes::from(vec![b'x'; MAX_EVENT_BYTES])], batch(0, 100, 10)].concat();
            let before = log.bounds(Stream::Audit, P0).await.unwrap().end;
            let outcome = log.append(Stream::Audit, P0, events).await;
            // Brokers hear of the new limit a moment later.
            if let Err(error) = outcome {
                assert!(matches!(error, AppendError::Unknown(_)), "{error:?}");
                return before;
            }
        }
    };
    let end = in_time(refused).await;
    assert_eq!(in_time(append(&log, Stream::Audit, one("after"))).await, end.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn brokers_that_do_not_answer_are_named() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = nobody.local_addr().unwrap();
    let url = format!("kafka://{address}/onedoor");
    let error = in_time(onedoor_log::open(&url)).await.unwrap_err();
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&address.to_string()));
}
