//! What can go wrong, by what the caller can do about it.

use std::{error::Error, fmt, path::PathBuf, sync::Arc};

use onedoor_model::ids::Offset;

use crate::port::{Partition, Stream};

/// A failure inside the engine: the disk, the database. Not the caller's fault. Cheap to clone, as one failed commit answers
/// many appends.
#[derive(Clone)]
pub struct EngineError(Arc<dyn Error + Send + Sync>);

impl EngineError {
    /// What failed inside an engine.
    pub fn new(source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(source.into()))
    }
}

impl fmt::Debug for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for EngineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for EngineError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Why an append was not acknowledged.
#[derive(Clone, Debug, thiserror::Error)]
pub enum AppendError {
    /// Certainly nothing of the batch is stored, and it will not turn up later.
    #[error("the log refused the append")]
    Refused(#[from] Refusal),
    /// All of the batch, a part of it from its first event on, or nothing may be stored, now or later; embedded engines store all or
    /// nothing. Retrying is harmless if the events keep their ids, as readers drop what they have seen.
    #[error("the append may or may not be stored")]
    Unknown(#[source] EngineError),
}

/// Why nothing was stored.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Refusal {
    /// The caller's fault: a batch needs an event.
    #[error("the batch is empty")]
    EmptyBatch,
    /// The caller's fault: retrying will not help.
    #[error("event {index} of the batch has {bytes} bytes, more than the {limit} allowed")]
    EventTooLarge {
        /// Which event of the batch, from 0.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The greatest size allowed.
        limit: usize,
    },
    /// The caller's fault: retrying will not help.
    #[error(
        "the batch has {events} events and {bytes} bytes, more than the {max_events} and {max_bytes} allowed"
    )]
    BatchTooLarge {
        /// How many events it has.
        events: usize,
        /// Their size together.
        bytes: usize,
        /// How many are allowed.
        max_events: usize,
        /// What size is allowed.
        max_bytes: usize,
    },
    /// The caller's fault: retrying will not help.
    #[error(transparent)]
    NoSuchPartition(#[from] NoSuchPartition),
    /// There is no room on the disk. Appends work again, without a restart, once there is.
    #[error("there is no room left for the log")]
    NoSpace(#[source] EngineError),
    /// The engine failed before anything was written. It may work again.
    #[error("the log cannot write")]
    Engine(#[source] EngineError),
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

impl Refusal {
    /// Whether the same append may succeed later on the same log.
    #[must_use]
    pub fn may_succeed_later(&self) -> bool {
        match self {
            Self::NoSpace(_) | Self::Engine(_) => true,
            Self::EmptyBatch
            | Self::EventTooLarge { .. }
            | Self::BatchTooLarge { .. }
            | Self::NoSuchPartition(_)
            | Self::Closed => false,
        }
    }
}

/// Why nothing was read.
#[derive(Clone, Debug, thiserror::Error)]
pub enum ReadError {
    /// The records asked for are no longer held.
    #[error("the oldest record still held has offset {first}")]
    Truncated {
        /// The oldest record that is still held.
        first: Offset,
    },
    /// The offset is after the end, or other records than were read before stand in front of it: what was read is another log's, or
    /// this one was cut or made anew.
    #[error("the stream ends at offset {end}, before the one asked for")]
    BeyondEnd {
        /// The offset that the next append will get; or, if there are other records than before, the first that is known to differ.
        end: Offset,
    },
    /// The caller's fault.
    #[error(transparent)]
    NoSuchPartition(#[from] NoSuchPartition),
    /// The engine failed. It may work again.
    #[error("the log cannot be read")]
    Engine(#[source] EngineError),
    /// The log cannot be reached now, and nothing else is known to be wrong. A [`Tail`](crate::Tail) goes on by itself.
    #[error("the log cannot be reached")]
    Unavailable(#[source] EngineError),
    /// The log is closed.
    #[error("the log is closed")]
    Closed,
}

/// The stream has fewer partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("stream {stream} has no partition {partition}")]
pub struct NoSuchPartition {
    /// The stream.
    pub stream: Stream,
    /// The partition it does not have.
    pub partition: Partition,
}

/// Why a log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no engine.
    #[error(
        "log URL {url:?} names no engine; there are sqlite:///absolute/folder, sqlite://relative/folder, \
         kafka://host:port,host:port/prefix and memory://"
    )]
    UnknownEngine {
        /// The URL as given.
        url: String,
    },
    /// The URL names an engine, but what follows is not what it takes.
    #[error("log URL {url:?} is not valid: {rule}")]
    InvalidUrl {
        /// The URL as given.
        url: String,
        /// The rule it breaks.
        rule: &'static str,
    },
    /// Another process has the log open.
    #[error("the log in {} is in use by another process", folder.display())]
    InUse {
        /// The log's folder.
        folder: PathBuf,
    },
    /// The folder or a file in it cannot be made or opened.
    #[error("cannot use {}", path.display())]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of the log's name is there, but it is damaged, or something else, or on a disk that does not do what it must.
    #[error("{} cannot be used as a log: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// The database could not be opened.
    #[error("cannot open {}", path.display())]
    Engine {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: EngineError,
    },
    /// An option does not go with the others.
    #[error("option {option} of the log: {rule}")]
    InvalidOption {
        /// The option's name.
        option: &'static str,
        /// The rule it breaks, and the way out.
        rule: &'static str,
    },
    /// No broker answered.
    #[error(
        "none of the brokers {brokers} answers as it must; check that they run, are reachable, and know this client"
    )]
    Unreachable {
        /// The brokers of the log's URL.
        brokers: String,
        /// What Kafka's client said last.
        source: EngineError,
    },
    /// A topic is not there, and is not to be made.
    #[error("topic {topic} is not there; make it ({wanted}), or let the log make it")]
    NoTopic {
        /// The topic.
        topic: String,
        /// What it must be like.
        wanted: String,
    },
    /// A topic is there, but is not what it must be. Nothing was changed.
    #[error("topic {topic} cannot be used: {faults}")]
    WrongTopic {
        /// The topic.
        topic: String,
        /// All that is wrong with it.
        faults: TopicFaults,
    },
    /// The brokers do not let this client do something that it must.
    #[error(
        "Kafka does not let this client {doing} topic {topic}; grant it Describe, DescribeConfigs, Read and Write there, \
         Create if it is to make it, and AlterConfigs if it is to fill it"
    )]
    NotAllowed {
        /// The topic.
        topic: String,
        /// What was tried.
        doing: &'static str,
    },
    /// Kafka refused something else, or failed.
    #[error("cannot {doing}")]
    Kafka {
        /// What was tried.
        doing: String,
        /// What Kafka said.
        source: EngineError,
    },
}

/// All that is wrong with a topic. At least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFaults(pub Vec<TopicFault>);

/// Something that is wrong with a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicFault {
    /// What of it: a setting's name, or `partitions`, or `replication factor`.
    pub setting: &'static str,
    /// What it is.
    pub found: String,
    /// What it must be.
    pub wanted: String,
    /// What to do about it.
    pub way_out: String,
}

impl fmt::Display for TopicFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{fault}")?;
        }
        Ok(())
    }
}

impl fmt::Display for TopicFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            setting,
            found,
            wanted,
            way_out,
        } = self;
        write!(f, "{setting} is {found} and must be {wanted} ({way_out})")
    }
}
