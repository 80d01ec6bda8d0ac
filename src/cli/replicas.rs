//! `onedoor replicas`: what each replica enforces, and whether it may serve.

use serde::Deserialize;

use super::{
    access::Access,
    failure::Failure,
    format::{Format, FormatArgs},
    process::Process,
    request::Request,
    table::{NOTHING, Table, shown},
};

/// `onedoor replicas`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    access: Access,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Debug, Deserialize)]
struct ReplicaList {
    replicas: Vec<ReplicaView>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReplicaView {
    replica: String,
    boot: String,
    status: String,
    revision: u64,
    lag: Option<u64>,
    lease_ms: u64,
    ticked_ms: u64,
    oldest_hold: Option<u64>,
}

pub(super) async fn run(args: Args, process: &mut Process<'_>) -> Result<(), Failure> {
    let Args {
        access,
        format: FormatArgs { format },
    } = args;
    let client = access.client(process, "admin").await?;
    let answer = client.send(&Request::get(["replicas"])).await?;
    match format {
        Format::Json => process.out.json(&answer.value()?)?,
        Format::Table => process
            .out
            .table(&table(&answer.read::<ReplicaList>()?.replicas))?,
    }
    Ok(())
}

fn table(replicas: &[ReplicaView]) -> Table {
    let mut table = Table::new([
        "REPLICA",
        "STATUS",
        "REVISION",
        "BEHIND",
        "LEASE",
        "LAST HEARD",
        "HELD",
        "BOOT",
    ]);
    for replica in replicas {
        table.row([
            replica.replica.as_str().into(),
            replica.status.as_str().into(),
            shown(replica.revision),
            replica.lag.map_or(NOTHING.into(), shown),
            shown(format_args!("{} ms", replica.lease_ms)),
            shown(format_args!("{} ms ago", replica.ticked_ms)),
            replica.oldest_hold.map_or(NOTHING.into(), |_| "yes".into()),
            replica.boot.as_str().into(),
        ]);
    }
    table
}
