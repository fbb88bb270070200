//! The built-in rules on small files with real mistakes, and expressions that must be refused.

use chancery_schema::mapping::Mapping;
use chancery_schema::validate::rules::Rules;
use chancery_schema::validate::{MAX_PROBLEMS, Validator};

use super::*;

fn schema(dataflow: &str) -> DatasetSchema {
    let structures = chancery_schema::shared::structures().unwrap();
    structures.dataset_schema(&structures.find_dataflow(dataflow).unwrap()).unwrap()
}

/// Rows, the figures beside them, and what is found.
type Case<'a> = (&'a [[&'a str; 4]], Option<f64>, Option<f64>, &'a [(u64, &'a str, &'a str)]);

/// Lines and rule names that the rules find in a file of migrant stock; `earlier` and `prior` stand beside every row.
fn found(rules: &[Rule], rows: &[[&str; 4]], earlier: Option<f64>, prior: Option<f64>) -> Vec<(u64, String, String)> {
    let mapping = r#"
        dataflow = "MIGRANT_STOCK"
        components.FREQ = { value = "A" }
        components.REF_AREA = { value = "_T" }
        components.ORIGIN = { column = "from" }
        components.DESTINATION = { column = "to" }
        components.SEX = { value = "_T" }
        components.AGE = { value = "_T" }
        components.TIME_PERIOD = { column = "year" }
        components.OBS_VALUE = { column = "n" }
        components.OBS_STATUS = { value = "A" }
        components.CONF_STATUS = { value = "F" }
        components.UNIT_MEASURE = { value = "PS" }
        components.COUNTED = { value = "PERSONS" }
        components.BASIS = { value = "BIRTH" }
        components.DURATION = { value = "_Z" }
        components.REF_DATE = { value = "CALENDAR" }
        components.SOURCE_KIND = { value = "CENSUS" }
        components.SOURCE = { value = "x" }
        options.marks = { ":" = "O" }
    "#;
    let schema = schema("MIGRANT_STOCK");
    // Attributes that the dataflow does not have are left out.
    let mapping: String = mapping
        .lines()
        .filter(|line| {
            let id = line.trim().strip_prefix("components.").and_then(|l| l.split(' ').next());
            id.is_none_or(|id| schema.component(id).is_some())
        })
        .map(|line| format!("{line}\n"))
        .collect();
    let headings = ["from", "to", "year", "n"].map(str::to_owned);
    let mut validator = Validator::new(Mapping::parse(&mapping).unwrap().bind(&schema, &headings).unwrap());
    for (line, row) in (2..).zip(rows) {
        validator.push(line, row.as_slice());
    }
    assert_eq!(validator.errors(), 0, "{:?}", validator.into_problems());
    let batch = validator.take().unwrap();
    let set = RuleSet::bind(rules, &schema, &validator.packing().schema()).unwrap();
    let mut fields: Vec<Field> = batch.schema().fields().iter().map(|field| field.as_ref().clone()).collect();
    let mut columns = batch.columns().to_vec();
    for (name, value) in [(EARLIER_VALUE, earlier), (PRIOR_VALUE, prior)] {
        fields.push(Field::new(name, DataType::Float64, true));
        columns.push(Arc::new(arrow::array::Float64Array::from(vec![value; batch.num_rows()])));
    }
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    let mut problems = Problems::new(MAX_PROBLEMS);
    set.check(&batch, &validator.headings(), &mut problems).unwrap();
    problems.into_kept().into_iter().map(|p| (p.row, p.kind.name().to_owned(), p.column)).collect()
}

#[test]
fn built_in_rules_bind_to_every_dataflow_they_are_for() {
    let rules = Rules::built_in().unwrap();
    let structures = chancery_schema::shared::structures().unwrap();
    let mut used = std::collections::HashSet::new();
    for dataflow in &structures.dataflows {
        let schema = structures.dataset_schema(&dataflow.maintainable.reference()).unwrap();
        let packing = chancery_schema::validate::Packing::new(&schema, |_| None);
        let set = RuleSet::bind(&rules.rules, &schema, &packing.schema()).unwrap();
        used.extend(set.rules.iter().map(|bound| bound.rule.name.clone()));
    }
    assert_eq!(used.len(), rules.rules.len());
}

#[test]
fn built_in_rules_catch_what_people_report() {
    let rules = Rules::built_in().unwrap().rules;
    let cases: [Case<'_>; 9] = [
        (
            &[["MEX", "USA", "2020", "5"], ["CHN", "CHN", "2020", "7"]],
            None,
            None,
            &[(3, "origin-is-destination", "to")],
        ),
        (&[["_T", "_T", "2020", "5"]], None, None, &[]),
        (&[["CUW", "NLD", "1990", "0"], ["CUW", "NLD", "2015", "9"]], None, None, &[(2, "not-yet-an-area", "year")]),
        (&[["UGA", "SSD", "2010", "0"]], None, None, &[(2, "not-yet-an-area", "year")]),
        (&[["MEX", "USA", "2020", "2.5"]], None, None, &[(2, "part-of-a-person", "n")]),
        (&[["MEX", "USA", "2020", "1000"]], Some(100.0), None, &[(2, "revised-strongly", "n")]),
        (&[["MEX", "USA", "2020", ":"]], Some(150.0), None, &[(2, "withdrawn-figure", "n")]),
        (&[["CHN", "USA", "2020", "300"]], None, Some(90_000.0), &[(2, "break-in-series", "n")]),
        (&[["CHN", "USA", "2020", "300"]], Some(290.0), Some(310.0), &[]),
    ];
    for (rows, earlier, prior, expected) in cases {
        let expected: Vec<_> =
            expected.iter().map(|(line, rule, column)| (*line, (*rule).to_owned(), (*column).to_owned())).collect();
        assert_eq!(found(&rules, rows, earlier, prior), expected, "{rows:?}");
    }
}

#[test]
fn an_agencys_expressions_are_evaluated() {
    let rows = [["MEX", "USA", "2020", "5"], ["GTM", "USA", "2021", "50"]];
    for (then, lines) in [
        ("OBS_VALUE > 10", vec![2]),
        ("match_characters(ORIGIN, 'M.*') or length(ORIGIN) > 3", vec![3]),
        ("case when TIME_PERIOD = '2020' then OBS_VALUE * 2 = 10 else false end", vec![3]),
        ("ORIGIN like 'G%' and not (abs(-OBS_VALUE) <= 5)", vec![2]),
        ("nvl(COMMENT, 'none') = 'none' and OBS_VALUE / 2 > 2.4", vec![]),
        ("OBS_VALUE between 1 and 6", vec![3]),
        ("isnull(COMMENT)", vec![]),
        // What cannot be told is not broken.
        ("COMMENT = 'x'", vec![]),
    ] {
        let text =
            format!("[[rule]]\nname = \"own\"\nthen = \"{then}\"\nerrorcode = \"{{ORIGIN}}\"\nerrorlevel = \"error\"");
        let found = found(&Rules::parse(&text).unwrap().rules, &rows, None, None);
        assert_eq!(found.iter().map(|f| f.0).collect::<Vec<_>>(), lines, "{then}");
    }
}

#[test]
fn hostile_and_mistaken_expressions_are_refused() {
    let schema = schema("MIGRANT_STOCK");
    let packing = chancery_schema::validate::Packing::new(&schema, |_| None);
    let deep = format!("{}ORIGIN = 'MEX'{}", "(".repeat(500), ")".repeat(500));
    for (then, told) in [
        ("ORIGIN in (select ORIGIN)", "nothing that rules know"),
        ("exists (select 1)", "nothing that rules know"),
        ("random() > 0.5", "nothing that rules know"),
        ("ORIGIN = 'MEX'; drop table x", "comes after its end"),
        ("OBS_VALUE +", "cannot be read"),
        ("OBS_VALUE + 1", "not a condition"),
        ("abs(OBS_VALUE, 2) = 1", "takes one argument"),
        ("match_characters(ORIGIN, DESTINATION)", "a pattern in quotes"),
        ("match_characters(ORIGIN, '(')", "cannot be read"),
        ("NATIONALITY = 'MEX'", "no component `NATIONALITY`"),
        ("sum(OBS_VALUE) over () > 1", "nothing that rules know"),
        (deep.as_str(), "recursion"),
    ] {
        let text = format!(
            "[[rule]]\nname = \"own\"\ndataflows = [\"MIGRANT_STOCK\"]\nthen = \"{then}\"\nerrorlevel = \"error\""
        );
        let rules = Rules::parse(&text).unwrap().rules;
        let error = RuleSet::bind(&rules, &schema, &packing.schema()).err().map(|e| e.to_string()).unwrap_or_default();
        assert!(error.contains("the rule `own`") && error.contains(told), "{then}: {error}");
    }
}
