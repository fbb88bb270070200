//! Made-up tables of migration counts from fixed seeds: citizenship in regions × age × sex, and × month in quarters.
//!
//! A few citizenships hold most people, as in reality; counts of 1 and 2 are sensitive, zeros are published.

use crate::disclosure::table::{Cell, Levels, Sum, Table};
use crate::numbers::Numbers;

/// A dimension's codes: the finest first, then groups of them, groups of groups, and the total.
struct Dimension {
    finest: usize,
    /// For each code the codes it is the sum of.
    children: Vec<Vec<usize>>,
}

impl Dimension {
    /// `groups` are the numbers of codes of one level that make one of the next.
    fn new(finest: usize, groups: &[usize]) -> Self {
        let mut children = vec![Vec::new(); finest];
        let mut level = 0..finest;
        for group in groups {
            let codes: Vec<usize> = level.collect();
            level = children.len()..children.len() + codes.len().div_ceil(*group);
            children.extend(codes.chunks(*group).map(<[usize]>::to_vec));
        }
        children.push(level.collect());
        Self { finest, children }
    }
}

/// What a table looks like.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    /// The finest codes of each dimension, and how they are grouped below the total.
    dimensions: &'static [(usize, &'static [usize])],
    persons: f64,
    seed: u64,
}

/// From 10³ to 10⁶ cells.
pub(crate) const SHAPES: &[Shape] = &[
    Shape { name: "540", dimensions: &[(15, &[4]), (8, &[]), (2, &[])], persons: 2_000.0, seed: 1 },
    Shape { name: "2205", dimensions: &[(96, &[12]), (6, &[]), (2, &[])], persons: 18_000.0, seed: 1 },
    Shape { name: "4860", dimensions: &[(15, &[4]), (8, &[]), (2, &[]), (6, &[3])], persons: 2_800.0, seed: 1 },
    Shape { name: "37485", dimensions: &[(96, &[12]), (6, &[]), (2, &[]), (12, &[3])], persons: 40_000.0, seed: 1 },
    Shape {
        name: "399000",
        dimensions: &[(178, &[9]), (18, &[]), (2, &[]), (24, &[3, 4])],
        persons: 400_000.0,
        seed: 1,
    },
    Shape {
        name: "980400",
        dimensions: &[(178, &[9]), (18, &[]), (2, &[]), (60, &[3, 4])],
        persons: 1_000_000.0,
        seed: 1,
    },
];

/// How sensitive cells are protected: at least 1 % in each direction, as tau-Argus protects by default.
pub(crate) fn levels(value: f64) -> Levels {
    Levels { upper: value * 0.01, lower: value * 0.01, sliding: 0.0 }
}

/// The table of this shape; counts of 1 and 2 are sensitive.
pub(crate) fn table(shape: &Shape) -> Table {
    let dimensions: Vec<Dimension> =
        shape.dimensions.iter().map(|(finest, groups)| Dimension::new(*finest, groups)).collect();
    let sizes: Vec<usize> = dimensions.iter().map(|d| d.children.len()).collect();
    let cells: usize = sizes.iter().product();
    let mut values = finest_counts(shape, &dimensions, &sizes, cells);
    let mut sums = Vec::new();
    // Dimension by dimension: the totals over one are made when those over the ones before are there.
    for (axis, dimension) in dimensions.iter().enumerate() {
        let stride: usize = sizes[axis + 1..].iter().product();
        for cell in 0..cells {
            let code = cell / stride % sizes[axis];
            if dimension.children[code].is_empty() {
                continue;
            }
            let parts = dimension.children[code].iter().map(|child| (cell - code * stride + child * stride) as u32);
            sums.push(Sum { total: cell as u32, parts: parts.collect() });
        }
        for sum in &sums {
            values[sum.total as usize] = sum.parts.iter().map(|p| values[*p as usize]).sum();
        }
    }
    Table { cells: values.into_iter().map(cell).collect(), sums }
}

/// A count of this value.
pub(crate) fn cell(value: f64) -> Cell {
    let cell = Cell { contributors: value as u32, ..Cell::new(value) };
    if (1.0..3.0).contains(&value) { cell.primary(levels(value)) } else { cell }
}

fn finest_counts(shape: &Shape, dimensions: &[Dimension], sizes: &[usize], cells: usize) -> Vec<f64> {
    let mut numbers = Numbers(shape.seed);
    let weights: Vec<Vec<f64>> = dimensions
        .iter()
        .enumerate()
        .map(|(axis, dimension)| {
            let weight = |code: usize| match axis {
                0 => 1.0 / (1.0 + code as f64),
                // Ages rise to the middle and fall again.
                1 => 1.0 + (std::f64::consts::PI * code as f64 / dimension.finest as f64).sin() * 4.0,
                _ => 1.0 + 0.2 * (code % 2) as f64,
            };
            let weights: Vec<f64> = (0..dimension.finest).map(weight).collect();
            let sum: f64 = weights.iter().sum();
            weights.iter().map(|w| w / sum).collect()
        })
        .collect();
    let mut values = vec![0.0; cells];
    for (cell, value) in values.iter_mut().enumerate() {
        let (mut rest, mut mean) = (cell, shape.persons);
        for axis in (0..sizes.len()).rev() {
            mean *= weights[axis].get(rest % sizes[axis]).copied().unwrap_or(0.0);
            rest /= sizes[axis];
        }
        if mean > 0.0 {
            let spread = 0.5 + numbers.uniform();
            *value = numbers.count(mean * spread) as f64;
        }
    }
    values
}

/// Number of codes of each dimension; a cell's index is its codes in mixed radix.
pub(crate) fn sizes(shape: &Shape) -> Vec<usize> {
    shape.dimensions.iter().map(|(finest, groups)| Dimension::new(*finest, groups).children.len()).collect()
}

/// The finest codes with their counts, without zeros.
pub(crate) fn finest(shape: &Shape) -> Vec<(Vec<usize>, f64)> {
    let table = table(shape);
    let dimensions: Vec<Dimension> =
        shape.dimensions.iter().map(|(finest, groups)| Dimension::new(*finest, groups)).collect();
    let mut found = Vec::new();
    for (cell, count) in table.cells.iter().enumerate().filter(|(_, c)| c.value > 0.0) {
        let (mut rest, mut codes) = (cell, Vec::new());
        for dimension in dimensions.iter().rev() {
            codes.insert(0, rest % dimension.children.len());
            rest /= dimension.children.len();
        }
        if codes.iter().zip(&dimensions).all(|(code, d)| *code < d.finest) {
            found.push((codes, count.value));
        }
    }
    found
}
