//! Metrics of a projector, in the text format of `OpenMetrics` 1.0.

use std::{collections::BTreeMap, fmt};

use onedoor_log::Stream;
use onedoor_projector::{Activity, PartitionStatus, Status};
use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, NoLabelSet, text},
    metrics::MetricType,
    registry::Registry,
};

/// How scrapers are told what it is.
pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the page shows.
#[derive(Debug)]
struct Page(Status);

/// The whole page.
///
/// # Errors
/// None that the formatting of text into memory could have.
pub(super) fn page(status: Status) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Page(status)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(text)
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let Self(Status { activity, partitions }) = self;
        let mut gauge = |name, help, value: u64| {
            encoder
                .encode_descriptor(name, help, None, MetricType::Gauge)?
                .encode_gauge(&value)
        };
        gauge(
            "onedoor_projector_active",
            "1 on the projector that projects, 0 on those that stand by or wait",
            u64::from(*activity == Activity::Active),
        )?;
        gauge(
            "onedoor_projector_halted",
            "1 when it met something that somebody has to act on",
            u64::from(matches!(activity, Activity::Halted { .. })),
        )?;
        let registry = partitions
            .iter()
            .find(|partition| partition.stream == Stream::Registry);
        gauge(
            "onedoor_projector_revision",
            "The last revision of the registry that is projected",
            registry.map_or(0, |registry| registry.position.0.saturating_sub(1)),
        )?;
        lag(partitions, &mut encoder)?;
        applied(partitions, &mut encoder)
    }
}

fn lag(partitions: &[PartitionStatus], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut lag = encoder.encode_descriptor(
        "onedoor_projector_lag_events",
        "Events of the log that are not projected yet",
        None,
        MetricType::Gauge,
    )?;
    for partition in partitions {
        let labels = [
            ("stream", partition.stream.to_string()),
            ("partition", partition.partition.to_string()),
        ];
        lag.encode_family(&labels)?.encode_gauge(&partition.lag())?;
    }
    Ok(())
}

fn applied(partitions: &[PartitionStatus], encoder: &mut DescriptorEncoder<'_>) -> fmt::Result {
    let mut streams = BTreeMap::<Stream, u64>::new();
    for partition in partitions {
        *streams.entry(partition.stream).or_default() += partition.position.0;
    }
    let mut applied = encoder.encode_descriptor(
        "onedoor_projector_applied",
        "Events that are projected, since the log began",
        None,
        MetricType::Counter,
    )?;
    for (stream, events) in streams {
        applied
            .encode_family(&[("stream", stream.to_string())])?
            .encode_counter::<NoLabelSet, _, f64>(&events, None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use onedoor_log::Partition;
    use onedoor_model::ids::Offset;

    use super::*;

    #[test]
    fn every_metric_is_documented() {
        let page = page(Status {
            activity: Activity::Standby,
            partitions: Vec::new(),
        })
        .unwrap();
        let shown: BTreeSet<&str> = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
            .collect();
        let documents = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md"));
        let documented: BTreeSet<&str> = documents
            .lines()
            .filter_map(|line| line.strip_prefix("| `")?.split(['`', '{']).next())
            .filter(|name| name.starts_with("onedoor_projector_"))
            .map(|name| name.strip_suffix("_total").unwrap_or(name))
            .collect();
        assert_eq!(shown, documented);
    }

    #[test]
    fn the_page_says_how_far_it_is() {
        let partition = |stream, partition, position, end| PartitionStatus {
            stream,
            partition: Partition(partition),
            position: Offset(position),
            end: Offset(end),
        };
        let page = page(Status {
            activity: Activity::Active,
            partitions: vec![
                partition(Stream::Registry, 0, 5, 5),
                partition(Stream::Audit, 0, 10, 12),
                partition(Stream::Audit, 1, 20, 20),
            ],
        })
        .unwrap();
        for line in [
            "onedoor_projector_active 1",
            "onedoor_projector_halted 0",
            "onedoor_projector_revision 4",
            "onedoor_projector_lag_events{stream=\"audit\",partition=\"0\"} 2",
            "onedoor_projector_lag_events{stream=\"audit\",partition=\"1\"} 0",
            "onedoor_projector_applied_total{stream=\"registry\"} 5",
            "onedoor_projector_applied_total{stream=\"audit\"} 30",
        ] {
            assert!(page.lines().any(|found| found == line), "{line} in {page}");
        }
    }
}
