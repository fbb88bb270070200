//! Why a decision is as it is: every policy, and whether it applies.

use cedar_policy::{Effect, Policy, PolicySet};
use serde::Serialize;

use super::request::CedarRequest;
use super::{Decision, Policies, Question};

/// A decision with what every policy had to say.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The baseline's policies, then the owner's own.
    pub policies: Vec<PolicyReport>,
}

/// What one policy had to say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PolicyReport {
    /// Its id; an owner's own starts with the owner's.
    pub policy: String,
    /// `permit` or `forbid`.
    pub effect: &'static str,
    /// Whether its conditions are met; none if it could not be evaluated.
    pub applies: Option<bool>,
    /// Whether it decided.
    pub decided: bool,
    /// What it says of itself.
    pub description: String,
}

impl Policies {
    /// Decides as [`Policies::decide`] does, and asks every policy alone, of the action that was decided on.
    pub fn explain(&self, question: &Question<'_>) -> Explanation {
        let decision = self.decide(question);
        let own = self.own.get(&question.resource.owner);
        let mut baseline: Vec<&Policy> = self.baseline.set.policies().collect();
        baseline.sort_by_key(|p| p.id().to_string());
        let all = baseline.into_iter().chain(own.into_iter().flat_map(|own| &own.policies));
        let decided = Question { action: decision.action, ..question.clone() };
        let request = CedarRequest::new(&decided, &self.baseline.schema).ok();
        let policies = all.map(|policy| {
            let id = policy.id().to_string();
            PolicyReport {
                effect: if policy.effect() == Effect::Permit { "permit" } else { "forbid" },
                applies: request.as_ref().and_then(|request| self.applies(policy, request)),
                decided: decision.policies.contains(&id),
                description: self.description(&id).to_owned(),
                policy: id,
            }
        });
        Explanation { policies: policies.collect(), decision }
    }

    fn applies(&self, policy: &Policy, request: &CedarRequest) -> Option<bool> {
        let alone = PolicySet::from_policies([policy.clone()]).ok()?;
        let response = self.authorizer.is_authorized(&request.request, &alone, &request.entities);
        let failed = response.diagnostics().errors().next().is_some();
        (!failed).then(|| response.diagnostics().reason().next().is_some())
    }
}
