//! What a door that has ended left in its log: the truth, read through the log's own port.

use std::path::Path;

use onedoor_log::Partition;
pub use onedoor_log::Stream;
use onedoor_model::ids::Offset;
use serde_json::Value;

/// How many records are read at once.
const BATCH: usize = 1_000;

/// All events of a stream, in order. The process that wrote them must have ended.
pub async fn events(data: &Path, stream: Stream) -> Vec<Value> {
    let url = format!("sqlite://{}", data.join("log").display());
    let log = onedoor_log::open(&url).await.unwrap();
    let mut from = log.bounds(stream, Partition(0)).await.unwrap().first;
    let mut events = Vec::new();
    loop {
        let records = log.read(stream, Partition(0), from, BATCH).await.unwrap();
        let Some(last) = records.last() else { break };
        from = Offset(last.offset.0 + 1);
        events.extend(
            records
                .iter()
                .map(|record| serde_json::from_slice::<Value>(&record.bytes).unwrap()),
        );
    }
    log.close().await;
    events
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
