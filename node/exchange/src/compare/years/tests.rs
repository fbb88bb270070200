//! Sums of small tables with totals and parts.

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array};
use chancery_query::artefact::ArtefactWriter;

use super::*;

/// Reporting area, sex, age, year, what is counted, figure.
type Row = (&'static str, &'static str, &'static str, &'static str, &'static str, Option<f64>);

fn schema() -> (DatasetSchema, Structures) {
    let structures = chancery_schema::shared::structures().unwrap();
    let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
    (schema, structures)
}

fn file(rows: &[Row]) -> tempfile::TempPath {
    let (schema, _) = schema();
    let mut rows = rows.to_vec();
    rows.sort_by_key(|(area, sex, age, year, ..)| {
        let text = |id: &str| match id {
            "REF_AREA" => *area,
            "SEX" => *sex,
            "AGE" => *age,
            _ => "",
        };
        (schema.dimensions.iter().map(|d| text(&d.id)).collect::<Vec<_>>(), *year)
    });
    let column = |component: &chancery_schema::dataset::Component| -> ArrayRef {
        if component.id == "OBS_VALUE" {
            return Arc::new(rows.iter().map(|row| row.5).collect::<Float64Array>());
        }
        let text = |row: &Row| match component.id.as_str() {
            "FREQ" => "A",
            "REF_AREA" | "DESTINATION" => row.0,
            "ORIGIN" => "MEX",
            "SEX" => row.1,
            "AGE" => row.2,
            "TIME_PERIOD" => row.3,
            "COUNTED" => row.4,
            _ => "_T",
        };
        Arc::new(StringArray::from_iter_values(rows.iter().map(text)))
    };
    let columns = schema.components().map(column).collect();
    let batch = RecordBatch::try_new(schema.arrow_schema(), columns).unwrap();
    let mut out = tempfile::NamedTempFile::new().unwrap();
    let mut writer = ArtefactWriter::new(out.as_file_mut(), &schema).unwrap();
    writer.write(&batch).unwrap();
    writer.finish().unwrap();
    out.into_temp_path()
}

/// Year, what is counted, rows, rows summed, sum, narrowed dimensions.
fn sums(rows: &[Row]) -> Vec<(String, String, u64, u64, f64, String)> {
    let (schema, structures) = schema();
    let years = years(None, &file(rows), &schema, &structures).unwrap();
    let one = |year: YearTotals| {
        let narrowed = year.totals_only.iter().cloned().collect::<Vec<_>>().join(" ");
        (year.year, year.of["COUNTED"].clone(), year.rows_after, year.summed_after, year.after, narrowed)
    };
    years.into_iter().map(one).collect()
}

#[test]
fn no_figure_counts_twice_and_no_kinds_are_mixed() {
    let sum = |year: &str, counted: &str, rows, summed, sum, narrowed: &str| {
        (year.to_owned(), counted.to_owned(), rows, summed, sum, narrowed.to_owned())
    };
    let found = sums(&[
        // Totals of both dimensions beside their parts, of which one is withheld.
        ("GTM", "_T", "_T", "2023", "PERSONS", Some(100.0)),
        ("GTM", "F", "_T", "2023", "PERSONS", Some(60.0)),
        ("GTM", "M", "_T", "2023", "PERSONS", None),
        ("GTM", "F", "Y_LT18", "2023", "PERSONS", Some(20.0)),
        ("GTM", "F", "Y18T59", "2023", "PERSONS", Some(40.0)),
        // Another area has parts only, in two kinds of age groups of which one holds the other.
        ("HND", "F", "Y_LT18", "2023", "PERSONS", Some(7.0)),
        ("HND", "F", "Y12T17", "2023", "PERSONS", Some(3.0)),
        ("HND", "M", "Y_LT18", "2023", "PERSONS", Some(5.0)),
        // Cases are not persons.
        ("SLV", "_T", "_T", "2023", "CASES", Some(1_000.0)),
        // In another year there are parts only.
        ("GTM", "F", "_T", "2024-06", "PERSONS", Some(1.0)),
        ("GTM", "M", "_T", "2024-07", "PERSONS", Some(2.0)),
    ]);
    let expected = [
        sum("2023", "CASES", 1, 1, 1_000.0, ""),
        sum("2023", "PERSONS", 8, 3, 112.0, "AGE SEX"),
        sum("2024", "PERSONS", 2, 2, 3.0, ""),
    ];
    assert_eq!(found, expected);
}

#[test]
fn parts_are_summed_where_their_total_is_not_there() {
    let of = |rows: &[Row]| sums(rows).into_iter().map(|(.., summed, sum, _)| (summed, sum)).collect::<Vec<_>>();
    let row = |area, sex, age, year, value| -> Row { (area, sex, age, year, "PERSONS", value) };
    // One month has its total, another only parts of one kind, a third of two kinds that overlap.
    let found = of(&[
        row("GTM", "_T", "_T", "2024-01", Some(10.0)),
        row("GTM", "F", "_T", "2024-01", Some(4.0)),
        row("GTM", "F", "_T", "2024-02", Some(5.0)),
        row("GTM", "M", "_T", "2024-02", Some(6.0)),
        row("GTM", "F", "_T", "2024-03", Some(7.0)),
        row("GTM", "M", "_T", "2024-03", None),
        row("GTM", "_T", "Y_LT18", "2024-03", Some(8.0)),
        row("GTM", "_T", "Y18T59", "2024-03", Some(9.0)),
        row("GTM", "F", "Y_LT18", "2024-03", Some(1.0)),
    ]);
    assert_eq!(found, [(5, 10.0 + 5.0 + 6.0 + 8.0 + 9.0)]);
    // A total that is withheld is none.
    let found = of(&[
        row("GTM", "_T", "_T", "2024", None),
        row("GTM", "F", "_T", "2024", Some(4.0)),
        row("GTM", "M", "_T", "2024", Some(5.0)),
        row("GTM", "M", "Y_LT18", "2024", Some(2.0)),
    ]);
    assert_eq!(found, [(2, 9.0)]);
}
