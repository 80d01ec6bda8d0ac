//! Checking hash chains: that what a log holds is what its writers wrote, in their order, and that nothing between was taken out.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::{
    envelope::Producer,
    ids::{BootId, Digest, Offset, ReplicaName},
};

/// The chains of a stream, followed event by event.
#[derive(Clone, Debug, Default)]
pub struct Chains {
    /// The last link of each chain seen.
    last: BTreeMap<Key, Link>,
    /// Whether events may be missing before the first one seen of a chain, as the oldest of `denials` are.
    truncated: bool,
}

/// An event that does not follow from the one before it in its chain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BrokenChain {
    /// It is no event at all.
    #[error("event {0} cannot be read")]
    Unreadable(Offset),
    /// Links are missing, or came twice.
    #[error("event {offset} is link {found} of its chain, and link {wanted} is due")]
    Gap {
        /// Where it stands.
        offset: Offset,
        /// The link that is due.
        wanted: u64,
        /// The link it is.
        found: u64,
    },
    /// The event before it was another one when this was written.
    #[error("event {0} does not name the digest of the event before it")]
    Altered(Offset),
}

/// One writer in one run.
type Key = (ReplicaName, BootId, String);

#[derive(Clone, Debug)]
struct Link {
    seq: u64,
    digest: Digest,
}

/// As much of an envelope as chains are made of.
#[derive(Deserialize)]
struct Head {
    source: ReplicaName,
    producer: Producer,
    boot: BootId,
    seq: u64,
    #[serde(default)]
    prevhash: Option<Digest>,
}

impl Chains {
    /// The chains of a stream from its first event ever.
    #[must_use]
    pub fn complete() -> Self {
        Self::default()
    }

    /// The chains of a stream whose oldest events are gone.
    #[must_use]
    pub fn truncated() -> Self {
        Self {
            truncated: true,
            ..Self::default()
        }
    }

    /// Takes the next event of the stream.
    ///
    /// # Errors
    /// [`BrokenChain`]. The event is taken all the same, so that the rest can be checked too.
    pub fn follow(&mut self, offset: Offset, bytes: &[u8]) -> Result<(), BrokenChain> {
        let head: Head = serde_json::from_slice(bytes).map_err(|_| BrokenChain::Unreadable(offset))?;
        let key = (head.source, head.boot, format!("{:?}", head.producer));
        let link = Link {
            seq: head.seq,
            digest: Digest::of(bytes),
        };
        let before = self.last.insert(key, link);
        let wanted = before.as_ref().map_or(0, |before| before.seq + 1);
        match &before {
            None if self.truncated => Ok(()),
            None | Some(_) if head.seq != wanted => Err(BrokenChain::Gap {
                offset,
                wanted,
                found: head.seq,
            }),
            None | Some(_) if head.prevhash != before.as_ref().map(|before| before.digest) => {
                Err(BrokenChain::Altered(offset))
            }
            None | Some(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        audit::{AuditEvent, BootOpened},
        envelope::{Chain, Draft},
        ids::EventId,
    };

    /// Events of two boots, one after the other.
    fn events() -> Vec<Vec<u8>> {
        let mut events = Vec::new();
        for boot in 1..=2 {
            let replica = ReplicaName::new("gateway-1").unwrap();
            let mut chain = Chain::new(replica, Producer::Audit, BootId(Uuid::from_u128(boot)));
            for software in ["a", "b", "c"] {
                let draft = Draft {
                    id: EventId(Uuid::from_u128(events.len() as u128)),
                    time: "2026-11-24T06:00:00Z".parse().unwrap(),
                    traceparent: None,
                    tenant: None,
                    actor: None,
                    reason: None,
                    data: AuditEvent::BootOpened(BootOpened {
                        software: software.to_owned(),
                    }),
                };
                let (bytes, after) = chain.seal(draft).unwrap();
                events.push(bytes);
                chain = after;
            }
        }
        events
    }

    fn faults(mut chains: Chains, events: &[Vec<u8>]) -> Vec<BrokenChain> {
        let numbered = events.iter().enumerate();
        numbered
            .filter_map(|(at, bytes)| chains.follow(Offset(at as u64), bytes).err())
            .collect()
    }

    #[test]
    fn what_was_written_is_whole() {
        assert_eq!(faults(Chains::complete(), &events()), []);
    }

    #[test]
    fn what_was_taken_out_turned_round_or_altered_is_found() {
        let gap = |offset, wanted, found| BrokenChain::Gap {
            offset: Offset(offset),
            wanted,
            found,
        };
        let mut removed = events();
        removed.remove(1);
        assert_eq!(faults(Chains::complete(), &removed), [gap(1, 1, 2)]);

        let mut beheaded = events();
        beheaded.remove(0);
        assert_eq!(faults(Chains::complete(), &beheaded), [gap(0, 0, 1)]);

        let mut swapped = events();
        swapped.swap(1, 2);
        assert_eq!(faults(Chains::complete(), &swapped)[0], gap(1, 1, 2));

        let mut altered = events();
        let text = String::from_utf8(altered[1].clone()).unwrap();
        altered[1] = text
            .replace("\"software\":\"b\"", "\"software\":\"x\"")
            .into_bytes();
        assert_eq!(
            faults(Chains::complete(), &altered),
            [BrokenChain::Altered(Offset(2))]
        );

        let mut broken = events();
        broken[5] = b"{}".to_vec();
        assert_eq!(
            faults(Chains::complete(), &broken),
            [BrokenChain::Unreadable(Offset(5))]
        );
    }

    #[test]
    fn a_stream_whose_oldest_events_are_gone_begins_anywhere() {
        let mut rest = events();
        rest.drain(..2);
        assert_eq!(faults(Chains::truncated(), &rest), []);
        rest.remove(2);
        assert_eq!(faults(Chains::truncated(), &rest).len(), 1);
    }
}
