//! A permitted call: what is recorded of it, and the request that makes it. Written from the permit, values copied.

use http::{Method, Request as HttpRequest, Uri, header::AUTHORIZATION, request::Parts};
use onedoor_connect::RequestBody;
use onedoor_exchange::TokenB;
use onedoor_model::decide::{CallPermit, Operation};
use url::Url;

use super::request::{arguments, passed, upstream_target};

/// A call of one tool.
pub(super) struct Call<'a> {
    parts: &'a Parts,
    method: Method,
    target: Uri,
    /// The tool's route, as the record names it.
    pub(super) operation: String,
    /// Path within the service, and query.
    pub(super) arguments: String,
    /// What the upstream is asked for.
    pub(super) url: Url,
}

impl<'a> Call<'a> {
    /// The call that a permit is for; none where the permit is not for plain HTTP, or no URL comes out.
    pub(super) fn new(permit: &CallPermit, parts: &'a Parts) -> Option<Self> {
        let Operation::CallRoute { method, path } = &permit.request().operation else {
            return None;
        };
        let base = &permit.version().manifest.url;
        let query = parts.uri.query();
        let target = upstream_target(base, path, query).ok()?;
        Some(Self {
            parts,
            method: Method::from_bytes(method.as_str().as_bytes()).ok()?,
            url: base.join(&target.to_string()).ok()?,
            target,
            operation: permit.definition().route.as_ref()?.to_string(),
            arguments: arguments(path.as_str(), query),
        })
    }

    /// What is sent.
    pub(super) fn request(&self, token: TokenB, body: RequestBody) -> HttpRequest<RequestBody> {
        let mut request = HttpRequest::new(body);
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.target.clone();
        let headers = request.headers_mut();
        *headers = passed(&self.parts.headers);
        headers.insert(AUTHORIZATION, token.into_header());
        request
    }
}
