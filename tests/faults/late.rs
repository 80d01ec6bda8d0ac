//! A pause between the last check and the write cannot be excluded, only found: the audit says of each such call that it was late.

use std::{
    path::PathBuf,
    time::{Duration, Instant},
};

use onedoor_log::Stream;
use onedoor_tests::{cluster::Cluster, wait};
use tokio::process::{Child, Command};

use crate::{
    fault::VICTIM,
    freshness::{REPLICAS, disable, three_replicas},
    load::Load,
    watch::{BOUND, Watch, arrivals, figure, ids, unconfessed},
};

/// How long each write of the victim is held up.
const DELAY: Duration = Duration::from_secs(3);
/// How long is looked at.
const AFTERMATH: Duration = Duration::from_secs(8);

#[tokio::test]
async fn what_is_held_up_in_the_write_is_found_and_said() {
    let mut cluster = three_replicas().await;
    let victim = &mut cluster.gateways[VICTIM];
    victim.process.kill().await;
    // More threads than stand still at once.
    victim.set("TOKIO_WORKER_THREADS", "32");
    victim.restart();
    cluster.ready().await;
    let watch = Watch::start(&cluster).await;
    let load = Load::start(&cluster, VICTIM..REPLICAS, 8);
    load.serves(VICTIM..REPLICAS, Instant::now()).await;
    let _strace = hold_up_writes(&cluster).await;
    let asked = Instant::now();
    let (_, hold) = tokio::join!(disable(&cluster, 0), watch.hold_after(asked));
    tokio::time::sleep(AFTERMATH).await;
    drop(load);

    let late = arrivals(&cluster.upstream, hold + BOUND);
    assert!(!late.is_empty(), "no write was held up: the test shows nothing");
    let written = wait::until("every late call in the audit", async || {
        let written = cluster.written(Stream::Audit).await;
        unconfessed(&late, hold + BOUND, &written)
            .is_empty()
            .then_some(written)
    })
    .await;
    figure(&format!(
        "{} calls were held up in the write, {} recorded as late",
        late.len(),
        ids(&written.of_type("DispatchedLate")).len()
    ));
}

/// From now on, each write to a socket by the victim's own threads (not by its Kafka client's) waits before it is done.
async fn hold_up_writes(cluster: &Cluster) -> Child {
    const WRITES: &str = "writev,sendto,sendmsg";
    let pid = cluster.gateways[VICTIM].process.pid();
    let threads: Vec<PathBuf> = std::fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap()
        .map(|thread| thread.unwrap().path())
        .filter(|thread| {
            std::fs::read_to_string(thread.join("comm"))
                .unwrap()
                .starts_with("tokio")
        })
        .collect();
    let mut strace = Command::new("strace");
    strace
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={WRITES}"), "-e"])
        .arg(format!("inject={WRITES}:delay_enter={}", DELAY.as_micros()))
        .kill_on_drop(true);
    for thread in &threads {
        strace.arg("-p").arg(thread.file_name().unwrap());
    }
    let strace = strace.spawn().unwrap();
    wait::until("strace to hold all threads", async || {
        let held = |thread: &PathBuf| {
            let status = std::fs::read_to_string(thread.join("status")).unwrap();
            !status.contains("TracerPid:\t0\n")
        };
        (!threads.is_empty() && threads.iter().all(held)).then_some(())
    })
    .await;
    strace
}
