//! Counted refusals and failed authentication, as rows.

use onedoor_log::Partition;
use onedoor_model::{
    audit::{AuthenticationsFailed, DenialsCounted},
    envelope::Envelope,
    ids::UserId,
};

use super::{
    statement::{Kind, Row, row},
    text::indexed,
};
use crate::project::Step;

/// The columns of `denial_counts`.
pub(crate) const DENIALS: [(&str, Kind); 13] = [
    ("partition", Kind::Integer),
    ("log_offset", Kind::Integer),
    ("source", Kind::Text),
    ("event_id", Kind::Text),
    ("time", Kind::Integer),
    ("issuer", Kind::Text),
    ("tenant", Kind::Text),
    ("user_id", Kind::Text),
    ("user_name", Kind::Text),
    ("client", Kind::Text),
    ("count", Kind::Integer),
    ("since", Kind::Integer),
    ("until", Kind::Integer),
];

/// The columns of `failed_authentications`.
pub(crate) const FAILED: [(&str, Kind); 10] = [
    ("partition", Kind::Integer),
    ("log_offset", Kind::Integer),
    ("source", Kind::Text),
    ("event_id", Kind::Text),
    ("time", Kind::Integer),
    ("network", Kind::Text),
    ("reason", Kind::Text),
    ("count", Kind::Integer),
    ("since", Kind::Integer),
    ("until", Kind::Integer),
];

/// Refusals of a known caller, in the order of [`DENIALS`].
pub(crate) fn denials<'a, D>(
    partition: Partition,
    step: &Step,
    event: &'a Envelope<D>,
    counted: &'a DenialsCounted,
) -> Row<'a> {
    let caller = counted.caller.as_ref();
    row![
        partition,
        step.offset,
        event.source.as_str(),
        event.id.to_string(),
        step.time,
        caller.map(|caller| caller.issuer.as_str()),
        caller.map(|caller| caller.tenant.as_str()),
        caller.and_then(|caller| caller.user.as_ref()).map(UserId::as_str),
        caller.and_then(|caller| caller.user_name.as_deref()).map(indexed),
        caller.map(|caller| caller.client.as_str()),
        counted.count,
        counted.since,
        counted.until,
    ]
}

/// Failed authentication from a network, in the order of [`FAILED`].
pub(crate) fn failed<'a, D>(
    partition: Partition,
    step: &Step,
    event: &'a Envelope<D>,
    failed: &'a AuthenticationsFailed,
) -> Row<'a> {
    row![
        partition,
        step.offset,
        event.source.as_str(),
        event.id.to_string(),
        step.time,
        failed.network.as_deref(),
        failed.reason.as_str(),
        failed.count,
        failed.since,
        failed.until,
    ]
}
