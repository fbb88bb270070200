DROP INDEX decisions_by_time;
ALTER TABLE decisions DROP COLUMN count;
ALTER TABLE decisions DROP COLUMN purpose;
