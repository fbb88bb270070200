use proptest::prelude::*;

use super::super::audit::{self, Insiders};
use super::super::table::{Cell, Levels, Sum};
use super::*;

/// A table of `rows` × `columns` × 2 with all margins, the inner cells given.
pub(in super::super) fn cube(rows: usize, columns: usize, inner: &[u32]) -> Table {
    let (r, c) = (rows + 1, columns + 1);
    let index = |i: usize, j: usize, k: usize| ((i * c + j) * 3 + k) as u32;
    let mut values = vec![0.0; r * c * 3];
    for (place, value) in inner.iter().enumerate() {
        let (i, j, k) = (place / 2 / columns, place / 2 % columns, place % 2);
        for i in [i, rows] {
            for j in [j, columns] {
                for k in [k, 2] {
                    values[index(i, j, k) as usize] += f64::from(*value);
                }
            }
        }
    }
    let mut sums = Vec::new();
    for i in 0..r {
        for j in 0..c {
            sums.push(Sum { total: index(i, j, 2), parts: vec![index(i, j, 0), index(i, j, 1)] });
        }
        for k in 0..3 {
            sums.push(Sum { total: index(i, columns, k), parts: (0..columns).map(|j| index(i, j, k)).collect() });
        }
    }
    for j in 0..c {
        for k in 0..3 {
            sums.push(Sum { total: index(rows, j, k), parts: (0..rows).map(|i| index(i, j, k)).collect() });
        }
    }
    let cell = |value: f64| match value {
        1.0 | 2.0 => Cell { contributors: value as u32, ..Cell::new(value) }.primary(Levels {
            upper: 1.0,
            lower: 1.0,
            sliding: 0.0,
        }),
        _ => Cell { contributors: value as u32, ..Cell::new(value) },
    };
    Table { cells: values.into_iter().map(cell).collect(), sums }
}

/// The lowest and the highest value of each withheld cell in all tables of whole numbers that agree with what is published and `known`.
pub(in super::super) fn attack(table: &Table, known: &[u32]) -> Vec<(f64, f64)> {
    let open = |c: &u32| table.cells[*c as usize].state.withheld() && !known.contains(c);
    let unknown: Vec<u32> = (0..table.cells.len() as u32).filter(open).collect();
    let mut found = vec![(f64::INFINITY, f64::NEG_INFINITY); table.cells.len()];
    // Of each sum: what its unknown cells must make, and how many are left.
    let mut rest = Vec::new();
    for sum in &table.sums {
        let fixed = sum
            .terms()
            .filter(|(c, _)| !unknown.contains(c))
            .map(|(c, s)| s * table.cells[c as usize].value)
            .sum::<f64>();
        rest.push((fixed, sum.terms().filter(|(c, _)| unknown.contains(c)).count()));
    }
    let mut guess = vec![0.0; table.cells.len()];
    let mut tried = 0;
    search(table, &unknown, 0, &mut rest, &mut guess, &mut found, &mut tried);
    found
}

/// Values up to this are tried: above it every cell is far enough.
const MOST: f64 = 12.0;

fn search(
    table: &Table,
    unknown: &[u32],
    at: usize,
    rest: &mut [(f64, usize)],
    guess: &mut [f64],
    found: &mut [(f64, f64)],
    tried: &mut u64,
) {
    *tried += 1;
    if *tried > 400_000 {
        return;
    }
    let Some(cell) = unknown.get(at) else {
        for cell in unknown {
            let interval = &mut found[*cell as usize];
            *interval = (interval.0.min(guess[*cell as usize]), interval.1.max(guess[*cell as usize]));
        }
        return;
    };
    let value = table.cells[*cell as usize].value;
    // Near the truth first, so that what is found early is wide.
    let mut values: Vec<f64> = (0..=(MOST.max(value + 3.0) as u32)).map(f64::from).collect();
    values.sort_by(|a, b| (a - value).abs().total_cmp(&(b - value).abs()));
    let sums: Vec<(usize, f64)> = table
        .sums
        .iter()
        .enumerate()
        .filter_map(|(i, s)| s.terms().find(|(c, _)| c == cell).map(|(_, sign)| (i, sign)))
        .collect();
    for value in values {
        guess[*cell as usize] = value;
        sums.iter().for_each(|(i, sign)| {
            rest[*i].0 += sign * value;
            rest[*i].1 -= 1;
        });
        if sums.iter().all(|(i, _)| rest[*i].1 > 0 || rest[*i].0.abs() < 1e-9) {
            search(table, unknown, at + 1, rest, guess, found, tried);
        }
        sums.iter().for_each(|(i, sign)| {
            rest[*i].0 -= sign * value;
            rest[*i].1 += 1;
        });
    }
}

