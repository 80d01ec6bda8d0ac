//! What the admin API answers.

use std::time::Duration;

use bytes::Bytes;
use reqwest::{
    StatusCode,
    header::{ETAG, HeaderMap, RETRY_AFTER},
};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::etag::ETag;

/// The longest wait before a retry, whatever the server asks for.
const PATIENCE: Duration = Duration::from_secs(5);

/// An answer, read whole.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
}

/// An answer that is not what the API gives: another version of Onedoor, or something else altogether.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unintelligible {
    #[error(
        "the answer is not what the admin API gives: is this the admin plane of this version of Onedoor?"
    )]
    Body(#[from] serde_json::Error),
    #[error("the answer has no ETag to send back as If-Match")]
    NoETag,
    #[error("the answer has no {0:?}")]
    NoList(&'static str),
}

impl Answer {
    /// What it says.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Unintelligible> {
        Ok(serde_json::from_slice(&self.body)?)
    }

    /// What it says, as it is.
    pub(super) fn value(&self) -> Result<Value, Unintelligible> {
        Ok(Value::deserialize(&mut serde_json::Deserializer::from_slice(
            &self.body,
        ))?)
    }

    /// The version of what it shows.
    pub(super) fn etag(&self) -> Result<ETag, Unintelligible> {
        self.headers
            .get(ETAG)
            .and_then(|value| value.to_str().ok()?.parse().ok())
            .ok_or(Unintelligible::NoETag)
    }

    /// The registry's revision after a command.
    pub(super) fn revision(&self) -> Option<&str> {
        self.headers.get("onedoor-revision")?.to_str().ok()
    }

    /// Whether the command had been carried out by an earlier try.
    pub(super) fn is_replayed(&self) -> bool {
        self.headers
            .get("idempotent-replayed")
            .is_some_and(|value| value == "true")
    }

    /// How long to wait before a retry (RFC 9110 §10.2.3, in seconds).
    pub(super) fn retry_after(&self) -> Duration {
        let seconds = self
            .headers
            .get(RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Duration::from_secs(seconds.unwrap_or(1)).min(PATIENCE)
    }
}
