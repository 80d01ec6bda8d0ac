//! An upstream's answer to `initialize`.

use std::borrow::Cow;

use super::SessionVersion;
use crate::{
    answer::{AnswerFault, Response, Sent},
    json::{Document, Kind, Value},
    request::{RequestId, look_alike},
};

const RESULT_KEYS: &[&str] = &["protocolVersion", "capabilities"];
const CAPABILITY_KEYS: &[&str] = &["tools", "logging"];

/// What an upstream answered to `initialize`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Initialized<'a> {
    /// It has begun a session.
    Result {
        /// The revision it chose.
        version: SessionVersion,
        /// What it can do.
        capabilities: ServerCapabilities,
    },
    /// It has not.
    Error {
        /// The JSON-RPC error code.
        code: i64,
        /// The upstream's words; not ours to trust.
        message: Cow<'a, str>,
    },
}

/// The capabilities of a server that matter to us.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerCapabilities {
    /// It has tools.
    pub tools: bool,
    /// It can be told a log level.
    pub logging: bool,
}

/// Reads one message of an upstream that was sent an `initialize` with this id. `None`: it is another message, a
/// notification or a ping, that may come first on a stream; read on.
///
/// # Errors
/// When the upstream broke the protocol, or chose a revision we do not speak.
pub fn read_initialized<'a>(
    message: &'a [u8],
    id: RequestId<'_>,
) -> Result<Option<Initialized<'a>>, AnswerFault> {
    let response = match Sent::read(message)? {
        Sent::Call(_) => return Ok(None),
        Sent::Response(response) => response,
    };
    match response.to(Some(id))? {
        Response::Result { result, .. } => read_result(result).map(Some),
        Response::Error { code, message } => Ok(Some(Initialized::Error { code, message })),
    }
}

/// `result`: the checked text of an object.
fn read_result(result: &str) -> Result<Initialized<'static>, AnswerFault> {
    let mut version = None;
    let mut capabilities = None;
    Document::new(result.as_bytes())?.read(|value| {
        value.members(|key, value| {
            match key.as_ref() {
                "protocolVersion" => version = value.string()?,
                "capabilities" => capabilities = read_capabilities(value)?,
                other => refuse_look_alike(other, RESULT_KEYS)?,
            }
            Ok::<_, AnswerFault>(())
        })
    })?;
    let version = version.ok_or(AnswerFault::Member("protocolVersion"))?;
    Ok(Initialized::Result {
        version: SessionVersion::parse(&version).ok_or(AnswerFault::UnsupportedVersion)?,
        capabilities: capabilities.ok_or(AnswerFault::Member("capabilities"))?,
    })
}

/// `None` if the value is no object.
fn read_capabilities(value: Value<'_, '_>) -> Result<Option<ServerCapabilities>, AnswerFault> {
    let mut capabilities = ServerCapabilities::default();
    let text = value.members(|key, value| {
        let is_object = value.kind() == Kind::Object;
        match key.as_ref() {
            "tools" => capabilities.tools = is_object,
            "logging" => capabilities.logging = is_object,
            other => refuse_look_alike(other, CAPABILITY_KEYS)?,
        }
        Ok::<_, AnswerFault>(())
    })?;
    Ok(text.map(|_| capabilities))
}

fn refuse_look_alike(key: &str, known: &[&'static str]) -> Result<(), AnswerFault> {
    look_alike(key, known).map_or(Ok(()), |known| Err(AnswerFault::LookAlikeKey(known)))
}
