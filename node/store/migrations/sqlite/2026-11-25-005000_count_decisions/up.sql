ALTER TABLE decisions ADD COLUMN purpose TEXT NOT NULL DEFAULT '';
ALTER TABLE decisions ADD COLUMN count BIGINT NOT NULL DEFAULT 1;
CREATE INDEX decisions_by_time ON decisions (at, resource);
