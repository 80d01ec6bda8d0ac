//! Headers that must not be there twice: of two values, who knows which one was meant.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::faults::Faults;

/// A header's value, if it is there.
///
/// # Errors
/// It is there more than once.
pub(crate) fn only<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
    shown: &str,
) -> Result<Option<&'h HeaderValue>, Faults> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (value, None) => Ok(value),
        (_, Some(_)) => Err(Faults::one(shown, "is there twice", "send it once")),
    }
}
