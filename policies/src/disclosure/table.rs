//! A table as disclosure control sees it: cells, and the sums that hold between them.
//!
//! Protection withholds cells of such a table, the audit looks at it as an attacker would. It knows no dimensions: hierarchies, and tables that
//! share cells, are sums like all others.

/// Greatest number of cells, so that tables cannot exhaust the memory.
pub const MAX_CELLS: usize = 1 << 24;
/// Greatest number of places in all sums together.
pub const MAX_TERMS: usize = 1 << 28;

/// A table. Tables that share cells are one table with the sums of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Table {
    /// The cells.
    pub cells: Vec<Cell>,
    /// The sums between them.
    pub sums: Vec<Sum>,
}

/// One cell is the sum of others: `total − Σ parts = 0`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sum {
    /// Index of the cell that is the sum.
    pub total: u32,
    /// Indices of those it is the sum of.
    pub parts: Vec<u32>,
}

impl Sum {
    /// Every cell of the sum with its sign.
    pub fn terms(&self) -> impl Iterator<Item = (u32, f64)> + '_ {
        std::iter::once((self.total, 1.0)).chain(self.parts.iter().map(|p| (*p, -1.0)))
    }
}

/// What becomes of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum State {
    /// Published; may be withheld to protect others.
    #[default]
    Published,
    /// Published, and must be.
    Kept,
    /// Withheld because it is sensitive.
    Primary,
    /// Withheld to protect others.
    Secondary,
    /// Must be withheld, though it is not sensitive.
    Forced,
}

impl State {
    /// Whether readers do not see the cell.
    pub fn withheld(self) -> bool {
        matches!(self, State::Primary | State::Secondary | State::Forced)
    }
}

/// How uncertain an attacker must remain of a sensitive cell. All are distances, 0 or greater.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Levels {
    /// The highest possible value must be at least this far above the true one.
    pub upper: f64,
    /// The lowest possible value must be at least this far below the true one.
    pub lower: f64,
    /// The highest and the lowest possible value must be at least this far apart.
    pub sliding: f64,
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// The true value; counts are whole.
    pub value: f64,
    /// Information lost when it is withheld, not negative.
    pub cost: f64,
    /// What an attacker knows beforehand: the lowest and the highest possible value.
    pub bounds: (f64, f64),
    /// What becomes of it.
    pub state: State,
    /// The protection a [`State::Primary`] cell needs.
    pub levels: Levels,
    /// Number of respondents in it; a single one knows the value.
    pub contributors: u32,
    /// Who the single or dominant respondent is, for one who has several cells.
    pub contributor: Option<u64>,
    /// Whether an earlier release withheld it, if there was one.
    pub withheld_before: Option<bool>,
}

impl Cell {
    /// A published cell of this value, of which an attacker knows that it is not negative, and which costs its value.
    pub fn new(value: f64) -> Self {
        Self {
            value,
            cost: value.abs(),
            bounds: (0.0, f64::INFINITY),
            state: State::Published,
            levels: Levels::default(),
            contributors: 0,
            contributor: None,
            withheld_before: None,
        }
    }

    /// The same cell, sensitive and withheld.
    pub fn primary(self, levels: Levels) -> Self {
        Self { state: State::Primary, levels, ..self }
    }
}

/// Why a table makes no sense.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TableError {
    /// Too many cells or sums.
    #[error(
        "the table has {cells} cells and {terms} places in sums: at most {MAX_CELLS} and {MAX_TERMS} can be protected"
    )]
    Great {
        /// Cells.
        cells: usize,
        /// Places in sums.
        terms: usize,
    },
    /// A sum names a cell that is not there.
    #[error("sum {sum} names cell {cell}, which is not in the table")]
    Cell {
        /// Index of the sum.
        sum: usize,
        /// What it names.
        cell: u32,
    },
    /// A sum names a cell twice.
    #[error("sum {sum} names cell {cell} twice")]
    Twice {
        /// Index of the sum.
        sum: usize,
        /// What it names.
        cell: u32,
    },
    /// The parts do not make the total.
    #[error("sum {sum}: its parts are {parts}, its total, cell {total}, is {value}")]
    Sum {
        /// Index of the sum.
        sum: usize,
        /// What the parts make.
        parts: f64,
        /// Index of the total.
        total: u32,
        /// Its value.
        value: f64,
    },
    /// A cell's numbers are not numbers, or contradict each other.
    #[error("cell {cell}: {reason}")]
    Number {
        /// Index of the cell.
        cell: usize,
        /// What is wrong.
        reason: &'static str,
    },
}

impl Table {
    /// Checks indices and numbers, and that every sum holds to within `tolerance` of the greatest value in it (at least 1).
    pub fn check(&self, tolerance: f64) -> Result<(), TableError> {
        let terms = self.sums.iter().map(|s| s.parts.len() + 1).sum();
        if self.cells.len() > MAX_CELLS || terms > MAX_TERMS {
            return Err(TableError::Great { cells: self.cells.len(), terms });
        }
        for (cell, numbers) in self.cells.iter().enumerate() {
            numbers.check().map_err(|reason| TableError::Number { cell, reason })?;
        }
        let mut seen = vec![usize::MAX; self.cells.len()];
        for (index, sum) in self.sums.iter().enumerate() {
            let (mut parts, mut greatest) = (0.0, 1.0_f64);
            for (cell, sign) in sum.terms() {
                let place = seen.get_mut(cell as usize).ok_or(TableError::Cell { sum: index, cell })?;
                if std::mem::replace(place, index) == index {
                    return Err(TableError::Twice { sum: index, cell });
                }
                let value = self.cells[cell as usize].value;
                greatest = greatest.max(value.abs());
                if sign < 0.0 {
                    parts += value;
                }
            }
            let value = self.cells[sum.total as usize].value;
            if (value - parts).abs() > tolerance * greatest {
                return Err(TableError::Sum { sum: index, parts, total: sum.total, value });
            }
        }
        Ok(())
    }

