//! What `show --format json` gives can be edited and given back: its version, which the API tells but does not take, then says
//! what was edited. So a change that came in between is not overwritten.

use bytes::Bytes;
use serde_json::Value;

use super::{answer::Unintelligible, etag::ETag};

/// A document to put in place of another.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Edited {
    pub(super) document: Bytes,
    /// The version that was edited, where the document says.
    pub(super) version: Option<ETag>,
}

impl Edited {
    /// Takes version and last change off. A document without them stays as it is, byte for byte; whether it is valid is for the API
    /// to say.
    pub(super) fn of(document: Bytes) -> Result<Self, Unintelligible> {
        let Ok(Value::Object(mut members)) = serde_json::from_slice(&document) else {
            return Ok(Self {
                document,
                version: None,
            });
        };
        let Some(version) = members.remove("version").as_ref().and_then(Value::as_u64) else {
            return Ok(Self {
                document,
                version: None,
            });
        };
        members.remove("changed");
        Ok(Self {
            document: serde_json::to_vec(&members)?.into(),
            version: Some(ETag::of(version)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(document: &'static str) -> (String, Option<ETag>) {
        let Edited { document, version } = Edited::of(Bytes::from_static(document.as_bytes())).unwrap();
        (String::from_utf8(document.to_vec()).unwrap(), version)
    }

    #[test]
    fn a_shown_document_tells_which_version_was_edited() {
        let shown = r#"{"tokenBSeconds": 60, "version": 17, "changed": {"revision": 17, "time": "t"}}"#;
        assert_eq!(
            of(shown),
            (r#"{"tokenBSeconds":60}"#.to_owned(), Some(ETag::of(17)))
        );
    }

    #[test]
    fn any_other_document_is_sent_as_it_is() {
        for other in [
            r#"{ "tokenBSeconds": 60 }"#,
            r#"{"version": "x", "a": 1}"#,
            "[1]",
            "{",
            "",
        ] {
            assert_eq!(of(other), (other.to_owned(), None));
        }
    }
}
