//! `kafka://brokers/prefix`: a topic for each stream, shared by many processes.
//!
//! An append is acknowledged once all brokers that must have it do (`acks=all`, `min.insync.replicas`). One append may be stored in
//! parts, with others' records between them; its events keep their order. Each stream has a producer of its own, so that one that
//! cannot go on delays no other; whoever only reads has none.

mod admin;
mod context;
mod cursor;
mod fill;
mod options;
mod place;
mod producer;
mod query;
mod reader;
mod settings;
mod topics;

use std::sync::Arc;

use bytes::Bytes;
use onedoor_model::ids::Offset;
use rdkafka::error::KafkaError;

pub use self::options::{ClientCertificate, KafkaOptions, Password, PasswordMechanism, Sasl, Tls};
use self::{
    admin::Admin,
    producer::Producer,
    query::Query,
    reader::{Lane, Reader},
    settings::Settings,
};
pub(crate) use self::{
    fill::{FilledTopic, Filling},
    place::Place,
};
use crate::{
    Options,
    error::{AppendError, EngineError, NoSuchPartition, OpenError, ReadError, Refusal},
    limits,
    port::{Bounds, EventLog, Partition, Record, Stream},
};

/// The engine `kafka://`.
#[derive(Debug)]
pub struct KafkaLog {
    reader: Reader,
    registry: Topic,
    audit: Topic,
    denials: Topic,
    control: Topic,
}

/// One stream.
#[derive(Debug)]
struct Topic {
    name: Arc<str>,
    partitions: u32,
    producer: Producer,
}

/// What topics are opened with.
struct Client<'a> {
    options: &'a Options,
    settings: Settings,
    query: Arc<Query>,
}

impl<'a> Client<'a> {
    fn new(place: &Place, options: &'a Options) -> Result<Self, OpenError> {
        let settings = Settings::new(place, &options.kafka)?;
        let query = Query::new(settings.plain()).map_err(cannot_start)?;
        Ok(Self {
            options,
            settings,
            query: Arc::new(query),
        })
    }

    fn admin(&self) -> Result<Admin<'_>, OpenError> {
        Admin::new(&self.settings, self.options, &self.query)
    }

    fn topic(&self, name: Arc<str>, partitions: u32) -> Topic {
        Topic {
            partitions,
            producer: Producer::new(name.to_string(), self.settings.producer().clone()),
            name,
        }
    }

    /// A reader of topics that have so many partitions together.
    fn reader(&self, partitions: u32) -> Reader {
        let config = self.settings.consumer().clone();
        Reader::new(config, Arc::clone(&self.query), partitions)
    }
}

impl KafkaLog {
    /// Opens the log at a place, after making the topics that are not there, and checking those that are.
    ///
    /// # Errors
    /// [`OpenError`]: no broker answers, or a topic is not what it must be.
    pub(crate) async fn open(place: &Place, options: &Options) -> Result<Self, OpenError> {
        let client = Client::new(place, options)?;
        let admin = client.admin()?;
        let topic = async |stream| -> Result<Topic, OpenError> {
            let name = place.topic(stream);
            let partitions = admin.ensure(stream, &name).await?;
            Ok(client.topic(name, partitions))
        };
        let registry = topic(Stream::Registry).await?;
        let audit = topic(Stream::Audit).await?;
        let denials = topic(Stream::Denials).await?;
        let control = topic(Stream::Control).await?;
        let partitions = [&registry, &audit, &denials, &control].map(|topic| topic.partitions);
        Ok(Self {
            reader: client.reader(partitions.iter().sum()),
            registry,
            audit,
            denials,
            control,
        })
    }

    fn topic(&self, stream: Stream) -> &Topic {
        match stream {
            Stream::Registry => &self.registry,
            Stream::Audit => &self.audit,
            Stream::Denials => &self.denials,
            Stream::Control => &self.control,
        }
    }

    fn lane(&self, stream: Stream, partition: Partition) -> Result<Lane, NoSuchPartition> {
        let lane = self.topic(stream).lane(partition);
        lane.ok_or(NoSuchPartition { stream, partition })
    }
}

impl Topic {
    fn lane(&self, partition: Partition) -> Option<Lane> {
        (partition.0 < self.partitions).then(|| Lane {
            topic: Arc::clone(&self.name),
            // Kafka's partitions are numbered with what is positive in an `i32`.
            partition: partition.0.cast_signed(),
        })
    }
}

fn cannot_start(error: KafkaError) -> OpenError {
    OpenError::Kafka {
        doing: "start a client".to_owned(),
        source: EngineError::new(error),
    }
}

#[async_trait::async_trait]
impl EventLog for KafkaLog {
    fn partitions(&self, stream: Stream) -> u32 {
        self.topic(stream).partitions
    }

    async fn append(
        &self,
        stream: Stream,
        partition: Partition,
        events: Vec<Bytes>,
    ) -> Result<Offset, AppendError> {
        let lane = self.lane(stream, partition).map_err(Refusal::from)?;
        limits::batch_bytes(&events)?;
        self.topic(stream).producer.append(lane.partition, events).await
    }

    async fn read(
        &self,
        stream: Stream,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        let lane = self.lane(stream, partition)?;
        self.reader.read(&lane, from, max_records).await
    }

    async fn bounds(&self, stream: Stream, partition: Partition) -> Result<Bounds, ReadError> {
        self.reader.bounds(&self.lane(stream, partition)?).await
    }

    async fn wait_for(&self, stream: Stream, partition: Partition, offset: Offset) -> Result<(), ReadError> {
        self.reader.wait_for(&self.lane(stream, partition)?, offset).await
    }

    async fn close(&self) {
        self.reader.close();
        tokio::join!(
            self.registry.producer.close(),
            self.audit.producer.close(),
            self.denials.producer.close(),
            self.control.producer.close()
        );
    }
}
