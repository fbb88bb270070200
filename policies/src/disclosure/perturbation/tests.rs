//! What each method publishes, and that it is the same each time.

use super::*;
use crate::disclosure::cell_key::SECRET_BYTES;
use crate::disclosure::{Profile, protection};

const HEAD: &str = "name = \"t\"\ndescription = \"\"\n[perturbation]\nmethod = ";

fn table(values: &[Option<f64>], unit: &str) -> (DatasetSchema, RecordBatch) {
    let structures = chancery_schema::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    let columns = schema.components().map(|c| -> ArrayRef {
        let constant = |text: &str| Arc::new(StringArray::from(vec![text; values.len()])) as ArrayRef;
        match c.id.as_str() {
            "TIME_PERIOD" => {
                Arc::new((0..values.len()).map(|i| Some(format!("{}", 1000 + i))).collect::<StringArray>())
            }
            "OBS_VALUE" => Arc::new(values.iter().copied().collect::<Float64Array>()),
            "UNIT_MEASURE" => constant(unit),
            "COMMENT" => constant("two women"),
            _ => constant("_T"),
        }
    });
    let columns = columns.collect();
    let batch = RecordBatch::try_new(schema.arrow_schema(), columns).unwrap();
    (schema, batch)
}

struct Released {
    values: Vec<Option<f64>>,
    comments: usize,
    report: Report,
}

fn release(profile: &str, secret: u8, unit: &str, values: &[Option<f64>]) -> Result<Released, ProtectionError> {
    let (schema, batch) = table(values, unit);
    let secret = Secret::new([secret; SECRET_BYTES]);
    let mut protection =
        protection(&Profile::parse(&format!("{HEAD}{profile}")).unwrap(), &schema, &structures(), &secret)?;
    protection.observe(&batch)?;
    protection.decide()?;
    let out = protection.apply(&batch)?;
    Ok(Released {
        values: out.column_by_name("OBS_VALUE").unwrap().as_primitive::<Float64Type>().iter().collect(),
        comments: out.num_rows() - out.column_by_name("COMMENT").unwrap().null_count(),
        report: protection.report(),
    })
}

fn counts(of: impl IntoIterator<Item = u32>) -> Vec<Option<f64>> {
    of.into_iter().map(|count| Some(f64::from(count))).collect()
}

const CELL_KEY: &str = "\"cell-key\"\nmax_perturbation = 4\nvariance = 2.0\nthreshold = 2\n";

#[test]
fn a_cell_has_the_same_noise_in_every_release() {
    let values = counts((0..300).map(|i| i % 12));
    let first = release(CELL_KEY, 1, "PS", &values).unwrap();
    assert_eq!(first.values, release(CELL_KEY, 1, "PS", &values).unwrap().values);
    assert_ne!(first.values, release(CELL_KEY, 2, "PS", &values).unwrap().values);
    // A cell's noise does not depend on the others.
    let mut later = values.clone();
    later[7] = Some(1000.0);
    let second = release(CELL_KEY, 1, "PS", &later).unwrap();
    assert!((0..300).all(|i| i == 7 || first.values[i] == second.values[i]));
    for (value, published) in values.iter().flatten().zip(first.values.iter().flatten()) {
        assert!((value - published).abs() <= 4.0 && *published != 1.0 && *published != 2.0);
        assert!(*value > 0.0 || *published == 0.0);
    }
    assert_eq!((first.comments, first.report.perturbed, first.report.published), (0, 300, 300));
    assert!(first.report.guarantee.contains("within 4") && first.report.loss.contains("deviation 1.4"));
}

#[test]
fn each_rounding_gives_multiples() {
    let values = counts(0..100);
    let published = |method: &str| release(method, 1, "PS", &values).unwrap().values;
    for method in ["\"conventional-rounding\"\nbase = 5\n", "\"random-rounding\"\nbase = 5\n"] {
        assert!(published(method).iter().flatten().all(|v| v % 5.0 == 0.0), "{method}");
    }
    assert_eq!(published("\"conventional-rounding\"\nbase = 5\n")[..6], counts([0, 0, 0, 5, 5, 5]));
}

#[test]
fn private_counts_are_counts_and_differ_each_time() {
    let profile = "\"privacy\"\nepsilon = 0.5\nbudget = 2\ncontributions = 2\n";
    let values = counts([40; 100]);
    let (first, second) = (release(profile, 1, "PS", &values).unwrap(), release(profile, 1, "PS", &values).unwrap());
    assert_ne!(first.values, second.values);
    assert!(first.values.iter().flatten().all(|v| *v >= 0.0 && v.fract() == 0.0));
    assert!(first.report.rules[0].contains("ε = 0.5") && first.report.loss.contains("within 12"));
}

