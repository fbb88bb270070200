//! The example forums' files fit their mappings: no column is amiss, no row has a problem.

use std::collections::BTreeSet;
use std::path::Path;

use chancery_schema::mapping::Mapping;
use chancery_schema::validate::Validator;

#[test]
fn every_example_file_is_valid() {
    let structures = chancery_schema::shared::structures().unwrap();
    let mut rows = 0;
    for example in ["puebla", "budapest"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(example);
        let read = |path: &str| std::fs::read_to_string(folder.join(path)).unwrap();
        let forum: toml::Table = read("forum.toml").parse().unwrap();
        let text = |publication: &toml::Value, key: &str| publication[key].as_str().unwrap().to_owned();
        let publications = forum["publication"].as_array().unwrap().iter();
        let files: BTreeSet<_> = publications.map(|p| (text(p, "mapping"), text(p, "file"))).collect();
        for (mapping, file) in files {
            let mapping = Mapping::parse(&read(&mapping)).unwrap();
            let schema = structures.dataset_schema(&structures.find_dataflow(&mapping.dataflow).unwrap()).unwrap();
            let mut reader = csv::Reader::from_path(folder.join(&file)).unwrap();
            let headings: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
            let mut validator = Validator::new(mapping.bind(&schema, &headings).unwrap());
            let mut row = csv::StringRecord::new();
            while reader.read_record(&mut row).unwrap() {
                validator.push(row.position().unwrap().line(), &row);
            }
            let valid = validator.take().unwrap().num_rows();
            let problems = validator.into_problems();
            assert!(problems.is_empty() && valid > 0, "{example}/{file}: {:?}", problems.first());
            rows += valid;
        }
    }
    assert!(rows > 1_000, "{rows} rows");
}
