//! How answers are written.

use clap::ValueEnum;

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For people
    Table,
    /// As the API gives it
    Json,
}

/// The option that chooses it.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(super) struct FormatArgs {
    /// How answers are written
    #[arg(long, global = true, value_enum, default_value_t = Format::Table, value_name = "FORMAT")]
    pub(super) format: Format,
}
