//! Example decisions as data: what policies must answer, written down beside them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::DateTime;
use serde::Deserialize;

use super::{Action, Audience, OwnFile, Policies, PolicyError, Purpose, Question, Resource, Role, Subject};

/// Longest file of examples.
const MAX_BYTES: usize = 1 << 20;
/// The forum of every example.
const FORUM: &str = "example";
/// The dataflow of a release that names none.
const DATAFLOW: &str = "RCP:RETURNS(1.0.0)";

/// Why a file of examples is refused.
#[derive(Debug, thiserror::Error)]
pub enum ExamplesError {
    /// Not a file of examples.
    #[error("the examples `{file}` cannot be read: {reason}")]
    Malformed {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The policies written in it are refused.
    #[error("the examples `{file}` have policies that are refused: {source}")]
    Policies {
        /// The file.
        file: String,
        /// Why.
        #[source]
        source: PolicyError,
    },
}

/// What checking a file of examples gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Decisions made.
    pub checked: usize,
    /// Those that were not as written, in words.
    pub wrong: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    now: String,
    askers: Vec<String>,
    members: BTreeMap<String, String>,
    /// Members' own policies, as text. None: those the node has.
    own: Option<BTreeMap<String, String>>,
    releases: BTreeMap<String, ExampleRelease>,
    decision: Vec<Example>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExampleRelease {
    owner: String,
    /// The member whose node is asked; none: its owner's.
    holder: Option<String>,
    audience: String,
    dataflow: Option<String>,
    embargo: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    release: String,
    actions: Vec<String>,
    at: Option<String>,
    /// The time that embargoes are judged by; none: the same.
    embargo_at: Option<String>,
    purpose: Option<String>,
    #[serde(default)]
    permitted: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    forbidden: BTreeMap<String, Vec<String>>,
    /// Askers this example says nothing of.
    #[serde(default)]
    others: Vec<String>,
}

/// The examples the project keeps, by name: of the baseline, and of policies of a member's own.
pub const BUILT_IN: [(&str, &str); 2] = [
    ("policies/access/decisions.toml", include_str!("../../access/decisions.toml")),
    ("policies/access/own.toml", include_str!("../../access/own.toml")),
];

/// Decides every example of `text` and compares. Own policies written in it take the place of `own`.
pub fn check(file: &str, text: &str, own: &[(String, Vec<OwnFile>)]) -> Result<Outcome, ExamplesError> {
    let malformed = |reason: String| ExamplesError::Malformed { file: file.to_owned(), reason };
    if text.len() > MAX_BYTES {
        return Err(malformed(format!("{} bytes, more than {MAX_BYTES}", text.len())));
    }
    let examples: File = toml::from_str(text).map_err(|e| malformed(e.to_string()))?;
    let written = |own: &BTreeMap<String, String>| {
        let file = |member: &String, text: &String| OwnFile { name: format!("own.{member}"), text: text.clone() };
        own.iter().map(|(member, text)| (member.clone(), vec![file(member, text)])).collect::<Vec<_>>()
    };
    let own = examples.own.as_ref().map_or_else(|| own.to_vec(), written);
    let policies = Policies::load(&own).map_err(|source| ExamplesError::Policies { file: file.to_owned(), source })?;
    let mut outcome = Outcome::default();
    for (number, example) in examples.decision.iter().enumerate() {
        let place = format!("decision {} (`{}`)", number + 1, example.release);
        examples.check_one(&policies, example, &place, &mut outcome).map_err(|e| malformed(format!("{place}: {e}")))?;
    }
    Ok(outcome)
}

impl File {
    fn check_one(
        &self,
        policies: &Policies,
        example: &Example,
        place: &str,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let release = self.releases.get(&example.release).ok_or("there is no such release under `releases`")?;
        let resource = release.resource(&example.release)?;
        let now = seconds(example.at.as_ref().unwrap_or(&self.now))?;
        let embargo_now = example.embargo_at.as_ref().map_or(Ok(now), seconds)?;
        let purpose = example.purpose.as_deref().map(|p| Purpose::parse(p).ok_or(format!("`{p}` is no purpose")));
        let purpose = purpose.transpose()?;
        let mut left: BTreeSet<&String> = self.askers.iter().filter(|asker| !example.others.contains(asker)).collect();
        let all = [(true, &example.permitted), (false, &example.forbidden)];
        for (allowed, policy, asker) in all
            .iter()
            .flat_map(|(allowed, by)| by.iter().flat_map(move |(p, a)| a.iter().map(move |a| (*allowed, p, a))))
        {
            left.remove(asker);
            let subject = Subject::parse(asker, |id| self.members.get(id).and_then(|role| Role::parse(role)));
            for word in &example.actions {
                let action = Action::parse(word).ok_or_else(|| format!("`{word}` is no action"))?;
                let question = Question { subject: &subject, action, resource: &resource, purpose, now, embargo_now };
                let decision = policies.decide(&question);
                outcome.checked += 1;
                if decision.allowed != allowed || !decision.policies.contains(policy) {
                    let verb = |allowed| if allowed { "permitted" } else { "forbidden" };
                    outcome.wrong.push(format!(
                        "{place}: {asker} {word}: expected {} by `{policy}`, found {} by `{}` ({})",
                        verb(allowed),
                        verb(decision.allowed),
                        decision.policy(),
                        decision.reason
                    ));
                }
            }
        }
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("it does not say what {left:?} may: name them, or put them under `others`"))
        }
    }
}

impl ExampleRelease {
    fn resource(&self, id: &str) -> Result<Resource, String> {
        let audience = match self.audience.as_str() {
            "public" => Audience::Public,
            "forum" => Audience::Forum,
            named => Audience::Named(named.split(',').map(|m| m.trim().to_owned()).collect()),
        };
        Ok(Resource {
            id: id.to_owned(),
            forum: FORUM.to_owned(),
            owner: self.owner.clone(),
            holder: self.holder.as_ref().unwrap_or(&self.owner).clone(),
            audience,
            dataflow: self.dataflow.clone().unwrap_or_else(|| DATAFLOW.to_owned()),
            embargo: self.embargo.as_ref().map(seconds).transpose()?,
        })
    }
}

fn seconds(text: impl AsRef<str>) -> Result<i64, String> {
    let text = text.as_ref();
    let time =
        DateTime::parse_from_rfc3339(text).map_err(|_| format!("`{text}` is no time such as 2026-06-01T12:00:00Z"))?;
    Ok(time.timestamp())
}
