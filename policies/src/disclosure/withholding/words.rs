//! What an audit found, in words, without values.

use std::collections::BTreeMap;

use crate::disclosure::audit::{Attacker, Finding};
use crate::disclosure::tables::{Built, Coders, Known};

/// Figures named beside each one that is not safe.
const NAMED_BESIDE: usize = 3;

/// What is needed to name figures.
pub(super) struct Words<'a> {
    pub(super) coders: &'a Coders,
    pub(super) known: &'a [Known],
    pub(super) built: &'a Built,
}

impl Words<'_> {
    fn key(&self, cell: u32) -> String {
        self.built.keys.get(cell as usize).map(|key| self.coders.text(key)).unwrap_or_default()
    }

    /// What was found of a cell, and beside which figures.
    pub(super) fn of(&self, finding: &Finding) -> String {
        let how = match (&finding.attacker, finding.is_exact(), finding.cut_off) {
            (_, _, true) => "could not be shown to be safe",
            (Attacker::Reader, true, _) => "could be found exactly",
            (Attacker::Reader, false, _) => "could be found too nearly",
            (Attacker::Insider(_), ..) => "could be found by a person in the table",
        };
        let mut text = format!("`{}` {how}", self.key(finding.cell));
        let mut published: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        let public = finding.beside.iter().filter_map(|cell| Some((*cell, self.built.public.get(cell)?)));
        for (cell, by) in public.take(NAMED_BESIDE) {
            if let Some(known) = self.known.get(*by) {
                published.entry(&known.name).or_default().push(format!("`{}`", self.key(cell)));
            }
        }
        for (by, cells) in published {
            text.push_str(&format!(" beside {}, published by {by}", cells.join(", ")));
        }
        let now = finding.beside.iter().filter(|cell| {
            let cell = &self.built.table.cells[**cell as usize];
            cell.withheld_before == Some(true) && !cell.state.withheld()
        });
        let now: Vec<String> = now.take(NAMED_BESIDE).map(|cell| format!("`{}`", self.key(*cell))).collect();
        if !now.is_empty() {
            text.push_str(&format!("; withheld before and published now: {}", now.join(", ")));
        }
        text
    }
}
