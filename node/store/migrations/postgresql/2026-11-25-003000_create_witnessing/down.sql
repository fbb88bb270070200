DROP TABLE witnessed;
DROP TABLE published_heads;
DROP TABLE cosignatures;
