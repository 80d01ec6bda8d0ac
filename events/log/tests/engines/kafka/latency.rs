//! How long an append takes, and how long it is until a tail has it. Prints; fails only where something waits for a clock.

use std::time::{Duration, Instant};

use onedoor_log::{Options, Stream, Tail};
use tokio::sync::mpsc;

use super::{Topics, open};
use crate::contract::{P0, append, at, batch, in_time};

const WARM_UP: usize = 200;
const APPENDS: usize = 1_000;
/// Far more than a busy machine needs, and less than any rest or poll interval that could have crept in.
const TYPICAL: Duration = Duration::from_millis(40);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_waits_for_a_clock() {
    let topics = Topics::new();
    let log = open(&topics, Options::default()).await;
    let (seen, mut sightings) = mpsc::channel(16);
    let mut tail = Tail::new(log.clone(), Stream::Control, P0, at(0));
    tokio::spawn(async move {
        while let Ok(records) = tail.next().await {
            for record in records {
                let _ = seen.send((record.offset, Instant::now())).await;
            }
        }
    });
    let (mut appending, mut seeing) = (Vec::new(), Vec::new());
    let measure = async {
        for n in 0..WARM_UP + APPENDS {
            let begun = Instant::now();
            let offset = append(&log, Stream::Control, batch(n, 1, 1_000)).await;
            let acknowledged = Instant::now();
            let (of, at_time) = sightings.recv().await.unwrap();
            assert_eq!(of.0, offset);
            if n >= WARM_UP {
                appending.push(acknowledged - begun);
                seeing.push(at_time.saturating_duration_since(acknowledged));
            }
        }
    };
    in_time(measure).await;
    for (what, mut times) in [("append", appending), ("acknowledged to seen", seeing)] {
        times.sort();
        let (half, most) = (times[APPENDS / 2], times[APPENDS * 99 / 100]);
        println!("{what}: p50 {half:.2?}, p99 {most:.2?}");
        assert!(half < TYPICAL, "{what}: half take more than {half:?}");
    }
}
