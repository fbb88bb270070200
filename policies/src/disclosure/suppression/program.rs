//! The cheapest cells that meet all known cuts, among a few that may change: an integer program.

use std::collections::BTreeSet;

use microlp::{ComparisonOp, OptimizationDirection, Problem, SolutionStatus, SolveOptions, SolveOutcome, Variable};

use super::cuts::Region;

/// Work that a step of the simplex method counts for each row and each cell that may change.
const STEP: u64 = 3;

/// What a program found.
pub(super) struct Solved {
    /// The pattern: the cheapest that meets the cuts, if `optimal`.
    pub(super) taken: Vec<bool>,
    pub(super) optimal: bool,
    /// What no pattern that meets the cuts costs less than, of what may change.
    pub(super) bound: f64,
    /// Work it took.
    pub(super) work: u64,
}

/// Lets the `open` cells change, from what is `taken`, which meets all cuts; visits at most `nodes` of the tree. None if the program fails.
pub(super) fn solve(region: &Region, taken: &[bool], open: &[bool], nodes: u64) -> Option<Solved> {
    let mut problem = Problem::new(OptimizationDirection::Minimize);
    let variable = |place: usize| open[place].then(|| problem.add_binary_var(region.costs[place]));
    let variables: Vec<Option<Variable>> = (0..taken.len()).map(variable).collect();
    let stays = |place: u32| taken[place as usize] && !open[place as usize];
    let mut rows: BTreeSet<Vec<u32>> = BTreeSet::new();
    for cut in region.cuts.iter().filter(|cut| !cut.iter().any(|c| stays(*c))) {
        rows.insert(cut.iter().copied().filter(|c| open[*c as usize]).collect());
    }
    for row in &rows {
        let terms: Vec<(Variable, f64)> =
            row.iter().filter_map(|c| variables[*c as usize].map(|variable| (variable, 1.0))).collect();
        problem.add_constraint(&terms, ComparisonOp::Ge, 1.0);
    }
    let mut options = SolveOptions::default();
    options.node_limit = Some(nodes);
    let start = variables.iter().zip(taken).filter_map(|(v, taken)| v.map(|v| (v, if *taken { 1.0 } else { 0.0 })));
    let start: Vec<(Variable, f64)> = start.collect();
    let size = (rows.len() + start.len()) as u64;
    options.warm_start = Some(start);
    let Ok(SolveOutcome::Solution(solution)) = problem.solve_with(options) else { return None };
    let chosen = |(place, variable): (usize, &Option<Variable>)| match variable {
        Some(variable) => solution.var_value(*variable) > 0.5,
        None => taken[place],
    };
    let work = solution.stats().lp_iterations * size * STEP;
    let optimal = solution.status() == SolutionStatus::Optimal;
    let bound = if optimal { solution.objective() } else { solution.stats().best_bound.unwrap_or(0.0) };
    Some(Solved { taken: variables.iter().enumerate().map(chosen).collect(), optimal, bound, work })
}
