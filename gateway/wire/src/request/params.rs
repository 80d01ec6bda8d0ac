//! Reading `params` and `_meta`.

use std::borrow::Cow;

use super::{ClientInfo, ProgressToken, RequestId, envelope::Reading};
use crate::{
    json::{JsonError, Kind, Value},
    malformed::Malformed,
    meta_key,
    session::ClientCapabilities,
};

const PARAMS_KEYS: &[&str] = &[
    "name",
    "arguments",
    "_meta",
    "cursor",
    "uri",
    "requestState",
    "inputResponses",
    "protocolVersion",
    "capabilities",
    "clientInfo",
    "level",
    "requestId",
    "reason",
    "progressToken",
];

const META_KEYS: &[&str] = &[
    meta_key::PROTOCOL_VERSION,
    meta_key::CLIENT_INFO,
    meta_key::CLIENT_CAPABILITIES,
    meta_key::LOG_LEVEL,
    meta_key::PROGRESS_TOKEN,
    meta_key::TRACEPARENT,
    meta_key::TRACESTATE,
    meta_key::BAGGAGE,
];

const CAPABILITY_KEYS: &[&str] = &["elicitation", "sampling", "roots"];

/// The members of `params` that only methods of the session revisions have. Elsewhere they may be anything, so one of
/// a wrong type counts as absent until its method asks for it ([`crate::session::SessionRequest`]).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SessionParams<'a> {
    /// The text of all of `params`.
    pub(crate) text: Option<&'a str>,
    pub(crate) protocol_version: Option<Cow<'a, str>>,
    pub(crate) capabilities: Option<ClientCapabilities<'a>>,
    pub(crate) client_info: Option<ClientInfo<'a>>,
    pub(crate) level: Option<Cow<'a, str>>,
    pub(crate) request_id: Option<RequestId<'a>>,
    pub(crate) reason: Option<Cow<'a, str>>,
    pub(crate) progress_token: Option<ProgressToken<'a>>,
}

impl<'a> Reading<'a> {
    pub(super) fn params(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        let text = value.members(|key, value| self.param(&key, value))?;
        if text.is_none() {
            self.note(Malformed::Params);
        }
        self.params.session.text = text;
        Ok(())
    }

    fn param(&mut self, key: &str, value: Value<'_, 'a>) -> Result<(), JsonError> {
        match key {
            "name" => self.params.name = self.string("name", value)?,
            "uri" => self.params.uri = self.string("uri", value)?,
            "cursor" => self.params.cursor = self.string("cursor", value)?,
            "arguments" => self.params.arguments = self.object("arguments", value)?,
            "requestState" | "inputResponses" => self.params.is_retry = true,
            "_meta" => {
                if value.members(|key, value| self.meta(key, value))?.is_none() {
                    self.note(Malformed::ParamType {
                        member: "_meta",
                        expected: "an object",
                    });
                }
            }
            other => self.session_param(other, value)?,
        }
        Ok(())
    }

    fn session_param(&mut self, key: &str, value: Value<'_, 'a>) -> Result<(), JsonError> {
        match key {
            "protocolVersion" => self.params.session.protocol_version = value.string()?,
            "capabilities" => self.params.session.capabilities = self.capabilities(value)?,
            "clientInfo" => self.params.session.client_info = client_info(value)?,
            "level" => self.params.session.level = value.string()?,
            "requestId" => self.params.session.request_id = RequestId::read(value)?,
            "reason" => self.params.session.reason = value.string()?,
            "progressToken" => self.params.session.progress_token = ProgressToken::read(value)?,
            other => self.unknown_key(other, PARAMS_KEYS),
        }
        Ok(())
    }

    /// `None` if it, or one of those we know, is no object.
    fn capabilities(&mut self, value: Value<'_, 'a>) -> Result<Option<ClientCapabilities<'a>>, JsonError> {
        let mut capabilities = ClientCapabilities::default();
        let mut is_good = true;
        let text = value.members(|key, value| {
            let slot = match key.as_ref() {
                "elicitation" => &mut capabilities.elicitation,
                "sampling" => &mut capabilities.sampling,
                "roots" => &mut capabilities.roots,
                other => {
                    self.unknown_key(other, CAPABILITY_KEYS);
                    return Ok::<_, JsonError>(());
                }
            };
            is_good &= value.kind() == Kind::Object;
            *slot = Some(value.raw()?);
            Ok(())
        })?;
        Ok(text.filter(|_| is_good).map(|_| capabilities))
    }

    fn meta(&mut self, key: Cow<'a, str>, value: Value<'_, 'a>) -> Result<(), JsonError> {
        match key.as_ref() {
            meta_key::PROTOCOL_VERSION => {
                self.params.meta.protocol_version = self.string(meta_key::PROTOCOL_VERSION, value)?;
            }
            meta_key::CLIENT_CAPABILITIES => {
                self.params.meta.has_client_capabilities =
                    self.object(meta_key::CLIENT_CAPABILITIES, value)?.is_some();
            }
            meta_key::CLIENT_INFO => match client_info(value)? {
                Some(info) => self.params.meta.client_info = info,
                None => self.note(Malformed::ParamType {
                    member: meta_key::CLIENT_INFO,
                    expected: "an object",
                }),
            },
            meta_key::LOG_LEVEL => self.params.meta.log_level = self.string(meta_key::LOG_LEVEL, value)?,
            meta_key::PROGRESS_TOKEN => self.progress_token(value)?,
            meta_key::TRACEPARENT => {
                self.params.meta.traceparent = self.string(meta_key::TRACEPARENT, value)?;
            }
            meta_key::TRACESTATE => self.params.meta.tracestate = self.string(meta_key::TRACESTATE, value)?,
            meta_key::BAGGAGE => {}
            other => {
                self.unknown_key(other, META_KEYS);
                self.params.meta.other.push((key, value.raw()?));
            }
        }
        Ok(())
    }

    fn progress_token(&mut self, value: Value<'_, 'a>) -> Result<(), JsonError> {
        self.params.meta.progress_token = ProgressToken::read(value)?;
        if self.params.meta.progress_token.is_none() {
            self.note(Malformed::ParamType {
                member: meta_key::PROGRESS_TOKEN,
                expected: "a string or an integer",
            });
        }
        Ok(())
    }

    fn string(
        &mut self,
        member: &'static str,
        value: Value<'_, 'a>,
    ) -> Result<Option<Cow<'a, str>>, JsonError> {
        let string = value.string()?;
        if string.is_none() {
            self.note(Malformed::ParamType {
                member,
                expected: "a string",
            });
        }
        Ok(string)
    }

    fn object(&mut self, member: &'static str, value: Value<'_, 'a>) -> Result<Option<&'a str>, JsonError> {
        let is_object = value.kind() == Kind::Object;
        let raw = value.raw()?;
        if !is_object {
            self.note(Malformed::ParamType {
                member,
                expected: "an object",
            });
        }
        Ok(is_object.then_some(raw))
    }
}

/// Name and version of a client; `None` if the value is no object.
fn client_info<'a>(value: Value<'_, 'a>) -> Result<Option<ClientInfo<'a>>, JsonError> {
    let mut info = ClientInfo::default();
    let text = value.members(|key, value| {
        match key.as_ref() {
            "name" => info.name = value.string()?,
            "version" => info.version = value.string()?,
            _ => {}
        }
        Ok::<_, JsonError>(())
    })?;
    Ok(text.map(|_| info))
}
