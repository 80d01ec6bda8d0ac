//! A registry for tests: real events, folded by the real fold.

use std::{cell::RefCell, collections::HashMap};

use uuid::Uuid;

use crate::{
    envelope::{Envelope, Producer},
    ids::{
        AggregateVersion, BootId, CommandId, Digest, EventId, LogId, Offset, ReplicaName, Revision, ServerId,
        ToolName,
    },
    principal::Actor,
    registry::{
        Change, CommandStamp, LogCreated, ManifestSubmitted, RegistryEvent, ReplicaJoined, ServerChosen,
        State, ToolChosen,
    },
};

/// What is in `registry` after the [`BASE`] that every run begins with: a log with two servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Fact {
    /// The command took its place. It may be there twice, as others append it too.
    Given(Command),
    /// A boot joined.
    Joined(u8),
}

/// What is asked for: each takes something away from everyone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Command {
    /// Disables a server: restrictive, so a hold goes ahead of it.
    Kill,
    /// Disables the server's tool: restrictive, too.
    KillTool,
    /// Retires another server: not restrictive.
    Plain,
}

/// How many events every run begins with.
pub(super) const BASE: u64 = 3;

/// Where the fact of this number stands in `registry`.
pub(super) fn revision(place: usize) -> Revision {
    Offset(BASE + place as u64)
}

pub(super) const LOG: LogId = LogId(Uuid::from_u128(1));
pub(super) const OTHER_LOG: LogId = LogId(Uuid::from_u128(2));

/// The states that `registry` folds into.
#[derive(Default)]
pub(super) struct Facts {
    states: RefCell<HashMap<Vec<Fact>, State>>,
}

impl Facts {
    /// The state after [`BASE`] and these.
    pub(super) fn state(&self, facts: &[Fact]) -> State {
        if let Some(state) = self.states.borrow().get(facts) {
            return state.clone();
        }
        let state = match facts.split_last() {
            None => base(),
            Some((last, before)) => {
                let mut state = self.state(before);
                let change = match last {
                    Fact::Given(command) => return self.keep(facts, apply(state, event(*command))),
                    Fact::Joined(boot) => Change::ReplicaJoined(ReplicaJoined {
                        boot: boot_id(*boot),
                        replica: replica(),
                    }),
                };
                let offset = Offset(BASE + before.len() as u64);
                let joined = RegistryEvent {
                    command: stamp(&format!("join-{offset}")),
                    expected: Some(AggregateVersion::NONE),
                    change,
                };
                state.apply(offset, &envelope(None, joined)).unwrap();
                state
            }
        };
        self.keep(facts, state)
    }

    fn keep(&self, facts: &[Fact], state: State) -> State {
        self.states.borrow_mut().insert(facts.to_vec(), state.clone());
        state
    }
}

impl Command {
    pub(super) const ALL: [Self; 3] = [Self::Kill, Self::KillTool, Self::Plain];

    fn id(self) -> &'static str {
        match self {
            Self::Kill => "kill",
            Self::KillTool => "kill-tool",
            Self::Plain => "plain",
        }
    }

    /// The command of an event that [`event`] made.
    pub(super) fn of(event: &RegistryEvent) -> Self {
        let id = event.command.id.as_str();
        Self::ALL.into_iter().find(|command| command.id() == id).unwrap()
    }

    fn server(self) -> ServerId {
        match self {
            Self::Kill | Self::KillTool => ServerId(Uuid::from_u128(1)),
            Self::Plain => ServerId(Uuid::from_u128(2)),
        }
    }

    /// Whether a state refuses what the command took away.
    pub(super) fn is_refused_by(self, state: &State) -> bool {
        state.server(self.server()).is_some_and(|server| match self {
            Self::Kill => server.disabled.is_some(),
            Self::KillTool => server.disabled_tools.contains_key(&tool()),
            Self::Plain => server.retired.is_some(),
        })
    }
}

pub(super) fn boot_id(boot: u8) -> BootId {
    BootId(Uuid::from_u128(boot.into()))
}

/// The event of a command: whoever appends it.
pub(super) fn event(command: Command) -> RegistryEvent {
    let server = command.server();
    let (expected, change) = match command {
        Command::Kill => (None, Change::ServerDisabled(ServerChosen { server })),
        Command::KillTool => (None, Change::ToolDisabled(ToolChosen { server, tool: tool() })),
        // The server's registration is the last event of the base.
        Command::Plain => (
            Some(AggregateVersion(BASE - 1)),
            Change::ServerRetired(ServerChosen { server }),
        ),
    };
    RegistryEvent {
        command: stamp(command.id()),
        expected,
        change,
    }
}

fn tool() -> ToolName {
    ToolName::new("read").unwrap()
}

pub(super) fn admin() -> Actor {
    Actor::System {
        name: "admin".to_owned(),
    }
}

pub(super) fn envelope<D>(actor: Option<Actor>, data: D) -> Envelope<D> {
    Envelope {
        id: EventId(Uuid::nil()),
        source: replica(),
        time: jiff::Timestamp::UNIX_EPOCH,
        traceparent: None,
        producer: Producer::Registry,
        boot: boot_id(0),
        seq: 0,
        prevhash: None,
        tenant: None,
        actor,
        reason: None,
        data,
    }
}

fn base() -> State {
    let created = Change::LogCreated(LogCreated { log: LOG });
    let registered = |command: Command, slug: &str| {
        let manifest = serde_json::json!({
            "name": format!("dev.onedoor.test/{slug}"), "description": "A server", "version": "1",
            "remotes": [{ "type": "streamable-http", "url": "http://127.0.0.1:9000/mcp" }],
            "_meta": { "dev.onedoor/server": {
                "slug": slug, "owner": "team", "audience": "api://x", "requiredScope": "x.read",
                "strategy": "gateway-issued",
                "tools": [{ "name": "read", "description": "Reads", "inputSchema": { "type": "object" } }],
            }},
        });
        Change::ServerRegistered(ManifestSubmitted {
            server: command.server(),
            manifest: manifest.to_string(),
        })
    };
    let changes = [
        created,
        registered(Command::Kill, "killed"),
        registered(Command::Plain, "retired"),
    ];
    changes
        .into_iter()
        .enumerate()
        .fold(State::default(), |state, (n, change)| {
            let event = RegistryEvent {
                command: stamp(&format!("base-{n}")),
                expected: Some(AggregateVersion::NONE),
                change,
            };
            apply(state, event)
        })
}

fn apply(mut state: State, event: RegistryEvent) -> State {
    let offset = state.revision().map_or(Offset(0), Offset::next);
    state.apply(offset, &envelope(Some(admin()), event)).unwrap();
    state
}

fn stamp(id: &str) -> CommandStamp {
    CommandStamp {
        id: CommandId::new(id).unwrap(),
        route: "POST".to_owned(),
        digest: Digest::of(id.as_bytes()),
    }
}

fn replica() -> ReplicaName {
    ReplicaName::new("gateway").unwrap()
}
