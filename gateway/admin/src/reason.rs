//! Why a command is given, in its giver's words: kept with the event, for those who read histories.

use std::borrow::Cow;

use http::{HeaderMap, HeaderName};
use percent_encoding::percent_decode_str;

use crate::{
    faults::Faults,
    header,
    text::{FromText, Wrong},
};

/// The header that says it where the body does not: percent-encoded UTF-8.
pub(crate) const HEADER: HeaderName = HeaderName::from_static("onedoor-reason");
/// The header's name as people write it.
pub(crate) const NAME: &str = "Onedoor-Reason";
/// The most characters.
pub(crate) const MAX_CHARS: usize = 1_000;

/// Free text of 1 to [`MAX_CHARS`] characters. Without control characters, but for tabs and line breaks: it is shown on terminals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Why(String);

impl FromText for Why {
    fn from_text(text: &str) -> Result<Self, Wrong> {
        let chars = text.chars().count();
        if !(1..=MAX_CHARS).contains(&chars) {
            let message = format!("has {chars} characters");
            return Err(Wrong {
                message,
                hint: format!("say it in 1 to {MAX_CHARS} characters"),
            });
        }
        if text
            .chars()
            .any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
        {
            return Err(Wrong {
                message: "has control characters".to_owned(),
                hint: "leave them out".to_owned(),
            });
        }
        Ok(Self(text.to_owned()))
    }
}

impl From<Why> for String {
    fn from(why: Why) -> Self {
        why.0
    }
}

/// What the header says, if it is there.
///
/// # Errors
/// It is not a reason.
pub(crate) fn read(headers: &HeaderMap) -> Result<Option<Why>, Faults> {
    let Some(value) = header::only(headers, &HEADER, NAME)? else {
        return Ok(None);
    };
    let fault = |message: &str| Faults::one(NAME, message, "percent-encode it, as UTF-8");
    let text = value
        .to_str()
        .map_err(|_| fault("has characters that are not ASCII"))?;
    let text: Cow<'_, str> = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| fault("is not UTF-8"))?;
    Why::from_text(&text)
        .map(Some)
        .map_err(|Wrong { message, hint }| Faults::one(NAME, message, hint))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn header(value: &str) -> Result<Option<Why>, Faults> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_str(value).unwrap());
        read(&headers)
    }

    #[test]
    fn a_reason_is_read_plain_and_percent_encoded() {
        let why = |text: &str| Some(Why(text.to_owned()));
        assert_eq!(read(&HeaderMap::new()), Ok(None));
        assert_eq!(header("leaked a key, INC-7"), Ok(why("leaked a key, INC-7")));
        assert_eq!(header("Schl%C3%BCssel"), Ok(why("Schlüssel")));
        assert_eq!(header("100% sure"), Ok(why("100% sure")));
    }

    #[test]
    fn what_is_no_reason_is_refused() {
        for bad in ["", "%00", "a%1b[31m", "%ff", &"x".repeat(MAX_CHARS + 1)] {
            assert!(header(bad).is_err(), "{bad}");
        }
        assert!(header(&"x".repeat(MAX_CHARS)).is_ok());
    }
}
