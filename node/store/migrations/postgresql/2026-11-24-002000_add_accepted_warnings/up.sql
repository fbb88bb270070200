-- An empty JSON list.
ALTER TABLE stages ADD COLUMN accepted bytea NOT NULL DEFAULT '\x5b5d';
