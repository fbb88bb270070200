//! P-tables: with which probability a count is changed by how much, as the most random distribution that keeps what was asked for.
//!
//! Row `i` of the table is the distribution of the noise `v` on a count of `i`. Among all distributions on the allowed noise that have mean 0
//! and the wanted variance it is the one of greatest entropy, so it tells an attacker least about `i`. The method is that of Giessing (2016)
//! and of R's `ptable`; the last row serves all greater counts.

mod entropy;

use serde::Deserialize;

use entropy::Goal;

/// Greatest perturbation a table may be asked for: far beyond use, and it keeps the solver's matrices small.
pub const MAX_PERTURBATION: u32 = 50;
/// Entropy's solution puts some probability everywhere; nearer than this to the least or greatest variance a row is its limit instead.
const EDGE: f64 = 1e-9;

/// What a p-table must keep.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PtableRules {
    /// D: no count changes by more.
    pub max_perturbation: u32,
    /// V: variance of the noise. With `monotone` it is the most the variance may be.
    pub variance: f64,
    /// js: counts from 1 to this one are never published. At most D.
    #[serde(default)]
    pub threshold: u32,
    /// Whether noise further from 0, on the same side of it, must not be more likely than nearer noise.
    #[serde(default = "yes")]
    pub monotone: bool,
}

fn yes() -> bool {
    true
}

/// Why there is no such p-table.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PtableError {
    /// A parameter is out of its range.
    #[error("the p-table's `{name}` is {value}: give {expected}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What was given.
        value: String,
        /// What can be given.
        expected: String,
    },
    /// No distribution on a row's noise has mean 0 and this variance.
    #[error(
        "no noise on a count of {count} without bias has the variance {variance}: with these `max_perturbation` and `threshold` it can have from {least} to {most}"
    )]
    Variance {
        /// The row.
        count: u32,
        /// Asked for.
        variance: f64,
        /// The least there is.
        least: f64,
        /// The most there is.
        most: f64,
    },
    /// The numbers ran out of precision.
    #[error(
        "the distribution of the noise on a count of {count} could not be found: choose a variance further from {least} and {most}"
    )]
    Numbers {
        /// The row.
        count: u32,
        /// The least variance there is.
        least: f64,
        /// The most there is.
        most: f64,
    },
}

/// The noise on one count.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The possible noise, ascending.
    noise: Vec<i64>,
    /// The probability of each.
    probability: Vec<f64>,
}

impl Row {
    /// The possible noise, ascending, with the probability of each.
    pub fn entries(&self) -> impl Iterator<Item = (i64, f64)> {
        self.noise.iter().copied().zip(self.probability.iter().copied())
    }

    /// Expected value of `f(noise)`.
    pub fn expected(&self, f: impl Fn(f64) -> f64) -> f64 {
        self.entries().map(|(v, p)| p * f(v as f64)).sum()
    }

    /// The noise at `key`, if keys are uniform over all of `u64`.
    fn draw(&self, key: u64) -> i64 {
        // The upper 53 bits are what a float in [0, 1) holds exactly.
        let at = (key >> 11) as f64 / (1u64 << 53) as f64;
        let mut below = 0.0;
        let found = self.entries().find(|(_, p)| {
            below += p;
            at < below
        });
        found.or_else(|| self.entries().last()).map_or(0, |(v, _)| v)
    }
}

/// The noise on every count.
#[derive(Debug, Clone, PartialEq)]
pub struct Ptable {
    rows: Vec<Row>,
}

impl Ptable {
    /// Solves for the table that keeps `rules`.
    pub fn solve(rules: &PtableRules) -> Result<Self, PtableError> {
        check(rules)?;
        let last = rules.max_perturbation + rules.threshold;
        let none = Row { noise: vec![0], probability: vec![1.0] };
        let rows = (1..=last).map(|count| row(count, rules));
        Ok(Self { rows: std::iter::once(Ok(none)).chain(rows).collect::<Result<_, _>>()? })
    }

