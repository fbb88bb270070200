//! Proposes a mapping from a file's headings and first rows. What it is not sure of it says in comments: a statistician decides.

mod fit;
mod write;

use std::collections::HashSet;
use std::fmt::Write as _;

use fit::{assign, wide};
use write::{write_column, write_constant, write_options};

use crate::dataset::{Component, DatasetSchema, OBS_VALUE, TIME_PERIOD};

/// Most different texts of a column that are looked at.
const MAX_TEXTS: usize = 2_000;
/// The code list of areas.
const AREAS: &str = "CL_AREA";

/// What a file looks like: the different texts of each column, as they come.
pub struct Sample {
    columns: Vec<(String, Vec<String>)>,
    seen: Vec<HashSet<String>>,
}

impl Sample {
    /// Columns without texts so far.
    pub fn new(headings: &[String]) -> Self {
        let columns = headings.iter().map(|heading| (heading.clone(), Vec::new())).collect();
        Self { columns, seen: vec![HashSet::new(); headings.len()] }
    }

    /// Looks at a row.
    pub fn look<'a>(&mut self, row: impl Iterator<Item = &'a str>) {
        for (((_, texts), seen), text) in self.columns.iter_mut().zip(&mut self.seen).zip(row) {
            let text = text.trim();
            if !text.is_empty() && texts.len() < MAX_TEXTS && !seen.contains(text) {
                seen.insert(text.to_owned());
                texts.push(text.to_owned());
            }
        }
    }
}

/// The mapping, TOML. `file` names what was looked at.
pub fn propose(schema: &DatasetSchema, sample: &Sample, file: &str) -> String {
    let components: Vec<&Component> = schema.components().collect();
    let wide: Vec<usize> = wide(sample);
    let fits = assign(&components, sample, &wide);
    let mut out = format!(
        "# Proposed for `{}`, from its headings and first rows. Look at every line, above all at the doubts, and try it:\n\
         # chancery map test THIS.toml FILE\ndataflow = {}\n",
        one_line(file),
        quoted(&schema.dataflow.to_string())
    );
    let figures = fits.iter().find(|fit| components[fit.component].id == OBS_VALUE);
    let figures: Vec<&str> =
        figures.map(|fit| fit.column).into_iter().chain(wide.iter().copied()).flat_map(|c| texts(sample, c)).collect();
    write_options(&mut out, &figures);
    if !wide.is_empty() {
        let columns: Vec<String> = wide.iter().map(|column| quoted(&sample.columns[*column].0)).collect();
        _ = write!(out, "\n[unpivot]\ncolumns = [{}]\ninto = [\"period\"]\nvalue = \"figure\"\n", columns.join(", "));
    }
    out.push_str("\n[components]\n");
    for (index, component) in components.iter().enumerate() {
        match fits.iter().find(|fit| fit.component == index) {
            _ if !wide.is_empty() && component.id == TIME_PERIOD => {
                out.push_str("TIME_PERIOD = { column = \"period\" }\n")
            }
            _ if !wide.is_empty() && component.id == OBS_VALUE => out.push_str("OBS_VALUE = { column = \"figure\" }\n"),
            Some(fit) => write_column(&mut out, component, sample, fit),
            None => write_constant(&mut out, component, sample, &fits, &components, &wide, file),
        }
    }
    let unused = (0..sample.columns.len()).filter(|c| !wide.contains(c) && !fits.iter().any(|fit| fit.column == *c));
    let unused: Vec<String> = unused.map(|column| format!("`{}`", one_line(&sample.columns[column].0))).collect();
    if !unused.is_empty() {
        _ = writeln!(out, "\n# doubt: these columns are not used: {}", unused.join(", "));
    }
    out
}

fn texts(sample: &Sample, column: usize) -> impl Iterator<Item = &str> {
    sample.columns.get(column).into_iter().flat_map(|(_, texts)| texts.iter().map(String::as_str))
}

