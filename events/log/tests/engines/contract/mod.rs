//! What every engine must do, and what embedded ones do beyond it. `suite!` makes a test out of each function here for one engine.

mod appending;
mod embedded;
mod ending;
mod reading;
mod support;

pub(crate) use self::{appending::*, embedded::*, ending::*, reading::*, support::*};

/// Runs the contract over an engine, and with `embedded` the stronger one: `$open` is an `async fn(Options) -> Subject`.
macro_rules! suite {
    ($open:path) => {
        contract::suite!($open:
            gives_back_exactly_the_bytes
            gives_time_in_milliseconds_that_never_goes_back
            offsets_are_gapless_and_events_in_order_under_concurrent_appends
            appends_keep_the_order_of_their_calls
            waiting_appends_keep_the_order_of_their_calls
            streams_are_apart
            refuses_what_is_too_large_or_empty_and_goes_on
            refuses_a_partition_that_is_not_there
            of_a_dropped_append_a_prefix_is_stored_once
            reads_are_bounded_by_records
            reads_are_bounded_by_bytes
            reads_outside_of_the_bounds_are_errors
            a_tail_sees_everything_once_in_order
            a_waiting_tail_is_woken
            a_dropped_step_of_a_tail_takes_nothing
            a_wait_ends_when_the_end_is_past_the_offset
            a_closed_log_refuses_everything
            closing_answers_every_append
            closing_ends_waits
        );
    };
    ($open:path, embedded) => {
        contract::suite!($open);
        contract::suite!($open:
            batches_are_whole_under_concurrent_appends
            keeps_the_newest_denials_and_everything_else
            keeps_the_newest_denial_however_large
            a_dropped_append_is_whole_or_absent
        );
    };
    ($open:path: $($test:ident)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $test() {
            contract::in_time(contract::$test(&$open(contract::options()).await.log)).await;
        }
    )+};
}
pub(crate) use suite;
