//! The one value of a passing message that we replace.

use std::ops::Range;

use crate::request::RequestId;

/// An id in its message, where it can be replaced and nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdSlot<'a> {
    id: RequestId<'a>,
    message: &'a [u8],
    /// Where the id's text stands in `message`.
    span: Range<usize>,
}

impl<'a> IdSlot<'a> {
    /// The slot of `id`, whose text begins at `offset` in `message`.
    pub(crate) fn new(id: RequestId<'a>, message: &'a [u8], offset: usize) -> Self {
        let span = offset..offset + id.as_raw().len();
        Self { id, message, span }
    }

    /// The id as the sender wrote it.
    #[must_use]
    pub fn id(&self) -> RequestId<'a> {
        self.id
    }

    /// The message with `id` in place of the sender's: every other byte stays.
    #[must_use]
    pub fn with_id(&self, id: RequestId<'_>) -> Vec<u8> {
        let (before, rest) = self.message.split_at(self.span.start);
        let after = &rest[self.span.len()..];
        [before, id.as_raw().as_bytes(), after].concat()
    }
}
