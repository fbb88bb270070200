//! What is wrong with a file: kinds by name, errors and warnings, and how many of each.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeStruct as _;
use serde::{Deserialize, Serialize, Serializer};

/// Most problems kept with their details for the terminal; all are counted.
pub const MAX_PROBLEMS: usize = 1_000;
/// Most problems kept where they are written to a file.
pub const MAX_LISTED: usize = 100_000;

/// Whether a problem can be accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot: the figures are not staged.
    Error,
    /// It can, by its name.
    Warning,
}

impl Severity {
    /// `error` or `warning`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// What kind of mistake.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// Not a code of the list.
    UnknownCode,
    /// Not a number, or a text that cannot be written everywhere.
    WrongType,
    /// A mark such as `<5`, `*` or `:` where a number belongs, which the mapping does not say the meaning of.
    FigureMark,
    /// Infinite, or not a number's value.
    NotFinite,
    /// A text that is too long.
    TooLong,
    /// An empty dimension.
    MissingDimension,
    /// An empty mandatory attribute, or no figure and no reason.
    MissingValue,
    /// Not a period, an impossible one, or not one of the frequency.
    ImpossiblePeriod,
    /// A count below zero.
    NegativeCount,
    /// A figure where its status says that there is none: a suppressed one would be given away.
    UnexpectedValue,
    /// A column that the mapping does not use, where it must use all.
    UnmappedColumn,
    /// A key that an earlier row has.
    DuplicateKey,
    /// Rows that the mapping sums and that differ in their unit, or in how they were counted.
    MixedUnits,
    /// A line that does not have the header's columns.
    Malformed,
    /// Codes that are another system's: UNHCR's, the IOC's, ISO's two letters, M49 numbers.
    OtherSystem,
    /// A code of what had ended before the period: a state that is no more.
    ExpiredCode,
    /// What a rule found, by the rule's name.
    Rule {
        /// The rule's name.
        name: Arc<str>,
        /// Its level.
        severity: Severity,
    },
}

impl ProblemKind {
    /// Kinds that are not rules'.
    pub const BUILT_IN: [Self; 16] = [
        Self::UnknownCode,
        Self::WrongType,
        Self::FigureMark,
        Self::NotFinite,
        Self::TooLong,
        Self::MissingDimension,
        Self::MissingValue,
        Self::ImpossiblePeriod,
        Self::NegativeCount,
        Self::UnexpectedValue,
        Self::UnmappedColumn,
        Self::DuplicateKey,
        Self::MixedUnits,
        Self::Malformed,
        Self::OtherSystem,
        Self::ExpiredCode,
    ];

    /// The name people and commands use.
    pub fn name(&self) -> &str {
        match self {
            Self::UnknownCode => "unknown-code",
            Self::WrongType => "wrong-type",
            Self::FigureMark => "figure-mark",
            Self::NotFinite => "not-finite",
            Self::TooLong => "too-long",
            Self::MissingDimension => "missing-dimension",
            Self::MissingValue => "missing-value",
            Self::ImpossiblePeriod => "impossible-period",
            Self::NegativeCount => "negative-count",
            Self::UnexpectedValue => "unexpected-value",
            Self::UnmappedColumn => "unmapped-column",
            Self::DuplicateKey => "duplicate-key",
            Self::MixedUnits => "mixed-units",
            Self::Malformed => "malformed",
            Self::OtherSystem => "other-system",
            Self::ExpiredCode => "expired-code",
            Self::Rule { name, .. } => name,
        }
    }

    /// Whether it is an error or a warning.
    pub fn severity(&self) -> Severity {
        match self {
            Self::OtherSystem | Self::ExpiredCode => Severity::Warning,
            Self::Rule { severity, .. } => *severity,
            _ => Severity::Error,
        }
    }
}

impl fmt::Display for ProblemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for ProblemKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("ProblemKind", 2)?;
        fields.serialize_field("kind", self.name())?;
        fields.serialize_field("severity", &self.severity())?;
        fields.end()
    }
}

/// One mistake in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Line of the file, from 1.
    pub row: u64,
    /// The file's column; empty if the value is the mapping's.
    pub column: String,
    /// The component.
    pub component: String,
    /// What the file has.
    pub value: String,
    /// What was expected.
    pub expected: String,
    /// The nearest valid code.
    pub nearest: Option<String>,
    /// What kind of mistake.
    #[serde(flatten)]
    pub kind: ProblemKind,
}

/// How many problems of a kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KindCount {
    /// The kind.
    #[serde(flatten)]
    pub kind: ProblemKind,
    /// How many.
    pub count: u64,
}

/// Problems as they are found: the first with their details, all by number.
#[derive(Debug, Clone, Default)]
pub struct Problems {
    limit: usize,
    kept: Vec<Problem>,
    counts: BTreeMap<ProblemKind, u64>,
}

impl Problems {
    /// None yet; at most `limit` will be kept.
    pub fn new(limit: usize) -> Self {
        Self { limit, kept: Vec::new(), counts: BTreeMap::new() }
    }

    /// Notes one.
    pub fn note(&mut self, problem: Problem) {
        match self.counts.get_mut(&problem.kind) {
            Some(count) => *count += 1,
            None => {
                self.counts.insert(problem.kind.clone(), 1);
            }
        }
        if self.has_room() {
            self.kept.push(problem);
        }
    }

    /// Notes what another check found.
    pub fn append(&mut self, other: Self) {
        for (kind, count) in other.counts {
            *self.counts.entry(kind).or_default() += count;
        }
        let room = self.limit.saturating_sub(self.kept.len());
        self.kept.extend(other.kept.into_iter().take(room));
    }

    /// Whether the next one will be kept.
    pub fn has_room(&self) -> bool {
        self.kept.len() < self.limit
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
        self.counts.iter().filter(|(kind, _)| kind.severity() == severity).map(|(_, count)| count).sum()
    }

    /// How many of each kind, errors first.
    pub fn counts(&self) -> Vec<KindCount> {
        let mut counts: Vec<KindCount> =
            self.counts.iter().map(|(kind, count)| KindCount { kind: kind.clone(), count: *count }).collect();
        counts.sort_by_key(|c| (c.kind.severity(), std::cmp::Reverse(c.count)));
        counts
    }

    /// Those kept, by line.
    pub fn into_kept(mut self) -> Vec<Problem> {
        self.kept.sort_by_key(|problem| problem.row);
        self.kept
    }
}
