//! Faults of the document as such and of the official part.

use serde_json::json;

use super::*;

#[test]
fn each_fault_of_the_official_part_has_its_place() {
    hold(&[
        ("no name", |m| remove(m, "name"), &[""]),
        ("name is no text", |m| m["name"] = json!(1), &["/name"]),
        (
            "name without namespace",
            |m| m["name"] = json!("finance"),
            &["/name"],
        ),
        (
            "name with two slashes",
            |m| m["name"] = json!("com/a/b"),
            &["/name"],
        ),
        (
            "name without own part",
            |m| m["name"] = json!("com.example/"),
            &["/name"],
        ),
        (
            "name with underscore in namespace",
            |m| m["name"] = json!("com_example/a"),
            &["/name"],
        ),
        (
            "name too long",
            |m| m["name"] = json!(format!("a/{}", "b".repeat(199))),
            &["/name"],
        ),
        ("no description", |m| remove(m, "description"), &[""]),
        (
            "empty description",
            |m| m["description"] = json!(" "),
            &["/description"],
        ),
        (
            "long description",
            |m| m["description"] = json!("ä".repeat(101)),
            &["/description"],
        ),
        (
            "description at its limit",
            |m| m["description"] = json!("ä".repeat(100)),
            &[],
        ),
        ("empty title", |m| m["title"] = json!(""), &["/title"]),
        ("title is no text", |m| m["title"] = json!(["a"]), &["/title"]),
        ("no version", |m| remove(m, "version"), &[""]),
        (
            "version is a number",
            |m| m["version"] = json!(1.0),
            &["/version"],
        ),
        ("version range", |m| m["version"] = json!("~1.2"), &["/version"]),
        ("version wildcard", |m| m["version"] = json!("1.x"), &["/version"]),
        (
            "version latest",
            |m| m["version"] = json!("latest"),
            &["/version"],
        ),
        (
            "version without semantics",
            |m| m["version"] = json!("2026-11-24 nightly"),
            &[],
        ),
        (
            "other schema",
            |m| m["$schema"] = json!("https://example.com/x"),
            &["/$schema"],
        ),
        ("no schema", |m| remove(m, "$schema"), &[]),
        (
            "websiteUrl",
            |m| m["websiteUrl"] = json!("javascript:x"),
            &["/websiteUrl"],
        ),
        ("icons is no list", |m| m["icons"] = json!({}), &["/icons"]),
        (
            "icon without src",
            |m| remove(&mut m["icons"][0], "src"),
            &["/icons/0"],
        ),
        (
            "icon by http",
            |m| m["icons"][0]["src"] = json!("http://a.example/x"),
            &["/icons/0/src"],
        ),
        (
            "icon theme",
            |m| m["icons"][0]["theme"] = json!("blue"),
            &["/icons/0/theme"],
        ),
        (
            "repository without source",
            |m| remove(&mut m["repository"], "source"),
            &["/repository"],
        ),
        (
            "package without identifier",
            |m| remove(&mut m["packages"][0], "identifier"),
            &["/packages/0"],
        ),
        (
            "new member of the registry",
            |m| m["postInstallInstructions"] = json!("x"),
            &[],
        ),
        ("member by case", |m| m["Title"] = json!("x"), &["/Title"]),
        (
            "member by separator",
            |m| m["website_url"] = json!("x"),
            &["/website_url"],
        ),
        (
            "member by a slip",
            |m| m["descriptoin"] = json!("x"),
            &["/descriptoin"],
        ),
        ("manifest is no object", |m| *m = json!([1]), &[""]),
    ]);
}

