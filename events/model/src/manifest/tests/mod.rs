//! Tests of the manifest: the sample that all start from, what is read from it, and the two ways to read.

mod http;
mod official;
mod onedoor;
mod properties;
mod schemas;

use serde_json::{Value, json};

use super::*;

/// A manifest without fault that uses every member Onedoor reads.
pub(super) fn sample() -> Value {
    json!({
        "$schema": "https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json",
        "name": "com.example/finance",
        "title": "Finance",
        "description": "Balances and payments of the company",
        "version": "1.4.0",
        "websiteUrl": "https://finance.example.com/about",
        "icons": [{ "src": "https://finance.example.com/icon.png", "sizes": ["48x48"], "theme": "light" }],
        "repository": { "url": "https://git.example.com/finance", "source": "gitlab", "subfolder": "mcp" },
        "packages": [{ "registryType": "npm", "identifier": "@example/finance", "transport": { "type": "stdio" } }],
        "remotes": [
            { "type": "sse", "url": "https://finance.example.com/sse" },
            {
                "type": "streamable-http",
                "url": "https://finance.example.com:8443/mcp",
                "headers": [{ "name": "X-Region", "description": "Not needed", "isRequired": false }]
            }
        ],
        "_meta": {
            "io.modelcontextprotocol.registry/publisher-provided": { "tool": "publisher-cli" },
            META_KEY: {
                "slug": "finance",
                "owner": "finance-platform",
                "audience": "api://0a7d0000-0000-4000-8000-000000000001",
                "requiredScope": "finance.read",
                "strategy": "gateway-issued",
                "healthPath": "/health/ready",
                "timeouts": { "connectMs": 500, "firstByteMs": 5_000, "totalMs": 60_000 },
                "tools": [
                    {
                        "name": "get_balance",
                        "title": "Balance",
                        "description": "The balance of an account",
                        "inputSchema": {
                            "$schema": "https://json-schema.org/draft/2020-12/schema",
                            "type": "object",
                            "properties": {
                                "account": { "$ref": "#/$defs/account" },
                                "place": {
                                    "type": "object",
                                    "properties": { "region": { "type": "string", "x-mcp-header": "Region" } }
                                }
                            },
                            "required": ["account"],
                            "$defs": { "account": { "type": "string", "pattern": "^(?!0)[0-9]{1,12}$" } }
                        },
                        "outputSchema": { "type": "number" },
                        "annotations": { "readOnlyHint": true, "title": "Not this one" },
                        "_meta": { "com.example/cost": 1 },
                        "icons": [{ "src": "data:image/png;base64,AAAA" }]
                    },
                    {
                        "name": "Admin.close__books",
                        "description": "Closes the books of a month",
                        "inputSchema": { "type": "object", "additionalProperties": false },
                        "annotations": { "title": "Close the books", "destructiveHint": true }
                    }
                ]
            }
        }
    })
}

