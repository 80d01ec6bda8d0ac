//! What is in a log: the truth, read through the log's own port.

use std::path::Path;

pub use onedoor_log::Stream;
use onedoor_log::{EventLog, Partition};
use onedoor_model::ids::Offset;
use serde_json::Value;

/// How many records are read at once.
const BATCH: usize = 1_000;

/// All events of a stream, in order. The process that wrote them must have ended.
pub async fn events(data: &Path, stream: Stream) -> Vec<Value> {
    let url = format!("sqlite://{}", data.join("log").display());
    let log = onedoor_log::open(&url).await.unwrap();
    let events = read(&*log, stream, Partition(0)).await;
    log.close().await;
    events
}

/// All events of a partition, in order.
pub async fn read(log: &dyn EventLog, stream: Stream, partition: Partition) -> Vec<Value> {
    let mut from = log.bounds(stream, partition).await.unwrap().first;
    let mut events = Vec::new();
    loop {
        let records = log.read(stream, partition, from, BATCH).await.unwrap();
        let Some(last) = records.last() else {
            return events;
        };
        from = Offset(last.offset.0 + 1);
        events.extend(
            records
                .iter()
                .map(|record| serde_json::from_slice::<Value>(&record.bytes).unwrap()),
        );
    }
}

/// Those events that are of this type, such as `ToolCalled`.
#[must_use]
pub fn of_type<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    let name = format!("dev.onedoor.{name}.v1");
    events
        .iter()
        .filter(|event| event["type"] == name.as_str())
        .collect()
}
