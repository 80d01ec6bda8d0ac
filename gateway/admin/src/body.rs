//! Bodies of requests: read whole, within a limit and a time, and strictly.

use std::time::Duration;

use axum::{
    body::Body as Incoming,
    extract::{FromRequest, Request},
};
use bytes::Bytes;
use deserr::Deserr;
use http_body_util::LengthLimitError;
use onedoor_model::manifest::{self, Manifest};
use onedoor_wire::json::Document;
use utoipa::ToSchema;

use crate::{
    Api,
    faults::Faults,
    openapi::{Documented, Spec},
    reason::Why,
    refusal::Refusal,
};

/// The most bytes of a body that is no manifest.
const MAX_BYTES: usize = 64 * 1024;
/// How long a body may take to arrive.
const MAX_TIME: Duration = Duration::from_secs(30);

/// What a request's body is read as.
pub(crate) trait Body: Sized + Send {
    /// The most bytes it may have.
    const LIMIT: usize;

    /// Reads it.
    ///
    /// # Errors
    /// All that is wrong with it.
    fn read(bytes: Bytes) -> Result<Self, Refusal>;

    /// Why the command is given, where the body says it.
    fn reason(&self) -> Option<&Why> {
        None
    }

    /// Describes it in the OpenAPI document.
    fn document(spec: &mut Spec<'_>);
}

/// No body.
#[derive(Debug)]
pub(crate) struct Nothing;

/// A JSON object, read strictly: unknown members are faults.
#[derive(Debug)]
pub(crate) struct Json<T>(pub T);

/// What a JSON body is read as.
pub(crate) trait Given: Deserr<Faults> + ToSchema + Send {
    /// Whether the body may be left out: it is then `{}`.
    const OPTIONAL: bool = false;

    /// Why the command is given.
    fn reason(&self) -> Option<&Why> {
        None
    }
}

/// A manifest, with the bytes that were submitted.
#[derive(Debug)]
pub(crate) struct Submitted {
    /// As read.
    pub manifest: Manifest,
    /// As submitted.
    pub text: String,
}

/// A body without a command.
#[derive(Debug)]
pub(crate) struct Sent<B>(pub B);

impl<B: Body> FromRequest<Api> for Sent<B> {
    type Rejection = Refusal;

    async fn from_request(request: Request, _: &Api) -> Result<Self, Refusal> {
        B::read(take(request.into_body(), B::LIMIT).await?).map(Self)
    }
}

impl<B: Body> Documented for Sent<B> {
    fn document(spec: &mut Spec<'_>) {
        spec.problem(408);
        B::document(spec);
    }
}

/// Takes in a body.
///
/// # Errors
/// It is too large, too slow, or broke off.
pub(crate) async fn take(body: Incoming, limit: usize) -> Result<Bytes, Refusal> {
    let bytes = tokio::time::timeout(MAX_TIME, axum::body::to_bytes(body, limit));
    bytes.await.map_err(|_| Refusal::Slow)?.map_err(|error| {
        let error = error.into_inner();
        if error.is::<LengthLimitError>() {
            Refusal::TooLarge { limit }
        } else {
            Refusal::Broken(error)
        }
    })
}

/// Reads a JSON text strictly.
///
/// # Errors
/// Everything that is wrong with it.
pub(crate) fn read_json<T: Deserr<Faults>>(bytes: &[u8]) -> Result<T, Faults> {
    let not_json = |error: &dyn std::fmt::Display| {
        Faults::one("", format!("the body is not JSON: {error}"), "mend the syntax")
    };
    // This reader refuses what the other would overlook: repeated members, lone surrogates, deep nesting.
    Document::new(bytes)
        .and_then(Document::check)
        .map_err(|error| not_json(&error))?;
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|error| not_json(&error))?;
    deserr::deserialize(value)
}

impl Body for Nothing {
    const LIMIT: usize = MAX_BYTES;

    fn read(bytes: Bytes) -> Result<Self, Refusal> {
        if bytes.is_empty() {
            Ok(Self)
        } else {
            Err(Refusal::Body(Faults::one(
                "",
                "this request takes no body",
                "send it without one",
            )))
        }
    }

