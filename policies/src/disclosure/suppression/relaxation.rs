//! What a pattern costs at least: a bound from cuts, by Lagrangian relaxation.
//!
//! Every cut gets a multiplier, the price of not meeting it. For any multipliers the cells that cost less than their cuts would pay make a bound; the volume
//! algorithm (Barahona and Anbil 2000) raises it, and leaves shares of cells that nearly meet all cuts, from which further cuts are found.

use super::cuts::Region;
use super::field::Random;

/// Steps between searches for further cuts.
const STEPS: usize = 120;
/// Weight of a step's cells in the shares.
const WEIGHT: f64 = 0.08;
/// Searches for further cuts that may raise the bound by less than this share of it before the end.
const PATIENCE: usize = 6;
const RISE: f64 = 2e-4;

/// The bound, and what it says of each cell.
pub(super) struct Relaxation {
    /// Cost of what no pattern can do without.
    pub(super) bound: f64,
    /// What each cell costs beyond what its cuts pay: so much the bound rises if a cell is withheld, or by what is missing to 0 if it is not.
    pub(super) reduced: Vec<f64>,
    shares: Vec<f64>,
    multipliers: Vec<f64>,
}

impl Relaxation {
    /// Of the region, whose cheapest known pattern costs `cost`; finds cuts until they raise the bound no more.
    pub(super) fn new(region: &mut Region, taken: &[bool], rounds: usize, seed: u64, work: &mut u64) -> Self {
        let mut random = Random(seed);
        let cost = region.cost(taken);
        let zero = vec![0.0; region.cells.len()];
        let mut found =
            Self { bound: 0.0, reduced: region.costs.clone(), shares: zero.clone(), multipliers: Vec::new() };
        region.separate(&zero, None, work);
        let mut patience = PATIENCE;
        for _ in 0..rounds {
            let before = found.bound;
            found.raise(region, cost, work);
            let shares = found.shares.clone();
            let (_, new) = region.separate(&shares, None, work);
            let (_, others) = region.separate(&shares, Some(&mut random), work);
            if found.bound - before < RISE * cost {
                patience -= 1;
            }
            if new + others == 0 || patience == 0 || found.bound > cost - 1e-9 {
                break;
            }
        }
        found
    }

    /// Steps with the cuts known now.
    fn raise(&mut self, region: &Region, cost: f64, work: &mut u64) {
        self.multipliers.resize(region.cuts.len(), 0.0);
        let size: usize = region.cuts.iter().map(Vec::len).sum();
        let mut center = self.multipliers.clone();
        let mut multipliers = center.clone();
        let (mut best, mut factor, mut failures) = (f64::NEG_INFINITY, 1.0, 0);
        for step in 0..=STEPS {
            *work += size as u64 / 4;
            let (value, reduced) = lagrangian(region, &multipliers);
            if value > best {
                (best, failures) = (value, 0);
                center.copy_from_slice(&multipliers);
                if value > self.bound {
                    self.bound = value;
                    self.multipliers.copy_from_slice(&multipliers);
                    self.reduced.copy_from_slice(&reduced);
                }
            } else {
                failures += 1;
                if failures % 8 == 0 {
                    factor *= 0.7;
                }
            }
            for (place, share) in self.shares.iter_mut().enumerate() {
                let taken = if reduced[place] < 0.0 { 1.0 } else { 0.0 };
                let weight = if step == 0 && best == value { 1.0 } else { WEIGHT };
                *share += weight * (taken - *share);
            }
            let missing: Vec<f64> =
                region.cuts.iter().map(|cut| 1.0 - cut.iter().map(|c| self.shares[*c as usize]).sum::<f64>()).collect();
            let length: f64 =
                missing.iter().zip(&center).filter(|(m, c)| **m > 0.0 || **c > 0.0).map(|(m, _)| m * m).sum();
            if length < 1e-12 {
                break;
            }
            let rate = factor * (cost * 1.02 - best).max(1e-6 * cost) / length;
            for ((multiplier, center), missing) in multipliers.iter_mut().zip(&center).zip(&missing) {
                *multiplier = (center + rate * missing).max(0.0);
            }
        }
    }
}

/// The bound for these multipliers, and what each cell then costs.
fn lagrangian(region: &Region, multipliers: &[f64]) -> (f64, Vec<f64>) {
    let mut reduced = region.costs.clone();
    let mut value = 0.0;
    for (cut, multiplier) in region.cuts.iter().zip(multipliers).filter(|(_, m)| **m > 0.0) {
        value += multiplier;
        cut.iter().for_each(|c| reduced[*c as usize] -= multiplier);
    }
    value += reduced.iter().filter(|r| **r < 0.0).sum::<f64>();
    (value, reduced)
}
