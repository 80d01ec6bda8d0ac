//! What the topics of a log must be like. Pure: [`admin`](super::admin) makes them and finds out what they are like.

use std::{collections::BTreeMap, fmt};

use super::{options::KafkaOptions, settings::MAX_BATCH_BYTES};
use crate::{error::TopicFault, port::Stream};

/// From so many brokers on, two must have a record before it is acknowledged.
const SAFE_REPLICATION: u32 = 3;
/// How long `control` is kept: 6 hours. Leases are over within a second, and holds within some more.
const CONTROL_MS: i64 = 6 * 3_600_000;
/// Time-based retention goes by whole segments: half an hour each.
const CONTROL_SEGMENT_MS: i64 = 1_800_000;
/// What others may have set for `control`: an hour at least, and so little that reading all of it takes no time.
const CONTROL_MS_ALLOWED: (i64, i64) = (3_600_000, 7 * 24 * 3_600_000);
/// Size-based retention goes by whole segments: this many make up the cap. No smaller than Kafka allows.
const SEGMENTS_PER_CAP: u64 = 8;
const MIN_SEGMENT_BYTES: u64 = 1 << 20;
const MAX_SEGMENT_BYTES: u64 = 1 << 30;

/// What is set otherwise while a topic is filled.
const WHILE_FILLED: [(&str, &str); 2] = [
    ("message.timestamp.type", "CreateTime"),
    ("retention.bytes", "-1"),
];

/// What a topic must be like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TopicSpec {
    stream: Stream,
    pub(super) partitions: u32,
    pub(super) replication: u32,
    rules: Vec<Rule>,
}

/// What a setting must be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    setting: &'static str,
    /// What a new topic gets.
    made: String,
    allowed: Allowed,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Allowed {
    /// What a new topic gets, and nothing else.
    Same,
    /// Numbers from the first to the second, both allowed.
    Between(i64, i64),
    /// Numbers from this to how many brokers keep the topic: with more, nothing would ever be acknowledged.
    UpToReplication(i64),
    /// Anything: it matters to a new topic only.
    Any,
}

/// What a topic is like.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) partitions: u32,
    /// Of the partition that the fewest brokers keep.
    pub(super) replication: u32,
    /// By their names, those that come from a broker's defaults among them.
    pub(super) settings: BTreeMap<String, String>,
}

impl TopicSpec {
    /// What a stream's topic must be like in a cluster of so many brokers.
    pub(super) fn of(stream: Stream, brokers: u32, denials_bytes: u64, options: &KafkaOptions) -> Self {
        let replication = options
            .replication
            .unwrap_or(SAFE_REPLICATION.min(brokers.max(1)));
        let partitions = match stream {
            Stream::Audit => options.audit_partitions,
            Stream::Registry | Stream::Denials | Stream::Control => 1,
        };
        let mut rules = vec![
            rule("cleanup.policy", "delete", Allowed::Same),
            rule("message.timestamp.type", "LogAppendTime", Allowed::Same),
            rule("unclean.leader.election.enable", "false", Allowed::Same),
            rule(
                "min.insync.replicas",
                &min_in_sync(replication),
                Allowed::UpToReplication(min_in_sync(replication).into()),
            ),
            rule("max.message.bytes", &MAX_BATCH_BYTES, at_least(MAX_BATCH_BYTES)),
        ];
        rules.extend(retention(stream, denials_bytes));
        Self {
            stream,
            partitions,
            replication,
            rules,
        }
    }

    /// What the topic must be like while it is filled with what another log holds: records bring their time along, and none goes. A
    /// log whose topics are like this cannot be opened.
    pub(super) fn while_filled(&self) -> Self {
        let mut filled = self.clone();
        for rule in &mut filled.rules {
            if let Some((_, value)) = WHILE_FILLED.iter().find(|(setting, _)| *setting == rule.setting) {
                (*value).clone_into(&mut rule.made);
                rule.allowed = Allowed::Same;
            }
        }
        filled
    }

    /// Whether a topic was never filled, or is no longer.
    pub(super) fn is_sealed(found: &Found) -> bool {
        let (setting, filling) = WHILE_FILLED[0];
        found.settings.get(setting).is_none_or(|value| value != filling)
    }

    /// The settings of a new topic.
    pub(super) fn settings(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rules.iter().map(|rule| (rule.setting, rule.made.as_str()))
    }

    /// Whether an acknowledged record may be lost with one broker.
    pub(super) fn is_lesser(&self) -> bool {
        self.replication < SAFE_REPLICATION
    }

