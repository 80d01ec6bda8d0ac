//! Events of the stream `control`: what replicas tell each other to serve nothing stale. The rule they are for is [`crate::lease`].
//!
//! The stream keeps its events for hours only. A fact stands in `registry`; a [`Hold`] is the promise of one.

use serde::{Deserialize, Serialize, de::Error as _};
use serde_json::value::RawValue;

use crate::{
    envelope::{EventData, read_data},
    ids::{LogId, Offset, Revision},
    registry::RegistryEvent,
};

/// The event types that this version understands, in all streams that gateways read, as a number that grows with each new one. A new
/// type is written only once every live replica announces a number that has it ([`crate::lease::Lease::vocabulary`]).
pub const VOCABULARY: u32 = 1;

/// What the stream `control` holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum ControlEvent {
    /// Something is taken away: whoever reads it refuses from then on.
    Hold(Box<Hold>),
    /// A replica's periodic record.
    Tick(Tick),
}

/// A restrictive registry event, whole, ahead of its place in `registry`. The envelope carries its actor, reason and trace context.
/// It ends when the event is folded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Hold {
    r#type: &'static str,
    event: RegistryEvent,
}

/// What a replica has seen and enforces. Its boot is in the envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Tick {
    /// The log that its revision is of.
    pub log: LogId,
    /// Tells it from all other ticks of its boot, and nothing else.
    pub nonce: u64,
    /// The revision that the writer enforces: it decides on it, streams that it forbids are cut, and tokens that it revokes are purged.
    pub revision: Revision,
    /// Where the writer's reading of `control` stands: it enforces every hold before this offset.
    pub control: Offset,
    /// The oldest hold before `control` whose event the writer has not folded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oldest_hold: Option<Offset>,
    /// The writer's [`VOCABULARY`].
    pub vocabulary: u32,
}

impl Tick {
    /// How far its writer had read this stream; none where that is beyond its own offset: then it had read another one, that was here
    /// before this one was made anew.
    #[must_use]
    pub fn read_to(&self, offset: Offset) -> Option<Offset> {
        (self.control <= offset).then_some(self.control)
    }
}

impl Hold {
    /// A hold of a restrictive change; none for any other change: what gives something waits for its place in `registry`.
    #[must_use]
    pub fn new(event: RegistryEvent) -> Option<Self> {
        event.change.is_restrictive().then(|| Self {
            r#type: event.kind(),
            event,
        })
    }

    /// The registry event that it is ahead of.
    #[must_use]
    pub fn event(&self) -> &RegistryEvent {
        &self.event
    }

    fn read(data: &RawValue) -> Result<Self, serde_json::Error> {
        let Form { r#type, event } = serde_json::from_str(data.get())?;
        let event = RegistryEvent::upcast(&r#type, event).unwrap_or_else(|| {
            let unknown = format!("unknown event type {type} in a hold");
            Err(serde_json::Error::custom(unknown))
        })?;
        Self::new(event)
            .ok_or_else(|| serde_json::Error::custom("a hold of a change that is not restrictive"))
    }
}

#[derive(Deserialize)]
struct Form<'a> {
    r#type: String,
    #[serde(borrow)]
    event: &'a RawValue,
}

impl ControlEvent {
    /// Every type this stream was ever written with.
    pub const KINDS: [&'static str; 2] = ["dev.onedoor.Hold.v1", "dev.onedoor.Tick.v1"];
}

impl EventData for ControlEvent {
    fn kind(&self) -> &'static str {
        match self {
            Self::Hold(_) => "dev.onedoor.Hold.v1",
            Self::Tick(_) => "dev.onedoor.Tick.v1",
        }
    }

    fn upcast(kind: &str, data: &RawValue) -> Option<Result<Self, serde_json::Error>> {
        Some(match kind {
            "dev.onedoor.Hold.v1" => Hold::read(data).map(|hold| Self::Hold(Box::new(hold))),
            "dev.onedoor.Tick.v1" => read_data(data).map(Self::Tick),
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        ids::{CommandId, Digest, ServerId},
        registry::{Change, CommandStamp, ServerChosen},
    };

    fn event(change: fn(ServerChosen) -> Change) -> RegistryEvent {
        RegistryEvent {
            command: CommandStamp {
                id: CommandId::new("c").unwrap(),
                route: "POST".to_owned(),
                digest: Digest::of(b""),
            },
            expected: None,
            change: change(ServerChosen {
                server: ServerId(Uuid::nil()),
            }),
        }
    }

    fn read(json: &str) -> Result<ControlEvent, String> {
        let data: &RawValue = serde_json::from_str(json).unwrap();
        let read = ControlEvent::upcast("dev.onedoor.Hold.v1", data).unwrap();
        read.map_err(|error| error.to_string())
    }

    /// Where this is red, raise [`VOCABULARY`], and write the new type only where [`crate::lease::Lease::vocabulary`] allows it.
    #[test]
    fn a_new_type_takes_a_new_number() {
        let types = RegistryEvent::KINDS.len() + ControlEvent::KINDS.len();
        assert_eq!((VOCABULARY, types), (1, 22));
    }

    #[test]
    fn only_what_takes_away_can_be_held() {
        assert!(Hold::new(event(Change::ServerEnabled)).is_none());
        let hold = Hold::new(event(Change::ServerDisabled)).unwrap();
        let json = serde_json::to_string(&hold).unwrap();
        assert_eq!(read(&json), Ok(ControlEvent::Hold(Box::new(hold))));
        let gives = json.replace("ServerDisabled", "ServerEnabled");
        assert!(read(&gives).unwrap_err().contains("not restrictive"));
    }

    /// A newer version may hold what this one does not know: that must not be overlooked.
    #[test]
    fn a_hold_of_an_unknown_type_cannot_be_read() {
        let json = serde_json::to_string(&Hold::new(event(Change::ServerDisabled))).unwrap();
        let unknown = read(&json.replace("ServerDisabled.v1", "ServerDisabled.v2")).unwrap_err();
        assert!(unknown.contains("dev.onedoor.ServerDisabled.v2"), "{unknown}");
    }
}
