//! Building a projection anew beside the live one, and putting it in its place.

use std::{collections::BTreeMap, sync::Arc};

use onedoor_log::{EventLog, Partition, Stream};
use onedoor_model::ids::{Digest, Offset};
use tracing::{info, warn};

use crate::{
    error::{OpenError, ProjectorError, StoreError},
    place::{Place, PostgresOptions},
    postgres::{Database, REPLACED, SHADOW, Swap},
    rows::digest::{self, TableDigest},
    run::{Follower, partitions, recognise},
    store::Store,
};

/// How many events the live projection may be ahead when it is halted: what is left then keeps it waiting.
const CLOSE: u64 = 1_000;
/// Events between two words of progress.
const STRIDE: u64 = 10_000;

/// What is to become of a projection that was built anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Differing {
    /// It is put in place only where it equals the live one.
    Keep,
    /// It is put in place even where it differs. Of the days that the live one has dropped, it has those that are to be kept now.
    Adopt,
}

/// How far a rebuild is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rebuild {
    /// Projecting the log into a schema beside the live one.
    Building {
        /// Events projected.
        done: u64,
        /// Events there are to project, as far as is known.
        total: u64,
    },
    /// Comparing the two, while the live one stands still.
    Comparing,
    /// Dropping the one that is not needed any more.
    Dropping,
}

/// How a rebuild went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The digest of the live projection, and of the one built anew at the same offsets; none where there was no live one.
    pub digests: Option<(Digest, Digest)>,
    /// The tables that differ.
    pub differing: Vec<TableReport>,
    /// Whether the one built anew is the live one now.
    pub swapped: bool,
    /// Events projected.
    pub events: u64,
}

/// A table of the live projection that is not as the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableReport {
    /// Its name.
    pub table: &'static str,
    /// Rows of the live projection.
    pub live: u64,
    /// Rows of the one built anew.
    pub rebuilt: u64,
}

/// Why a projection was not rebuilt. The live one is as it was; only where the connection broke while the two changed places, it may be
/// the one built anew.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// Two at once would get in each other's way.
    #[error("another rebuild of this projection is under way")]
    UnderWay,
    /// The options are of no use.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The projection failed.
    #[error(transparent)]
    Projector(#[from] ProjectorError),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

type Positions = BTreeMap<(Stream, Partition), Offset>;

/// Projects the whole log into a schema beside the live one, compares the two at the same offsets, and puts the new one in the place of
/// the live one, in one transaction, if they are equal or `differing` says so. The live one is served and goes on meanwhile; it stands
/// still only while the two are compared. What the log no longer holds (`denials` are capped) is taken over from the live one.
///
/// # Errors
/// [`RebuildError`]
pub async fn rebuild(
    log: Arc<dyn EventLog>,
    place: &PostgresOptions,
    differing: Differing,
    mut progress: impl FnMut(Rebuild) + Send,
) -> Result<Report, RebuildError> {
    let live = Database::open(place)?;
    let mut swap = live.begin_swap().await?.ok_or(RebuildError::UnderWay)?;
    let shadow = format!("{}{SHADOW}", place.schema);
    let replaced = format!("{}{REPLACED}", place.schema);
    drop_schemas(&mut swap, [&shadow, &replaced]).await?;
    if swap.is_live().await? {
        // Its tables must be of this version: neither older, to be compared with, nor newer, to be replaced.
        live.migrate().await?;
    }
    let options = PostgresOptions {
        schema: shadow.clone(),
        ..place.clone()
    };
    let built = build(&log, &options, &mut swap, differing, &replaced, &mut progress);
    let report = Box::pin(built).await;
    // What matters is how the rebuild went. The next one drops what this one leaves over.
    if let Err(error) = clean_up(swap, [&shadow, &replaced], &mut progress).await {
        warn!(
            error = &error as &dyn std::error::Error,
            "a rebuild has left schemas over"
        );
    }
    report
}

async fn clean_up(
    mut swap: Swap,
    schemas: [&str; 2],
    progress: &mut impl FnMut(Rebuild),
) -> Result<(), StoreError> {
    swap.let_go().await?;
    progress(Rebuild::Dropping);
    drop_schemas(&mut swap, schemas).await?;
    swap.end().await
}

async fn drop_schemas(swap: &mut Swap, schemas: [&str; 2]) -> Result<(), StoreError> {
    for schema in schemas {
        swap.drop_schema(schema).await?;
    }
    Ok(())
}

async fn build(
    log: &Arc<dyn EventLog>,
    shadow: &PostgresOptions,
    swap: &mut Swap,
    differing: Differing,
    replaced: &str,
    progress: &mut (impl FnMut(Rebuild) + Send),
) -> Result<Report, RebuildError> {
    let database = Database::open(shadow)?;
    let store = Store::open(Place::Postgres(shadow.clone())).await?;
    store.migrate().await?;
    let is_live = swap.is_live().await?;
    let mut builder = Builder::begin(log, &store, progress).await?;
    if !is_live {
        builder.catch_up(swap, None).await?;
        let events = builder.done;
        store.close().await;
        swap.exchange(&shadow.schema, None).await?;
        return Ok(Report {
            digests: None,
            differing: Vec::new(),
            swapped: true,
            events,
        });
    }
    builder.catch_up(swap, Some(&database)).await?;
    swap.halt().await?;
    builder.round(swap, Some(&database)).await?;
    let events = builder.done;
    progress(Rebuild::Comparing);
    match differing {
        Differing::Keep => database.drop_days_of(swap.live()).await?,
        Differing::Adopt => database.keep_house().await?,
    }
    let (lived, rebuilt) = (swap.digests().await?, store.digests().await?);
    store.close().await;
    let mut report = compare(&lived, &rebuilt, events);
    report.swapped = report.differing.is_empty() || differing == Differing::Adopt;
    if report.swapped {
        swap.exchange(&shadow.schema, Some(replaced)).await?;
        info!(
            schema = swap.live(),
            "the projection was replaced by one built anew"
        );
    }
    Ok(report)
}

async fn positions(swap: &mut Swap) -> Result<Positions, StoreError> {
    let positions = swap.positions().await?.into_iter();
    Ok(positions
        .map(|(stream, partition, position)| ((stream, partition), position))
        .collect())
}

fn compare(live: &[TableDigest], rebuilt: &[TableDigest], events: u64) -> Report {
    let differing = live.iter().zip(rebuilt).filter(|(live, rebuilt)| live != rebuilt);
    let report = |(live, rebuilt): (&TableDigest, &TableDigest)| TableReport {
        table: live.table,
        live: live.rows,
        rebuilt: rebuilt.rows,
    };
    Report {
        digests: Some((digest::whole(live), digest::whole(rebuilt))),
        differing: differing.map(report).collect(),
        swapped: false,
        events,
    }
}

/// Projects a log up to where it is told to, partition by partition.
struct Builder<'a, P> {
    log: &'a Arc<dyn EventLog>,
    followers: BTreeMap<(Stream, Partition), Follower<'a>>,
    progress: &'a mut P,
    done: u64,
}

