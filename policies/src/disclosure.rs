//! Disclosure control: what of a private stage may become a release.
//!
//! A [`Protection`] sees the whole table twice: once to decide, once to change it. So a method that must know every cell before it can
//! protect one fits behind the same interface as one that looks at each cell alone.

pub mod audit;
pub mod cell_key;
pub mod certified;
mod perturbation;
pub mod primary;
pub mod privacy;
mod profile;
pub mod ptable;
pub mod report;
pub mod respondents;
pub mod rounding;
pub mod suppression;
pub mod table;
mod tables;
mod withholding;
mod workers;

use arrow::array::RecordBatch;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::structure::Structures;

use cell_key::Secret;
use respondents::Respondents;

pub use perturbation::{Perturbation, PrivacyRules};
pub use profile::{Linked, Profile, ProfileError, Zeros, profile_text};
pub use report::{AuditSummary, Lost, Report};
pub use tables::Beside;

/// Why a table cannot be protected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProtectionError {
    /// A column is missing or of another type.
    #[error("the table has no column `{0}` of the right type")]
    Column(String),
    /// The profile names a dimension the dataflow does not have.
    #[error("the profile `{profile}` protects `{dimension}`, which is no dimension of `{dataflow}`")]
    Dimension {
        /// The profile.
        profile: String,
        /// What it names.
        dimension: String,
        /// The dataflow.
        dataflow: String,
    },
    /// The table has more rows the second time.
    #[error("the table changed between the two passes")]
    Changed,
    /// The profile contradicts itself, or asks for what cannot be.
    #[error("the profile `{profile}`: {reason}")]
    Rules {
        /// The profile.
        profile: String,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Perturbation met a figure that counts nothing.
    #[error(
        "`{0}` holds a figure that is no count (negative, not whole or beyond 2^53): name its unit in `exempt_units`, or use another profile"
    )]
    NoCount(String),
    /// Counts that are changed would give away what was withheld before.
    #[error(
        "{by} withheld figures of {year}: counts that are changed now would give them away beside what it published. Withhold here too, or leave out {year}"
    )]
    Withheld {
        /// Which release.
        by: String,
        /// Of which year.
        year: String,
    },
    /// A rule needs respondents of a figure that has none.
    #[error(
        "nothing is known of the respondents of `{0}`, which a rule of the profile needs: import them with `--respondents`"
    )]
    Respondents(String),
    /// Too much to decide at once.
    #[error("more than {most} {what}: divide the release, by periods for example")]
    Great {
        /// Of what.
        what: &'static str,
        /// At most.
        most: usize,
    },
    /// The figures make no table.
    #[error("the figures cannot be protected: {0}")]
    Table(String),
    /// The audit refuses.
    #[error("{count} withheld figures are not safe from readers who put together all that is published:\n  {}", cells.join("\n  "))]
    Unsafe {
        /// How many.
        count: usize,
        /// The first of them, and how they are found; never their values.
        cells: Vec<String>,
    },
}

/// Protects one table, whose batches are sorted by the dimensions in the data structure's order, then by time.
pub trait Protection {
    /// Who is behind the figures; before the first pass.
    fn respondents(&mut self, _respondents: Respondents) {}
    /// Whether figures that readers have beside these matter.
    fn wants_earlier(&self) -> bool {
        false
    }
    /// Figures that readers have beside these, under the same dimensions: all batches of one `name` after each other; before the first pass.
    fn beside(&mut self, _name: &str, _kind: Beside, _batch: &RecordBatch) -> Result<(), ProtectionError> {
        Ok(())
    }
    /// First pass: sees every batch, in order.
    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError>;
    /// Decides what to do with each cell, after the first pass.
    fn decide(&mut self) -> Result<(), ProtectionError>;
    /// Second pass: the same batches in the same order; what is returned may be published.
    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError>;
    /// What was done.
    fn report(&self) -> Report;
}

/// The protection that `profile` asks for, of a table of `schema`; `structures` has the hierarchies of its codes. `secret` draws the noise, where there is any.
pub fn protection(
    profile: &Profile,
    schema: &DatasetSchema,
    structures: &Structures,
    secret: &Secret,
) -> Result<Box<dyn Protection + Send>, ProtectionError> {
    for dimension in &profile.protected_dimensions {
        if schema.dimension_index(dimension).is_none() {
            return Err(ProtectionError::Dimension {
                profile: profile.name.clone(),
                dimension: dimension.clone(),
                dataflow: schema.dataflow.to_string(),
            });
        }
    }
    if let Some(rules) = &profile.perturbation {
        return perturbation::protection(profile, rules, schema, structures, secret);
    }
    Ok(Box::new(withholding::Withholding::new(profile, schema, structures)?))
}
