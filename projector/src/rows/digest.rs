//! The digest of a projection: the same for equal rows, in whichever database.

use onedoor_model::ids::Digest;

use super::statement::Value;

/// Every table that says what the log says, each in an order of its own. Not among them is what depends on when it was written: the
/// kept registry state, the lease, notes of retention; and what is found in the rows of another table.
pub(crate) const TABLES: [(&str, &str); 16] = [
    ("blocks", "SELECT * FROM blocks ORDER BY block_id"),
    ("boots", "SELECT * FROM boots ORDER BY boot_id, partition"),
    (
        "calls",
        "SELECT * FROM calls ORDER BY time, stream, partition, log_offset",
    ),
    (
        "denial_counts",
        "SELECT * FROM denial_counts ORDER BY time, partition, log_offset",
    ),
    (
        "disabled_tools",
        "SELECT * FROM disabled_tools ORDER BY server_id, tool",
    ),
    (
        "early_outcomes",
        "SELECT * FROM early_outcomes ORDER BY call_id, partition",
    ),
    (
        "failed_authentications",
        "SELECT * FROM failed_authentications ORDER BY time, partition, log_offset",
    ),
    ("grants", "SELECT * FROM grants ORDER BY grant_id"),
    ("issuers", "SELECT * FROM issuers ORDER BY name"),
    ("meta", "SELECT * FROM meta ORDER BY one"),
    ("offsets", "SELECT * FROM offsets ORDER BY stream, partition"),
    (
        "registry_history",
        "SELECT * FROM registry_history ORDER BY log_offset",
    ),
    (
        "server_versions",
        "SELECT * FROM server_versions ORDER BY server_id, version",
    ),
    ("servers", "SELECT * FROM servers ORDER BY server_id"),
    ("settings", "SELECT * FROM settings ORDER BY one"),
    ("tools", "SELECT * FROM tools ORDER BY server_id, version, tool"),
];

/// The rows of one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableDigest {
    pub(crate) table: &'static str,
    pub(crate) rows: u64,
    pub(crate) digest: Digest,
}

impl TableDigest {
    pub(crate) fn empty(table: &'static str) -> Self {
        Self {
            table,
            rows: 0,
            digest: Digest::of(table.as_bytes()),
        }
    }

    /// Takes the next row.
    pub(crate) fn add(&mut self, row: &[Value<'_>]) {
        self.rows += 1;
        self.digest = chained(self.digest, &bytes(row));
    }
}

/// The digest over all tables.
pub(crate) fn whole(tables: &[TableDigest]) -> Digest {
    tables.iter().fold(Digest::of(b""), |digest, table| {
        chained(digest, table.digest.as_bytes())
    })
}

fn chained(before: Digest, bytes: &[u8]) -> Digest {
    Digest::of(&[before.as_bytes().as_slice(), bytes].concat())
}

/// A row's values, written so that no two rows are alike unless they are equal.
fn bytes(row: &[Value<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |kind: u8, content: &[u8]| {
        bytes.push(kind);
        bytes.extend((content.len() as u64).to_be_bytes());
        bytes.extend(content);
    };
    for value in row {
        match value {
            Value::Text(Some(text)) => put(b't', text.as_bytes()),
            Value::Integer(Some(number)) => put(b'i', &number.to_be_bytes()),
            Value::Text(None) | Value::Integer(None) => put(b'n', &[]),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rows::statement::row;

    #[test]
    fn rows_are_alike_only_where_they_are_equal() {
        let rows = [
            row!["a", "b"],
            row!["ab", ""],
            row!["ab"],
            row!["a", Option::<&str>::None, "b"],
            row![1_u64, 2_u64],
            row!["1", "2"],
            row![Option::<u64>::None],
        ];
        for (index, row) in rows.iter().enumerate() {
            for other in &rows[..index] {
                assert_ne!(bytes(row), bytes(other));
            }
        }
        assert_eq!(
            bytes(&[Value::Integer(None)]),
            bytes(&[Value::Text(None)]),
            "SQLite's NULLs have no kind"
        );
    }

    #[test]
    fn the_order_of_rows_and_of_tables_counts() {
        let table = |rows: &[&str]| {
            let mut digest = TableDigest::empty("calls");
            for row in rows {
                digest.add(&[Value::from(*row)]);
            }
            digest
        };
        assert_eq!(table(&["a", "b"]), table(&["a", "b"]));
        assert_ne!(table(&["a", "b"]), table(&["b", "a"]));
        let [first, second] = [table(&["a"]), TableDigest::empty("boots")];
        assert_ne!(whole(&[first, second]), whole(&[second, first]));
    }
}
