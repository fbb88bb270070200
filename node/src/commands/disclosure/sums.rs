//! The sums between the cells of a file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Result, bail};
use chancery_exchange::Error;
use chancery_policies::disclosure::table::Sum;

use super::file::File;
use crate::cli::AuditFile;

/// Of a dimension's codes their parents.
type Parents = HashMap<String, String>;

/// How much a sum may miss, relative to its total.
const TOLERANCE: f64 = 1e-6;

fn parents(path: &Path) -> Result<Parents> {
    let wrong = |e: csv::Error| Error::invalid(format!("the hierarchy `{}`: {e}", path.display()));
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(path).map_err(wrong)?;
    let mut found = HashMap::new();
    for record in reader.records() {
        let record = record.map_err(wrong)?;
        if let (Some(child), Some(parent)) = (record.get(0), record.get(1)) {
            found.insert(child.trim().to_owned(), parent.trim().to_owned());
        }
    }
    Ok(found)
}

fn hierarchies(file: &File, args: &AuditFile) -> Result<HashMap<usize, Parents>> {
    let mut found = HashMap::new();
    for text in &args.hierarchy {
        let Some((column, path)) = text.split_once('=') else {
            bail!(Error::invalid(format!("`--hierarchy {text}`: give COLUMN=FILE")));
        };
        let Some(index) = file.dimensions.iter().position(|d| d == column) else {
            bail!(Error::invalid(format!("`--hierarchy {text}`: there is no column `{column}`")));
        };
        found.insert(index, parents(Path::new(path))?);
    }
    Ok(found)
}

/// The sums over one dimension: each code is a part of the nearest one above it that is there, or of the total.
fn along(file: &File, axis: usize, above: &Parents, total: &str) -> Result<Vec<Sum>> {
    let mut slices: BTreeMap<Vec<&str>, BTreeMap<&str, u32>> = BTreeMap::new();
    for (key, cell) in file.keys.iter().zip(0u32..) {
        let rest = key.iter().enumerate().filter(|(i, _)| *i != axis).map(|(_, code)| code.as_str()).collect();
        if slices.entry(rest).or_default().insert(key[axis].as_str(), cell).is_some() {
            bail!(Error::invalid(format!("`{}` is there twice", key.join("."))));
        }
    }
    let mut sums = Vec::new();
    for slice in slices.values() {
        let mut parts: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for (code, cell) in slice {
            let mut steps = std::iter::successors(above.get(*code), |code| above.get(*code)).take(above.len());
            let nearest = steps.find_map(|code| slice.get(code.as_str()));
            let total = slice.get(total).filter(|total| *total != cell);
            if let Some(whole) = nearest.or(total) {
                parts.entry(*whole).or_default().push(*cell);
            }
        }
        sums.extend(parts.into_iter().map(|(total, parts)| Sum { total, parts }));
    }
    Ok(sums)
}

/// Enters the sums between cells. How many do not hold and were left out, if that is allowed.
pub(super) fn add(file: &mut File, args: &AuditFile) -> Result<usize> {
    let hierarchies = hierarchies(file, args)?;
    let none = HashMap::new();
    let mut broken = Vec::new();
    for axis in 0..file.dimensions.len() {
        let above = hierarchies.get(&axis).unwrap_or(&none);
        for sum in along(file, axis, above, &args.total)? {
            let value = |cell: u32| file.table.cells[cell as usize].value;
            let open = sum.terms().any(|(cell, _)| file.table.cells[cell as usize].state.withheld());
            let missing: f64 = sum.terms().map(|(cell, sign)| sign * value(cell)).sum();
            // Without the true values only sums of published cells can be looked at.
            if (file.whole || !open) && missing.abs() > TOLERANCE * value(sum.total).abs().max(1.0) {
                broken.push((file.dimensions[axis].clone(), sum.total, missing));
            } else {
                file.table.sums.push(sum);
            }
        }
    }
    if let Some((dimension, total, missing)) = broken.first().filter(|_| !args.skip_broken_sums) {
        bail!(Error::invalid(format!(
            "{} sums do not hold, that of `{}` over `{dimension}` by {missing} for one: is a hierarchy missing (`--hierarchy`)? \
             `--skip-broken-sums` leaves them out",
            broken.len(),
            file.key(*total),
        )));
    }
    Ok(broken.len())
}
