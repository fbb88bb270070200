//! The distribution of greatest entropy under linear conditions, by projected Newton steps on the dual.
//!
//! The solution has the form p(v) ∝ exp(θ·T(v)), where T(v) holds what each condition adds up over v. The dual is convex and as small as the
//! number of conditions; its gradient is by how much they are missed, so where it vanishes they hold. Conditions that only bound have θ ≥ 0.

/// Steps before giving up; a dozen is usual.
const MAX_STEPS: usize = 500;
/// Conditions count as met below this.
const MET: f64 = 1e-14;
/// What must be reached at least.
const GOOD: f64 = 1e-11;
/// Steps are not cut back below this.
const SHORTEST: f64 = 1e-12;
/// Added to the diagonal, against conditions that say the same.
const RIDGE: f64 = 1e-13;
/// Part of the promised decrease that a step must bring (Armijo).
const SUFFICIENT: f64 = 1e-4;

/// What a row of the p-table must keep.
pub(super) struct Goal<'a> {
    /// The possible noise, ascending.
    pub(super) noise: &'a [i64],
    /// The variance, or the most it may be if `monotone`.
    pub(super) variance: f64,
    /// Whether noise further from 0 must not be more likely.
    pub(super) monotone: bool,
}

/// Σ p(v)·T(v) = target, or at least that.
struct Condition {
    /// T, in the order of the noise.
    statistic: Vec<f64>,
    target: f64,
    bound: bool,
}

impl Goal<'_> {
    /// The probability of each noise; none if the steps did not end.
    pub(super) fn maximise(&self) -> Option<Vec<f64>> {
        let conditions = self.conditions();
        let mut theta = vec![0.0; conditions.len()];
        // A bound takes part only while it is needed, one more at a time: so the dual falls at every change and this ends.
        let mut free: Vec<usize> =
            (0..conditions.len()).filter(|k| !conditions.get(*k).is_some_and(|c| c.bound)).collect();
        let mut stalled = false;
        for _ in 0..MAX_STEPS {
            let (value, p) = dual(&conditions, &theta);
            let gradient: Vec<f64> = conditions.iter().map(|c| dot(&c.statistic, &p) - c.target).collect();
            let missed = free.iter().map(|k| part(&gradient, *k).abs()).fold(0.0, f64::max);
            if missed < MET || stalled {
                let broken = (0..theta.len()).filter(|k| !free.contains(k) && part(&gradient, *k) < -MET);
                match broken.min_by(|a, b| part(&gradient, *a).total_cmp(&part(&gradient, *b))) {
                    // The last digits are noise of the arithmetic; what is left must be far below what is promised.
                    None => return (missed < GOOD).then_some(p),
                    Some(_) if missed >= GOOD => return None,
                    Some(k) => free.push(k),
                }
            }
            let next = step(&conditions, &theta, (value, &p, &gradient), &mut free);
            stalled = next.is_none();
            theta = next.unwrap_or(theta);
        }
        None
    }

    fn conditions(&self) -> Vec<Condition> {
        let scale = self.noise.iter().map(|v| v.abs()).max().unwrap_or(1).max(1) as f64;
        let scaled: Vec<f64> = self.noise.iter().map(|v| *v as f64 / scale).collect();
        let variance = self.variance / (scale * scale);
        let mut conditions = vec![Condition { statistic: scaled.clone(), target: 0.0, bound: false }];
        // At most the variance is at least its negative.
        let sign = if self.monotone { -1.0 } else { 1.0 };
        let squares = scaled.iter().map(|v| sign * v * v).collect();
        conditions.push(Condition { statistic: squares, target: sign * variance, bound: self.monotone });
        if self.monotone {
            conditions.extend(self.falling());
        }
        conditions
    }

    /// One condition for each two neighbours on one side of 0: the nearer is not less likely.
    fn falling(&self) -> impl Iterator<Item = Condition> {
        let pairs = self.noise.iter().enumerate().zip(self.noise.iter().enumerate().skip(1));
        pairs.filter_map(|((left, low), (right, high))| {
            let (near, far) = match (low, high) {
                (_, high) if *high <= 0 => (right, left),
                (low, _) if *low >= 0 => (left, right),
                _ => return None,
            };
            let mut statistic = vec![0.0; self.noise.len()];
            *statistic.get_mut(near)? = 1.0;
            *statistic.get_mut(far)? = -1.0;
            Some(Condition { statistic, target: 0.0, bound: true })
        })
    }
}

/// The dual's value at θ, and the distribution.
fn dual(conditions: &[Condition], theta: &[f64]) -> (f64, Vec<f64>) {
    let len = conditions.first().map_or(0, |c| c.statistic.len());
    let mut exponent = vec![0.0; len];
    for (condition, t) in conditions.iter().zip(theta) {
        for (e, s) in exponent.iter_mut().zip(&condition.statistic) {
            *e += t * s;
        }
    }
    let top = exponent.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = exponent.iter().map(|e| (e - top).exp()).collect();
    let total: f64 = weights.iter().sum();
    let targets: f64 = conditions.iter().zip(theta).map(|(c, t)| c.target * t).sum();
    (total.ln() + top - targets, weights.into_iter().map(|w| w / total).collect())
}

