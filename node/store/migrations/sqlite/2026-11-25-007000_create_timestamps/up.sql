CREATE TABLE timestamps (
    release TEXT NOT NULL PRIMARY KEY,
    token BLOB NOT NULL,
    received_at BIGINT NOT NULL
);
