//! Faults of Onedoor's part.

use serde_json::json;

use super::*;

#[test]
fn each_fault_of_our_part_has_its_place() {
    const PART: &str = "/_meta/dev.onedoor~1server";
    hold(&[
        ("no slug", |m| remove(part(m), "slug"), &[PART]),
        (
            "slug with capital",
            |m| part(m)["slug"] = json!("Finance"),
            &["/_meta/dev.onedoor~1server/slug"],
        ),
        (
            "slug with underscore",
            |m| part(m)["slug"] = json!("a_b"),
            &["/_meta/dev.onedoor~1server/slug"],
        ),
        (
            "slug too long",
            |m| part(m)["slug"] = json!("a".repeat(33)),
            &["/_meta/dev.onedoor~1server/slug"],
        ),
        ("no owner", |m| remove(part(m), "owner"), &[PART]),
        (
            "blank owner",
            |m| part(m)["owner"] = json!(" "),
            &["/_meta/dev.onedoor~1server/owner"],
        ),
        (
            "owner with line break",
            |m| part(m)["owner"] = json!("a\nb"),
            &["/_meta/dev.onedoor~1server/owner"],
        ),
        ("no audience", |m| remove(part(m), "audience"), &[PART]),
        ("no scope", |m| remove(part(m), "requiredScope"), &[PART]),
        (
            "two scopes",
            |m| part(m)["requiredScope"] = json!("a b"),
            &["/_meta/dev.onedoor~1server/requiredScope"],
        ),
        ("no strategy", |m| remove(part(m), "strategy"), &[PART]),
        (
            "strategy to come",
            |m| part(m)["strategy"] = json!("token-exchange"),
            &["/_meta/dev.onedoor~1server/strategy"],
        ),
        (
            "no such strategy",
            |m| part(m)["strategy"] = json!("x"),
            &["/_meta/dev.onedoor~1server/strategy"],
        ),
        (
            "health path is a URL",
            |m| part(m)["healthPath"] = json!("https://a.example/"),
            &["/_meta/dev.onedoor~1server/healthPath"],
        ),
        (
            "health path to another host",
            |m| part(m)["healthPath"] = json!("//a.example/"),
            &["/_meta/dev.onedoor~1server/healthPath"],
        ),
        (
            "health path with query",
            |m| part(m)["healthPath"] = json!("/a?b"),
            &["/_meta/dev.onedoor~1server/healthPath"],
        ),
        (
            "health path climbs",
            |m| part(m)["healthPath"] = json!("/a/../b"),
            &["/_meta/dev.onedoor~1server/healthPath"],
        ),
        ("no health path", |m| remove(part(m), "healthPath"), &[]),
        (
            "unknown member",
            |m| part(m)["colour"] = json!(1),
            &["/_meta/dev.onedoor~1server/colour"],
        ),
        (
            "slip of a member",
            |m| part(m)["requiredScopes"] = json!("a"),
            &["/_meta/dev.onedoor~1server/requiredScopes"],
        ),
        (
            "slip of our name",
            |m| m["_meta"]["dev.onedoor/Server"] = json!({}),
            &["/_meta/dev.onedoor~1Server"],
        ),
        ("meta of others", |m| m["_meta"]["com.example/x"] = json!({}), &[]),
        ("no tools", |m| remove(part(m), "tools"), &[PART]),
        (
            "tools is no list",
            |m| part(m)["tools"] = json!({}),
            &["/_meta/dev.onedoor~1server/tools"],
        ),
        (
            "tools is empty",
            |m| part(m)["tools"] = json!([]),
            &["/_meta/dev.onedoor~1server/tools"],
        ),
        (
            "tool is no object",
            |m| part(m)["tools"][1] = json!("x"),
            &["/_meta/dev.onedoor~1server/tools/1"],
        ),
    ]);
}

#[test]
fn an_audience_is_a_uri_or_a_guid() {
    let cases = [
        ("https://finance.example.com", true),
        ("api://finance", true),
        ("urn:example:finance", true),
        ("0a7d0000-0000-4000-8000-000000000001", true),
        ("", false),
        ("finance", false),
        ("finance:", false),
        ("https://finance.example.com#x", false),
        ("https://finance.example.com/a b", false),
        ("0a7d0000-0000-4000-8000-00000000000", false),
    ];
    for (audience, good) in cases {
        let mut manifest = sample();
        part(&mut manifest)["audience"] = json!(audience);
        let expected: &[&str] = if good {
            &[]
        } else {
            &["/_meta/dev.onedoor~1server/audience"]
        };
        assert_eq!(pointers(checked(&manifest)), expected, "{audience}");
    }
}

