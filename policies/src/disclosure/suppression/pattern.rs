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

pub(super) struct Pattern {
    /// The cells of each sum, with signs.
    pub(super) rows: Vec<Vec<(u32, i8)>>,
    /// The sums of each cell, with signs.
    pub(super) columns: Vec<Vec<(u32, i8)>>,
    pub(super) roles: Vec<Role>,
    /// What it costs to take each cell, greater than 0.
    pub(super) costs: Vec<f64>,
    /// Cells that must be able to change.
    pub(super) protected: Vec<bool>,
    witnesses: Vec<Witness>,
    /// For each cell the protected ones whose witness it is in.
    users: Vec<Vec<u32>>,
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
            roles: roles.collect(),
            costs: table.cells.iter().map(|c| c.cost * cost(c.withheld_before) + least).collect(),
            protected: table.cells.iter().map(|c| c.state == State::Primary).collect(),
            witnesses: vec![Vec::new(); columns.len()],
            users: vec![Vec::new(); columns.len()],
            columns,
        }
    }

    /// Withholds the cell for good: something that is not looked at again depends on it.
    pub(super) fn pin(&mut self, cell: u32) {
        if self.roles[cell as usize] != Role::Held {
            self.roles[cell as usize] = Role::Held;
            self.users[cell as usize].clear();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.roles.len()
    }

    pub(super) fn witness(&self, cell: u32) -> &Witness {
        &self.witnesses[cell as usize]
    }

    pub(super) fn users(&self, cell: u32) -> &[u32] {
        &self.users[cell as usize]
    }

    /// Replaces the witness of a protected cell.
    pub(super) fn witnessed(&mut self, cell: u32, witness: Witness) {
        let old = std::mem::take(&mut self.witnesses[cell as usize]);
        for (used, _) in old {
            self.users[used as usize].retain(|user| *user != cell);
        }
        for (used, _) in &witness {
            if self.roles[*used as usize] != Role::Held {
                self.users[*used as usize].push(cell);
            }
        }
        self.witnesses[cell as usize] = witness;
    }

    /// Protected cells that nothing shows to be protected.
    pub(super) fn exposed(&self) -> Vec<u32> {
        let cells = 0..self.len() as u32;
        cells.filter(|c| self.protected[*c as usize] && self.witnesses[*c as usize].is_empty()).collect()
    }
}
