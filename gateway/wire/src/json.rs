//! A strict reader of JSON (RFC 8259) that goes over the text once and builds nothing.
//!
//! The caller visits the members it knows, at the depths it knows; everything else is skipped, as strictly.
//! Refused beyond RFC 8259: a byte order mark, duplicate keys at any depth (compared after unescaping), lone
//! surrogates, numbers no double can hold, nesting deeper than the limit.

mod fault;
mod keys;
mod number;
#[cfg(test)]
mod oracle;
mod reader;
mod scan;
mod string;
#[cfg(test)]
mod tests;
pub(crate) mod write;

pub use fault::{JsonError, JsonFault};
pub use number::Decimal;
pub use reader::{Document, Kind, Value};

/// Deepest nesting of objects and arrays that is read unless a limit says otherwise (design.md, limits).
pub const MAX_DEPTH: usize = 64;
