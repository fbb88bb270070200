//! Rules as data: conditions that observations must meet, in a file. Reads and bounds the files; who has an engine for their expressions
//! evaluates them. Keys are named as in SDMX's VTL: `when … then … errorcode … errorlevel`. `schema/rules/README.md` describes them.

use std::collections::HashSet;

use serde::Deserialize;

use super::{ProblemKind, Severity};

/// The rules that every node has.
const BUILT_IN: &str = include_str!("../../rules/rules.toml");
/// Largest file of rules, in bytes.
pub const MAX_RULES_BYTES: usize = 256 << 10;
/// Most rules of a file.
const MAX_RULES: usize = 200;
/// Longest expression and longest message, in bytes.
const MAX_EXPRESSION: usize = 2_000;
/// Longest name of a rule.
const MAX_NAME: usize = 64;

/// Why a file of rules cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Not TOML of the right form.
    #[error("not readable: {0}")]
    Toml(String),
    /// Too much.
    #[error("{0}")]
    TooLarge(String),
    /// A rule's name.
    #[error(
        "the rule `{0}` needs a name of small letters, digits and hyphens that no other rule and no built-in check has"
    )]
    Name(String),
    /// A message.
    #[error("the rule `{rule}` has a message with `{{{name}}}`, which is not closed or no name of a component")]
    Message {
        /// The rule.
        rule: String,
        /// What stands in braces.
        name: String,
    },
    /// A tolerance.
    #[error("the rule `{0}` has a tolerance that is no number of zero or more")]
    Tolerance(String),
}

/// What a rule's failure is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Level {
    Error,
    Warning,
    /// The rule of this name is not applied.
    Off,
}

/// A message with components' texts in braces: `{ORIGIN} to {DESTINATION}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    parts: Vec<(String, Option<String>)>,
}

impl Message {
    fn parse(rule: &str, text: &str) -> Result<Self, RulesError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('{') {
            let wrong = |name: &str| RulesError::Message { rule: rule.to_owned(), name: name.to_owned() };
            let (name, after) = after.split_once('}').ok_or_else(|| wrong(after))?;
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                return Err(wrong(name));
            }
            parts.push((before.to_owned(), Some(name.to_owned())));
            rest = after;
        }
        parts.push((rest.to_owned(), None));
        Ok(Self { parts })
    }

    /// Names in braces.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|(_, name)| name.as_deref())
    }

    /// The message with what `text` gives for the names.
    pub fn fill(&self, text: impl Fn(&str) -> Option<String>) -> String {
        let mut out = String::new();
        for (before, name) in &self.parts {
            out.push_str(before);
            if let Some(name) = name {
                out.push_str(&text(name).unwrap_or_default());
            }
        }
        out
    }
}

/// A condition on each observation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// Name; by it a warning is accepted.
    pub name: String,
    /// Ids of the dataflows it is for; empty for all that have the components it names.
    pub dataflows: Vec<String>,
    /// Which observations it is about; none for all.
    pub when: Option<String>,
    /// What must hold of them.
    pub then: String,
    /// The component that is wrong if it does not.
    pub component: String,
    /// What to tell.
    pub message: Message,
    /// Whether breaking it is an error or a warning.
    pub severity: Severity,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TotalsCheck {
    /// The parts add up to more than the total.
    Exceed,
    /// They add up to less, and none of them is withheld: the rest is nowhere.
    Residual,
}

/// A condition on totals and their parts: VTL's `check_hierarchy`.
#[derive(Debug, Clone, PartialEq)]
pub struct TotalsRule {
    /// Name; by it a warning is accepted.
    pub name: String,
    /// Ids of the dataflows it is for; empty for all.
    pub dataflows: Vec<String>,
    /// Dimensions that figures add up over.
    pub components: Vec<String>,
    /// What is compared.
    pub check: TotalsCheck,
    /// What each figure may be off, by rounding.
    pub tolerance: f64,
    /// What the total may be off, in per cent.
    pub tolerance_percent: f64,
    /// What to tell: `{component}`, `{code}`, `{total}`, `{sum}`, `{parts}`, `{difference}`.
    pub message: Message,
    /// Whether breaking it is an error or a warning.
    pub severity: Severity,
}

impl TotalsRule {
    pub(super) fn is_for(&self, dataflow: &str) -> bool {
        self.dataflows.is_empty() || self.dataflows.iter().any(|id| id == dataflow)
    }
}

/// Rules of both kinds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// On each observation.
    pub rules: Vec<Rule>,
    /// On totals and their parts.
    pub totals: Vec<TotalsRule>,
    off: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    rule: Vec<FileRule>,
    #[serde(default)]
    totals: Vec<FileTotals>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileRule {
    name: String,
    #[serde(default)]
    dataflows: Vec<String>,
    when: Option<String>,
    #[serde(default)]
    then: String,
    #[serde(default = "measure")]
    component: String,
    #[serde(default)]
    errorcode: String,
    errorlevel: Level,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTotals {
    name: String,
    #[serde(default)]
    dataflows: Vec<String>,
    #[serde(default)]
    components: Vec<String>,
    check: TotalsCheck,
    #[serde(default)]
    tolerance: f64,
    #[serde(default)]
    tolerance_percent: f64,
    #[serde(default)]
    errorcode: String,
    errorlevel: Level,
}

fn measure() -> String {
    crate::dataset::OBS_VALUE.to_owned()
}

impl Level {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Error => Some(Severity::Error),
            Self::Warning => Some(Severity::Warning),
            Self::Off => None,
        }
    }
}

