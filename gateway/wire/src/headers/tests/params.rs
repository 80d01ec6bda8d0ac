use proptest::prelude::*;
use serde_json::json;

use super::headers;
use crate::{
    headers::{HeaderParam, ParamHeaders, check_params},
    malformed::Malformed,
};

fn annotated() -> Vec<HeaderParam> {
    [
        ("Region", &["region"][..]),
        ("Limit", &["options", "limit"]),
        ("Dry-Run", &["dry"]),
    ]
    .into_iter()
    .map(|(suffix, path)| {
        let path: Vec<_> = path.iter().map(|key| (*key).to_owned()).collect();
        HeaderParam::new(suffix, &path).unwrap()
    })
    .collect()
}

fn check(lines: &[(&str, &str)], arguments: &str) -> Result<ParamHeaders, Malformed> {
    check_params(&headers(lines), Some(arguments), &annotated())
}

#[test]
fn headers_that_mirror_the_arguments_are_taken_and_rewritten() {
    let arguments = r#"{"q":{"region":"no"},"region":"\u00e9","options":{"limit":4.2e1},"dry":false}"#;
    let lines = [
        ("Mcp-Param-Region", "=?base64?w6k=?="),
        ("mcp-param-limit", "42.0"),
        ("MCP-PARAM-DRY-RUN", "false"),
        ("Mcp-Param-Unknown", "ignored"),
    ];
    let sent: Vec<_> = check(&lines, arguments)
        .unwrap()
        .iter()
        .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
        .collect();
    let expected = [
        ("mcp-param-dry-run", "false"),
        ("mcp-param-limit", "42"),
        ("mcp-param-region", "=?base64?w6k=?="),
    ];
    let mut sorted: Vec<_> = sent
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    sorted.sort_unstable();
    assert_eq!(sorted, expected);
}

#[test]
fn absent_and_null_arguments_have_no_header() {
    for arguments in [
        "{}",
        r#"{"region":null,"options":{"limit":null}}"#,
        r#"{"options":7}"#,
        r#"{"options":null}"#,
    ] {
        assert_eq!(check(&[], arguments), Ok(ParamHeaders::default()), "{arguments}");
        let stray = check(&[("mcp-param-limit", "1")], arguments);
        assert_eq!(
            stray,
            Err(Malformed::HeaderDisagrees("mcp-param-limit".into())),
            "{arguments}"
        );
    }
    assert_eq!(
        check_params(&headers(&[]), None, &annotated()),
        Ok(ParamHeaders::default())
    );
    let stray = check_params(&headers(&[("mcp-param-region", "")]), None, &annotated());
    assert!(stray.is_err());
}

#[test]
fn each_disagreement_is_refused() {
    let missing = |name: &str| Err(Malformed::HeaderMissing(format!("mcp-param-{name}")));
    let disagrees = |name: &str| Err(Malformed::HeaderDisagrees(format!("mcp-param-{name}")));
    let unreadable = |name: &str| Err(Malformed::HeaderUnreadable(format!("mcp-param-{name}")));
    let repeated = |name: &str| Err(Malformed::HeaderRepeated(format!("mcp-param-{name}")));
    let region = r#"{"region":"north"}"#;
    let limit = |value: &str| format!(r#"{{"options":{{"limit":{value}}}}}"#);
    let table = [
        (vec![], region.into(), missing("region")),
        (vec![], limit("1"), missing("limit")),
        (vec![], r#"{"region":["x"]}"#.into(), missing("region")),
        (
            vec![("mcp-param-region", "south")],
            region.into(),
            disagrees("region"),
        ),
        (
            vec![("mcp-param-region", "North")],
            region.into(),
            disagrees("region"),
        ),
        (
            vec![("mcp-param-region", "=?base64?c291dGg=?=")],
            region.into(),
            disagrees("region"),
        ),
        (
            vec![("mcp-param-region", "=?base64?c2?=")],
            region.into(),
            unreadable("region"),
        ),
        (
            vec![("mcp-param-region", "n\u{f6}rth")],
            region.into(),
            unreadable("region"),
        ),
        (
            vec![("mcp-param-region", "north"), ("mcp-param-region", "north")],
            region.into(),
            repeated("region"),
        ),
        (vec![("mcp-param-limit", "43")], limit("42"), disagrees("limit")),
        (vec![("mcp-param-limit", "+42")], limit("42"), disagrees("limit")),
        (vec![("mcp-param-limit", "042")], limit("42"), disagrees("limit")),
        (vec![("mcp-param-limit", "1.5")], limit("1.5"), disagrees("limit")),
        (
            vec![("mcp-param-limit", "9007199254740992")],
            limit("9007199254740992"),
            disagrees("limit"),
        ),
        (
            vec![("mcp-param-dry-run", "True")],
            r#"{"dry":true}"#.into(),
            disagrees("dry-run"),
        ),
        (
            vec![("mcp-param-region", "{}")],
            r#"{"region":{}}"#.into(),
            disagrees("region"),
        ),
    ];
    for (lines, arguments, expected) in table {
        assert_eq!(check(&lines, &arguments), expected, "{lines:?} {arguments}");
    }
}

proptest! {
    #[test]
    fn a_mirrored_argument_agrees_with_its_own_header(region in any::<String>(), limit in -9_007_199_254_740_991..9_007_199_254_740_991_i64, dry in any::<bool>()) {
        let arguments = json!({"region": region, "options": {"limit": limit}, "dry": dry}).to_string();
        let region = crate::headers::encode(&region);
        let lines = [
            ("mcp-param-region", region.to_str().unwrap()),
            ("mcp-param-limit", &limit.to_string()),
            ("mcp-param-dry-run", if dry { "true" } else { "false" }),
        ];
        let agreed = check(&lines, &arguments).unwrap();
        prop_assert_eq!(agreed.iter().count(), 3);
        for (name, value) in agreed.iter() {
            prop_assert!(lines.contains(&(name.as_str(), value.to_str().unwrap())));
        }
    }
}
