//! How long Onedoor waits for a server.

use super::{
    document::At,
    faults::{Findings, Reported, shown},
    members::{Members, Rest},
};

/// The longest time-out, in milliseconds: one hour.
const MAX_MS: u64 = 3_600_000;
const HINT: &str = "give whole milliseconds, 1 to 3600000, or leave it out";

/// How long to wait for a server, each counted from the start of the call. Where the manifest is silent, a default is taken,
/// shortened or lengthened to fit what it does say, so that always `connect_ms <= first_byte_ms <= total_ms`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Until a connection stands, in milliseconds. Default 2 s.
    pub connect_ms: u64,
    /// Until the head of the answer is there, in milliseconds. Default 30 s.
    pub first_byte_ms: u64,
    /// Until the answer has ended, in milliseconds. Default 5 min.
    pub total_ms: u64,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect_ms: 2_000,
            first_byte_ms: 30_000,
            total_ms: 300_000,
        }
    }
}

/// A limit as the manifest gives it.
#[derive(Clone, Copy)]
struct Given {
    at: At,
    ms: u64,
}

pub(super) fn read(part: Members<'_, '_>, findings: &mut Findings) -> Result<Timeouts, Reported> {
    let Some(node) = part.get("timeouts") else {
        return Ok(Timeouts::default());
    };
    let members = Members::of(node, "give an object, or leave it out", findings)?;
    members.judge_rest(&["connectMs", "firstByteMs", "totalMs"], Rest::Closed, findings);
    let connect = given(members, "connectMs", findings);
    let first_byte = given(members, "firstByteMs", findings);
    let total = given(members, "totalMs", findings);
    let (connect, first_byte, total) = (connect?, first_byte?, total?);
    judge_order(connect, "firstByteMs", first_byte, findings);
    judge_order(first_byte, "totalMs", total, findings);
    if first_byte.is_none() {
        judge_order(connect, "totalMs", total, findings);
    }
    Ok(fill(connect, first_byte, total))
}

fn given(members: Members<'_, '_>, name: &str, findings: &mut Findings) -> Result<Option<Given>, Reported> {
    let Some(node) = members.get(name) else {
        return Ok(None);
    };
    let text = node.raw.get();
    let ms = text.parse::<u64>().map_err(|_| {
        findings.unreadable(
            node.at,
            format!("{} is not a number of milliseconds", shown(text)),
            HINT,
        )
    })?;
    if !(1..=MAX_MS).contains(&ms) {
        findings.unacceptable(node.at, format!("{ms} is out of range"), HINT);
    }
    Ok(Some(Given { at: node.at, ms }))
}

fn judge_order(inner: Option<Given>, outer_name: &str, outer: Option<Given>, findings: &mut Findings) {
    if let (Some(inner), Some(outer)) = (inner, outer)
        && inner.ms > outer.ms
    {
        findings.unacceptable(
            inner.at,
            format!("{} ms is longer than `{outer_name}`, {} ms", inner.ms, outer.ms),
            "all count from the start of the call: connectMs, then firstByteMs, then totalMs",
        );
    }
}

fn fill(connect: Option<Given>, first_byte: Option<Given>, total: Option<Given>) -> Timeouts {
    let default = Timeouts::default();
    let [connect, first_byte, total] = [connect, first_byte, total].map(|given| given.map(|given| given.ms));
    let least_total = default
        .total_ms
        .max(first_byte.unwrap_or(0))
        .max(connect.unwrap_or(0));
    let total_ms = total.unwrap_or(least_total);
    let least_first_byte = default.first_byte_ms.max(connect.unwrap_or(0));
    let first_byte_ms = first_byte.unwrap_or(least_first_byte).min(total_ms);
    let connect_ms = connect.unwrap_or(default.connect_ms).min(first_byte_ms);
    Timeouts {
        connect_ms,
        first_byte_ms,
        total_ms,
    }
}
