//! Mirror rules: which figures are the other end of which. The rules are data (`schema/mirrors/rules.toml`); this reads them and
//! finds the other end of a key. Two ends count the same movements; where they differ, the attributes a rule names may say why.

use std::collections::{BTreeMap, HashSet};

use serde::Deserialize;

use crate::dataset::DatasetSchema;
use crate::structure::{Reference, ReferenceError, Structures};

/// The reporting area's dimension, which tells the two ends apart.
const REF_AREA: &str = "REF_AREA";
/// Largest file of rules, in bytes: ten times ours.
const MAX_BYTES: usize = 1 << 16;

/// Rules that come with the program.
const SHARED: &str = include_str!("../mirrors/rules.toml");

/// Why rules cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// Too long.
    #[error("{0} bytes of mirror rules, more than {MAX_BYTES}")]
    TooLong(usize),
    /// Not a file of rules.
    #[error("the mirror rules are not readable: {0}")]
    Malformed(String),
    /// Not a dataflow.
    #[error("rule `{rule}`: {cause}")]
    Dataflow {
        /// The rule.
        rule: String,
        /// What is wrong.
        cause: ReferenceError,
    },
    /// What a rule names is not there.
    #[error("rule `{rule}`: {detail}")]
    Unknown {
        /// The rule.
        rule: String,
        /// What is missing.
        detail: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<RuleText>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleText {
    id: String,
    one: EndText,
    other: EndText,
    #[serde(default)]
    same: BTreeMap<String, String>,
    #[serde(default)]
    summed: Vec<String>,
    explained_by: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EndText {
    dataflow: String,
    reporter: String,
    #[serde(default)]
    only: BTreeMap<String, Vec<String>>,
}

/// One end of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct End {
    /// The dataflow.
    pub dataflow: Reference,
    /// The dimension that names the state whose own figures these are: they count where `REF_AREA` is the same.
    pub reporter: String,
    /// Codes that a key must have to be meant; a key of the other end gets the first.
    pub only: BTreeMap<String, Vec<String>>,
}

/// Which figures are the other end of which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MirrorRule {
    /// Name.
    pub id: String,
    /// One end.
    pub one: End,
    /// The other.
    pub other: End,
    /// Dimensions of one end, and what they are called at the other. Dimensions of one name need no entry.
    pub same: BTreeMap<String, String>,
    /// Dimensions that the ends split differently: compare their totals.
    pub summed: Vec<String>,
    /// Attributes that may explain a difference, the most telling first.
    pub explained_by: Vec<String>,
}

/// A key, dimension to code. None: any code, or the total where there is one.
pub type Key = BTreeMap<String, Option<String>>;

/// The rules of the shared schema.
pub fn shared() -> Result<Vec<MirrorRule>, MirrorError> {
    read(SHARED)
}

/// Reads a file of rules.
pub fn read(text: &str) -> Result<Vec<MirrorRule>, MirrorError> {
    if text.len() > MAX_BYTES {
        return Err(MirrorError::TooLong(text.len()));
    }
    let file: File = toml::from_str(text).map_err(|e| MirrorError::Malformed(e.to_string()))?;
    file.rule.into_iter().map(rule).collect()
}

fn rule(text: RuleText) -> Result<MirrorRule, MirrorError> {
    let RuleText { id, one, other, same, summed, explained_by } = text;
    let end = |end: EndText| {
        let dataflow = end.dataflow.parse().map_err(|cause| MirrorError::Dataflow { rule: id.clone(), cause })?;
        Ok(End { dataflow, reporter: end.reporter, only: end.only })
    };
    let (one, other) = (end(one)?, end(other)?);
    Ok(MirrorRule { id, one, other, same, summed, explained_by })
}

impl MirrorRule {
    /// The other end of a key: its dataflow, and the key there. None if the rule is not meant for the key.
    pub fn other_end(&self, dataflow: &Reference, key: &BTreeMap<String, String>) -> Option<(Reference, Key)> {
        self.across(&self.one, &self.other, dataflow, key, |id| self.same.get(id).map_or(id, String::as_str)).or_else(
            || {
                let back = |id| self.same.iter().find(|(_, there)| *there == id).map_or(id, |(here, _)| here.as_str());
                self.across(&self.other, &self.one, dataflow, key, back)
            },
        )
    }

    fn across<'a>(
        &'a self,
        here: &'a End,
        there: &'a End,
        dataflow: &Reference,
        key: &'a BTreeMap<String, String>,
        called: impl Fn(&'a str) -> &'a str,
    ) -> Option<(Reference, Key)> {
        let meant = here.only.iter().all(|(id, codes)| key.get(id).is_some_and(|code| codes.contains(code)));
        let own = key.get(REF_AREA).is_some_and(|area| key.get(&here.reporter) == Some(area));
        if here.dataflow != *dataflow || !meant || !own {
            return None;
        }
        let dimensions = key.iter().filter(|(id, _)| *id != REF_AREA && !here.only.contains_key(*id));
        let mut found: Key = dimensions
            .map(|(id, code)| (called(id).to_owned(), (!self.summed.contains(id)).then(|| code.clone())))
            .collect();
        found.extend(there.only.iter().map(|(id, codes)| (id.clone(), codes.first().cloned())));
        let reporter = found.get(&there.reporter).cloned().flatten()?;
        found.insert(REF_AREA.to_owned(), Some(reporter));
        Some((there.dataflow.clone(), found))
    }

