//! Whole files through mapping, validation, sorting and rules, as `import` takes them.

mod corruption;
mod formats;
mod totals;
mod traps;
mod written;

use std::path::PathBuf;

use arrow::array::{Array as _, ArrayRef, AsArray as _};
use arrow::datatypes::Float64Type;
use arrow::util::display::array_value_to_string;
use chancery_schema::dataset::DatasetSchema;
use tokio::runtime::Runtime;

use super::check::Checked;
use super::*;
use crate::config::{DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig, NodeConfig, QueryLimits};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// A node without a forum, and what runs it.
struct Bench {
    runtime: Runtime,
    node: Node,
    dir: tempfile::TempDir,
}

/// What a file gave: what was found, and its figures as texts in column order.
struct Given {
    findings: Findings,
    rows: Vec<Vec<String>>,
    total: f64,
}

impl Bench {
    fn new() -> Self {
        let member = MemberConfig { id: "GTM".to_owned(), name: "A".to_owned(), role: "member-state".to_owned() };
        let config = NodeConfig {
            member,
            http: HttpConfig::default(),
            network: NetworkConfig::default(),
            database: DatabaseConfig::default(),
            query: QueryLimits::default(),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let node = runtime.block_on(Node::open(dir.path(), config)).unwrap();
        Self { runtime, node, dir }
    }

    /// A place for a file.
    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn schema(&self, dataflow: &str) -> DatasetSchema {
        self.node.dataset_schema(dataflow).unwrap()
    }

    /// Takes a file, or the mapping's query, through all checks.
    fn check(&self, mapping: &str, file: Option<&Path>) -> std::result::Result<Given, String> {
        let mapping = Mapping::parse(mapping).map_err(|errors| all_of("the mapping", &errors).to_string())?;
        let schema = self.schema(&mapping.dataflow);
        let (checks, progress) = (Checks::default(), Progress::default());
        let checked = self.runtime.block_on(self.node.check_file(file, mapping, &schema, &checks, progress));
        let Checked { staged, findings, .. } = checked.map_err(|error| error.to_string())?;
        let mut given = Given { findings, rows: Vec::new(), total: 0.0 };
        for batch in chancery_query::artefact::read(&staged).unwrap() {
            let batch = batch.unwrap();
            let values = batch.column(schema.measure_index()).as_primitive::<Float64Type>();
            given.total += values.iter().flatten().sum::<f64>();
            let text = |row, column: &ArrayRef| match column.as_primitive_opt::<Float64Type>() {
                Some(values) => {
                    if values.is_valid(row) {
                        values.value(row).to_string()
                    } else {
                        String::new()
                    }
                }
                None => array_value_to_string(column, row).unwrap(),
            };
            let row = |row| batch.columns().iter().map(|column| text(row, column)).collect();
            given.rows.extend((0..batch.num_rows()).map(row));
        }
        Ok(given)
    }
}
