//! Tables of migration counts: made up from fixed seeds, citizenship in regions × age × sex, and × month in quarters; or read from a file.
//!
//! In those made up a few citizenships hold most people, as in reality; counts of 1 and 2 are sensitive. Zeros are published.

use std::error::Error;

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

    /// From the group of each of the finest codes; without groups, a total alone.
    fn grouped(finest: usize, groups: &[usize]) -> Self {
        let count = groups.iter().max().map_or(0, |most| most + 1);
        let mut children = vec![Vec::new(); finest + count];
        groups.iter().enumerate().for_each(|(code, group)| children[finest + group].push(code));
        children.push(if count > 0 { (finest..finest + count).collect() } else { (0..finest).collect() });
        Self { finest, children }
    }
}

/// The figures of a table.
pub(crate) struct Figures {
    pub(crate) name: String,
    dimensions: Vec<Dimension>,
    /// Finest codes with their counts.
    finest: Vec<(Vec<usize>, f64)>,
    /// Counts below this, but zeros, are sensitive.
    below: f64,
}

impl Figures {
    /// Those made up for a shape.
    pub(crate) fn made_up(shape: &Shape) -> Self {
        let dimensions: Vec<Dimension> =
            shape.dimensions.iter().map(|(finest, groups)| Dimension::new(*finest, groups)).collect();
        let finest = finest_counts(shape, &dimensions);
        Self { name: shape.name.to_owned(), dimensions, finest, below: 3.0 }
    }

    /// From a file: a line `below;N`, for each dimension `dimension;N;GROUP;GROUP;…` with its number of codes and the group of each, or no groups, then
    /// `CODE;CODE;…;COUNT` for counts of the finest codes, all codes as numbers from 0.
    pub(crate) fn read(name: &str, text: &str) -> Result<Self, Box<dyn Error>> {
        let mut read = Self { name: name.to_owned(), dimensions: Vec::new(), finest: Vec::new(), below: 3.0 };
        for line in text.lines() {
            let fields: Vec<&str> = line.split(';').collect();
            let numbers = |fields: &[&str]| fields.iter().map(|f| f.parse()).collect::<Result<Vec<usize>, _>>();
            match fields.as_slice() {
                ["below", below] => read.below = below.parse()?,
                ["dimension", finest, groups @ ..] => {
                    let (finest, groups) = (finest.parse()?, numbers(groups)?);
                    if !groups.is_empty() && groups.len() != finest {
                        return Err(format!("{finest} codes and {} groups", groups.len()).into());
                    }
                    read.dimensions.push(Dimension::grouped(finest, &groups));
                }
                [codes @ .., count] => {
                    let codes = numbers(codes)?;
                    let within = codes.iter().zip(&read.dimensions).all(|(code, d)| *code < d.finest);
                    if codes.len() != read.dimensions.len() || !within {
                        return Err(format!("`{line}` is no cell of the table").into());
                    }
                    read.finest.push((codes, count.parse()?));
                }
                [] => {}
            }
        }
        Ok(read)
    }

    /// Number of codes of each dimension; a cell's index is its codes in mixed radix.
    pub(crate) fn sizes(&self) -> Vec<usize> {
        self.dimensions.iter().map(|dimension| dimension.children.len()).collect()
    }

    /// The finest codes with their counts, without zeros.
    pub(crate) fn finest(&self) -> impl Iterator<Item = &(Vec<usize>, f64)> {
        self.finest.iter().filter(|(_, count)| *count > 0.0)
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

/// The table of these figures with all totals.
pub(crate) fn table(figures: &Figures) -> Table {
    let (dimensions, sizes) = (&figures.dimensions, figures.sizes());
    let cells: usize = sizes.iter().product();
    let mut values = vec![0.0; cells];
    for (codes, count) in &figures.finest {
        values[codes.iter().zip(&sizes).fold(0, |cell, (code, size)| cell * size + code)] += count;
    }
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
    Table { cells: values.into_iter().map(|value| cell(value, figures.below)).collect(), sums }
}

/// A count of this value, sensitive if it is below `below`.
pub(crate) fn cell(value: f64, below: f64) -> Cell {
    let cell = Cell { contributors: value as u32, ..Cell::new(value) };
    if (1.0..below).contains(&value) { cell.primary(levels(value)) } else { cell }
}

fn finest_counts(shape: &Shape, dimensions: &[Dimension]) -> Vec<(Vec<usize>, f64)> {
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
    let cells: usize = dimensions.iter().map(|dimension| dimension.finest).product();
    let mut found = Vec::with_capacity(cells);
    for cell in 0..cells {
        let (mut rest, mut mean, mut codes) = (cell, shape.persons, vec![0; dimensions.len()]);
        for axis in (0..dimensions.len()).rev() {
            codes[axis] = rest % dimensions[axis].finest;
            mean *= weights[axis][codes[axis]];
            rest /= dimensions[axis].finest;
        }
        let spread = 0.5 + numbers.uniform();
        found.push((codes, numbers.count(mean * spread) as f64));
    }
    found
}