    /// Whether every dataflow, dimension, code and attribute it names is in `structures`.
    pub fn check(&self, structures: &Structures) -> Result<(), MirrorError> {
        let unknown = |detail: String| MirrorError::Unknown { rule: self.id.clone(), detail };
        let schema = |end: &End| structures.dataset_schema(&end.dataflow).map_err(|e| unknown(e.to_string()));
        let ends = [(schema(&self.one)?, &self.one), (schema(&self.other)?, &self.other)];
        for (schema, end) in &ends {
            let dimension = |id: &str| {
                let found = schema.dimensions.iter().find(|d| d.id == id);
                found.ok_or_else(|| unknown(format!("`{}` has no dimension `{id}`", schema.dataflow)))
            };
            dimension(&end.reporter)?;
            for (id, codes) in &end.only {
                let set = dimension(id)?.codes.as_ref();
                let wrong = codes.iter().find(|code| !set.is_some_and(|s| s.contains(code)));
                if let Some(code) = wrong {
                    return Err(unknown(format!("`{code}` is no code of `{id}`")));
                }
            }
        }
        let [(one, _), (other, _)] = &ends;
        let has = |schema: &DatasetSchema, id: &str| schema.component(id).is_some();
        let known: HashSet<&str> = one.components().chain(other.components()).map(|c| c.id.as_str()).collect();
        for (here, there) in &self.same {
            if !has(one, here) || !has(other, there) {
                return Err(unknown(format!("`{here}` and `{there}` are not dimensions of its ends")));
            }
        }
        let named = self.summed.iter().chain(&self.explained_by);
        named
            .into_iter()
            .find(|id| !known.contains(id.as_str()))
            .map_or(Ok(()), |id| Err(unknown(format!("neither end has a component `{id}`"))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    fn other_end(dataflow: &str, pairs: &[(&str, &str)]) -> Vec<(String, Key)> {
        let dataflow = format!("RCP:{dataflow}(1.0.0)").parse().unwrap();
        let found = shared().unwrap();
        let found = found.iter().filter_map(|r| r.other_end(&dataflow, &key(pairs)));
        found.map(|(reference, key)| (reference.id, key)).collect()
    }

    #[test]
    fn our_rules_name_what_there_is() {
        let structures = crate::shared::structures().unwrap();
        let rules = shared().unwrap();
        assert!(rules.len() >= 8);
        for rule in &rules {
            rule.check(&structures).unwrap();
        }
        let mut broken = rules[0].clone();
        broken.explained_by.push("WEATHER".into());
        assert!(broken.check(&structures).unwrap_err().to_string().contains("`WEATHER`"));
        broken.one.reporter = "NOBODY".into();
        assert!(broken.check(&structures).unwrap_err().to_string().contains("`NOBODY`"));
    }

    #[test]
    fn what_one_state_sent_the_other_received() {
        let sent = [
            ("REF_AREA", "MEX"),
            ("ORIGIN", "MEX"),
            ("DESTINATION", "GTM"),
            ("RETURN_TYPE", "DEPORTATION"),
            ("SEX", "F"),
        ];
        let found = other_end("RETURNS", &sent);
        assert_eq!(found.len(), 1);
        let (dataflow, there) = &found[0];
        assert_eq!((dataflow.as_str(), there["REF_AREA"].as_deref()), ("RETURNS", Some("GTM")));
        assert_eq!((there["ORIGIN"].as_deref(), there["DESTINATION"].as_deref()), (Some("MEX"), Some("GTM")));
        assert_eq!((there["RETURN_TYPE"].as_deref(), there["SEX"].as_deref()), (None, Some("F")));
        let received = [("REF_AREA", "GTM"), ("ORIGIN", "MEX"), ("DESTINATION", "GTM")];
        assert_eq!(other_end("RETURNS", &received)[0].1["REF_AREA"].as_deref(), Some("MEX"));
        let third = [("REF_AREA", "HND"), ("ORIGIN", "MEX"), ("DESTINATION", "GTM")];
        assert_eq!(other_end("RETURNS", &third), []);
    }

    #[test]
    fn the_other_end_may_be_another_dataflow() {
        let recruited = [
            ("REF_AREA", "GTM"),
            ("ORIGIN", "GTM"),
            ("DESTINATION", "CAN"),
            ("OCCUPATION", "OC6"),
            ("RECRUITMENT", "_T"),
        ];
        let found = other_end("LABOUR_RECRUITMENT", &recruited);
        let (_, there) = found.iter().find(|(dataflow, _)| dataflow == "LABOUR_PERMITS").unwrap();
        assert_eq!((there["REF_AREA"].as_deref(), there["CITIZENSHIP"].as_deref()), (Some("CAN"), Some("GTM")));
        assert_eq!(there["PERMIT_EVENT"].as_deref(), Some("FIRST"));
        let permits = [
            ("REF_AREA", "CAN"),
            ("CITIZENSHIP", "GTM"),
            ("PERMIT_EVENT", "FIRST"),
            ("PERMIT_TYPE", "_T"),
            ("OCCUPATION", "OC6"),
        ];
        assert_eq!(other_end("LABOUR_PERMITS", &permits)[0].1["REF_AREA"].as_deref(), Some("GTM"));
    }

    #[test]
    fn broken_files_say_what_is_wrong() {
        for (text, expected) in [
            ("rule = 7", "not readable"),
            ("[[rule]]\nid = 'A'", "missing field"),
            (
                "[[rule]]\nid='A'\nexplained_by=[]\none={dataflow='A',reporter='B'}\nother={dataflow='A',reporter='B'}",
                "rule `A`",
            ),
        ] {
            let error = read(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(read(&" ".repeat(MAX_BYTES + 1)).is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in ".{0,200}") {
            let _ = read(&text);
        }
    }
}
