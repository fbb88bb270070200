-- The newest cosignature of each witness on each log.
CREATE TABLE cosignatures (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    witness TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    at BIGINT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (forum, member, witness)
);
-- The newest head of each log that enough witnesses have cosigned.
CREATE TABLE published_heads (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    checkpoint TEXT NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (forum, member)
);
-- What this node's own witness cosigned last of each log.
CREATE TABLE witnessed (
    forum TEXT NOT NULL,
    member TEXT NOT NULL,
    size BIGINT NOT NULL,
    root BYTEA NOT NULL,
    at BIGINT NOT NULL,
    PRIMARY KEY (forum, member)
);
