//! The document as written: every value with its place and its exact text.
//!
//! The syntax is `serde_json`'s. What this adds is what a person who mends a manifest needs and a `serde_json::Value` has lost: where
//! each value stands, which members are there twice, and the text of each value.

use std::{collections::HashSet, fmt};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::faults::{Faults, Findings, Reported, shown};

/// How deep lists and objects may be nested.
pub(super) const MAX_DEPTH: usize = 64;
/// The most bytes of a member's name. It bounds the length of pointers.
const MAX_NAME: usize = 1_024;

/// Where a value starts, in bytes from the first value of the document. No two values start at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct At(usize);

/// One value of the document.
#[derive(Debug)]
pub(super) struct Node<'d> {
    pub(super) at: At,
    /// Its exact text.
    pub(super) raw: &'d RawValue,
    pub(super) json: Json<'d>,
}

/// What a value is. A number is only its text.
#[derive(Debug)]
pub(super) enum Json<'d> {
    Null,
    Flag(bool),
    Number,
    Text(String),
    List(Vec<Node<'d>>),
    /// In the order of the document, a member that is there twice included.
    Object(Vec<Member<'d>>),
    /// A fault was found in it; it says no more.
    Broken(Reported),
}

#[derive(Debug)]
pub(super) struct Member<'d> {
    pub(super) name: String,
    pub(super) value: Node<'d>,
}

/// The submitted bytes as text.
pub(super) fn text(bytes: &[u8]) -> Result<&str, Faults> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        Faults::whole(
            format!("the manifest is not UTF-8 at byte {}", error.valid_up_to()),
            "save it as UTF-8",
        )
    })?;
    if text.starts_with('\u{feff}') {
        return Err(Faults::whole(
            "the manifest starts with a byte order mark",
            "save it as UTF-8 without a byte order mark",
        ));
    }
    Ok(text)
}

impl<'d> Node<'d> {
    /// Reads a document, adding a fault for each member that is there twice, each name that is too long, each text that is not
    /// Unicode, and each value that is nested too deeply.
    pub(super) fn read(text: &'d str, findings: &mut Findings) -> Result<Self, Faults> {
        let raw: &RawValue = serde_json::from_str(text).map_err(|error| {
            Faults::whole(format!("the manifest is not JSON: {error}"), "mend the syntax")
        })?;
        Ok(Reader {
            origin: start(raw),
            findings,
        }
        .node(raw, 0))
    }

    /// The members, none if this is not an object.
    pub(super) fn members(&self) -> &[Member<'d>] {
        let Json::Object(members) = &self.json else {
            return &[];
        };
        members
    }

    /// The items, none if this is not a list.
    pub(super) fn items(&self) -> &[Self] {
        let Json::List(items) = &self.json else { return &[] };
        items
    }

    /// The text, if this is text.
    pub(super) fn text(&self) -> Option<&str> {
        let Json::Text(text) = &self.json else { return None };
        Some(text)
    }

    /// Whether a fault was found in reading it or a part of it.
    pub(super) fn is_broken(&self) -> bool {
        matches!(self.json, Json::Broken(_))
            || self.members().iter().any(|member| member.value.is_broken())
            || self.items().iter().any(Self::is_broken)
    }

    /// The first member of a name.
    pub(super) fn get(&self, name: &str) -> Option<&Self> {
        self.members()
            .iter()
            .find(|member| member.name == name)
            .map(|member| &member.value)
    }

