ALTER TABLE stages DROP COLUMN accepted;
