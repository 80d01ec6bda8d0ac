//! What `onedoor serve` is told before it starts: read from flags, environment and bootstrap file, and judged as a whole, before a
//! port is bound or a file written. It holds only what is needed to start; everything else is in the registry.

mod document;
mod first_admin;
mod inputs;
mod plane;
mod registry;
mod section;
mod source;
#[cfg(test)]
mod tests;
mod url;

use std::path::{Path, PathBuf};

use clap::ValueEnum as _;
use onedoor_admin::FirstAdmin;
use onedoor_model::registry::{Issuer, Settings};

use self::{
    document::Document,
    inputs::{Environment, Inputs},
    plane::Planes,
    source::{Fault, Given, Source},
};
pub(crate) use self::{inputs::ConfigArgs, plane::PlaneConfig, source::Faults};
use crate::telemetry::{self, Logging};

/// Where state is kept where nobody says otherwise.
const DATA: &str = "/var/lib/onedoor";

/// A configuration without fault.
#[derive(Debug)]
pub(crate) struct Config {
    /// Folder of all state.
    pub(crate) data: PathBuf,
    /// The URL that clients know the data plane by, without a trailing slash.
    pub(crate) public_url: String,
    /// The URL that people know the admin plane by, without a trailing slash.
    pub(crate) admin_url: String,
    /// The data plane.
    pub(crate) data_plane: PlaneConfig,
    /// The admin plane.
    pub(crate) admin_plane: PlaneConfig,
    /// Callers who administer whatever their roles.
    pub(crate) first_admins: Vec<FirstAdmin>,
    /// Identity providers that a new registry begins with.
    pub(crate) issuers: Vec<Issuer>,
    /// Settings that a new registry begins with.
    pub(crate) settings: Option<Settings>,
    /// How to log, where flags and variables do not say it.
    pub(crate) logging: Logging,
}

impl Config {
    /// Reads everything there is.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(args: &ConfigArgs) -> Result<Self, Faults> {
        Self::read(args, &|name| std::env::var(name).ok())
    }

    fn read(args: &ConfigArgs, environment: Environment<'_>) -> Result<Self, Faults> {
        let mut faults = Faults::default();
        let document = match args.file() {
            None => Document::none(),
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => Document::parse(path, &text, &mut faults),
                Err(error) => {
                    faults.add(unreadable(path, &error));
                    Document::none()
                }
            },
        };
        let inputs = Inputs::read(args, environment, &document, &mut faults);
        document.refuse_keys(&mut faults);
        let config = Self::judge(inputs, &document, &mut faults);
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            Some(_) | None => Err(faults),
        }
    }

    /// None only where a fault was added.
    fn judge(inputs: Inputs, document: &Document, faults: &mut Faults) -> Option<Self> {
        let data = faults.keep(data_folder(inputs.data));
        let planes = Planes {
            public_url: inputs.public_url,
            admin_url: inputs.admin_url,
            plain_text: inputs.plain_text.is_some_and(|given| given.value),
        };
        let planes = planes.judge(inputs.data_plane, inputs.admin_plane, faults);
        let first_admins = first_admin::judge(inputs.first_admins, faults);
        let issuers = registry::issuers(inputs.issuers, document, faults);
        let settings = registry::settings(inputs.settings, document, faults);
        let logging = Logging {
            log: inputs.log.and_then(|given| faults.keep(log(&given))),
            log_format: inputs
                .log_format
                .and_then(|given| faults.keep(log_format(&given))),
        };
        let planes = planes?;
        Some(Self {
            data: data?,
            public_url: planes.public_url,
            admin_url: planes.admin_url,
            data_plane: planes.data,
            admin_plane: planes.admin,
            first_admins,
            issuers,
            settings,
            logging,
        })
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

fn data_folder(given: Option<Given<String>>) -> Result<PathBuf, Fault> {
    let given = given.unwrap_or_else(|| Given {
        value: DATA.to_owned(),
        field: "data".to_owned(),
        source: Source::Nowhere,
    });
    let path = PathBuf::from(&given.value);
    match std::fs::metadata(&path) {
        Ok(is) if !is.is_dir() => {
            Err(given.fault(format!("{} is no folder", path.display()), "name another folder"))
        }
        Ok(_) => Ok(path),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::path::absolute(&path).map_err(|_| given.fault("is empty", "name a folder"))
        }
        Err(error) => Err(given.fault(
            format!("cannot use {}: {error}", path.display()),
            "name a folder that this user may use",
        )),
    }
}
