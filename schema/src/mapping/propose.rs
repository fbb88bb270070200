//! Proposes a mapping from a file's headings and first rows. What it is not sure of it says in comments: a statistician decides.

mod dates;
mod fit;
mod wide;
mod write;

use std::collections::HashSet;
use std::fmt::Write as _;

use dates::Joined;
use fit::{Known, assign};
use wide::Wide;
use write::{Filling, write_column, write_joined, write_options, write_unpivot};

use crate::dataset::{Component, DatasetSchema, OBS_VALUE};

/// Most different texts of a column that are looked at.
const MAX_TEXTS: usize = 2_000;
/// The code list of areas.
const AREAS: &str = "CL_AREA";

/// What a file looks like: the different texts of each column, as they come.
#[derive(Debug, Clone)]
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

/// What a proposal says of the file, beside its name: a sheet that is not the only one, and what was found out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Looked<'a> {
    /// The sheet that was looked at, and all there are; nothing where there is one.
    pub sheet: Option<(&'a str, &'a [String])>,
    /// Lines for comments.
    pub found: &'a [String],
    /// The member whose figures they may be.
    pub member: Option<&'a str>,
}

/// The mapping, TOML. `file` names what was looked at.
pub fn propose(schema: &DatasetSchema, sample: &Sample, file: &str, looked: Looked<'_>) -> String {
    let components: Vec<&Component> = schema.components().collect();
    let wide = Wide::find(schema, sample);
    let mut long = wide.as_ref().map_or_else(|| sample.clone(), |wide| wide.melt(sample));
    let cells = long.columns.len().saturating_sub(1);
    let heads = wide.as_ref().map(|wide| cells - wide.into.len()..cells);
    let joined = {
        let sheet = looked.sheet.map(|(sheet, _)| sheet);
        let names: Vec<&str> = sheet.into_iter().chain([file]).collect();
        Joined::find(&long, &names)
    };
    joined.iter().for_each(|joined| joined.add_to(&mut long));
    let all = &long;
    let fits = assign(&components, all, &Known { heads, joined: joined.as_ref() });
    let mut out = format!(
        "# Proposed for `{}`, from its headings and first rows. Look at every line, above all at the doubts, and try it:\n\
         # chancery map test THIS.toml FILE\n",
        one_line(file)
    );
    looked.found.iter().for_each(|line| _ = writeln!(out, "# found: {}", one_line(line)));
    _ = writeln!(out, "dataflow = {}", quoted(&schema.dataflow.to_string()));
    if let Some((sheet, sheets)) = looked.sheet {
        let sheets: Vec<String> = sheets.iter().map(|sheet| format!("`{}`", one_line(sheet))).collect();
        let doubt = format!("# doubt: it has most in it of the sheets {}", sheets.join(", "));
        _ = write!(out, "\n[source]\n{doubt}\nsheet = {}\n", quoted(sheet));
    }
    let figures = fits.iter().find(|fit| components[fit.component].id == OBS_VALUE);
    let figures: Vec<&str> = figures.into_iter().flat_map(|fit| texts(all, fit.column)).collect();
    write_options(&mut out, &figures);
    if let Some(wide) = &wide {
        write_unpivot(&mut out, sample, wide);
    }
    joined.iter().for_each(|joined| write_joined(&mut out, joined));
    out.push_str("\n[components]\n");
    let filling = Filling { sample: all, fits: &fits, components: &components, file, member: looked.member };
    for (index, component) in components.iter().enumerate() {
        match fits.iter().find(|fit| fit.component == index) {
            Some(fit) => write_column(&mut out, component, all, fit),
            None => filling.write(&mut out, component),
        }
    }
    let is_used = |column: &usize| {
        let of_period = joined.as_ref().is_some_and(|joined| joined.has(*column));
        of_period || fits.iter().any(|fit| fit.column == *column)
    };
    let unused = (0..all.columns.len()).filter(|column| !is_used(column));
    let unused: Vec<String> = unused.map(|column| format!("`{}`", one_line(&all.columns[column].0))).collect();
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
    use arrow::util::display::array_value_to_string;

    use super::super::{Mapping, System};
    use super::*;
    use crate::rows::RowBatch;
    use crate::shared;
    use crate::validate::Validator;

    fn proposed(dataflow: &str, table: &[&[&str]]) -> (String, Mapping) {
        let structures = shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow(dataflow).unwrap()).unwrap();
        let headings: Vec<String> = table[0].iter().map(|h| (*h).to_owned()).collect();
        let mut sample = Sample::new(&headings);
        table[1..].iter().for_each(|row| sample.look(row.iter().copied()));
        let text = propose(&schema, &sample, "a \"file\"\nof 2024.csv", Looked::default());
        // An area that nothing tells is left to fill in.
        let fill = |text: String, id| {
            text.replace(&format!("# {id} = {{ value = \"\" }}"), &format!("{id} = {{ value = \"GTM\" }}"))
        };
        let filled = ["REF_AREA", "ORIGIN", "DESTINATION"].into_iter().fold(text.clone(), fill);
        let mapping = Mapping::parse(&filled).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
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
    fn our_own_codes_come_before_those_of_another_system() {
        let headings = &["year", "coo_name", "coo", "coo_iso", "coa", "coa_iso", "refugees", "idps", "returned_idps"];
        let table: &[&[&str]] = &[
            &[&headings[..], &["stateless", "ooc"]].concat(),
            &["2020", "Austria", "AUS", "AUT", "GAZ", "PSE", "5", "0", "", "1", "2"],
            &["2021", "Algeria", "ALG", "DZA", "ARE", "EGY", "10", "7", "8", "0", "5"],
        ];
        let (text, mapping) = proposed("DISPLACED_POPULATION", table);
        assert_eq!((column(&mapping, "ORIGIN"), column(&mapping, "DESTINATION")), (Some("coo_iso"), Some("coa_iso")));
        assert_eq!(mapping.components["ORIGIN"].system, None);
        assert_eq!(
            mapping.unpivot.as_ref().unwrap().columns,
            ["refugees", "idps", "returned_idps", "stateless", "ooc"]
        );
        assert!(text.contains(r#"map = { "idps" = "IDP", "stateless" = "STA", "ooc" = "OOC" }"#), "{text}");
        assert!(text.contains("1 of 5 texts are no codes; map them: `returned_idps`"), "{text}");
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

    #[test]
    fn headings_of_two_rows_become_periods_and_codes() {
        let table: &[&[&str]] = &[
            &["País de origen", "2022 / Hombres", "2022 / Mujeres", "2023 / Hombres", "2023 / Mujeres"],
            &["México", "10", "20", "30", "<5"],
            &["Honduras", "12", "22", "32", "42"],
        ];
        let (text, mapping) = proposed("RETURNS", table);
        let unpivot = mapping.unpivot.as_ref().unwrap();
        assert_eq!((unpivot.columns.len(), unpivot.into.join("|").as_str()), (4, "period|heading 2"));
        assert_eq!((column(&mapping, "TIME_PERIOD"), column(&mapping, "SEX")), (Some("period"), Some("heading 2")));
        assert_eq!(
            (column(&mapping, "OBS_VALUE"), column(&mapping, "ORIGIN")),
            (Some("figure"), Some("País de origen"))
        );
        assert_eq!(mapping.components["SEX"].names.as_deref(), Some("any"));
        assert_eq!(
            (mapping.components["FREQ"].value.as_deref(), mapping.options.marks["<5"].as_str()),
            (Some("A"), "Q")
        );
        assert!(!text.contains("not used"), "{text}");
    }

    #[test]
    fn months_are_known_by_their_names() {
        for table in [
            &[&["Origen", "Enero 2024", "Feb. 2024"][..], &["México", "1", "2"]][..],
            &[&["Origen", "2024 / Enero", "2024 / Febrero"], &["México", "1", "2"]],
            &[&["Año", "Origen", "Enero", "Febrero"], &["2024", "México", "1", "2"]],
            &[&["Año", "Mes", "Origen", "n"], &["2024", "enero", "México", "1"], &["2024", "Febrero", "México", "1"]],
            &[&["Mes", "Nacionalidad", "n"], &["Enero", "México", "1"], &["Febrero", "México", "1"]],
            &[&["Año", "Mes", "Origen", "n"], &["2024", "1", "México", "1"], &["2024", "2", "México", "1"]],
            &[&["Fecha", "Origen", "n"], &["enero de 2024", "México", "1"], &["febrero de 2024", "México", "1"]],
            &[&["Fecha", "Origen", "n"], &["01/01/2024", "México", "1"], &["01/02/2024", "México", "1"]],
            &[&["Fecha", "Origen", "n"], &["2024-01-01", "México", "1"], &["2024-02-01", "México", "1"]],
        ] {
            let (text, mapping) = proposed("RETURNS", table);
            let origin = column(&mapping, "ORIGIN").unwrap();
            assert!(["Origen", "Nacionalidad"].contains(&origin), "{text}");
            assert_eq!(mapping.components["FREQ"].value.as_deref(), Some("M"), "{text}");
            assert!(!text.contains("not used"), "{text}");
            assert_eq!(periods(&mapping, table)[..2], ["2024-01", "2024-02"], "{text}");
        }
    }

    /// The periods that a mapping makes of a table.
    fn periods(mapping: &Mapping, table: &[&[&str]]) -> Vec<String> {
        let structures = shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let headings: Vec<String> = table[0].iter().map(|h| (*h).to_owned()).collect();
        let bound = mapping.bind(&schema, &headings).unwrap();
        let (mut from, mut to) = (RowBatch::default(), RowBatch::default());
        for (line, row) in table[1..].iter().cycle().take(2).enumerate() {
            row.iter().for_each(|text| from.field(text));
            from.end_row(line as u64 + 2);
        }
        bound.shape.clone().apply(&from, &mut to);
        let mut validator = Validator::new(bound);
        to.iter().for_each(|(line, row)| _ = validator.push(line, &row));
        let figures = validator.take().unwrap();
        let periods = figures.column_by_name("TIME_PERIOD").unwrap();
        (0..figures.num_rows()).map(|row| array_value_to_string(periods, row).unwrap()).collect()
    }

    #[test]
    fn figures_are_no_years_and_dates_no_figures() {
        let table: &[&[&str]] = &[
            &["t", "t_fy", "nat", "n"],
            &["2020-01-01", "2020-10-01", "MEX", "3155"],
            &["2020-02-01", "2020-10-01", "HND", "1715"],
            &["2020-03-01", "2020-10-01", "HND", "2200"],
        ];
        let (text, mapping) = proposed("RETURNS", table);
        assert_eq!((column(&mapping, "OBS_VALUE"), column(&mapping, "ORIGIN")), (Some("n"), Some("nat")), "{text}");
    }

    #[test]
    fn names_are_asked_about_by_names() {
        let table: &[&[&str]] = &[
            &["year", "country of origin", "n"],
            &["2020", "France", "1"],
            &["2020", "Guatemala", "1"],
            &["2020", "Mexico", "1"],
            &["2020", "United Kingdom", "2"],
            &["2020", "Atlantis", "2"],
        ];
        let (text, _) = proposed("RETURNS", table);
        assert!(text.contains("`United Kingdom` (`GBR`?)") && !text.contains("`Atlantis` ("), "{text}");
    }

    #[test]
    fn an_area_that_nothing_tells_is_left_to_fill_in() {
        let structures = shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("MIGRANT_STOCK").unwrap()).unwrap();
        let mut sample = Sample::new(&["origin".to_owned(), "year".to_owned(), "n".to_owned()]);
        sample.look(["MEX", "2020", "1"].into_iter());
        let text = propose(&schema, &sample, "a.csv", Looked::default());
        let mapping = Mapping::parse(&text).unwrap();
        assert!(!mapping.components.contains_key("REF_AREA") && !mapping.components.contains_key("DESTINATION"));
        assert!(text.contains("fill in the code of the area that reports them\n# REF_AREA ="), "{text}");
        let text = propose(&schema, &sample, "a.csv", Looked { member: Some("GTM"), ..Looked::default() });
        assert_eq!(Mapping::parse(&text).unwrap().components["REF_AREA"].value.as_deref(), Some("GTM"));
        let text = propose(&schema, &sample, "a.csv", Looked { member: Some("SEC"), ..Looked::default() });
        assert!(text.contains("\n# REF_AREA ="), "{text}");
    }

    #[test]
    fn headings_that_are_codes_become_a_dimension() {
        let table: &[&[&str]] =
            &[&["year", "Country of origin", "F", "M"], &["2020", "MEX", "10", "20"], &["2021", "HND", "11", "21"]];
        let (text, mapping) = proposed("RETURNS", table);
        assert_eq!(mapping.unpivot.as_ref().unwrap().columns, ["F", "M"], "{text}");
        assert_eq!((column(&mapping, "SEX"), column(&mapping, "OBS_VALUE")), (Some("sex"), Some("figure")), "{text}");
        assert_eq!(column(&mapping, "TIME_PERIOD"), Some("year"), "{text}");
    }

    #[test]
    fn the_sheet_that_was_looked_at_is_named() {
        let structures = shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let (sheets, found) = (["Notas".to_owned(), "Datos".to_owned()], ["headings in row 3".to_owned()]);
        let looked = Looked { sheet: Some(("Datos", &sheets)), found: &found, member: None };
        let text = propose(&schema, &Sample::new(&["year".to_owned()]), "a.xlsx", looked);
        assert_eq!(Mapping::parse(&text).unwrap().source.sheet.as_deref(), Some("Datos"), "{text}");
        assert!(text.contains("# found: headings in row 3") && text.contains("`Notas`"), "{text}");
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
            let text = propose(&schema, &sample, &cells[0][0], Looked::default());
            proptest::prop_assert!(Mapping::parse(&text).is_ok(), "{}", text);
        }
    }
}
