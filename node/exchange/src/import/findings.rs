//! What checking a file found, and what the operator says to it.

use std::fmt;

use chancery_schema::validate::{KindCount, Problem, Problems, Severity};
use serde::{Deserialize, Serialize};

/// What checking a file found.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Findings {
    /// The file's name.
    pub file: String,
    /// Data rows read.
    pub rows: u64,
    /// How many of each kind, errors first; all are counted.
    pub counts: Vec<KindCount>,
    /// The first problems, in row order.
    pub problems: Vec<Problem>,
    /// Names of warnings that the operator has not accepted.
    pub open: Vec<String>,
}

impl Findings {
    pub(super) fn new(file: String, rows: u64, problems: Problems, accepted: &[String]) -> Self {
        let counts = problems.counts();
        let warnings = counts.iter().filter(|count| count.kind.severity() == Severity::Warning);
        let open = warnings.map(|count| count.kind.name().to_owned()).filter(|name| !accepted.contains(name)).collect();
        Self { file, rows, open, problems: problems.into_kept(), counts }
    }

    /// Errors found.
    pub fn errors(&self) -> u64 {
        self.of(Severity::Error)
    }

    /// Warnings found.
    pub fn warnings(&self) -> u64 {
        self.of(Severity::Warning)
    }

    fn of(&self, severity: Severity) -> u64 {
        self.counts.iter().filter(|count| count.kind.severity() == severity).map(|count| count.count).sum()
    }

    /// Whether the figures may not be staged.
    pub(super) fn refuses(&self) -> bool {
        self.errors() > 0 || !self.open.is_empty()
    }

    /// The warnings there are, as `operator` accepted them at `at`.
    pub(super) fn accepted_by(&self, operator: &str, at: i64) -> Vec<AcceptedWarning> {
        let warnings = self.counts.iter().filter(|count| count.kind.severity() == Severity::Warning);
        let accepted = |count: &KindCount| AcceptedWarning {
            name: count.kind.name().to_owned(),
            count: count.count,
            operator: operator.to_owned(),
            at,
        };
        warnings.map(accepted).collect()
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (errors, warnings) = (self.errors(), self.warnings());
        write!(
            f,
            "`{}`: {errors} errors and {warnings} warnings in {} rows; nothing was staged",
            self.file, self.rows
        )?;
        if errors == 0 {
            let accept = self.open.iter().map(|name| format!("--accept {name}")).collect::<Vec<_>>().join(" ");
            write!(f, ": correct the file, or accept the warnings by their names with `{accept}`")?;
        }
        Ok(())
    }
}

/// A kind of warning that an operator accepted for a stage.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedWarning {
    /// The rule's or kind's name.
    pub name: String,
    /// How many there were.
    pub count: u64,
    /// Who accepted them.
    pub operator: String,
    /// When, unix seconds.
    pub at: i64,
}