#[test]
fn each_fault_of_a_remote_has_its_place() {
    hold(&[
        ("only packages", |m| remove(m, "remotes"), &[""]),
        ("remotes is no list", |m| m["remotes"] = json!({}), &["/remotes"]),
        ("remotes is empty", |m| m["remotes"] = json!([]), &["/remotes"]),
        ("only sse", |m| remove_item(&mut m["remotes"], 1), &["/remotes"]),
        ("without sse", |m| remove_item(&mut m["remotes"], 0), &[]),
        (
            "two usable",
            |m| m["remotes"][0]["type"] = json!("streamable-http"),
            &["/remotes/1"],
        ),
        (
            "unknown type beside",
            |m| m["remotes"][0]["type"] = json!("stdio"),
            &["/remotes/0/type"],
        ),
        (
            "no type beside",
            |m| remove(&mut m["remotes"][0], "type"),
            &["/remotes/0"],
        ),
        (
            "remote is no object",
            |m| m["remotes"][0] = json!(1),
            &["/remotes/0"],
        ),
        ("no url", |m| remove(&mut m["remotes"][1], "url"), &["/remotes/1"]),
        (
            "url is no text",
            |m| m["remotes"][1]["url"] = json!(null),
            &["/remotes/1/url"],
        ),
        (
            "url slip",
            |m| m["remotes"][1]["Url"] = json!("x"),
            &["/remotes/1/Url"],
        ),
        (
            "a header that is required",
            |m| header(m)["isRequired"] = json!(true),
            &["/remotes/1/headers/0"],
        ),
        (
            "a header that is secret",
            |m| header(m)["isSecret"] = json!(true),
            &["/remotes/1/headers/0"],
        ),
        (
            "a header with a value",
            |m| header(m)["value"] = json!("eu"),
            &["/remotes/1/headers/0"],
        ),
        (
            "a header of another type",
            |m| header(m)["isSecret"] = json!(1),
            &["/remotes/1/headers/0/isSecret"],
        ),
        (
            "headers is no list",
            |m| m["remotes"][1]["headers"] = json!({}),
            &["/remotes/1/headers"],
        ),
        (
            "a header of an sse remote",
            |m| m["remotes"][0]["headers"] = json!([{"isRequired": true}]),
            &[],
        ),
        (
            "variables unused",
            |m| m["remotes"][1]["variables"] = json!({"a": {"default": "x"}}),
            &[],
        ),
        ("no part of ours", |m| remove(m, "_meta"), &[""]),
        ("meta is no object", |m| m["_meta"] = json!(1), &["/_meta"]),
        (
            "our part missing",
            |m| remove(&mut m["_meta"], META_KEY),
            &["/_meta"],
        ),
        (
            "our part is no object",
            |m| m["_meta"][META_KEY] = json!([]),
            &["/_meta/dev.onedoor~1server"],
        ),
    ]);
}

#[test]
fn each_fault_of_the_url_is_found() {
    let cases = [
        ("https://finance.example.com/mcp", true),
        ("http://127.0.0.1:9101/mcp", true),
        ("http://[::1]:9101/mcp", true),
        ("https://finance.example.com", true),
        ("finance.example.com/mcp", false),
        ("https:///mcp", false),
        ("ftp://finance.example.com/mcp", false),
        ("file:///etc/passwd", false),
        ("https://user@finance.example.com/mcp", false),
        ("https://user:secret@finance.example.com/mcp", false),
        ("https://finance.example.com/mcp#x", false),
        ("https://finance.example.com/mcp?x=1", false),
        ("https://finance.example.com/mcp?", false),
        ("https://finance.example.com/{tenant}/mcp", false),
        ("https://{tenant}.example.com/mcp", false),
        ("https://Finance.example.com/mcp", false),
        ("https://finance.example.com:443/mcp", false),
        ("https://finance.example.com/a/../mcp", false),
        ("https:\\\\finance.example.com\\mcp", false),
        ("https://finance.example.com/m\ncp", false),
        (" https://finance.example.com/mcp", false),
        ("https://finаnce.example.com/mcp", false), // the first а is Cyrillic
    ];
    for (url, good) in cases {
        let mut manifest = sample();
        manifest["remotes"][1]["url"] = json!(url);
        let expected: &[&str] = if good { &[] } else { &["/remotes/1/url"] };
        let result = checked(&manifest);
        let shown = format!("{url}: {result:?}");
        assert_eq!(pointers(result), expected, "{shown}");
    }
}

