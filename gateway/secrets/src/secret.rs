//! A secret that was read.

use std::{fmt, sync::Arc};

/// The bytes of a secret. Cheap to clone; never printed.
#[derive(Clone)]
pub struct Secret(Arc<[u8]>);

impl Secret {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self(bytes.into())
    }

    /// The bytes as they are stored. They must reach no log, no event, no answer.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The secret as text, without the line end that editors and `echo` leave behind it; `None` where it is no UTF-8.
    #[must_use]
    pub fn expose_text(&self) -> Option<&str> {
        let text = std::str::from_utf8(&self.0).ok()?;
        let line = text.strip_suffix('\n').unwrap_or(text);
        Some(line.strip_suffix('\r').unwrap_or(line))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_end_is_not_part_of_the_text() {
        for (stored, text) in [
            ("s3cret", "s3cret"),
            ("s3cret\n", "s3cret"),
            ("s3cret\r\n", "s3cret"),
            (" s3cret \n\n", " s3cret \n"),
            ("a\nb", "a\nb"),
        ] {
            let secret = Secret::new(stored.into());
            assert_eq!(secret.expose_text(), Some(text), "{stored:?}");
            assert_eq!(secret.expose(), stored.as_bytes());
        }
        assert_eq!(Secret::new(vec![0xff]).expose_text(), None);
    }

    #[test]
    fn it_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new(b"s3cret".to_vec())), "Secret(…)");
    }
}
