//! The parts of a table that withheld cells fall into: what is published in a sum is a number to an attacker, so only withheld cells connect sums.

use std::collections::BTreeMap;

use crate::disclosure::table::Table;

/// Withheld cells that sums connect, numbered from 0, and those sums.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The cells' indices in the table.
    pub(super) cells: Vec<u32>,
    /// Their true values.
    pub(super) values: Vec<f64>,
    /// What is known beforehand.
    pub(super) lower: Vec<f64>,
    /// Likewise.
    pub(super) upper: Vec<f64>,
    /// The withheld cells of each sum, with their signs; what is published in it is a constant.
    pub(super) rows: Vec<Vec<(u32, f64)>>,
}

impl Part {
    /// For each cell the sums it is in.
    pub(super) fn columns(&self) -> Vec<Vec<u32>> {
        let mut columns = vec![Vec::new(); self.cells.len()];
        for (row, number) in self.rows.iter().zip(0u32..) {
            row.iter().for_each(|(cell, _)| columns[*cell as usize].push(number));
        }
        columns
    }

    /// How many cells there are in all; fewer are near.
    pub(super) fn len(&self) -> usize {
        self.cells.len()
    }
}

/// Finds whose part a cell is in.
fn root(parents: &mut [u32], mut cell: u32) -> u32 {
    while parents[cell as usize] != cell {
        let above = parents[parents[cell as usize] as usize];
        parents[cell as usize] = above;
        cell = above;
    }
    cell
}

/// Splits a checked table.
pub(super) fn split(table: &Table) -> Vec<Part> {
    let withheld = |cell: u32| table.cells[cell as usize].state.withheld();
    let mut parents: Vec<u32> = (0..table.cells.len() as u32).collect();
    for sum in &table.sums {
        let mut first = None;
        for (cell, _) in sum.terms().filter(|(cell, _)| withheld(*cell)) {
            let above = root(&mut parents, cell);
            let with = *first.get_or_insert(above);
            let with = root(&mut parents, with);
            parents[above as usize] = with;
        }
    }
    let mut numbers = BTreeMap::new();
    let mut parts: Vec<Part> = Vec::new();
    let mut places = vec![(0u32, 0u32); table.cells.len()];
    for (index, cell) in table.cells.iter().enumerate().filter(|(_, cell)| cell.state.withheld()) {
        let root = root(&mut parents, index as u32);
        let number = *numbers.entry(root).or_insert_with(|| {
            parts.push(Part::default());
            parts.len() - 1
        });
        let part = &mut parts[number];
        places[index] = (number as u32, part.cells.len() as u32);
        part.cells.push(index as u32);
        part.values.push(cell.value);
        part.lower.push(cell.bounds.0);
        part.upper.push(cell.bounds.1);
    }
    for sum in &table.sums {
        let row: Vec<(u32, f64)> = sum.terms().filter(|(cell, _)| withheld(*cell)).collect();
        let Some((first, _)) = row.first() else { continue };
        let number = places[*first as usize].0 as usize;
        let mut row: Vec<(u32, f64)> = row.into_iter().map(|(cell, sign)| (places[cell as usize].1, sign)).collect();
        row.sort_unstable_by_key(|(cell, _)| *cell);
        parts[number].rows.push(row);
    }
    for part in &mut parts {
        part.rows.sort_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.iter().map(|t| t.0).cmp(b.iter().map(|t| t.0))));
        part.rows.dedup();
    }
    parts
}

/// The cells that are in one sum with each of `cells`.
pub(super) fn beside(table: &Table, cells: &[u32]) -> BTreeMap<u32, Vec<u32>> {
    let mut found: BTreeMap<u32, Vec<u32>> = cells.iter().map(|cell| (*cell, Vec::new())).collect();
    if cells.is_empty() {
        return found;
    }
    for sum in &table.sums {
        for (cell, _) in sum.terms() {
            if let Some(list) = found.get_mut(&cell) {
                list.extend(sum.terms().map(|(other, _)| other).filter(|other| *other != cell));
            }
        }
    }
    for list in found.values_mut() {
        list.sort_unstable();
        list.dedup();
    }
    found
}