#[test]
fn a_slip_is_answered_with_what_was_meant() {
    let cases = [
        ("Version", Some("version")),
        ("decription", Some("description")),
        ("remote", Some("remotes")),
        ("meta", Some("_meta")),
        ("nmae", Some("name")),
        ("date", None),
        ("status", None),
        ("license", None),
    ];
    for (name, meant) in cases {
        let mut manifest = sample();
        manifest[name] = json!("x");
        let hint = checked(&manifest)
            .err()
            .map(|faults| faults.as_slice()[0].hint.clone());
        assert_eq!(
            hint,
            meant.map(|meant| format!("did you mean `{meant}`?")),
            "{name}"
        );
    }
}

#[test]
fn a_document_that_cannot_be_parsed_has_one_fault() {
    let sample = sample().to_string();
    let bom = format!("\u{feff}{sample}");
    let trailing = format!("{sample} 1");
    let large = format!("{sample}{}", " ".repeat(MAX_BYTES));
    let cases: [&[u8]; 8] = [
        b"",
        b"{",
        b"{\"a\": 1,}",
        b"{\"a\": \xff}",
        b"{\"a\": 01}",
        bom.as_bytes(),
        trailing.as_bytes(),
        large.as_bytes(),
    ];
    for bytes in cases {
        assert_eq!(
            pointers(check(bytes)),
            [""],
            "{}",
            String::from_utf8_lossy(&bytes[..bytes.len().min(20)])
        );
    }
    assert!(read(large.as_bytes()).is_ok(), "the limit is for new manifests");
    assert!(check(format!("{sample}{}", " ".repeat(MAX_BYTES - sample.len())).as_bytes()).is_ok());
}

#[test]
fn a_member_that_is_there_twice_is_a_fault_at_any_depth() {
    let sample = sample().to_string();
    let cases = [
        (
            r#""version":"1.4.0""#,
            r#""version":"1.4.0","version":"1.4.0""#,
            "/version",
        ),
        (
            r#""version":"1.4.0""#,
            r#""version":"1.4.0","v\u0065rsion":"2""#,
            "/version",
        ),
        (
            r#""required":["account"]"#,
            r#""required":["account"],"required":[]"#,
            "/_meta/dev.onedoor~1server/tools/0/inputSchema/required",
        ),
        (
            r#"{"type":"stdio"}"#,
            r#"{"type":"stdio","a/b":{"~":1,"~":1}}"#,
            "/packages/0/transport/a~1b/~0",
        ),
    ];
    for (from, to, pointer) in cases {
        assert_eq!(sample.matches(from).count(), 1, "{from}");
        let twice = sample.replace(from, to);
        assert_eq!(pointers(check(twice.as_bytes())), [pointer]);
        assert_eq!(pointers(read(twice.as_bytes())), [pointer]);
    }
}

#[test]
fn text_that_is_not_unicode_is_a_fault_at_its_place() {
    let sample = sample().to_string();
    let lone = sample.replace(r#""version":"1.4.0""#, r#""version":"\ud800""#);
    assert_eq!(pointers(check(lone.as_bytes())), ["/version"]);
    let in_name = sample.replace(r#"{"type":"stdio"}"#, r#"{"\udfff":"stdio"}"#);
    assert_eq!(pointers(check(in_name.as_bytes())), ["/packages/0/transport"]);
}

#[test]
fn depth_and_names_are_bounded() {
    let nested = |levels: usize| {
        let mut manifest = sample();
        manifest["extension"] = json!(0);
        let value = format!(r#""extension":{}{}"#, "[".repeat(levels), "]".repeat(levels));
        manifest.to_string().replace(r#""extension":0"#, &value)
    };
    assert!(check(nested(63).as_bytes()).is_ok());
    let pointer = format!("/extension{}", "/0".repeat(63));
    assert_eq!(pointers(check(nested(64).as_bytes())), [pointer.as_str()]);
    assert_eq!(pointers(check(nested(100_000).as_bytes())), [pointer.as_str()]);

    let mut manifest = sample();
    manifest["x".repeat(1_025)] = json!(1);
    assert_eq!(pointers(checked(&manifest)), [""]);
}

fn remove_item(list: &mut Value, index: usize) {
    list.as_array_mut().unwrap().remove(index);
}

fn header(manifest: &mut Value) -> &mut Value {
    &mut manifest["remotes"][1]["headers"][0]
}
