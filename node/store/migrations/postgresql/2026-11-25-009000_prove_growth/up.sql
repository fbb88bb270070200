-- What shows that two heads of different sizes contradict each other, JSON; empty for two of one size.
ALTER TABLE evidence ADD COLUMN proof TEXT NOT NULL DEFAULT '';