    fn document(_: &mut Spec<'_>) {}
}

impl<T: Given> Body for Json<T> {
    const LIMIT: usize = MAX_BYTES;

    fn read(bytes: Bytes) -> Result<Self, Refusal> {
        let bytes = if T::OPTIONAL && bytes.is_empty() {
            Bytes::from_static(b"{}")
        } else {
            bytes
        };
        read_json(&bytes).map(Self).map_err(Refusal::Body)
    }

    fn reason(&self) -> Option<&Why> {
        self.0.reason()
    }

    fn document(spec: &mut Spec<'_>) {
        spec.json_body::<T>(!T::OPTIONAL);
        spec.problem(413);
        spec.problem(422);
    }
}

impl Body for Submitted {
    const LIMIT: usize = manifest::MAX_BYTES;

    fn read(bytes: Bytes) -> Result<Self, Refusal> {
        let manifest = manifest::check(&bytes).map_err(Refusal::Manifest)?;
        // What was read as a manifest is UTF-8.
        let text = String::from_utf8_lossy(&bytes).into_owned();
        Ok(Self { manifest, text })
    }

    fn document(spec: &mut Spec<'_>) {
        spec.manifest_body();
        spec.problem(413);
        spec.problem(422);
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use futures_util::stream;
    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, PartialEq, Deserr)]
    #[deserr(error = Faults, deny_unknown_fields)]
    struct Sample {
        number: u32,
        #[deserr(default)]
        list: Vec<String>,
    }

    fn pointers(text: &str) -> Vec<String> {
        let faults = read_json::<Sample>(text.as_bytes()).unwrap_err();
        let mut pointers: Vec<_> = faults.into_vec().into_iter().map(|fault| fault.pointer).collect();
        pointers.sort();
        pointers
    }

    #[test]
    fn everything_that_is_wrong_is_told() {
        let read = read_json::<Sample>(br#"{"number": 1, "list": ["a"]}"#);
        assert_eq!(
            read,
            Ok(Sample {
                number: 1,
                list: vec!["a".to_owned()]
            })
        );
        assert_eq!(
            pointers(r#"{"list": ["a", 1, "b", null]}"#),
            ["", "/list/1", "/list/3"]
        );
        assert_eq!(pointers(r#"{"number": -1, "a/b~c": 1}"#), ["/a~1b~0c", "/number"]);
        for bad in [
            "",
            "{",
            "{\"number\":1} x",
            "{\"number\":1,\"number\":1}",
            "[]",
            "7",
            "{\"number\":1e999}",
        ] {
            assert_eq!(pointers(bad), [""], "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read_json::<Sample>(&bytes);
        }

        #[test]
        fn no_number_breaks_the_reader(text in "-?(0|[1-9][0-9]{0,30})(\\.[0-9]{1,5})?([eE][+-]?[0-9]{1,4})?") {
            let read = read_json::<Sample>(format!("{{\"number\": {text}}}").as_bytes());
            prop_assert_eq!(read.ok().map(|sample| sample.number), text.parse::<u32>().ok());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_not_waited_for() {
        let never = Incoming::from_stream(stream::pending::<io::Result<Bytes>>());
        assert!(matches!(take(never, 10).await, Err(Refusal::Slow)));
    }

    #[tokio::test]
    async fn a_body_is_taken_whole_within_its_limit() {
        let of = |parts: Vec<io::Result<&'static str>>| {
            Incoming::from_stream(stream::iter(parts.into_iter().map(|part| part.map(Bytes::from))))
        };
        assert_eq!(
            take(of(vec![Ok("01234"), Ok("56789")]), 10).await.unwrap(),
            "0123456789"
        );
        let longer = of(vec![Ok("01234"), Ok("567890")]);
        assert!(matches!(
            take(longer, 10).await,
            Err(Refusal::TooLarge { limit: 10 })
        ));
        let broken = of(vec![Ok("0"), Err(io::Error::other("reset"))]);
        assert!(matches!(take(broken, 10).await, Err(Refusal::Broken(_))));
    }
}
