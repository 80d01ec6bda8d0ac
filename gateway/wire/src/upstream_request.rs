//! The request to an upstream: envelope written by us, values copied as bytes.

use std::borrow::Cow;

use crate::{
    PROTOCOL_VERSION,
    json::write::{self, ObjectWriter},
    meta_key,
    request::{ProgressToken, RequestId},
};

#[cfg(test)]
mod tests;

/// All that goes into a request to an upstream.
///
/// `baggage` has no place here: it is free text from other systems and may carry secrets. Client capabilities are
/// always empty: requests from server to client are refused, so none is offered.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamRequest<'a> {
    /// The id, echoed by the upstream.
    pub id: RequestId<'a>,
    /// The method.
    pub method: &'a str,
    /// `params.name`: the tool's own name.
    pub name: Option<&'a str>,
    /// `params.arguments`: the checked text of a JSON object, copied.
    pub arguments: Option<&'a str>,
    /// `params.cursor`.
    pub cursor: Option<&'a str>,
    /// Who we say we are.
    pub client_name: &'a str,
    /// Our version.
    pub client_version: &'a str,
    /// The token for progress, copied.
    pub progress_token: Option<ProgressToken<'a>>,
    /// W3C `traceparent` of our span.
    pub traceparent: Option<&'a str>,
    /// W3C `tracestate`, checked.
    pub tracestate: Option<&'a str>,
    /// Opaque `_meta` members of the caller: key, and checked value text, copied ([`crate::request::Meta::other`]).
    /// Those under a prefix reserved for MCP are left out: they belong to extensions that were not negotiated.
    pub other_meta: &'a [(Cow<'a, str>, &'a str)],
}

/// The `_meta` members of a call that come from its caller, in any era.
#[derive(Debug)]
pub(crate) struct CallerMeta<'a> {
    pub(crate) progress_token: Option<ProgressToken<'a>>,
    pub(crate) traceparent: Option<&'a str>,
    pub(crate) tracestate: Option<&'a str>,
    pub(crate) other: &'a [(Cow<'a, str>, &'a str)],
}

impl UpstreamRequest<'_> {
    /// The body, compact JSON.
    #[must_use]
    pub fn body(&self) -> Vec<u8> {
        let mut body = Vec::with_capacity(512 + self.arguments.map_or(0, str::len));
        write::object(&mut body, |top| {
            top.string("jsonrpc", "2.0");
            top.raw("id", self.id.as_raw());
            top.string("method", self.method);
            top.object("params", |params| self.params(params));
        });
        body
    }

    fn params(&self, params: &mut ObjectWriter<'_>) {
        if let Some(name) = self.name {
            params.string("name", name);
        }
        if let Some(arguments) = self.arguments {
            params.raw("arguments", arguments);
        }
        if let Some(cursor) = self.cursor {
            params.string("cursor", cursor);
        }
        params.object("_meta", |meta| self.meta(meta));
    }

    fn meta(&self, meta: &mut ObjectWriter<'_>) {
        meta.string(meta_key::PROTOCOL_VERSION, PROTOCOL_VERSION);
        meta.object(meta_key::CLIENT_INFO, |info| {
            info.string("name", self.client_name);
            info.string("version", self.client_version);
        });
        meta.object(meta_key::CLIENT_CAPABILITIES, |_| {});
        CallerMeta {
            progress_token: self.progress_token,
            traceparent: self.traceparent,
            tracestate: self.tracestate,
            other: self.other_meta,
        }
        .write(meta);
    }
}

impl CallerMeta<'_> {
    pub(crate) fn write(&self, meta: &mut ObjectWriter<'_>) {
        if let Some(token) = self.progress_token {
            meta.raw(meta_key::PROGRESS_TOKEN, token.as_raw());
        }
        if let Some(traceparent) = self.traceparent {
            meta.string(meta_key::TRACEPARENT, traceparent);
        }
        if let Some(tracestate) = self.tracestate {
            meta.string(meta_key::TRACESTATE, tracestate);
        }
        for (key, raw) in self.other.iter().filter(|(key, _)| !is_reserved(key)) {
            meta.raw(key, raw);
        }
    }
}

/// Whether a `_meta` key's prefix is reserved for MCP: its second label is `modelcontextprotocol` or `mcp`
/// (2026-07-28, "`_meta`"). Case aside, for another reader may not mind it.
fn is_reserved(key: &str) -> bool {
    let second_label = key
        .split_once('/')
        .and_then(|(prefix, _)| prefix.split('.').nth(1));
    second_label.is_some_and(|label| {
        label.eq_ignore_ascii_case("modelcontextprotocol") || label.eq_ignore_ascii_case("mcp")
    })
}
