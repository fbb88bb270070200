//! Solves the programs of an attacker by `microlp` and `clarabel`, and writes them as MPS files for HiGHS: `python bench/lp.py`.
//!
//! A table of migrants with all its totals is protected; of some sensitive cells the highest and the lowest value is looked for that does not contradict what is
//! published, over all withheld cells at once.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Instant;

use chancery_policies::disclosure::suppression::{Options, protect};
use chancery_policies::disclosure::table::{Cell, Levels, Sum, Table};
use clarabel::algebra::CscMatrix;
use clarabel::solver::{DefaultSettingsBuilder, DefaultSolver, IPSolver, NonnegativeConeT, SolverStatus, ZeroConeT};
use microlp::{ComparisonOp, OptimizationDirection, Problem, SolveOutcome};

/// Finest codes of each dimension.
const SHAPES: [&[usize]; 3] = [&[16, 8, 2], &[96, 8, 2], &[30, 8, 2, 6]];
/// Sensitive cells of a table that are attacked.
const ATTACKED: usize = 10;
/// How far above its value a cell may be at most.
const ABOVE: f64 = 1e4;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args().nth(1).ok_or("name a folder for the MPS files")?;
    for (number, shape) in SHAPES.iter().enumerate() {
        let mut table = table(shape);
        let options = Options { levels: false, ..Options::sized(table.cells.len(), false) };
        protect(&mut table, &options, || true)?;
        let program = Program::of(&table);
        let (mut small, mut interior, mut apart) = (0.0, 0.0, 0.0_f64);
        let step = program.sensitive.len().div_ceil(ATTACKED).max(1);
        for (goal, cell) in program.sensitive.iter().step_by(step).enumerate() {
            for sign in [1.0, -1.0] {
                let start = Instant::now();
                let by_microlp = program.microlp(*cell, sign)?;
                small += start.elapsed().as_secs_f64();
                let start = Instant::now();
                let by_clarabel = program.clarabel(*cell, sign)?;
                interior += start.elapsed().as_secs_f64();
                apart = apart.max((by_microlp - by_clarabel).abs() / by_microlp.abs().max(1.0));
                let name = format!("{number}-{goal}-{}.mps", if sign > 0.0 { "up" } else { "down" });
                std::fs::write(Path::new(&folder).join(name), program.mps(*cell, sign)?)?;
            }
        }
        let (cells, columns, rows) = (table.cells.len(), program.values.len(), program.rows.len());
        println!("{number};{cells};{columns};{rows};{small};{interior};{apart}");
    }
    Ok(())
}

/// Counts with all their totals; few codes hold most persons, and counts of 1 and 2 are sensitive.
fn table(shape: &[usize]) -> Table {
    let sizes: Vec<usize> = shape.iter().map(|finest| finest + 1).collect();
    let count: usize = sizes.iter().product();
    let codes = |mut cell: usize| -> Vec<usize> {
        let mut codes: Vec<usize> = sizes.iter().rev().map(|size| (cell % size, cell /= size).0).collect();
        codes.reverse();
        codes
    };
    let mut values = vec![0.0; count];
    let (mut sums, mut random) = (Vec::new(), 7u64);
    for cell in (0..count).filter(|cell| codes(*cell).iter().zip(shape).all(|(code, finest)| code < finest)) {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let spread = (random >> 33) as f64 / 2f64.powi(31) * 2.0;
        values[cell] = (spread * 120.0 / codes(cell).iter().map(|code| 1.0 + *code as f64).product::<f64>()).round();
    }
    let mut stride = count;
    for (axis, finest) in shape.iter().enumerate() {
        stride /= sizes[axis];
        for total in (0..count).filter(|cell| codes(*cell)[axis] == *finest) {
            let parts: Vec<usize> = (1..=*finest).map(|back| total - back * stride).collect();
            values[total] = parts.iter().map(|part| values[*part]).sum();
            sums.push(Sum { total: total as u32, parts: parts.into_iter().map(|part| part as u32).collect() });
        }
    }
    let levels = |value: f64| Levels { upper: value * 0.01, lower: value * 0.01, sliding: 0.0 };
    let cell = |value: f64| match value {
        1.0 | 2.0 => Cell::new(value).primary(levels(value)),
        _ => Cell::new(value),
    };
    Table { cells: values.into_iter().map(cell).collect(), sums }
}

/// The withheld cells and the sums over them.
struct Program {
    values: Vec<f64>,
    rows: Vec<(Vec<(usize, f64)>, f64)>,
    sensitive: Vec<usize>,
}

