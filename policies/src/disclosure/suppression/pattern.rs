//! Which cells are withheld, and for each protected one a witness: a way to change withheld cells, it among them, that keeps every sum.

use super::super::table::{State, Table};

/// What may become of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// Published; may be taken.
    Open,
    /// Published, and must be.
    Shut,
    /// Withheld, and must be.
    Held,
    /// Withheld to protect others; may be given back.
    Taken,
}

impl Role {
    pub(super) fn withheld(self) -> bool {
        matches!(self, Role::Held | Role::Taken)
    }
}

/// How cells change together: each with its share. Empty: none was found.
pub(super) type Witness = Vec<(u32, f64)>;

/// No witness.
const NONE: u32 = u32::MAX;
const NO_WITNESS: &Witness = &Vec::new();

/// A witness and the protected cells that rest on it: in great tables thousands rest on one.
#[derive(Debug, Default)]
struct Shared {
    witness: Witness,
    owners: Vec<u32>,
}

pub(super) struct Pattern {
    /// The cells of each sum, each with its share of it: 1 or −1, but for cells that were added.
    pub(super) rows: Vec<Vec<(u32, i8)>>,
    /// The sums of each cell, with its share of each.
    pub(super) columns: Vec<Vec<(u32, i8)>>,
    pub(super) roles: Vec<Role>,
    /// What it costs to take each cell, greater than 0.
    pub(super) costs: Vec<f64>,
    /// Cells that must be able to change.
    pub(super) protected: Vec<bool>,
    /// Cells of the table; those after it were added.
    own: u32,
    witnesses: Vec<Shared>,
    /// Places in `witnesses` that are empty.
    vacant: Vec<u32>,
    /// For each protected cell the place of its witness.
    witness_of: Vec<u32>,
    /// For each cell that need not be withheld the places of the witnesses it is in.
    used_by: Vec<Vec<u32>>,
}

/// Share of its cost that a cell costs which an earlier release withheld: patterns stay where nothing forces them to move.
const KEPT_SHARE: f64 = 1e-3;

impl Pattern {
    pub(super) fn new(table: &Table, zeros: bool) -> Self {
        let mut columns = vec![Vec::new(); table.cells.len()];
        let mut rows = Vec::with_capacity(table.sums.len());
        for (index, sum) in table.sums.iter().enumerate() {
            let row: Vec<(u32, i8)> = sum.terms().map(|(cell, sign)| (cell, if sign < 0.0 { -1 } else { 1 })).collect();
            for (cell, sign) in &row {
                columns[*cell as usize].push((index as u32, *sign));
            }
            rows.push(row);
        }
        let least = table.cells.iter().map(|c| c.cost).filter(|c| *c > 0.0).fold(f64::INFINITY, f64::min);
        let least = if least.is_finite() { least * 1e-3 } else { 1.0 };
        let roles = table.cells.iter().map(|cell| match cell.state {
            State::Primary | State::Forced => Role::Held,
            State::Kept => Role::Shut,
            _ if cell.bounds.0 >= cell.bounds.1 || (cell.value == 0.0 && !zeros) => Role::Shut,
            State::Published if cell.withheld_before != Some(true) => Role::Open,
            State::Published | State::Secondary => Role::Taken,
        });
        let cost = |before| if before == Some(true) { KEPT_SHARE } else { 1.0 };
        Self {
            rows,
            own: table.cells.len() as u32,
            roles: roles.collect(),
            costs: table.cells.iter().map(|c| c.cost * cost(c.withheld_before) + least).collect(),
            protected: table.cells.iter().map(|c| c.state == State::Primary).collect(),
            witnesses: Vec::new(),
            vacant: Vec::new(),
            witness_of: vec![NONE; columns.len()],
            used_by: vec![Vec::new(); columns.len()],
            columns,
        }
    }

