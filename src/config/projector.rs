//! What `onedoor projector` is told.

use std::net::SocketAddr;

use onedoor_projector::PostgresOptions;

use super::{
    args::ProjectorArgs,
    database::DatabaseInputs,
    document::Document,
    door::DoorInputs,
    environment,
    gateway::GatewayConfig,
    layers::{Environment, lay, layer},
    load,
    log::{LogConfig, LogInputs},
    plane::address,
    section::Section,
    source::{Faults, Given},
    telemetry::TelemetryInputs,
};
use crate::telemetry::Logging;

/// A configuration without fault.
#[derive(Debug)]
pub(crate) struct ProjectorConfig {
    /// Where probes and metrics are.
    pub(crate) listen: SocketAddr,
    /// The log.
    pub(crate) log: LogConfig,
    /// The projection.
    pub(crate) database: PostgresOptions,
    /// How to log, where flags and variables do not say it.
    pub(crate) logging: Logging,
}

/// What was given, before it is judged.
#[derive(Debug)]
struct Inputs {
    listen: Option<Given<String>>,
    log: LogInputs,
    database: DatabaseInputs,
    telemetry: TelemetryInputs,
}

impl ProjectorConfig {
    /// Reads everything there is.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(args: &ProjectorArgs) -> Result<Self, Faults> {
        Self::read(args, &environment)
    }

    pub(super) fn read(args: &ProjectorArgs, environment: Environment<'_>) -> Result<Self, Faults> {
        load(args.file.path(), |document, faults| {
            let inputs = Inputs::read(args, environment, document, faults);
            document.refuse_keys(faults);
            inputs.judge(faults)
        })
    }
}

impl Inputs {
    fn read(
        args: &ProjectorArgs,
        environment: Environment<'_>,
        document: &Document,
        faults: &mut Faults,
    ) -> Self {
        let mut root = Section::root(document);
        let mut section = root.section("projector", faults);
        let listen = section.text("listen", faults);
        section.close(faults);
        let mut inputs = Self {
            listen,
            log: LogInputs::read(&args.parts, environment, &mut root, faults),
            database: DatabaseInputs::read(&args.parts, environment, &mut root, faults),
            telemetry: TelemetryInputs::read(&mut root, faults),
        };
        root.leave(GatewayConfig::KEYS);
        root.leave(DoorInputs::KEYS);
        root.close(faults);
        let listen = ["projector.listen", "--listen", "ONEDOOR_PROJECTOR_LISTEN"];
        lay([layer(&mut inputs.listen, listen, &args.listen)], environment);
        inputs
    }

    /// None only where a fault was added.
    fn judge(self, faults: &mut Faults) -> Option<ProjectorConfig> {
        let listen = faults.keep(address(self.listen, "projector.listen", 8082));
        let log = self.log.judge(faults);
        let database = self.database.judge(faults);
        let logging = self.telemetry.judge(faults);
        Some(ProjectorConfig {
            listen: listen?.value,
            log: log?,
            database: database?,
            logging,
        })
    }
}
