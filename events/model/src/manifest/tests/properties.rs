//! What holds for any document.

use proptest::{collection::vec, prelude::*, sample::Index, strategy::Strategy};
use serde_json::{Map, json};

use super::*;

/// A change of one place of a document.
#[derive(Clone, Debug)]
enum Change {
    Remove,
    Replace(Value),
    Rename(String),
    Insert(String, Value),
    Repeat,
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Never -0.0: it equals 0.0 and is written in another way.
        any::<f64>().prop_map(|number| Value::from(number + 0.0)),
        ".{0,8}".prop_map(Value::from),
        "[a-z.$#/_]{0,12}".prop_map(Value::from),
        Just(json!("streamable-http")),
        Just(json!("#/properties")),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((any_name(), inner), 0..4).prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

fn any_name() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "name",
        "Name",
        "type",
        "url",
        "tools",
        "properties",
        "items",
        "$ref",
        "$defs",
        "$id",
        "x-mcp-header",
        "pattern",
        "a/b",
        "~",
        "",
    ]);
    prop_oneof![known.prop_map(str::to_owned), ".{0,6}"]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        Just(Change::Remove),
        any_value().prop_map(Change::Replace),
        any_name().prop_map(Change::Rename),
        (any_name(), any_value()).prop_map(|(name, value)| Change::Insert(name, value)),
        Just(Change::Repeat),
    ]
}

/// Applies a change to the value that is reached by taking one child after another.
fn apply(value: &mut Value, path: &[Index], change: &Change) {
    match (path, value) {
        ([step, rest @ ..], Value::Object(members)) if !members.is_empty() => {
            let name = members.keys().nth(step.index(members.len())).unwrap().clone();
            match change {
                Change::Remove if rest.is_empty() => drop(members.remove(&name)),
                Change::Rename(new) if rest.is_empty() => {
                    let moved = members.remove(&name).unwrap();
                    members.insert(new.clone(), moved);
                }
                Change::Remove
                | Change::Rename(_)
                | Change::Replace(_)
                | Change::Insert(..)
                | Change::Repeat => {
                    apply(members.get_mut(&name).unwrap(), rest, change);
                }
            }
        }
        ([step, rest @ ..], Value::Array(items)) if !items.is_empty() => {
            let index = step.index(items.len());
            match change {
                Change::Remove if rest.is_empty() => drop(items.remove(index)),
                Change::Repeat if rest.is_empty() => items.push(items[index].clone()),
                Change::Remove
                | Change::Rename(_)
                | Change::Replace(_)
                | Change::Insert(..)
                | Change::Repeat => {
                    apply(&mut items[index], rest, change);
                }
            }
        }
        (_, value) => match (change, value) {
            (Change::Replace(new), value) => *value = new.clone(),
            (Change::Insert(name, new), Value::Object(members)) => {
                drop(members.insert(name.clone(), new.clone()));
            }
            (Change::Insert(_, new), Value::Array(items)) => items.push(new.clone()),
            (Change::Insert(..) | Change::Remove | Change::Rename(_) | Change::Repeat, _) => {}
        },
    }
}

/// A value whose objects hold their members in another order. (`serde_json` sorts them unless told otherwise, so text is made here.)
fn reversed(value: &Value) -> String {
    match value {
        Value::Array(items) => format!(
            "[ {} ]",
            items.iter().map(reversed).collect::<Vec<_>>().join(" ,\n")
        ),
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| format!("{}: {}", json!(name), reversed(value));
            format!(
                "{{\t{}}}",
                members.iter().rev().map(member).collect::<Vec<_>>().join(" , ")
            )
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.to_string(),
    }
}

fn tool_digest(definition: &str) -> Digest {
    let mut manifest = sample();
    part(&mut manifest)["tools"] = json!(["here"]);
    let text = manifest.to_string().replace("\"here\"", definition);
    read(text.as_bytes())
        .unwrap()
        .tools
        .into_values()
        .next()
        .unwrap()
        .digest
}

/// A definition with something free in it.
fn definition(extra: &Value) -> Value {
    json!({ "name": "t", "description": "d", "inputSchema": { "type": "object", "default": extra } })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_changed_manifest_is_read_or_has_faults_at_places_that_exist(
        changes in vec((vec(any::<Index>(), 0..9), any_change()), 1..4), http: bool,
    ) {
        let mut manifest = if http { http::service() } else { sample() };
        for (path, change) in &changes {
            apply(&mut manifest, path, change);
        }
        let text = manifest.to_string();
        let checked = check(text.as_bytes());
        prop_assert_eq!(&checked, &check(text.as_bytes()));
        match checked {
            Ok(checked) => prop_assert_eq!(&read(text.as_bytes()).unwrap(), &checked),
            Err(faults) => {
                prop_assert!(!faults.as_slice().is_empty());
                for fault in faults.as_slice() {
                    prop_assert!(manifest.pointer(&fault.pointer).is_some(), "{:?}", fault);
                }
            }
        }
    }

    #[test]
    fn what_the_fold_refuses_is_refused_at_registration_too(
        changes in vec((vec(any::<Index>(), 0..9), any_change()), 1..3), http: bool,
    ) {
        let mut manifest = if http { http::service() } else { sample() };
        for (path, change) in &changes {
            apply(&mut manifest, path, change);
        }
        if let Err(unreadable) = read(manifest.to_string().as_bytes()) {
            let refused = checked(&manifest).unwrap_err();
            if refused.as_slice().len() <= MAX_FAULTS {
                prop_assert!(unreadable.as_slice().iter().all(|fault| refused.as_slice().contains(fault)));
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(cut in any::<Index>(), put in vec(any::<u8>(), 0..4), drop in 0..4_usize) {
        let mut bytes = sample().to_string().into_bytes();
        let start = cut.index(bytes.len());
        let end = (start + drop).min(bytes.len());
        bytes.splice(start..end, put);
        if let Err(faults) = check(&bytes) {
            prop_assert!(!faults.as_slice().is_empty());
        }
    }

    #[test]
    fn order_and_white_space_do_not_change_a_digest(extra in any_value()) {
        let definition = definition(&extra);
        prop_assert_eq!(tool_digest(&definition.to_string()), tool_digest(&reversed(&definition)));
    }

    #[test]
    fn meaning_changes_a_digest(one in any_value(), other in any_value()) {
        let same = one == other;
        let digests = [one, other].map(|extra| tool_digest(&definition(&extra).to_string()));
        prop_assert_eq!(digests[0] == digests[1], same);
    }
}

#[test]
fn near_meanings_have_their_own_digests() {
    let texts = [
        "1",
        "1.5",
        "18446744073709551616",
        "18446744073709551617",
        "\"1\"",
        "true",
        "\"true\"",
        "null",
        "[]",
        "[[]]",
        "{}",
        "[1,2]",
        "[12]",
        "[2,1]",
        r#"{"a":"b"}"#,
        r#"{"a:":"b"}"#,
        r#"["a","b"]"#,
        r#""a\",\"b""#,
        r#""\u0000""#,
        r#""""#,
    ];
    let digest = |text: &str| {
        let mut members = Map::new();
        members.insert("here2".to_owned(), json!(0));
        tool_digest(
            &definition(&Value::Object(members))
                .to_string()
                .replace(r#"{"here2":0}"#, text),
        )
    };
    let digests: std::collections::BTreeSet<Digest> = texts.iter().map(|text| digest(text)).collect();
    assert_eq!(digests.len(), texts.len());
    assert_eq!(
        digest(r#""\u00e4\/""#),
        digest("\"ä/\""),
        "one text, escaped in two ways"
    );
}
