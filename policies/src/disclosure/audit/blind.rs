//! Tables of which only the published figures are at hand: another member's release, a file of another tool without its true values.
//!
//! Some table that agrees with all that is published takes the true one's place: the width of the intervals does not depend on which.

use super::parts::{self, Part};
use super::polytope::Polytope;
use crate::disclosure::table::{Table, TableError};

/// What a sum lacks, and its withheld cells with their signs.
type Lacking = (f64, Vec<(u32, f64)>);

/// Gives every withheld cell a value that agrees with the published ones. Their own are not looked at. False if there is none: then the published
/// figures contradict each other.
pub fn complete(table: &mut Table) -> Result<bool, TableError> {
    for cell in table.cells.iter_mut().filter(|cell| cell.state.withheld()) {
        cell.value = 0.0_f64.clamp(cell.bounds.0, cell.bounds.1.max(cell.bounds.0));
    }
    // Looked at for its indices; sums are what is to be made right.
    table.check(f64::INFINITY)?;
    let missing = missing(table);
    let parts = parts::split(table);
    let mut places = vec![None; table.cells.len()];
    for (number, part) in parts.iter().enumerate() {
        part.cells.iter().zip(0u32..).for_each(|(cell, place)| places[*cell as usize] = Some((number, place)));
    }
    // What each part's sums lack, and their withheld cells.
    let mut rows: Vec<Vec<Lacking>> = vec![Vec::new(); parts.len()];
    for (sum, missing) in table.sums.iter().zip(&missing) {
        let found = sum.terms().filter_map(|(cell, sign)| places[cell as usize].map(|place| (place, sign)));
        let found: Vec<((usize, u32), f64)> = found.collect();
        if let Some(((number, _), _)) = found.first() {
            rows[*number].push((*missing, found.iter().map(|((_, place), sign)| (*place, *sign)).collect()));
        }
    }
    for (part, rows) in parts.iter().zip(rows) {
        let Some(values) = solve(part, rows) else { return Ok(false) };
        for (cell, value) in part.cells.iter().zip(values) {
            table.cells[*cell as usize].value = value;
        }
    }
    let published = |cell: u32| !table.cells[cell as usize].state.withheld();
    let whole = table.sums.iter().zip(&missing).filter(|(sum, _)| sum.terms().all(|(cell, _)| published(cell)));
    Ok(whole.into_iter().all(|(_, missing)| missing.abs() < 1e-6))
}

/// By how much the parts of each sum exceed its total.
fn missing(table: &Table) -> Vec<f64> {
    let value = |cell: u32| table.cells[cell as usize].value;
    table.sums.iter().map(|sum| -sum.terms().map(|(cell, sign)| sign * value(cell)).sum::<f64>()).collect()
}

/// Values of a part's cells that make its sums right: each sum gets a cell more, for what is missing, and all of those are brought to zero.
fn solve(part: &Part, rows: Vec<Lacking>) -> Option<Vec<f64>> {
    let n = part.cells.len();
    let mut wider = Part {
        cells: part.cells.clone(),
        values: part.values.clone(),
        lower: part.lower.clone(),
        upper: part.upper.clone(),
        rows: Vec::new(),
    };
    let mut signs = Vec::new();
    for (missing, mut row) in rows {
        row.sort_unstable_by_key(|(cell, _)| *cell);
        row.push((wider.cells.len() as u32, 1.0));
        signs.push(missing);
        wider.cells.push(u32::MAX);
        wider.values.push(missing);
        wider.lower.push(missing.min(0.0));
        wider.upper.push(missing.max(0.0));
        wider.rows.push(row);
    }
    // One cell more is the sum of what is missing, so that one program brings all to zero.
    let all = wider.cells.len() as u32;
    let mut row: Vec<(u32, f64)> = signs
        .iter()
        .enumerate()
        .map(|(i, missing)| ((n + i) as u32, if *missing < 0.0 { 1.0 } else { -1.0 }))
        .collect();
    let total: f64 = signs.iter().map(|missing| missing.abs()).sum();
    row.push((all, 1.0));
    wider.cells.push(u32::MAX);
    wider.values.push(total);
    wider.lower.push(0.0);
    wider.upper.push(total.max(0.0));
    wider.rows.push(row);
    let mut polytope = Polytope::new(&wider, u64::MAX);
    polytope.reach(all as usize, 0.0, 0.0, 0.0);
    let point = polytope.point();
    let left = point.get(all as usize).copied().unwrap_or(f64::INFINITY);
    (left <= 1e-6 * total.max(1.0)).then(|| point.iter().take(n).copied().collect())
}
