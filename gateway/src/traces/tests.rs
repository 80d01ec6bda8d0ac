use axum::{Router, body::Bytes, extract::State, http::HeaderMap, routing::post};
use onedoor_connect::Roots;
use onedoor_model::audit::{CancelCause, UpstreamFault};
use onedoor_wire::trace::TraceParent;
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use prost::Message as _;
use tokio::{net::TcpListener, sync::mpsc};

use super::*;

const CLIENT: &str = "00-0102030405060708090a0b0c0d0e0f10-1112131415161718-01";
const CALL: About<'static> = About {
    method: "tools/call",
    protocol: Some("2026-07-28"),
    id: Some("\"req-7\""),
    server: Some("finance"),
    tool: Some("read"),
};

/// A collector, and what it was sent.
struct Collector {
    traces: Traces,
    received: mpsc::Receiver<ExportTraceServiceRequest>,
}

async fn receive(
    State(received): State<mpsc::Sender<ExportTraceServiceRequest>>,
    headers: HeaderMap,
    body: Bytes,
) -> Vec<u8> {
    assert_eq!(headers["content-type"], "application/x-protobuf");
    let request = ExportTraceServiceRequest::decode(body).unwrap();
    received.send(request).await.unwrap();
    Vec::new()
}

impl Collector {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, received) = mpsc::channel(16);
        let router = Router::new()
            .route("/v1/traces", post(receive))
            .with_state(sender);
        tokio::spawn(async move { axum::serve(listener, router).await });
        let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
        let traces = Traces::to(Some(&format!("http://{address}/v1/traces")), connector).unwrap();
        Self { traces, received }
    }

    /// All spans, by name of their kind, once everything was flushed.
    async fn spans(mut self) -> Vec<Span> {
        self.traces.flush().await;
        drop(self.traces);
        let request = tokio::time::timeout(Duration::from_secs(5), self.received.recv()).await;
        let request = request.unwrap().unwrap();
        let [resource] = request.resource_spans.as_slice() else {
            panic!("{request:?}");
        };
        let service = text(&resource.resource.as_ref().unwrap().attributes, "service.name");
        assert_eq!(service.as_deref(), Some("onedoor"));
        resource
            .scope_spans
            .iter()
            .flat_map(|scope| scope.spans.clone())
            .collect()
    }
}

/// The position of a client, as its `traceparent` tells it.
fn client(traceparent: &str) -> TraceContext {
    TraceContext {
        parent: TraceParent::parse(traceparent).unwrap(),
        state: None,
    }
}

fn begin(traces: &Traces, client: Option<TraceContext>, about: About<'_>) -> Traced {
    traces.begin(client, Instant::now(), about).unwrap()
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    let attribute = attributes.iter().find(|attribute| attribute.key == key)?;
    let value = attribute.value.as_ref()?.value.as_ref()?;
    if let any_value::Value::IntValue(number) = value {
        return Some(number.to_string());
    }
    let any_value::Value::StringValue(text) = value else {
        panic!("{value:?}");
    };
    Some(text.clone())
}

fn of_kind(spans: &[Span], kind: SpanKind) -> &Span {
    spans.iter().find(|span| span.kind() == kind).unwrap()
}

