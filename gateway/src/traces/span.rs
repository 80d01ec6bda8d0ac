//! What spans say: the semantic conventions of OpenTelemetry for MCP. Never arguments, results, tokens or session ids.

use std::time::SystemTime;

use onedoor_model::audit::Outcome;
use onedoor_wire::trace::{SpanId, TraceContext};
use opentelemetry::{
    InstrumentationScope, KeyValue, Value,
    trace::{SpanContext, SpanId as OtelSpanId, SpanKind, Status, TraceFlags, TraceId, TraceState},
};
use opentelemetry_sdk::trace::{IdGenerator as _, RandomIdGenerator, SpanData, SpanEvents, SpanLinks};
use url::Url;

use crate::metrics::outcome_labels;

/// What a request asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct About<'a> {
    /// MCP method; of a plain HTTP tool its HTTP method.
    pub(crate) method: &'a str,
    /// Revision of MCP; none for plain HTTP tools.
    pub(crate) protocol: Option<&'a str>,
    /// JSON-RPC id, as it came.
    pub(crate) id: Option<&'a str>,
    /// Slug of the server.
    pub(crate) server: Option<&'a str>,
    /// Tool, by its own name.
    pub(crate) tool: Option<&'a str>,
}

/// A request, as its spans tell it.
pub(super) struct Request {
    name: String,
    trace: TraceId,
    flags: TraceFlags,
    state: TraceState,
    /// The span that the upstream knows as its parent.
    own: OtelSpanId,
    client: Option<OtelSpanId>,
    arrived: SystemTime,
    attributes: Vec<KeyValue>,
    pub(super) leg: Option<Leg>,
}

/// The request's way to the upstream.
pub(super) struct Leg {
    sent: SystemTime,
    address: Vec<KeyValue>,
}

impl Request {
    pub(super) fn new(
        context: &TraceContext,
        client: Option<SpanId>,
        arrived: SystemTime,
        about: About<'_>,
    ) -> Self {
        let state = context
            .state
            .as_ref()
            .and_then(|state| state.as_str().parse().ok());
        Self {
            name: about.tool.map_or_else(
                || about.method.to_owned(),
                |tool| format!("{} {tool}", about.method),
            ),
            trace: TraceId::from_bytes(*context.parent.trace().as_bytes()),
            flags: TraceFlags::SAMPLED,
            state: state.unwrap_or_default(),
            own: otel(context.parent.span()),
            client: client.map(otel),
            arrived,
            attributes: about.attributes(),
            leg: None,
        }
    }

    /// The spans, now that the request has ended.
    ///
    /// The upstream was told of one span as its parent: where the request went upstream that is the one of the leg, whose own parent is
    /// the request's; else it is the request's.
    pub(super) fn into_spans(
        mut self,
        failure: Option<&'static str>,
        code: Option<i64>,
        ended: SystemTime,
    ) -> Vec<SpanData> {
        self.attributes
            .extend(failure.map(|kind| KeyValue::new("error.type", kind)));
        let status = failure.map_or(Status::Unset, |kind| Status::Error {
            description: kind.into(),
        });
        let code = code.map(|code| KeyValue::new("rpc.response.status_code", code.to_string()));
        let leg = self.leg.take();
        let server = match leg {
            Some(_) => RandomIdGenerator::default().new_span_id(),
            None => self.own,
        };
        let leg = leg.map(|leg| SpanData {
            start_time: leg.sent,
            attributes: self.attributes.iter().cloned().chain(leg.address).collect(),
            parent_span_id: server,
            ..self.span(self.own, SpanKind::Client, &status, ended)
        });
        let request = SpanData {
            attributes: self.attributes.iter().cloned().chain(code).collect(),
            parent_span_id: self.client.unwrap_or(OtelSpanId::INVALID),
            parent_span_is_remote: self.client.is_some(),
            ..self.span(server, SpanKind::Server, &status, ended)
        };
        leg.into_iter().chain([request]).collect()
    }

    fn span(&self, id: OtelSpanId, kind: SpanKind, status: &Status, ended: SystemTime) -> SpanData {
        SpanData {
            span_context: SpanContext::new(self.trace, id, self.flags, false, self.state.clone()),
            parent_span_id: OtelSpanId::INVALID,
            parent_span_is_remote: false,
            span_kind: kind,
            name: self.name.clone().into(),
            start_time: self.arrived,
            end_time: ended,
            attributes: Vec::new(),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: status.clone(),
            instrumentation_scope: InstrumentationScope::builder("onedoor")
                .with_version(env!("CARGO_PKG_VERSION"))
                .build(),
        }
    }
}

impl About<'_> {
    fn attributes(&self) -> Vec<KeyValue> {
        let text = |key, value: Option<&str>| Some(KeyValue::new(key, value?.to_owned()));
        let method = match self.protocol {
            Some(_) => "mcp.method.name",
            None => "http.request.method",
        };
        let operation = self.tool.map(|_| "execute_tool");
        [
            text(method, Some(self.method)),
            text("mcp.protocol.version", self.protocol),
            text("jsonrpc.request.id", self.id.map(|id| id.trim_matches('"'))),
            text("gen_ai.operation.name", operation),
            text("gen_ai.tool.name", self.tool),
            text("onedoor.server", self.server),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Leg {
    pub(super) fn new(to: &Url, sent: SystemTime) -> Self {
        let host = to
            .host_str()
            .map(|host| KeyValue::new("server.address", host.to_owned()));
        let port = to.port_or_known_default().map(i64::from);
        let port = port.map(|port| KeyValue::new("server.port", Value::I64(port)));
        Self {
            sent,
            address: host.into_iter().chain(port).collect(),
        }
    }
}

/// The `error.type` of an outcome: its cause, where it has one.
pub(super) fn failure_of(outcome: &Outcome) -> Option<&'static str> {
    match (outcome, outcome_labels(outcome)) {
        (Outcome::Succeeded, _) => None,
        (_, (name, "")) => Some(name),
        (_, (_, cause)) => Some(cause),
    }
}

fn otel(span: SpanId) -> OtelSpanId {
    OtelSpanId::from_bytes(*span.as_bytes())
}