    /// For each cell the sums it is in, with its sign there.
    pub fn places(&self) -> Places {
        let mut starts = vec![0u32; self.cells.len() + 1];
        for (cell, _) in self.sums.iter().flat_map(Sum::terms) {
            starts[cell as usize + 1] += 1;
        }
        for index in 1..starts.len() {
            starts[index] += starts[index - 1];
        }
        let mut places = vec![(0, 0.0); starts.last().map_or(0, |n| *n as usize)];
        let mut next = starts.clone();
        for (sum, terms) in self.sums.iter().enumerate() {
            for (cell, sign) in terms.terms() {
                places[next[cell as usize] as usize] = (sum as u32, sign as f32);
                next[cell as usize] += 1;
            }
        }
        Places { starts, places }
    }

    /// Who is alone in a total is who is alone in a part of it: one person with several cells. Cells of which nobody said whose they are get a
    /// contributor.
    pub fn same_persons(&mut self) {
        let mut who: Vec<u32> = (0..self.cells.len() as u32).collect();
        let alone: Vec<bool> = self.cells.iter().map(|c| c.contributors == 1 && c.contributor.is_none()).collect();
        let mut changed = true;
        while std::mem::take(&mut changed) {
            for sum in self.sums.iter().filter(|sum| alone[sum.total as usize]) {
                for part in sum.parts.iter().filter(|part| alone[**part as usize]) {
                    let least = who[sum.total as usize].min(who[*part as usize]);
                    changed |= who[sum.total as usize] != least || who[*part as usize] != least;
                    (who[sum.total as usize], who[*part as usize]) = (least, least);
                }
            }
        }
        for (cell, (who, _)) in self.cells.iter_mut().zip(who.iter().zip(&alone)).filter(|(_, (_, alone))| **alone) {
            // Beyond all identifiers that are made from a person's own.
            cell.contributor = Some(u64::MAX - u64::from(*who));
        }
    }

    /// Number of cells in this state.
    pub fn count(&self, state: State) -> usize {
        self.cells.iter().filter(|c| c.state == state).count()
    }
}

impl Cell {
    fn check(&self) -> Result<(), &'static str> {
        let levels = [self.levels.upper, self.levels.lower, self.levels.sliding];
        if !self.value.is_finite() {
            return Err("its value is no number");
        }
        if !(self.cost.is_finite() && self.cost >= 0.0) {
            return Err("its cost must be 0 or greater");
        }
        if self.bounds.0.is_nan() || self.bounds.1.is_nan() || self.value < self.bounds.0 || self.value > self.bounds.1
        {
            return Err("its value is outside what is known of it beforehand");
        }
        if !levels.iter().all(|l| l.is_finite() && *l >= 0.0) {
            return Err("its protection levels must be 0 or greater");
        }
        Ok(())
    }
}

/// Where cells stand in sums.
#[derive(Debug, Clone, Default)]
pub struct Places {
    starts: Vec<u32>,
    places: Vec<(u32, f32)>,
}

impl Places {
    /// The sums that `cell` is in, with its sign there.
    pub fn of(&self, cell: u32) -> impl ExactSizeIterator<Item = (u32, f64)> + '_ {
        let range = self.starts[cell as usize] as usize..self.starts[cell as usize + 1] as usize;
        self.places[range].iter().map(|(sum, sign)| (*sum, f64::from(*sign)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(values: &[f64], sums: &[(u32, &[u32])]) -> Table {
        let sums = sums.iter().map(|(total, parts)| Sum { total: *total, parts: parts.to_vec() }).collect();
        Table { cells: values.iter().map(|v| Cell::new(*v)).collect(), sums }
    }

    #[test]
    fn tables_that_make_no_sense_are_refused() {
        let check = |table: Table, expected: &str| {
            let error = table.check(1e-9).err().map(|e| e.to_string()).unwrap_or_default();
            assert_eq!(error, expected);
        };
        check(table(&[3.0, 1.0, 2.0], &[(0, &[1, 2])]), "");
        check(table(&[4.0, 1.0, 2.0], &[(0, &[1, 2])]), "sum 0: its parts are 3, its total, cell 0, is 4");
        check(table(&[3.0, 1.0, 2.0], &[(0, &[1, 3])]), "sum 0 names cell 3, which is not in the table");
        check(table(&[3.0, 1.5], &[(0, &[1, 1])]), "sum 0 names cell 1 twice");
        check(table(&[f64::NAN], &[]), "cell 0: its value is no number");
        check(table(&[-1.0], &[]), "cell 0: its value is outside what is known of it beforehand");
        let wrong = |change: fn(&mut Cell)| {
            let mut table = table(&[1.0], &[]);
            table.cells.iter_mut().for_each(change);
            table
        };
        check(wrong(|c| c.cost = -1.0), "cell 0: its cost must be 0 or greater");
        check(wrong(|c| c.levels.lower = f64::INFINITY), "cell 0: its protection levels must be 0 or greater");
    }

    #[test]
    fn places_are_the_sums_seen_from_the_cells() {
        let table = table(&[6.0, 1.0, 5.0, 2.0, 3.0], &[(0, &[1, 2]), (2, &[3, 4])]);
        let places = table.places();
        let of = |cell| places.of(cell).collect::<Vec<_>>();
        assert_eq!(of(0), [(0, 1.0)]);
        assert_eq!(of(2), [(0, -1.0), (1, 1.0)]);
        assert_eq!(of(4), [(1, -1.0)]);
    }
}
