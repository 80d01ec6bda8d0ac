use super::message;
use crate::{
    headers::tests::headers,
    session::{
        Era::{self, Session, Stateless},
        SessionVersion, era_of, versions,
    },
};

const PLAIN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
const INITIALIZE: &str =
    r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25"}}"#;
const MODERN_INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}"#;
const INITIALIZE_NOTICE: &str = r#"{"jsonrpc":"2.0","method":"initialize"}"#;
const RESPONSE: &str = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
const SESSION_ID: (&str, &str) = ("mcp-session-id", "x");

#[test]
fn the_version_header_decides() {
    let table: &[(&str, Era)] = &[
        ("2025-03-26", Session),
        ("2025-06-18", Session),
        ("2025-11-25", Session),
        (" 2025-11-25\t", Session),
        ("2026-07-28", Stateless),
        ("2024-11-05", Stateless),
        ("2027-01-01", Stateless),
        ("", Stateless),
        ("é", Stateless),
    ];
    for (version, era) in table {
        for body in [PLAIN, INITIALIZE, MODERN, MODERN_INITIALIZE, RESPONSE] {
            let headers = headers(&[("mcp-protocol-version", version), SESSION_ID]);
            assert_eq!(era_of(&headers, Some(&message(body))), *era, "{version} {body}");
            assert_eq!(era_of(&headers, None), *era, "{version}");
        }
    }
    let twice = headers(&[
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", "2025-11-25"),
    ]);
    assert_eq!(era_of(&twice, Some(&message(INITIALIZE))), Stateless);
}

#[test]
fn without_a_version_header_the_message_decides_then_the_session() {
    let without = headers(&[]);
    let with = headers(&[SESSION_ID]);
    for (body, era, era_in_session) in [
        (PLAIN, Stateless, Session),
        (INITIALIZE, Session, Session),
        (MODERN, Stateless, Stateless),
        (MODERN_INITIALIZE, Stateless, Stateless),
        (INITIALIZE_NOTICE, Stateless, Session),
        (RESPONSE, Stateless, Session),
    ] {
        let message = message(body);
        assert_eq!(era_of(&without, Some(&message)), era, "{body}");
        assert_eq!(era_of(&with, Some(&message)), era_in_session, "{body}");
    }
    assert_eq!(era_of(&without, None), Stateless);
    assert_eq!(era_of(&with, None), Session);
}

#[test]
fn versions_have_names_and_an_order() {
    for version in SessionVersion::ALL {
        assert_eq!(SessionVersion::parse(version.as_str()), Some(version));
        assert_eq!(version.to_string(), version.as_str());
        assert!(version <= SessionVersion::LATEST);
    }
    assert!(SessionVersion::ALL.is_sorted());
    assert_eq!(
        SessionVersion::ALL.map(SessionVersion::has_header),
        [false, true, true]
    );
    for name in ["2026-07-28", "2024-11-05", "2025-11-25 ", ""] {
        assert_eq!(SessionVersion::parse(name), None, "{name}");
    }
    assert_eq!(versions(true, true).first(), Some(&"2026-07-28"));
    assert_eq!(versions(true, true)[1..], versions(false, true));
    assert_eq!(versions(true, false), ["2026-07-28"]);
}
