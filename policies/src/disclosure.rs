//! Disclosure control: what of a private stage may become a release.
//!
//! A [`Protection`] sees the whole table twice: once to decide, once to change it. So a method that must know every cell before it can
//! protect one fits behind the same interface as one that looks at each cell alone.

pub mod cell_key;
mod frequency;
mod perturbation;
pub mod privacy;
mod profile;
pub mod ptable;
pub mod rounding;
mod sums;
pub mod suppression;
pub mod table;

use std::collections::BTreeMap;

use arrow::array::RecordBatch;
use chancery_schema::dataset::DatasetSchema;
use serde::{Deserialize, Serialize};

use cell_key::Secret;

pub use perturbation::{Perturbation, PrivacyRules};
pub use profile::{Profile, ProfileError, Zeros, profile_text};

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
    /// Rows are not in the order of their dimensions.
    #[error("the table is not sorted by its dimensions")]
    Order,
}

/// Protects one table, whose batches are sorted by the dimensions in the data structure's order, then by time.
pub trait Protection {
    /// First pass: sees every batch, in order.
    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError>;
    /// Decides what to do with each cell, after the first pass.
    fn decide(&mut self) -> Result<(), ProtectionError>;
    /// Second pass: the same batches in the same order; what is returned may be published.
    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError>;
    /// What was done.
    fn report(&self) -> Report;
}

/// What disclosure control did. Holds nothing from which a withheld figure could be found: for that reason it counts observations and
/// never says which share of the total was withheld, as readers who see the report could turn such a share into the figure.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The profile's name.
    pub profile: String,
    /// Rules applied, in words.
    pub rules: Vec<String>,
    /// Observations in the table.
    pub cells: u64,
    /// Observations with a figure afterwards.
    pub published: u64,
    /// Observations that had no figure before.
    pub missing: u64,
    /// Suppressed because they are small.
    pub suppressed_primary: u64,
    /// Suppressed so that those cannot be found by subtraction.
    pub suppressed_secondary: u64,
    /// Rounded to another value.
    pub rounded: u64,
    /// Passed through noise or rounding that need not have changed them; how many it did change is not told.
    #[serde(default)]
    pub perturbed: u64,
    /// What the method promises, in words.
    #[serde(default)]
    pub guarantee: String,
    /// What the method costs, in words.
    #[serde(default)]
    pub loss: String,
    /// Share of observations published, in per cent with one decimal.
    pub published_percent: String,
    /// Suppressed observations by dimension and code, where there are any.
    pub suppressed_by: BTreeMap<String, BTreeMap<String, u64>>,
}

/// The protection that `profile` asks for, of a table of `schema`. `secret` draws the noise, where there is any.
pub fn protection(
    profile: &Profile,
    schema: &DatasetSchema,
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
        return Ok(Box::new(perturbation::Perturbed::new(profile, rules, schema, secret)?));
    }
    Ok(Box::new(frequency::MinimumFrequency::new(profile.clone(), schema.clone())))
}
