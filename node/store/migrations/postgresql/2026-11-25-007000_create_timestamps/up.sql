CREATE TABLE timestamps (
    release TEXT NOT NULL PRIMARY KEY,
    token BYTEA NOT NULL,
    received_at BIGINT NOT NULL
);
