//! What `onedoor serve` is told.

use std::path::PathBuf;

use super::{
    args::ServeArgs,
    document::Document,
    door::{DoorConfig, DoorInputs},
    environment,
    folder::folder,
    layers::{Environment, lay, layer},
    load,
    section::Section,
    source::{Faults, Given, Source},
};

/// Where state is kept where nobody says otherwise.
const DATA: &str = "/var/lib/onedoor";

/// What only the file of a gateway or a projector has.
const OF_REPLICAS: [&str; 8] = [
    "log",
    "database",
    "redis",
    "projector",
    "keys",
    "replica",
    "drainSeconds",
    "graceSeconds",
];

/// A configuration without fault.
#[derive(Debug)]
pub(crate) struct ServeConfig {
    /// Folder of all state.
    pub(crate) data: PathBuf,
    /// What it serves.
    pub(crate) door: DoorConfig,
}

impl ServeConfig {
    /// Reads everything there is.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(args: &ServeArgs) -> Result<Self, Faults> {
        Self::read(args, &environment)
    }

    pub(super) fn read(args: &ServeArgs, environment: Environment<'_>) -> Result<Self, Faults> {
        load(args.file.path(), |document, faults| {
            Self::judge(args, environment, document, faults)
        })
    }

    /// None only where a fault was added.
    fn judge(
        args: &ServeArgs,
        environment: Environment<'_>,
        document: &Document,
        faults: &mut Faults,
    ) -> Option<Self> {
        let mut root = Section::root(document);
        let mut data = root.text("data", faults);
        let door = DoorInputs::read(&args.door, environment, document, &mut root, faults);
        let hint = "is it the file of a gateway? `onedoor check-config gateway` judges it; else leave it out";
        root.refuse(&OF_REPLICAS, "is for replicas, which share a log", hint, faults);
        root.close(faults);
        document.refuse_keys(faults);
        lay(
            [layer(&mut data, ["data", "--data", "ONEDOOR_DATA"], &args.data)],
            environment,
        );
        let data = data.unwrap_or_else(|| Given {
            value: DATA.to_owned(),
            field: "data".to_owned(),
            source: Source::Nowhere,
        });
        let data = faults.keep(folder(&data));
        let door = door.judge(document, faults);
        Some(Self {
            data: data?,
            door: door?,
        })
    }
}
