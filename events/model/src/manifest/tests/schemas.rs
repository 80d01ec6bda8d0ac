//! Faults of the schemas of tools, and `x-mcp-header`.

use serde_json::json;

use super::*;

fn input(manifest: &mut Value) -> &mut Value {
    &mut tool(manifest)["inputSchema"]
}

/// The faults of one input schema, their pointers from the schema on.
fn faults_of(schema: &Value) -> Vec<String> {
    let mut manifest = sample();
    *input(&mut manifest) = schema.clone();
    let root = "/_meta/dev.onedoor~1server/tools/0/inputSchema";
    let strip = |pointer: String| {
        pointer
            .strip_prefix(root)
            .unwrap_or_else(|| panic!("{pointer}"))
            .to_owned()
    };
    pointers(checked(&manifest)).into_iter().map(strip).collect()
}

#[test]
fn each_fault_of_a_schema_has_its_place() {
    let object = |more: Value| {
        let mut schema = json!({ "type": "object" });
        schema
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        schema
    };
    let cases = [
        (json!({ "type": "object" }), vec![]),
        (json!({}), vec![""]),
        (json!({ "type": "array" }), vec!["/type"]),
        (json!({ "type": ["object"] }), vec!["/type"]),
        (
            object(json!({ "$schema": "http://json-schema.org/draft-04/schema#" })),
            vec!["/$schema"],
        ),
        (
            object(json!({ "$schema": "https://json-schema.org/draft/2020-12/schema#" })),
            vec![],
        ),
        (
            object(json!({ "properties": { "a": { "type": "strnig" } } })),
            vec!["/properties/a/type"],
        ),
        (object(json!({ "properties": { "a": 1 } })), vec!["/properties/a"]),
        (object(json!({ "properties": [] })), vec!["/properties"]),
        (
            object(json!({ "required": ["a", "a"], "minProperties": -1 })),
            vec!["/minProperties", "/required"],
        ),
        (object(json!({ "items": [{}] })), vec!["/items"]),
        (
            object(json!({ "properties": { "a": { "pattern": "(" } } })),
            vec!["/properties/a/pattern"],
        ),
        (
            object(json!({ "properties": { "a": { "pattern": "^(?=.*[0-9])" } } })),
            vec![],
        ),
        (
            object(json!({ "patternProperties": { "(": {} } })),
            vec!["/patternProperties/("],
        ),
        (
            object(json!({ "$ref": "https://example.com/s.json" })),
            vec!["/$ref"],
        ),
        (object(json!({ "$ref": "file:///etc/passwd" })), vec!["/$ref"]),
        (object(json!({ "$ref": "other.json#/a" })), vec!["/$ref"]),
        (
            object(json!({ "$ref": "https://json-schema.org/draft/2020-12/schema" })),
            vec!["/$ref"],
        ),
        (
            object(json!({ "allOf": [{ "$dynamicRef": "https://example.com/s#a" }] })),
            vec!["/allOf/0/$dynamicRef"],
        ),
        (object(json!({ "$ref": "#/$defs/none" })), vec!["/$ref"]),
        (
            object(json!({ "properties": { "a": { "$ref": "#none" } } })),
            vec!["/properties/a/$ref"],
        ),
        (object(json!({ "properties": { "a": { "$ref": "#" } } })), vec![]),
        (
            object(json!({ "$ref": "#there", "$defs": { "a": { "$anchor": "there" } } })),
            vec![],
        ),
        (
            object(json!({ "$ref": "#/$defs/a%20b", "$defs": { "a b": {} } })),
            vec![],
        ),
        (object(json!({ "$ref": "#/$defs/a%20b" })), vec![""]),
        (
            object(json!({ "$ref": "x.json", "minItems": "1", "$defs": { "a": { "$id": 1 } } })),
            vec!["/$defs/a/$id", "/$ref", "/minItems"],
        ),
        (
            object(json!({ "properties": { "~1": { "type": "strnig" } } })),
            vec!["/properties/~01/type"],
        ),
        (
            object(json!({ "prefixItems": [{ "$ref": "x.json" }] })),
            vec!["/prefixItems/0/$ref"],
        ),
        (json!({ "type": "strnig" }), vec!["/type"]),
        (object(json!({ "$id": "https://example.com/me" })), vec![]),
        (
            object(json!({ "$defs": { "a": { "$id": "https://example.com/me" } } })),
            vec!["/$defs/a/$id"],
        ),
        (
            object(json!({ "maximum": 1, "properties": { "$ref": { "type": "string" } } })),
            vec![],
        ),
        (
            object(
                json!({ "const": { "$ref": "https://example.com" }, "default": { "$id": "x", "x-mcp-header": 1 } }),
            ),
            vec![],
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(faults_of(&schema), expected, "{schema}");
    }
}

#[test]
fn an_output_schema_describes_any_value() {
    for (schema, expected) in [
        (json!({ "type": "array", "items": { "type": "string" } }), vec![]),
        (json!({}), vec![]),
        (json!({ "x-mcp-header": 1 }), vec![]),
        (
            json!({ "type": "text" }),
            vec!["/_meta/dev.onedoor~1server/tools/0/outputSchema/type"],
        ),
    ] {
        let mut manifest = sample();
        tool(&mut manifest)["outputSchema"] = schema.clone();
        assert_eq!(pointers(checked(&manifest)), expected, "{schema}");
    }
}

#[test]
fn subschemas_are_bounded_in_number() {
    let of = |count: usize| json!({ "type": "object", "anyOf": vec![true; count] });
    assert_eq!(faults_of(&of(9_999)), [""; 0]);
    assert_eq!(faults_of(&of(10_000)), [""]);
}

#[test]
fn a_number_out_of_range_is_a_fault_of_the_schema() {
    let text = sample()
        .to_string()
        .replace(r#""additionalProperties":false"#, r#""maxProperties":1e999"#);
    assert_eq!(
        pointers(check(text.as_bytes())),
        ["/_meta/dev.onedoor~1server/tools/1/inputSchema"]
    );
    assert!(read(text.as_bytes()).is_ok());
}

#[test]
fn each_fault_of_an_annotation_has_its_place() {
    let with = |name: Value, kind: Value| json!({ "type": "object", "properties": { "a": { "type": kind, "x-mcp-header": name } } });
    let at = "/properties/a/x-mcp-header";
    let cases = [
        (with(json!("Region"), json!("string")), vec![]),
        (with(json!("a!#$%&'*+-.^_`|~9"), json!("integer")), vec![]),
        (with(json!("Region"), json!("boolean")), vec![]),
        (with(json!("Region"), json!("number")), vec![at]),
        (with(json!("Region"), json!(["string", "null"])), vec![at]),
        (with(json!(""), json!("string")), vec![at]),
        (with(json!("a b"), json!("string")), vec![at]),
        (with(json!("a\r\nb"), json!("string")), vec![at]),
        (with(json!("é"), json!("string")), vec![at]),
        (with(json!(true), json!("string")), vec![at]),
        (
            json!({ "type": "object", "x-mcp-header": "A" }),
            vec!["/x-mcp-header"],
        ),
        (
            json!({ "type": "object", "properties": {
                "a": { "type": "string", "x-mcp-header": "A" },
                "b": { "type": "object", "properties": { "c": { "type": "string", "x-mcp-header": "a" } } }
            } }),
            vec!["/properties/b/properties/c/x-mcp-header"],
        ),
        (
            json!({ "type": "object", "properties": { "l": { "type": "array", "items": { "type": "string", "x-mcp-header": "A" } } } }),
            vec!["/properties/l/items/x-mcp-header"],
        ),
        (
            json!({ "type": "object", "anyOf": [{ "properties": { "a": { "type": "string", "x-mcp-header": "A" } } }] }),
            vec!["/anyOf/0/properties/a/x-mcp-header"],
        ),
        (
            json!({ "type": "object", "$defs": { "a": { "type": "string", "x-mcp-header": "A" } } }),
            vec!["/$defs/a/x-mcp-header"],
        ),
        (
            json!({ "type": "object", "properties": { "x-mcp-header": { "type": "string" } } }),
            vec![],
        ),
    ];
    for (schema, expected) in cases {
        assert_eq!(faults_of(&schema), expected, "{schema}");
    }
}

#[test]
fn annotations_are_read_with_their_path_and_kind() {
    let mut manifest = sample();
    *input(&mut manifest) = json!({ "type": "object", "properties": {
        "a": { "type": "integer", "x-mcp-header": "Number" },
        "b": { "type": "object", "properties": { "c": { "type": "boolean", "x-mcp-header": "Flag" } } }
    } });
    let headers = checked(&manifest).unwrap().tools["get_balance"]
        .mcp_headers
        .clone();
    let header = |name: &str, path: &[&str], kind| McpHeader {
        name: name.to_owned(),
        path: path.iter().map(|&step| step.to_owned()).collect(),
        kind,
    };
    assert_eq!(
        headers,
        [
            header("Number", &["a"], HeaderKind::Integer),
            header("Flag", &["b", "c"], HeaderKind::Boolean)
        ]
    );
}
