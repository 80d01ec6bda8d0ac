//! Open holds, and the state that is decided on under them.

use std::{collections::BTreeMap, sync::Arc};

use jiff::Timestamp;

use crate::{
    control::Hold,
    envelope::{Draft, Envelope},
    ids::{EventId, Offset},
    principal::Actor,
    registry::{CommandKey, RegistryEvent, State},
};

use super::BootInstant;

/// A hold that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// Its place in `control`.
    pub offset: Offset,
    /// The command it is of: the hold ends when an event of this command is folded.
    pub key: CommandKey,
    /// The event that is to follow in `registry`.
    pub event: RegistryEvent,
    /// Who gave the command.
    pub actor: Actor,
    /// Why.
    pub reason: Option<String>,
    /// When, by the clock of the replica that took it.
    pub time: Timestamp,
    /// Trace context of the request.
    pub traceparent: Option<String>,
}

/// The holds whose event is not folded yet, by their place in `control`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    open: BTreeMap<Offset, Waiting>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Waiting {
    held: Arc<Held>,
    /// When it was read, or its event last appended by this replica.
    since: BootInstant,
}

impl Held {
    /// A hold as it stands in the log; none where it names no actor, without whom a command cannot be told from others.
    pub(super) fn of(offset: Offset, envelope: &Envelope<impl Sized>, hold: &Hold) -> Option<Self> {
        let actor = envelope.actor.clone()?;
        let event = hold.event().clone();
        Some(Self {
            offset,
            key: CommandKey {
                actor: actor.key(),
                route: event.command.route.clone(),
                id: event.command.id.clone(),
            },
            event,
            actor,
            reason: envelope.reason.clone(),
            time: envelope.time,
            traceparent: envelope.traceparent.clone(),
        })
    }

    /// The registry event for whoever appends it: as another replica would have, so that all but one of them do nothing.
    #[must_use]
    pub fn draft(&self, id: EventId) -> Draft<RegistryEvent> {
        Draft {
            id,
            time: self.time,
            traceparent: self.traceparent.clone(),
            tenant: None,
            actor: Some(self.actor.clone()),
            reason: self.reason.clone(),
            data: self.event.clone(),
        }
    }

    /// Whether its event is folded, or cannot take effect any more as another event of its command is.
    fn has_ended(&self, state: &State) -> bool {
        state.command(&self.key).is_some()
    }
}

impl Holds {
    pub(super) fn add(&mut self, held: Held, now: BootInstant) {
        self.open.insert(
            held.offset,
            Waiting {
                held: Arc::new(held),
                since: now,
            },
        );
    }

    /// Drops those whose event this state has folded.
    pub(super) fn end(&mut self, state: &State) {
        self.open.retain(|_, waiting| !waiting.held.has_ended(state));
    }

    /// A state as it is decided on while these holds are open. What the fold would refuse, such as a block of a user of an issuer
    /// that is not trusted, has no effect as a hold either.
    pub(super) fn over(&self, state: &State) -> State {
        let mut under = state.clone();
        for Waiting { held, .. } in self.open.values() {
            if !held.has_ended(state) {
                under.anticipate(&held.actor, &held.event, held.time, held.reason.as_deref());
            }
        }
        under
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Arc<Held>> {
        self.open.values().map(|waiting| &waiting.held)
    }

    /// The oldest at or after an offset.
    pub(super) fn first_from(&self, offset: Offset) -> Option<Offset> {
        self.open.range(offset..).next().map(|(offset, _)| *offset)
    }

    /// The oldest before an offset.
    pub(super) fn first_before(&self, end: Offset) -> Option<Offset> {
        self.open.range(..end).next().map(|(offset, _)| *offset)
    }

    /// Those that have waited for [`super::TAKEOVER`], which wait anew from now on.
    pub(super) fn take_over(&mut self, now: BootInstant) -> Vec<Arc<Held>> {
        self.open
            .values_mut()
            .filter(|waiting| now.since(waiting.since) >= super::TAKEOVER)
            .map(|waiting| {
                waiting.since = now;
                Arc::clone(&waiting.held)
            })
            .collect()
    }
}
