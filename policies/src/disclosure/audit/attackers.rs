//! Insiders: whoever is alone in a cell knows its value, and can take it out of the sums.
//!
//! A table that could be the true one, in which a sensitive cell has another value and an insider's cells have their own, is safe from that insider. Each such
//! table rules out all insiders whose cells it leaves alone; so of each sensitive cell only those insiders are kept that every table found so
//! far has moved. Usually none is left; for the others a program is solved with their cells fixed.

use std::collections::BTreeMap;

use super::parts::Part;
use super::space::Space;
use super::{Attacker, Finding, Insiders, Need};
use crate::disclosure::table::Table;

/// Insiders of one part, and which are not yet known to find nothing.
#[derive(Debug)]
pub(super) struct Attackers {
    insiders: Insiders,
    /// Cells of each.
    groups: Vec<Vec<u32>>,
    /// The insider of a cell.
    group_of: Vec<Option<u32>>,
    /// By sensitive cell: insiders that may find it; none yet stands for all.
    open: BTreeMap<u32, Option<Vec<u32>>>,
}

impl Attackers {
    /// The insiders of a part.
    pub(super) fn of(table: &Table, part: &Part, insiders: Insiders) -> Self {
        let mut groups: Vec<Vec<u32>> = Vec::new();
        let mut group_of = vec![None; part.cells.len()];
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
        Self { insiders, groups, group_of, open: BTreeMap::new() }
    }

    /// How many.
    pub(super) fn len(&self) -> usize {
        self.groups.len()
    }

    fn need(&self, need: &Need) -> Need {
        if self.insiders == Insiders::Levels { *need } else { need.exact() }
    }

    /// Hears of a table that could be the true one: the cells that differ, and by how much.
    pub(super) fn moved(&mut self, needs: &[Option<Need>], moved: &[(u32, f64)]) {
        // One table shows both ends of an interval at most for the level that has no ends.
        if self.groups.is_empty() || self.insiders == Insiders::Levels {
            return;
        }
        let mut touched: Vec<u32> = moved.iter().filter_map(|(cell, _)| self.group_of[*cell as usize]).collect();
        touched.sort_unstable();
        touched.dedup();
        for (cell, distance) in moved {
            let Some(need) = &needs[*cell as usize] else { continue };
            if distance.abs() < need.exact().width {
                continue;
            }
            let open = self.open.entry(*cell).or_insert(None);
            match open {
                None => *open = Some(touched.clone()),
                Some(left) => left.retain(|group| touched.binary_search(group).is_ok()),
            }
        }
    }

    /// The insiders that may still find a cell: not those whose own it is.
    fn left(&self, cell: u32) -> Vec<u32> {
        let own = self.group_of[cell as usize];
        let all = || (0..self.groups.len() as u32).collect();
        let left: Vec<u32> = self.open.get(&cell).cloned().flatten().unwrap_or_else(all);
        left.into_iter().filter(|group| Some(*group) != own).collect()
    }

    /// Lets each insider that is left try each sensitive cell. Cells that anybody finds are not looked at again.
    pub(super) fn attack(mut self, needs: &[Option<Need>], space: &mut Space<'_>, findings: &mut Vec<Finding>) {
        if self.groups.is_empty() {
            return;
        }
        let part = space.part;
        let mut known: Vec<u32> = findings.iter().map(|f| f.cell).collect();
        known.sort_unstable();
        for (cell, need) in needs.iter().enumerate() {
            let Some(need) = need.as_ref().map(|need| self.need(need)) else { continue };
            if known.binary_search(&part.cells[cell]).is_ok() {
                continue;
            }
            let mut tried = Vec::new();
            while let Some(group) = self.left(cell as u32).into_iter().find(|group| !tried.contains(group)) {
                tried.push(group);
                let cells = self.groups[group as usize].clone();
                let shown = space.knowing(&cells, cell as u32, &need, |moved| self.moved(needs, moved));
                if let Err((interval, cut_off)) = shown {
                    let whose = cells.iter().map(|c| part.cells[*c as usize]).collect();
                    findings.push(Finding::new(part, cell, &need, Attacker::Insider(whose), interval, cut_off));
                    break;
                }
            }
        }
    }
}
