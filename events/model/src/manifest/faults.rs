//! What is wrong with a manifest, and how it is gathered during the walk.

use std::{collections::BTreeMap, fmt};

use serde::Serialize;

use super::document::{At, Node};

/// The most faults that are reported one by one.
pub const MAX_FAULTS: usize = 100;
/// The most characters of a message.
const MAX_MESSAGE: usize = 300;
/// The most characters of a value that a message repeats.
const MAX_SHOWN: usize = 60;

/// One thing that is wrong with a manifest. The submitter mends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The value at fault (RFC 6901), `""` for the whole document. Where a member is missing, the object that lacks it.
    pub pointer: String,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub hint: String,
}

/// Everything that is wrong with a manifest, in the order of the document; never empty. After [`MAX_FAULTS`] one more says how many
/// are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

/// What a manifest is read for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// It was accepted before: only what makes it unreadable counts.
    Fold,
    /// It is submitted: every rule counts.
    Registration,
}

/// Proof that a fault was found. Only [`Findings::unreadable`] makes one, so a part that is missing always has its fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reported(());

/// The faults found so far.
#[derive(Debug)]
pub(super) struct Findings {
    purpose: Purpose,
    /// By place in the document, then in the order found; the first [`MAX_FAULTS`] of them.
    kept: BTreeMap<(At, usize), Finding>,
    /// All that were found, kept or not.
    count: usize,
}

#[derive(Debug)]
struct Finding {
    message: String,
    hint: String,
}

impl Findings {
    pub(super) fn new(purpose: Purpose) -> Self {
        Self {
            purpose,
            kept: BTreeMap::new(),
            count: 0,
        }
    }

    /// Whether rules count that a [`super::Manifest`] can be made without.
    pub(super) fn hold_all_rules(&self) -> bool {
        match self.purpose {
            Purpose::Registration => true,
            Purpose::Fold => false,
        }
    }

    /// Whether a fault was found at this very place.
    pub(super) fn is_blamed(&self, at: At) -> bool {
        self.kept.range((at, 0)..=(at, usize::MAX)).next().is_some()
    }

    /// A fault without whose mending no manifest can be made. See the invariant of the [module](super) before adding one.
    pub(super) fn unreadable(
        &mut self,
        at: At,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Reported {
        self.add(at, &message.into(), hint.into());
        Reported(())
    }

    /// A fault for which a new manifest is refused, while one that was accepted before stays readable.
    pub(super) fn unacceptable(&mut self, at: At, message: impl Into<String>, hint: impl Into<String>) {
        if self.hold_all_rules() {
            self.add(at, &message.into(), hint.into());
        }
    }

    fn add(&mut self, at: At, message: &str, hint: String) {
        self.kept.insert(
            (at, self.count),
            Finding {
                message: cut(message, MAX_MESSAGE),
                hint,
            },
        );
        self.count += 1;
        if self.kept.len() > MAX_FAULTS {
            self.kept.pop_last();
        }
    }

    /// What was read, if nothing was found.
    pub(super) fn conclude<T>(self, read: Result<T, Reported>, root: &Node<'_>) -> Result<T, Faults> {
        match read {
            Ok(read) if self.count == 0 => Ok(read),
            Ok(_) | Err(Reported(())) => Err(self.into_faults(root)),
        }
    }

    fn into_faults(self, root: &Node<'_>) -> Faults {
        let left_out = self.count - self.kept.len();
        let mut faults: Vec<Fault> = self
            .kept
            .into_iter()
            .map(|((at, _), Finding { message, hint })| Fault {
                pointer: root.pointer_to(at),
                message,
                hint,
            })
            .collect();
        if left_out > 0 {
            faults.push(Fault {
                pointer: String::new(),
                message: format!("{left_out} more faults are not shown"),
                hint: "mend these first, then check again".to_owned(),
            });
        }
        Faults(faults)
    }
}

impl Faults {
    /// One fault of the whole document.
    pub(super) fn whole(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let message = cut(&message.into(), MAX_MESSAGE);
        Self(vec![Fault {
            pointer: String::new(),
            message,
            hint: hint.into(),
        }])
    }

    /// The faults.
    #[must_use]
    pub fn as_slice(&self) -> &[Fault] {
        &self.0
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            index,
            Fault {
                pointer,
                message,
                hint,
            },
        ) in self.0.iter().enumerate()
        {
            let separator = if index == 0 { "" } else { "\n" };
            let place = if pointer.is_empty() {
                "the manifest"
            } else {
                pointer
            };
            write!(f, "{separator}{place}: {message} ({hint})")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// A text of the manifest as a message repeats it: quoted, escaped, shortened.
pub(super) fn shown(text: &str) -> String {
    format!("{:?}", cut(text, MAX_SHOWN))
}

fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
