//! What a cluster has written into its log, read through the log's own port.

use std::{collections::BTreeSet, sync::Arc};

use jiff::Timestamp;
use onedoor_log::{EventLog, Options, Partition, Stream};
use onedoor_model::ids::Offset;
use serde_json::Value;

use super::Cluster;
use crate::{
    log::{self, of_type},
    stack::{Stack, brokers::Brokers},
};

/// The events of a stream, without duplicates: an event that was written twice counts where it came first.
#[derive(Clone, Debug)]
pub struct Written {
    /// Partition after partition, each in its order.
    pub events: Vec<Value>,
}

impl Cluster {
    /// The log, opened for reading by a way that does not fail.
    pub async fn log(&self) -> Arc<dyn EventLog> {
        let kafka = self
            .brokers
            .as_ref()
            .map_or(Stack::running().kafka.clone(), Brokers::direct);
        let url = format!("kafka://{kafka}/{}", self.site.name);
        onedoor_log::open_with(&url, Options::default()).await.unwrap()
    }

    /// The offset that the next registry event will get.
    pub async fn end_of_registry(&self) -> u64 {
        let log = self.log().await;
        let bounds = log.bounds(Stream::Registry, Partition(0)).await.unwrap();
        log.close().await;
        bounds.end.0
    }

    /// The broker that leads a partition of a stream, now. The brokers must be the test's own.
    pub async fn leader(&self, stream: &str, partition: usize) -> usize {
        let topic = format!("{}.{stream}", self.site.name);
        self.brokers.as_ref().unwrap().leader(&topic, partition).await
    }

    /// The partition of `audit` that the present boot of a replica writes to.
    pub async fn audit_partition(&self, replica: &str) -> usize {
        let log = self.log().await;
        let mut last = None;
        for partition in 0..log.partitions(Stream::Audit) {
            for event in log::read(&*log, Stream::Audit, Partition(partition)).await {
                let is_boot = event["type"] == "dev.onedoor.BootOpened.v1" && event["source"] == replica;
                // Ids of events are in the order of time (UUIDv7).
                if is_boot {
                    last = last.max(Some((event["id"].as_str().unwrap().to_owned(), partition)));
                }
            }
        }
        log.close().await;
        let (_, partition) = last.expect("the replica has opened no boot");
        usize::try_from(partition).unwrap()
    }

    /// When a replica wrote its last record in `control`, by its own clock.
    pub async fn clock_of(&self, replica: &str) -> Timestamp {
        let log = self.log().await;
        let end = log.bounds(Stream::Control, Partition(0)).await.unwrap().end;
        let from = Offset(end.0.saturating_sub(100));
        let records = log.read(Stream::Control, Partition(0), from, 100).await.unwrap();
        log.close().await;
        let events = records
            .iter()
            .rev()
            .map(|record| serde_json::from_slice::<Value>(&record.bytes).unwrap());
        let last = events.into_iter().find(|event| event["source"] == replica);
        last.expect("the replica has said nothing of late")["time"]
            .as_str()
            .unwrap()
            .parse()
            .unwrap()
    }

    /// All events of a stream.
    pub async fn written(&self, stream: Stream) -> Written {
        let log = self.log().await;
        let (mut seen, mut events) = (BTreeSet::new(), Vec::new());
        for partition in (0..log.partitions(stream)).map(Partition) {
            let all = log::read(&*log, stream, partition).await;
            events.extend(all.into_iter().filter(|event| {
                let id = event["id"].as_str().unwrap();
                seen.insert(id.to_owned())
            }));
        }
        log.close().await;
        Written { events }
    }
}

impl Written {
    /// Those of this type, such as `ToolCalled`.
    #[must_use]
    pub fn of_type(&self, name: &str) -> Vec<&Value> {
        of_type(&self.events, name)
    }
}
