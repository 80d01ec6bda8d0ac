//! Sending spans: OTLP over HTTP, in protobuf, by the one connector.

use std::{
    env,
    net::{Ipv4Addr, Ipv6Addr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use http_body_util::{BodyExt as _, Limited};
use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use onedoor_connect::{AddressPolicy, BoxError, Connector, Destination, Instant, RequestBody, SendError};
use opentelemetry::KeyValue;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::{
    Resource,
    resource::{EnvResourceDetector, TelemetryResourceDetector},
    trace::{BatchSpanProcessor, SpanProcessor as _},
};
use tokio::{runtime::Handle, time::timeout_at};
use url::Url;

/// How long one export may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A collector's answer, in bytes, at most.
const ANSWER_BYTES: usize = 1 << 20;

/// A collector is where the operator says: beside the door more often than not.
const ANYWHERE: [IpNet; 2] = [
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::UNSPECIFIED, 0)),
    IpNet::V6(Ipv6Net::new_assert(Ipv6Addr::UNSPECIFIED, 0)),
];

/// Spans are to be exported, but cannot be. The operator's fault.
#[derive(Debug, thiserror::Error)]
#[error("traces cannot be exported as the environment says (OTEL_EXPORTER_OTLP_…)")]
pub struct TracesUnusable(#[from] ExporterBuildError);

/// Whether the environment names a collector.
pub(super) fn is_configured() -> bool {
    let is = |name, wanted: &str| env::var(name).is_ok_and(|value| value.eq_ignore_ascii_case(wanted));
    let is_given = |name| env::var(name).is_ok_and(|value| !value.is_empty());
    let is_off = is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none");
    let endpoints = [
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        "OTEL_EXPORTER_OTLP_ENDPOINT",
    ];
    !is_off && endpoints.into_iter().any(is_given)
}

/// Takes spans and sends them in batches from a thread of its own. Its queue is bounded (`OTEL_BSP_MAX_QUEUE_SIZE`): what does not fit
/// is dropped.
pub(super) fn processor(
    endpoint: Option<&str>,
    connector: Connector,
) -> Result<BatchSpanProcessor, TracesUnusable> {
    let client = Client {
        connector,
        runtime: Handle::current(),
        failing: AtomicBool::new(false),
    };
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_http_client(client);
    let exporter = match endpoint {
        Some(endpoint) => exporter.with_endpoint(endpoint),
        None => exporter,
    };
    let mut processor = BatchSpanProcessor::builder(exporter.build()?).build();
    processor.set_resource(&resource());
    Ok(processor)
}

/// What the spans come from: what the environment says, else `onedoor`.
fn resource() -> Resource {
    let resource = Resource::builder_empty()
        .with_service_name("onedoor")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .with_detector(Box::new(TelemetryResourceDetector))
        .with_detector(Box::new(EnvResourceDetector::new()));
    match env::var("OTEL_SERVICE_NAME") {
        Ok(name) if !name.is_empty() => resource.with_service_name(name),
        Ok(_) | Err(_) => resource,
    }
    .build()
}

/// Posts to the collector. The exporter's thread has no runtime, so requests are made on the door's.
#[derive(Debug)]
struct Client {
    connector: Connector,
    runtime: Handle,
    /// Whether the last export failed: only changes are logged.
    failing: AtomicBool,
}

#[async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let exchange = post(self.connector.clone(), request);
        let answer = match self.runtime.spawn(exchange).await {
            Ok(answer) => answer,
            Err(stopped) => Err(stopped.into()),
        };
        self.tell(&answer);
        answer
    }
}

impl Client {
    fn tell(&self, answer: &Result<Response<Bytes>, HttpError>) {
        let failure = match answer {
            Ok(answer) if answer.status().is_success() => None,
            Ok(answer) => Some(format!("status {}", answer.status())),
            Err(error) => Some(chain(&**error)),
        };
        let was_failing = self.failing.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(error) if !was_failing => tracing::warn!(error, "the collector does not take traces"),
            None if was_failing => tracing::info!("the collector takes traces again"),
            Some(_) | None => {}
        }
    }
}

async fn post(connector: Connector, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
    let until = Instant::now() + PATIENCE;
    let url = Url::parse(&request.uri().to_string())?;
    let destination = Arc::new(Destination::of(&url)?);
    let (mut parts, body) = request.into_parts();
    parts.uri = url.path().parse()?;
    let lease = connector
        .connect(&destination, AddressPolicy::allowing(&ANYWHERE), until)
        .await?;
    let exchange = async {
        let request = Request::from_parts(parts, RequestBody::from(body));
        let answer = lease.send(request).await.map_err(|error| match error {
            SendError::NotSent { source, .. } | SendError::MaybeSent { source } => source,
        })?;
        let (parts, body) = answer.into_parts();
        let body = Limited::new(body, ANSWER_BYTES).collect().await?.to_bytes();
        Ok(Response::from_parts(parts, body))
    };
    timeout_at(until, exchange).await?
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
