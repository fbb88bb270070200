//! Every kind of mistake, and what becomes of good rows.

use super::*;
use crate::mapping::Mapping;

const MAPPING: &str = r#"
    dataflow = "RCP:RETURNS(1.0.0)"
    [options]
    missing = [":"]
    [components]
    FREQ = { value = "M" }
    REF_AREA = { value = "GTM" }
    ORIGIN = { column = "from" }
    DESTINATION = { value = "GTM" }
    RETURN_TYPE = { value = "_T" }
    SEX = { column = "sex", map = { male = "M", female = "F" }, default = "_U" }
    AGE = { value = "_T" }
    TIME_PERIOD = { column = "t", period = "month" }
    OBS_VALUE = { column = "n" }
    OBS_STATUS = { column = "status", default = "A" }
    CONF_STATUS = { value = "F" }
    UNIT_MEASURE = { value = "PS" }
    COUNTED = { value = "PERSONS" }
    BASIS = { value = "CITIZENSHIP" }
    DURATION = { value = "_Z" }
    SOURCE_KIND = { value = "ADMINISTRATIVE" }
    SOURCE = { value = "IGM" }
    COMMENT = { column = "note" }
"#;

fn validator() -> Validator {
    validator_of(MAPPING)
}

fn validator_of(mapping: &str) -> Validator {
    let structures = crate::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    let headings = ["t", "sex", "from", "n", "status", "note"].map(str::to_owned);
    Validator::new(Mapping::parse(mapping).unwrap().bind(&schema, &headings).unwrap())
}

fn problem(row: &[&str]) -> Option<Problem> {
    let mut validator = validator();
    validator.push(2, &csv::StringRecord::from(row.to_vec()));
    validator.into_problems().into_iter().next()
}

#[test]
fn a_good_row_becomes_columns() {
    let mut validator = validator();
    assert!(validator.push(2, &csv::StringRecord::from(vec!["2024-03-01", "male", "MEX", "17", ""])));
    let batch = validator.take().unwrap();
    assert_eq!((batch.num_rows(), validator.errors()), (1, 0));
    let time = batch.column_by_name("TIME_PERIOD").unwrap();
    assert_eq!(arrow::util::display::array_value_to_string(time, 0).unwrap(), "2024-03");
}

#[test]
fn every_kind_of_mistake_is_told_with_its_place() {
    use ProblemKind::*;
    let long = "x".repeat(4_001);
    // Month, sex, origin, count, status, note; what is wrong, where, and what was meant.
    let cases: [(&[&str], ProblemKind, &str, Option<&str>); 19] = [
        (&["2024-03-01", "male", "MEC", "17", "", ""], UnknownCode, "from", Some("MEX")),
        (&["2024-03-01", "male", "Mexico", "17", "", ""], UnknownCode, "from", Some("MEX")),
        (&["2024-03-01", "male", "NA", "17", "", ""], UnknownCode, "from", Some("NAM")),
        (&["2024-03-01", "men", "MEX", "17", "", ""], UnknownCode, "sex", None),
        (&["2024-03-01", "male", "", "17", "", ""], MissingDimension, "from", None),
        (&["", "male", "MEX", "17", "", ""], MissingDimension, "t", None),
        (&["2024-03-01", "male"], MissingDimension, "from", None),
        (&["2024-03-01", "male", "MEX", "<5", "", ""], FigureMark, "n", None),
        (&["2024-03-01", "male", "MEX", "1,000", "", ""], WrongType, "n", None),
        (&["2024-03-01", "male", "MEX", "17", "", "a\u{0}b"], WrongType, "note", None),
        (&["2024-03-01", "male", "MEX", "17", "", &long], TooLong, "note", None),
        (&["2024-03-01", "male", "MEX", "-1", "", ""], NegativeCount, "n", None),
        (&["2024-03-01", "male", "MEX", "", "", ""], MissingValue, "n", None),
        (&["2024-03-01", "male", "MEX", ":", "P", ""], MissingValue, "n", None),
        (&["2024-13-01", "male", "MEX", "17", "", ""], ImpossiblePeriod, "t", None),
        (&["2024", "male", "MEX", "17", "", ""], ImpossiblePeriod, "t", None),
        (&["2024-03-01", "male", "MEX", "NaN", "", ""], NotFinite, "n", None),
        (&["2024-03-01", "male", "MEX", "1e999", "", ""], NotFinite, "n", None),
        (&["2024-03-01", "male", "MEX", "3", "Q", ""], UnexpectedValue, "n", None),
    ];
    for (row, kind, column, nearest) in cases {
        let problem = problem(row).unwrap_or_else(|| panic!("{row:?}"));
        assert_eq!((problem.row, &problem.kind, problem.column.as_str()), (2, &kind, column), "{row:?}");
        let index = ["t", "sex", "from", "n", "status", "note"].iter().position(|h| *h == column).unwrap();
        assert!(row.get(index).unwrap_or(&"").starts_with(&problem.value), "{row:?}");
        if nearest.is_some() {
            assert_eq!(problem.nearest.as_deref(), nearest, "{row:?}");
        }
    }
    assert_eq!(problem(&["2024-03-01", "", "MEX", "", "Q", ""]), None);
}

