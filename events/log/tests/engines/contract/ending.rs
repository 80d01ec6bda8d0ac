//! What closing does.

use std::pin::pin;

use futures_util::{future::join_all, poll};
use onedoor_log::{AppendError, ReadError, Refusal, Stream};

use super::support::*;

pub(crate) async fn a_closed_log_refuses_everything(log: &Log) {
    append(log, Stream::Audit, one("before")).await;
    log.close().await;
    log.close().await;
    for stream in Stream::ALL {
        let appended = log.append(stream, P0, one("after")).await;
        assert!(
            matches!(appended, Err(AppendError::Refused(Refusal::Closed))),
            "{appended:?}"
        );
        assert!(matches!(
            log.read(stream, P0, at(0), 1).await,
            Err(ReadError::Closed)
        ));
        assert!(matches!(log.bounds(stream, P0).await, Err(ReadError::Closed)));
        assert!(matches!(
            log.wait_for(stream, P0, at(0)).await,
            Err(ReadError::Closed)
        ));
    }
}

pub(crate) async fn closing_answers_every_append(log: &Log) {
    let appends = (0..50).map(|n| {
        let log = log.clone();
        tokio::spawn(async move { log.append(Stream::Audit, P0, batch(n, 2, 1_000)).await })
    });
    let appends: Vec<_> = appends.collect();
    // One that is certainly in time.
    append(log, Stream::Audit, batch(50, 2, 0)).await;
    log.close().await;
    for outcome in join_all(appends).await {
        let outcome = outcome.unwrap();
        assert!(
            matches!(outcome, Ok(_) | Err(AppendError::Refused(Refusal::Closed))),
            "{outcome:?}"
        );
    }
}

pub(crate) async fn closing_ends_waits(log: &Log) {
    let mut wait = pin!(log.wait_for(Stream::Audit, P0, at(0)));
    assert!(poll!(&mut wait).is_pending());
    log.close().await;
    assert!(matches!(wait.await, Err(ReadError::Closed)));
}
