//! One request to the admin API.

use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, IF_MATCH},
};
use serde::Serialize;
use uuid::Uuid;

use super::{etag::ETag, failure::Failure};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REASON: HeaderName = HeaderName::from_static("onedoor-reason");
/// What a reason is not written with in a header. All that is not ASCII is escaped anyway.
const ESCAPED: &AsciiSet = &CONTROLS.add(b'%');

/// What is asked for. It can be sent twice and stays the same.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) method: Method,
    /// Names below `/api/v1`, as they are: not yet percent-encoded.
    pub(super) path: Vec<String>,
    pub(super) query: Vec<(&'static str, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<Bytes>,
    /// The version that it is given for.
    pub(super) if_match: Option<ETag>,
}

impl Request {
    /// A read.
    pub(super) fn get<'a>(path: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            method: Method::GET,
            path: path.into_iter().map(str::to_owned).collect(),
            query: Vec::new(),
            headers: HeaderMap::new(),
            body: None,
            if_match: None,
        }
    }

    /// A command, with a key that tells its retries from another command.
    pub(super) fn command<'a>(
        method: Method,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Failure> {
        let mut request = Self {
            method,
            ..Self::get(path)
        };
        request.header(IDEMPOTENCY_KEY, &Uuid::now_v7().to_string())?;
        Ok(request)
    }

    /// Adds a query parameter where it has a value.
    pub(super) fn query(mut self, name: &'static str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    /// Gives it a document as it is.
    pub(super) fn document(mut self, bytes: Bytes) -> Self {
        self.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.body = Some(bytes);
        self
    }

    /// Gives it a body.
    pub(super) fn json(self, body: &impl Serialize) -> Result<Self, Failure> {
        let bytes = serde_json::to_vec(body).map_err(Failure::Body)?;
        Ok(self.document(bytes.into()))
    }

    /// Gives it only for one version.
    pub(super) fn if_match(mut self, version: ETag) -> Result<Self, Failure> {
        self.header(IF_MATCH, &version.quoted())?;
        self.if_match = Some(version);
        Ok(self)
    }

    /// Says why, for commands whose body does not.
    pub(super) fn reason(mut self, why: Option<&str>) -> Result<Self, Failure> {
        if let Some(why) = why {
            self.header(REASON, &utf8_percent_encode(why, ESCAPED).to_string())?;
        }
        Ok(self)
    }

    /// Whether it changes something.
    pub(super) fn is_command(&self) -> bool {
        self.method != Method::GET
    }

    fn header(&mut self, name: HeaderName, value: &str) -> Result<(), Failure> {
        self.headers
            .insert(name, HeaderValue::from_str(value).map_err(Failure::Header)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_survives_a_header() {
        let request = Request::get([])
            .reason(Some("100 % leaked: Schlüssel\n"))
            .unwrap();
        assert_eq!(request.headers[REASON], "100 %25 leaked: Schl%C3%BCssel%0A");
    }

    #[test]
    fn every_command_has_its_own_key_and_reads_have_none() {
        let key = || Request::command(Method::POST, ["servers"]).unwrap().headers[IDEMPOTENCY_KEY].clone();
        let (one, other) = (key(), key());
        assert_ne!(one, other);
        assert_eq!(
            Uuid::parse_str(one.to_str().unwrap()).unwrap().get_version_num(),
            7
        );
        assert!(Request::get(["servers"]).headers.is_empty());
    }
}
