//! The contract over `kafka://`, on the broker that `make stack` starts, and what only Kafka must do.

mod copying;
mod latency;
mod sharing;
mod stack;
mod topics;

use onedoor_log::{KafkaOptions, OpenError, Options};

use self::stack::Topics;
use crate::contract::{self, Log, Subject};

async fn open_new(options: Options) -> Subject {
    let topics = Topics::new();
    Subject {
        log: open(&topics, options).await,
        _place: Box::new(topics),
    }
}

contract::suite!(open_new);

async fn open(topics: &Topics, options: Options) -> Log {
    try_open(topics, options).await.expect("the log opens")
}

async fn try_open(topics: &Topics, options: Options) -> Result<Log, OpenError> {
    onedoor_log::open_with(&topics.url(), few_partitions(options)).await
}

/// Tests need no more, and brokers have hundreds of them open already.
fn few_partitions(options: Options) -> Options {
    Options {
        kafka: KafkaOptions {
            audit_partitions: 2,
            ..options.kafka
        },
        ..options
    }
}
