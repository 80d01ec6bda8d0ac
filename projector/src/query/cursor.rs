//! Cursors: where in a list a page ended. A position in the list's order, so that what is added elsewhere moves nothing.

use std::str::FromStr;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use onedoor_model::ids::Offset;

use crate::error::QueryError;

/// A place in the order of calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CallCursor {
    /// Unix milliseconds.
    pub(crate) time: i64,
    pub(crate) stream: String,
    pub(crate) partition: u32,
    pub(crate) offset: Offset,
}

/// A place in the order of registry events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistoryCursor(pub(crate) Offset);

impl CallCursor {
    pub(crate) fn write(&self) -> String {
        let Self {
            time,
            stream,
            partition,
            offset,
        } = self;
        URL_SAFE_NO_PAD.encode(format!("calls {time} {stream} {partition} {offset}"))
    }

    pub(crate) fn read(text: &str) -> Result<Self, QueryError> {
        let [time, stream, partition, offset] = fields(text, "calls")?;
        Ok(Self {
            time: number(&time)?,
            stream,
            partition: number(&partition)?,
            offset: Offset(number(&offset)?),
        })
    }
}

impl HistoryCursor {
    pub(crate) fn write(self) -> String {
        URL_SAFE_NO_PAD.encode(format!("history {}", self.0))
    }

    pub(crate) fn read(text: &str) -> Result<Self, QueryError> {
        let [offset] = fields(text, "history")?;
        Ok(Self(Offset(number(&offset)?)))
    }
}

fn fields<const N: usize>(text: &str, list: &str) -> Result<[String; N], QueryError> {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| QueryError::BadCursor)?;
    let text = String::from_utf8(bytes).map_err(|_| QueryError::BadCursor)?;
    let mut fields = text.split(' ').map(str::to_owned);
    if fields.next().as_deref() != Some(list) {
        return Err(QueryError::BadCursor);
    }
    fields
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|_| QueryError::BadCursor)
}

fn number<T: FromStr>(text: &str) -> Result<T, QueryError> {
    text.parse().map_err(|_| QueryError::BadCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_survive_their_text() {
        let cursor = CallCursor {
            time: 1_795_500_000_123,
            stream: "audit".to_owned(),
            partition: 3,
            offset: Offset(u64::MAX),
        };
        assert_eq!(CallCursor::read(&cursor.write()).unwrap(), cursor);
        let cursor = HistoryCursor(Offset(7));
        assert_eq!(HistoryCursor::read(&cursor.write()).unwrap(), cursor);
    }

    #[test]
    fn anything_else_is_refused() {
        let encoded = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for bad in [
            String::new(),
            "%".to_owned(),
            encoded("calls"),
            encoded("calls 1 audit 0"),
            encoded("calls 1 audit 0 0 0"),
            encoded("calls x audit 0 0"),
            encoded("calls 1 audit -1 0"),
            HistoryCursor(Offset(1)).write(),
            URL_SAFE_NO_PAD.encode([0xff, 0xfe]),
        ] {
            assert!(
                matches!(CallCursor::read(&bad), Err(QueryError::BadCursor)),
                "{bad}"
            );
        }
    }
}
