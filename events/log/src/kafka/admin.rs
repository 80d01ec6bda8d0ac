//! Making the log's topics where they are not there, and refusing those that are not what they must be. Nothing is ever altered.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use rdkafka::{
    admin::{
        AdminClient, AdminOptions, AlterConfig, ConfigEntry, ConfigSource, NewTopic, ResourceSpecifier,
        TopicReplication,
    },
    error::{KafkaError, RDKafkaErrorCode as Code},
    metadata::Metadata,
};
use tokio::time::sleep;

use super::{
    cannot_start,
    context::Context,
    query::Query,
    settings::Settings,
    topics::{Found, TopicSpec},
};
use crate::{
    Options,
    error::{EngineError, OpenError, TopicFaults},
    port::Stream,
};

/// How long opening waits for Kafka.
const PATIENCE: Duration = Duration::from_secs(10);
const REST: Duration = Duration::from_millis(100);

/// Makes and checks a log's topics.
pub(super) struct Admin<'a> {
    settings: &'a Settings,
    options: &'a Options,
    query: &'a Arc<Query>,
    client: AdminClient<Context>,
    until: Instant,
}

impl<'a> Admin<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        options: &'a Options,
        query: &'a Arc<Query>,
    ) -> Result<Self, OpenError> {
        let client = settings.plain().create_with_context(Context);
        Ok(Self {
            settings,
            options,
            query,
            client: client.map_err(cannot_start)?,
            until: Instant::now() + PATIENCE,
        })
    }

    /// Sees to it that a stream's topic is there and is what it must be. Answers how many partitions it has.
    pub(super) async fn ensure(&self, stream: Stream, topic: &Arc<str>) -> Result<u32, OpenError> {
        let spec = self.spec(stream, topic).await?;
        let found = self.find(topic, false).await?;
        let found = self.ensure_as(&spec, topic, found).await?;
        if spec.is_lesser() {
            tracing::warn!(
                topic = &**topic,
                replication = found.replication,
                "fewer than three brokers keep this topic: what was acknowledged can be lost with one of them"
            );
        }
        Ok(found.partitions)
    }

    /// [`ensure`](Self::ensure), for a topic that a copy fills. Answers also whether it is sealed already.
    pub(super) async fn ensure_filled(
        &self,
        stream: Stream,
        topic: &Arc<str>,
    ) -> Result<(u32, bool), OpenError> {
        let spec = self.spec(stream, topic).await?;
        let found = self.find(topic, false).await?;
        let is_sealed = found.as_ref().is_some_and(TopicSpec::is_sealed);
        let spec = if is_sealed { spec } else { spec.while_filled() };
        let found = self.ensure_as(&spec, topic, found).await?;
        Ok((found.partitions, is_sealed))
    }

    /// Makes a topic that a copy has filled one of a log. What else is set on it stays.
    pub(super) async fn seal(&self, stream: Stream, topic: &Arc<str>) -> Result<(), OpenError> {
        let spec = self.spec(stream, topic).await?;
        let described = self.describe(topic).await?;
        // Kafka takes all settings or resets them.
        let own = described
            .iter()
            .filter(|entry| entry.source == ConfigSource::DynamicTopic)
            .filter_map(|entry| Some((entry.name.as_str(), entry.value.as_deref()?)));
        let alter = AlterConfig {
            specifier: ResourceSpecifier::Topic(topic),
            entries: own.chain(spec.settings()).collect(),
        };
        let doing = "change the settings of";
        let altered = self.client.alter_configs([&alter], &admin_options()).await;
        for outcome in altered.map_err(|error| failed(topic, doing, error))? {
            outcome.map_err(|(_, code)| refused(topic, doing, code))?;
        }
        Ok(())
    }

    async fn ensure_as(
        &self,
        spec: &TopicSpec,
        topic: &Arc<str>,
        found: Option<Found>,
    ) -> Result<Found, OpenError> {
        let found = match found {
            Some(found) => found,
            None if self.options.kafka.create_topics => {
                self.create(spec, topic).await?;
                self.find(topic, true).await?.unwrap_or_default()
            }
            None => {
                return Err(OpenError::NoTopic {
                    topic: topic.to_string(),
                    wanted: spec.to_string(),
                });
            }
        };
        let faults = spec.faults(&found);
        if faults.is_empty() {
            Ok(found)
        } else {
            Err(OpenError::WrongTopic {
                topic: topic.to_string(),
                faults: TopicFaults(faults),
            })
        }
    }

    async fn spec(&self, stream: Stream, topic: &Arc<str>) -> Result<TopicSpec, OpenError> {
        let up = self.metadata(topic).await?.brokers().len();
        // Those that the log's URL names may be about to start: a topic made now would be kept by too few for ever.
        let brokers = up.max(self.settings.brokers.split(',').count());
        let brokers = u32::try_from(brokers).unwrap_or(u32::MAX);
        let Options { denials_bytes, kafka } = self.options;
        Ok(TopicSpec::of(stream, brokers, *denials_bytes, kafka))
    }

    /// What a topic is like. Where it is about to be there, that is waited for.
    async fn find(&self, topic: &Arc<str>, is_awaited: bool) -> Result<Option<Found>, OpenError> {
        loop {
            let unfinished = match shape(&self.metadata(topic).await?) {
                Shape::Missing if !is_awaited => return Ok(None),
                Shape::Unfinished(code @ Code::TopicAuthorizationFailed) => {
                    return Err(refused(topic, "see", code));
                }
                Shape::Whole {
                    partitions,
                    replication,
                } => {
                    let described = self.describe(topic).await?;
                    // A broker that has not heard of a new topic yet tells no settings at all.
                    if !described.is_empty() {
                        let told = described.into_iter();
                        return Ok(Some(Found {
                            partitions,
                            replication,
                            settings: told
                                .filter_map(|entry| Some((entry.name, entry.value?)))
                                .collect(),
                        }));
                    }
                    Code::UnknownTopicOrPartition
                }
                Shape::Missing => Code::UnknownTopicOrPartition,
                Shape::Unfinished(code) => code,
            };
            if Instant::now() > self.until {
                return Err(refused(topic, "wait for", unfinished));
            }
            sleep(REST).await;
        }
    }

    async fn metadata(&self, topic: &Arc<str>) -> Result<Metadata, OpenError> {
        loop {
            match self.query.topic(topic).await {
                Ok(metadata) => return Ok(metadata),
                Err(error) if Instant::now() > self.until => {
                    return Err(OpenError::Unreachable {
                        brokers: self.settings.brokers.clone(),
                        source: EngineError::new(self.query.why(&error)),
                    });
                }
                Err(_) => sleep(REST).await,
            }
        }
    }

    async fn describe(&self, topic: &str) -> Result<Vec<ConfigEntry>, OpenError> {
        let doing = "ask for the settings of";
        let described = self
            .client
            .describe_configs([&ResourceSpecifier::Topic(topic)], &admin_options())
            .await
            .map_err(|error| failed(topic, doing, error))?;
        let mut entries = Vec::new();
        for resource in described {
            let resource = resource.map_err(|code| refused(topic, doing, code))?;
            entries.extend(resource.entries);
        }
        Ok(entries)
    }

    async fn create(&self, spec: &TopicSpec, topic: &str) -> Result<(), OpenError> {
        let number = |number: u32| i32::try_from(number).unwrap_or(i32::MAX);
        let replication = TopicReplication::Fixed(number(spec.replication));
        let new = spec.settings().fold(
            NewTopic::new(topic, number(spec.partitions), replication),
            |new, (name, value)| new.set(name, value),
        );
        loop {
            let made = self.client.create_topics([&new], &admin_options()).await;
            let mut made = made.map_err(|error| failed(topic, "make", error))?;
            match made.pop() {
                Some(Ok(_)) => {
                    tracing::info!(topic, partitions = spec.partitions, "made a topic");
                    return Ok(());
                }
                // Another process was faster.
                Some(Err((_, Code::TopicAlreadyExists))) | None => return Ok(()),
                // Brokers may be about to start.
                Some(Err((_, Code::InvalidReplicationFactor))) if Instant::now() < self.until => {
                    sleep(REST).await;
                }
                Some(Err((_, code))) => return Err(refused(topic, "make", code)),
            }
        }
    }
}