/// A text on one line of a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect()
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::{Mapping, System};
    use super::*;
    use crate::shared;

    fn proposed(dataflow: &str, table: &[&[&str]]) -> (String, Mapping) {
        let structures = shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow(dataflow).unwrap()).unwrap();
        let headings: Vec<String> = table[0].iter().map(|h| (*h).to_owned()).collect();
        let mut sample = Sample::new(&headings);
        table[1..].iter().for_each(|row| sample.look(row.iter().copied()));
        let text = propose(&schema, &sample, "a \"file\"\n.csv");
        let mapping = Mapping::parse(&text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
        mapping.bind(&schema, &headings).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
        (text, mapping)
    }

    fn column<'a>(mapping: &'a Mapping, component: &str) -> Option<&'a str> {
        mapping.components[component].column.as_deref()
    }

    #[test]
    fn columns_are_known_by_their_headings_and_texts() {
        let table: &[&[&str]] = &[
            &["t", "sexe", "origin", "geo", "n"],
            &["2020-01", "Femmes", "MEX", "GTM", "1,5"],
            &["2020-02", "Hommes", "HND", "GTM", "<5"],
        ];
        let (text, mapping) = proposed("RETURNS", table);
        assert_eq!(column(&mapping, "TIME_PERIOD"), Some("t"));
        assert_eq!(column(&mapping, "SEX"), Some("sexe"));
        assert_eq!(mapping.components["SEX"].names.as_deref(), Some("any"));
        assert_eq!((column(&mapping, "ORIGIN"), column(&mapping, "OBS_VALUE")), (Some("origin"), Some("n")));
        assert_eq!((column(&mapping, "REF_AREA"), column(&mapping, "DESTINATION")), (Some("geo"), Some("geo")));
        assert_eq!(mapping.components["FREQ"].value.as_deref(), Some("M"));
        assert_eq!((mapping.options.decimal, mapping.options.marks["<5"].as_str()), (Some(','), "Q"));
        assert!(text.contains("# doubt: these are taken for suppressed figures"), "{text}");
    }

    #[test]
    fn codes_of_another_system_are_said_to_be_so() {
        let table: &[&[&str]] = &[
            &["year", "coo", "coa", "refugees"],
            &["2020", "AUS", "GAZ", "5"],
            &["2021", "ALG", "ARE", "10"],
            &["2021", "CHI", "SWI", "10"],
        ];
        let (text, mapping) = proposed("DISPLACED_POPULATION", table);
        assert_eq!(
            (column(&mapping, "ORIGIN"), mapping.components["ORIGIN"].system),
            (Some("coo"), Some(System::Unhcr))
        );
        assert!(text.contains("# doubt: the codes look like those of `unhcr`"), "{text}");
    }

    #[test]
    fn a_wide_table_is_made_long() {
        let table: &[&[&str]] =
            &[&["Country of origin", "2019", "2020"], &["Guatemala", "1", "2"], &["Atlantis", "3", ":"]];
        let (text, mapping) = proposed("MIGRANT_STOCK", table);
        assert_eq!(mapping.unpivot.as_ref().unwrap().columns, ["2019", "2020"]);
        assert_eq!((column(&mapping, "TIME_PERIOD"), column(&mapping, "OBS_VALUE")), (Some("period"), Some("figure")));
        assert!(mapping.options.missing.contains(&":".to_owned()), "{text}");
        assert!(text.contains("`Atlantis`"), "{text}");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
        #[test]
        fn any_table_gets_a_mapping_that_can_be_read(
            cells in proptest::collection::vec(proptest::collection::vec(".{0,12}", 3), 2..6),
        ) {
            let structures = shared::structures().unwrap();
            let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
            let mut sample = Sample::new(&cells[0]);
            cells[1..].iter().for_each(|row| sample.look(row.iter().map(String::as_str)));
            let text = propose(&schema, &sample, &cells[0][0]);
            proptest::prop_assert!(Mapping::parse(&text).is_ok(), "{}", text);
        }
    }
}
