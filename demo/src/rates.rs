//! The `rates` demonstration service: plain HTTP, no MCP. Exchange rates of an imaginary bank, whole and as streams.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router, middleware};
use futures_util::{StreamExt as _, stream};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::bounded::Bounded;
use crate::currency::{Currency, Rounding, convert, rate};
use crate::server::{ActedFor, DemoServerConfig, HEALTH_PATH};
use crate::token_b::{Caller, Verifier, require_token_b};
use crate::work::PauseMs;

/// Slug at the gateway.
pub const SLUG: &str = "rates";
/// The `aud` of its Token B.
pub const AUDIENCE: &str = "api://rates";
/// The scope its Token B must have.
pub const REQUIRED_SCOPE: &str = "rates.read";
/// Where its paths begin.
pub const BASE_PATH: &str = "/v1";

/// The longest line of an order, in bytes.
const MAX_LINE: usize = 1_024;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Rates {
    base: Currency,
    /// Units for one unit of `base`, by currency.
    rates: BTreeMap<&'static str, f64>,
    acted_for: ActedFor,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Watch {
    #[serde(default = "Quotes::constant::<5>")]
    quotes: Quotes,
    #[serde(default = "PauseMs::constant::<200>")]
    pause_ms: PauseMs,
}

type Quotes = Bounded<1, 1_000>;

/// The service, to serve at a loopback address.
pub fn router(config: DemoServerConfig) -> Router {
    let issuer = &config.gateway_issuer;
    let verifier = Verifier::new(issuer, config.gateway_jwks_url, AUDIENCE, REQUIRED_SCOPE);
    let paths = Router::new()
        .route("/latest/{currency}", get(latest))
        .route("/quotes", get(quotes))
        .route("/conversions", post(conversions))
        .with_state(config.shutdown);
    Router::new()
        .nest(BASE_PATH, paths)
        .layer(middleware::from_fn_with_state(
            Arc::new(verifier),
            require_token_b,
        ))
        .route(HEALTH_PATH, get(async || Json(json!({ "status": "ok" }))))
}

/// Its tools, as its manifest declares them.
#[must_use]
pub fn tools() -> Vec<Value> {
    let codes = Currency::ALL.map(Currency::code);
    let tool = |name: &str, title: &str, description: &str, route: [&str; 2], input: Value| {
        json!({
            "name": name, "title": title, "description": description, "inputSchema": input,
            "annotations": { "readOnlyHint": true, "openWorldHint": false },
            "http": { "method": route[0], "path": route[1] },
        })
    };
    vec![
        tool(
            "get_rates",
            "Exchange rates",
            "What one unit of a currency buys of the others.",
            ["GET", "/latest/{currency}"],
            json!({ "type": "object", "properties": { "currency": { "enum": codes } }, "required": ["currency"] }),
        ),
        tool(
            "watch_rates",
            "Exchange rates as they come",
            "A stream of quotes, one line of JSON each.",
            ["GET", "/quotes"],
            json!({ "type": "object", "properties": {
                "quotes": { "type": "integer", "minimum": 1, "maximum": 1_000, "description": "Query parameter: how many" },
                "pauseMs": { "type": "integer", "description": "Query parameter: milliseconds before each" },
            }}),
        ),
        tool(
            "convert_lines",
            "Currency conversion, line by line",
            "Takes lines such as `10000 EUR USD`, cents and two currencies, and answers each as it comes.",
            ["POST", "/conversions"],
            json!({ "type": "object", "description": "The body is plain text." }),
        ),
    ]
}

async fn latest(Extension(caller): Extension<Caller>, Path(code): Path<String>) -> Response {
    let Some(base) = Currency::named(&code) else {
        let codes = Currency::ALL.map(Currency::code);
        let error = Json(json!({ "error": "no such currency", "known": codes }));
        return (StatusCode::NOT_FOUND, error).into_response();
    };
    Json(Rates {
        base,
        rates: Currency::ALL
            .map(|other| (other.code(), rate(base, other)))
            .into(),
        acted_for: caller.into(),
    })
    .into_response()
}

async fn quotes(State(shutdown): State<CancellationToken>, Query(watch): Query<Watch>) -> Response {
    let pause = Duration::from_millis(watch.pause_ms.get());
    let lines = stream::iter(1..=watch.quotes.get()).then(move |number| async move {
        tokio::time::sleep(pause).await;
        Ok::<_, Infallible>(quote(number))
    });
    let body = Body::from_stream(lines.take_until(shutdown.cancelled_owned()));
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// What a euro buys in dollars, a little other each time.
fn quote(number: u64) -> String {
    let steps = [0.0, 0.001, 0.002, 0.001];
    let step = steps[usize::try_from(number).unwrap_or_default() % steps.len()];
    let rate = ((rate(Currency::Eur, Currency::Usd) + step) * 1_000.0).round() / 1_000.0;
    format!(
        "{}\n",
        json!({ "quote": number, "pair": "EUR/USD", "rate": rate })
    )
}

/// Answers each line as soon as it is there, while others are still to come.
async fn conversions(body: Body) -> Response {
    let begun = (body.into_data_stream(), Some(Vec::new()));
    let answers = stream::unfold(begun, async |(mut body, line)| {
        let mut line: Vec<u8> = line?;
        loop {
            match body.next().await {
                Some(Ok(bytes)) => line.extend_from_slice(&bytes),
                Some(Err(error)) => return Some((Err(error), (body, None))),
                None if line.is_empty() => return None,
                None => return Some((Ok(converted(&line)), (body, None))),
            }
            if let Some(end) = line.iter().rposition(|byte| *byte == b'\n') {
                let rest = line.split_off(end + 1);
                return Some((Ok(converted(&line)), (body, Some(rest))));
            }
            if line.len() > MAX_LINE {
                let refused = Bytes::from_static(b"error: the line is too long\n");
                return Some((Ok(refused), (body, None)));
            }
        }
    });
    let content_type = [(header::CONTENT_TYPE, "text/plain; charset=utf-8")];
    (content_type, Body::from_stream(answers)).into_response()
}

fn converted(lines: &[u8]) -> Bytes {
    let lines = String::from_utf8_lossy(lines);
    lines
        .lines()
        .map(|line| answer(line).unwrap_or_else(|| "error: write cents and two currencies\n".to_owned()))
        .collect::<String>()
        .into()
}

fn answer(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let (cents, from, to) = (words.next()?, words.next()?, words.next()?);
    let (from, to) = (Currency::named(from)?, Currency::named(to)?);
    let cents = convert(cents.parse().ok()?, from, to, Rounding::HalfUp);
    words.next().is_none().then(|| format!("{cents} {}\n", to.code()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_answered_one_by_one() {
        for (lines, answers) in [
            ("10000 EUR USD\n", "10850 USD\n"),
            ("1 EUR EUR\n2 CHF CHF", "1 EUR\n2 CHF\n"),
            (
                "x EUR USD\n1 EUR XXX\n1 EUR\n1 EUR USD GBP\n",
                &"error: write cents and two currencies\n".repeat(4),
            ),
        ] {
            assert_eq!(converted(lines.as_bytes()), answers.as_bytes());
        }
    }
}
