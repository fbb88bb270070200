//! A private file of who is behind the figures: how many respondents, and the largest contributions.

use std::path::Path;

use chancery_policies::disclosure::respondents::{MAX_LARGEST, Respondent, Respondents};
use chancery_schema::dataset::DatasetSchema;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Reads a CSV file with the dimensions, TIME_PERIOD, RESPONDENTS, and where they matter LARGEST_1, LARGEST_2, ... and RESPONDENT.
pub(super) fn read(path: &Path, schema: &DatasetSchema) -> Result<Respondents> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let wrong = |line: u64, what: String| Error::invalid(format!("`{name}`, line {line}: {what}"));
    let mut reader = csv::Reader::from_path(path).map_err(|e| wrong(1, e.to_string()))?;
    let headings = reader.headers().map_err(|e| wrong(1, e.to_string()))?.clone();
    let place = |id: &str| headings.iter().position(|heading| heading.trim() == id);
    let needed = |id: &str| place(id).ok_or_else(|| wrong(1, format!("there is no column `{id}`")));
    let keys = schema.dimensions.iter().chain([&schema.time]).map(|c| needed(&c.id)).collect::<Result<Vec<_>>>()?;
    let (count, who) = (needed("RESPONDENTS")?, place("RESPONDENT"));
    let largest: Vec<usize> = (1..=MAX_LARGEST).map_while(|n| place(&format!("LARGEST_{n}"))).collect();
    let mut respondents = Respondents::default();
    let mut record = csv::StringRecord::new();
    let mut line = 1;
    while reader.read_record(&mut record).map_err(|e| wrong(line + 1, e.to_string()))? {
        line += 1;
        let text = |column: usize| record.get(column).map_or("", str::trim);
        let number = |column: usize| {
            let value = text(column).parse::<f64>().ok().filter(|value| value.is_finite());
            value.ok_or_else(|| wrong(line, format!("`{}` is no number", text(column))))
        };
        let given = largest.iter().filter(|column| !text(**column).is_empty());
        let respondent = Respondent {
            count: text(count).parse().map_err(|_| wrong(line, format!("`{}` is no count", text(count))))?,
            largest: given.map(|column| number(*column)).collect::<Result<_>>()?,
            who: who.map(text).filter(|who| !who.is_empty()).map(identifier),
        };
        respondents.insert(keys.iter().map(|column| text(*column)), respondent).map_err(|what| wrong(line, what))?;
    }
    Ok(respondents)
}

/// A number for a respondent's name.
fn identifier(name: &str) -> u64 {
    let hash = Sha256::digest(name);
    // The upper half is kept free for numbers that the program gives itself.
    hash.iter().take(8).fold(0, |all, byte| all << 8 | u64::from(*byte)) >> 1
}
