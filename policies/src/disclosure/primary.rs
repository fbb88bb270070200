//! Primary rules: which figures are sensitive in themselves, and how uncertain an attacker must remain of them.

use serde::{Deserialize, Serialize};

use super::Profile;
use super::respondents::Respondent;
use super::table::Levels;

/// A figure that one or few respondents make up.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dominance {
    /// So many of the largest.
    pub n: u32,
    /// Make up this share, in per cent.
    pub k: f64,
}

/// A figure from which the second largest respondent finds the largest to within a share.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PPercent {
    /// The share, in per cent.
    pub p: f64,
}

/// As [`PPercent`], where every respondent knows the others to within a share beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriorPosterior {
    /// What they may find, in per cent.
    pub p: f64,
    /// What they know beforehand, in per cent.
    pub q: f64,
}

/// All, or nearly all, of a group in one category.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupDisclosure {
    /// The dimensions whose categories tell something about a person.
    pub dimensions: Vec<String>,
    /// From which share on, in per cent.
    #[serde(default = "all")]
    pub share: f64,
    /// Categories that tell nothing.
    #[serde(default)]
    pub harmless: Vec<String>,
}

/// What is never told, whatever the figure.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NeverTold {
    /// The dimension.
    pub dimension: String,
    /// Codes below this level of the dimension's hierarchy.
    pub below: Option<String>,
    /// These codes.
    #[serde(default)]
    pub codes: Vec<String>,
    /// Why, in words.
    pub reason: String,
}

/// What is published whatever it protects, unless it is sensitive itself.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AlwaysTold {
    /// Figures with this code in each of these dimensions.
    pub codes: std::collections::BTreeMap<String, String>,
    /// Why, in words.
    pub reason: String,
}

/// Places with few inhabitants.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MinimumPopulation {
    /// The dimension that names the place.
    pub dimension: String,
    /// Figures of places with fewer inhabitants are withheld.
    pub minimum: u64,
    /// Inhabitants by code; a place that is not here is taken to have too few.
    pub inhabitants: std::collections::BTreeMap<String, u64>,
}

/// A sum that the code list does not tell.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeclaredSum {
    /// The dimension.
    pub dimension: String,
    /// The code that is the sum.
    pub total: String,
    /// Of which codes.
    pub parts: Vec<String>,
}

/// How a withheld figure counts as lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cost {
    /// By its value.
    #[default]
    Value,
    /// By the number of respondents, or the value where it is not known.
    Count,
    /// By the logarithm of its value.
    Log,
    /// As one.
    Unit,
}

impl Cost {
    /// What withholding costs.
    pub(super) fn of(self, value: f64, respondents: Option<&Respondent>) -> f64 {
        match self {
            Self::Value => value.abs(),
            Self::Count => respondents.map_or(value.abs(), |r| f64::from(r.count)),
            Self::Log => value.abs().ln_1p(),
            Self::Unit => 1.0,
        }
    }
}

fn all() -> f64 {
    100.0
}

/// What a rule needs of a figure that it finds sensitive.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// Not sensitive.
    Open,
    /// Sensitive.
    Sensitive(Levels),
    /// The rule needs respondents that are not known.
    Unknown,
}

impl Verdict {
    /// The stricter of both.
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Open, other) | (other, Self::Open) => other,
            (Self::Sensitive(a), Self::Sensitive(b)) => Self::Sensitive(stricter(a, b)),
        }
    }
}

/// The stricter of two levels.
pub(super) fn stricter(a: Levels, b: Levels) -> Levels {
    Levels { upper: a.upper.max(b.upper), lower: a.lower.max(b.lower), sliding: a.sliding.max(b.sliding) }
}

/// What attackers must not know of a figure that is withheld for what it is about: whether it is small, and not to within a tenth.
pub(super) fn about(profile: &Profile, value: f64) -> Levels {
    let least = f64::from(profile.minimum_frequency.max(3));
    let around = (value * 0.1).max(least).min(value.max(0.0));
    Levels { upper: around.max((least - value).max(0.0)), lower: around, sliding: 0.0 }
}

/// What the profile's rules say of one figure by itself.
pub(super) fn judge(profile: &Profile, value: f64, respondents: Option<&Respondent>) -> Verdict {
    let mut verdict = frequency(profile, value, respondents);
    if let Some(rule) = &profile.dominance {
        let needed = |r: &Respondent| {
            let top: f64 = r.largest.iter().take(rule.n as usize).sum();
            100.0 / rule.k * top - value
        };
        verdict = verdict.and(contributions(value, respondents, rule.n as usize, needed));
    }
    if let Some(rule) = &profile.p_percent {
        verdict = verdict.and(contributions(value, respondents, 2, |r| rule.p / 100.0 * first(r) - rest(r, value)));
    }
    if let Some(rule) = &profile.prior_posterior {
        verdict = verdict.and(contributions(value, respondents, 2, |r| rule.p / rule.q * first(r) - rest(r, value)));
    }
    verdict
}