    /// What is wrong with a topic that is there.
    pub(super) fn faults(&self, found: &Found) -> Vec<TopicFault> {
        let mut faults = Vec::new();
        if found.partitions != self.partitions {
            faults.push(TopicFault {
                setting: "partitions",
                found: found.partitions.to_string(),
                wanted: self.partitions.to_string(),
                way_out: match self.stream {
                    Stream::Audit => format!(
                        "set audit partitions to {}, or name another prefix",
                        found.partitions
                    ),
                    Stream::Registry | Stream::Denials | Stream::Control => "name another prefix".to_owned(),
                },
            });
        }
        if found.replication < self.replication {
            faults.push(TopicFault {
                setting: "replication factor",
                found: found.replication.to_string(),
                wanted: format!("{} or more", self.replication),
                way_out: "reassign its partitions, or name another prefix".to_owned(),
            });
        }
        faults.extend(self.rules.iter().filter_map(|rule| rule.fault(found)));
        faults
    }
}

impl fmt::Display for TopicSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} partition(s), replication factor {}",
            self.partitions, self.replication
        )?;
        self.settings()
            .try_for_each(|(setting, value)| write!(f, ", {setting}={value}"))
    }
}

impl Rule {
    fn fault(&self, topic: &Found) -> Option<TopicFault> {
        let found = topic.settings.get(self.setting).map(String::as_str);
        let within = |least: i64, most: i64| {
            let number = found.and_then(|found| found.parse().ok());
            let wanted = match most {
                i64::MAX => format!("{least} or more"),
                _ if most == least => least.to_string(),
                _ => format!("{least} to {most}"),
            };
            (
                number.is_some_and(|number| (least..=most).contains(&number)),
                wanted,
            )
        };
        let (allowed, wanted) = match self.allowed {
            Allowed::Same => (found == Some(&self.made), self.made.clone()),
            Allowed::Between(least, most) => within(least, most),
            // Where too few brokers keep it, that is a fault of its own.
            Allowed::UpToReplication(least) => within(least, least.max(topic.replication.into())),
            Allowed::Any => (true, String::new()),
        };
        (!allowed).then(|| TopicFault {
            setting: self.setting,
            found: found.unwrap_or("not told").to_owned(),
            wanted,
            way_out: format!(
                "kafka-configs --alter --add-config {}={}",
                self.setting, self.made
            ),
        })
    }
}

fn rule(setting: &'static str, made: &(impl ToString + ?Sized), allowed: Allowed) -> Rule {
    Rule {
        setting,
        made: made.to_string(),
        allowed,
    }
}

fn at_least(least: impl TryInto<i64>) -> Allowed {
    Allowed::Between(least.try_into().unwrap_or(i64::MAX), i64::MAX)
}

/// How many brokers must have a record before it is acknowledged.
fn min_in_sync(replication: u32) -> u32 {
    if replication >= SAFE_REPLICATION { 2 } else { 1 }
}

