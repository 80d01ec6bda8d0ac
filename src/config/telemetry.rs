//! How to log, as the file says it; flags and variables are read where logs begin.

use clap::ValueEnum as _;

use super::{
    section::Section,
    source::{Fault, Faults, Given},
};
use crate::telemetry::{self, Logging};

/// What the file says of logs.
#[derive(Debug)]
pub(super) struct TelemetryInputs {
    log: Option<Given<String>>,
    log_format: Option<Given<String>>,
}

impl TelemetryInputs {
    pub(super) fn read(root: &mut Section<'_>, faults: &mut Faults) -> Self {
        let mut section = root.section("telemetry", faults);
        let inputs = Self {
            log: section.text("log", faults),
            log_format: section.text("logFormat", faults),
        };
        section.close(faults);
        inputs
    }

    /// Judged last: it takes along what was remarked on before.
    pub(super) fn judge(self, faults: &mut Faults) -> Logging {
        Logging {
            log: self.log.and_then(|given| faults.keep(log(&given))),
            log_format: self.log_format.and_then(|given| faults.keep(log_format(&given))),
            remarks: faults.take_remarks(),
        }
    }
}

fn log(given: &Given<String>) -> Result<String, Fault> {
    telemetry::directives(&given.value).map_err(|error| {
        given.fault(
            error,
            "write a level, or directives such as info,onedoor_gateway=debug",
        )
    })
}

fn log_format(given: &Given<String>) -> Result<telemetry::Format, Fault> {
    telemetry::Format::from_str(&given.value, false).map_err(|_| {
        given.fault(
            format!("{:?} is no form of log lines", given.value),
            "write text or json",
        )
    })
}
