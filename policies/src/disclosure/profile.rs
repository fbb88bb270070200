//! Profiles: the rules of one dataflow, as data.

use serde::Deserialize;

use super::Perturbation;

/// Whether counts of zero are published.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Zeros {
    /// They are.
    #[default]
    Publish,
    /// They are withheld like small counts.
    Suppress,
}

/// A disclosure profile; `policies/disclosure/README.md` describes the keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// Name.
    pub name: String,
    /// Why these rules.
    pub description: String,
    /// Whose rule it is: a law, an office's manual, or that this is a starting value.
    #[serde(default)]
    pub source: String,
    /// Counts from 1 to below this are suppressed.
    #[serde(default)]
    pub minimum_frequency: u32,
    /// Counts of zero.
    #[serde(default)]
    pub zeros: Zeros,
    /// Counts are rounded to multiples of this; 0 for none.
    #[serde(default)]
    pub rounding_base: u32,
    /// Only figures where one of these is not `_T`; empty for all figures.
    #[serde(default)]
    pub protected_dimensions: Vec<String>,
    /// Figures in these units of `UNIT_MEASURE` are not counts: the rules leave them alone.
    #[serde(default = "money")]
    pub exempt_units: Vec<String>,
    /// Whether another cell is suppressed where a sum over SEX or AGE would give a suppressed one back.
    #[serde(default = "yes")]
    pub secondary: bool,
    /// Counts are changed instead of withheld.
    pub perturbation: Option<Perturbation>,
}

fn money() -> Vec<String> {
    vec!["USD".to_owned()]
}

fn yes() -> bool {
    true
}

/// Why a profile cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the disclosure profile is not readable: {0}")]
pub struct ProfileError(String);

impl Profile {
    /// Reads a profile.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        toml::from_str(text).map_err(|e| ProfileError(e.to_string()))
    }
}

/// The built-in profile of a dataflow, or the default one.
pub fn profile_text(dataflow: &str) -> &'static str {
    match dataflow {
        "ASYLUM_APPLICATIONS" => include_str!("../../disclosure/ASYLUM_APPLICATIONS.toml"),
        "DISPLACED_POPULATION" => include_str!("../../disclosure/DISPLACED_POPULATION.toml"),
        "MIGRANT_STOCK" => include_str!("../../disclosure/MIGRANT_STOCK.toml"),
        "MIGRATION_FLOWS" => include_str!("../../disclosure/MIGRATION_FLOWS.toml"),
        "REMITTANCES" => include_str!("../../disclosure/REMITTANCES.toml"),
        "RETURNS" => include_str!("../../disclosure/RETURNS.toml"),
        "SOLUTIONS" => include_str!("../../disclosure/SOLUTIONS.toml"),
        "TRANSITS" => include_str!("../../disclosure/TRANSITS.toml"),
        "TREATY_STATUS" => include_str!("../../disclosure/TREATY_STATUS.toml"),
        _ => include_str!("../../disclosure/default.toml"),
    }
}
