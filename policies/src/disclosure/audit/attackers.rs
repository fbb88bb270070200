//! Insiders: whoever is alone in a cell knows its value, and can take it out of the sums.
//!
//! A table that could be the true one, in which a sensitive cell has another value and an insider's cells have their own, is safe from that insider. Each such
//! table rules out all insiders whose cells it leaves alone; so of each sensitive cell only those insiders are kept that every table found so
//! far has moved. Usually none is left; for the others a program is solved with their cells fixed.

use std::collections::BTreeMap;

use super::parts::Part;
use super::{Insiders, Need};
use crate::disclosure::table::Table;

/// Insiders of one part.
#[derive(Debug)]
pub(super) struct Known {
    insiders: Insiders,
    /// Cells of each.
    groups: Vec<Vec<u32>>,
    /// The insider of a cell.
    group_of: Vec<Option<u32>>,
}

/// By sensitive cell the insiders that may find it; where there are none yet, all may.
#[derive(Debug, Default)]
pub(super) struct Open(BTreeMap<u32, Vec<u32>>);

impl Open {
    /// What is known of these cells.
    pub(super) fn of(&self, cells: &[u32]) -> Self {
        Self(cells.iter().filter_map(|cell| Some((*cell, self.0.get(cell)?.clone()))).collect())
    }

    /// Adds what was found elsewhere.
    pub(super) fn merge(&mut self, other: Self) {
        for (cell, groups) in other.0 {
            self.narrow(cell, &groups);
        }
    }

    /// None but `groups`, which are in order, may find the cell.
    fn narrow(&mut self, cell: u32, groups: &[u32]) {
        self.0
            .entry(cell)
            .and_modify(|left| left.retain(|group| groups.binary_search(group).is_ok()))
            .or_insert_with(|| groups.to_vec());
    }
}

impl Known {
    /// The insiders of a part.
    pub(super) fn of(table: &Table, part: &Part, insiders: Insiders) -> Self {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut group_of = vec![None; part.len()];
        let mut numbers: BTreeMap<u64, usize> = BTreeMap::new();
        for (place, global) in part.cells.iter().enumerate() {
            let cell = &table.cells[*global as usize];
            if insiders == Insiders::Ignored || cell.contributors != 1 {
                continue;
            }
            let number = match cell.contributor {
                Some(id) => *numbers.entry(id).or_insert(groups.len()),
                None => groups.len(),
            };
            if number == groups.len() {
                groups.push(Vec::new());
            }
            groups[number].push(place as u32);
            group_of[place] = Some(number as u32);
        }
        Self { insiders, groups, group_of }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Whether one of them knows the cell.
    pub(super) fn knows(&self, cell: u32) -> bool {
        self.group_of[cell as usize].is_some()
    }

    /// The cells of one.
    pub(super) fn cells(&self, group: u32) -> &[u32] {
        &self.groups[group as usize]
    }

    /// What a cell needs against them.
    pub(super) fn need(&self, need: &Need) -> Need {
        if self.insiders == Insiders::Levels { *need } else { need.exact() }
    }

    /// Hears of a table that could be the true one: the cells that differ, and by how much.
    pub(super) fn moved(&self, open: &mut Open, needs: &[Option<Need>], moved: &[(u32, f64)]) {
        // One table shows both ends of an interval at most for the level that has no ends.
        if self.groups.is_empty() || self.insiders == Insiders::Levels {
            return;
        }
        let mut touched: Vec<u32> = moved.iter().filter_map(|(cell, _)| self.group_of[*cell as usize]).collect();
        touched.sort_unstable();
        touched.dedup();
        for (cell, distance) in moved {
            if needs[*cell as usize].as_ref().is_some_and(|need| distance.abs() >= need.exact().width) {
                open.narrow(*cell, &touched);
            }
        }
    }

    /// Number of cells that need something and that one of them may find.
    pub(super) fn unsettled(&self, open: &Open, needs: &[Option<Need>]) -> usize {
        let needy = needs.iter().zip(0u32..).filter(|(need, _)| need.is_some());
        needy.filter(|(_, cell)| !self.left(open, *cell).is_empty()).count()
    }

    /// The insiders that may still find a cell: not those whose own it is.
    pub(super) fn left(&self, open: &Open, cell: u32) -> Vec<u32> {
        let own = self.group_of[cell as usize];
        let all = || (0..self.groups.len() as u32).collect();
        let left: Vec<u32> = open.0.get(&cell).cloned().unwrap_or_else(all);
        left.into_iter().filter(|group| Some(*group) != own).collect()
    }
}