/// What metadata say of one topic.
enum Shape {
    Missing,
    /// Kafka is about to make it, or to move it, or does not show it.
    Unfinished(Code),
    /// Each partition has a leader.
    Whole {
        partitions: u32,
        replication: u32,
    },
}

fn shape(metadata: &Metadata) -> Shape {
    let Some(topic) = metadata.topics().first() else {
        return Shape::Missing;
    };
    if let Some(error) = topic.error() {
        let code = Code::from(error);
        return if code == Code::UnknownTopicOrPartition {
            Shape::Missing
        } else {
            Shape::Unfinished(code)
        };
    }
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let partitions = topic.partitions();
    if partitions.is_empty() || partitions.iter().any(|partition| partition.leader() < 0) {
        return Shape::Unfinished(Code::LeaderNotAvailable);
    }
    let replicas = partitions.iter().map(|partition| partition.replicas().len());
    Shape::Whole {
        partitions: count(partitions.len()),
        replication: count(replicas.min().unwrap_or_default()),
    }
}

fn admin_options() -> AdminOptions {
    AdminOptions::new()
        .request_timeout(Some(PATIENCE))
        .operation_timeout(Some(PATIENCE))
}

fn failed(topic: &str, doing: &str, error: KafkaError) -> OpenError {
    OpenError::Kafka {
        doing: format!("{doing} topic {topic}"),
        source: EngineError::new(error),
    }
}

fn refused(topic: &str, doing: &'static str, code: Code) -> OpenError {
    if matches!(
        code,
        Code::TopicAuthorizationFailed | Code::ClusterAuthorizationFailed
    ) {
        let topic = topic.to_owned();
        OpenError::NotAllowed { topic, doing }
    } else {
        failed(topic, doing, KafkaError::AdminOp(code))
    }
}
