//! Differentially private counts: discrete Laplace noise from OpenDP, which proves what a mechanism spends.
//!
//! Guarantee: whoever sees the published counts, whatever else they know, finds any person's presence at most e^ε times more or less likely than
//! without them, if that person is counted in no more cells than was said. It holds for all releases together while their ε are added up,
//! which is why each is charged to a budget. Which cells there are is not protected: tables must hold the cells that are 0 too.

use opendp::core::Measurement;
use opendp::domains::{AtomDomain, VectorDomain};
use opendp::measurements::make_laplace;
use opendp::measures::MaxDivergence;
use opendp::metrics::L1Distance;

/// ε is counted in millionths, so that sums are exact.
pub const MICRO: u64 = 1_000_000;
/// Greatest ε of one release; beyond it nothing is protected.
pub const MAX_EPSILON_MICRO: u64 = 20 * MICRO;
/// Most cells that one person may be counted in.
pub const MAX_CONTRIBUTIONS: u32 = 10_000;
/// Counts noised at a time.
const CHUNK: usize = 4096;

/// Why counts cannot be made private.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PrivacyError {
    /// A parameter is out of its range.
    #[error("`{name}` is {value}: give {expected}")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What was given.
        value: String,
        /// What can be given.
        expected: &'static str,
    },
    /// The library refused, or found no randomness.
    #[error("the noise could not be made: {0}")]
    Mechanism(String),
}

type Laplace = Measurement<VectorDomain<AtomDomain<i64>>, L1Distance<i64>, MaxDivergence, Vec<i64>>;

/// Adds noise to counts. The library's mechanism cannot go from thread to thread, so it is made where it is used.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrivateCounts {
    scale: f64,
}

fn mechanism(scale: f64) -> Result<Laplace, PrivacyError> {
    let space = VectorDomain::new(AtomDomain::<i64>::default());
    let made = make_laplace::<_, _, MaxDivergence>(space, L1Distance::<i64>::default(), scale, None);
    made.map_err(|e| PrivacyError::Mechanism(e.to_string()))
}

/// An ε in millionths; none if it is not from a millionth to [`MAX_EPSILON_MICRO`].
pub fn micro(epsilon: f64) -> Option<u64> {
    let micro = (epsilon * MICRO as f64).round();
    (1.0..=MAX_EPSILON_MICRO as f64).contains(&micro).then_some(micro as u64)
}

/// An ε in words: `0.5`.
pub fn text(epsilon_micro: u64) -> String {
    (epsilon_micro as f64 / MICRO as f64).to_string()
}

impl PrivateCounts {
    /// Noise that spends `epsilon_micro` if no person is counted in more than `contributions` cells.
    pub fn new(epsilon_micro: u64, contributions: u32) -> Result<Self, PrivacyError> {
        if !(1..=MAX_EPSILON_MICRO).contains(&epsilon_micro) {
            let expected = "a number from 0.000001 to 20";
            return Err(PrivacyError::Parameter { name: "epsilon", value: text(epsilon_micro), expected });
        }
        if !(1..=MAX_CONTRIBUTIONS).contains(&contributions) {
            let expected = "a number from 1 to 10000";
            return Err(PrivacyError::Parameter { name: "contributions", value: contributions.to_string(), expected });
        }
        let epsilon = epsilon_micro as f64 / MICRO as f64;
        let mut scale = f64::from(contributions) / epsilon;
        loop {
            let spent =
                mechanism(scale)?.map(&i64::from(contributions)).map_err(|e| PrivacyError::Mechanism(e.to_string()))?;
            // The library rounds what is spent up, so the quotient's last digit may be too small.
            if spent <= epsilon {
                return Ok(Self { scale });
            }
            scale = scale.next_up();
        }
    }

    /// Scale of the noise, about the mean of its size.
    pub fn scale(&self) -> f64 {
        self.scale
    }

    /// How far from the count 95 of 100 figures are at most.
    pub fn within(&self) -> u64 {
        (self.scale * 20f64.ln()).ceil() as u64
    }

    /// The counts with noise, and 0 where that would be below it. Spends ε for all of them together: never call it twice for one release.
    pub fn perturb(&self, counts: &[u64]) -> Result<Vec<u64>, PrivacyError> {
        let (mechanism, mut private) = (mechanism(self.scale)?, Vec::with_capacity(counts.len()));
        for chunk in counts.chunks(CHUNK) {
            let signed = chunk.iter().map(|c| i64::try_from(*c).unwrap_or(i64::MAX)).collect();
            let noised = mechanism.invoke(&signed).map_err(|e| PrivacyError::Mechanism(e.to_string()))?;
            private.extend(noised.into_iter().map(|count| u64::try_from(count).unwrap_or(0)));
        }
        Ok(private)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_has_the_scale_that_the_guarantee_needs() {
        for (epsilon, contributions, scale) in [(1.0, 1, 1.0), (0.5, 3, 6.0), (0.3, 7, 7.0 / 0.3)] {
            let counts = PrivateCounts::new(micro(epsilon).unwrap(), contributions).unwrap();
            assert!((counts.scale() - scale).abs() < 1e-9, "{}", counts.scale());
            assert!(mechanism(counts.scale()).unwrap().map(&i64::from(contributions)).unwrap() <= epsilon);
        }
        assert_eq!(PrivateCounts::new(MICRO, 1).unwrap().within(), 3);
    }

    #[test]
    fn parameters_out_of_range_are_named() {
        let refused = |epsilon, contributions| PrivateCounts::new(epsilon, contributions).err().unwrap().to_string();
        assert!(refused(0, 1).contains("`epsilon` is 0"));
        assert!(refused(MAX_EPSILON_MICRO + 1, 1).contains("`epsilon` is 20.000001"));
        assert!(refused(MICRO, 0).contains("`contributions` is 0"));
        assert_eq!([micro(f64::NAN), micro(0.0), micro(-1.0), micro(21.0)], [None; 4]);
        assert_eq!(micro(0.1), Some(100_000));
    }

    #[test]
    fn counts_stay_counts() {
        let counts = PrivateCounts::new(MICRO / 2, 1).unwrap();
        let noised = counts.perturb(&[0; 10_000]).unwrap();
        // Each is above 0 with probability 0.19: fewer than 1,000 of 10,000 do not occur.
        let above = noised.iter().filter(|count| **count > 0).count();
        assert!(noised.len() == 10_000 && (1_000..5_000).contains(&above), "{above}");
        assert!(counts.perturb(&[]).unwrap().is_empty());
        assert!(counts.perturb(&[u64::MAX]).unwrap()[0] > 1 << 62);
    }
}
