//! The one way into the router. A handler whose first argument is not [`May`] does not compile here: what nobody needs leave for
//! cannot be served. What a handler takes and gives also writes its part of the OpenAPI document.

use axum::{
    extract::FromRequestParts,
    handler::Handler,
    response::IntoResponse,
    routing::{MethodFilter, MethodRouter},
};
use http::request::Parts;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::Paths;
use utoipa_axum::{PathItemExt, router::UtoipaMethodRouter};

use crate::{
    Api,
    action::Permission,
    openapi::{Documented, Spec, document_path},
    permission::May,
    refusal::Refusal,
};

/// Where the API begins.
pub(crate) const PREFIX: &str = "/api/v1";

/// A handler that may be served: its first argument is leave for an action, and all it takes and gives is documented.
#[diagnostic::on_unimplemented(
    message = "this handler cannot be routed",
    note = "its first argument must be `May<…>`: leave for an action of the table",
    note = "its other arguments, and what it answers with, must be `Documented`"
)]
pub(crate) trait Endpoint<T>: Handler<T, Api> {
    /// Describes it in the OpenAPI document.
    fn document(spec: &mut Spec<'_>);
}

macro_rules! endpoints {
    ($(($($argument:ident)*))+) => {$(
        impl<F, Answer, Given, M, P, $($argument,)*> Endpoint<(M, May<P>, $($argument,)*)> for F
        where
            F: Fn(May<P>, $($argument),*) -> Answer,
            F: Handler<(M, May<P>, $($argument,)*), Api>,
            Answer: Future<Output = Result<Given, Refusal>>,
            Given: Documented + IntoResponse,
            P: Permission,
            $($argument: Documented,)*
        {
            fn document(spec: &mut Spec<'_>) {
                spec.action(P::ACTION);
                $($argument::document(spec);)*
                Given::document(spec);
            }
        }
    )+};
}

endpoints! { () (A) (A B) }

/// Routes a handler to the method and path that `#[utoipa::path]` wrote for it, below [`PREFIX`].
pub(crate) fn endpoint<D, H, T>(_: D, handler: H) -> UtoipaMethodRouter<Api>
where
    D: utoipa::Path,
    H: Endpoint<T>,
    T: 'static,
{
    let path = format!("{PREFIX}{}", D::path());
    let mut schemas = Vec::new();
    let mut operation = D::operation();
    let mut spec = Spec::new(&mut operation, &mut schemas);
    document_path(&mut spec, &D::path());
    H::document(&mut spec);

    let methods = D::methods();
    let filter = methods
        .iter()
        .map(PathItemExt::to_method_filter)
        .reduce(MethodFilter::or);
    let router = filter.map_or_else(MethodRouter::new, |filter| {
        MethodRouter::new().on(filter, handler)
    });
    let mut paths = Paths::new();
    paths.add_path_operation(&path, methods, operation);
    (schemas, paths, router)
}

/// The names in a path. What is no name of its kind names nothing: 404.
#[derive(Debug)]
pub(crate) struct Named<T>(pub T);

impl<T: DeserializeOwned + Send> FromRequestParts<Api> for Named<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, api: &Api) -> Result<Self, Refusal> {
        match axum::extract::Path::<T>::from_request_parts(parts, api).await {
            Ok(axum::extract::Path(names)) => Ok(Self(names)),
            Err(_) => Err(Refusal::NotFound(format!("{} here", parts.uri.path()))),
        }
    }
}

impl<T> Documented for Named<T> {
    fn document(spec: &mut Spec<'_>) {
        spec.problem(404);
    }
}
