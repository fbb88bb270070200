DROP TABLE settings; DROP TABLE decisions; DROP TABLE refusals; DROP TABLE peers; DROP TABLE stages;
DROP TABLE release_artefacts; DROP TABLE releases; DROP TABLE evidence; DROP TABLE heads; DROP TABLE hashes;
DROP TABLE leaves; DROP TABLE records; DROP TABLE forums;
