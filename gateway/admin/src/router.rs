//! The router: every resource, and what holds for all answers.

use axum::{Router, extract::Request, middleware, middleware::Next, response::Response, routing::get};
use bytes::Bytes;
use http::{HeaderValue, header};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api, Deps, audit, blocks, endpoint::PREFIX, grants, history, issuers, lifecycle, log, manifests,
    precondition, refusal::Refusal, replicas, servers, settings,
};

/// The admin plane, below `/api/v1`. Serve it on a listener of its own, with `ConnectInfo<SocketAddr>` in each request's extensions.
pub fn router(deps: Deps) -> Router {
    let (routes, document) = routes().split_for_parts();
    // The document is plain data: it can always be written.
    let document = Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let serve_document = move || async move { ([(header::CONTENT_TYPE, "application/json")], document) };
    let api = Api {
        registry: deps.registry,
        control: deps.control,
        enforcements: deps.enforcements,
        rows: deps.store,
        verifier: deps.verifier,
        denied: deps.denied,
        probes: deps.probes,
        first_admins: deps.first_admins,
    };
    routes
        .route(&format!("{PREFIX}/openapi.json"), get(serve_document))
        .fallback(
            |request: Request| async move { Refusal::NotFound(format!("{} here", request.uri().path())) },
        )
        .method_not_allowed_fallback(|| async { Refusal::MethodNotAllowed })
        .layer(middleware::from_fn(precondition::not_modified))
        .layer(middleware::from_fn(secure))
        .with_state(api)
}

/// The OpenAPI document.
#[must_use]
pub fn openapi() -> OpenApi {
    routes().into_openapi()
}

fn routes() -> OpenApiRouter<Api> {
    [
        servers::routes(),
        lifecycle::routes(),
        history::routes(),
        grants::routes(),
        blocks::routes(),
        issuers::routes(),
        settings::routes(),
        manifests::routes(),
        audit::routes(),
        log::routes(),
        replicas::routes(),
    ]
    .into_iter()
    .fold(
        OpenApiRouter::with_openapi(crate::openapi::base()),
        OpenApiRouter::merge,
    )
}

/// No answer is kept, guessed at or rendered by a browser.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in [
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
