//! Where a command that takes something away is enforced.

use serde::Deserialize;

use super::answer::Answer;

/// As the API tells it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Enforced {
    confirmed: Vec<String>,
    expired: Vec<String>,
    took_ms: u64,
}

/// An answer that may tell it.
#[derive(Debug, Deserialize)]
struct Told {
    enforced: Option<Enforced>,
}

impl Enforced {
    /// What an answer tells of it; nothing where its command took nothing away.
    pub(super) fn told(answer: &Answer) -> Option<Self> {
        answer.read::<Told>().ok()?.enforced
    }

    /// In words, on one line.
    pub(super) fn line(&self) -> String {
        let Self {
            confirmed,
            expired,
            took_ms,
        } = self;
        let nowhere = || "by no replica".to_owned();
        let by = if confirmed.is_empty() {
            nowhere()
        } else {
            format!("by {}", confirmed.join(", "))
        };
        let others = match expired.as_slice() {
            [] => String::new(),
            [one] => format!("; {one} serves nothing: its lease has run out"),
            many => format!("; {} serve nothing: their leases have run out", many.join(", ")),
        };
        format!("enforced everywhere after {took_ms} ms: confirmed {by}{others}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_said_who_confirmed_and_who_serves_nothing() {
        let line = |confirmed: &[&str], expired: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            let (confirmed, expired) = (names(confirmed), names(expired));
            let enforced = Enforced {
                confirmed,
                expired,
                took_ms: 43,
            };
            enforced.line()
        };
        assert_eq!(
            line(&["a", "b"], &[]),
            "enforced everywhere after 43 ms: confirmed by a, b"
        );
        assert_eq!(
            line(&["a"], &["b"]),
            "enforced everywhere after 43 ms: confirmed by a; b serves nothing: its lease has run out"
        );
        assert_eq!(
            line(&[], &["a", "b"]),
            "enforced everywhere after 43 ms: confirmed by no replica; a, b serve nothing: their leases have run out"
        );
    }
}
