//! Who called what: as a table, as JSON, as CSV.

use serde_json::{Value, json};

use super::{
    onedoor,
    stub::{Reply, Stub},
};

const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";

fn call(tool: &str, user_name: &str) -> Value {
    json!({"time": "2026-11-24T07:00:00.123Z", "call": "0193a5c4-7b1e-7000-8000-00000000000a", "outcome": "not_dispatched",
        "cause": "revoked", "operation": "tools/call", "server": "finance", "serverId": "01", "version": 2, "stage": "production",
        "tool": tool, "issuer": "demo", "tenant": "t", "user": "1a6d", "userName": user_name, "client": "7d30", "tokenId": "k1",
        "traceId": TRACE, "requiredScope": "finance.call", "audience": "api://finance", "grants": ["g1", "g2"], "revision": 12,
        "durationMs": 12.3456, "argumentsSize": 17})
}

fn page(calls: &[Value], next: Option<&str>) -> Reply {
    let mut page = json!({"calls": calls});
    if let Some(next) = next {
        page["nextCursor"] = next.into();
    }
    Reply::json(200, &page)
}

#[tokio::test]
async fn a_table_says_who_called_what_and_how_it_ended() {
    let mut denied = json!({"time": "2026-11-24T06:59:00.000Z", "call": "b", "outcome": "denied", "operation": "tools/list",
        "issuer": "demo", "tenant": "t", "client": "a4f1", "tokenId": "k", "grants": [], "revision": 12});
    denied["cause"] = "no_grant".into();
    let mut late = call("convert", "Ana Lyst");
    late["outcome"] = "cancelled".into();
    late["late"] = "stale".into();
    let stub = Stub::new([page(&[late, denied], None)]).await;
    let filters = [
        "--server",
        "finance",
        "--tool",
        "convert",
        "--user",
        "Ana Lyst",
        "--client",
        "7d30",
        "--outcome",
        "denied",
        "--since",
        "7d",
        "--until",
        "2026-11-24T08:00:00+01:00",
        "--url",
        &stub.url,
    ];
    let ran = onedoor(&[&["audit", "calls"], filters.as_slice()].concat()).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        ran.out,
        format!(
            "TIME                      USER             CLIENT  SERVER   TOOL          OUTCOME                               MS    TRACE\n\
             2026-11-24T07:00:00.123Z  Ana Lyst (1a6d)  7d30    finance  convert       cancelled: revoked, sent late: stale  12.3  {TRACE}\n\
             2026-11-24T06:59:00.000Z  -                a4f1    -        (tools/list)  denied: no_grant                      -     -\n"
        )
    );
    assert_eq!(
        stub.asked(),
        [
            "GET /api/v1/audit/calls?server=finance&tool=convert&user=Ana+Lyst&client=7d30&outcome=denied&since=7d\
          &until=2026-11-24T08%3A00%3A00%2B01%3A00"
        ]
    );
}

#[tokio::test]
async fn names_cannot_rewrite_the_screen() {
    let evil = call(
        "\u{1b}[2J\u{1b}[1;1Hpay\n2026 fake line",
        "\u{202e}nimdA\u{9b}31m",
    );
    for format in ["table", "csv", "json"] {
        let stub = Stub::new([page(std::slice::from_ref(&evil), None)]).await;
        let ran = onedoor(&["audit", "calls", "--format", format, "--url", &stub.url]).await;
        let active = |c: char| (c.is_control() && !matches!(c, '\n' | '\r')) || c == '\u{202e}';
        assert!(!ran.out.contains(active), "{format}: {:?}", ran.out);
        assert!(
            !ran.out.lines().any(|line| line.starts_with("2026 fake")),
            "{format}: {:?}",
            ran.out
        );
        if format == "json" {
            assert_eq!(
                serde_json::from_str::<Value>(&ran.out).unwrap()["calls"][0],
                evil,
                "escaped, yet the same"
            );
        }
    }
}

#[tokio::test]
async fn csv_holds_every_field_and_no_formula() {
    let calls = [
        call("=HYPERLINK(\"http://evil\",\"x\")", "Lyst, \"Ana\""),
        call("a", "@SUM(1)"),
    ];
    let stub = Stub::new([page(&calls, None)]).await;
    let ran = onedoor(&["audit", "calls", "--format", "csv", "--url", &stub.url]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.out.ends_with("\r\n") && ran.out.matches("\r\n").count() == 3,
        "{:?}",
        ran.out
    );
    let mut reader = csv::Reader::from_reader(ran.out.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let field = |record: usize, name: &str| {
        records[record][headers.iter().position(|header| header == name).unwrap()].to_owned()
    };
    assert_eq!(field(0, "tool"), "'=HYPERLINK(\"http://evil\",\"x\")");
    assert_eq!(field(0, "userName"), "Lyst, \"Ana\"");
    assert_eq!(field(1, "userName"), "'@SUM(1)");
    assert_eq!(
        (field(0, "grants"), field(0, "durationMs"), field(0, "ended")),
        ("g1 g2".into(), "12.3456".into(), String::new())
    );
    for member in calls[0].as_object().unwrap().keys() {
        assert!(
            headers.iter().any(|header| header == member),
            "{member} has a column"
        );
    }
}

#[tokio::test]
async fn no_more_than_asked_for_is_shown() {
    let two = || [call("a", "x"), call("b", "x")];
    let stub = Stub::new([page(&two(), Some("next")), page(&two(), Some("last"))]).await;
    let ran = onedoor(&[
        "audit", "calls", "--limit", "3", "--format", "csv", "--url", &stub.url,
    ])
    .await;
    assert_eq!(ran.out.lines().count(), 1 + 3, "{ran:?}");
    assert!(ran.err.contains("more calls match"), "{ran:?}");
    assert_eq!(
        stub.asked(),
        ["GET /api/v1/audit/calls", "GET /api/v1/audit/calls?cursor=next"]
    );

    let stub = Stub::new([page(&two(), Some("next")), page(&two(), None)]).await;
    let ran = onedoor(&["audit", "calls", "--all", "--format", "json", "--url", &stub.url]).await;
    let shown: Value = serde_json::from_str(&ran.out).unwrap();
    assert_eq!(
        (shown["calls"].as_array().unwrap().len(), ran.err.as_str()),
        (4, "")
    );

    let stub = Stub::new([page(&two(), None)]).await;
    let ran = onedoor(&["audit", "calls", "--limit", "2", "--url", &stub.url]).await;
    assert_eq!(
        (ran.out.lines().count(), ran.err.as_str()),
        (3, ""),
        "all of them is not cut off"
    );

    let stub = Stub::new([page(&two(), None)]).await;
    let ran = onedoor(&["audit", "calls", "--limit", "1", "--url", &stub.url]).await;
    assert_eq!(ran.out.lines().count(), 2, "{ran:?}");
    assert!(
        ran.err.contains("more calls match"),
        "cut within the last page: {ran:?}"
    );
}
