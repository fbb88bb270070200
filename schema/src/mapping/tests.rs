//! Mapping files, from their text to rows: what each step gives, and what each mistake says.

use super::*;
use crate::dataset::DatasetSchema;
use crate::rows::RowBatch;
use crate::validate::Validator;

const REST: &str = r#"
    [components]
    FREQ = { value = "A" }
    REF_AREA = { value = "GTM" }
    RETURN_TYPE = { value = "_T" }
    OBS_STATUS = { value = "A" }
    CONF_STATUS = { value = "F" }
    UNIT_MEASURE = { value = "PS" }
    COUNTED = { value = "PERSONS" }
    BASIS = { value = "CITIZENSHIP" }
    DURATION = { value = "_Z" }
    SOURCE_KIND = { value = "ADMINISTRATIVE" }
    SOURCE = { value = "IGM" }
"#;

fn returns() -> DatasetSchema {
    let structures = crate::shared::structures().unwrap();
    structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap()
}

/// What a table becomes: the columns that vary, joined by blanks, a line each; and problems with their place.
fn map(mapping: &str, headings: &[&str], rows: &[&[&str]]) -> (Vec<String>, Vec<String>) {
    let mapping = Mapping::parse(&format!("dataflow = \"RETURNS\"\n{mapping}")).unwrap();
    let schema = returns();
    let headings: Vec<String> = headings.iter().map(|h| (*h).to_owned()).collect();
    let bound = mapping.bind(&schema, &headings).unwrap();
    let (mut from, mut to) = (RowBatch::default(), RowBatch::default());
    for (index, row) in rows.iter().enumerate() {
        row.iter().for_each(|field| from.field(field));
        from.end_row(index as u64 + 2);
    }
    let shape = bound.shape.clone();
    shape.apply(&from, &mut to);
    let mut validator = Validator::new(bound);
    to.iter().for_each(|(line, row)| _ = validator.push(line, &row));
    let batch = validator.take().unwrap();
    let shown = ["ORIGIN", "DESTINATION", "SEX", "AGE", "TIME_PERIOD", "OBS_VALUE", "OBS_STATUS"];
    let text =
        |id: &str, row| arrow::util::display::array_value_to_string(batch.column_by_name(id).unwrap(), row).unwrap();
    let rows = (0..batch.num_rows()).map(|row| shown.map(|id| text(id, row)).join(" ")).collect();
    let problems = validator.into_problems();
    (rows, problems.iter().map(|p| format!("{} {} {} `{}`", p.row, p.column, p.component, p.value)).collect())
}

