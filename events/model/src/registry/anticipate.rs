//! A state as it will be once an event is folded that is on its way.

use jiff::Timestamp;

use super::{RegistryEvent, State, Touch};
use crate::{ids::Offset, principal::Actor};

impl State {
    /// Makes a change as if its event were the next one. Revision and commands stay as they are; what the fold would refuse does
    /// nothing. The state serves to decide on, never to fold on.
    pub(crate) fn anticipate(
        &mut self,
        actor: &Actor,
        event: &RegistryEvent,
        time: Timestamp,
        reason: Option<&str>,
    ) {
        let touch = Touch {
            revision: self.revision().map_or(Offset(0), Offset::next),
            what: event.change.name(),
            time,
            actor: Some(actor.clone()),
            reason: reason.map(str::to_owned),
        };
        if self.arbitrate(Some(actor), event).is_ok() {
            // What the rule lets through is made: the fold relies on it too.
            let made = self.change(&event.change, &touch);
            debug_assert_eq!(made, Ok(()));
        }
    }
}
