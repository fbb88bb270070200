//! Rounds made-up tables of migration counts and prints what is lost, beside the figures that R's `SmallCountRounding` 1.2.5 reached on tables of
//! the same shape: `cargo run --release -p chancery-policies --example rounding`.
//!
//! Citizenship in regions × age × sex × month in quarters. The counts are made up from a fixed seed: a few citizenships hold most people, as
//! in reality, and between a tenth and a quarter of the published cells are 1 or 2.

#[path = "disclosure/numbers.rs"]
mod numbers;

use std::time::Instant;

use chancery_policies::disclosure::rounding::controlled::{Sums, Which, round};

use numbers::Numbers;

/// Codes of a dimension: for each of the finest, all the published codes it is counted in.
type Codes = Vec<Vec<usize>>;

/// Finest codes in groups of `group`, and a total.
fn grouped(finest: usize, group: usize) -> (Codes, usize) {
    let groups = if group == 0 { 0 } else { finest.div_ceil(group) };
    let total = finest + groups;
    let codes = (0..finest).map(|i| if groups == 0 { vec![i, total] } else { vec![i, finest + i / group, total] });
    (codes.collect(), total + 1)
}

/// The finest counts and their sums.
fn table(citizenships: usize, persons: f64) -> (Vec<u64>, Sums) {
    let mut numbers = Numbers(5);
    let dimensions = [grouped(citizenships, citizenships / 8), grouped(6, 0), grouped(2, 0), grouped(12, 3)];
    let [a, b, c, d] = &dimensions;
    let zipf: f64 = (0..citizenships).map(|i| 1.0 / (1.0 + i as f64)).sum();
    let ages = [0.10, 0.15, 0.20, 0.35, 0.15, 0.05];
    let (mut inner, mut sums) = (Vec::new(), Sums::default());
    for (i, a_in) in a.0.iter().enumerate() {
        for (b_in, age) in b.0.iter().zip(ages) {
            for (c_in, sex) in c.0.iter().zip([0.55, 0.45]) {
                for d_in in &d.0 {
                    let spread = 0.5 + numbers.uniform();
                    inner.push(numbers.count(persons / zipf / (1.0 + i as f64) * age * sex / 12.0 * spread));
                    let place = |(((a_code, b_code), c_code), d_code): (((usize, usize), usize), usize)| {
                        ((a_code * b.1 + b_code) * c.1 + c_code) * d.1 + d_code
                    };
                    let pairs = a_in.iter().flat_map(|x| b_in.iter().map(move |y| (*x, *y)));
                    let triples = pairs.flat_map(|p| c_in.iter().map(move |z| (p, *z)));
                    sums.push(triples.flat_map(|t| d_in.iter().map(move |w| (t, *w))).map(place));
                }
            }
        }
    }
    (inner, sums)
}

fn small_counts(published: &[u64]) -> usize {
    published.iter().filter(|v| (1..3).contains(*v)).count()
}

/// The mean and the greatest change.
fn change(before: &[u64], after: &[u64]) -> (f64, u64) {
    let changes = || before.iter().zip(after).map(|(b, a)| b.abs_diff(*a));
    (changes().sum::<u64>() as f64 / before.len() as f64, changes().max().unwrap_or(0))
}

fn main() {
    println!("published  persons   1 or 2 | rounded       mean |d|  max |d|  left  seconds");
    for (citizenships, persons) in [(96, 40_000.0), (96, 80_000.0), (96, 200_000.0), (960, 400_000.0)] {
        let (inner, sums) = table(citizenships, persons);
        let before = sums.add_up(&inner);
        let small = small_counts(&before);
        for which in [Which::Small, Which::All] {
            let start = Instant::now();
            let rounded = match round(&inner, &sums, 3, which, 1) {
                Ok(rounded) => rounded,
                Err(error) => return println!("{error}"),
            };
            let seconds = start.elapsed().as_secs_f64();
            let after = sums.add_up(&rounded);
            let (mean, most) = change(&before, &after);
            println!(
                "{:>9} {:>8} {:>7.1}% | {:<12} {:>9.3} {:>8} {:>5} {:>8.2}",
                before.len(),
                inner.iter().sum::<u64>(),
                small as f64 * 100.0 / before.len() as f64,
                if which == Which::Small { "small counts" } else { "all counts" },
                mean,
                most,
                small_counts(&after),
                seconds
            );
        }
    }
    println!(
        "    37485        –        – | SmallCountRounding 0.80        8     0     1.70   (measured in R on the same shape)"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn less_is_lost_than_by_smallcountrounding() {
        let (inner, sums) = table(96, 40_000.0);
        let before = sums.add_up(&inner);
        assert!(before.len() == 37_485 && small_counts(&before) > before.len() / 4);
        let after = sums.add_up(&round(&inner, &sums, 3, Which::Small, 1).unwrap());
        let (mean, most) = change(&before, &after);
        assert!(mean <= 0.80 && most <= 8 && small_counts(&after) == 0, "{mean} {most}");
    }
}
