//! What can be said on the command line. A flag goes before its environment variable, and that before the file.

use std::path::{Path, PathBuf};

/// The file that holds what is not said otherwise.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct FileArg {
    /// Bootstrap file (TOML)
    #[arg(long, value_name = "FILE", env = "ONEDOOR_CONFIG")]
    config: Option<PathBuf>,
}

/// What can be said of both planes.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct DoorArgs {
    /// URL that clients know the data plane by
    #[arg(long, value_name = "URL")]
    pub(super) public_url: Option<String>,
    /// URL that people know the admin plane by [default: the public URL's host, the admin plane's port]
    #[arg(long, value_name = "URL")]
    pub(super) admin_url: Option<String>,
    /// Allow plain text off loopback, because something in front speaks TLS
    #[arg(long)]
    pub(super) plain_text: bool,
    /// Address and port of the data plane [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
    /// Certificate chain of the data plane (PEM)
    #[arg(long, value_name = "FILE")]
    pub(super) tls_certificate: Option<String>,
    /// Private key of the data plane (PEM)
    #[arg(long, value_name = "FILE")]
    pub(super) tls_key: Option<String>,
    /// Address and port of the admin plane [default: 127.0.0.1:8081]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) admin_listen: Option<String>,
    /// Certificate chain of the admin plane (PEM)
    #[arg(long, value_name = "FILE")]
    pub(super) admin_tls_certificate: Option<String>,
    /// Private key of the admin plane (PEM)
    #[arg(long, value_name = "FILE")]
    pub(super) admin_tls_key: Option<String>,
}

/// Where the log and its projection are.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct PartsArgs {
    /// The log: `kafka://HOST:PORT,…/PREFIX`
    #[arg(long, value_name = "URL")]
    pub(super) log_url: Option<String>,
    /// The projection's database: `postgres://USER@HOST/NAME`
    #[arg(long, value_name = "URL")]
    pub(super) database_url: Option<String>,
}

/// Where the configuration of `onedoor serve` comes from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Configuration (each flag has a variable: --public-url is ONEDOOR_PUBLIC_URL)")]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    pub(super) file: FileArg,
    /// Folder of all state [default: /var/lib/onedoor]
    #[arg(long, value_name = "DIR")]
    pub(super) data: Option<String>,
    #[command(flatten)]
    pub(super) door: DoorArgs,
}

/// Where the configuration of `onedoor gateway` comes from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(next_help_heading = "Configuration (each flag has a variable: --public-url is ONEDOOR_PUBLIC_URL)")]
pub(crate) struct GatewayArgs {
    #[command(flatten)]
    pub(super) file: FileArg,
    /// Name of this replica, which no other one has [default: the host's name]
    #[arg(long, value_name = "NAME")]
    pub(super) replica: Option<String>,
    /// Folder of the keys that all replicas share
    #[arg(long, value_name = "DIR")]
    pub(super) keys: Option<String>,
    #[command(flatten)]
    pub(super) parts: PartsArgs,
    /// What replicas share for speed: `redis://HOST:PORT`
    #[arg(long, value_name = "URL")]
    pub(super) redis_url: Option<String>,
    /// Seconds for which connections are taken after /readyz said that this replica stops [default: 5]
    #[arg(long, value_name = "SECONDS")]
    pub(super) drain_seconds: Option<String>,
    /// Seconds that requests under way then have to end [default: 30]
    #[arg(long, value_name = "SECONDS")]
    pub(super) grace_seconds: Option<String>,
    #[command(flatten)]
    pub(super) door: DoorArgs,
}

/// Where the configuration of `onedoor projector` comes from.
#[derive(Clone, Debug, Default, clap::Args)]
#[command(
    next_help_heading = "Configuration (each flag has a variable: --log-url is ONEDOOR_LOG_URL, --listen ONEDOOR_PROJECTOR_LISTEN)"
)]
pub(crate) struct ProjectorArgs {
    #[command(flatten)]
    pub(super) file: FileArg,
    #[command(flatten)]
    pub(super) parts: PartsArgs,
    /// Address and port of probes and metrics [default: 127.0.0.1:8082]
    #[arg(long, value_name = "ADDRESS")]
    pub(super) listen: Option<String>,
}

/// Where the configuration of whoever needs only the log comes from.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct LogArgs {
    #[command(flatten)]
    pub(super) file: FileArg,
}

impl ProjectorArgs {
    /// For work that shows nothing of itself.
    pub(crate) fn of_parts(file: FileArg, parts: PartsArgs) -> Self {
        Self {
            file,
            parts,
            listen: None,
        }
    }
}

impl FileArg {
    /// The bootstrap file, if there is to be one.
    pub(super) fn path(&self) -> Option<&Path> {
        self.config.as_deref()
    }
}
