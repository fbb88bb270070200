use proptest::prelude::*;

use super::*;

fn rules(max_perturbation: u32, variance: f64, threshold: u32, monotone: bool) -> PtableRules {
    PtableRules { max_perturbation, variance, threshold, monotone }
}

/// Printed by R's `ptable` 1.0.0, to its digits.
#[test]
fn agrees_with_ptable() {
    let check = |rules: PtableRules, count: u64, expected: &[(i64, f64)]| {
        let table = Ptable::solve(&rules).unwrap();
        let row: Vec<(i64, f64)> = table.row(count).unwrap().entries().collect();
        assert_eq!(row.len(), expected.len(), "{rules:?}: {row:?}");
        for (found, expected) in row.iter().zip(expected) {
            assert!(found.0 == expected.0 && (found.1 - expected.1).abs() < 1e-6, "{rules:?}: {found:?}, {expected:?}");
        }
    };
    check(rules(2, 1.05, 1, false), 1, &[(-1, 61.0 / 120.0), (1, 57.0 / 120.0), (2, 2.0 / 120.0)]);
    check(rules(2, 1.05, 1, true), 1, &[(-1, 61.0 / 120.0), (1, 57.0 / 120.0), (2, 2.0 / 120.0)]);
    let second = [(-2, 0.063_827_14), (-1, 0.244_691_45), (0, 0.382_962_82), (1, 0.244_691_45), (2, 0.063_827_14)];
    check(rules(2, 1.0, 0, false), 2, &second);
    check(rules(2, 1.0, 0, true), 2, &second);
    let first = [(-1, 0.366_485_51), (0, 0.366_485_5), (1, 0.167_572_47), (2, 0.099_456_52)];
    check(rules(2, 1.0, 0, true), 1, &first);
}

#[test]
fn limits_are_met_and_named() {
    // All the noise on a count of 1 is at the ends: 0 or 3.
    let table = Ptable::solve(&rules(2, 2.0, 0, false)).unwrap();
    let first: Vec<(i64, f64)> = table.row(1).unwrap().entries().filter(|(_, p)| *p > 0.0).collect();
    assert_eq!(first, [(-1, 2.0 / 3.0), (2, 1.0 - 2.0 / 3.0)]);
    let refused = |rules| Ptable::solve(&rules).unwrap_err().to_string();
    let message = refused(rules(2, 2.5, 0, false));
    assert!(message.contains("count of 1") && message.contains("from 0 to 2"), "{message}");
    // With 1 and 2 never published a count of 1 becomes 0 or 3, a variance of 2 at least.
    let message = refused(rules(3, 1.0, 2, true));
    assert!(message.contains("count of 1") && message.contains("from 2 to 3"), "{message}");
    assert!(refused(rules(0, 1.0, 0, true)).contains("`max_perturbation` is 0"));
    assert!(refused(rules(2, 1.0, 3, true)).contains("`threshold` is 3"));
    assert!(refused(rules(2, f64::NAN, 0, true)).contains("`variance` is NaN"));
}

#[test]
fn equal_shares_of_the_keys_give_the_probabilities() {
    let table = Ptable::solve(&rules(3, 2.0, 1, false)).unwrap();
    let keys = 1u64 << 16;
    for count in [1u64, 2, 4, 1_000_000] {
        let mut drawn = std::collections::BTreeMap::new();
        for key in 0..keys {
            *drawn.entry(table.perturb(count, key << 48)).or_insert(0u64) += 1;
        }
        for (noise, p) in table.row(count).unwrap().entries() {
            let share = drawn.remove(&count.strict_add_signed(noise)).unwrap_or(0) as f64 / keys as f64;
            assert!((share - p).abs() < 2.0 / keys as f64, "{count} {noise}: {share} {p}");
        }
        assert!(drawn.is_empty());
    }
    assert!((0..64).all(|bit| table.perturb(0, 1 << bit) == 0));
    assert_eq!(table.perturb(u64::MAX, u64::MAX), u64::MAX);
}

proptest! {
    #[test]
    fn what_was_asked_for_is_kept(
        most in 1u32..12, threshold in 0u32..12, share in 0.0f64..=1.0, monotone: bool,
    ) {
        let threshold = threshold.min(most);
        // From what the row of 1 needs least to what it can have most: the other rows can have that too, or say so.
        let variance = f64::from(threshold) + share * (f64::from(most) - f64::from(threshold));
        let rules = rules(most, variance.max(1e-3), threshold, monotone);
        let table = match Ptable::solve(&rules) {
            Ok(table) => table,
            Err(PtableError::Variance { least, most, variance, .. }) => {
                prop_assert!(variance < least || variance > most);
                return Ok(());
            }
            Err(error) => return Err(TestCaseError::fail(error.to_string())),
        };
        for count in 1..table.rows() as u64 {
            let row = table.row(count).unwrap();
            let (total, mean, spread) = (row.expected(|_| 1.0), row.expected(|v| v), row.expected(|v| v * v));
            prop_assert!((total - 1.0).abs() < 1e-12 && mean.abs() < 1e-9, "{} {}", total, mean);
            if monotone {
                prop_assert!(spread < rules.variance + 1e-9);
            } else {
                prop_assert!((spread - rules.variance).abs() < 1e-9, "{} {}", spread, rules.variance);
            }
            for (noise, p) in row.entries() {
                let to = count as i64 + noise;
                prop_assert!(p >= 0.0 && noise.unsigned_abs() <= u64::from(most));
                prop_assert!(to == 0 || to > i64::from(threshold));
                let nearer = row.entries().filter(|(v, _)| v * noise >= 0 && v.abs() < noise.abs());
                prop_assert!(!monotone || nearer.into_iter().all(|(_, q)| q > p - 1e-9));
            }
        }
    }
}
