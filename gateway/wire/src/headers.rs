//! The headers of an MCP request over HTTP (2026-07-28, "Request Metadata"; SEP-2243): checked against the body on
//! the way in, written from it on the way out.
//!
//! In the order of use: [`check_transport`] before the body is read, [`check_request`] once it is,
//! [`check_params`] once the tool is known, [`outgoing`] for the upstream. Those of a session: [`crate::session`].

mod agree;
mod outgoing;
mod params;
#[cfg(test)]
pub(crate) mod tests;
mod transport;
mod value;

use http::HeaderMap;

pub(crate) use agree::check_if_sent;
pub use agree::check_request;
pub use outgoing::outgoing;
pub use params::{HeaderParam, ParamHeaders, check_params};
pub(crate) use transport::accepts;
pub use transport::check_transport;
pub use value::{decode, encode};

use crate::malformed::Malformed;

/// The revision the request is written in.
pub const PROTOCOL_VERSION: &str = "MCP-Protocol-Version";
/// Mirrors `method`.
pub const METHOD: &str = "Mcp-Method";
/// Mirrors `params.name` or `params.uri`.
pub const NAME: &str = "Mcp-Name";
/// Prefix of the headers that mirror arguments.
pub const PARAM_PREFIX: &str = "Mcp-Param-";

/// The value of an MCP header, without white space around it; `None` if it is not there.
pub(crate) fn single<'h>(headers: &'h HeaderMap, name: &str) -> Result<Option<&'h str>, Malformed> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(Malformed::HeaderRepeated(name.to_owned()));
    }
    let text = value
        .to_str()
        .map_err(|_| Malformed::HeaderUnreadable(name.to_owned()))?;
    Ok(Some(text.trim_matches([' ', '\t'])))
}