/// How long records are kept.
fn retention(stream: Stream, denials_bytes: u64) -> Vec<Rule> {
    match stream {
        Stream::Registry | Stream::Audit => vec![
            rule("retention.ms", &-1, Allowed::Same),
            rule("retention.bytes", &-1, Allowed::Same),
        ],
        Stream::Denials => {
            let segment = (denials_bytes / SEGMENTS_PER_CAP).clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES);
            vec![
                rule("retention.ms", &-1, Allowed::Any),
                rule("retention.bytes", &denials_bytes, at_least(1)),
                rule("segment.bytes", &segment, Allowed::Any),
            ]
        }
        Stream::Control => {
            let (least, most) = CONTROL_MS_ALLOWED;
            vec![
                rule("retention.ms", &CONTROL_MS, Allowed::Between(least, most)),
                rule("retention.bytes", &-1, Allowed::Same),
                rule("segment.ms", &CONTROL_SEGMENT_MS, Allowed::Any),
            ]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(stream: Stream, brokers: u32) -> TopicSpec {
        TopicSpec::of(stream, brokers, 256 << 20, &KafkaOptions::default())
    }

    /// A topic that is just as a new one.
    fn as_made(spec: &TopicSpec) -> Found {
        let settings = spec.settings();
        Found {
            partitions: spec.partitions,
            replication: spec.replication,
            settings: settings
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        }
    }

    fn setting<'a>(spec: &'a TopicSpec, name: &str) -> Option<&'a str> {
        spec.settings()
            .find(|(setting, _)| *setting == name)
            .map(|(_, value)| value)
    }

    #[test]
    fn replication_goes_by_what_there_is_and_what_is_wanted() {
        for (brokers, wanted, replication, in_sync, is_lesser) in [
            (0, None, 1, "1", true),
            (1, None, 1, "1", true),
            (2, None, 2, "1", true),
            (3, None, 3, "2", false),
            (9, None, 3, "2", false),
            (1, Some(3), 3, "2", false),
            (9, Some(5), 5, "2", false),
            (9, Some(1), 1, "1", true),
        ] {
            let options = KafkaOptions {
                replication: wanted,
                ..KafkaOptions::default()
            };
            let spec = TopicSpec::of(Stream::Registry, brokers, 1, &options);
            let is = (
                spec.replication,
                setting(&spec, "min.insync.replicas"),
                spec.is_lesser(),
            );
            assert_eq!(
                is,
                (replication, Some(in_sync), is_lesser),
                "{brokers} {wanted:?}"
            );
        }
    }

    #[test]
    fn a_cap_is_made_of_segments_that_kafka_allows() {
        for (cap, segment) in [
            (0, 1 << 20),
            (1 << 20, 1 << 20),
            (256 << 20, 32 << 20),
            (u64::MAX, 1 << 30),
        ] {
            let spec = TopicSpec::of(Stream::Denials, 1, cap, &KafkaOptions::default());
            assert_eq!(
                setting(&spec, "segment.bytes"),
                Some(&*segment.to_string()),
                "{cap}"
            );
        }
    }

    #[test]
    fn a_topic_as_it_is_made_has_no_fault_and_any_other_is_told_with_a_way_out() {
        for stream in Stream::ALL {
            for brokers in [1, 3] {
                let spec = spec(stream, brokers);
                assert_eq!(spec.faults(&as_made(&spec)), []);
                assert_eq!(spec.while_filled().faults(&as_made(&spec.while_filled())), []);
            }
        }
        let wrong: [(Stream, &str, Option<&str>, &str); 11] = [
            (
                Stream::Registry,
                "cleanup.policy",
                Some("compact,delete"),
                "delete",
            ),
            (Stream::Registry, "retention.ms", Some("1"), "-1"),
            (Stream::Audit, "retention.bytes", Some("1"), "-1"),
            (Stream::Audit, "min.insync.replicas", Some("1"), "2 to 3"),
            (Stream::Audit, "min.insync.replicas", Some("4"), "2 to 3"),
            (Stream::Control, "retention.bytes", Some("1000000"), "-1"),
            (
                Stream::Audit,
                "max.message.bytes",
                Some("many"),
                "4194304 or more",
            ),
            (Stream::Audit, "message.timestamp.type", None, "LogAppendTime"),
            (Stream::Denials, "retention.bytes", Some("-1"), "1 or more"),
            (
                Stream::Control,
                "retention.ms",
                Some("3599999"),
                "3600000 to 604800000",
            ),
            (
                Stream::Control,
                "retention.ms",
                Some("604800001"),
                "3600000 to 604800000",
            ),
        ];
        for (stream, name, value, wanted) in wrong {
            let spec = spec(stream, 3);
            let mut found = as_made(&spec);
            found.settings.remove(name);
            found
                .settings
                .extend(value.map(|value| (name.to_owned(), value.to_owned())));
            let faults = spec.faults(&found);
            let [fault] = &*faults else {
                panic!("{name}: {faults:?}")
            };
            assert_eq!((fault.setting, &*fault.wanted), (name, wanted));
            assert_eq!(fault.found, value.unwrap_or("not told"));
            assert!(fault.way_out.contains(name), "{fault}");
        }
    }

    #[test]
    fn more_is_allowed_where_it_does_no_harm() {
        for (stream, name, value) in [
            (Stream::Registry, "min.insync.replicas", "3"),
            (Stream::Registry, "max.message.bytes", "8388608"),
            (Stream::Denials, "retention.bytes", "1"),
            (Stream::Denials, "retention.ms", "1000"),
            (Stream::Control, "retention.ms", "3600000"),
            (Stream::Control, "segment.ms", "1"),
        ] {
            let spec = spec(stream, 3);
            let mut found = as_made(&spec);
            found.replication += 2;
            found.settings.insert(name.to_owned(), value.to_owned());
            assert_eq!(spec.faults(&found), [], "{stream} {name}");
        }
    }

    #[test]
    fn what_is_being_filled_is_no_log_and_what_is_sealed_is_one() {
        for stream in Stream::FACTS {
            let spec = spec(stream, 1);
            let filling = as_made(&spec.while_filled());
            assert!(
                !TopicSpec::is_sealed(&filling) && !spec.faults(&filling).is_empty(),
                "{stream}"
            );
            assert!(TopicSpec::is_sealed(&as_made(&spec)));
        }
    }
}
