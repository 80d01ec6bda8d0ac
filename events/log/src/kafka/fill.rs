//! Topics that are filled with what another log holds, before they are a log.

use std::sync::Arc;

use onedoor_model::ids::Offset;

use super::{Client, Place, Reader, Topic, reader::Lane};
use crate::{
    Options,
    error::{AppendError, NoSuchPartition, OpenError, ReadError},
    port::{Bounds, Partition, Record, Stream},
};

/// A log to be. Its topics keep the times that records bring along, and cannot be opened as a log until they are sealed.
pub(crate) struct Filling<'a> {
    place: &'a Place,
    client: Client<'a>,
    pub(crate) topics: Vec<FilledTopic>,
}

/// A topic of a log to be.
pub(crate) struct FilledTopic {
    pub(crate) stream: Stream,
    /// Whether it was filled before, and takes no more.
    pub(crate) is_sealed: bool,
    topic: Topic,
    reader: Arc<Reader>,
}

impl<'a> Filling<'a> {
    /// Opens the topics at a place for filling, after making those that are not there.
    ///
    /// # Errors
    /// [`OpenError`]
    pub(crate) async fn open(place: &'a Place, options: &'a Options) -> Result<Self, OpenError> {
        let client = Client::new(place, options)?;
        let (admin, reader) = (client.admin()?, Arc::new(client.reader(0)));
        let mut topics = Vec::new();
        for stream in Stream::FACTS {
            let name = place.topic(stream);
            let (partitions, is_sealed) = admin.ensure_filled(stream, &name).await?;
            topics.push(FilledTopic {
                stream,
                is_sealed,
                topic: client.topic(name, partitions),
                reader: Arc::clone(&reader),
            });
        }
        drop(admin);
        Ok(Self {
            place,
            client,
            topics,
        })
    }

    /// Makes a log of the topics, all of which are filled and checked. `registry` last: without it, there is no log.
    ///
    /// # Errors
    /// [`OpenError`]
    pub(crate) async fn seal(&self) -> Result<(), OpenError> {
        let admin = self.client.admin()?;
        admin
            .ensure(Stream::Control, &self.place.topic(Stream::Control))
            .await?;
        for topic in self.topics.iter().rev().filter(|topic| !topic.is_sealed) {
            admin.seal(topic.stream, &topic.topic.name).await?;
        }
        Ok(())
    }

    /// Lets go of everything.
    pub(crate) async fn close(&self) {
        for topic in &self.topics {
            topic.reader.close();
            topic.topic.producer.close().await;
        }
    }
}

impl FilledTopic {
    pub(crate) fn partitions(&self) -> u32 {
        self.topic.partitions
    }

    /// As [`EventLog::bounds`](crate::EventLog::bounds).
    pub(crate) async fn bounds(&self, partition: Partition) -> Result<Bounds, ReadError> {
        self.reader.bounds(&self.lane(partition)?).await
    }

    /// As [`EventLog::read`](crate::EventLog::read).
    pub(crate) async fn read(
        &self,
        partition: Partition,
        from: Offset,
        max_records: usize,
    ) -> Result<Vec<Record>, ReadError> {
        self.reader.read(&self.lane(partition)?, from, max_records).await
    }

    /// As [`EventLog::append`](crate::EventLog::append), with the times of the records.
    pub(crate) async fn restore(
        &self,
        partition: Partition,
        records: Vec<Record>,
    ) -> Result<Offset, AppendError> {
        self.topic
            .producer
            .restore(partition.0.cast_signed(), records)
            .await
    }

    fn lane(&self, partition: Partition) -> Result<Lane, NoSuchPartition> {
        let stream = self.stream;
        self.topic
            .lane(partition)
            .ok_or(NoSuchPartition { stream, partition })
    }
}