impl Program {
    fn of(table: &Table) -> Self {
        let withheld: Vec<usize> = (0..table.cells.len()).filter(|c| table.cells[*c].state.withheld()).collect();
        let mut place = vec![None; table.cells.len()];
        withheld.iter().enumerate().for_each(|(at, cell)| place[*cell] = Some(at));
        let values: Vec<f64> = withheld.iter().map(|c| table.cells[*c].value).collect();
        let terms = |sum: &Sum| -> Vec<(usize, f64)> {
            sum.terms().filter_map(|(cell, sign)| Some((place[cell as usize]?, sign))).collect()
        };
        let rows = table.sums.iter().map(terms).filter(|row| !row.is_empty());
        let rows = rows.map(|row| (row.iter().map(|(at, sign)| sign * values[*at]).sum(), row)).map(|(b, row)| (row, b));
        let sensitive = withheld.iter().enumerate().filter(|(_, cell)| table.cells[**cell].levels.upper > 0.0);
        Self { rows: rows.collect(), sensitive: sensitive.map(|(at, _)| at).collect(), values }
    }

    fn microlp(&self, cell: usize, sign: f64) -> Result<f64, Box<dyn Error>> {
        let mut problem = Problem::new(OptimizationDirection::Maximize);
        let goal = |at: usize| if at == cell { sign } else { 0.0 };
        let variables: Vec<_> =
            self.values.iter().enumerate().map(|(at, x)| problem.add_var(goal(at), (0.0, x + ABOVE))).collect();
        for (row, b) in &self.rows {
            let terms: Vec<_> = row.iter().map(|(at, sign)| (variables[*at], *sign)).collect();
            problem.add_constraint(&terms, ComparisonOp::Eq, *b);
        }
        match problem.solve()? {
            SolveOutcome::Solution(solution) => Ok(solution.objective()),
            SolveOutcome::Interrupted(_) => Err("microlp did not end".into()),
        }
    }

    fn clarabel(&self, cell: usize, sign: f64) -> Result<f64, Box<dyn Error>> {
        let (columns, sums) = (self.values.len(), self.rows.len());
        let (mut at_row, mut at_column, mut value, mut b) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for (number, (row, right)) in self.rows.iter().enumerate() {
            for (at, sign) in row {
                (at_row.push(number), at_column.push(*at), value.push(*sign));
            }
            b.push(*right);
        }
        for (at, x) in self.values.iter().enumerate() {
            for (side, coefficient, right) in [(0, -1.0, 0.0), (columns, 1.0, x + ABOVE)] {
                (at_row.push(sums + side + at), at_column.push(at), value.push(coefficient));
                b.resize(sums + 2 * columns, 0.0);
                b[sums + side + at] = right;
            }
        }
        let matrix = CscMatrix::new_from_triplets(sums + 2 * columns, columns, at_row, at_column, value);
        let mut goal = vec![0.0; columns];
        goal[cell] = -sign;
        let settings = DefaultSettingsBuilder::default().verbose(false).build()?;
        let cones = [ZeroConeT(sums), NonnegativeConeT(2 * columns)];
        let none = CscMatrix::zeros((columns, columns));
        let mut solver = DefaultSolver::new(&none, &goal, &matrix, &b, &cones, settings)?;
        solver.solve();
        match solver.solution.status {
            SolverStatus::Solved | SolverStatus::AlmostSolved => Ok(-solver.solution.obj_val),
            status => Err(format!("clarabel: {status:?}").into()),
        }
    }

    /// As a minimum, which every reader of the format understands.
    fn mps(&self, cell: usize, sign: f64) -> Result<String, std::fmt::Error> {
        let mut columns = vec![String::new(); self.values.len()];
        writeln!(columns[cell], " x{cell} goal {}", -sign)?;
        let mut text = "NAME attack\nROWS\n N goal\n".to_owned();
        let mut right = "RHS\n".to_owned();
        for (number, (row, b)) in self.rows.iter().enumerate() {
            writeln!(text, " E r{number}")?;
            writeln!(right, " RHS r{number} {b}")?;
            for (at, coefficient) in row {
                writeln!(columns[*at], " x{at} r{number} {coefficient}")?;
            }
        }
        text += "COLUMNS\n";
        columns.iter().for_each(|column| text += column);
        text += &right;
        text += "BOUNDS\n";
        for (at, x) in self.values.iter().enumerate() {
            writeln!(text, " UP BND x{at} {}", x + ABOVE)?;
        }
        text += "ENDATA\n";
        Ok(text)
    }
}