    /// The row of a count; counts beyond the table have its last.
    pub fn row(&self, count: u64) -> Option<&Row> {
        let index = usize::try_from(count).unwrap_or(usize::MAX).min(self.rows.len().saturating_sub(1));
        self.rows.get(index)
    }

    /// Number of rows, the one of 0 among them.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The count with the noise that belongs to `key`, which must be uniform over all of `u64`. 0 stays 0.
    pub fn perturb(&self, count: u64, key: u64) -> u64 {
        let noise = self.row(count).map_or(0, |row| row.draw(key));
        count.saturating_add_signed(noise)
    }
}

fn check(rules: &PtableRules) -> Result<(), PtableError> {
    let wrong = |name, value: String, expected: String| Err(PtableError::Parameter { name, value, expected });
    let most = rules.max_perturbation;
    if most == 0 || most > MAX_PERTURBATION {
        return wrong("max_perturbation", most.to_string(), format!("a number from 1 to {MAX_PERTURBATION}"));
    }
    if rules.threshold > most {
        let expected = format!("at most `max_perturbation`, which is {most}: else counts below it have nowhere to go");
        return wrong("threshold", rules.threshold.to_string(), expected);
    }
    if !(rules.variance.is_finite() && rules.variance > 0.0) {
        return wrong("variance", rules.variance.to_string(), "a number above 0".to_owned());
    }
    Ok(())
}

fn row(count: u32, rules: &PtableRules) -> Result<Row, PtableError> {
    let (count_i, most) = (i64::from(count), i64::from(rules.max_perturbation));
    let blocked = 1..=i64::from(rules.threshold);
    let noise: Vec<i64> =
        ((count_i - most).max(0)..=count_i + most).filter(|j| !blocked.contains(j)).map(|j| j - count_i).collect();
    let (limits, variance) = (Limits::of(&noise), rules.variance);
    let too_much = variance > limits.most + EDGE && !rules.monotone;
    if variance < limits.least - EDGE || too_much {
        return Err(PtableError::Variance { count, variance, least: limits.least, most: limits.most });
    }
    let probability = if variance < limits.least + EDGE {
        two_points(&noise, limits.near)
    } else if variance > limits.most - EDGE && !rules.monotone {
        two_points(&noise, limits.far)
    } else {
        let goal = Goal { noise: &noise, variance, monotone: rules.monotone };
        let found = goal.maximise();
        found.ok_or(PtableError::Numbers { count, least: limits.least, most: limits.most })?
    };
    Ok(Row { noise, probability })
}

/// What unbiased noise on a support can be.
struct Limits {
    /// The greatest noise up to 0 and the least from 0.
    near: (i64, i64),
    /// The least and the greatest noise.
    far: (i64, i64),
    /// The least variance: all on `near`.
    least: f64,
    /// The greatest: all on `far`.
    most: f64,
}

impl Limits {
    fn of(noise: &[i64]) -> Self {
        let near = (
            noise.iter().copied().filter(|v| *v <= 0).max().unwrap_or(0),
            noise.iter().copied().filter(|v| *v >= 0).min().unwrap_or(0),
        );
        let far = (noise.first().copied().unwrap_or(0), noise.last().copied().unwrap_or(0));
        let variance = |(low, high): (i64, i64)| (-low * high) as f64;
        Self { near, far, least: variance(near), most: variance(far) }
    }
}

/// The one distribution on two kinds of noise that has mean 0.
fn two_points(noise: &[i64], (low, high): (i64, i64)) -> Vec<f64> {
    let share = if low == high { 1.0 } else { high as f64 / (high - low) as f64 };
    let at = |v: &i64| match *v {
        v if v == low => share,
        v if v == high => 1.0 - share,
        _ => 0.0,
    };
    noise.iter().map(at).collect()
}

#[cfg(test)]
mod tests;