#[test]
fn a_strategy_to_come_is_told_from_one_that_does_not_exist() {
    let message = |strategy: &str| {
        let mut manifest = sample();
        part(&mut manifest)["strategy"] = json!(strategy);
        checked(&manifest).unwrap_err().as_slice()[0].message.clone()
    };
    for later in ["token-exchange", "client-credentials"] {
        assert_eq!(
            message(later),
            format!("{later:?} is not available in this version of Onedoor")
        );
    }
    assert_eq!(
        message("magic"),
        "\"magic\" is not a strategy; there is gateway-issued, entra-obo"
    );
}

#[test]
fn each_fault_of_the_timeouts_has_its_place() {
    hold(&[
        (
            "no object",
            |m| part(m)["timeouts"] = json!(5),
            &["/_meta/dev.onedoor~1server/timeouts"],
        ),
        (
            "unknown",
            |m| part(m)["timeouts"]["idleMs"] = json!(5),
            &["/_meta/dev.onedoor~1server/timeouts/idleMs"],
        ),
        (
            "text",
            |m| part(m)["timeouts"]["totalMs"] = json!("60000"),
            &["/_meta/dev.onedoor~1server/timeouts/totalMs"],
        ),
        (
            "fraction",
            |m| part(m)["timeouts"]["totalMs"] = json!(0.5),
            &["/_meta/dev.onedoor~1server/timeouts/totalMs"],
        ),
        (
            "negative",
            |m| part(m)["timeouts"]["totalMs"] = json!(-1),
            &["/_meta/dev.onedoor~1server/timeouts/totalMs"],
        ),
        (
            "zero",
            |m| part(m)["timeouts"]["connectMs"] = json!(0),
            &["/_meta/dev.onedoor~1server/timeouts/connectMs"],
        ),
        ("equal", |m| part(m)["timeouts"]["totalMs"] = json!(5_000), &[]),
        (
            "an hour",
            |m| part(m)["timeouts"]["totalMs"] = json!(3_600_000),
            &[],
        ),
        (
            "more",
            |m| part(m)["timeouts"]["totalMs"] = json!(3_600_001),
            &["/_meta/dev.onedoor~1server/timeouts/totalMs"],
        ),
        (
            "order 1",
            |m| part(m)["timeouts"]["connectMs"] = json!(5_001),
            &["/_meta/dev.onedoor~1server/timeouts/connectMs"],
        ),
        (
            "order 2",
            |m| part(m)["timeouts"]["totalMs"] = json!(4_999),
            &["/_meta/dev.onedoor~1server/timeouts/firstByteMs"],
        ),
        (
            "order without the middle",
            |m| part(m)["timeouts"] = json!({"connectMs": 9, "totalMs": 8}),
            &["/_meta/dev.onedoor~1server/timeouts/connectMs"],
        ),
    ]);
}

#[test]
fn defaults_fit_what_is_given() {
    let cases = [
        (json!({}), [2_000, 30_000, 300_000]),
        (json!({ "totalMs": 1_000 }), [1_000, 1_000, 1_000]),
        (json!({ "firstByteMs": 600_000 }), [2_000, 600_000, 600_000]),
        (json!({ "connectMs": 60_000 }), [60_000, 60_000, 300_000]),
        (json!({ "connectMs": 400_000 }), [400_000, 400_000, 400_000]),
        (json!({ "firstByteMs": 100 }), [100, 100, 300_000]),
    ];
    for (timeouts, [connect_ms, first_byte_ms, total_ms]) in cases {
        let mut manifest = sample();
        part(&mut manifest)["timeouts"] = timeouts.clone();
        let expected = Timeouts {
            connect_ms,
            first_byte_ms,
            total_ms,
        };
        assert_eq!(checked(&manifest).unwrap().timeouts, expected, "{timeouts}");
    }
}

