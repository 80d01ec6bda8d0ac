//! A command's way: its hold, its event, its records, its answer.

use std::sync::Arc;

use super::{
    super::{Asked, BootInstant, DRIFT, LEASE, Proof, Standing},
    facts::{self, Fact},
    sentences::Sentence,
    steps::Rules,
    world::{Commands, Given, Record, World},
};
use crate::{
    control::{ControlEvent, Hold},
    ids::Offset,
};

impl Rules {
    pub(super) fn give(&self, world: &mut World, command: usize) {
        let Some(api) = world.given[command].api else {
            return;
        };
        let clock = self.clock(world, api);
        let given = &mut world.given[command];
        given.asked = true;
        let command = given.command;
        let hold = Hold::new(facts::event(command));
        if let Some(hold) = hold.filter(|_| !self.lacks(Sentence::HoldFirst)) {
            let boot = world.replicas[api].boot;
            let mut envelope = facts::envelope(Some(facts::admin()), ControlEvent::Hold(Box::new(hold)));
            envelope.boot = facts::boot_id(boot);
            let record = Arc::new(Record {
                envelope,
                boot,
                covers: Commands::of([command]),
                sent: self.lacks(Sentence::AfterAcknowledgement).then_some(clock),
            });
            // Until the log has it nothing comes of it.
            match self.scenario.holds_fly {
                true => world.flying.push(record),
                false => self.commit(world, &record),
            }
        }
    }

    pub(super) fn append(&self, world: &mut World, command: usize) {
        let now = world.now;
        let given = &mut world.given[command];
        given.appended = true;
        if self.lacks(Sentence::HoldFirst) {
            given.counts_from.get_or_insert(now);
        }
        world.registry.push(Fact::Given(given.command));
    }

    /// The log takes a record, and who waits for that is told.
    pub(super) fn commit(&self, world: &mut World, record: &Arc<Record>) {
        let offset = Offset(world.control.len() as u64);
        world.control.push(Arc::clone(record));
        for command in 0..world.given.len() {
            let api = world.given[command]
                .api
                .filter(|api| world.replicas[*api].boot == record.boot);
            let acknowledged = api.map(|api| record.sent.unwrap_or_else(|| self.clock(world, api)));
            let event =
                api.and_then(|api| world.replicas[api].knows(world.given[command].command, &world.registry));
            let given = &mut world.given[command];
            let counts = record.covers.has(given.command);
            if counts {
                given.counts_from.get_or_insert(world.now);
            }
            let Some(acknowledged) = acknowledged else {
                continue;
            };
            match &record.envelope.data {
                ControlEvent::Hold(_) if counts => {
                    given.hold.get_or_insert((offset, acknowledged));
                }
                ControlEvent::Tick(tick) if event.is_some_and(|event| tick.revision >= event) => {
                    given.record.get_or_insert((offset, acknowledged));
                }
                ControlEvent::Hold(_) | ControlEvent::Tick(_) => {}
            }
        }
        if self.lacks(Sentence::ReadBack)
            && let ControlEvent::Tick(tick) = &record.envelope.data
            && let Some(slot) = world
                .replicas
                .iter()
                .position(|writer| writer.boot == record.boot)
            && let Some(sent) = world.replicas[slot].lease.sent.get(&tick.nonce).copied()
        {
            let until = &mut world.replica(slot).lease.until;
            *until = (*until).max(Some(sent.plus(LEASE)));
        }
    }

    /// Commands are answered as soon as they may be.
    pub(super) fn answer(&self, world: &mut World) {
        for command in 0..world.given.len() {
            let given = &world.given[command];
            if !given.answered
                && let Some(api) = given.api
                && let Some(asked) = self.asked(world, given, api)
            {
                world.given[command].answered = self.is_confirmed(world, api, &asked);
            }
        }
    }

    fn asked(&self, world: &World, given: &Given, api: usize) -> Option<Asked> {
        let event = world.replicas[api].knows(given.command, &world.registry);
        let (proof, (record, acknowledged)) = match (given.hold, event) {
            (Some(hold), event) => (Proof::Hold { hold: hold.0, event }, hold),
            (None, Some(event)) => (Proof::Event(event), given.record?),
            (None, None) => return None,
        };
        Some(Asked {
            proof,
            record,
            acknowledged,
        })
    }

    fn is_confirmed(&self, world: &World, api: usize, asked: &Asked) -> bool {
        let lease = &world.replicas[api].lease;
        let now = self.clock(world, api);
        let long_ago = BootInstant::from_nanos(0);
        let confirmation =
            |position, began, now| lease.boots.confirmation(asked, position, began, now).complete;
        match self.without {
            Some(Sentence::Confirmed) => true,
            Some(Sentence::EveryBoot) => confirmation(Offset(u64::MAX), lease.began, now),
            Some(Sentence::BootsBeforeReading) => confirmation(lease.position, long_ago, now),
            Some(Sentence::Drift) => confirmation(lease.position, lease.began, now.plus(DRIFT)),
            Some(Sentence::Expires) => {
                let boots = lease.confirmation(asked, now).boots;
                boots
                    .iter()
                    .all(|(_, _, standing)| *standing == Standing::Confirmed)
            }
            Some(_) | None => lease.confirmation(asked, now).complete,
        }
    }
}