/// A Newton step over the free θ, cut back until the dual falls enough, and where a bounded one reaches 0, which is then no longer free. None
/// if the dual no longer falls.
fn step(
    conditions: &[Condition],
    theta: &[f64],
    (value, p, gradient): (f64, &[f64], &[f64]),
    free: &mut Vec<usize>,
) -> Option<Vec<f64>> {
    let direction = direction(conditions, p, gradient, free)?;
    let bounded = |k: &usize| conditions.get(*k).is_some_and(|c| c.bound);
    let reach = free.iter().zip(&direction).filter(|(k, d)| bounded(k) && **d < 0.0);
    let reach = reach.map(|(k, d)| -part(theta, *k) / d).fold(f64::INFINITY, f64::min);
    let mut length = reach.min(1.0);
    while length == reach || length > SHORTEST {
        let mut next = theta.to_vec();
        for (k, d) in free.iter().zip(&direction) {
            let moved = part(theta, *k) + length * d;
            let moved = if bounded(k) { moved.max(0.0) } else { moved };
            if let Some(slot) = next.get_mut(*k) {
                *slot = moved;
            }
        }
        let promised: f64 = gradient.iter().zip(next.iter().zip(theta)).map(|(g, (n, t))| g * (n - t)).sum();
        let reached = dual(conditions, &next).0;
        // Near the end the decrease drowns in rounding: a full step is then as good as any.
        if reached <= value + SUFFICIENT * promised || promised.abs() < MET {
            let ended: Vec<usize> = free
                .iter()
                .zip(&direction)
                .filter(|(k, d)| bounded(k) && **d < 0.0 && part(&next, **k) <= 0.0)
                .map(|(k, _)| *k)
                .collect();
            free.retain(|k| !ended.contains(k));
            return Some(next);
        }
        length /= 2.0;
    }
    None
}

/// The Newton direction of the free θ: the conditions' covariance is the dual's second derivative.
fn direction(conditions: &[Condition], p: &[f64], gradient: &[f64], free: &[usize]) -> Option<Vec<f64>> {
    let statistics: Vec<&[f64]> = free.iter().filter_map(|k| conditions.get(*k)).map(|c| &*c.statistic).collect();
    let means: Vec<f64> = statistics.iter().map(|s| dot(s, p)).collect();
    let covariance = |(a, ma): (&[f64], f64), (b, mb): (&[f64], f64)| -> f64 {
        a.iter().zip(b).zip(p).map(|((x, y), p)| p * (x - ma) * (y - mb)).sum()
    };
    let all = || statistics.iter().copied().zip(means.iter().copied());
    let mut matrix: Vec<Vec<f64>> = all().map(|a| all().map(|b| covariance(a, b)).collect()).collect();
    for (k, line) in matrix.iter_mut().enumerate() {
        if let Some(diagonal) = line.get_mut(k) {
            *diagonal += RIDGE;
        }
    }
    solve(matrix, free.iter().map(|k| -part(gradient, *k)).collect())
}

/// Solves the equations by elimination with the greatest pivot; none if they are singular.
fn solve(mut matrix: Vec<Vec<f64>>, mut right: Vec<f64>) -> Option<Vec<f64>> {
    let n = right.len();
    for column in 0..n {
        let size = |row: &usize| matrix.get(*row).map_or(0.0, |line| part(line, column).abs());
        let pivot = (column..n).max_by(|a, b| size(a).total_cmp(&size(b)))?;
        matrix.swap(column, pivot);
        right.swap(column, pivot);
        let line = matrix.get(column)?.clone();
        let diagonal = part(&line, column);
        if diagonal == 0.0 || !diagonal.is_finite() {
            return None;
        }
        let of_pivot = part(&right, column);
        for (row, below) in matrix.iter_mut().enumerate().skip(column + 1) {
            let factor = part(below, column) / diagonal;
            for (x, y) in below.iter_mut().zip(&line) {
                *x -= factor * y;
            }
            *right.get_mut(row)? -= factor * of_pivot;
        }
    }
    let mut solution = vec![0.0; n];
    for row in (0..n).rev() {
        let line = matrix.get(row)?;
        let known: f64 = line.iter().zip(&solution).skip(row + 1).map(|(a, x)| a * x).sum();
        *solution.get_mut(row)? = (part(&right, row) - known) / part(line, row);
    }
    Some(solution)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn part(values: &[f64], k: usize) -> f64 {
    values.get(k).copied().unwrap_or(0.0)
}
