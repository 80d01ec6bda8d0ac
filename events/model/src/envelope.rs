//! The envelope of every event: CloudEvents 1.0 attributes (JSON format) and ours, as exact bytes in the log.
//!
//! An event's `type` carries its major version (`dev.onedoor.ToolCalled.v1`). Within a version fields are only ever added, and a
//! reader ignores fields it does not know. A type is written only by [`EventData::kind`]; it is read, old versions included, only by
//! [`EventData::upcast`]. `tests/golden/` holds a file for every type and version ever written.

use jiff::Timestamp;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use crate::{
    ids::{BootId, Digest, EventId, ReplicaName, TenantId},
    principal::Actor,
};

/// An event as it stands in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope<D> {
    /// With `source`, the key by which duplicates are dropped.
    pub id: EventId,
    /// The replica that wrote it.
    pub source: ReplicaName,
    /// When, by the writer's clock. Order comes from offsets, never from this.
    pub time: Timestamp,
    /// W3C trace context of the request that caused it.
    pub traceparent: Option<String>,
    /// Which chain of that replica this is a link of.
    pub producer: Producer,
    /// The run of the process that wrote it.
    pub boot: BootId,
    /// Number in the chain (producer, boot), gapless from 0.
    pub seq: u64,
    /// SHA-256 of the exact bytes of the chain's previous event; none for the first.
    pub prevhash: Option<Digest>,
    /// The tenant it concerns, if any.
    pub tenant: Option<TenantId>,
    /// Who caused it.
    pub actor: Option<Actor>,
    /// Why, in the actor's words.
    pub reason: Option<String>,
    /// What happened.
    pub data: D,
}

/// The writers of a replica, one for each stream: each keeps a hash chain of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Producer {
    /// Appends to `registry`.
    Registry,
    /// Appends to `audit`.
    Audit,
    /// Appends to `denials`.
    Denials,
    /// Appends to `control`.
    Control,
}

/// What an event says, apart from its envelope: one enum for each stream.
pub trait EventData: Serialize + Sized {
    /// The CloudEvents `type` this value is written as.
    fn kind(&self) -> &'static str;

    /// Reads any version of any type of the stream, brought up to today's form. Pure; `None` for a type that is not known.
    ///
    /// # Errors
    /// The JSON does not have the form of its type.
    fn upcast(kind: &str, data: &RawValue) -> Option<Result<Self, serde_json::Error>>;
}

/// An event that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Not an envelope at all.
    #[error("not an event envelope")]
    Envelope(#[source] serde_json::Error),
    /// Written by a newer version of Onedoor. A gateway or projector that meets one stops.
    #[error("unknown event type {0}")]
    UnknownType(String),
    /// The type is known, the data is not of its form.
    #[error("data of {kind} is not of its form")]
    Data {
        /// The event's type.
        kind: String,
        /// What is wrong.
        #[source]
        source: serde_json::Error,
    },
}

/// Everything of an envelope but its place in the chain.
#[derive(Clone, Debug)]
pub struct Draft<D> {
    /// See [`Envelope::id`].
    pub id: EventId,
    /// See [`Envelope::time`].
    pub time: Timestamp,
    /// See [`Envelope::traceparent`].
    pub traceparent: Option<String>,
    /// See [`Envelope::tenant`].
    pub tenant: Option<TenantId>,
    /// See [`Envelope::actor`].
    pub actor: Option<Actor>,
    /// See [`Envelope::reason`].
    pub reason: Option<String>,
    /// See [`Envelope::data`].
    pub data: D,
}

/// The state of a hash chain: where its next event goes.
///
/// [`Chain::seal`] does not change it: the writer takes the new state only once the log has the event, so that a refused append
/// leaves no gap.
#[derive(Clone, Debug)]
pub struct Chain {
    source: ReplicaName,
    producer: Producer,
    boot: BootId,
    seq: u64,
    prevhash: Option<Digest>,
}

/// The JSON on disk. Field order is the order of writing.
#[derive(Serialize, Deserialize)]
struct Wire<D> {
    specversion: SpecVersion,
    id: EventId,
    source: ReplicaName,
    r#type: String,
    time: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    producer: Producer,
    boot: BootId,
    seq: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prevhash: Option<Digest>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tenant: Option<TenantId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    actor: Option<Actor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    data: D,
}

#[derive(Serialize, Deserialize)]
enum SpecVersion {
    #[serde(rename = "1.0")]
    V1,
}

impl Chain {
    /// A chain with nothing in it yet.
    #[must_use]
    pub fn new(source: ReplicaName, producer: Producer, boot: BootId) -> Self {
        Self {
            source,
            producer,
            boot,
            seq: 0,
            prevhash: None,
        }
    }

    /// Writes an event as the chain's next link, and gives the chain as it is after it.
    ///
    /// # Errors
    /// The data cannot be written as JSON.
    pub fn seal<D: EventData>(&self, draft: Draft<D>) -> Result<(Vec<u8>, Self), serde_json::Error> {
        let bytes = serde_json::to_vec(&Wire {
            specversion: SpecVersion::V1,
            id: draft.id,
            source: self.source.clone(),
            r#type: draft.data.kind().to_owned(),
            time: draft.time,
            traceparent: draft.traceparent,
            producer: self.producer,
            boot: self.boot,
            seq: self.seq,
            prevhash: self.prevhash,
            tenant: draft.tenant,
            actor: draft.actor,
            reason: draft.reason,
            data: draft.data,
        })?;
        let after = Self {
            seq: self.seq + 1,
            prevhash: Some(Digest::of(&bytes)),
            ..self.clone()
        };
        Ok((bytes, after))
    }

    /// How many events the chain holds.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.seq
    }

    /// Whether nothing was written yet.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.seq == 0
    }
}

impl<D: EventData> Envelope<D> {
    /// Reads an event of any version from its bytes in the log.
    ///
    /// # Errors
    /// [`Unreadable`]; a type that is not known is told apart, as it must stop the reader.
    pub fn read(bytes: &[u8]) -> Result<Self, Unreadable> {
        let wire: Wire<&RawValue> = serde_json::from_slice(bytes).map_err(Unreadable::Envelope)?;
        let data = match D::upcast(&wire.r#type, wire.data) {
            None => return Err(Unreadable::UnknownType(wire.r#type)),
            Some(Err(source)) => {
                return Err(Unreadable::Data {
                    kind: wire.r#type,
                    source,
                });
            }
            Some(Ok(data)) => data,
        };
        Ok(Self {
            id: wire.id,
            source: wire.source,
            time: wire.time,
            traceparent: wire.traceparent,
            producer: wire.producer,
            boot: wire.boot,
            seq: wire.seq,
            prevhash: wire.prevhash,
            tenant: wire.tenant,
            actor: wire.actor,
            reason: wire.reason,
            data,
        })
    }
}

/// Reads the data of a known type.
pub(crate) fn read_data<T: DeserializeOwned>(data: &RawValue) -> Result<T, serde_json::Error> {
    serde_json::from_str(data.get())
}