fn options() -> Options {
    Options { effort: 200_000, whole: true, ..Options::default() }
}

fn withheld(table: &Table) -> Vec<bool> {
    table.cells.iter().map(|c| c.state.withheld()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_exhaustive_attacker_finds_no_value_within_its_level(inner in proptest::collection::vec(0u32..7, 12), kept in 0usize..36) {
        let mut table = cube(3, 2, &inner);
        if table.cells[kept].state == State::Published {
            table.cells[kept].state = State::Kept;
        }
        let mut again = table.clone();
        let outcome = protect(&mut table, &options(), || true).unwrap();
        prop_assert_eq!(&outcome, &protect(&mut again, &options(), || true).unwrap());
        prop_assert_eq!(&table, &again);
        prop_assert!(table.cells[kept].state != State::Secondary || again.cells[kept].state == State::Secondary);
        let intervals = attack(&table, &[]);
        for (index, cell) in table.cells.iter().enumerate() {
            if cell.state == State::Primary && !outcome.unprotected.contains(&(index as u32)) {
                let (low, high) = intervals[index];
                prop_assert!(low <= cell.value - cell.levels.lower && high >= cell.value + cell.levels.upper, "{index}: {low} {high}");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whether cells change in step is a question of the sums alone: what bounds say beside that is for the audit.
    #[test]
    fn no_sensitive_cell_changes_only_in_step_with_a_respondents_own(inner in proptest::collection::vec(0u32..9, 16)) {
        let mut table = cube(4, 2, &inner);
        for cell in table.cells.iter_mut() {
            cell.bounds = (-1e6, 1e6);
        }
        let outcome = protect(&mut table, &Options { respondents: true, levels: false, ..options() }, || true).unwrap();
        let looking = audit::Options { insiders: Insiders::Exact, ..audit::Options::default() };
        prop_assert_eq!(audit::audit(&table, &looking).unwrap().unsafe_cells(), outcome.unprotected);
    }
}

/// Cells of which readers find out too much.
fn found_out(table: &Table) -> Vec<u32> {
    let looking = audit::Options { insiders: Insiders::Ignored, ..audit::Options::default() };
    audit::audit(table, &looking).unwrap().unsafe_cells()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn no_pattern_is_cheaper_than_the_proven_one(inner in proptest::collection::vec(0u32..9, 8), open in proptest::collection::vec(0usize..27, 11)) {
        let mut table = cube(2, 2, &inner);
        for (index, cell) in table.cells.iter_mut().enumerate() {
            if cell.state == State::Primary {
                // Any change is enough.
                cell.levels = Levels { upper: 1e-3, lower: 1e-3, sliding: 0.0 };
            } else if !open.contains(&index) || cell.value == 0.0 {
                cell.state = State::Kept;
            }
        }
        let open: Vec<usize> = (0..table.cells.len()).filter(|c| table.cells[*c].state == State::Published).collect();
        let mut least = table.clone();
        let outcome = protect(&mut least, &Options { levels: false, ..options() }, || true).unwrap();
        let proof = outcome.least.unwrap();
        prop_assert!(proof.proven && (proof.cost - outcome.cost).abs() <= 1e-2 * outcome.cost, "{proof:?} {}", outcome.cost);
        prop_assert_eq!(found_out(&least), outcome.unprotected.clone());
        for pattern in 0u32..1 << open.len() {
            let taken: Vec<usize> = (0..open.len()).filter(|i| pattern >> i & 1 == 1).map(|i| open[i]).collect();
            if taken.iter().map(|c| table.cells[*c].cost).sum::<f64>() < outcome.cost - 1e-6 {
                let mut other = table.clone();
                taken.iter().for_each(|c| other.cells[*c].state = State::Secondary);
                prop_assert!(found_out(&other).len() > outcome.unprotected.len(), "{taken:?} costs less than {}", outcome.cost);
            }
        }
    }
}

#[test]
fn a_bound_holds_where_the_cheapest_pattern_is_not_found() {
    let inner: Vec<u32> = (0..160).map(|i: u32| 1 + i * i * 7 % 23).collect();
    let mut table = cube(16, 5, &inner);
    let mut pattern = Pattern::new(&table, false);
    let mut scratch = window::Scratch::new();
    search::cover(&mut pattern, &mut scratch);
    let cells = pattern.cells(|role| role != Role::Shut);
    let mut region = cuts::Region::new(&pattern, &mut scratch, cells);
    let taken = region.taken(&pattern);
    let bound = relaxation::Relaxation::new(&mut region, &taken, 3, 1, &mut scratch.work).bound;
    let outcome = protect(&mut table, &Options { levels: false, ..options() }, || true).unwrap();
    let least = outcome.least.unwrap();
    assert!(least.proven && bound > 0.5 * least.cost && bound <= least.cost, "{bound} {least:?}");
}

#[test]
fn cells_that_must_stay_stay_and_what_cannot_be_protected_is_named() {
    let mut table = cube(2, 2, &[1, 9, 9, 9, 9, 9, 9, 9]);
    let mut free = table.clone();
    assert_eq!(protect(&mut free, &options(), || true).unwrap().unprotected, [] as [u32; 0]);
    assert!(free.count(State::Secondary) >= 7);
    table.cells.iter_mut().filter(|c| c.state == State::Published).for_each(|c| c.state = State::Kept);
    let outcome = protect(&mut table, &options(), || true).unwrap();
    assert_eq!((outcome.secondary, outcome.unprotected), (0, vec![0]));
}

#[test]
fn a_small_revision_leaves_the_pattern_where_it_was() {
    let inner: Vec<u32> = (0..24).map(|i| [1, 7, 12, 2, 5, 30, 8, 4][i % 8] + (i / 5) as u32).collect();
    let mut table = cube(4, 3, &inner);
    protect(&mut table, &options(), || true).unwrap();
    let before = withheld(&table);
    let mut revised = inner;
    revised[2] += 1;
    let mut table = cube(4, 3, &revised);
    for (cell, before) in table.cells.iter_mut().zip(&before) {
        cell.withheld_before = Some(*before);
    }
    let outcome = protect(&mut table, &Options { seed: 9, ..options() }, || true).unwrap();
    assert!(outcome.unprotected.is_empty());
    assert_eq!(withheld(&table), before);
}

#[test]
fn a_great_table_is_covered_cell_by_cell_as_well() {
    let inner: Vec<u32> = (0..160).map(|i: u32| 1 + i * i * 7 % 23).collect();
    let table = cube(16, 5, &inner);
    let mut pattern = Pattern::new(&table, false);
    let mut scratch = window::Scratch::new();
    let cells = pattern.cells(|role| role != Role::Shut);
    assert!(!pattern.exposed().is_empty());
    search::one_by_one(&mut pattern, &mut scratch, cells);
    assert!(pattern.exposed().is_empty());
    let mut protected = table.clone();
    for cell in protected.cells.iter_mut().filter(|cell| cell.state == State::Primary) {
        cell.levels = Levels { upper: 1e-3, lower: 1e-3, sliding: 0.0 };
    }
    write(&mut protected, &pattern);
    assert_eq!(found_out(&protected), [] as [u32; 0]);
}
