//! Whole numbers modulo a prime, in which ranks are found without rounding; and random numbers from a seed.

/// 2³¹ − 1. That it divides a minor of a table's sums, which are small whole numbers, is all but impossible; the audit would show it.
const PRIME: u64 = (1 << 31) - 1;
/// Modulo the prime a fraction looks like a great number; times its denominator it is small again.
const GREAT: f64 = 4096.0;
/// Greatest denominator tried.
const MOST_PARTS: u32 = 24;

pub(super) fn sub(a: u32, b: u32) -> u32 {
    ((u64::from(a) + PRIME - u64::from(b)) % PRIME) as u32
}

pub(super) fn neg(a: u32) -> u32 {
    sub(0, a)
}

pub(super) fn mul(a: u32, b: u32) -> u32 {
    (u64::from(a) * u64::from(b) % PRIME) as u32
}

/// The inverse of `a`, which is not 0, by Fermat.
pub(super) fn inverse(a: u32) -> u32 {
    let (mut result, mut power, mut exponent) = (1, a, PRIME - 2);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul(result, power);
        }
        power = mul(power, power);
        exponent >>= 1;
    }
    result
}

/// A small whole number.
pub(super) fn of(number: i8) -> u32 {
    i64::from(number).rem_euclid(PRIME as i64) as u32
}

/// The number nearest to 0 that this is modulo the prime: true coefficients are small.
fn small(a: u32) -> f64 {
    if u64::from(a) > PRIME / 2 { f64::from(a) - PRIME as f64 } else { f64::from(a) }
}

/// These coefficients in the smallest whole numbers that are found.
pub(super) fn whole(coefficients: Vec<(u32, u32)>) -> Vec<(u32, f64)> {
    let whole = |factor: &u32| coefficients.iter().all(|(_, c)| small(mul(*c, *factor)).abs() < GREAT);
    let factor = (1..=MOST_PARTS).find(whole).unwrap_or(1);
    coefficients.into_iter().map(|(cell, c)| (cell, small(mul(c, factor)))).collect()
}

/// What this is a ratio of: two whole numbers, the second positive, if they are small.
pub(super) fn ratio(ratio: u32) -> Option<(i8, i8)> {
    (1..=MOST_PARTS as i8).find_map(|parts| {
        let number = small(mul(ratio, of(parts)));
        (number.abs() <= f64::from(MOST_PARTS)).then_some((number as i8, parts))
    })
}

/// Numbers that look random and are the same for the same seed on every machine (SplitMix64).
#[derive(Debug, Clone)]
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from 0 to below `end`.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// One of the field's numbers, but 0.
    pub(super) fn share(&mut self) -> u32 {
        1 + self.below(PRIME as usize - 1) as u32
    }

    /// A number from 0 to below 1.
    pub(super) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }
}
