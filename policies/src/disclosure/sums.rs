//! Sums over sex and age, and what to withhold so that subtraction within them gives nothing back.
//!
//! Codes of a dimension may overlap (`Y_LT18` beside `Y0T4`, `Y5T11` and `Y12T17`), so a total is not the sum of all its parts. Each
//! code stands for a set of atoms; every way in which codes that are there make up another code exactly is one sum.

use std::collections::BTreeMap;

/// Dimensions over which figures add up.
pub(super) const ADDITIVE: [&str; 2] = ["SEX", "AGE"];
/// All of a dimension's codes together.
const TOTAL: &str = "_T";
/// Atoms of `CL_AGE`: under 5, 5 to 11 and 12 to 17, each unaccompanied and accompanied; 18 to 59; from 60; unknown.
const AGES: [(&str, u64); 15] = [
    ("Y0T4", 0b11),
    ("Y5T11", 0b1100),
    ("Y12T17", 0b11_0000),
    ("Y_LT12", 0b1111),
    ("Y_LT18", 0b11_1111),
    ("Y_LT18_UNA", 0b01_0101),
    ("Y_LT18_ACC", 0b10_1010),
    ("Y_LT12_UNA", 0b0101),
    ("Y_LT12_ACC", 0b1010),
    ("Y12T17_UNA", 0b01_0000),
    ("Y12T17_ACC", 0b10_0000),
    ("Y18T59", 1 << 6),
    ("Y_GE60", 1 << 7),
    ("Y_GE18", 0b11 << 6),
    ("_U", 1 << 8),
];
/// Atoms that a code not in `AGES` may be given: it overlaps no other.
const FREE_ATOMS: std::ops::Range<u32> = 9..64;

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is published.
    Publish,
    /// CONF_STATUS `A`: a small count.
    Primary,
    /// CONF_STATUS `D`: protects another.
    Secondary,
}

/// A cell of one block.
#[derive(Debug)]
pub(super) struct Cell {
    /// Its row in the table.
    pub(super) row: usize,
    /// Its figure, if it has one.
    pub(super) value: Option<f64>,
    /// Its codes in the dimensions that differ within the block, and its period.
    pub(super) key: Vec<Box<str>>,
    /// What becomes of it.
    pub(super) fate: Fate,
}

/// The cells that share all dimensions before the first additive one: no sum reaches beyond them.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// The cells.
    pub(super) cells: Vec<Cell>,
}

/// `total` is what `parts` add up to; indexes of cells.
#[derive(Debug, PartialEq, Eq)]
struct Sum {
    total: usize,
    parts: Vec<usize>,
}

impl Block {
    /// Withholds further cells until no sum has exactly one withheld among its parts and total. `axes` are the additive dimensions'
    /// places in the cells' keys; a sum counts if it holds to within `margin`.
    pub(super) fn protect(&mut self, axes: &[(usize, &str)], margin: f64) {
        if self.cells.iter().all(|c| c.fate == Fate::Publish) {
            return;
        }
        let mut sums = Vec::new();
        for (axis, dimension) in axes {
            let mut slices: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
            for (index, cell) in self.cells.iter().enumerate() {
                let others = cell.key.iter().enumerate().filter(|(i, _)| i != axis).map(|(_, code)| &**code);
                slices.entry(others.collect()).or_default().push(index);
            }
            for slice in slices.values() {
                let code = |i: &usize| self.cells.get(*i).and_then(|c| c.key.get(*axis)).map_or("", |code| &**code);
                let codes: Vec<&str> = slice.iter().map(code).collect();
                let cell = |member: usize| slice.get(member).copied().unwrap_or_default();
                sums.extend(
                    sums_of(dimension, &codes)
                        .into_iter()
                        .map(|s| Sum { total: cell(s.total), parts: s.parts.into_iter().map(cell).collect() }),
                );
            }
        }
        sums.retain(|sum| self.residual(sum).abs() < margin);
        // Each round withholds at least one more cell, so this ends.
        while sums.iter().filter(|sum| self.cover(sum)).count() > 0 {}
    }

    fn value(&self, cell: usize) -> f64 {
        self.cells.get(cell).and_then(|c| c.value).unwrap_or(0.0)
    }

    fn residual(&self, sum: &Sum) -> f64 {
        self.value(sum.total) - sum.parts.iter().map(|p| self.value(*p)).sum::<f64>()
    }

