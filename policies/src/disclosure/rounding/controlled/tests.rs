use proptest::prelude::*;

use super::*;

/// Two dimensions of so many codes with a total each, all published; the grand total is the last cell.
fn crossed(rows: usize, columns: usize) -> Sums {
    let mut sums = Sums::default();
    for row in 0..rows {
        for column in 0..columns {
            let place = |row: usize, column: usize| row * (columns + 1) + column;
            sums.push([place(row, column), place(row, columns), place(rows, column), place(rows, columns)]);
        }
    }
    sums
}

#[test]
fn ones_spread_over_a_table_keep_their_total() {
    let inner = vec![1u64; 36];
    let sums = crossed(6, 6);
    for which in [Which::Small, Which::All] {
        let rounded = round(&inner, &sums, 3, which, 1).unwrap();
        assert_eq!(rounded.iter().sum::<u64>(), 36);
        // Six in each row and each column can be had exactly.
        let published = sums.add_up(&rounded);
        assert!((0..6).all(|i| published[i * 7 + 6] == 6 && published[42 + i] == 6), "{published:?}");
    }
}

#[test]
fn nothing_is_rounded_that_need_not_be() {
    let inner = [5, 7, 0, 3, 4, 10];
    assert_eq!(round(&inner, &crossed(2, 3), 3, Which::Small, 1).unwrap(), inner);
    // Small cells behind sums that are not small, and not published themselves.
    let mut sums = Sums::default();
    (0..5).for_each(|_| sums.push([0]));
    assert_eq!(round(&[1, 1, 1, 1, 1], &sums, 3, Which::Small, 1).unwrap(), [1, 1, 1, 1, 1]);
    assert!(round(&[], &Sums::default(), 3, Which::All, 1).unwrap().is_empty());
}

#[test]
fn what_cannot_be_rounded_is_refused() {
    let sums = crossed(1, 2);
    let refused = |inner: &[u64], base| round(inner, &sums, base, Which::All, 1).unwrap_err();
    assert_eq!(refused(&[1, 2], 1), RoundingError::Base(1));
    assert_eq!(refused(&[1, 2], u64::MAX), RoundingError::Base(u64::MAX));
    assert_eq!(refused(&[1], 3), RoundingError::Cells { inner: 1, expected: 2 });
    assert_eq!(refused(&[1, u64::MAX], 3), RoundingError::Great);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_small_count_is_left_and_sums_hold(
        rows in 1usize..6, columns in 1usize..6, base in 2u64..6, hidden: bool, seed: u64,
        values in prop::collection::vec(0u64..9, 25),
    ) {
        let inner: Vec<u64> = values.into_iter().take(rows * columns).collect();
        let mut sums = crossed(rows, columns);
        if hidden {
            // Only the sums over rows and the total are published.
            sums = Sums::default();
            for row in 0..rows {
                (0..columns).for_each(|_| sums.push([row, rows]));
            }
        }
        let before = sums.add_up(&inner);
        for which in [Which::Small, Which::All] {
            let rounded = round(&inner, &sums, base, which, seed).unwrap();
            prop_assert_eq!(&rounded, &round(&inner, &sums, base, which, seed).unwrap());
            for (value, rounded) in inner.iter().zip(&rounded) {
                prop_assert!(rounded.abs_diff(*value) < base);
                prop_assert!(rounded == value || rounded % base == 0);
                prop_assert!(which == Which::Small || rounded % base == 0);
            }
            let published = sums.add_up(&rounded);
            prop_assert!(published.iter().all(|count| *count == 0 || *count >= base), "{:?}", published);
            // What was 0 stays 0.
            prop_assert!(before.iter().zip(&published).all(|(before, after)| *before > 0 || *after == 0));
        }
    }
}
