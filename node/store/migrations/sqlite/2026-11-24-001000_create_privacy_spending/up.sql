CREATE TABLE privacy_spending (
    id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    forum TEXT NOT NULL,
    dataflow TEXT NOT NULL,
    stage TEXT NOT NULL,
    epsilon_micro BIGINT NOT NULL CHECK (epsilon_micro > 0),
    at BIGINT NOT NULL
);
CREATE INDEX privacy_spending_dataflow ON privacy_spending (forum, dataflow);
