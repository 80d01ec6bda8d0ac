//! What the door reads off the wire, and what it writes: strict JSON, JSON-RPC, MCP headers, server-sent
//! events, trace context, token text.
//!
//! Everything here is pure: bytes in, values or faults out. Nothing is trusted, and what is read is read strictly
//! and once: two readers of the same bytes must never see two different messages. The revisions of MCP are
//! [`PROTOCOL_VERSION`], which is stateless, and those with sessions ([`session::SessionVersion`]).

pub mod answer;
pub mod bearer;
pub mod headers;
pub mod json;
pub mod jwt;
pub mod malformed;
pub mod reply;
pub mod request;
pub mod session;
pub mod sse;
pub mod trace;
pub mod upstream_request;

/// The stateless revision of MCP.
pub const PROTOCOL_VERSION: &str = "2026-07-28";

/// `_meta` keys of the protocol (MCP 2026-07-28, "General fields").
pub mod meta_key {
    /// The revision the request is written in; required on every request.
    pub const PROTOCOL_VERSION: &str = "io.modelcontextprotocol/protocolVersion";
    /// Name and version of the client, unverified.
    pub const CLIENT_INFO: &str = "io.modelcontextprotocol/clientInfo";
    /// What the client can do for the server; required on every request.
    pub const CLIENT_CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
    /// Least severe log level the client wants to be sent.
    pub const LOG_LEVEL: &str = "io.modelcontextprotocol/logLevel";
    /// Token that progress notifications for the request carry.
    pub const PROGRESS_TOKEN: &str = "progressToken";
    /// W3C trace context, SEP-414.
    pub const TRACEPARENT: &str = "traceparent";
    /// W3C trace context, SEP-414.
    pub const TRACESTATE: &str = "tracestate";
    /// W3C baggage, SEP-414.
    pub const BAGGAGE: &str = "baggage";
}
