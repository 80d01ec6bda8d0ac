//! Having a manifest checked, without submitting it.

use utoipa_axum::router::OpenApiRouter;

use crate::{
    Api,
    action::ValidateManifest,
    answer::Plain,
    body::{Sent, Submitted},
    endpoint::endpoint,
    permission::May,
    refusal::Refusal,
    view::{self, CheckView},
};

pub(crate) fn routes() -> OpenApiRouter<Api> {
    OpenApiRouter::new().routes(endpoint(__path_validate, validate))
}

/// Check a manifest
///
/// The faults are those that registration would answer with. Of a server that the caller may not see, nothing is told.
#[utoipa::path(post, path = "/manifests/validate", operation_id = "validateManifest")]
async fn validate(
    may: May<ValidateManifest>,
    Sent(Submitted { manifest, .. }): Sent<Submitted>,
) -> Result<Plain<CheckView>, Refusal> {
    let state = may.api.registry.state();
    let server = state
        .server_named(&manifest.slug)
        .filter(|server| may.sees(server));
    Ok(Plain(view::compare(&manifest, server.map(AsRef::as_ref))))
}
