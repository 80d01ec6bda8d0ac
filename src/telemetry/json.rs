//! A log line as one flat JSON object: time, level, target, message, the fields of the request it belongs to (`trace_id`, `span_id`), and
//! its own. An error comes with its causes.

use std::{error::Error, fmt};

use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormattedFields,
        format::{FormatFields, Writer},
    },
    registry::LookupSpan,
};

/// Writes events as JSON lines. Give it with [`JsonMembers`].
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonLines;

/// Writes the fields of a span as members of a JSON object, each followed by a comma, so that what a request learns later is appended:
/// every request has a span, and few have lines.
#[derive(Clone, Copy, Debug)]
pub(super) struct JsonMembers;

/// The fields of an event.
struct Fields<'a>(&'a mut Map<String, Value>);

impl<'w> FormatFields<'w> for JsonMembers {
    fn format_fields<R: RecordFields>(&self, mut writer: Writer<'w>, fields: R) -> fmt::Result {
        let mut members = Map::new();
        fields.record(&mut Fields(&mut members));
        members
            .into_iter()
            .try_for_each(|(key, value)| write!(writer, "{}:{value},", Value::String(key)))
    }
}

impl<S> FormatEvent<S, JsonMembers> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonMembers>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        let spans = context.event_scope().into_iter().flatten();
        for span in spans {
            let extensions = span.extensions();
            if let Some(members) = extensions.get::<FormattedFields<JsonMembers>>() {
                let object = format!("{{{}}}", members.trim_end_matches(','));
                line.extend(serde_json::from_str::<Map<_, _>>(&object).unwrap_or_default());
            }
        }
        event.record(&mut Fields(&mut line));
        let metadata = event.metadata();
        for (key, value) in [
            ("timestamp", Timestamp::now().to_string()),
            ("level", metadata.level().to_string()),
            ("target", metadata.target().to_owned()),
        ] {
            line.insert(key.to_owned(), value.into());
        }
        writeln!(writer, "{}", Value::Object(line))
    }
}

impl Fields<'_> {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        match u64::try_from(value) {
            Ok(value) => self.put(field, value),
            Err(_) => self.put(field, value.to_string()),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            text.push_str(": ");
            text.push_str(&error.to_string());
            cause = error.source();
        }
        self.put(field, text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use std::{io, sync::Arc};

    use parking_lot::Mutex;
    use tracing_subscriber::fmt::MakeWriter;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Written {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("no connection")]
    struct NoConnection(#[source] io::Error);

    #[test]
    fn a_line_is_flat_and_bears_its_request_s_trace() {
        let written = Written::default();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(written.clone())
            .fmt_fields(JsonMembers)
            .event_format(JsonLines)
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            let empty = tracing::field::Empty;
            let span = tracing::error_span!("request", kind = "a \"b\"", trace_id = empty, span_id = empty);
            span.record("trace_id", tracing::field::display("0af7"));
            span.record("span_id", tracing::field::display("77"));
            let _entered = span.enter();
            let error = NoConnection(io::Error::other("refused \"now\"\n"));
            tracing::warn!(
                error = &error as &dyn Error,
                call = 7,
                micros = 12_u128,
                fast = true,
                "an upstream failed"
            );
        });
        let written = written.0.lock();
        let line: Value = serde_json::from_slice(&written).unwrap();
        assert_eq!(
            written.iter().filter(|byte| **byte == b'\n').count(),
            1,
            "one line"
        );
        let mut expected = serde_json::json!({
            "level": "WARN", "target": "onedoor::telemetry::json::tests", "message": "an upstream failed",
            "kind": "a \"b\"", "trace_id": "0af7", "span_id": "77", "error": "no connection: refused \"now\"\n", "call": 7, "micros": 12, "fast": true,
        });
        expected["timestamp"] = line["timestamp"].clone();
        assert_eq!(line, expected);
        assert!(line["timestamp"].as_str().unwrap().parse::<Timestamp>().is_ok());
    }
}
