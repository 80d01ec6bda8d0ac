//! Answers that are no refusals.

use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use onedoor_model::ids::AggregateVersion;
use onedoor_registry::Applied;
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{ObjectBuilder, RefOr, Type},
};

use crate::{
    openapi::{Documented, Spec},
    order::Done,
    precondition::etag,
    view::EnforcedView,
};

/// The revision that a command took effect as.
const REVISION: HeaderName = HeaderName::from_static("onedoor-revision");
/// Set where the command had taken effect before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A list, or what was found out.
#[derive(Debug)]
pub(crate) struct Plain<T>(pub T);

/// One thing, with its version.
#[derive(Debug)]
pub(crate) struct Shown<T> {
    /// The thing.
    pub view: T,
    /// Its version.
    pub version: AggregateVersion,
}

/// Exact bytes of JSON that were submitted, with their version.
#[derive(Debug)]
pub(crate) struct Exact {
    /// The bytes.
    pub text: String,
    /// Their version.
    pub version: AggregateVersion,
}

/// A thing that a command changed, as it is since.
#[derive(Debug)]
pub(crate) struct Changed<T> {
    /// The thing.
    pub view: T,
    /// Its version.
    pub version: AggregateVersion,
    /// The command.
    pub applied: Applied,
}

/// A thing that a command made.
#[derive(Debug)]
pub(crate) struct Created<T> {
    /// The thing.
    pub view: T,
    /// Its version.
    pub version: AggregateVersion,
    /// Its path, where it has one of its own.
    pub location: Option<HeaderValue>,
    /// The command.
    pub applied: Applied,
}

/// What a command took away, and where that is enforced.
#[derive(Debug)]
pub(crate) struct TakenAway(pub Done);

/// How that is shown.
#[derive(Debug, Serialize, ToSchema)]
struct TakenAwayView {
    /// Where it is enforced.
    #[serde(skip_serializing_if = "Option::is_none")]
    enforced: Option<EnforcedView>,
}

/// A thing that a command removed.
#[derive(Debug)]
pub(crate) struct Removed(pub Applied);

/// What an answer's header says, for the OpenAPI document.
pub(crate) fn described(header: &str) -> &'static str {
    match header {
        "ETag" => "The version of what is answered: the revision of its last change.",
        "Onedoor-Revision" => "The revision that the command took effect as. Reads show it with `at_least`.",
        "Idempotent-Replayed" => "`true` where an earlier try with the same `Idempotency-Key` took effect.",
        "Location" => "The path of what was made.",
        _ => "",
    }
}

impl<T: Serialize> IntoResponse for Plain<T> {
    fn into_response(self) -> Response {
        axum::Json(self.0).into_response()
    }
}

impl<T: ToSchema> Documented for Plain<T> {
    fn document(spec: &mut Spec<'_>) {
        let schema = spec.schema::<T>();
        spec.answer(200, "What was asked for.", Some(schema), &[]);
    }
}

impl<T: Serialize> IntoResponse for Shown<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, etag(self.version))], axum::Json(self.view)).into_response()
    }
}

impl<T: ToSchema> Documented for Shown<T> {
    fn document(spec: &mut Spec<'_>) {
        let schema = spec.schema::<T>();
        spec.answer(200, "What was asked for.", Some(schema), &["ETag"]);
        document_not_modified(spec);
    }
}

impl IntoResponse for Exact {
    fn into_response(self) -> Response {
        let headers = [
            (header::ETAG, etag(self.version)),
            (header::CONTENT_TYPE, HeaderValue::from_static("application/json")),
        ];
        (headers, self.text).into_response()
    }
}

impl Documented for Exact {
    fn document(spec: &mut Spec<'_>) {
        let schema = ObjectBuilder::new().schema_type(Type::Object);
        spec.answer(
            200,
            "The exact bytes that were submitted.",
            Some(RefOr::from(schema)),
            &["ETag"],
        );
        document_not_modified(spec);
    }
}

fn document_not_modified(spec: &mut Spec<'_>) {
    spec.header_parameter(
        "If-None-Match",
        false,
        "Versions that are known: where one is still there, the answer is 304.",
    );
    spec.answer(304, "It is still as known.", None, &["ETag"]);
}

impl<T: Serialize> IntoResponse for Changed<T> {
    fn into_response(self) -> Response {
        let etag = [(header::ETAG, etag(self.version))];
        (of_command(&self.applied), etag, axum::Json(self.view)).into_response()
    }
}

impl<T: ToSchema> Documented for Changed<T> {
    fn document(spec: &mut Spec<'_>) {
        let schema = spec.schema::<T>();
        let headers = ["ETag", "Onedoor-Revision", "Idempotent-Replayed"];
        spec.answer(200, "It took effect.", Some(schema), &headers);
        spec.problem(410);
    }
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        let mut headers = of_command(&self.applied);
        headers.insert(header::ETAG, etag(self.version));
        if let Some(location) = self.location {
            headers.insert(header::LOCATION, location);
        }
        (StatusCode::CREATED, headers, axum::Json(self.view)).into_response()
    }
}

impl<T: ToSchema> Documented for Created<T> {
    fn document(spec: &mut Spec<'_>) {
        let schema = spec.schema::<T>();
        let headers = ["ETag", "Location", "Onedoor-Revision", "Idempotent-Replayed"];
        spec.answer(201, "It was made.", Some(schema), &headers);
        spec.problem(409);
        spec.problem(410);
    }
}

impl IntoResponse for TakenAway {
    fn into_response(self) -> Response {
        let view = TakenAwayView {
            enforced: self.0.enforced.as_ref().map(EnforcedView::from),
        };
        (of_command(&self.0.applied), axum::Json(view)).into_response()
    }
}

impl Documented for TakenAway {
    fn document(spec: &mut Spec<'_>) {
        let schema = spec.schema::<TakenAwayView>();
        let headers = ["Onedoor-Revision", "Idempotent-Replayed"];
        spec.answer(200, "It is gone.", Some(schema), &headers);
    }
}

impl IntoResponse for Removed {
    fn into_response(self) -> Response {
        (StatusCode::NO_CONTENT, of_command(&self.0)).into_response()
    }
}

impl Documented for Removed {
    fn document(spec: &mut Spec<'_>) {
        spec.answer(
            204,
            "It is gone.",
            None,
            &["Onedoor-Revision", "Idempotent-Replayed"],
        );
    }
}

fn of_command(applied: &Applied) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(REVISION, HeaderValue::from(applied.revision.0));
    if applied.retried {
        headers.insert(REPLAYED, HeaderValue::from_static("true"));
    }
    headers
}
