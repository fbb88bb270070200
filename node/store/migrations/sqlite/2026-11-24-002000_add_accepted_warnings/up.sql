-- An empty JSON list.
ALTER TABLE stages ADD COLUMN accepted blob NOT NULL DEFAULT X'5b5d';