#[test]
fn a_wrong_label_or_heading_of_a_wide_table_is_told_once() {
    let mapping = REST.replace(
        "[components]",
        "[unpivot]\ncolumns = [\"2019\", \"2020\", \"20x1\"]\ninto = [\"year\"]\nvalue = \"n\"\n[components]
         ORIGIN = { column = \"from\" }
         DESTINATION = { value = \"GTM\" }
         SEX = { value = \"_T\" }
         AGE = { value = \"_T\" }
         TIME_PERIOD = { column = \"year\" }
         OBS_VALUE = { column = \"n\" }",
    );
    let rows: &[&[&str]] = &[
        &["MEX", "1", "2", "3"],
        &["ATL", "4", "5", "6"],
        &["HND", "7", "x", ""],
        &["ATL", "8", "", ""],
        &["USA", "9", "10", "11"],
    ];
    let schema = returns();
    let headings = ["from", "2019", "2020", "20x1"].map(str::to_owned);
    let bound =
        Mapping::parse(&format!("dataflow = \"RETURNS\"\n{mapping}")).unwrap().bind(&schema, &headings).unwrap();
    let (mut from, mut to) = (RowBatch::default(), RowBatch::default());
    for (index, row) in rows.iter().enumerate() {
        row.iter().for_each(|field| from.field(field));
        from.end_row(index as u64 + 2);
    }
    bound.shape.clone().apply(&from, &mut to);
    let mut validator = Validator::new(bound);
    to.iter().for_each(|(line, row)| _ = validator.push(line, &row));
    assert_eq!(validator.rows(), 5);
    let problems = validator.finish();
    assert_eq!(problems.errors(), 4);
    let told: Vec<String> = problems
        .into_kept()
        .iter()
        .map(|p| format!("{} {} `{}` {}", p.row, p.column, p.value, p.expected.rsplit("; ").next().unwrap()))
        .collect();
    assert_eq!(
        told[..2],
        ["2 20x1 `20x1` it is the heading of 3 figures", "3 from `ATL` it is the label of 3 figures"]
    );
    assert!(told[2].starts_with("4 2020 `x`") && told[3].starts_with("5 from `ATL` a code of"), "{told:?}");
}

#[test]
fn headings_are_shown_on_a_line_however_long_they_are() {
    let long = format!("a\nb\u{7}{}", "x".repeat(5_000));
    let told = errors(&format!("dataflow = \"RETURNS\"{REST}ORIGIN = {{ column = \"from\" }}"), &[&long]);
    let told = told.iter().find(|told| told.contains("no column `from`")).unwrap();
    assert!(told.contains("`a b xx") && told.chars().count() < 300, "{told}");
}

fn errors(mapping: &str, headings: &[&str]) -> Vec<String> {
    let headings: Vec<String> = headings.iter().map(|h| (*h).to_owned()).collect();
    let mapping = match Mapping::parse(mapping) {
        Ok(mapping) => mapping,
        Err(errors) => return errors.iter().map(ToString::to_string).collect(),
    };
    mapping.bind(&returns(), &headings).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn a_wide_table_with_headings_of_two_rows_becomes_long() {
    let mapping = format!(
        r#"
        [unpivot]
        pattern = "^20"
        into = ["year", "sex"]
        value = "n"
        {REST}
        ORIGIN = {{ column = "País", names = "any", patterns = [{{ matches = "^Estados Unidos", code = "USA" }}] }}
        DESTINATION = {{ value = "GTM" }}
        SEX = {{ column = "sex", map = {{ Hombres = "M", Mujeres = "F" }} }}
        AGE = {{ value = "_T" }}
        TIME_PERIOD = {{ column = "year" }}
        OBS_VALUE = {{ column = "n" }}
        "#
    );
    let headings = ["País", "2020 / Hombres", "2020 / Mujeres", "2021 / Hombres"];
    let (rows, problems) =
        map(&mapping, &headings, &[&["mexico", "1", "", "3"], &["Estados Unidos de A.", "x", "5", ""]]);
    assert_eq!(rows, ["MEX GTM M _T 2020 1.0 A", "MEX GTM M _T 2021 3.0 A", "USA GTM F _T 2020 5.0 A"]);
    assert_eq!(problems, ["3 2020 / Hombres OBS_VALUE `x`"]);
}

#[test]
fn headings_are_cut_by_the_groups_of_a_pattern() {
    let mapping = format!(
        r#"
        [options]
        marks = {{ "*" = "Q" }}
        [unpivot]
        pattern = "^(?<sex>[fm])_(?<age>.*)$"
        value = "n"
        keep_empty = true
        [[split]]
        column = "way"
        at = ">"
        into = ["from", "to"]
        [[combine]]
        into = "t"
        with = "{{y}}"
        [[where]]
        column = "age"
        not_in = ["60"]
        [[where]]
        column = "to"
        matches = "^G"
        {REST}
        ORIGIN = {{ column = "from", system = "unhcr" }}
        DESTINATION = {{ column = "to" }}
        SEX = {{ column = "sex", map = {{ f = "F", m = "M" }} }}
        AGE = {{ column = "age", map = {{ 0_4 = "Y0T4", 18_59 = "Y18T59" }} }}
        TIME_PERIOD = {{ column = "t" }}
        OBS_VALUE = {{ column = "n" }}
        "#
    );
    let headings = ["way", "y", "f_0_4", "m_18_59", "m_60"];
    let (rows, problems) = map(
        &mapping,
        &headings,
        &[
            &["AUS > GTM", "2020", "4", "*", "7"],
            &["AUL>GTM", "2021", "", "1", ""],
            &["AUT>GTM", "2021", "1", "1", ""],
            &["AUS>MEX", "2021", "", "1", ""],
        ],
    );
    assert_eq!(rows, ["AUT GTM F Y0T4 2020 4.0 A", "AUT GTM M Y18T59 2020  Q", "AUS GTM M Y18T59 2021 1.0 A"]);
    // Austria's ISO code is no code of UNHCR's, and an empty cell is no zero.
    assert_eq!(problems, ["3 f_0_4 OBS_VALUE ``", "4 way ORIGIN `AUT`"]);
}

#[test]
fn dates_and_numbers_are_read_as_the_file_writes_them() {
    let mapping = format!(
        r#"
        [options]
        decimal = ","
        thousands = "."
        [[split]]
        column = "who"
        pattern = '^(?<from>[A-Z]{{3}})\s+\((?<sex>.)\)$'
        {REST}
        ORIGIN = {{ column = "from" }}
        DESTINATION = {{ value = "GTM" }}
        SEX = {{ column = "sex" }}
        AGE = {{ value = "_T" }}
        TIME_PERIOD = {{ column = "fecha", format = "%d/%m/%Y", period = "year" }}
        OBS_VALUE = {{ column = "n" }}
        "#
    );
    let (rows, problems) =
        map(&mapping, &["fecha", "who", "n"], &[&["31/12/2020", "MEX (M)", "1.234,5"], &["2020", "MEX", "1,234.5"]]);
    assert_eq!(rows, ["MEX GTM M _T 2020 1234.5 A"]);
    assert_eq!(problems, ["3 who ORIGIN ``", "3 who SEX ``", "3 n OBS_VALUE `1,234.5`"]);
}

#[test]
fn every_mistake_of_a_mapping_is_told_at_once() {
    let told = errors(
        r#"
        dataflow = "RETURNS"
        [options]
        marks = { "*" = "QQ" }
        [unpivot]
        columns = ["2020", "2O21"]
        value = "n"
        [[split]]
        column = "way"
        [[combine]]
        into = "n"
        with = "{yaer}"
        [[where]]
        column = "y"
        [aggregate]
        over = ["regoin"]
        [components]
        ORIGN = { column = "from" }
        ORIGIN = { column = "y", system = "iso2", names = "xx", patterns = [{ matches = "(", code = "MEXX" }] }
        SEX = { value = "M", default = "F", system = "iso2" }
        SOURCE = { column = "y", names = "es" }
        TIME_PERIOD = { column = "y", format = "day", period = "fortnight" }
        AGE = { column = "y", period = "year" }
        "#,
        &["way", "y", "2020", "2021"],
    );
    for part in [
        "no column `2O21`; it has `way`, `y`, `2020`, `2021`; did you mean `2021`?",
        "`split` of `way`",
        "`combine`: the file has no column `yaer`",
        "`where` on `y`",
        "no column `regoin`",
        "`ORIGN` is no component of the dataflow; it has FREQ, REF_AREA, ORIGIN, DESTINATION, RETURN_TYPE, SEX, AGE",
        "did you mean `ORIGIN`?",
        "`FREQ` is not mapped",
        "`OBS_VALUE` is not mapped",
        "`ORIGIN`: no name of CL_AREA is in the language `xx`",
        "`ORIGIN`: `MEXX` is no code of CL_AREA; did you mean `MEX`?",
        "`ORIGIN`: the pattern `(` cannot be used",
        "`SEX`: with a `value`",
        "`SEX`: `system` needs a component with codes of areas",
        "`SOURCE`: `names` needs a component with codes",
        "`fortnight` is no period",
        "`day` is no format of dates",
        "`AGE`: only the time dimension",
        "`options.marks`: `QQ` is no code of CL_OBS_STATUS",
    ] {
        assert!(told.iter().any(|error| error.contains(part)), "{part}: {told:#?}");
    }
}

#[test]
fn unknown_words_of_a_mapping_are_all_told() {
    let told = errors(
        r#"
        dataflow = "RETURNS"
        [option]
        [options]
        delimeter = ";"
        [[where]]
        column = "a"
        is = ["x"]
        [components]
        ORIGIN = { colum = "a", patterns = [{ match = "a", code = "MEX" }] }
        "#,
        &[],
    );
    assert_eq!(told.len(), 5, "{told:#?}");
    assert!(told.iter().any(|error| error.contains("did you mean `delimiter`?")), "{told:#?}");
}

#[test]
fn a_column_that_sums_go_over_cannot_be_a_component() {
    let mapping = format!(
        r#"
        dataflow = "RETURNS"
        [aggregate]
        over = ["from"]
        {REST}
        ORIGIN = {{ column = "from" }}
        DESTINATION = {{ value = "GTM" }}
        SEX = {{ value = "_T" }}
        AGE = {{ value = "_T" }}
        TIME_PERIOD = {{ value = "2020" }}
        OBS_VALUE = {{ column = "n" }}
        "#
    );
    let told = errors(&mapping, &["from", "n"]);
    assert!(told.len() == 1 && told[0].contains("mapped to `ORIGIN`"), "{told:?}");
}
