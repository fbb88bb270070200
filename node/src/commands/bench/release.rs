//! The made-up release: every reporter's flows from every area, by sex, age and year.

use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use arrow::array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use chancery_exchange::Error;
use chancery_query::artefact::ArtefactWriter;
use chancery_schema::dataset::OBS_VALUE;
use chancery_schema::{DatasetSchema, shared};

/// Its dataflow.
pub(super) const DATAFLOW: &str = "MIGRATION_FLOWS";
pub(super) const SEXES: [&str; 3] = ["F", "M", "_T"];
const AGES: [&str; 5] = ["Y0T4", "Y12T17", "Y18T59", "Y5T11", "_T"];
const FIRST_YEAR: usize = 2007;
/// Observations of a series.
pub(super) const YEARS: usize = 18;
/// Observations of a reporter and an origin.
pub(super) const OF_PAIR: usize = SEXES.len() * AGES.len() * YEARS;

/// The components of the release.
pub(super) fn schema() -> Result<DatasetSchema> {
    let structures = shared::structures()?;
    let dataflow = structures.find_dataflow(DATAFLOW).context("the shared schema has no dataflow of flows")?;
    Ok(structures.dataset_schema(&dataflow)?)
}

/// The key of a series of it: another one for each number, all over the release.
pub(super) fn series(areas: &[String], number: usize) -> [(&'static str, &str); 6] {
    let area = |number: usize| areas[number % areas.len()].as_str();
    let (reporter, origin) = (area(number * 37), area(number * 91 + number / 7));
    let sex = SEXES[number % SEXES.len()];
    [
        ("FREQ", "A"),
        ("REF_AREA", reporter),
        ("ORIGIN", origin),
        ("DESTINATION", reporter),
        ("SEX", sex),
        ("AGE", "Y18T59"),
    ]
}

/// States' codes, in order; more than there are only of a release that nobody validates.
pub(super) fn areas(schema: &DatasetSchema, count: usize, made_up: bool) -> Result<Vec<String>> {
    let codes = schema.component("REF_AREA").and_then(|c| c.codes.as_ref()).context("REF_AREA has no codes")?;
    let state = |code: &&str| code.len() == 3 && code.bytes().all(|b| b.is_ascii_uppercase());
    let mut areas: Vec<String> = codes.iter().map(|(code, _)| code).filter(state).map(str::to_owned).collect();
    if made_up {
        areas.extend((areas.len()..count).map(|number| format!("Z{number}")));
    }
    if areas.len() < count {
        bail!(Error::invalid(format!("`--areas {count}`: there are only {} states", areas.len())));
    }
    areas.sort_unstable();
    areas.truncate(count);
    Ok(areas)
}

/// Writes a release of every reporter's flows from every area, always the same.
pub(super) fn make(path: &Path, schema: &DatasetSchema, areas: &[String]) -> Result<()> {
    let partial = path.with_extension("partial");
    let file = std::fs::File::create(&partial).map_err(|e| Error::file("create", &partial, e))?;
    let mut writer = ArtefactWriter::new(std::io::BufWriter::new(file), schema)?;
    let mut state = 1u64;
    for reporter in areas {
        for origin in areas {
            let mut draw = || {
                // Knuth's MMIX generator.
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let uniform = (state >> 33) as f64 / (1u64 << 31) as f64;
                (uniform.powi(4) * 50_000.0).floor()
            };
            writer.write(&pair(schema, reporter, origin, &mut draw)?)?;
        }
    }
    writer.finish()?;
    std::fs::rename(&partial, path).map_err(|e| Error::file("rename", &partial, e))?;
    Ok(())
}

/// One reporter's flows from one area: counts under five are suppressed.
fn pair(schema: &DatasetSchema, reporter: &str, origin: &str, draw: &mut impl FnMut() -> f64) -> Result<RecordBatch> {
    let mut cells = Vec::with_capacity(SEXES.len() * AGES.len() * YEARS);
    let counts: Vec<f64> = (0..(SEXES.len() - 1) * (AGES.len() - 1) * YEARS).map(|_| draw()).collect();
    for (sex_index, sex) in SEXES.iter().enumerate() {
        for (age_index, age) in AGES.iter().enumerate() {
            for year in 0..YEARS {
                // Totals are the sums of their parts.
                let parts = counts.iter().enumerate().filter(|(part, _)| {
                    let (of_sex, of_age) = (part / YEARS / (AGES.len() - 1), part / YEARS % (AGES.len() - 1));
                    part % YEARS == year
                        && (*sex == "_T" || of_sex == sex_index)
                        && (*age == "_T" || of_age == age_index)
                });
                cells.push((*sex, *age, (FIRST_YEAR + year).to_string(), parts.map(|(_, count)| count).sum::<f64>()));
            }
        }
    }
    let suppressed = |count: f64| count > 0.0 && count < 5.0;
    let source = format!("Population register of {reporter}");
    let columns = schema.components().map(|component| -> ArrayRef {
        if component.id == OBS_VALUE {
            let figures = cells.iter().map(|(.., count)| (!suppressed(*count)).then_some(*count));
            return Arc::new(figures.collect::<Float64Array>());
        }
        let text = |(sex, age, year, count): &(&'static str, &'static str, String, f64)| {
            let text = match component.id.as_str() {
                "FREQ" => "A",
                "REF_AREA" | "DESTINATION" => reporter,
                "ORIGIN" => origin,
                "SEX" => sex,
                "AGE" => age,
                "TIME_PERIOD" => year,
                "OBS_STATUS" if suppressed(*count) => "Q",
                "CONF_STATUS" if suppressed(*count) => "C",
                "OBS_STATUS" => "A",
                "CONF_STATUS" => "F",
                "UNIT_MEASURE" => "PS",
                "COUNTED" => "PERSONS",
                "BASIS" => "CITIZENSHIP",
                "SOURCE_KIND" => "REGISTER",
                "SOURCE" => &source,
                _ => {
                    let any = component.codes.as_ref().filter(|_| component.mandatory)?;
                    any.iter().next().map(|(code, _)| code)?
                }
            };
            Some(text.to_owned())
        };
        Arc::new(cells.iter().map(text).collect::<StringArray>())
    });
    Ok(RecordBatch::try_new(schema.arrow_schema(), columns.collect())?)
}
