-- The projection: what the log says, in tables. Rules for changing it: ../README.md
--
-- The same columns in the same order as in ../sqlite, so that both have the same digest; it sorts by text, byte for byte: hence "C".
-- What is of one day stands in a table of that day, which retention drops as a whole.

-- Which log this is a projection of.
CREATE TABLE meta (
    one    BIGINT PRIMARY KEY CHECK (one = 1),
    log_id TEXT    NOT NULL
);

-- Up to where each partition is projected. Changed in the same transaction as the rows, and only from where it stood.
CREATE TABLE offsets (
    stream    TEXT COLLATE "C" NOT NULL,
    partition BIGINT  NOT NULL,
    next      BIGINT  NOT NULL,
    PRIMARY KEY (stream, partition)
);

------------------------------------------------------------------------------------------------------------------- registry

-- Every event of the stream `registry`, those that did nothing too.
CREATE TABLE registry_history (
    log_offset   BIGINT PRIMARY KEY,
    source       TEXT    NOT NULL,
    event_id     TEXT    NOT NULL,
    time         BIGINT  NOT NULL,
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
    expected     BIGINT,
    verdict      TEXT    NOT NULL CHECK (verdict IN ('effective', 'duplicate', 'refused')),
    conflict     TEXT,
    won          BIGINT,
    UNIQUE (source, event_id)
);
CREATE INDEX registry_history_by_server ON registry_history (server_id, log_offset);
CREATE INDEX registry_history_by_slug ON registry_history (slug, log_offset);

-- A retired server stays, and another one may take its slug.
CREATE TABLE servers (
    server_id           TEXT COLLATE "C" PRIMARY KEY,
    slug                TEXT    NOT NULL,
    owner               TEXT    NOT NULL,
    latest_version      BIGINT  NOT NULL,
    production_version  BIGINT,
    registered_revision BIGINT  NOT NULL,
    changed_revision    BIGINT  NOT NULL,
    disabled_revision   BIGINT,
    retired_revision    BIGINT
);
CREATE UNIQUE INDEX servers_by_slug ON servers (slug) WHERE retired_revision IS NULL;

CREATE TABLE server_versions (
    server_id          TEXT COLLATE "C" NOT NULL,
    version            BIGINT  NOT NULL,
    name               TEXT    NOT NULL,
    owner_version      TEXT    NOT NULL,
    owner              TEXT    NOT NULL,
    url                TEXT    NOT NULL,
    audience           TEXT    NOT NULL,
    manifest           TEXT    NOT NULL,
    digest             TEXT    NOT NULL,
    submitted_revision BIGINT  NOT NULL,
    approved_revision  BIGINT,
    PRIMARY KEY (server_id, version)
);

CREATE TABLE tools (
    server_id TEXT COLLATE "C" NOT NULL,
    version   BIGINT  NOT NULL,
    tool      TEXT COLLATE "C" NOT NULL,
    title     TEXT,
    digest    TEXT    NOT NULL,
    PRIMARY KEY (server_id, version, tool)
);

-- A tool is disabled in every version of its server.
CREATE TABLE disabled_tools (
    server_id         TEXT COLLATE "C" NOT NULL,
    tool              TEXT COLLATE "C" NOT NULL,
    disabled_revision BIGINT  NOT NULL,
    PRIMARY KEY (server_id, tool)
);

CREATE TABLE grants (
    grant_id         TEXT COLLATE "C" PRIMARY KEY,
    issuer           TEXT    NOT NULL,
    tenant           TEXT    NOT NULL,
    subject_kind     TEXT    NOT NULL CHECK (subject_kind IN ('group', 'role')),
    subject          TEXT    NOT NULL,
    server_id        TEXT    NOT NULL,
    tool             TEXT,
    stage            TEXT    NOT NULL,
    changed_revision BIGINT  NOT NULL
);
CREATE INDEX grants_by_server ON grants (server_id);

CREATE TABLE blocks (
    block_id         TEXT COLLATE "C" PRIMARY KEY,
    target           TEXT    NOT NULL CHECK (target IN ('user', 'client')),
    issuer           TEXT    NOT NULL,
    tenant           TEXT,
    user_id          TEXT,
    client           TEXT,
    not_before       BIGINT,
    changed_revision BIGINT  NOT NULL
);

CREATE TABLE issuers (
    name             TEXT COLLATE "C" PRIMARY KEY,
    document         TEXT    NOT NULL,
    changed_revision BIGINT  NOT NULL
);

-- No row until somebody sets some.
CREATE TABLE settings (
    one              BIGINT PRIMARY KEY CHECK (one = 1),
    document         TEXT    NOT NULL,
    changed_revision BIGINT  NOT NULL
);

-- The registry's state, so that nobody has to fold the log from its beginning: at `revision`, `record` being the digest of the event
-- there. It is written now and then, with the rows it goes with.
CREATE TABLE registry_state (
    one      BIGINT PRIMARY KEY CHECK (one = 1),
    revision BIGINT NOT NULL,
    record   TEXT   NOT NULL,
    digest   TEXT   NOT NULL,
    state    TEXT   NOT NULL
);

---------------------------------------------------------------------------------------------------------------------- audit

