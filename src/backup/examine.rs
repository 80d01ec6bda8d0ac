//! Reading a whole log: which one it is, where it ends, and whether its hash chains hold.

use onedoor_log::{EventLog, Partition, Stream};
use onedoor_model::{
    chain::{BrokenChain, Chains},
    envelope::Envelope,
    ids::Offset,
    registry::{Ends, FoldError, RegistryEvent, State},
};

use super::BackupError;

/// Events read at once.
const PAGE: usize = 1_000;

/// What a log is found to be.
#[derive(Debug)]
pub(super) struct Examined {
    /// What its registry folds into.
    pub(super) state: State,
    /// Where it ends.
    pub(super) ends: Ends,
    /// What does not follow from what is before it.
    pub(super) broken: Vec<(Stream, BrokenChain)>,
}

/// Reads every event of a log.
pub(super) async fn examine(log: &dyn EventLog) -> Result<Examined, BackupError> {
    let mut state = State::default();
    let mut broken = Vec::new();
    let mut ends = Ends {
        registry: Offset(0),
        audit: Offset(0),
    };
    for stream in Stream::FACTS {
        for partition in (0..log.partitions(stream)).map(Partition) {
            let bounds = log.bounds(stream, partition).await?;
            let mut chains = if bounds.first == Offset(0) {
                Chains::complete()
            } else {
                Chains::truncated()
            };
            let mut next = bounds.first;
            while next < bounds.end {
                for record in log.read(stream, partition, next, PAGE).await? {
                    if let Err(fault) = chains.follow(record.offset, &record.bytes) {
                        broken.push((stream, fault));
                    }
                    if stream == Stream::Registry {
                        state.apply(record.offset, &Envelope::<RegistryEvent>::read(&record.bytes)?)?;
                    }
                    next = record.offset.next();
                }
            }
            match stream {
                Stream::Registry => ends.registry = bounds.end,
                Stream::Audit => ends.audit = bounds.end,
                Stream::Denials | Stream::Control => {}
            }
        }
    }
    if state.log().is_none() {
        return Err(FoldError::NoBeginning.into());
    }
    Ok(Examined { state, ends, broken })
}
