//! The members of an object, read by name.

use super::{
    document::{At, Json, Member, Node},
    faults::{Findings, Reported, shown},
};

/// An object that is read by the names its members may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Members<'n, 'd> {
    pub(super) at: At,
    all: &'n [Member<'d>],
}

/// A text with its place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Text<'n> {
    pub(super) at: At,
    pub(super) text: &'n str,
}

/// What members of other names than the known ones are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// Allowed, as the format is additive, unless the name looks like a slip of a known one.
    Open,
    /// Faults.
    Closed,
}

impl<'n, 'd> Members<'n, 'd> {
    pub(super) fn of(node: &'n Node<'d>, hint: &str, findings: &mut Findings) -> Result<Self, Reported> {
        match &node.json {
            Json::Object(all) => Ok(Self { at: node.at, all }),
            Json::Broken(reported) => Err(*reported),
            Json::Null | Json::Flag(_) | Json::Number | Json::Text(_) | Json::List(_) => {
                Err(findings.unreadable(node.at, format!("must be an object, not {}", node.kind()), hint))
            }
        }
    }

    pub(super) fn get(&self, name: &str) -> Option<&'n Node<'d>> {
        self.all
            .iter()
            .find(|member| member.name == name)
            .map(|member| &member.value)
    }

    pub(super) fn required(
        &self,
        name: &str,
        hint: &str,
        findings: &mut Findings,
    ) -> Result<&'n Node<'d>, Reported> {
        self.get(name)
            .ok_or_else(|| findings.unreadable(self.at, format!("`{name}` is missing"), hint))
    }

    pub(super) fn required_text(
        &self,
        name: &str,
        hint: &str,
        findings: &mut Findings,
    ) -> Result<Text<'n>, Reported> {
        let node = self.required(name, hint, findings)?;
        match &node.json {
            Json::Text(text) => Ok(Text { at: node.at, text }),
            Json::Broken(reported) => Err(*reported),
            Json::Null | Json::Flag(_) | Json::Number | Json::List(_) | Json::Object(_) => {
                Err(findings.unreadable(node.at, format!("must be text, not {}", node.kind()), hint))
            }
        }
    }

    /// A text that may be left out. Where it is not text a new manifest is refused, and an accepted one is read as if it were left out.
    pub(super) fn optional_text(&self, name: &str, hint: &str, findings: &mut Findings) -> Option<Text<'n>> {
        let node = self.get(name)?;
        match &node.json {
            Json::Text(text) => Some(Text { at: node.at, text }),
            Json::Broken(_) => None,
            Json::Null | Json::Flag(_) | Json::Number | Json::List(_) | Json::Object(_) => {
                findings.unacceptable(node.at, format!("must be text, not {}", node.kind()), hint);
                None
            }
        }
    }

    /// Judges the members that are not among the known names.
    pub(super) fn judge_rest(&self, known: &[&str], rest: Rest, findings: &mut Findings) {
        for Member { name, value } in self
            .all
            .iter()
            .filter(|member| !known.contains(&member.name.as_str()))
        {
            match (meant(name, known), rest) {
                (Some(meant), Rest::Open | Rest::Closed) => findings.unacceptable(
                    value.at,
                    format!("{} is not a known member", shown(name)),
                    format!("did you mean `{meant}`?"),
                ),
                (None, Rest::Closed) => findings.unacceptable(
                    value.at,
                    format!("{} is not a known member", shown(name)),
                    format!("remove it; known here: {}", known.join(", ")),
                ),
                (None, Rest::Open) => {}
            }
        }
    }
}

/// The items of a value that must be a list.
pub(super) fn items<'n, 'd>(
    node: &'n Node<'d>,
    hint: &str,
    findings: &mut Findings,
) -> Result<&'n [Node<'d>], Reported> {
    match &node.json {
        Json::List(items) => Ok(items),
        Json::Broken(reported) => Err(*reported),
        Json::Null | Json::Flag(_) | Json::Number | Json::Text(_) | Json::Object(_) => {
            Err(findings.unreadable(node.at, format!("must be a list, not {}", node.kind()), hint))
        }
    }
}

/// The known name that a name is probably a slip of.
pub(super) fn meant<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = bare(name);
    known
        .iter()
        .map(|candidate| (distance(&name, &bare(candidate)), *candidate))
        .filter(|(distance, candidate)| *distance <= slack(candidate))
        .min()
        .map(|(_, candidate)| candidate)
}

/// A name without what is easily mistaken: case and separators.
fn bare(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '_' | '-'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// How many slips of the keyboard still make a name the same: fewer in short names, where other words are near.
fn slack(name: &str) -> usize {
    if name.len() < 6 { 1 } else { 2 }
}

/// How many slips lie between two texts: letters put in, left out or replaced (Levenshtein distance), or once, the right letters in
/// the wrong order.
fn distance(a: &str, b: &str) -> usize {
    let letters = |text: &str| {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        letters
    };
    if letters(a) == letters(b) {
        usize::from(a != b)
    } else {
        levenshtein(a, b)
    }
}

fn levenshtein(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.chars().count()).collect();
    for (i, of_a) in a.chars().enumerate() {
        let mut diagonal = i;
        row[0] = i + 1;
        for (j, of_b) in b.chars().enumerate() {
            let replaced = diagonal + usize::from(of_a != of_b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}
