-- The projection: what the log says, in tables. Rules for changing it: ../README.md

-- "1dor": tells this file from every other SQLite database.
PRAGMA application_id = 828665714;

-- Which log this is a projection of.
CREATE TABLE meta (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    log_id TEXT    NOT NULL
) STRICT;

-- Up to where each partition is projected. Changed in the same transaction as the rows, and only from where it stood.
CREATE TABLE offsets (
    stream    TEXT    NOT NULL,
    partition INTEGER NOT NULL,
    next      INTEGER NOT NULL,
    PRIMARY KEY (stream, partition)
) STRICT, WITHOUT ROWID;

------------------------------------------------------------------------------------------------------------------- registry

-- Every event of the stream `registry`, those that did nothing too.
CREATE TABLE registry_history (
    log_offset   INTEGER PRIMARY KEY,
    source       TEXT    NOT NULL,
    event_id     TEXT    NOT NULL,
    time         INTEGER NOT NULL,
    kind         TEXT    NOT NULL,
    aggregate    TEXT    NOT NULL CHECK (aggregate IN ('log', 'server', 'grant', 'block', 'issuer', 'settings')),
    aggregate_id TEXT    NOT NULL,
    server_id    TEXT,
    slug         TEXT,
    change       TEXT    NOT NULL,
    actor        TEXT,
    reason       TEXT,
    command_id   TEXT    NOT NULL,
    route        TEXT    NOT NULL,
    expected     INTEGER,
    verdict      TEXT    NOT NULL CHECK (verdict IN ('effective', 'duplicate', 'refused')),
    conflict     TEXT,
    won          INTEGER,
    UNIQUE (source, event_id)
) STRICT;
CREATE INDEX registry_history_by_server ON registry_history (server_id, log_offset);
CREATE INDEX registry_history_by_slug ON registry_history (slug, log_offset);

