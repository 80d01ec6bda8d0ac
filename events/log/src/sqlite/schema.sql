-- One stream, or one partition of it. Rows are only ever added at the end, and in `denials` removed at the start.
CREATE TABLE records (
    -- Gapless from 0.
    offset   INTEGER PRIMARY KEY,
    -- The log's own time: milliseconds since 1970, never decreasing.
    time     INTEGER NOT NULL,
    -- What all records before this one, removed ones included, weigh together: their bytes and 32 for each. The cap is on weight.
    position INTEGER NOT NULL,
    -- Exactly the bytes that were appended.
    event    BLOB NOT NULL
) STRICT;

PRAGMA user_version = 1;
