//! A wrong label or heading of a wide table is wrong for many figures, and told once: with how many.

use std::collections::HashMap;

use super::{Problem, Problems, Severity};

/// What a problem is about, where it is more than one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The label of a row, in the component of this place.
    Label(usize),
    /// The heading of a column, in the component of this place.
    Heading(usize, usize),
}

/// A problem and the figures it stands for.
#[derive(Debug)]
struct Held {
    problem: Problem,
    figures: u64,
}

impl Held {
    fn new(problem: Problem) -> Self {
        Self { problem, figures: 1 }
    }

    fn is(&self, other: &Problem) -> bool {
        self.problem.kind == other.kind && self.problem.value == other.value
    }

    fn told(mut self, what: &str) -> Problem {
        if self.figures > 1 {
            self.problem.expected.push_str(&format!("; it is the {what} of {} figures", self.figures));
        }
        self.problem
    }
}

/// Problems that wait until it is known how many figures they stand for.
#[derive(Debug, Default)]
pub(super) struct Once {
    /// The row that the labels are of.
    line: u64,
    labels: Vec<(usize, Held)>,
    /// By column of the source and place of the component: a file has few headings.
    headings: HashMap<(usize, usize), Held>,
}

impl Once {
    /// Whether nothing waits for the end of a row.
    pub(super) fn is_at(&self, line: u64) -> bool {
        self.line == line || self.labels.is_empty()
    }

    /// Takes a problem; gives it back if another one of the same heading waits already, to be told by itself.
    pub(super) fn take(&mut self, of: Of, problem: Problem) -> Option<Problem> {
        let held = match of {
            Of::Label(index) => {
                self.line = problem.row;
                let known = self.labels.iter_mut().find(|(place, held)| *place == index && held.is(&problem));
                match known {
                    Some((_, held)) => held,
                    None => {
                        self.labels.push((index, Held::new(problem)));
                        return None;
                    }
                }
            }
            Of::Heading(column, index) => match self.headings.get_mut(&(column, index)) {
                Some(held) if held.is(&problem) => held,
                Some(_) => return Some(problem),
                None => {
                    self.headings.insert((column, index), Held::new(problem));
                    return None;
                }
            },
        };
        held.figures += 1;
        None
    }

    /// The row has ended: its labels are told.
    pub(super) fn end_row(&mut self, problems: &mut Problems) {
        self.labels.drain(..).for_each(|(_, held)| problems.note(held.told("label")));
    }

    /// The file has ended: everything is told.
    pub(super) fn end(&mut self, problems: &mut Problems) {
        self.end_row(problems);
        let mut headings: Vec<_> = self.headings.drain().collect();
        headings.sort_by_key(|(place, held)| (held.problem.row, *place));
        headings.into_iter().for_each(|(_, held)| problems.note(held.told("heading")));
    }

    /// Errors that wait.
    pub(super) fn errors(&self) -> u64 {
        let held = self.labels.iter().map(|(_, held)| held).chain(self.headings.values());
        held.filter(|held| held.problem.kind.severity() == Severity::Error).count() as u64
    }
}
