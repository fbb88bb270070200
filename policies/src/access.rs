//! Who may do what with a release: the same decision at every door, by Cedar policies. Deny by default, a forbid overrides, and a
//! policy that cannot be evaluated denies. Whoever may not discover a release may do nothing else with it.
//!
//! The forum's baseline is `policies/access/baseline.cedar`. A member's own policies are forbids beside it, evaluated for that member's
//! releases only: whatever they say, they can only tighten the baseline. [`Policies::load`] refuses anything else.

pub mod examples;
mod explain;
mod load;
mod request;

use std::collections::BTreeMap;

use cedar_policy::{Authorizer, Response};

pub use explain::{Explanation, PolicyReport};
pub use load::{MAX_FILE_BYTES, MAX_FILES, MAX_POLICIES, OwnFile, PolicyError, baseline_text, schema_text};

use load::{Baseline, Own};
use request::CedarRequest;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Anybody, over HTTP.
    Anonymous,
    /// A member's node, over an authenticated connection.
    Member(Party),
    /// A person who works at the node of this member. Reads as the member does; only nodes replicate.
    Operator(Party),
}

/// A member, or what was one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Party {
    /// Its id.
    pub id: String,
    /// Its role under the charter in force; none if it is not, or no longer, in the forum.
    pub role: Option<Role>,
}

/// A member's standing in the forum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// A state.
    MemberState,
    /// Reads and verifies.
    Observer,
    /// Proposes, aggregates.
    Secretariat,
}

impl Role {
    /// Reads [`Role::as_str`]'s word.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::MemberState, Self::Observer, Self::Secretariat].into_iter().find(|role| role.as_str() == text)
    }

    /// The word in charters and policies.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::MemberState => "member-state",
            Self::Observer => "observer",
            Self::Secretariat => "secretariat",
        }
    }
}

impl std::fmt::Display for Subject {
    /// `anonymous`, `GTM` or `GTM/operator`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Anonymous => f.write_str("anonymous"),
            Self::Member(party) => f.write_str(&party.id),
            Self::Operator(party) => write!(f, "{}/operator", party.id),
        }
    }
}

impl Subject {
    /// Reads what [`Subject`] is written as; `role` gives each member's standing.
    pub fn parse(text: &str, role: impl Fn(&str) -> Option<Role>) -> Self {
        let party = |id: &str| Party { id: id.to_owned(), role: role(id) };
        match text.strip_suffix("/operator") {
            _ if text == "anonymous" => Self::Anonymous,
            Some(id) => Self::Operator(party(id)),
            None => Self::Member(party(text)),
        }
    }
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// To see that it exists. Needed for every other action.
    Discover,
    /// To read its figures, file or proof.
    Read,
    /// To hold a copy.
    Replicate,
    /// To have figures counted in an answer.
    Query,
}

impl Action {
    /// Every action.
    pub const ALL: [Self; 4] = [Self::Discover, Self::Read, Self::Query, Self::Replicate];

    /// The word in policies and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Discover => "discover",
            Self::Read => "read",
            Self::Replicate => "replicate",
            Self::Query => "query",
        }
    }

    /// Reads [`Action::as_str`]'s word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|action| action.as_str() == text)
    }
}

/// What the asker says it is for. Nobody can check it; policies may ask for it, and it is kept with the decision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// Official statistics.
    OfficialStatistics,
    /// The making of policy.
    PolicyMaking,
    /// Research.
    Research,
    /// Journalism.
    Journalism,
    /// Work on single cases or at borders.
    Operations,
}

impl Purpose {
    /// Every purpose.
    pub const ALL: [Self; 5] =
        [Self::OfficialStatistics, Self::PolicyMaking, Self::Research, Self::Journalism, Self::Operations];

    /// The word in policies and requests.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OfficialStatistics => "official-statistics",
            Self::PolicyMaking => "policy-making",
            Self::Research => "research",
            Self::Journalism => "journalism",
            Self::Operations => "operations",
        }
    }

    /// Reads [`Purpose::as_str`]'s word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|purpose| purpose.as_str() == text)
    }
}

/// For whom a release is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Audience {
    /// Everybody.
    Public,
    /// The forum's members.
    Forum,
    /// These members.
    Named(Vec<String>),
}

/// What is asked of.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// Record id.
    pub id: String,
    /// The forum.
    pub forum: String,
    /// Its issuer.
    pub owner: String,
    /// The member whose node is asked.
    pub holder: String,
    /// For whom it is.
    pub audience: Audience,
    /// `RCP:RETURNS(1.0.0)`.
    pub dataflow: String,
    /// Not before, unix seconds.
    pub embargo: Option<i64>,
}