    /// If exactly one cell of the sum is withheld, withholds the smallest other part; zeros hide nothing, so the total if there is
    /// none. True if it did.
    fn cover(&mut self, sum: &Sum) -> bool {
        let open = |i: usize| self.cells.get(i).is_some_and(|c| c.fate == Fate::Publish);
        let withheld = sum.parts.iter().chain([&sum.total]).filter(|i| !open(**i)).count();
        if withheld != 1 {
            return false;
        }
        let parts = sum.parts.iter().copied().filter(|i| open(*i) && self.value(*i) > 0.0);
        let smallest = parts.min_by(|a, b| self.value(*a).total_cmp(&self.value(*b)).then(a.cmp(b)));
        let taken = smallest.or_else(|| open(sum.total).then_some(sum.total));
        let Some(cell) = taken.and_then(|i| self.cells.get_mut(i)) else { return false };
        cell.fate = Fate::Secondary;
        true
    }
}

/// The sums among codes of one dimension; indexes into `codes`.
fn sums_of(dimension: &str, codes: &[&str]) -> Vec<Sum> {
    let mut free = FREE_ATOMS;
    let atoms: Vec<u64> = codes
        .iter()
        .map(|code| match AGES.iter().find(|(age, _)| dimension == "AGE" && age == code) {
            Some((_, atoms)) => *atoms,
            None if *code == TOTAL => u64::MAX,
            None => free.next().map_or(0, |bit| 1 << bit),
        })
        .collect();
    let mut sums = Vec::new();
    for (total, whole) in atoms.iter().enumerate() {
        let within = |part: &u64| *part != 0 && part != whole && part & whole == *part;
        let parts: Vec<(usize, u64)> = atoms.iter().copied().enumerate().filter(|(_, a)| within(a)).collect();
        // A part that is not there is taken to be nothing; whether that is so, the figures themselves show.
        let there = parts.iter().fold(0, |all, (_, a)| all | a);
        if there != 0 {
            covers(there, &parts, &mut Vec::new(), &mut |found| sums.push(Sum { total, parts: found.to_vec() }));
        }
    }
    sums
}

/// Every choice of `parts` that makes up `open` exactly, each atom once.
fn covers(open: u64, parts: &[(usize, u64)], chosen: &mut Vec<usize>, found: &mut impl FnMut(&[usize])) {
    if open == 0 {
        return found(chosen);
    }
    let lowest = open & open.wrapping_neg();
    for (index, atoms) in parts.iter().filter(|(_, a)| a & lowest != 0 && a & open == *a) {
        chosen.push(*index);
        covers(open & !atoms, parts, chosen, found);
        chosen.pop();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(dimension: &str, codes: &[&str], expected: &[(&str, &[&str])]) {
        let name = |i: usize| codes[i];
        let found: Vec<(&str, Vec<&str>)> = sums_of(dimension, codes)
            .into_iter()
            .map(|s| (name(s.total), s.parts.into_iter().map(name).collect()))
            .collect();
        let expected: Vec<(&str, Vec<&str>)> = expected.iter().map(|(t, p)| (*t, p.to_vec())).collect();
        assert_eq!(found, expected, "{codes:?}");
    }

    #[test]
    fn sums_follow_how_codes_overlap() {
        check("SEX", &["F", "M", "_T"], &[("_T", &["F", "M"])]);
        check("SEX", &["F", "M"], &[]);
        check("AGE", &["Y_LT18", "Y_GE18", "Y0T4", "_T"], &[("Y_LT18", &["Y0T4"]), ("_T", &["Y_LT18", "Y_GE18"])]);
        check("AGE", &["Y0T4", "Y5T11", "Y12T17", "Y_LT18"], &[("Y_LT18", &["Y0T4", "Y5T11", "Y12T17"])]);
        check(
            "AGE",
            &["Y_LT12", "Y12T17", "Y_LT18_UNA", "Y_LT18_ACC", "Y_LT18"],
            &[("Y_LT18", &["Y_LT12", "Y12T17"]), ("Y_LT18", &["Y_LT18_UNA", "Y_LT18_ACC"])],
        );
        check("AGE", &["Y_LT18", "Z9", "_T"], &[("_T", &["Y_LT18", "Z9"])]);
    }
}
