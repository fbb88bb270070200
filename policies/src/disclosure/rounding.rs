//! Rounding of counts to multiples of a base: conventional, random, and controlled so that sums still hold.
//!
//! | method | a published multiple `r` of base `b` tells | loss | sums |
//! |---|---|---|---|
//! | conventional | the count is nearest to `r` | at most `b/2` | need not hold |
//! | random | the count is less than `b` away | `b − 1` at most, none on average | need not hold |
//! | controlled, small counts | of 0: less than `b`; of `b`: up to `b`; other figures may be exact | least in sum over all published cells | hold |
//! | controlled, all counts | the count is less than `b` away in the finest cells | as above | hold |

pub mod controlled;

/// Greatest base: beyond it a table tells nothing.
pub const MAX_BASE: u64 = 1_000_000;

/// The nearest multiple; half-way counts go up. `base` 0 or 1 changes nothing.
pub fn conventional(count: u64, base: u64) -> u64 {
    match base {
        0 | 1 => count,
        _ if count % base < base.div_ceil(2) => count - count % base,
        _ => up(count, base),
    }
}

/// The multiple below or above, in such proportion that nothing changes on average. `key` decides and must be uniform over all of `u64`; with a
/// [cell key](super::cell_key::CellKey) the same cell goes the same way each time, so asking again gives nothing.
pub fn random(count: u64, base: u64, key: u64) -> u64 {
    if base < 2 || count.is_multiple_of(base) {
        return count;
    }
    // ⌊key · base / 2⁶⁴⌋ is uniform over 0..base up to 2⁻⁶⁴ · base.
    let drawn = (u128::from(key) * u128::from(base)) >> 64;
    if drawn < u128::from(count % base) { up(count, base) } else { count - count % base }
}

fn up(count: u64, base: u64) -> u64 {
    (count - count % base).checked_add(base).unwrap_or(count - count % base)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nearest_multiples() {
        let check = |base, expected: [u64; 8]| {
            assert_eq!([0, 1, 2, 3, 4, 5, 6, 7].map(|count| conventional(count, base)), expected, "base {base}");
        };
        check(0, [0, 1, 2, 3, 4, 5, 6, 7]);
        check(1, [0, 1, 2, 3, 4, 5, 6, 7]);
        check(3, [0, 0, 3, 3, 3, 6, 6, 6]);
        check(4, [0, 0, 4, 4, 4, 4, 8, 8]);
        check(5, [0, 0, 0, 5, 5, 5, 5, 5]);
        assert_eq!(conventional(u64::MAX, 10), u64::MAX - 5);
    }

    #[test]
    fn equal_shares_of_the_keys_go_up_in_proportion_to_the_remainder() {
        for (count, base) in [(1u64, 3u64), (2, 3), (7, 5), (9, 10), (100, 7)] {
            let keys = 1u64 << 12;
            let mean = (0..keys).map(|key| random(count, base, key << 52)).sum::<u64>() as f64 / keys as f64;
            assert!((mean - count as f64).abs() < base as f64 / keys as f64, "{count} {base}: {mean}");
        }
    }

    proptest! {
        #[test]
        fn rounded_counts_are_near_multiples(count in 0..u64::MAX / 2, base in 0..MAX_BASE, key: u64) {
            for (rounded, most) in [(conventional(count, base), base / 2), (random(count, base, key), base.saturating_sub(1))] {
                prop_assert!(rounded.abs_diff(count) <= most && (base < 2 || rounded % base == 0));
            }
        }
    }
}
