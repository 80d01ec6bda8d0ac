//! `docs/errors.md` says of every reason what the code does, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use onedoor_wire::malformed::Malformed;

use super::*;

const DOCUMENT: &str = include_str!("../../../docs/errors.md");

/// Rows of the tables under one heading, by their first cell.
fn table(heading: &str) -> BTreeMap<String, Vec<String>> {
    let section = DOCUMENT
        .split("\n## ")
        .find(|section| section.starts_with(heading))
        .expect("a section");
    section
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line
                .trim_matches('|')
                .split('|')
                .map(|cell| cell.trim().trim_matches('`').to_owned())
                .collect();
            (cells[0].clone(), cells[1..].to_vec())
        })
        .collect()
}

#[test]
fn every_reason_of_a_refused_call_is_documented() {
    let mut documented = table("Calls");
    let mut told = BTreeMap::new();
    for reason in Reason::all() {
        let Told {
            name,
            code,
            message,
            retry,
        } = reason.told();
        let retry = if retry { "yes" } else { "no" };
        let row = [
            reason.http_status().as_u16().to_string(),
            code.to_string(),
            retry.to_owned(),
            message.to_owned(),
        ];
        told.insert(name.to_owned(), row.to_vec());
    }
    for row in documented.values_mut() {
        row.truncate(4);
    }
    assert_eq!(documented, told);
}

#[test]
fn no_code_is_the_protocols_but_where_it_says_so() {
    let mut codes = BTreeMap::new();
    for reason in Reason::all() {
        let Told { name, code, .. } = reason.told();
        assert!(
            !(-32_768..=-32_000).contains(&code) || code == code::INVALID_PARAMS,
            "{name}"
        );
        assert_eq!(*codes.entry(code).or_insert(name), name, "one code is one reason");
    }
}

#[test]
fn what_may_not_be_known_is_told_as_what_does_not_exist() {
    let unknown_tool = Reason::Denied(DenialReason::UnknownTool).told();
    let unknown_server = Reason::Denied(DenialReason::UnknownServer).told();
    for reason in DenialReason::ALL {
        let told = Reason::Denied(reason).told();
        assert_eq!(
            reason.is_hidden(),
            told == unknown_tool || told == unknown_server,
            "{reason:?}"
        );
    }
}

#[test]
fn every_reason_of_failed_authentication_is_documented() {
    let documented: BTreeSet<_> = table("Tokens").into_keys().collect();
    assert_eq!(
        documented,
        onedoor_authn::REASONS.map(str::to_owned).into_iter().collect()
    );
}

#[test]
fn every_reason_told_by_status_alone_is_documented() {
    let documented = table("By HTTP status alone");
    let told: BTreeMap<_, _> = HttpReason::ALL
        .map(|reason| (reason.name().to_owned(), reason.status().as_str().to_owned()))
        .into();
    let documented: BTreeMap<_, _> = documented
        .into_iter()
        .map(|(name, row)| (name, row[0].clone()))
        .collect();
    assert_eq!(documented, told);
}

#[test]
fn every_reason_of_the_admin_plane_is_documented() {
    let documented: BTreeMap<_, _> = table("Admin plane")
        .into_iter()
        .map(|(name, row)| (name, row[0].clone()))
        .collect();
    let told: BTreeMap<_, _> = onedoor_admin::Reason::ALL
        .iter()
        .map(|reason| (reason.as_str().to_owned(), reason.status().as_str().to_owned()))
        .collect();
    assert_eq!(documented, told);
}

#[test]
fn every_malformed_message_is_documented() {
    let documented = table("Messages");
    for fault in malformed() {
        let row = &documented[name(&fault)];
        assert_eq!(
            row[..2],
            [fault.http_status().as_str().to_owned(), fault.code().to_string()],
            "{fault}"
        );
    }
    assert_eq!(documented.len(), malformed().len());
}

/// One of each.
fn malformed() -> Vec<Malformed> {
    let json = onedoor_wire::request::read_request(b"{", onedoor_wire::request::Limits::default());
    let Malformed::Json(json) = json.expect_err("not JSON").fault else {
        panic!("another fault")
    };
    vec![
        Malformed::Json(json),
        Malformed::Batch,
        Malformed::NotAnObject,
        Malformed::LookAlikeKey("id"),
        Malformed::Jsonrpc,
        Malformed::Id,
        Malformed::Method,
        Malformed::Params,
        Malformed::Response,
        Malformed::ParamType {
            member: "name",
            expected: "a string",
        },
        Malformed::ParamMissing("name"),
        Malformed::MetaMissing("x"),
        Malformed::HeaderMissing("x".to_owned()),
        Malformed::HeaderRepeated("x".to_owned()),
        Malformed::HeaderUnreadable("x".to_owned()),
        Malformed::HeaderDisagrees("x".to_owned()),
        Malformed::UnsupportedVersion {
            requested: "x".to_owned(),
            supported: vec!["y"],
        },
        Malformed::ContentType,
        Malformed::ContentEncoding,
        Malformed::NotAcceptable,
    ]
}

/// The row of a fault. Exhaustive, so that a new one needs a row.
fn name(fault: &Malformed) -> &'static str {
    match fault {
        Malformed::Json(_) => "Parse error",
        Malformed::Batch => "a batch",
        Malformed::NotAnObject => "not an object",
        Malformed::LookAlikeKey(_) => "a look-alike key",
        Malformed::Jsonrpc => "jsonrpc",
        Malformed::Id => "id",
        Malformed::Method => "method",
        Malformed::Params => "params",
        Malformed::Response => "a response",
        Malformed::ParamType { .. } => "a parameter of the wrong type",
        Malformed::ParamMissing(_) => "a missing parameter",
        Malformed::MetaMissing(_) => "a missing _meta member",
        Malformed::HeaderMissing(_) => "a missing header",
        Malformed::HeaderRepeated(_) => "a repeated header",
        Malformed::HeaderUnreadable(_) => "an unreadable header",
        Malformed::HeaderDisagrees(_) => "a header that disagrees",
        Malformed::UnsupportedVersion { .. } => "an unsupported revision",
        Malformed::ContentType => "Content-Type",
        Malformed::ContentEncoding => "Content-Encoding",
        Malformed::NotAcceptable => "Accept",
    }
}
