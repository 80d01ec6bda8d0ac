//! Control calls: a form posted to a token endpoint.

use std::fmt;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE};
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use crate::{
    address::AddressPolicy,
    connector::Connector,
    fetch::{FetchError, read},
    request::RequestBody,
};

/// What a token endpoint answered, whatever its status: errors are told in bodies too (RFC 6749 §5.2). What it holds
/// is secret: only the status and the body's length are printed.
#[derive(Clone, PartialEq, Eq)]
pub struct FormAnswer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, whole.
    pub bytes: Bytes,
}

impl Connector {
    /// Posts a form (`application/x-www-form-urlencoded`, as RFC 6749 §4.1.3 asks) and reads the whole answer. No
    /// redirect is followed: a 3xx is an answer like any other. An answer longer than `limit` bytes is not read.
    /// Nothing of the form, the headers or the answer is in an error or logged.
    ///
    /// `headers` go along: `Authorization`, most often. `Accept`, `Content-Type` and `User-Agent` are set here.
    ///
    /// # Errors
    /// When the whole answer is not there by the deadline.
    pub async fn post_form(
        &self,
        url: &Url,
        form: &[(&str, &str)],
        headers: HeaderMap,
        policy: AddressPolicy<'_>,
        deadline: Instant,
        limit: usize,
    ) -> Result<FormAnswer, FetchError> {
        let encoded = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(form)
            .finish();
        let mut request = Request::new(RequestBody::whole(Bytes::from(encoded)));
        *request.method_mut() = Method::POST;
        *request.headers_mut() = headers;
        request.headers_mut().insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        );
        self.exchange(url, request, policy, deadline, async |answer| {
            let (head, body) = answer.into_parts();
            Ok(FormAnswer {
                status: head.status,
                headers: head.headers,
                bytes: read(body, limit).await?,
            })
        })
        .await
    }
}

impl fmt::Debug for FormAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FormAnswer")
            .field("status", &self.status)
            .field("length", &self.bytes.len())
            .finish_non_exhaustive()
    }
}