/// A question. Equal questions have equal answers.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Question<'a> {
    /// Who asks.
    pub subject: &'a Subject,
    /// What.
    pub action: Action,
    /// Of what.
    pub resource: &'a Resource,
    /// What for, if it was said.
    pub purpose: Option<Purpose>,
    /// When, unix seconds: the clock of the node that is asked.
    pub now: i64,
    /// The time that embargoes are judged by, unix seconds: never after `now`, and behind it where the forum's witnesses are.
    pub embargo_now: i64,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// Whether it is allowed.
    pub allowed: bool,
    /// The action that the policies decided on: the one asked for, or `discover` if that is why it is denied.
    pub action: Action,
    /// The policies that decided, by id, sorted; `default` if none permits it, `error` if one could not be evaluated.
    pub policies: Vec<String>,
    /// Why, for people.
    pub reason: String,
}

impl Decision {
    /// The deciding policies in one text, as it is logged.
    pub fn policy(&self) -> String {
        self.policies.join(" ")
    }
}

/// The policies of a node: the baseline, and members' own beside it. Parsed and validated once.
#[derive(Debug)]
pub struct Policies {
    authorizer: Authorizer,
    baseline: Baseline,
    own: BTreeMap<String, Own>,
}

impl Policies {
    /// Decides. Never fails: what cannot be evaluated is denied.
    pub fn decide(&self, question: &Question<'_>) -> Decision {
        let decision = self.decide_alone(question);
        if !decision.allowed || question.action == Action::Discover {
            return decision;
        }
        // Whatever else is done with a release tells that it exists.
        let discover = self.decide_alone(&Question { action: Action::Discover, ..question.clone() });
        if discover.allowed { decision } else { discover }
    }

    /// Decides on the action alone, as if it needed no other.
    fn decide_alone(&self, question: &Question<'_>) -> Decision {
        let action = question.action;
        let error = |reason| Decision { allowed: false, action, policies: vec!["error".to_owned()], reason };
        let request = match CedarRequest::new(question, &self.baseline.schema) {
            Ok(request) => request,
            Err(reason) => return error(format!("the question cannot be put to the policies: {reason}")),
        };
        let baseline = self.authorizer.is_authorized(&request.request, &self.baseline.set, &request.entities);
        let mut forbids = Vec::new();
        if let Some(failed) = first_error(&baseline) {
            return error(failed);
        }
        let permitted = baseline.decision() == cedar_policy::Decision::Allow;
        let ids = |response: &Response| response.diagnostics().reason().map(ToString::to_string).collect::<Vec<_>>();
        let own = self.own.get(&question.resource.owner);
        for set in own.into_iter().flat_map(|own| own.sets(action, &request.principals)) {
            // Only forbids: a satisfied one is a reason, and the answer is never to allow.
            let response = self.authorizer.is_authorized(&request.request, set, &request.entities);
            if let Some(failed) = first_error(&response) {
                return error(failed);
            }
            forbids.extend(ids(&response));
        }
        let mut policies = if permitted && !forbids.is_empty() { Vec::new() } else { ids(&baseline) };
        policies.extend(forbids.iter().cloned());
        policies.sort_unstable();
        if policies.is_empty() {
            let reason = "no policy permits it".to_owned();
            return Decision { allowed: false, action, policies: vec!["default".to_owned()], reason };
        }
        let reason = policies.iter().map(|id| self.description(id)).collect::<Vec<_>>().join(" ");
        Decision { allowed: permitted && forbids.is_empty(), action, policies, reason }
    }

    /// What the policy `id` says of itself.
    pub fn description(&self, id: &str) -> &str {
        let own = id.split_once('/').and_then(|(member, _)| self.own.get(member));
        own.and_then(|own| own.descriptions.get(id)).or_else(|| self.baseline.descriptions.get(id)).map_or("", |d| d)
    }

    /// The ids of every policy, the baseline's first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        let own = self.own.values().flat_map(|own| own.descriptions.keys());
        self.baseline.descriptions.keys().chain(own).map(String::as_str)
    }

    /// A member's own policy files, as they were read.
    pub fn own_files(&self, member: &str) -> &[OwnFile] {
        self.own.get(member).map_or(&[], |own| &own.files)
    }
}

/// An error denies: Cedar itself would pass an erring forbid over.
fn first_error(response: &Response) -> Option<String> {
    response.diagnostics().errors().next().map(ToString::to_string)
}

#[cfg(test)]
mod tests;
