CREATE INDEX records_by_kind ON records (forum, kind, issuer, position);