#[tokio::test]
async fn a_call_is_two_spans_between_the_client_s_and_the_upstream_s() {
    let collector = Collector::start().await;
    let client = client(CLIENT);
    let traced = begin(&collector.traces, Some(client.clone()), CALL);
    let sent = traced.parent;
    let call = traced.span();
    drop(traced);
    call.dispatched(&"https://tools.example/mcp".parse().unwrap());
    call.ended(&Outcome::UpstreamError(UpstreamFault::Protocol));

    let spans = collector.spans().await;
    let (request, leg) = (
        of_kind(&spans, SpanKind::Server),
        of_kind(&spans, SpanKind::Client),
    );
    assert_eq!(spans.len(), 2);
    assert_eq!(leg.span_id, sent.span().as_bytes(), "what the upstream was told");
    assert_eq!(leg.parent_span_id, request.span_id);
    assert_eq!(request.parent_span_id, client.parent.span().as_bytes());
    for span in [request, leg] {
        assert_eq!(span.trace_id, client.parent.trace().as_bytes());
        assert_eq!(span.name, "tools/call read");
        assert_eq!(span.status.as_ref().unwrap().code(), StatusCode::Error);
        for (key, value) in [
            ("mcp.method.name", "tools/call"),
            ("mcp.protocol.version", "2026-07-28"),
            ("jsonrpc.request.id", "req-7"),
            ("gen_ai.operation.name", "execute_tool"),
            ("gen_ai.tool.name", "read"),
            ("onedoor.server", "finance"),
            ("error.type", "protocol"),
        ] {
            assert_eq!(text(&span.attributes, key).as_deref(), Some(value), "{key}");
        }
    }
    let of_leg = |key| text(&leg.attributes, key);
    assert_eq!(of_leg("server.address").as_deref(), Some("tools.example"));
    assert_eq!(of_leg("server.port").as_deref(), Some("443"));
    assert_eq!(text(&request.attributes, "server.address"), None);
    assert!(request.start_time_unix_nano <= leg.start_time_unix_nano);
}

#[tokio::test]
async fn a_refused_request_is_one_span_with_the_code_that_was_told() {
    let collector = Collector::start().await;
    let traced = begin(&collector.traces, Some(client(CLIENT)), CALL);
    let own = traced.parent.span();
    traced.refused(Reason::Overloaded);
    drop(traced);

    let spans = collector.spans().await;
    let [span] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(span.span_id, own.as_bytes(), "as in the audit");
    assert_eq!(
        text(&span.attributes, "error.type").as_deref(),
        Some("overloaded")
    );
    let code = text(&span.attributes, "rpc.response.status_code");
    assert_eq!(code.as_deref(), Some("5029"));
}

#[tokio::test]
async fn each_request_is_told_once_whatever_becomes_of_it() {
    let collector = Collector::start().await;
    let list = About {
        method: "tools/list",
        tool: None,
        ..CALL
    };
    drop(begin(&collector.traces, None, list));
    let call = begin(&collector.traces, None, CALL);
    let span = call.span();
    span.ended(&Outcome::Cancelled(CancelCause::Client));
    call.refused(Reason::Internal);
    drop((call, span));

    let spans = collector.spans().await;
    let [answered, cancelled] = spans.as_slice() else {
        panic!("{spans:?}")
    };
    assert_eq!(answered.name, "tools/list");
    let status = answered.status.clone().unwrap_or_default();
    assert_eq!(status.code(), StatusCode::Unset);
    assert_eq!(text(&answered.attributes, "gen_ai.operation.name"), None);
    assert!(answered.parent_span_id.is_empty(), "a trace of our own");
    assert_eq!(
        text(&cancelled.attributes, "error.type").as_deref(),
        Some("client")
    );
}

#[tokio::test]
async fn what_the_client_does_not_sample_is_not_exported() {
    let collector = Collector::start().await;
    for client in [client(&CLIENT.replace("-01", "-00")), client(CLIENT)] {
        drop(begin(&collector.traces, Some(client), CALL));
    }
    assert_eq!(collector.spans().await.len(), 1);
}

#[tokio::test]
async fn switched_off_a_request_has_its_position_and_no_span() {
    let traces = Traces::default();
    let traced = begin(&traces, Some(client(CLIENT)), CALL);
    assert_eq!(traced.parent.trace(), client(CLIENT).parent.trace());
    assert_ne!(traced.parent.span(), client(CLIENT).parent.span());
    assert!(traced.span.0.is_none());
    traces.flush().await;
}

#[tokio::test]
async fn a_collector_that_is_not_there_makes_nobody_wait() {
    let connector = Connector::new(Roots::Given(Vec::new())).unwrap();
    let traces = Traces::to(Some("http://127.0.0.1:9/v1/traces"), connector).unwrap();
    let begun = Instant::now();
    for _ in 0..10_000 {
        begin(&traces, None, CALL).span().ended(&Outcome::Succeeded);
    }
    assert!(begun.elapsed() < Duration::from_secs(5));
    traces.flush().await;
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "nor the drain, for long"
    );
}