impl Rules {
    /// Reads a file of rules.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        if text.len() > MAX_RULES_BYTES {
            return Err(RulesError::TooLarge(format!("{} bytes, more than {MAX_RULES_BYTES}", text.len())));
        }
        let file: File = toml::from_str(text).map_err(|e| RulesError::Toml(e.to_string()))?;
        if file.rule.len() + file.totals.len() > MAX_RULES {
            return Err(RulesError::TooLarge(format!("more than {MAX_RULES} rules")));
        }
        let mut names = HashSet::new();
        let mut rules = Self::default();
        for rule in file.rule {
            check_name(&rule.name, &mut names)?;
            let texts = [rule.when.as_deref().unwrap_or(""), &rule.then, &rule.errorcode];
            check_lengths(&rule.name, &texts)?;
            let Some(severity) = rule.errorlevel.severity() else {
                rules.off.push(rule.name);
                continue;
            };
            rules.rules.push(Rule {
                message: Message::parse(&rule.name, &rule.errorcode)?,
                name: rule.name,
                dataflows: rule.dataflows,
                when: rule.when,
                then: rule.then,
                component: rule.component,
                severity,
            });
        }
        for rule in file.totals {
            check_name(&rule.name, &mut names)?;
            check_lengths(&rule.name, &[&rule.errorcode])?;
            if ![rule.tolerance, rule.tolerance_percent].iter().all(|t| t.is_finite() && *t >= 0.0) {
                return Err(RulesError::Tolerance(rule.name));
            }
            let Some(severity) = rule.errorlevel.severity() else {
                rules.off.push(rule.name);
                continue;
            };
            rules.totals.push(TotalsRule {
                message: Message::parse(&rule.name, &rule.errorcode)?,
                name: rule.name,
                dataflows: rule.dataflows,
                components: rule.components,
                check: rule.check,
                tolerance: rule.tolerance,
                tolerance_percent: rule.tolerance_percent,
                severity,
            });
        }
        Ok(rules)
    }

    /// The rules that every node has.
    pub fn built_in() -> Result<Self, RulesError> {
        Self::parse(BUILT_IN)
    }

    /// Adds rules; one with the name of another takes its place, or ends it.
    #[must_use]
    pub fn with(mut self, own: Self) -> Self {
        let replaced: HashSet<&String> =
            own.rules.iter().map(|r| &r.name).chain(own.totals.iter().map(|r| &r.name)).chain(&own.off).collect();
        self.rules.retain(|rule| !replaced.contains(&rule.name));
        self.totals.retain(|rule| !replaced.contains(&rule.name));
        self.rules.extend(own.rules);
        self.totals.extend(own.totals);
        self
    }

    /// Names of all rules with their severities.
    pub fn names(&self) -> impl Iterator<Item = (&str, Severity)> {
        let rules = self.rules.iter().map(|rule| (rule.name.as_str(), rule.severity));
        rules.chain(self.totals.iter().map(|rule| (rule.name.as_str(), rule.severity)))
    }
}

fn check_name(name: &str, names: &mut HashSet<String>) -> Result<(), RulesError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let fits = !name.is_empty() && name.len() <= MAX_NAME && name.bytes().all(plain);
    let built_in = ProblemKind::BUILT_IN.iter().any(|kind| kind.name() == name);
    if fits && !built_in && names.insert(name.to_owned()) {
        return Ok(());
    }
    Err(RulesError::Name(name.chars().take(MAX_NAME).collect()))
}

fn check_lengths(rule: &str, texts: &[&str]) -> Result<(), RulesError> {
    match texts.iter().find(|text| text.len() > MAX_EXPRESSION) {
        None => Ok(()),
        Some(text) => Err(RulesError::TooLarge(format!(
            "the rule `{rule}` has a text of {} bytes, more than {MAX_EXPRESSION}",
            text.len()
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "[[rule]]\nname = \"own\"\nthen = \"OBS_VALUE > 1\"\nerrorlevel = \"error\"\n";

    #[test]
    fn files_of_rules_are_strict_and_bounded() {
        for (text, told) in [
            (RULE.replace("then", "than"), "unknown field"),
            (RULE.replace("\"error\"", "\"fatal\""), "unknown variant"),
            (RULE.replace("own", "Own Rule"), "needs a name"),
            (RULE.replace("own", "duplicate-key"), "needs a name"),
            (RULE.repeat(2), "needs a name"),
            (format!("{RULE}errorcode = \"{{ORIGIN\""), "not closed"),
            (RULE.replace("OBS_VALUE > 1", &"(".repeat(3_000)), "more than 2000"),
            ((0..300).map(|i| RULE.replace("own", &format!("r{i}"))).collect(), "more than 200 rules"),
            ("#".repeat(300 << 10), "more than 262144"),
            (
                "[[totals]]\nname = \"t\"\ncheck = \"exceed\"\ntolerance = -1.0\nerrorlevel = \"error\"".to_owned(),
                "tolerance",
            ),
        ] {
            let error = Rules::parse(&text).unwrap_err().to_string();
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn a_rule_of_the_same_name_takes_the_place_of_another() {
        let names = |rules: &Rules| rules.names().map(|(name, _)| name.to_owned()).collect::<Vec<_>>();
        let built_in = Rules::built_in().unwrap();
        let own = "[[rule]]\nname = \"revised-strongly\"\nthen = \"OBS_VALUE > 1\"\nerrorlevel = \"error\"\n\
                   [[totals]]\nname = \"residual-missing\"\ncheck = \"residual\"\nerrorlevel = \"off\"\n";
        let together = built_in.clone().with(Rules::parse(own).unwrap());
        assert_eq!(names(&together).len(), names(&built_in).len() - 1);
        assert!(together.names().any(|n| n == ("revised-strongly", Severity::Error)));
        assert!(!names(&together).contains(&"residual-missing".to_owned()));
    }
}