#[test]
fn what_the_rules_do_not_concern_is_left_alone() {
    let money = release(CELL_KEY, 1, "USD", &[Some(1.5), Some(-3.0), None]).unwrap();
    assert_eq!(money.values, [Some(1.5), Some(-3.0), None]);
    assert_eq!((money.comments, money.report.perturbed, money.report.missing), (3, 0, 1));
    // All dimensions are `_T` here.
    let profile = CELL_KEY.to_owned();
    let totals = format!(
        "name = \"t\"\ndescription = \"\"\nprotected_dimensions = [\"SEX\"]\n[perturbation]\nmethod = {profile}"
    );
    let (schema, batch) = table(&counts(0..20), "PS");
    let secret = Secret::new([1; SECRET_BYTES]);
    let mut protection = protection(&Profile::parse(&totals).unwrap(), &schema, &structures(), &secret).unwrap();
    assert_eq!(protection.apply(&batch).unwrap(), batch);
}

#[test]
fn what_was_withheld_before_is_not_given_away() {
    let methods = [
        CELL_KEY,
        "\"conventional-rounding\"\nbase = 5\n",
        "\"random-rounding\"\nbase = 5\n",
        "\"controlled-rounding\"\nbase = 5\n",
        "\"privacy\"\nepsilon = 1\nbudget = 2\ncontributions = 2\n",
    ];
    let (schema, batch) = table(&counts(0..3), "PS");
    // Years 1000 and 1001: the second was withheld.
    let (_, earlier) = table(&[Some(1.0), None], "PS");
    let marked = |mark: Option<&str>| {
        let marks: ArrayRef = Arc::new(StringArray::from(vec![Some("F"), mark]));
        let place = earlier.schema().index_of("CONF_STATUS").unwrap();
        let mut columns = earlier.columns().to_vec();
        columns[place] = marks;
        RecordBatch::try_new(earlier.schema(), columns).unwrap()
    };
    for method in methods {
        let protect = |kind: Beside, mark: Option<&str>, rows: &RecordBatch| {
            let profile = Profile::parse(&format!("{HEAD}{method}")).unwrap();
            let mut protection = protection(&profile, &schema, &structures(), &Secret::new([1; SECRET_BYTES])).unwrap();
            assert!(protection.wants_earlier());
            protection.beside("release 1", kind, &marked(mark)).unwrap();
            protection.observe(rows)
        };
        let refused = ProtectionError::Withheld { by: "release 1".to_owned(), year: "1001".to_owned() };
        for mark in [Some("C"), None] {
            assert_eq!(protect(Beside::Release, mark, &batch), Err(refused.clone()), "{method}");
        }
        // Other years, a figure that was never there, another member's.
        assert_eq!(protect(Beside::Release, Some("C"), &batch.slice(2, 1)), Ok(()), "{method}");
        assert_eq!(protect(Beside::Release, Some("F"), &batch), Ok(()), "{method}");
        assert_eq!(protect(Beside::Mirror, Some("C"), &batch), Ok(()), "{method}");
    }
}

#[test]
fn figures_that_are_no_counts_are_refused() {
    for value in [1.5, -1.0, 1e300, f64::NAN, f64::INFINITY] {
        let refused = release(CELL_KEY, 1, "PS", &[Some(3.0), Some(value)]).err();
        assert_eq!(refused, Some(ProtectionError::NoCount("OBS_VALUE".to_owned())), "{value}");
    }
}

#[test]
fn profiles_that_contradict_themselves_are_refused() {
    let check = |profile: &str, expected: &str| {
        let (schema, _) = table(&[], "PS");
        let parsed = Profile::parse(&format!("name = \"t\"\ndescription = \"\"\n{profile}"));
        let error = match parsed {
            Err(error) => error.to_string(),
            Ok(profile) => {
                protection(&profile, &schema, &structures(), &Secret::new([1; SECRET_BYTES])).err().unwrap().to_string()
            }
        };
        assert!(error.contains(expected), "{profile}: {error}");
    };
    let method = |text: &str| format!("[perturbation]\nmethod = {text}");
    check(&format!("minimum_frequency = 3\n{}", method(CELL_KEY)), "`minimum_frequency`");
    check(&method("\"cell-key\"\nmax_perturbation = 2\nvariance = 9\nmonotone = false"), "variance 9");
    check(&method("\"cell-key\"\nmax_perturbation = 2\nvariance = 1\nsecret = 9"), "secret");
    check(&method("\"random-rounding\"\nbase = 1"), "`base` is 1");
    check(&method("\"random-rounding\"\nbase = 3\ncells = 4"), "cells");
    check(&method("\"shuffling\""), "shuffling");
    check(&method("\"privacy\"\nepsilon = 99\nbudget = 2\ncontributions = 2"), "`epsilon` is 99");
    let privacy = method("\"privacy\"\nepsilon = 1\nbudget = 2\ncontributions = 2");
    check(&format!("protected_dimensions = [\"SEX\"]\n{privacy}"), "`protected_dimensions`");
}

fn structures() -> chancery_schema::structure::Structures {
    chancery_schema::shared::structures().unwrap()
}