impl<'a, P: FnMut(Rebuild) + Send> Builder<'a, P> {
    async fn begin(
        log: &'a Arc<dyn EventLog>,
        store: &'a Store,
        progress: &'a mut P,
    ) -> Result<Self, ProjectorError> {
        let mut recognised = recognise(log.as_ref(), store).await?;
        let mut followers = BTreeMap::new();
        for (stream, partition) in partitions(log.as_ref()) {
            if let Some(projection) = recognised.start(stream) {
                let follower = Follower::begin(log, store, stream, partition, projection).await?;
                followers.insert((stream, partition), follower);
            }
        }
        Ok(Self {
            log,
            followers,
            progress,
            done: 0,
        })
    }

    /// Projects until the live projection, which goes on, is hardly ahead.
    async fn catch_up(&mut self, swap: &mut Swap, shadow: Option<&Database>) -> Result<(), RebuildError> {
        while self.round(swap, shadow).await? > CLOSE {}
        Ok(())
    }

    /// Projects to where the live projection stands, and says how far that was. `shadow` is where to; none without a live one.
    async fn round(&mut self, swap: &mut Swap, shadow: Option<&Database>) -> Result<u64, RebuildError> {
        let target = self.target(swap, shadow.is_some()).await?;
        let left = self.left(&target);
        self.build_to(&target, swap, shadow).await?;
        Ok(left)
    }

    /// Where the live projection stands, as far as the log goes; without one, where the log ends.
    async fn target(&self, swap: &mut Swap, is_live: bool) -> Result<Positions, RebuildError> {
        let live = if is_live {
            Some(positions(swap).await?)
        } else {
            None
        };
        let mut target = Positions::new();
        for &(stream, partition) in self.followers.keys() {
            let end = self
                .log
                .bounds(stream, partition)
                .await
                .map_err(ProjectorError::from)?
                .end;
            let known = live
                .as_ref()
                .map(|live| live.get(&(stream, partition)).copied().unwrap_or_default());
            target.insert((stream, partition), known.map_or(end, |known| known.min(end)));
        }
        Ok(target)
    }

    async fn build_to(
        &mut self,
        target: &Positions,
        swap: &mut Swap,
        shadow: Option<&Database>,
    ) -> Result<(), RebuildError> {
        let total = self.done + self.left(target);
        for (key, follower) in &mut self.followers {
            let end = target.get(key).copied().unwrap_or_default();
            while follower.stored() < end {
                let from = follower.stored();
                if let (&(Stream::Denials, partition), Some(shadow)) = (key, shadow) {
                    take_over(self.log, swap, shadow, partition, follower).await?;
                }
                let stride = Offset(from.0.saturating_add(STRIDE)).min(end);
                follower.follow_to(stride).await?;
                self.done += follower.stored().0 - from.0;
                (self.progress)(Rebuild::Building {
                    done: self.done,
                    total: total.max(self.done),
                });
            }
        }
        Ok(())
    }

    fn left(&self, target: &Positions) -> u64 {
        let left = |(key, follower): (&(Stream, Partition), &Follower<'_>)| {
            let end = target.get(key).copied().unwrap_or_default();
            end.0.saturating_sub(follower.stored().0)
        };
        self.followers.iter().map(left).sum()
    }
}

/// Takes over from the live projection the denials that the log no longer holds. It goes on dropping them while the rebuild takes its time.
async fn take_over(
    log: &Arc<dyn EventLog>,
    swap: &mut Swap,
    shadow: &Database,
    partition: Partition,
    follower: &mut Follower<'_>,
) -> Result<(), RebuildError> {
    let bounds = log.bounds(Stream::Denials, partition).await;
    let first = bounds.map_err(ProjectorError::from)?.first;
    let stored = follower.stored();
    if stored < first {
        let live = positions(swap).await?;
        let known = live.get(&(Stream::Denials, partition)).copied();
        if first <= known.unwrap_or_default() {
            shadow.take_over(swap.live(), partition, stored..first).await?;
            follower.skip_to(first).await?;
        }
    }
    Ok(())
}
