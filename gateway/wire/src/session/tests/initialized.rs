use crate::{
    answer::AnswerFault,
    request::RequestId,
    session::{Initialized, ServerCapabilities, SessionVersion, read_initialized},
};

fn read(message: &str) -> Result<Option<Initialized<'_>>, AnswerFault> {
    read_initialized(message.as_bytes(), RequestId::parse("0").unwrap())
}

fn with_result(result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":0,"result":{result}}}"#)
}

#[test]
fn a_captured_answer_is_read() {
    let message = with_result(
        r#"{"capabilities":{"experimental":{},"prompts":{"listChanged":false},"tools":{"listChanged":false}},"protocolVersion":"2025-11-25","serverInfo":{"name":"mini23","version":"1.0"}}"#,
    );
    assert_eq!(
        read(&message),
        Ok(Some(Initialized::Result {
            version: SessionVersion::V2025_11_25,
            capabilities: ServerCapabilities {
                tools: true,
                logging: false
            },
        }))
    );
}

#[test]
fn capabilities_are_objects() {
    for (capabilities, tools, logging) in [
        ("{}", false, false),
        (r#"{"logging":{},"tools":true}"#, false, true),
        (r#"{"logging":null,"tools":{}}"#, true, false),
    ] {
        let message = with_result(&format!(
            r#"{{"protocolVersion":"2025-06-18","capabilities":{capabilities}}}"#
        ));
        let expected = Initialized::Result {
            version: SessionVersion::V2025_06_18,
            capabilities: ServerCapabilities { tools, logging },
        };
        assert_eq!(read(&message), Ok(Some(expected)), "{capabilities}");
    }
}

#[test]
fn an_error_is_read() {
    let message = r#"{"jsonrpc":"2.0","id":0,"error":{"code":-32602,"message":"no"}}"#;
    let expected = Initialized::Error {
        code: -32602,
        message: "no".into(),
    };
    assert_eq!(read(message), Ok(Some(expected)));
}

#[test]
fn what_comes_before_the_answer_is_left_alone() {
    for message in [
        r#"{"jsonrpc":"2.0","id":0,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#,
    ] {
        assert_eq!(read(message), Ok(None));
    }
}

#[test]
fn everything_else_is_a_fault() {
    use AnswerFault::*;
    for (result, fault) in [
        (r#"{"capabilities":{}}"#, Member("protocolVersion")),
        (
            r#"{"capabilities":{},"protocolVersion":1}"#,
            Member("protocolVersion"),
        ),
        (r#"{"protocolVersion":"2025-11-25"}"#, Member("capabilities")),
        (
            r#"{"protocolVersion":"2025-11-25","capabilities":[]}"#,
            Member("capabilities"),
        ),
        (
            r#"{"protocolVersion":"2024-11-05","capabilities":{}}"#,
            UnsupportedVersion,
        ),
        (
            r#"{"protocolVersion":"2026-07-28","capabilities":{}}"#,
            UnsupportedVersion,
        ),
        (
            r#"{"protocolVersion":"2025-11-25","ProtocolVersion":"2024-11-05","capabilities":{}}"#,
            LookAlikeKey("protocolVersion"),
        ),
        (
            r#"{"protocolVersion":"2025-11-25","capabilities":{"Tools":{}}}"#,
            LookAlikeKey("tools"),
        ),
        ("[]", Member("result")),
    ] {
        assert_eq!(read(&with_result(result)), Err(fault), "{result}");
    }
    let foreign = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert_eq!(read(foreign), Err(ForeignId));
    assert!(matches!(read("{"), Err(Json(_))));
}
