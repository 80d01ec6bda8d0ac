//! What each role is told before it starts: read from flags, environment and file, and judged as a whole, before a port is bound or a
//! file written. It holds only what is needed to start; everything else is in the registry.
//!
//! Gateways and the projector may be given one and the same file: each knows the other's keys and leaves them alone.

mod args;
mod database;
mod document;
mod door;
mod exposed;
mod first_admin;
mod folder;
mod gateway;
mod layers;
mod log;
mod plane;
mod projector;
mod redis;
mod registry;
mod secret;
mod section;
mod serve;
mod source;
mod telemetry;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::path::Path;

pub(crate) use self::{
    args::{FileArg, GatewayArgs, LogArgs, PartsArgs, ProjectorArgs, ServeArgs},
    door::DoorConfig,
    gateway::GatewayConfig,
    log::LogConfig,
    plane::PlaneConfig,
    projector::ProjectorConfig,
    serve::ServeConfig,
    source::Faults,
};
use self::{
    document::Document,
    source::{Fault, Source},
};

/// The process's own environment.
fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Reads the file, where there is to be one, and has everything judged.
///
/// # Errors
/// All that is wrong.
fn load<T>(
    file: Option<&Path>,
    judge: impl FnOnce(&Document, &mut Faults) -> Option<T>,
) -> Result<T, Faults> {
    let mut faults = Faults::default();
    let document = match file {
        None => Document::none(),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => Document::parse(path, &text, &mut faults),
            Err(error) => {
                faults.add(unreadable(path, &error));
                return Err(faults);
            }
        },
    };
    let judged = judge(&document, &mut faults);
    match judged {
        Some(judged) if faults.is_empty() => Ok(judged),
        Some(_) | None => Err(faults),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Fault {
    Fault {
        field: String::new(),
        source: Source::File {
            path: path.into(),
            line: 1,
        },
        message: format!("cannot be read: {error}"),
        hint: "name a file that is there and that this user may read".to_owned(),
    }
}