    /// Adds a cell that is so many times each of these together, withheld for nothing, and protected.
    pub(super) fn add(&mut self, terms: &[(u32, i8)]) -> u32 {
        let (cell, row) = (self.len() as u32, self.rows.len() as u32);
        self.columns.push(Vec::new());
        let terms: Vec<(u32, i8)> = terms.iter().copied().chain([(cell, -1)]).collect();
        terms.iter().for_each(|(of, share)| self.columns[*of as usize].push((row, *share)));
        self.rows.push(terms);
        self.roles.push(Role::Held);
        self.costs.push(f64::MIN_POSITIVE);
        self.protected.push(true);
        self.witness_of.push(NONE);
        self.used_by.push(Vec::new());
        cell
    }

    /// Withholds the cell for good: something that is not looked at again depends on it.
    pub(super) fn pin(&mut self, cell: u32) {
        if self.roles[cell as usize] != Role::Held {
            self.roles[cell as usize] = Role::Held;
            self.used_by[cell as usize].clear();
        }
    }

    /// The first cell that was added, if any was.
    pub(super) fn first_added(&self) -> u32 {
        self.own
    }

    pub(super) fn len(&self) -> usize {
        self.roles.len()
    }

    /// What the cells cost that may be given back.
    pub(super) fn cost(&self) -> f64 {
        self.roles.iter().zip(&self.costs).filter(|(role, _)| **role == Role::Taken).map(|(_, cost)| cost).sum()
    }

    /// The cells in such a role.
    pub(super) fn cells(&self, role: impl Fn(Role) -> bool) -> Vec<u32> {
        (0..self.len() as u32).filter(|cell| role(self.roles[*cell as usize])).collect()
    }

    pub(super) fn witness(&self, cell: u32) -> &Witness {
        self.witnesses.get(self.witness_of[cell as usize] as usize).map_or(NO_WITNESS, |shared| &shared.witness)
    }

    /// The protected cells whose witness a cell is in.
    pub(super) fn users(&self, cell: u32) -> impl Iterator<Item = u32> + '_ {
        let used_by = self.used_by[cell as usize].iter();
        used_by.flat_map(|place| self.witnesses[*place as usize].owners.iter().copied())
    }

    /// Gives protected cells another witness, the same for all.
    pub(super) fn witnessed(&mut self, cells: &[u32], witness: Witness) {
        cells.iter().for_each(|cell| self.disown(*cell));
        if witness.is_empty() || cells.is_empty() {
            return;
        }
        let place = self.vacant.pop().unwrap_or(self.witnesses.len() as u32);
        for (used, _) in &witness {
            if self.roles[*used as usize] != Role::Held {
                self.used_by[*used as usize].push(place);
            }
        }
        cells.iter().for_each(|cell| self.witness_of[*cell as usize] = place);
        let shared = Shared { witness, owners: cells.to_vec() };
        match self.witnesses.get_mut(place as usize) {
            Some(vacant) => *vacant = shared,
            None => self.witnesses.push(shared),
        }
    }

    /// Takes the witness of a cell from it, and forgets it if it was the last that rested on it.
    fn disown(&mut self, cell: u32) {
        let place = std::mem::replace(&mut self.witness_of[cell as usize], NONE);
        let Some(shared) = self.witnesses.get_mut(place as usize) else { return };
        if let Some(at) = shared.owners.iter().position(|owner| *owner == cell) {
            shared.owners.swap_remove(at);
        }
        if shared.owners.is_empty() {
            for (used, _) in std::mem::take(&mut shared.witness) {
                self.used_by[used as usize].retain(|user| *user != place);
            }
            self.vacant.push(place);
        }
    }

    /// Protected cells that nothing shows to be protected.
    pub(super) fn exposed(&self) -> Vec<u32> {
        let cells = 0..self.len() as u32;
        cells.filter(|c| self.protected[*c as usize] && self.witness_of[*c as usize] == NONE).collect()
    }
}
