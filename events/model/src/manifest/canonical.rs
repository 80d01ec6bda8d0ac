//! The canonical form of a JSON value, over which a tool's definition is digested.

use super::document::{Json, Member, Node};
use crate::ids::Digest;

/// SHA-256 of a value in canonical form. Numbers stay as they are written: a parser that rounds them would let two different
/// definitions share a digest, and how it rounds depends on how it was built.
pub(super) fn digest(node: &Node<'_>) -> Digest {
    let mut text = String::with_capacity(node.raw.get().len());
    write(node, &mut text);
    Digest::of(text.as_bytes())
}

fn write(node: &Node<'_>, into: &mut String) {
    match &node.json {
        Json::Null | Json::Flag(_) | Json::Number | Json::Broken(_) => into.push_str(node.raw.get()),
        Json::Text(text) => write_text(text, into),
        Json::List(items) => {
            into.push('[');
            for (index, item) in items.iter().enumerate() {
                separate(index, into);
                write(item, into);
            }
            into.push(']');
        }
        Json::Object(members) => write_members(members, into),
    }
}

fn write_members(members: &[Member<'_>], into: &mut String) {
    let mut sorted: Vec<&Member<'_>> = members.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    into.push('{');
    for (index, Member { name, value }) in sorted.into_iter().enumerate() {
        separate(index, into);
        write_text(name, into);
        into.push(':');
        write(value, into);
    }
    into.push('}');
}

fn separate(index: usize, into: &mut String) {
    if index > 0 {
        into.push(',');
    }
}

fn write_text(text: &str, into: &mut String) {
    into.push_str(&serde_json::Value::from(text).to_string());
}