/// A change of the sample and the pointers of the faults that follow.
pub(super) type Case = (&'static str, fn(&mut Value), &'static [&'static str]);

/// Onedoor's part of a manifest.
pub(super) fn part(manifest: &mut Value) -> &mut Value {
    &mut manifest["_meta"][META_KEY]
}

/// The first tool of a manifest.
pub(super) fn tool(manifest: &mut Value) -> &mut Value {
    &mut part(manifest)["tools"][0]
}

pub(super) fn remove(object: &mut Value, member: &str) {
    object.as_object_mut().unwrap().remove(member).unwrap();
}

pub(super) fn checked(manifest: &Value) -> Result<Manifest, Faults> {
    check(manifest.to_string().as_bytes())
}

pub(super) fn pointers(result: Result<Manifest, Faults>) -> Vec<String> {
    result.map_or_else(
        |faults| faults.into_iter().map(|fault| fault.pointer).collect(),
        |_| Vec::new(),
    )
}

/// Holds that each case gives exactly its faults, and each fault has something to say.
pub(super) fn hold(cases: &[Case]) {
    for (label, change, expected) in cases {
        let mut manifest = sample();
        change(&mut manifest);
        let result = checked(&manifest);
        if let Err(faults) = &result {
            for fault in faults.as_slice() {
                assert!(
                    !fault.message.is_empty() && !fault.hint.is_empty(),
                    "{label}: {fault:?}"
                );
                assert!(manifest.pointer(&fault.pointer).is_some(), "{label}: {fault:?}");
            }
        }
        let shown = format!("{label}: {result:?}");
        assert_eq!(pointers(result), *expected, "{shown}");
    }
}

#[test]
fn the_sample_is_read_whole() {
    let text = sample().to_string();
    let manifest = check(text.as_bytes()).unwrap();
    assert_eq!(manifest.name, "com.example/finance");
    assert_eq!(manifest.title.as_deref(), Some("Finance"));
    assert_eq!(manifest.description, "Balances and payments of the company");
    assert_eq!(manifest.version, "1.4.0");
    assert_eq!(manifest.slug.as_str(), "finance");
    assert_eq!(manifest.owner.as_str(), "finance-platform");
    assert_eq!(manifest.url.as_str(), "https://finance.example.com:8443/mcp");
    assert_eq!(
        manifest.audience.as_str(),
        "api://0a7d0000-0000-4000-8000-000000000001"
    );
    assert_eq!(manifest.required_scope.as_str(), "finance.read");
    assert_eq!(manifest.strategy, Strategy::GatewayIssued);
    assert_eq!(manifest.health_path.as_deref(), Some("/health/ready"));
    assert_eq!(
        manifest.timeouts,
        Timeouts {
            connect_ms: 500,
            first_byte_ms: 5_000,
            total_ms: 60_000
        }
    );
    assert_eq!(manifest.digest, Digest::of(text.as_bytes()));
    assert_eq!(
        manifest.tools.keys().map(ToolName::as_str).collect::<Vec<_>>(),
        ["Admin.close__books", "get_balance"]
    );
}

#[test]
fn a_tool_is_read_whole() {
    let mut manifest = sample();
    let read = checked(&manifest).unwrap();
    let balance = &read.tools["get_balance"];
    let written = tool(&mut manifest);
    assert_eq!(balance.definition.get(), written.to_string());
    assert_eq!(balance.input_schema.get(), written["inputSchema"].to_string());
    assert_eq!(
        balance.output_schema.as_ref().unwrap().get(),
        r#"{"type":"number"}"#
    );
    assert_eq!(
        balance.annotations.as_ref().unwrap().get(),
        written["annotations"].to_string()
    );
    assert_eq!(balance.title.as_deref(), Some("Balance"));
    assert_eq!(balance.description, "The balance of an account");
    let region = McpHeader {
        name: "Region".to_owned(),
        path: vec!["place".to_owned(), "region".to_owned()],
        kind: HeaderKind::String,
    };
    assert_eq!(balance.mcp_headers, [region]);

    let close = &read.tools["Admin.close__books"];
    assert_eq!(
        close.title.as_deref(),
        Some("Close the books"),
        "annotations.title stands in for title"
    );
    assert!(close.output_schema.is_none());
    assert!(close.mcp_headers.is_empty());
}

#[test]
fn the_text_of_a_definition_keeps_its_white_space() {
    let pretty = serde_json::to_string_pretty(&sample()).unwrap();
    let manifest = check(format!("\n  {pretty}\n").as_bytes()).unwrap();
    let definition = manifest.tools["get_balance"].definition.get();
    assert!(definition.contains('\n') && pretty.contains(definition));
}

#[test]
fn the_tie_is_another_when_any_of_its_parts_is() {
    let tie = checked(&sample()).unwrap().tie();
    assert_eq!(tie.origin, "https://finance.example.com:8443");
    let same: [fn(&mut Value); 2] = [
        |m| m["version"] = json!("2.0.0"),
        |m| tool(m)["title"] = json!("Other"),
    ];
    for change in same {
        let mut manifest = sample();
        change(&mut manifest);
        assert_eq!(checked(&manifest).unwrap().tie(), tie);
    }
    let other: [fn(&mut Value); 5] = [
        |m| part(m)["owner"] = json!("somebody-else"),
        |m| part(m)["audience"] = json!("https://hr.example.com"),
        |m| part(m)["requiredScope"] = json!("finance.write"),
        |m| m["remotes"][1]["url"] = json!("https://finance.example.com:8443/mcp2"),
        |m| m["remotes"][1]["url"] = json!("http://finance.example.com:8443/mcp"),
    ];
    for change in other {
        let mut manifest = sample();
        change(&mut manifest);
        assert_ne!(checked(&manifest).unwrap().tie(), tie);
    }
}

#[test]
fn several_faults_come_at_once_in_the_order_of_the_document() {
    let text = format!(
        r#"{{
            "version": "^1.0",
            "_meta": {{ "{META_KEY}": {{
                "tools": [{{ "name": "a b", "description": "", "inputSchema": {{ "type": "array" }} }}],
                "strategy": "magic",
                "slug": "Finance"
            }} }},
            "name": "finance",
            "remotes": [],
            "name": "com.example/finance"
        }}"#
    );
    let part = "/_meta/dev.onedoor~1server";
    let expected = [
        "", // description
        "/version",
        part, // owner
        part, // audience
        part, // requiredScope
        &format!("{part}/tools/0/name"),
        &format!("{part}/tools/0/description"),
        &format!("{part}/tools/0/inputSchema/type"),
        &format!("{part}/strategy"),
        &format!("{part}/slug"),
        "/name",
        "/remotes",
        "/name", // twice
    ];
    assert_eq!(pointers(check(text.as_bytes())), expected);
}

