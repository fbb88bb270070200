//! How many member states each act asks for.

use serde::{Deserialize, Serialize};

/// A fraction of the member states, as `2/3`; met when signatures ≥ fraction × states, rounded up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Fraction {
    numerator: u32,
    denominator: u32,
}

impl Fraction {
    /// `numerator/denominator`, of (0, 1].
    pub fn new(numerator: u32, denominator: u32) -> Option<Self> {
        (numerator > 0 && numerator <= denominator && denominator <= 1_000).then_some(Self { numerator, denominator })
    }

    /// How many of `states` it asks for; at least one.
    pub fn of(self, states: usize) -> usize {
        (states * self.numerator as usize).div_ceil(self.denominator as usize).max(1)
    }
}

impl TryFrom<String> for Fraction {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.split_once('/')
            .and_then(|(n, d)| Self::new(n.parse().ok()?, d.parse().ok()?))
            .ok_or_else(|| format!("`{text}` is not a fraction such as `2/3`"))
    }
}

impl From<Fraction> for String {
    fn from(fraction: Fraction) -> Self {
        format!("{}/{}", fraction.numerator, fraction.denominator)
    }
}

impl std::fmt::Display for Fraction {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.numerator, self.denominator)
    }
}

/// How many member states each act asks for; but for a suspension never less than a simple majority.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// To admit a member.
    pub admit: Fraction,
    /// To remove one, who is not counted.
    pub remove: Fraction,
    /// To set the version of the shared schema.
    pub schema: Fraction,
    /// To change anything else.
    pub amend: Fraction,
    /// To suspend a member, who is not counted, for at most 14 days.
    pub suspend: Fraction,
}

/// The smallest number of `states` of which no two groups are without a common state.
pub(crate) fn majority(states: usize) -> usize {
    states / 2 + 1
}