fn first(r: &Respondent) -> f64 {
    r.largest.first().copied().unwrap_or(0.0)
}

/// What is left of a figure without its two largest contributions.
fn rest(r: &Respondent, value: f64) -> f64 {
    value - first(r) - r.largest.get(1).copied().unwrap_or(0.0)
}

/// Minimum frequency: of respondents where they are known, else the figure is a count itself.
fn frequency(profile: &Profile, value: f64, respondents: Option<&Respondent>) -> Verdict {
    let least = f64::from(profile.minimum_frequency);
    let frequency = respondents.map_or(value, |r| f64::from(r.count));
    if frequency == 0.0 || value == 0.0 {
        let zero = Levels { upper: least.max(1.0), lower: 0.0, sliding: 0.0 };
        return if profile.zeros == super::Zeros::Suppress { Verdict::Sensitive(zero) } else { Verdict::Open };
    }
    if frequency < 0.0 || frequency >= least {
        return Verdict::Open;
    }
    // One must not know that it is small, nor that it is not nothing; of weighted and of other figures, not their size.
    let upper = if respondents.is_some() { value } else { least - value };
    Verdict::Sensitive(Levels { upper, lower: value, sliding: 0.0 })
}

/// A rule on the largest contributions: sensitive by how far the figure would have to be higher.
fn contributions(
    value: f64,
    respondents: Option<&Respondent>,
    of: usize,
    needed: impl Fn(&Respondent) -> f64,
) -> Verdict {
    if value == 0.0 {
        return Verdict::Open;
    }
    // With fewer respondents than the rule looks at there are no more contributions to know.
    match respondents.filter(|r| r.largest.len() >= of.min(r.count as usize)) {
        None => Verdict::Unknown,
        Some(r) => {
            let needed = needed(r);
            if needed <= 0.0 {
                return Verdict::Open;
            }
            Verdict::Sensitive(Levels { upper: needed, lower: needed.min(value.abs()), sliding: 0.0 })
        }
    }
}

/// The rules of a profile, checked: what is wrong with the first that is.
pub(super) fn check(profile: &Profile) -> Result<(), String> {
    let share = |name: &str, value: f64| {
        (value > 0.0 && value <= 100.0)
            .then_some(())
            .ok_or(format!("`{name}` is {value}: give per cent, above 0 and up to 100"))
    };
    if let Some(rule) = &profile.dominance {
        share("dominance.k", rule.k)?;
        if !(1..=super::respondents::MAX_LARGEST as u32).contains(&rule.n) {
            return Err(format!("`dominance.n` is {}: give 1 to {}", rule.n, super::respondents::MAX_LARGEST));
        }
    }
    if let Some(rule) = &profile.p_percent {
        share("p_percent.p", rule.p)?;
    }
    if let Some(rule) = &profile.prior_posterior {
        share("prior_posterior.p", rule.p)?;
        share("prior_posterior.q", rule.q)?;
        if rule.p >= rule.q {
            return Err("`prior_posterior.p` must be less than `q`, what is known beforehand".to_owned());
        }
    }
    if let Some(rule) = &profile.group_disclosure {
        share("group_disclosure.share", rule.share)?;
    }
    for rule in &profile.never_told {
        if rule.below.is_none() == rule.codes.is_empty() {
            return Err(format!("`never_told` of `{}`: give either `below`, a level, or `codes`", rule.dimension));
        }
    }
    if profile.always_told.iter().any(|rule| rule.codes.is_empty()) {
        return Err("`always_told`: give the code of at least one dimension".to_owned());
    }
    if let Some(sum) = profile.sums.iter().find(|sum| sum.parts.is_empty() || sum.parts.contains(&sum.total)) {
        return Err(format!("`sums`: `{}` needs parts other than itself", sum.total));
    }
    Ok(())
}

