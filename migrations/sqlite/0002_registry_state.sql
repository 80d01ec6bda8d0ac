-- The registry's state, so that nobody has to fold the log from its beginning: at `revision`, `record` being the digest of the event
-- there. It is written now and then, with the rows it goes with.
CREATE TABLE registry_state (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    revision INTEGER NOT NULL,
    record   TEXT    NOT NULL,
    digest   TEXT    NOT NULL,
    state    TEXT    NOT NULL
) STRICT;
