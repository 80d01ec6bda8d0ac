//! A replica's wall clock that jumps changes neither order nor leases.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use jiff::Timestamp;
use onedoor_tests::{cluster::Cluster, wait};
use tempfile::NamedTempFile;

use crate::{
    commands::told,
    fault::VICTIM,
    freshness::{REPLICAS, disable, enable, names, three_replicas},
    load::{End, Load},
    watch::arrivals,
};

const LIBRARY: &str = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
/// In seconds.
const HOUR: i64 = 3_600;
/// How long is looked at after each jump.
const AFTERMATH: Duration = Duration::from_secs(3);

#[tokio::test]
async fn that_jumps_an_hour_either_way_changes_nothing() {
    assert!(
        Path::new(LIBRARY).exists(),
        "{LIBRARY} is missing: run scripts/setup-tests.sh"
    );
    let mut cluster = three_replicas().await;
    let offset = NamedTempFile::new().unwrap();
    let jump = |seconds: i64| std::fs::write(offset.path(), format!("{seconds:+}\n")).unwrap();
    jump(0);
    let victim = &mut cluster.gateways[VICTIM].process;
    victim.set("LD_PRELOAD", LIBRARY);
    victim.set("FAKETIME_TIMESTAMP_FILE", offset.path());
    victim.set("FAKETIME_NO_CACHE", "1");
    victim.set("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    victim.kill_and_restart().await;
    cluster.ready().await;

    let disabled = End::Refused("server_disabled".to_owned());
    let load = Load::start(&cluster, 0..REPLICAS, 2);
    for hours in [1, -1, 0] {
        load.serves(0..REPLICAS, Instant::now()).await;
        jump(hours * HOUR);
        wait::until("the clock to jump", async || {
            (hours_off(&cluster).await == hours).then_some(())
        })
        .await;
        tokio::time::sleep(AFTERMATH).await;
        for through in [0, VICTIM] {
            let asked = Instant::now();
            let (answer, answered) = disable(&cluster, through).await;
            // No lease seems to have run out.
            assert_eq!(names(&answer, "confirmed").len(), REPLICAS, "{}", answer.body);
            load.each(0..REPLICAS, asked, &disabled).await;
            load.has_passed(answered).await;
            assert_eq!(
                arrivals(&cluster.upstream, answered),
                [],
                "{hours} h, through {through}"
            );
            enable(&cluster, &load).await;
        }
    }
    let told = told(&cluster).await;
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]), "{told:#?}");
    let calls = load.stop().await;
    let unexpected = calls
        .iter()
        .find(|call| ![&End::Answered, &disabled].contains(&&call.end));
    assert!(unexpected.is_none(), "{unexpected:?}");
}

/// How wrong the victim's clock is, to the hour.
async fn hours_off(cluster: &Cluster) -> i64 {
    let clock = cluster.clock_of(&cluster.gateways[VICTIM].name).await;
    let off = clock.as_second() - Timestamp::now().as_second();
    (off + HOUR / 2).div_euclid(HOUR)
}