#[test]
fn faults_are_bounded_and_the_rest_is_counted() {
    let mut manifest = sample();
    for index in 0..150 {
        part(&mut manifest)[format!("unknown{index}")] = json!(0);
    }
    let faults = checked(&manifest).unwrap_err();
    assert_eq!(faults.as_slice().len(), MAX_FAULTS + 1);
    let kept: Vec<&str> = faults.as_slice()[..MAX_FAULTS]
        .iter()
        .map(|fault| fault.pointer.as_str())
        .collect();
    let mut all: Vec<String> = (0..150)
        .map(|index| format!("/_meta/dev.onedoor~1server/unknown{index}"))
        .collect();
    all.sort();
    assert_eq!(kept, all[..MAX_FAULTS], "the first in the document");
    let last = faults.as_slice().last().unwrap();
    assert_eq!(
        (last.pointer.as_str(), last.message.as_str()),
        ("", "50 more faults are not shown")
    );
}

#[test]
fn offending_values_are_shortened() {
    let mut manifest = sample();
    part(&mut manifest)["slug"] = json!("X".repeat(5_000));
    let faults = checked(&manifest).unwrap_err();
    assert!(faults.as_slice()[0].message.chars().count() <= 301, "{faults}");
}

#[test]
fn the_fold_overlooks_what_only_a_new_manifest_is_refused_for() {
    let overlooked: [fn(&mut Value); 8] = [
        |m| m["description"] = json!("x".repeat(101)),
        |m| m["remotes"][1]["url"] = json!("https://finance.example.com/mcp?key=1"),
        |m| part(m)["newer"] = json!(1),
        |m| part(m)["audience"] = json!("finance"),
        |m| part(m)["timeouts"]["totalMs"] = json!(1),
        |m| part(m)["tools"][1]["name"] = json!("GET_BALANCE"),
        |m| tool(m)["inputSchema"]["type"] = json!("array"),
        |m| tool(m)["inputSchema"]["properties"]["account"]["$ref"] = json!("https://example.com/x"),
    ];
    for change in overlooked {
        let mut manifest = sample();
        change(&mut manifest);
        assert!(checked(&manifest).is_err(), "{manifest}");
        assert!(read(manifest.to_string().as_bytes()).is_ok(), "{manifest}");
    }
    let mut manifest = sample();
    remove(part(&mut manifest), "slug");
    assert_eq!(
        pointers(read(manifest.to_string().as_bytes())),
        ["/_meta/dev.onedoor~1server"]
    );
}

/// Bytes and digests that logs hold for ever. If this test fails, mend the code, not the test.
#[test]
fn a_manifest_of_the_first_version_reads_as_it_did() {
    let manifest = read(include_bytes!("first.json")).unwrap();
    assert_eq!(manifest.tie().origin, "http://127.0.0.1:9101");
    assert_eq!(manifest.timeouts, Timeouts::default());
    assert_eq!(
        manifest.digest.to_string(),
        "6bd5921325fb018ba3c33e2bdca660e586d52f79cf6baf1bc1d8f2efe4f020ca"
    );
    assert_eq!(
        manifest.tools["get_balance"].digest.to_string(),
        "22777d6ff6da1375bdc2ca35691953be45bc5f29718d8db6dd44a92c1c350330"
    );
}
