//! A pause between the last check and the write cannot be excluded, only found: the audit says of each such call that it was late.

use std::time::{Duration, Instant};

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
/// For how long no call has ended once all are held up.
const QUIET: Duration = Duration::from_millis(500);
/// How long is looked at.
const AFTERMATH: Duration = Duration::from_secs(10);

#[tokio::test]
async fn what_is_held_up_in_the_write_is_found_and_said() {
    let mut cluster = three_replicas().await;
    let victim = &mut cluster.gateways[VICTIM].process;
    // More threads than stand still at once.
    victim.set("TOKIO_WORKER_THREADS", "32");
    victim.kill_and_restart().await;
    cluster.ready().await;
    let watch = Watch::start(&cluster).await;
    let load = Load::start(&cluster, VICTIM..REPLICAS, 8);
    load.serves(VICTIM..REPLICAS, Instant::now()).await;
    let strace = hold_up_writes(&cluster);
    wait::until("all calls to be held up", async || {
        let last = load.calls().iter().map(|call| call.ended).max()?;
        (last.elapsed() > QUIET).then_some(())
    })
    .await;
    let asked = Instant::now();
    let (_, hold) = tokio::join!(disable(&cluster, 0), watch.hold_after(asked));
    tokio::time::sleep(AFTERMATH).await;
    drop(load);

    let late = arrivals(&cluster.upstream, hold + BOUND);
    drop(strace);
    let written = cluster.written(Stream::Audit).await;
    assert_eq!(unconfessed(&late, hold + BOUND, &written), []);
    let confessed = ids(&written.of_type("DispatchedLate"));
    figure(&format!(
        "{} calls were held up in the write: all are recorded as late, {} reached the upstream",
        confessed.len(),
        late.len(),
    ));
    assert!(!late.is_empty(), "no write was held up: the test shows nothing");
    let succeeded: Vec<_> = written
        .of_type("ToolCallCompleted")
        .into_iter()
        .filter(|event| event["data"]["outcome"] == "succeeded")
        .collect();
    assert!(
        confessed.is_disjoint(&ids(&succeeded)),
        "a late call was passed on"
    );
}

/// Has each write to a socket by the victim's own threads (not by its Kafka client's) wait before it is done.
fn hold_up_writes(cluster: &Cluster) -> Child {
    const WRITES: &str = "writev,sendto,sendmsg";
    let mut strace = Command::new("strace");
    strace
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={WRITES}"), "-e"])
        .arg(format!("inject={WRITES}:delay_enter={}", DELAY.as_micros()))
        .kill_on_drop(true);
    let pid = cluster.gateways[VICTIM].process.pid();
    for thread in std::fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
        let thread = thread.unwrap();
        let name = std::fs::read_to_string(thread.path().join("comm")).unwrap();
        if name.starts_with("tokio") {
            strace.arg("-p").arg(thread.file_name());
        }
    }
    strace.spawn().unwrap()
}
