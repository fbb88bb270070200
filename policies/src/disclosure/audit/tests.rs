//! That the audit sees what an attacker sees who tries every table there could be.

use proptest::prelude::*;

use super::*;
use crate::disclosure::table::{Cell, Levels, Sum};

/// A table of rows and columns with totals, of `values` without the totals.
fn grid(values: &[&[u32]]) -> Table {
    let (rows, columns) = (values.len() as u32, values[0].len() as u32);
    let place = |row: u32, column: u32| row * (columns + 1) + column;
    let mut cells = Vec::new();
    for row in 0..=rows {
        for column in 0..=columns {
            let inner = |r: &&[u32]| {
                r.iter()
                    .enumerate()
                    .filter(|(c, _)| column == columns || *c as u32 == column)
                    .map(|(_, v)| *v)
                    .sum::<u32>()
            };
            let value: u32 =
                values.iter().enumerate().filter(|(r, _)| row == rows || *r as u32 == row).map(|(_, r)| inner(r)).sum();
            cells.push(Cell::new(f64::from(value)));
        }
    }
    let mut sums = Vec::new();
    for row in 0..=rows {
        sums.push(Sum { total: place(row, columns), parts: (0..columns).map(|c| place(row, c)).collect() });
    }
    for column in 0..=columns {
        sums.push(Sum { total: place(rows, column), parts: (0..rows).map(|r| place(r, column)).collect() });
    }
    Table { cells, sums }
}

fn withhold(table: &mut Table, cells: &[u32], state: State) {
    cells.iter().for_each(|cell| table.cells[*cell as usize].state = state);
}

/// What small counts need: at least `t` possible, and 0.
fn small(value: f64, t: f64) -> Levels {
    Levels { upper: t - value, lower: value, sliding: t }
}

fn primary(table: &mut Table, cells: &[u32], t: f64) {
    for cell in cells {
        let cell = &mut table.cells[*cell as usize];
        (cell.state, cell.levels) = (State::Primary, small(cell.value, t));
    }
}

/// The least and the greatest value of each withheld cell among all tables of whole numbers that agree with what is published.
fn exhaustive(table: &Table) -> Vec<(f64, f64)> {
    let hidden: Vec<usize> = (0..table.cells.len()).filter(|c| table.cells[*c].state.withheld()).collect();
    let most = table.cells.iter().map(|c| c.bounds.1).fold(0.0, f64::max);
    let mut values: Vec<Option<f64>> = table.cells.iter().map(|c| (!c.state.withheld()).then_some(c.value)).collect();
    let mut found = vec![(f64::INFINITY, f64::NEG_INFINITY); table.cells.len()];
    fn agree(table: &Table, values: &[Option<f64>]) -> bool {
        table.sums.iter().all(|sum| {
            let total: Option<f64> = sum.terms().map(|(cell, sign)| values[cell as usize].map(|v| v * sign)).sum();
            total.is_none_or(|total| total == 0.0)
        })
    }
    fn go(table: &Table, hidden: &[usize], most: f64, values: &mut Vec<Option<f64>>, found: &mut Vec<(f64, f64)>) {
        let Some((first, rest)) = hidden.split_first() else {
            for (cell, value) in values.iter().enumerate() {
                let value = value.unwrap();
                found[cell] = (found[cell].0.min(value), found[cell].1.max(value));
            }
            return;
        };
        let mut value = 0.0;
        while value <= most {
            values[*first] = Some(value);
            if agree(table, values) {
                go(table, rest, most, values, found);
            }
            value += 1.0;
        }
        values[*first] = None;
    }
    go(table, &hidden, most, &mut values, &mut found);
    found
}

fn reader() -> Options {
    Options { insiders: Insiders::Ignored, ..Options::default() }
}

#[test]
fn one_withheld_cell_is_found_by_subtraction() {
    let mut table = grid(&[&[2, 40], &[30, 20]]);
    primary(&mut table, &[0], 3.0);
    let found = audit(&table, &reader()).unwrap();
    assert_eq!((found.sensitive, found.withheld, found.parts, found.unsafe_cells()), (1, 1, 1, vec![0]));
    assert!(found.findings[0].is_exact() && found.findings[0].interval == (2.0, 2.0));
    assert_eq!(found.findings[0].beside, [1, 2, 3, 6]);
    withhold(&mut table, &[1, 3, 4], State::Secondary);
    let found = audit(&table, &reader()).unwrap();
    assert!(found.safe(), "{found:?}");
    // From 0 to 32, where 3 are needed.
    assert_eq!((found.narrowest, found.greatest_part), (Some(32.0 / 3.0), 4));
}

#[test]
fn an_interval_that_is_too_narrow_is_told() {
    // Both rows' withheld cells are small: the columns' totals leave the first 0 to 2.
    let mut table = grid(&[&[1, 1, 10], &[1, 1, 10], &[9, 9, 9]]);
    primary(&mut table, &[0], 3.0);
    withhold(&mut table, &[1, 4, 5], State::Secondary);
    let found = audit(&table, &reader()).unwrap();
    assert_eq!(found.findings.len(), 1);
    let finding = &found.findings[0];
    assert_eq!((finding.interval, finding.needed, finding.is_exact()), ((0.0, 2.0), (0.0, 3.0), false));
    assert_eq!(found.narrowest, Some(2.0 / 3.0));
}

