//! Writing JSON objects of our own, with checked values copied in as they are.

/// An object being written: members come in the order of the calls.
#[derive(Debug)]
pub(crate) struct ObjectWriter<'o> {
    out: &'o mut Vec<u8>,
    is_empty: bool,
}

/// Writes the object whose members `fill` gives.
pub(crate) fn object(out: &mut Vec<u8>, fill: impl FnOnce(&mut ObjectWriter<'_>)) {
    out.push(b'{');
    fill(&mut ObjectWriter { out, is_empty: true });
    out.push(b'}');
}

impl ObjectWriter<'_> {
    /// A member whose value is `raw`, checked JSON.
    pub(crate) fn raw(&mut self, key: &str, raw: &str) {
        self.key(key);
        self.out.extend_from_slice(raw.as_bytes());
    }

    /// A member that is a string.
    pub(crate) fn string(&mut self, key: &str, text: &str) {
        self.key(key);
        push_string(self.out, text);
    }

    /// A member that is an object.
    pub(crate) fn object(&mut self, key: &str, fill: impl FnOnce(&mut ObjectWriter<'_>)) {
        self.key(key);
        object(self.out, fill);
    }

    fn key(&mut self, key: &str) {
        if !self.is_empty {
            self.out.push(b',');
        }
        self.is_empty = false;
        push_string(self.out, key);
        self.out.push(b':');
    }
}

fn push_string(out: &mut Vec<u8>, text: &str) {
    #[expect(
        clippy::expect_used,
        reason = "a str is always serializable and a Vec never refuses bytes"
    )]
    serde_json::to_writer(out, text).expect("a string can be written to memory");
}
