//! What reading one 16 KB `tools/call` costs: `cargo run --release -p onedoor-wire --example read_request`.

use std::{
    hint::black_box,
    io::Write,
    time::{Duration, Instant},
};

use onedoor_wire::request::{Limits, read_request};

const ROUNDS: usize = 2_000;

fn main() -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    for (name, arguments) in [("rows", rows()), ("one text", one_text()), ("numbers", numbers())] {
        let body = call(&arguments);
        let ours = best_of(|| read_request(black_box(body.as_bytes()), Limits::default()).is_ok());
        let serde =
            best_of(|| serde_json::from_slice::<serde_json::Value>(black_box(body.as_bytes())).is_ok());
        let (ours, serde) = (ours.as_nanos(), serde.as_nanos());
        writeln!(
            out,
            "{name:9} {} bytes: read_request {ours} ns; serde_json::Value {serde} ns",
            body.len()
        )?;
    }
    Ok(())
}

/// The quickest of many runs: what the work costs without what else the machine does.
fn best_of(mut work: impl FnMut() -> bool) -> Duration {
    (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .min()
        .unwrap_or_default()
}

fn call(arguments: &str) -> String {
    format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"report","arguments":{arguments},"_meta":{{"io.modelcontextprotocol/protocolVersion":"2026-07-28","io.modelcontextprotocol/clientInfo":{{"name":"bench","version":"1"}},"io.modelcontextprotocol/clientCapabilities":{{}},"progressToken":4,"traceparent":"00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01"}}}}}}"#
    )
}

fn rows() -> String {
    let row = |index: usize| {
        format!(
            r#"{{"account":"DE-{index:06}","holder":"Erika \"E.\" Mustermann","balance":{index}.25,"open":true,"note":null}}"#
        )
    };
    let rows: Vec<_> = (0..160).map(row).collect();
    format!(r#"{{"rows":[{}]}}"#, rows.join(","))
}

fn one_text() -> String {
    format!(r#"{{"text":"{}"}}"#, "Lorem ipsum dolor sit amet, ".repeat(570))
}

fn numbers() -> String {
    let numbers: Vec<_> = (0..2_900).map(|index: u32| (index * 7).to_string()).collect();
    format!(r#"{{"values":[{}]}}"#, numbers.join(","))
}
