use proptest::prelude::*;

use super::super::audit::{Insiders, audit};
use super::super::suppression::tests::{attack, cube};
use super::*;

fn readers() -> audit::Options {
    audit::Options { insiders: Insiders::Ignored, ..audit::Options::default() }
}

fn quick() -> suppression::Options {
    suppression::Options { effort: 300_000, ..suppression::Options::default() }
}

fn published(table: &mut Table, cell: usize) -> State {
    std::mem::replace(&mut table.cells[cell].state, State::Published)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Tables of two layers have whole corners, so intervals are those of whole numbers too.
    #[test]
    fn an_exhaustive_attacker_is_held_off_and_every_planted_failure_is_seen(inner in prop::collection::vec(0u32..7, 12)) {
        let mut table = cube(3, 2, &inner);
        let found = protect(&mut table, &quick(), &readers()).unwrap();
        let unsafe_cells = found.audit.unsafe_cells();
        let intervals = attack(&table, &[]);
        for (cell, (low, high)) in intervals.iter().enumerate() {
            let of = &table.cells[cell];
            if of.state == State::Primary && !unsafe_cells.contains(&(cell as u32)) {
                prop_assert!(*low <= of.value - of.levels.lower && *high >= of.value + of.levels.upper, "{cell}: {low} {high}");
            }
        }
        if !found.audit.safe() {
            return Ok(());
        }
        // What was not needed was given back: without any one of the others a figure is found, and both attackers say so.
        for cell in (0..table.cells.len()).filter(|c| table.cells[*c].state == State::Secondary).collect::<Vec<_>>() {
            let state = published(&mut table, cell);
            let told = audit(&table, &readers()).unwrap().unsafe_cells();
            prop_assert!(!told.is_empty(), "cell {cell} protects nothing");
            let intervals = attack(&table, &[]);
            for exposed in told {
                let (of, (low, high)) = (&table.cells[exposed as usize], intervals[exposed as usize]);
                prop_assert!(low > of.value - of.levels.lower || high < of.value + of.levels.upper, "{exposed}: {low} {high}");
            }
            table.cells[cell].state = state;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_respondent_who_knows_a_cell_finds_no_other(inner in prop::collection::vec(0u32..7, 12)) {
        let mut table = cube(3, 2, &inner);
        table.same_persons();
        let looking = audit::Options { insiders: Insiders::Exact, ..audit::Options::default() };
        let options = suppression::Options { respondents: true, ..quick() };
        let unsafe_cells = protect(&mut table, &options, &looking).unwrap().audit.unsafe_cells();
        let alone = |cell: &u32| table.cells[*cell as usize].contributors == 1 && table.cells[*cell as usize].state.withheld();
        let alone: Vec<u32> = (0..table.cells.len() as u32).filter(alone).collect();
        for single in &alone {
            let who = table.cells[*single as usize].contributor;
            let known: Vec<u32> = alone.iter().copied().filter(|cell| table.cells[*cell as usize].contributor == who).collect();
            let intervals = attack(&table, &known);
            for (cell, of) in table.cells.iter().enumerate() {
                let others = of.state == State::Primary && !known.contains(&(cell as u32)) && !unsafe_cells.contains(&(cell as u32));
                prop_assert!(!others || intervals[cell].0 < intervals[cell].1, "{known:?} find {cell}");
            }
        }
    }
}

#[test]
fn cells_that_the_audit_asked_for_stay_when_others_are_exchanged() {
    // Levels that single directions do not reach: the audit asks for more, and then for less.
    let inner: Vec<u32> = (0..48).map(|i| [1, 7, 12, 2, 5, 30, 8, 4, 3, 9, 2, 14][i * 5 % 12]).collect();
    let mut table = cube(6, 4, &inner);
    for cell in table.cells.iter_mut().filter(|cell| cell.state == State::Primary) {
        (cell.levels.upper, cell.levels.lower) = (9.0, cell.value);
    }
    let mut once = table.clone();
    let found = protect(&mut table, &quick(), &readers()).unwrap();
    assert!(found.audit.safe(), "{:?}", found.audit.findings.first());
    assert_eq!(found.cost, cost(&table));
    assert!(found.least.unwrap() <= found.cost);
    let options = suppression::Options { levels: false, ..quick() };
    suppression::protect(&mut once, &options, || true).unwrap();
    assert!(!audit(&once, &readers()).unwrap().safe(), "the audit asked for nothing");
    let (mut pinned, looking) = (Vec::new(), readers());
    assert!(until_safe(&mut once, &mut pinned, &options, &looking).unwrap().safe());
    assert!(!pinned.is_empty() && found.cost <= cost(&once), "{} {}", found.cost, cost(&once));
}