#[test]
fn what_is_known_beforehand_narrows_the_interval() {
    let mut table = grid(&[&[10, 40], &[30, 20]]);
    table.cells[0] = table.cells[0].clone().primary(Levels { upper: 5.0, lower: 5.0, sliding: 0.0 });
    withhold(&mut table, &[1, 3, 4], State::Secondary);
    assert!(audit(&table, &reader()).unwrap().safe());
    table.cells[4].bounds = (18.0, 22.0);
    let found = audit(&table, &reader()).unwrap();
    assert_eq!(found.findings[0].interval, (8.0, 12.0));
}

#[test]
fn who_is_alone_in_a_cell_finds_its_neighbour() {
    let mut table = grid(&[&[1, 2, 40], &[30, 20, 10]]);
    primary(&mut table, &[0, 1], 3.0);
    withhold(&mut table, &[4, 5], State::Secondary);
    table.cells[0].contributors = 1;
    let by = |insiders| audit(&table, &Options { insiders, ..Options::default() }).unwrap();
    assert!(by(Insiders::Ignored).safe());
    let found = by(Insiders::Exact);
    assert_eq!((found.insiders, found.unsafe_cells()), (1, vec![1]));
    assert_eq!(found.findings[0].attacker, Attacker::Insider(vec![0]));
    withhold(&mut table, &[2, 6], State::Secondary);
    let found = audit(&table, &Options::default()).unwrap();
    assert!(found.safe(), "{found:?}");
}

#[test]
fn one_respondent_with_several_cells_knows_them_all() {
    let mut table = grid(&[&[5, 6, 7, 40], &[30, 20, 10, 10]]);
    let levels = Levels { upper: 1.0, lower: 1.0, sliding: 0.0 };
    for (cell, contributor) in [(0, Some(9)), (1, Some(9)), (2, None)] {
        table.cells[cell] = table.cells[cell].clone().primary(levels);
        (table.cells[cell].contributors, table.cells[cell].contributor) = (1, contributor);
    }
    withhold(&mut table, &[5, 6, 7], State::Secondary);
    let found = audit(&table, &Options::default()).unwrap();
    assert_eq!((found.insiders, found.unsafe_cells()), (2, vec![2]));
    assert_eq!(found.findings[0].attacker, Attacker::Insider(vec![0, 1]));
    table.cells[1].contributor = Some(8);
    assert!(audit(&table, &Options::default()).unwrap().safe());
}

#[test]
fn a_limit_on_steps_makes_cells_unsafe_not_safe() {
    let mut table = grid(&[&[1, 1, 10], &[1, 1, 10], &[9, 9, 9]]);
    primary(&mut table, &[0], 3.0);
    withhold(&mut table, &[1, 4, 5], State::Secondary);
    let found = audit(&table, &Options { max_steps: 0, ..reader() }).unwrap();
    assert!(!found.safe() && found.findings[0].cut_off);
}

#[test]
fn published_figures_alone_are_enough() {
    let mut table = grid(&[&[2, 40], &[30, 20]]);
    withhold(&mut table, &[0, 1, 3, 4], State::Primary);
    for cell in [0, 1, 3, 4] {
        table.cells[cell].value = -7.0;
        table.cells[cell].levels = Levels { upper: 0.0, lower: 0.0, sliding: 33.0 };
    }
    assert!(complete(&mut table).unwrap());
    let found = audit(&table, &reader()).unwrap();
    assert_eq!(
        found.findings.iter().map(|f| f.interval).collect::<Vec<_>>(),
        [(0.0, 32.0), (10.0, 42.0), (0.0, 32.0), (18.0, 50.0)]
    );
    table.cells[2].value = 43.0;
    table.cells[5].value = 50.0;
    assert!(!complete(&mut table).unwrap(), "the totals contradict each other");
}