#[test]
fn a_mandatory_attribute_and_a_negative_amount() {
    let with = |from: &str, to: &str| validator_of(&MAPPING.replace(from, to));
    let row = ["2024-03-01", "male", "MEX", "-1", "", ""];
    let mut amounts = with("\"PS\"", "\"USD\"");
    assert!(amounts.push(2, row.as_slice()) && amounts.errors() == 0);
    let mut silent = with("SOURCE = { value = \"IGM\" }", "SOURCE = { column = \"note\" }");
    silent.push(2, ["2024-03-01", "male", "MEX", "1", "", ""].as_slice());
    let problems = silent.into_problems();
    assert_eq!((problems[0].kind.clone(), problems[0].component.as_str()), (ProblemKind::MissingValue, "SOURCE"));
}

#[test]
fn marked_figures_are_missing_and_periods_have_one_spelling() {
    let mut validator = validator();
    for row in [
        ["2024-M03", "male", "MEX", ":", "", "x"],
        ["2024-03", "male", "MEX", ":", "L", ""],
        ["2024-03-09T12:00:00", "male", "MEX", "-0", "", ""],
    ] {
        assert!(validator.push(2, row.as_slice()), "{row:?}");
    }
    let batch = validator.take().unwrap();
    let column = |id: &str| {
        let column = batch.column_by_name(id).unwrap();
        (0..3).map(|i| arrow::util::display::array_value_to_string(column, i).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(validator.into_problems(), []);
    assert_eq!(column("TIME_PERIOD"), ["2024-03"; 3]);
    assert_eq!(column("OBS_STATUS"), ["O", "L", "A"]);
    assert_eq!(column("OBS_VALUE"), ["", "", "0.0"]);
    assert_eq!(column("COMMENT"), ["x", "", ""]);
}

#[test]
fn unused_columns_are_problems_where_all_must_be_used() {
    let text = MAPPING.replace("[options]", "[options]\nunmapped = \"refuse\"").replace("\"note\"", "\"status\"");
    let problems = validator_of(&text).into_problems();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].kind.clone(), problems[0].column.as_str()), (ProblemKind::UnmappedColumn, "note"));
    assert_eq!(validator_of(&MAPPING.replace("\"note\"", "\"status\"")).errors(), 0);
}

#[test]
fn a_broken_file_is_counted_but_not_kept() {
    let mut validator = validator();
    for line in 0..40_000u64 {
        validator.push(line, ["2024-03-01", "male", &format!("X{line}"), "17", "", ""].as_slice());
    }
    assert_eq!((validator.errors(), validator.rows()), (40_000, 0));
    assert_eq!(validator.into_problems().len(), MAX_PROBLEMS);
}

#[test]
fn mapping_mistakes_are_all_told() {
    let structures = crate::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    let text = MAPPING.replace("\"PERSONS\"", "\"PERSON\"").replace("\"from\"", "\"form\"").replace("FREQ =", "FREK =");
    let errors = Mapping::parse(&text).unwrap().bind(&schema, &["from".to_owned()]).unwrap_err();
    let all = errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n");
    for part in ["`FREK` is no component", "`FREQ` is not mapped", "did you mean `from`?", "did you mean `PERSONS`?"] {
        assert!(all.contains(part), "{part} in {all}");
    }
}

/// Lines of a file with one row for each origin, and what was found in the columns as a whole.
fn of_other_systems(mapping: &str, origins: &[&str]) -> Vec<(u64, String, Option<String>)> {
    let mut validator = validator_of(mapping);
    for (line, origin) in (2..).zip(origins) {
        validator.push(line, ["2024-03-01", "male", origin, "1", "", ""].as_slice());
    }
    let found = validator.into_problems().into_iter().filter(|p| p.kind == ProblemKind::OtherSystem);
    found.map(|p| (p.row, p.expected, p.nearest)).collect()
}

