//! What may happen in one search, and how often.

use super::{facts::Command, world::Left};

/// A small system and its bounds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// How many ticks each replica may send.
    pub(super) sends: &'static [u8],
    /// Replicas that may die.
    pub(super) mortal: &'static [usize],
    /// Replicas that are not running at first.
    pub(super) absent: &'static [usize],
    /// A replica that reads, folds and enforces at once whatever there is: the sooner a command is answered, the sooner all have to refuse.
    pub(super) eager: Option<usize>,
    /// What is asked for.
    pub(super) commands: &'static [Command],
    /// Of whom.
    pub(super) asked: usize,
    pub(super) left: Left,
    /// How much time passes at once, in milliseconds.
    pub(super) step: u64,
    /// A replica that reads `control` at once, and `registry` not at all while the search goes.
    pub(super) stalled: Option<usize>,
    /// A replica that does nothing, but for what is asked of it before the search.
    pub(super) paused: Option<usize>,
    /// Whether the first command is given before anything else happens; where no hold goes ahead of it, also appended and told in a tick.
    pub(super) given_first: bool,
    /// Whether a hold may take its time until the log has it.
    pub(super) holds_fly: bool,
    /// Whether what was decided on may go on for a while after something else was published.
    pub(super) cuts_take_time: bool,
    /// Whether replicas have a lease at first.
    pub(super) warm: bool,
    /// A replica whose clock is as slow as is allowed for.
    pub(super) slow: Option<usize>,
    /// A replica that follows another log.
    pub(super) foreign: Option<usize>,
    /// A replica of a version that does not know the commands' events.
    pub(super) old: Option<usize>,
    /// A replica whose host is suspended now and then.
    pub(super) suspended: Option<usize>,
}

/// As long passes at once, in milliseconds: two of them are a lease and its allowance for drift.
pub(super) const STEP: u64 = 355;

/// A little less: with a step, exactly a lease.
pub(super) const MOMENT: u64 = 345;

const NOTHING: Left = Left {
    time: 0,
    moments: 0,
    crashes: 0,
    boots: 0,
    duplicates: 0,
    retries: 0,
    takeovers: 0,
    calls: 0,
    trims: 0,
};

const TWO_STEPS: Left = Left { time: 2, ..NOTHING };

impl Scenario {
    /// A kill, while two replicas serve.
    pub(super) const KILL: Self = Self {
        name: "kill",
        sends: &[1, 1],
        commands: &[Command::Kill],
        left: TWO_STEPS,
        asked: 0,
        step: STEP,
        mortal: &[],
        absent: &[],
        eager: Some(0),
        stalled: None,
        paused: None,
        given_first: false,
        holds_fly: false,
        cuts_take_time: false,
        warm: true,
        slow: None,
        foreign: None,
        old: None,
        suspended: None,
    };

    /// A command that is not restrictive, while two replicas serve.
    pub(super) const PLAIN: Self = Self {
        name: "plain",
        sends: &[1, 1],
        commands: &[Command::Plain],
        left: TWO_STEPS,
        ..Self::KILL
    };

    /// One of each.
    pub(super) const BOTH: Self = Self {
        name: "both",
        commands: &[Command::Kill, Command::Plain],
        given_first: true,
        ..Self::PLAIN
    };

    /// Two kills at once.
    pub(super) const TWO_HOLDS: Self = Self {
        name: "two holds",
        sends: &[0, 1],
        commands: &[Command::Kill, Command::KillTool],
        ..Self::KILL
    };

    /// Three replicas.
    pub(super) const THREE: Self = Self {
        name: "three",
        sends: &[0, 1, 1],
        given_first: true,
        ..Self::KILL
    };

    /// The replica that is asked is slow itself.
    pub(super) const LAGGING_API: Self = Self {
        name: "lagging api",
        sends: &[0, 1],
        eager: None,
        left: TWO_STEPS,
        ..Self::KILL
    };

    /// A replica has two ticks under way, and the log may take one twice.
    pub(super) const TWO_TICKS: Self = Self {
        name: "two ticks",
        sends: &[0, 2],
        left: Left {
            duplicates: 1,
            ..TWO_STEPS
        },
        ..Self::KILL
    };

    /// The hold may take its time until the log has it.
    pub(super) const SLOW_HOLD: Self = Self {
        name: "slow hold",
        sends: &[0, 1],
        holds_fly: true,
        ..Self::KILL
    };

    /// What goes on by what was decided before takes its time to end.
    pub(super) const SLOW_CUTS: Self = Self {
        name: "slow cuts",
        sends: &[0, 2],
        cuts_take_time: true,
        ..Self::KILL
    };

    /// A clock is as slow as is allowed for.
    pub(super) const DRIFT: Self = Self {
        name: "drift",
        sends: &[0, 2],
        left: Left {
            moments: 1,
            ..TWO_STEPS
        },
        slow: Some(1),
        ..Self::KILL
    };

    /// A host is suspended now and then.
    pub(super) const SUSPENDED: Self = Self {
        name: "suspended",
        sends: &[0, 1],
        suspended: Some(1),
        ..Self::KILL
    };