#[test]
fn each_fault_of_a_tool_has_its_place() {
    const TOOL: &str = "/_meta/dev.onedoor~1server/tools/0";
    hold(&[
        ("no name", |m| remove(tool(m), "name"), &[TOOL]),
        (
            "name with blank",
            |m| tool(m)["name"] = json!("a b"),
            &["/_meta/dev.onedoor~1server/tools/0/name"],
        ),
        (
            "same name",
            |m| part(m)["tools"][1]["name"] = json!("get_balance"),
            &["/_meta/dev.onedoor~1server/tools/1/name"],
        ),
        (
            "same but for case",
            |m| part(m)["tools"][1]["name"] = json!("Get_Balance"),
            &["/_meta/dev.onedoor~1server/tools/1/name"],
        ),
        (
            "same but for separators",
            |m| part(m)["tools"][1]["name"] = json!("get.balance"),
            &["/_meta/dev.onedoor~1server/tools/1/name"],
        ),
        (
            "full name at its limit",
            |m| tool(m)["name"] = json!("a".repeat(119)),
            &[],
        ),
        (
            "full name too long",
            |m| tool(m)["name"] = json!("a".repeat(120)),
            &["/_meta/dev.onedoor~1server/tools/0/name"],
        ),
        ("no description", |m| remove(tool(m), "description"), &[TOOL]),
        (
            "blank description",
            |m| tool(m)["description"] = json!("\n"),
            &["/_meta/dev.onedoor~1server/tools/0/description"],
        ),
        (
            "title is no text",
            |m| tool(m)["title"] = json!(1),
            &["/_meta/dev.onedoor~1server/tools/0/title"],
        ),
        ("no input schema", |m| remove(tool(m), "inputSchema"), &[TOOL]),
        (
            "input schema is no object",
            |m| tool(m)["inputSchema"] = json!(true),
            &["/_meta/dev.onedoor~1server/tools/0/inputSchema"],
        ),
        (
            "output schema is no object",
            |m| tool(m)["outputSchema"] = json!(null),
            &["/_meta/dev.onedoor~1server/tools/0/outputSchema"],
        ),
        ("no output schema", |m| remove(tool(m), "outputSchema"), &[]),
        (
            "annotations is no object",
            |m| tool(m)["annotations"] = json!(1),
            &["/_meta/dev.onedoor~1server/tools/0/annotations"],
        ),
        (
            "hint is text",
            |m| tool(m)["annotations"]["readOnlyHint"] = json!("yes"),
            &["/_meta/dev.onedoor~1server/tools/0/annotations/readOnlyHint"],
        ),
        (
            "slip of a hint",
            |m| tool(m)["annotations"]["readonlyhint"] = json!(true),
            &["/_meta/dev.onedoor~1server/tools/0/annotations/readonlyhint"],
        ),
        (
            "icon by javascript",
            |m| tool(m)["icons"][0]["src"] = json!("javascript:x"),
            &["/_meta/dev.onedoor~1server/tools/0/icons/0/src"],
        ),
        (
            "meta is no object",
            |m| tool(m)["_meta"] = json!(1),
            &["/_meta/dev.onedoor~1server/tools/0/_meta"],
        ),
        (
            "unknown member",
            |m| tool(m)["executes"] = json!({}),
            &["/_meta/dev.onedoor~1server/tools/0/executes"],
        ),
    ]);
}

#[test]
fn a_tool_without_description_has_its_other_faults_too() {
    let mut manifest = sample();
    remove(tool(&mut manifest), "description");
    tool(&mut manifest)["inputSchema"]["properties"]["place"]["properties"]["region"]["x-mcp-header"] =
        json!("");
    let root = "/_meta/dev.onedoor~1server/tools/0";
    let header = format!("{root}/inputSchema/properties/place/properties/region/x-mcp-header");
    assert_eq!(pointers(checked(&manifest)), [root, header.as_str()]);
}

#[test]
fn tools_are_bounded_in_number() {
    let mut manifest = sample();
    let numbered = |index| json!({ "name": format!("t{index}"), "description": "d", "inputSchema": { "type": "object" } });
    part(&mut manifest)["tools"] = (0..1_000).map(numbered).collect();
    assert_eq!(checked(&manifest).unwrap().tools.len(), 1_000);
    part(&mut manifest)["tools"] = (0..1_001).map(numbered).collect();
    assert_eq!(pointers(checked(&manifest)), ["/_meta/dev.onedoor~1server/tools"]);
}
