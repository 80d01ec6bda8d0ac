//! The log's own clock: the edge where time enters.

use jiff::Timestamp;

/// The time to give to the next records: now in whole milliseconds, but never before the time of those before them.
pub(crate) fn log_time(last: Timestamp) -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond())
        .unwrap_or(now)
        .max(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_whole_milliseconds_and_never_goes_back() {
        let now = log_time(Timestamp::UNIX_EPOCH);
        assert_eq!(now.subsec_nanosecond() % 1_000_000, 0);
        let ahead = Timestamp::from_millisecond(now.as_millisecond() + 3_600_000).unwrap();
        assert_eq!(log_time(ahead), ahead);
    }
}
