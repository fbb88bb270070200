//! Profiles: the rules of one dataflow, as data.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Perturbation;
use super::audit::Insiders;
use super::primary::{
    self, AlwaysTold, Cost, DeclaredSum, Dominance, GroupDisclosure, MinimumPopulation, NeverTold, PPercent,
    PriorPosterior,
};

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

/// How long a cheap pattern is looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Search {
    /// Seconds.
    #[default]
    Quick,
    /// Minutes; then the report tells how much cheaper it could be at best.
    Thorough,
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
    /// Whether further figures are suppressed where sums would give a suppressed one back. The audit looks at every table.
    #[serde(default = "yes")]
    pub secondary: bool,
    /// Figures that few respondents make up.
    pub dominance: Option<Dominance>,
    /// Figures from which a respondent finds another.
    pub p_percent: Option<PPercent>,
    /// Likewise, where respondents know of each other beforehand.
    pub prior_posterior: Option<PriorPosterior>,
    /// All of a group in one category.
    pub group_disclosure: Option<GroupDisclosure>,
    /// What is never told.
    #[serde(default)]
    pub never_told: Vec<NeverTold>,
    /// What is never withheld to protect others.
    #[serde(default)]
    pub always_told: Vec<AlwaysTold>,
    /// Places with few inhabitants.
    pub minimum_population: Option<MinimumPopulation>,
    /// Sums that the code lists do not tell.
    #[serde(default)]
    pub sums: Vec<DeclaredSum>,
    /// How a withheld figure counts as lost.
    #[serde(default)]
    pub cost: Cost,
    /// How long it is looked for what loses least.
    #[serde(default)]
    pub search: Search,
    /// What those are thought to find out who are in the table themselves.
    #[serde(default = "exact", deserialize_with = "insiders")]
    pub insiders: Insiders,
    /// Dataflows whose figures are the same as some of these.
    #[serde(default)]
    pub linked: Vec<Linked>,
    /// Whether what other members publish of the same movements is taken to be known.
    #[serde(default)]
    pub mirror: bool,
    /// How close another member's figure must be to ours to give it away, in per cent.
    #[serde(default)]
    pub mirror_tolerance: f64,
    /// Counts are changed instead of withheld.
    pub perturbation: Option<Perturbation>,
}

/// A dataflow whose figures are the same as some of another's.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Linked {
    /// Its id.
    pub dataflow: String,
    /// Only its figures with these codes.
    #[serde(default)]
    pub only: BTreeMap<String, String>,
    /// Codes that they have here, in dimensions that are not there.
    #[serde(default)]
    pub here: BTreeMap<String, String>,
    /// Dimensions here, and what they are called there.
    #[serde(default)]
    pub same: BTreeMap<String, String>,
}

fn exact() -> Insiders {
    Insiders::Exact
}

fn insiders<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Insiders, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "ignored" => Ok(Insiders::Ignored),
        "exact" => Ok(Insiders::Exact),
        "levels" => Ok(Insiders::Levels),
        other => Err(serde::de::Error::custom(format!("`insiders` is `{other}`: use `exact`, `levels` or `ignored`"))),
    }
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
        let profile: Self = toml::from_str(text).map_err(|e| ProfileError(e.to_string()))?;
        primary::check(&profile).map_err(ProfileError)?;
        if !(0.0..=100.0).contains(&profile.mirror_tolerance) {
            return Err(ProfileError(format!("`mirror_tolerance` is {}: give per cent", profile.mirror_tolerance)));
        }
        Ok(profile)
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
        "TRAFFICKING_VICTIMS" => include_str!("../../disclosure/TRAFFICKING_VICTIMS.toml"),
        "VISAS" => include_str!("../../disclosure/VISAS.toml"),
        "TREATY_STATUS" => include_str!("../../disclosure/TREATY_STATUS.toml"),
        _ => include_str!("../../disclosure/default.toml"),
    }
}