-- A retired server stays, and another one may take its slug.
CREATE TABLE servers (
    server_id           TEXT    PRIMARY KEY,
    slug                TEXT    NOT NULL,
    owner               TEXT    NOT NULL,
    latest_version      INTEGER NOT NULL,
    production_version  INTEGER,
    registered_revision INTEGER NOT NULL,
    changed_revision    INTEGER NOT NULL,
    disabled_revision   INTEGER,
    retired_revision    INTEGER
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX servers_by_slug ON servers (slug) WHERE retired_revision IS NULL;

CREATE TABLE server_versions (
    server_id          TEXT    NOT NULL,
    version            INTEGER NOT NULL,
    name               TEXT    NOT NULL,
    owner_version      TEXT    NOT NULL,
    owner              TEXT    NOT NULL,
    url                TEXT    NOT NULL,
    audience           TEXT    NOT NULL,
    manifest           TEXT    NOT NULL,
    digest             TEXT    NOT NULL,
    submitted_revision INTEGER NOT NULL,
    approved_revision  INTEGER,
    PRIMARY KEY (server_id, version)
) STRICT;

CREATE TABLE tools (
    server_id TEXT    NOT NULL,
    version   INTEGER NOT NULL,
    tool      TEXT    NOT NULL,
    title     TEXT,
    digest    TEXT    NOT NULL,
    PRIMARY KEY (server_id, version, tool)
) STRICT, WITHOUT ROWID;

-- A tool is disabled in every version of its server.
CREATE TABLE disabled_tools (
    server_id         TEXT    NOT NULL,
    tool              TEXT    NOT NULL,
    disabled_revision INTEGER NOT NULL,
    PRIMARY KEY (server_id, tool)
) STRICT, WITHOUT ROWID;

CREATE TABLE grants (
    grant_id         TEXT    PRIMARY KEY,
    issuer           TEXT    NOT NULL,
    tenant           TEXT    NOT NULL,
    subject_kind     TEXT    NOT NULL CHECK (subject_kind IN ('group', 'role')),
    subject          TEXT    NOT NULL,
    server_id        TEXT    NOT NULL,
    tool             TEXT,
    stage            TEXT    NOT NULL,
    changed_revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX grants_by_server ON grants (server_id);

CREATE TABLE blocks (
    block_id         TEXT    PRIMARY KEY,
    target           TEXT    NOT NULL CHECK (target IN ('user', 'client')),
    issuer           TEXT    NOT NULL,
    tenant           TEXT,
    user_id          TEXT,
    client           TEXT,
    not_before       INTEGER,
    changed_revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE issuers (
    name             TEXT    PRIMARY KEY,
    document         TEXT    NOT NULL,
    changed_revision INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- No row until somebody sets some.
CREATE TABLE settings (
    one              INTEGER PRIMARY KEY CHECK (one = 1),
    document         TEXT    NOT NULL,
    changed_revision INTEGER NOT NULL
) STRICT;

---------------------------------------------------------------------------------------------------------------------- audit

-- Every call, refused ones too. The partition is part of the key, so that no row depends on which partition is projected first.
-- `time` is the log's, not the writer's: it never decreases within a partition, so that a past range never gains a call.
CREATE TABLE calls (
    call_id        TEXT    NOT NULL,
    stream         TEXT    NOT NULL CHECK (stream IN ('audit', 'denials')),
    partition      INTEGER NOT NULL,
    log_offset     INTEGER NOT NULL,
    time           INTEGER NOT NULL,
    source         TEXT    NOT NULL,
    boot_id        TEXT    NOT NULL,
    trace_id       TEXT,
    operation      TEXT    NOT NULL,
    server_id      TEXT,
    slug           TEXT,
    version        INTEGER,
    stage          TEXT,
    tool           TEXT,
    tool_digest    TEXT,
    issuer         TEXT    NOT NULL,
    tenant         TEXT    NOT NULL,
    user_id        TEXT,
    user_name      TEXT,
    client         TEXT    NOT NULL,
    token_id       TEXT    NOT NULL,
    required_scope TEXT,
    audience       TEXT,
    strategy       TEXT,
    grants         TEXT    NOT NULL,
    revision       INTEGER NOT NULL,
    arguments_size INTEGER,
    -- Of the first event in offset order that ended the call; all NULL while it is open.
    outcome        TEXT,
    cause          TEXT,
    ended          INTEGER,
    duration_us    INTEGER,
    upstream_us    INTEGER,
    answer_size    INTEGER,
    PRIMARY KEY (call_id, stream, partition)
) STRICT;
CREATE INDEX calls_by_time ON calls (time, stream, partition, log_offset);
CREATE INDEX calls_by_slug ON calls (slug, time);
CREATE INDEX calls_by_tool ON calls (tool, time);
CREATE INDEX calls_by_user ON calls (user_id, time);
CREATE INDEX calls_by_user_name ON calls (user_name, time);
CREATE INDEX calls_by_client ON calls (client, time);
CREATE INDEX calls_open ON calls (time, stream, partition, log_offset, boot_id) WHERE outcome IS NULL;

-- Outcomes whose call was not there yet. An append that was not acknowledged may turn up later, or never: then this is all there
-- is.
CREATE TABLE early_outcomes (
    call_id     TEXT    NOT NULL,
    partition   INTEGER NOT NULL,
    log_offset  INTEGER NOT NULL,
    outcome     TEXT    NOT NULL,
    cause       TEXT,
    ended       INTEGER NOT NULL,
    duration_us INTEGER NOT NULL,
    upstream_us INTEGER,
    answer_size INTEGER NOT NULL,
    PRIMARY KEY (call_id, partition)
) STRICT, WITHOUT ROWID;

-- Runs of the gateway. Open: not closed, or it wrote something after it was closed, and so lives after all.
CREATE TABLE boots (
    boot_id       TEXT    NOT NULL,
    partition     INTEGER NOT NULL,
    source        TEXT    NOT NULL,
    software      TEXT,
    opened        INTEGER,
    last_seq      INTEGER NOT NULL,
    last_offset   INTEGER NOT NULL,
    closed        INTEGER,
    closed_offset INTEGER,
    how           TEXT,
    PRIMARY KEY (boot_id, partition)
) STRICT, WITHOUT ROWID;

-- Refusals of known callers beyond those that are recorded one by one. No caller: those for whom the writer's table had no room.
CREATE TABLE denial_counts (
    partition  INTEGER NOT NULL,
    log_offset INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    event_id   TEXT    NOT NULL,
    time       INTEGER NOT NULL,
    issuer     TEXT,
    tenant     TEXT,
    user_id    TEXT,
    user_name  TEXT,
    client     TEXT,
    count      INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    PRIMARY KEY (partition, source, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX denial_counts_by_time ON denial_counts (time);

CREATE TABLE failed_authentications (
    partition  INTEGER NOT NULL,
    log_offset INTEGER NOT NULL,
    source     TEXT    NOT NULL,
    event_id   TEXT    NOT NULL,
    time       INTEGER NOT NULL,
    network    TEXT,
    reason     TEXT    NOT NULL,
    count      INTEGER NOT NULL,
    since      INTEGER NOT NULL,
    until      INTEGER NOT NULL,
    PRIMARY KEY (partition, source, event_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX failed_authentications_by_time ON failed_authentications (time);
