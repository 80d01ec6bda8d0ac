//! Control calls: one document fetched, whole, within limits.

use std::sync::Arc;

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Request, Response, StatusCode,
    header::{ACCEPT, CONTENT_ENCODING, CONTENT_TYPE, USER_AGENT},
};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use thiserror::Error;
use tokio::time::{Instant, timeout_at};
use url::Url;

use crate::{
    address::AddressPolicy,
    body::PooledBody,
    connector::{ConnectError, Connector},
    destination::{Destination, UnusableUrl, target},
    lease::{Broken, SendError},
    request::RequestBody,
};

const AGENT: &str = concat!("onedoor/", env!("CARGO_PKG_VERSION"));

/// Why a document could not be fetched.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The URL is none that can be fetched. The operator's fault.
    #[error("the URL cannot be fetched")]
    Url(#[from] UnusableUrl),
    /// No connection.
    #[error("no connection")]
    Connect(#[from] ConnectError),
    /// No answer. The server's fault; may pass.
    #[error("no answer")]
    Send(#[source] Broken),
    /// Another status than 200, a redirect included. The server's fault, or the URL's.
    #[error("the answer has status {0}")]
    Status(StatusCode),
    /// Not JSON by its head. The server's fault, or the URL's.
    #[error("the answer is not JSON")]
    NotJson,
    /// More bytes than are read. The server's fault.
    #[error("the answer is too long")]
    TooLong,
    /// The body broke off. The server's fault; may pass.
    #[error("the answer broke off")]
    Body(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The deadline passed before the whole answer was read. The server's fault; may pass.
    #[error("no whole answer in time")]
    TimedOut,
}

impl Connector {
    /// Fetches a JSON document: the bytes of its body, not parsed. No redirect is followed; what is longer than `limit`
    /// bytes is not read.
    ///
    /// # Errors
    /// When the whole document is not there by the deadline.
    pub async fn get_json(
        &self,
        url: &Url,
        policy: AddressPolicy<'_>,
        limit: usize,
        deadline: Instant,
    ) -> Result<Bytes, FetchError> {
        let request = Request::new(RequestBody::default());
        self.exchange(url, request, policy, deadline, async |answer| {
            if answer.status() != StatusCode::OK {
                return Err(FetchError::Status(answer.status()));
            }
            if !is_plain_json(answer.headers()) {
                return Err(FetchError::NotJson);
            }
            read(answer.into_body(), limit).await
        })
        .await
    }

    /// Sends a request to a URL and reads its answer, on a connection of its own and all before the deadline.
    pub(crate) async fn exchange<T>(
        &self,
        url: &Url,
        mut request: Request<RequestBody>,
        policy: AddressPolicy<'_>,
        deadline: Instant,
        read: impl AsyncFnOnce(Response<PooledBody>) -> Result<T, FetchError>,
    ) -> Result<T, FetchError> {
        let destination = Arc::new(Destination::of(url)?);
        *request.uri_mut() = target(url)?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let lease = self.connect(&destination, policy, deadline).await?;
        let exchange = async {
            let answer = lease.send(request).await.map_err(|error| match error {
                SendError::NotSent { source, .. } | SendError::MaybeSent { source } => {
                    FetchError::Send(source)
                }
            })?;
            read(answer).await
        };
        timeout_at(deadline, exchange)
            .await
            .map_err(|_| FetchError::TimedOut)?
    }
}

/// JSON by its media type, or of none: some servers of static files send none. Nothing was asked for in compressed form.
fn is_plain_json(headers: &HeaderMap) -> bool {
    if headers.contains_key(CONTENT_ENCODING) {
        return false;
    }
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return true;
    };
    let Ok(value) = value.to_str() else { return false };
    let essence = value
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_ascii_lowercase();
    essence
        .split_once('/')
        .is_some_and(|(_, subtype)| subtype == "json" || subtype.ends_with("+json"))
}

/// The whole body, if it is not longer than `limit` bytes.
pub(crate) async fn read(body: PooledBody, limit: usize) -> Result<Bytes, FetchError> {
    match Limited::new(body, limit).collect().await {
        Ok(whole) => Ok(whole.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(FetchError::TooLong),
        Err(error) => Err(FetchError::Body(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_told_by_its_media_type() {
        let judge = |name, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, HeaderValue::from_str(value).unwrap());
            is_plain_json(&headers)
        };
        for json in [
            "application/json",
            "Application/JSON; charset=utf-8",
            "application/jwk-set+json",
            "text/json",
        ] {
            assert!(judge(CONTENT_TYPE, json), "{json}");
        }
        for other in [
            "text/html",
            "application/jsonp",
            "json",
            "",
            "application/xml; a=/json",
            "\u{e9}/json",
        ] {
            assert!(!judge(CONTENT_TYPE, other), "{other}");
        }
        assert!(is_plain_json(&HeaderMap::new()));
        assert!(!judge(CONTENT_ENCODING, "gzip"));
    }
}