#[test]
fn unhcrs_australia_is_found_to_be_austria() {
    let found = of_other_systems(MAPPING, &["AUS", "ANG", "GFR", "AUS", "MEX"]);
    assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), [2, 3], "{found:?}");
    assert!(found[0].1.contains("Austria, which is `AUS` at UNHCR, rather than Australia"), "{found:?}");
    assert!(found[0].1.contains("system = \"unhcr\"") && found[0].2.as_deref() == Some("AUT"), "{found:?}");
    let said = MAPPING.replace("column = \"from\"", "column = \"from\", system = \"unhcr\"");
    assert_eq!(of_other_systems(&said, &["AUS", "ANG", "GFR"]), []);
    assert_eq!(of_other_systems(MAPPING, &["AUS", "AUT", "MEX", "XYZ"]), []);
}

#[test]
fn marks_of_withheld_figures_are_no_numbers_until_the_mapping_says_what_they_mean() {
    for (mark, status) in [("<5", "Q"), ("*", "Q"), ("c", "Q"), (":", "O"), ("..", "O"), ("-", "M"), ("NA", "O")] {
        let row = ["2024-03-01", "male", "MEX", mark, "", ""];
        let mut strict = validator_of(&MAPPING.replace("missing = [\":\"]", ""));
        strict.push(2, row.as_slice());
        let problems = strict.into_problems();
        assert_eq!(problems[0].kind, ProblemKind::FigureMark, "{mark}");
        let advised = format!("marks = {{ \"{mark}\" = \"{status}\" }}");
        assert!(problems[0].expected.contains(&advised), "{mark}: {}", problems[0].expected);
        let mut told = validator_of(&MAPPING.replace("missing = [\":\"]", &advised));
        assert!(told.push(2, row.as_slice()) && told.errors() == 0, "{mark}");
        let text = |id: &str, batch: &RecordBatch| {
            arrow::util::display::array_value_to_string(batch.column_by_name(id).unwrap(), 0).unwrap()
        };
        let batch = told.take().unwrap();
        assert_eq!((text("OBS_STATUS", &batch), text("OBS_VALUE", &batch)), (status.to_owned(), String::new()));
    }
}

#[test]
fn a_flag_behind_a_number_is_not_dropped() {
    let found = problem(&["2024-03-01", "male", "MEX", "2345bp", "", ""]).unwrap();
    assert_eq!(found.kind, ProblemKind::WrongType);
    assert!(found.expected.contains("the flag `bp` belongs to OBS_STATUS"), "{}", found.expected);
}

#[test]
fn packed_rows_sort_by_their_texts_and_come_back_as_they_were() {
    let mut validator = validator();
    let rows = [
        ["2024-03-01", "male", "MEX", "1", "", "b"],
        ["2023-11-01", "male", "MEX", "2", "", ""],
        ["2024-03-01", "", "GTM", "3", "E", "a"],
        ["2024-03-01", "male", "MEX", "4", "", "again"],
    ];
    for (line, row) in (2..).zip(&rows) {
        assert!(validator.push(line, row.as_slice()));
    }
    let packed = sorted(&validator.take_packed().unwrap()).unwrap();
    let order = arrow::compute::sort_to_indices(packed.column(0), None, None).unwrap();
    let packed = arrow::compute::take_record_batch(&packed, &order).unwrap();
    let batch = validator.packing().unpack(&packed).unwrap();
    let texts = |id: &str| {
        let column = batch.column_by_name(id).unwrap();
        (0..4).map(|i| arrow::util::display::array_value_to_string(column, i).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(texts("ORIGIN"), ["GTM", "MEX", "MEX", "MEX"]);
    assert_eq!(texts("TIME_PERIOD"), ["2024-03", "2023-11", "2024-03", "2024-03"]);
    assert_eq!(texts("OBS_VALUE"), ["3.0", "2.0", "1.0", "4.0"]);
    assert_eq!(
        (texts("OBS_STATUS"), texts("COMMENT")),
        (["E", "A", "A", "A"].map(str::to_owned).to_vec(), ["a", "", "b", "again"].map(str::to_owned).to_vec())
    );
    assert_eq!(
        (texts("SOURCE"), texts(ROW)),
        (vec!["IGM".to_owned(); 4], ["4", "3", "2", "5"].map(str::to_owned).to_vec())
    );
    assert_eq!(Repeated::default().look(&packed), [(3, 2)]);
}
