use serde_json::{Value, json};

use crate::headers::{AnnotationFault, header_params};

fn faults(schema: &Value) -> Vec<(String, AnnotationFault)> {
    let errors = header_params(schema).expect_err("an invalid annotation");
    errors
        .into_iter()
        .map(|error| (error.pointer, error.fault))
        .collect()
}

#[test]
fn annotated_properties_are_found_with_their_paths() {
    let schema = json!({"type": "object", "properties": {
        "a": {"type": "string", "x-mcp-header": "A"},
        "b": {"type": "object", "properties": {"c/d": {"type": "integer", "x-mcp-header": "c.d!"}}},
        "x-mcp-header": {"type": "boolean", "x-mcp-header": "odd"},
        "plain": {"type": "string", "default": {"x-mcp-header": "data"}, "enum": [{"x-mcp-header": 1}]},
    }});
    let mut found: Vec<_> = header_params(&schema)
        .unwrap()
        .iter()
        .map(|param| (param.header().as_str().to_owned(), param.path().join(" > ")))
        .collect();
    found.sort_unstable();
    let expected = [
        ("mcp-param-a", "a"),
        ("mcp-param-c.d!", "b > c/d"),
        ("mcp-param-odd", "x-mcp-header"),
    ];
    assert_eq!(
        found,
        expected.map(|(header, path)| (header.to_owned(), path.to_owned()))
    );
    for none in [
        json!({"type": "object"}),
        json!(true),
        json!({}),
        json!({"properties": 7}),
    ] {
        assert_eq!(header_params(&none), Ok(vec![]));
    }
}

#[test]
fn names_must_be_tokens() {
    for name in [
        json!(""),
        json!("a b"),
        json!("a:b"),
        json!("a\r\nb"),
        json!("é"),
        json!(7),
        json!(null),
    ] {
        let schema = json!({"properties": {"p": {"type": "string", "x-mcp-header": name}}});
        let expected = (
            "/properties/p/x-mcp-header".to_owned(),
            AnnotationFault::NotAToken,
        );
        assert_eq!(faults(&schema), [expected], "{name}");
    }
}

#[test]
fn types_must_be_primitive() {
    for kind in [
        json!("number"),
        json!("object"),
        json!("array"),
        json!("null"),
        json!(["string", "null"]),
    ] {
        let schema = json!({"properties": {"p": {"type": kind, "x-mcp-header": "P"}}});
        assert_eq!(
            faults(&schema),
            [("/properties/p/x-mcp-header".to_owned(), AnnotationFault::Type)],
            "{kind}"
        );
    }
    let untyped = json!({"properties": {"p": {"x-mcp-header": "P"}}});
    assert_eq!(faults(&untyped)[0].1, AnnotationFault::Type);
}

#[test]
fn names_must_differ_by_more_than_case() {
    let schema = json!({"properties": {
        "a": {"type": "string", "x-mcp-header": "Region"},
        "b": {"type": "string", "x-mcp-header": "region"},
    }});
    assert_eq!(
        faults(&schema),
        [("/properties/b/x-mcp-header".to_owned(), AnnotationFault::Repeated)]
    );
}

#[test]
fn annotations_off_the_path_of_properties_are_invalid() {
    let annotated = || json!({"type": "string", "x-mcp-header": "X"});
    let off_path = [
        (json!({"type": "string", "x-mcp-header": "X"}), "/x-mcp-header"),
        (json!({"items": annotated()}), "/items/x-mcp-header"),
        (
            json!({"properties": {"a": {"items": annotated()}}}),
            "/properties/a/items/x-mcp-header",
        ),
        (
            json!({"prefixItems": [true, annotated()]}),
            "/prefixItems/1/x-mcp-header",
        ),
        (
            json!({"oneOf": [{"properties": {"a": annotated()}}]}),
            "/oneOf/0/properties/a/x-mcp-header",
        ),
        (json!({"anyOf": [annotated()]}), "/anyOf/0/x-mcp-header"),
        (json!({"allOf": [annotated()]}), "/allOf/0/x-mcp-header"),
        (json!({"not": annotated()}), "/not/x-mcp-header"),
        (json!({"if": annotated()}), "/if/x-mcp-header"),
        (json!({"then": annotated()}), "/then/x-mcp-header"),
        (json!({"else": annotated()}), "/else/x-mcp-header"),
        (
            json!({"additionalProperties": annotated()}),
            "/additionalProperties/x-mcp-header",
        ),
        (
            json!({"$defs": {"a/b~": annotated()}}),
            "/$defs/a~1b~0/x-mcp-header",
        ),
        (
            json!({"patternProperties": {"^a": annotated()}}),
            "/patternProperties/^a/x-mcp-header",
        ),
        (
            json!({"dependentSchemas": {"a": annotated()}}),
            "/dependentSchemas/a/x-mcp-header",
        ),
    ];
    for (schema, pointer) in off_path {
        assert_eq!(
            faults(&schema),
            [(pointer.to_owned(), AnnotationFault::Unreachable)],
            "{schema}"
        );
    }
}

#[test]
fn every_fault_is_told() {
    let schema = json!({"properties": {
        "a": {"type": "number", "x-mcp-header": "A"},
        "b": {"type": "string", "x-mcp-header": "b b"},
        "c": {"type": "array", "items": {"type": "string", "x-mcp-header": "C"}},
        "d": {"type": "string", "x-mcp-header": "D"},
    }});
    assert_eq!(faults(&schema).len(), 3);
}
