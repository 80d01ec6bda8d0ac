//! Where reading `control` begins, at boot and after a gap.

use crate::{control::Tick, ids::Offset};

/// A hold may be open that the log no longer has. Nothing can be served until it has ended, which ticks will tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("control has to be read from {wanted}, and is held from {first} only")]
pub struct HoldLost {
    /// Where reading would have to begin.
    pub wanted: Offset,
    /// The oldest record held.
    pub first: Offset,
}

/// Where to read from: the oldest hold that may be open. `first` is the oldest record held, `ticks` are the last ones before the end
/// that was noted, with their offsets; without any, all that is held is read.
///
/// A tick vouches for what is before its `control`, and for no more: a hold between there and the tick may be unknown to its writer.
///
/// # Errors
/// [`HoldLost`]
pub fn start(first: Offset, ticks: impl IntoIterator<Item = (Offset, Tick)>) -> Result<Offset, HoldLost> {
    let wanted = ticks
        .into_iter()
        .filter_map(|(offset, tick)| {
            let read = tick.read_to(offset)?;
            Some(tick.oldest_hold.map_or(read, |hold| hold.min(read)))
        })
        .max();
    match wanted {
        Some(wanted) if wanted < first => Err(HoldLost { wanted, first }),
        Some(wanted) => Ok(wanted),
        None => Ok(first),
    }
}