    /// What this is, for a message.
    pub(super) fn kind(&self) -> &'static str {
        match &self.json {
            Json::Null => "null",
            Json::Flag(_) => "true or false",
            Json::Number => "a number",
            Json::Text(_) => "text",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
            Json::Broken(_) => "unreadable",
        }
    }

    /// The pointer (RFC 6901) to the value that starts at a place within this one.
    pub(super) fn pointer_to(&self, at: At) -> String {
        let mut pointer = String::new();
        let mut node = self;
        while let Some((step, child)) = node.child_around(at) {
            pointer.push('/');
            pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
            node = child;
        }
        pointer
    }

    fn child_around(&self, at: At) -> Option<(String, &Self)> {
        let around = |child: &Self| (child.at.0..child.at.0 + child.raw.get().len()).contains(&at.0);
        let member = self.members().iter().find(|member| around(&member.value));
        let item = self.items().iter().enumerate().find(|(_, item)| around(item));
        member
            .map(|member| (member.name.clone(), &member.value))
            .or(item.map(|(index, item)| (index.to_string(), item)))
    }

    /// The value that a pointer (RFC 6901) leads to from here.
    pub(super) fn find(&self, pointer: &str) -> Option<&Self> {
        let Some(steps) = pointer.strip_prefix('/') else {
            return pointer.is_empty().then_some(self);
        };
        steps.split('/').try_fold(self, |node, step| {
            let step = step.replace("~1", "/").replace("~0", "~");
            match &node.json {
                Json::List(items) => items.get(step.parse::<usize>().ok()?),
                Json::Object(_) => node.get(&step),
                Json::Null | Json::Flag(_) | Json::Number | Json::Text(_) | Json::Broken(_) => None,
            }
        })
    }
}

struct Reader<'f> {
    /// Where the document starts in memory.
    origin: usize,
    findings: &'f mut Findings,
}

impl Reader<'_> {
    fn node<'d>(&mut self, raw: &'d RawValue, depth: usize) -> Node<'d> {
        let at = At(start(raw) - self.origin);
        let json = match raw.get().as_bytes().first() {
            Some(b'{' | b'[') if depth == MAX_DEPTH => Json::Broken(self.findings.unreadable(
                at,
                format!("nested more than {MAX_DEPTH} deep"),
                "flatten it; in a schema, move parts into `$defs`",
            )),
            Some(b'{') => self.object(at, raw, depth),
            Some(b'[') => self.parse(at, raw, |reader, items: Vec<&RawValue>| {
                Json::List(
                    items
                        .into_iter()
                        .map(|item| reader.node(item, depth + 1))
                        .collect(),
                )
            }),
            Some(b'"') => self.parse(at, raw, |_, text| Json::Text(text)),
            Some(b't') => Json::Flag(true),
            Some(b'f') => Json::Flag(false),
            Some(b'n') => Json::Null,
            // The whole document was found to be JSON, so what is left is a number.
            Some(_) | None => Json::Number,
        };
        Node { at, raw, json }
    }

    fn object<'d>(&mut self, at: At, raw: &'d RawValue, depth: usize) -> Json<'d> {
        self.parse(at, raw, |reader, Entries(entries)| {
            let mut members: Vec<Member<'d>> = Vec::with_capacity(entries.len());
            let mut names = HashSet::with_capacity(entries.len());
            for (name, raw) in entries {
                if name.len() > MAX_NAME {
                    reader.findings.unreadable(
                        at,
                        format!("a member's name has {} bytes, {MAX_NAME} are allowed", name.len()),
                        "shorten the name",
                    );
                    continue;
                }
                let value = reader.node(raw, depth + 1);
                if !names.insert(name.clone()) {
                    reader.findings.unreadable(
                        value.at,
                        format!("{} is there twice", shown(&name)),
                        "keep one of them",
                    );
                }
                members.push(Member { name, value });
            }
            Json::Object(members)
        })
    }

    /// One value, its children as raw text. It fails only on text with escapes that are not Unicode: the rest of the syntax was
    /// checked for the whole document.
    fn parse<'d, T: Deserialize<'d>>(
        &mut self,
        at: At,
        raw: &'d RawValue,
        then: impl FnOnce(&mut Self, T) -> Json<'d>,
    ) -> Json<'d> {
        match serde_json::from_str(raw.get()) {
            Ok(parsed) => then(self, parsed),
            Err(error) => Json::Broken(self.findings.unreadable(
                at,
                format!("cannot be read: {error}"),
                "write characters as they are, or both halves of a surrogate pair",
            )),
        }
    }
}

fn start(raw: &RawValue) -> usize {
    raw.get().as_ptr().addr()
}

/// The members of one object in the order of the document, repeated ones included.
struct Entries<'d>(Vec<(String, &'d RawValue)>);

impl<'de> Deserialize<'de> for Entries<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AllEntries;

        impl<'de> Visitor<'de> for AllEntries {
            type Value = Entries<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<'de>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(AllEntries)
    }
}