-- Every call, refused ones too. The log's partition is part of the key, so that no row depends on which one is projected first.
-- `time` is the log's, not the writer's. The table of a day is made by the projector, before it is needed.
CREATE TABLE calls (
    call_id        TEXT COLLATE "C" NOT NULL,
    stream         TEXT COLLATE "C" NOT NULL CHECK (stream IN ('audit', 'denials')),
    partition      BIGINT           NOT NULL,
    log_offset     BIGINT           NOT NULL,
    time           BIGINT           NOT NULL,
    source         TEXT             NOT NULL,
    boot_id        TEXT             NOT NULL,
    trace_id       TEXT,
    operation      TEXT             NOT NULL,
    server_id      TEXT,
    slug           TEXT,
    version        BIGINT,
    stage          TEXT,
    tool           TEXT,
    tool_digest    TEXT,
    issuer         TEXT             NOT NULL,
    tenant         TEXT             NOT NULL,
    user_id        TEXT,
    user_name      TEXT,
    client         TEXT             NOT NULL,
    token_id       TEXT             NOT NULL,
    required_scope TEXT,
    audience       TEXT,
    strategy       TEXT,
    grants         TEXT             NOT NULL,
    revision       BIGINT           NOT NULL,
    arguments_size BIGINT,
    -- Of the first event in offset order that ended the call; all NULL while it is open.
    outcome        TEXT,
    cause          TEXT,
    ended          BIGINT,
    duration_us    BIGINT,
    upstream_us    BIGINT,
    answer_size    BIGINT,
    PRIMARY KEY (call_id, stream, partition, time)
) PARTITION BY RANGE (time);
CREATE INDEX calls_by_time ON calls (time, stream, partition, log_offset);
CREATE INDEX calls_by_slug ON calls (slug, time);
CREATE INDEX calls_by_tool ON calls (tool, time);
CREATE INDEX calls_by_user ON calls (user_id, time);
CREATE INDEX calls_by_user_name ON calls (user_name, time);
CREATE INDEX calls_by_client ON calls (client, time);
CREATE INDEX calls_open ON calls (time, stream, partition, log_offset, boot_id) WHERE outcome IS NULL;

-- Refusals of known callers beyond those that are recorded one by one. No caller: those for whom the writer's table had no room.
CREATE TABLE denial_counts (
    partition  BIGINT NOT NULL,
    log_offset BIGINT NOT NULL,
    source     TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    time       BIGINT NOT NULL,
    issuer     TEXT,
    tenant     TEXT,
    user_id    TEXT,
    user_name  TEXT,
    client     TEXT,
    count      BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    PRIMARY KEY (time, partition, log_offset)
) PARTITION BY RANGE (time);

CREATE TABLE failed_authentications (
    partition  BIGINT NOT NULL,
    log_offset BIGINT NOT NULL,
    source     TEXT   NOT NULL,
    event_id   TEXT   NOT NULL,
    time       BIGINT NOT NULL,
    network    TEXT,
    reason     TEXT   NOT NULL,
    count      BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    until      BIGINT NOT NULL,
    PRIMARY KEY (time, partition, log_offset)
) PARTITION BY RANGE (time);

-- When the log took what a row of a day's table is about. A key of such a table holds its time, and so cannot keep out an event that
-- was appended twice, once before midnight and once after, nor can an outcome say which day's table its call is in: this can. `id` is
-- a call's, or that of the event that counts something, with its source.
CREATE TABLE audit_keys (
    id        TEXT COLLATE "C" NOT NULL,
    stream    TEXT COLLATE "C" NOT NULL,
    partition BIGINT           NOT NULL,
    time      BIGINT           NOT NULL,
    PRIMARY KEY (id, stream, partition)
);
CREATE INDEX audit_keys_by_time ON audit_keys USING brin (time);

-- Outcomes whose call was not there yet. An append that was not acknowledged may turn up later, or never: then this is all there
-- is.
CREATE TABLE early_outcomes (
    call_id     TEXT COLLATE "C" NOT NULL,
    partition   BIGINT           NOT NULL,
    log_offset  BIGINT           NOT NULL,
    outcome     TEXT             NOT NULL,
    cause       TEXT,
    ended       BIGINT           NOT NULL,
    duration_us BIGINT           NOT NULL,
    upstream_us BIGINT,
    answer_size BIGINT           NOT NULL,
    PRIMARY KEY (call_id, partition)
);

-- Runs of the gateway. Open: not closed, or it wrote something after it was closed, and so lives after all.
CREATE TABLE boots (
    boot_id       TEXT COLLATE "C" NOT NULL,
    partition     BIGINT           NOT NULL,
    source        TEXT             NOT NULL,
    software      TEXT,
    opened        BIGINT,
    last_seq      BIGINT           NOT NULL,
    last_offset   BIGINT           NOT NULL,
    closed        BIGINT,
    closed_offset BIGINT,
    how           TEXT,
    PRIMARY KEY (boot_id, partition)
);

-- Days of the audit that are kept no longer: `day` is when it began, `dropped` when that was, `calls` how many there were.
CREATE TABLE dropped_days (
    day     BIGINT PRIMARY KEY,
    dropped BIGINT NOT NULL,
    calls   BIGINT NOT NULL
);

----------------------------------------------------------------------------------------------------------------- projectors

-- Which of the projectors is the active one, and until when, if it does not say so again. By the database's clock.
CREATE TABLE projector_lease (
    one    BIGINT      PRIMARY KEY CHECK (one = 1),
    holder TEXT        NOT NULL,
    until  TIMESTAMPTZ NOT NULL
);