/// So many cells that the part is looked at in shares, in all directions at once, and near each cell; and what is found in it.
#[test]
fn a_great_part_is_looked_at_like_a_small_one() {
    let values: Vec<Vec<u32>> =
        (0..60u32).map(|row| (0..60).map(|column| 1 + (row * 7 + column * 13) % 9).collect()).collect();
    let values: Vec<&[u32]> = values.iter().map(Vec::as_slice).collect();
    let mut table = grid(&values);
    let inner: Vec<u32> = (0..60).flat_map(|row| (0..60).map(move |column| row * 61 + column)).collect();
    withhold(&mut table, &inner, State::Secondary);
    // Half need a unit, half more than one direction shows.
    for (cell, most) in inner.iter().step_by(3).zip([3.0, 40.0].into_iter().cycle()) {
        let value = table.cells[*cell as usize].value;
        table.cells[*cell as usize] = table.cells[*cell as usize].clone().primary(Levels {
            upper: most - value.min(most),
            lower: value,
            sliding: most,
        });
        table.cells[*cell as usize].contributors = u32::from(value < 2.0);
    }
    let found = audit(&table, &Options::default()).unwrap();
    assert!(found.safe() && found.insiders > 50 && found.greatest_part == 3600, "{:?}", found.findings.first());
    assert_eq!(audit(&table, &Options::default()).unwrap(), found);
    // Row 5 keeps one withheld cell, row 8 two of which the sum is known.
    let mut planted = table.clone();
    for (row, kept) in [(5u32, vec![5u32]), (8, vec![7, 30])] {
        let published = (0..60).filter(|column| !kept.contains(column)).map(|column| row * 61 + column);
        withhold(&mut planted, &published.collect::<Vec<_>>(), State::Published);
    }
    primary(&mut planted, &[5 * 61 + 5, 8 * 61 + 7], 30.0);
    let found = audit(&planted, &reader()).unwrap();
    assert_eq!(found.unsafe_cells(), [5 * 61 + 5, 8 * 61 + 7]);
    let sum = planted.cells[8 * 61 + 7].value + planted.cells[8 * 61 + 30].value;
    assert!(found.findings[0].is_exact() && found.findings[1].interval == (0.0, sum), "{:?}", found.findings[1]);
    // Only those that are asked for.
    let one = audit_where(&planted, &reader(), |cell| cell == 8 * 61 + 7).unwrap();
    assert_eq!(one.findings, found.findings[1..]);
}

fn inner() -> impl Strategy<Value = (Vec<Vec<u32>>, Vec<usize>)> {
    (2usize..4, 2usize..4).prop_flat_map(|(rows, columns)| {
        let values = prop::collection::vec(prop::collection::vec(0u32..5, columns), rows);
        let cells = (rows + 1) * (columns + 1);
        (values, prop::collection::vec(0..cells, 1..7))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// Two-way tables have whole corners, so the intervals are those of whole numbers too.
    #[test]
    fn intervals_are_those_of_an_exhaustive_attacker((values, hidden) in inner()) {
        let values: Vec<&[u32]> = values.iter().map(Vec::as_slice).collect();
        let mut table = grid(&values);
        // No figure is greater, as both attackers know; and more than any cell can reach, so that every interval is worked out and told.
        let most = table.cells.iter().map(|c| c.value).fold(1.0, f64::max) + 1.0;
        table.cells.iter_mut().for_each(|cell| cell.bounds = (0.0, most));
        for cell in hidden {
            let cell = &mut table.cells[cell];
            (cell.state, cell.levels) = (State::Primary, Levels { upper: 100.0, lower: 100.0, sliding: 0.0 });
        }
        let expected = exhaustive(&table);
        let found = audit(&table, &reader()).unwrap();
        for finding in &found.findings {
            let (low, high) = expected[finding.cell as usize];
            prop_assert_eq!((finding.interval, finding.is_exact()), ((low, high), low == high));
        }
        let told = found.unsafe_cells();
        for (cell, interval) in expected.iter().enumerate().filter(|(c, _)| table.cells[*c].state.withheld()) {
            prop_assert!(interval.0 < interval.1 || told.contains(&(cell as u32)), "cell {} is found and not told", cell);
        }
    }

    /// The published figures alone lead to the same intervals as the true table.
    #[test]
    fn intervals_do_not_need_the_true_values((values, hidden) in inner()) {
        let values: Vec<&[u32]> = values.iter().map(Vec::as_slice).collect();
        let mut table = grid(&values);
        for cell in hidden {
            let cell = &mut table.cells[cell];
            (cell.state, cell.levels) = (State::Primary, Levels { upper: 0.0, lower: 0.0, sliding: 3.0 });
        }
        let with = audit(&table, &reader()).unwrap();
        let mut public = table.clone();
        prop_assert!(complete(&mut public).unwrap());
        let without = audit(&public, &reader()).unwrap();
        prop_assert_eq!(with.unsafe_cells(), without.unsafe_cells());
        for (a, b) in with.findings.iter().zip(&without.findings) {
            prop_assert!((a.interval.0 - b.interval.0).abs() < 1e-6 && (a.interval.1 - b.interval.1).abs() < 1e-6);
        }
    }

    /// A safe pattern from which one cell is published again, so that a sensitive one is found, is always refused.
    #[test]
    fn a_planted_failure_is_seen(a in 1u32..3, others in prop::array::uniform3(3u32..40), given_back in 0usize..3) {
        let mut table = grid(&[&[a, others[0]], &[others[1], others[2]]]);
        primary(&mut table, &[0], 3.0);
        withhold(&mut table, &[1, 3, 4], State::Secondary);
        prop_assert!(audit(&table, &reader()).unwrap().safe());
        table.cells[[1, 3, 4][given_back]].state = State::Published;
        let found = audit(&table, &reader()).unwrap();
        prop_assert!(found.findings.iter().any(|f| f.cell == 0 && f.is_exact()));
    }
}