/// The rules, in words.
pub(super) fn in_words(profile: &Profile) -> Vec<String> {
    let mut rules = Vec::new();
    if profile.minimum_frequency > 1 {
        rules.push(format!("counts from 1 to {} are suppressed", profile.minimum_frequency - 1));
    }
    if profile.zeros == super::Zeros::Suppress {
        rules.push("counts of zero are suppressed".to_owned());
    }
    if let Some(Dominance { n, k }) = profile.dominance {
        rules.push(format!("figures of which the {n} largest respondents make up {k} % are suppressed"));
    }
    if let Some(PPercent { p }) = profile.p_percent {
        rules.push(format!("figures from which a respondent finds another to within {p} % are suppressed"));
    }
    if let Some(PriorPosterior { p, q }) = profile.prior_posterior {
        rules.push(format!(
            "figures from which who knows respondents to within {q} % finds one to within {p} % are suppressed"
        ));
    }
    if let Some(rule) = &profile.group_disclosure {
        rules.push(format!(
            "where {} % of a group are in one category of {}, it is suppressed",
            rule.share,
            rule.dimensions.join(", ")
        ));
    }
    for rule in &profile.never_told {
        let what = rule.below.as_ref().map_or_else(|| rule.codes.join(", "), |level| format!("below {level}"));
        rules.push(format!("{} {what} is never told: {}", rule.dimension, rule.reason));
    }
    for rule in &profile.always_told {
        let codes: Vec<String> = rule.codes.iter().map(|(dimension, code)| format!("{dimension} {code}")).collect();
        rules.push(format!("{} is never withheld to protect others: {}", codes.join(", "), rule.reason));
    }
    if let Some(rule) = &profile.minimum_population {
        rules.push(format!("{} with fewer than {} inhabitants is never told", rule.dimension, rule.minimum));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_verdict(rules: &str, value: f64, respondents: Option<(u32, &[f64])>, expected: Option<(f64, f64)>) {
        let profile = Profile::parse(&format!("name = \"t\"\ndescription = \"\"\n{rules}")).unwrap();
        let respondents =
            respondents.map(|(count, largest)| Respondent { count, largest: largest.to_vec(), who: None });
        let found = match judge(&profile, value, respondents.as_ref()) {
            Verdict::Sensitive(levels) => Some((levels.upper, levels.lower)),
            Verdict::Open => None,
            Verdict::Unknown => Some((-1.0, -1.0)),
        };
        assert_eq!(found, expected, "{rules}: {value}");
    }

    #[test]
    fn each_rule_says_how_far_the_figure_must_be_open() {
        let small = "minimum_frequency = 5";
        check_verdict(small, 0.0, None, None);
        check_verdict(small, 2.0, None, Some((3.0, 2.0)));
        check_verdict(small, 5.0, None, None);
        check_verdict(small, 900.0, Some((2, &[])), Some((900.0, 900.0)));
        check_verdict("zeros = \"suppress\"", 0.0, None, Some((1.0, 0.0)));
        let two = "[dominance]\nn = 2\nk = 80";
        check_verdict(two, 100.0, Some((9, &[50.0, 40.0, 5.0])), Some((12.5, 12.5)));
        check_verdict(two, 100.0, Some((9, &[50.0, 20.0])), None);
        check_verdict(two, 100.0, Some((9, &[50.0])), Some((-1.0, -1.0)));
        check_verdict(two, 100.0, None, Some((-1.0, -1.0)));
        check_verdict("[p_percent]\np = 10", 100.0, Some((3, &[60.0, 37.0])), Some((3.0, 3.0)));
        check_verdict("[p_percent]\np = 10", 100.0, Some((1, &[100.0])), Some((10.0, 10.0)));
        check_verdict("[p_percent]\np = 10", 100.0, Some((3, &[60.0, 30.0])), None);
        check_verdict("[prior_posterior]\np = 10\nq = 50", 100.0, Some((3, &[60.0, 37.0])), Some((9.0, 9.0)));
        // Rules add up: the stricter level counts.
        let both = "[dominance]\nn = 1\nk = 50\n[p_percent]\np = 10";
        check_verdict(both, 100.0, Some((3, &[60.0, 37.0])), Some((20.0, 20.0)));
    }

    #[test]
    fn rules_that_make_no_sense_are_refused() {
        for (rules, expected) in [
            ("[dominance]\nn = 2\nk = 0", "`dominance.k` is 0"),
            ("[dominance]\nn = 9\nk = 80", "`dominance.n` is 9"),
            ("[prior_posterior]\np = 50\nq = 10", "must be less"),
            ("[[never_told]]\ndimension = \"SEX\"\nreason = \"\"", "give either"),
            ("[[sums]]\ndimension = \"SEX\"\ntotal = \"F\"\nparts = [\"F\"]", "other than itself"),
            ("[p_percent]\nq = 5", "unknown field `q`"),
        ] {
            let error = Profile::parse(&format!("name = \"t\"\ndescription = \"\"\n{rules}")).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
