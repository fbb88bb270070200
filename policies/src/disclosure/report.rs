//! The report: what disclosure control did, for people and machines, without anything from which a withheld figure could be found.

pub mod html;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What disclosure control did.
///
/// It is signed, and readers may see it: it holds no withheld figure, nor a sum or share of withheld figures that the release does not tell itself. Observations
/// are counted; the value that was lost is told only where a published total stands beside the published parts, so that everybody can work it out.
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
    /// Suppressed at first to protect others, and found not to be needed for it.
    #[serde(default)]
    pub given_back: u64,
    /// By how many per cent what is lost to protect others is at most above the least that could be; none where that was not found out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub above_least_percent: Option<String>,
    /// Withheld, though an earlier release, or another member, published the same figure.
    #[serde(default)]
    pub public_before: u64,
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
    /// What was lost, by dimension.
    #[serde(default)]
    pub lost: BTreeMap<String, Lost>,
    /// What the audit found; none where nothing is withheld.
    #[serde(default)]
    pub audit: Option<AuditSummary>,
}

/// What was lost of a dimension's detail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lost {
    /// Observations of its codes but the total that are withheld, in per cent.
    pub cells_percent: String,
    /// What published totals over it hold beyond their published parts, in per cent of those totals; none where no total is published.
    pub value_percent: Option<String>,
}

/// What the audit looked at, and how well the closest figure is protected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditSummary {
    /// Tables: periods, or years where periods add up.
    pub tables: u64,
    /// Sensitive figures looked at.
    pub sensitive: u64,
    /// Groups of withheld figures that sums connect.
    pub parts: u64,
    /// Linear programs solved.
    pub programs: u64,
    /// Persons alone in a figure, whose own knowledge was taken into account.
    pub insiders: u64,
    /// Earlier releases, linked dataflows and other members' figures taken to be known.
    pub beside: Vec<String>,
    /// Width of the narrowest interval that a sensitive figure is known to lie in, relative to the width it must have: it is at least so many times as wide; 1, 2, 5 or 10.
    pub narrowest: Option<String>,
}

impl Report {
    /// Fills in the share that is published.
    pub(super) fn with_share(mut self) -> Self {
        let share = if self.cells == 0 { 100.0 } else { self.published as f64 * 100.0 / self.cells as f64 };
        self.published_percent = format!("{share:.1}");
        self
    }
}
