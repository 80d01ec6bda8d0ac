//! What `onedoor gateway` is told.

use std::{fs, path::Path, time::Duration};

use onedoor_gateway::{Drain, Keys};
use onedoor_model::ids::ReplicaName;
use onedoor_projector::PostgresOptions;

use crate::process::with_causes;

use super::{
    args::GatewayArgs,
    database::DatabaseInputs,
    document::Document,
    door::{DoorConfig, DoorInputs},
    environment, exposed,
    folder::folder,
    layers::{Environment, lay, layer},
    load,
    log::{LogConfig, LogInputs},
    redis::RedisInputs,
    section::{Section, number},
    source::{Fault, Faults, Given, Source},
};

/// Where Linux says the host's name.
const HOST_NAME: &str = "/proc/sys/kernel/hostname";

/// How long a replica goes on taking connections after it said that it stops.
const NOTICE: Duration = Duration::from_secs(5);

/// How long requests under way then have: as long as a stream of 20 seconds, and some more.
const GRACE: Duration = Duration::from_secs(30);

/// A configuration without fault.
#[derive(Debug)]
pub(crate) struct GatewayConfig {
    /// This replica.
    pub(crate) replica: ReplicaName,
    /// The keys that all replicas share.
    pub(crate) keys: Keys,
    /// What it serves.
    pub(crate) door: DoorConfig,
    /// The log.
    pub(crate) log: LogConfig,
    /// The projection.
    pub(crate) database: PostgresOptions,
    /// What replicas share for speed.
    pub(crate) redis: Option<onedoor_redis::Options>,
    /// How it stops.
    pub(crate) drain: Drain,
}

/// What was given, before it is judged.
#[derive(Debug)]
struct Inputs {
    replica: Option<Given<String>>,
    keys: Option<Given<String>>,
    drain: Option<Given<String>>,
    grace: Option<Given<String>>,
    door: DoorInputs,
    log: LogInputs,
    database: DatabaseInputs,
    redis: RedisInputs,
}

impl GatewayConfig {
    /// The keys of the file that only gateways read.
    pub(super) const KEYS: [&'static str; 5] = ["replica", "keys", "drainSeconds", "graceSeconds", "redis"];

    /// Reads everything there is.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(args: &GatewayArgs) -> Result<Self, Faults> {
        Self::read(args, &environment)
    }

    pub(super) fn read(args: &GatewayArgs, environment: Environment<'_>) -> Result<Self, Faults> {
        load(args.file.path(), |document, faults| {
            let inputs = Inputs::read(args, environment, document, faults);
            document.refuse_keys(faults);
            inputs.judge(document, faults)
        })
    }
}

impl Inputs {
    fn read(
        args: &GatewayArgs,
        environment: Environment<'_>,
        document: &Document,
        faults: &mut Faults,
    ) -> Self {
        let mut root = Section::root(document);
        let mut inputs = Self {
            replica: root.text("replica", faults),
            keys: root.text("keys", faults),
            drain: root.number("drainSeconds", faults),
            grace: root.number("graceSeconds", faults),
            log: LogInputs::read(&args.parts, environment, &mut root, faults),
            database: DatabaseInputs::read(&args.parts, environment, &mut root, faults),
            redis: RedisInputs::read(args, environment, &mut root, faults),
            door: DoorInputs::read(&args.door, environment, document, &mut root, faults),
        };
        root.leave(["projector"]);
        let hint =
            "leave it out: what a gateway keeps is in the log, and `keys` names the folder of its keys";
        root.refuse(&["data"], "is for `onedoor serve`", hint, faults);
        root.close(faults);
        #[rustfmt::skip]
        lay([
            layer(&mut inputs.replica, ["replica", "--replica", "ONEDOOR_REPLICA"], &args.replica),
            layer(&mut inputs.keys, ["keys", "--keys", "ONEDOOR_KEYS"], &args.keys),
            layer(&mut inputs.drain, ["drainSeconds", "--drain-seconds", "ONEDOOR_DRAIN_SECONDS"], &args.drain_seconds),
            layer(&mut inputs.grace, ["graceSeconds", "--grace-seconds", "ONEDOOR_GRACE_SECONDS"], &args.grace_seconds),
        ], environment);
        inputs
    }

    /// None only where a fault was added.
    fn judge(self, document: &Document, faults: &mut Faults) -> Option<GatewayConfig> {
        let replica = faults.keep(replica(self.replica));
        let keys = keys(self.keys, faults);
        let notice = faults.keep(seconds(self.drain.as_ref(), NOTICE));
        let grace = faults.keep(seconds(self.grace.as_ref(), GRACE));
        let log = self.log.judge(faults);
        let database = self.database.judge(faults);
        let redis = self.redis.judge(faults);
        let door = self.door.judge(document, faults);
        Some(GatewayConfig {
            replica: replica?,
            keys: keys?,
            door: door?,
            log: log?,
            database: database?,
            redis: redis?,
            drain: Drain {
                notice: notice?,
                grace: grace?,
            },
        })
    }
}

fn replica(given: Option<Given<String>>) -> Result<ReplicaName, Fault> {
    let given = given.unwrap_or_else(|| Given {
        value: fs::read_to_string(HOST_NAME)
            .unwrap_or_default()
            .trim()
            .to_owned(),
        field: "replica".to_owned(),
        source: Source::Nowhere,
    });
    given.value.parse().map_err(|error| {
        given.fault(
            format!("{error}"),
            "give each replica a name of its own: replica = \"gateway-1\"",
        )
    })
}

fn keys(given: Option<Given<String>>, faults: &mut Faults) -> Option<Keys> {
    let Some(given) = given else {
        faults.add(Fault::missing(
            "keys",
            "name the folder of the keys that all replicas share; `onedoor keys generate --into DIR` makes them",
        ));
        return None;
    };
    let folder = faults.keep(folder(&given))?;
    faults.keep(exposed::keys(&given, &folder))?;
    faults.keep(load_keys(&given, &folder))
}

fn load_keys(given: &Given<String>, folder: &Path) -> Result<Keys, Fault> {
    Keys::load(folder).map_err(|error| {
        given.fault(
            with_causes(&error),
            format!(
                "all replicas need the same keys: copy them from another one, or make the first set with `onedoor keys generate --into {}`",
                folder.display()
            ),
        )
    })
}

fn seconds(given: Option<&Given<String>>, usual: Duration) -> Result<Duration, Fault> {
    given.map_or(Ok(usual), |given| {
        number(given, 0..=86_400).map(Duration::from_secs)
    })
}