    /// Processes die: the one that was asked, and others. Who goes on completes the kill.
    pub(super) const CRASH: Self = Self {
        name: "crash",
        sends: &[1, 1],
        left: Left {
            crashes: 1,
            takeovers: 1,
            ..TWO_STEPS
        },
        mortal: &[0, 1],
        ..Self::KILL
    };

    /// A replica boots from a stale projection during a kill.
    pub(super) const BOOT: Self = Self {
        name: "boot",
        sends: &[1, 1],
        left: Left {
            boots: 1,
            ..TWO_STEPS
        },
        absent: &[1],
        ..Self::KILL
    };

    /// The same where `control` does not go back far.
    pub(super) const BOOT_LATE: Self = Self {
        name: "boot with old records gone",
        left: Left {
            boots: 1,
            trims: 1,
            time: 1,
            ..NOTHING
        },
        given_first: true,
        ..Self::BOOT
    };

    /// Two boot, one by what the other says that is itself not up to date.
    pub(super) const BOOT_TWO: Self = Self {
        name: "two boots",
        sends: &[0, 1, 1],
        left: Left {
            boots: 2,
            takeovers: 1,
            time: 1,
            ..NOTHING
        },
        step: 2 * STEP,
        absent: &[1, 2],
        paused: Some(0),
        eager: Some(1),
        given_first: true,
        ..Self::KILL
    };

    /// The replica that is asked has just booted. Another one ticks, and a third holds a lease by a tick that the first does not read.
    pub(super) const FRESH_API: Self = Self {
        name: "fresh api",
        sends: &[0, 2, 0],
        left: Left {
            boots: 1,
            ..TWO_STEPS
        },
        absent: &[2],
        asked: 2,
        eager: Some(2),
        paused: Some(0),
        ..Self::KILL
    };

    /// Records pass the replica by that was asked.
    pub(super) const GAP_API: Self = Self {
        name: "api that missed records",
        sends: &[0, 0, 1],
        left: Left {
            trims: 1,
            ..TWO_STEPS
        },
        eager: Some(2),
        paused: Some(1),
        given_first: true,
        ..Self::KILL
    };

    /// A boot where nobody has ticked yet; the one that was asked may die, and the one that boots is asked again.
    pub(super) const COLD_BOOT: Self = Self {
        name: "cold boot",
        sends: &[0, 1],
        left: Left {
            crashes: 1,
            boots: 1,
            retries: 1,
            ..TWO_STEPS
        },
        mortal: &[0],
        warm: false,
        ..Self::BOOT
    };

    /// A replica boots beside one that reads `control` but not `registry`.
    pub(super) const BOOT_BESIDE: Self = Self {
        name: "boot beside a lagging replica",
        sends: &[1, 1, 1],
        commands: &[Command::Plain],
        left: Left {
            boots: 1,
            ..TWO_STEPS
        },
        absent: &[2],
        stalled: Some(1),
        given_first: true,
        ..Self::KILL
    };

    /// Records pass by a replica unread.
    pub(super) const MISSED: Self = Self {
        name: "missed records",
        sends: &[1, 1],
        left: Left {
            trims: 1,
            ..TWO_STEPS
        },
        ..Self::KILL
    };

    /// The replica that was asked dies before its record; another one has folded the command, and is asked again; a third has not.
    pub(super) const RETRY: Self = Self {
        name: "retry",
        sends: &[0, 1, 1],
        commands: &[Command::Plain],
        given_first: true,
        left: Left {
            crashes: 1,
            retries: 1,
            ..TWO_STEPS
        },
        mortal: &[0],
        ..Self::KILL
    };

    /// The same with a kill: its hold may come when its writer is dead, after another one, and twice.
    pub(super) const RETRY_KILL: Self = Self {
        name: "retried kill",
        sends: &[0, 1],
        commands: &[Command::Kill],
        holds_fly: true,
        left: Left {
            duplicates: 1,
            ..Self::RETRY.left
        },
        ..Self::RETRY
    };

    /// Calls that wait, and pauses before their write.
    pub(super) const CALLS: Self = Self {
        name: "calls",
        sends: &[1, 1],
        left: Left {
            calls: 1,
            ..TWO_STEPS
        },
        cuts_take_time: true,
        ..Self::KILL
    };

    /// Calls, at a replica that records pass by.
    pub(super) const CALLS_OVER_GAP: Self = Self {
        name: "calls over a gap",
        sends: &[1, 1],
        left: Left {
            calls: 1,
            trims: 1,
            ..NOTHING
        },
        given_first: true,
        ..Self::CALLS
    };

    /// A replica follows another log.
    pub(super) const FOREIGN: Self = Self {
        name: "foreign log",
        sends: &[1, 1],
        warm: false,
        foreign: Some(1),
        ..Self::PLAIN
    };

    /// A replica does not know the event's type.
    pub(super) const OLD: Self = Self {
        name: "old version",
        sends: &[1, 1],
        old: Some(1),
        ..Self::KILL
    };

    /// With more time, where any passes.
    pub(super) fn larger(mut self) -> Self {
        self.left.time += u8::from(self.left.time > 0);
        self
    }
}
