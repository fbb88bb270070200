CREATE TABLE forums (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    joined_at BIGINT NOT NULL,
    bundle BLOB NOT NULL
);
CREATE TABLE records (
    id TEXT NOT NULL PRIMARY KEY,
    forum TEXT NOT NULL,
    issuer TEXT NOT NULL,
    kind TEXT NOT NULL,
    position BIGINT NOT NULL,
    audience TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    envelope BLOB NOT NULL,
    salt BLOB
);
CREATE UNIQUE INDEX records_by_position ON records (forum, issuer, position);
CREATE TABLE leaves (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    position BIGINT NOT NULL,
    leaf BLOB NOT NULL,
    PRIMARY KEY (forum, member, position)
);
CREATE TABLE hashes (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    position BIGINT NOT NULL,
    hash BLOB NOT NULL,
    PRIMARY KEY (forum, member, position)
);
CREATE TABLE heads (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BLOB NOT NULL,
    checkpoint TEXT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (forum, member)
);
CREATE TABLE evidence (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    checkpoint TEXT NOT NULL,
    against TEXT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (forum, member, checkpoint)
);
CREATE TABLE releases (
    id TEXT NOT NULL PRIMARY KEY,
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    dataflow TEXT NOT NULL,
    title TEXT NOT NULL,
    issued_at BIGINT NOT NULL,
    received_at BIGINT NOT NULL,
    position BIGINT NOT NULL,
    replaces TEXT,
    replaced_by TEXT,
    replaced_at BIGINT,
    withdrawn_at BIGINT,
    rows BIGINT NOT NULL,
    bytes BIGINT NOT NULL,
    period_start TEXT NOT NULL,
    period_end TEXT NOT NULL,
    audience TEXT NOT NULL,
    embargo BIGINT,
    report BLOB
);
CREATE INDEX releases_by_dataflow ON releases (forum, dataflow, member);
CREATE TABLE release_artefacts (
    release TEXT NOT NULL,
    ordinal BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    rows BIGINT NOT NULL,
    PRIMARY KEY (release, ordinal)
);
CREATE INDEX release_artefacts_by_hash ON release_artefacts (sha256);
CREATE TABLE stages (
    id TEXT NOT NULL PRIMARY KEY,
    forum TEXT NOT NULL,
    dataflow TEXT NOT NULL,
    title TEXT NOT NULL,
    source TEXT NOT NULL,
    state TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    intent BLOB NOT NULL,
    operators BLOB NOT NULL,
    report BLOB NOT NULL
);
CREATE TABLE peers (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    last_seen BIGINT NOT NULL,
    PRIMARY KEY (forum, member)
);
CREATE TABLE refusals (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    forum TEXT NOT NULL,
    peer TEXT NOT NULL,
    what TEXT NOT NULL,
    reason TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE TABLE decisions (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    subject TEXT NOT NULL,
    action TEXT NOT NULL,
    resource TEXT NOT NULL,
    allowed BOOLEAN NOT NULL,
    policy TEXT NOT NULL
);
CREATE TABLE settings (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);
INSERT INTO settings (name, value) VALUES ('writer', '0');
