//! Reading policies: parsed, validated strictly against the schema, and held to what their place allows.

use std::collections::{BTreeMap, HashMap};
use std::str::FromStr as _;

use cedar_policy::{
    ActionConstraint, Authorizer, Effect, EntityUid, Policy, PolicyId, PolicySet, PrincipalConstraint, Schema,
    ValidationMode, Validator,
};

use super::request::uid;
use super::{Action, Policies};

/// Longest policy file.
pub const MAX_FILE_BYTES: usize = 256 << 10;
/// Most files of one member.
pub const MAX_FILES: usize = 64;
/// Most policies of one member.
pub const MAX_POLICIES: usize = 1_000;
/// How far a policy may follow references from what a request names: to an attribute of it, not further. Bounds what a decision reads.
const MAX_LEVEL: u32 = 1;

/// The words of policies.
pub fn schema_text() -> &'static str {
    include_str!("../../access/schema.cedarschema")
}

/// The forum's baseline.
pub fn baseline_text() -> &'static str {
    include_str!("../../access/baseline.cedar")
}

/// A file of a member's own policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnFile {
    /// Its name, for messages.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// Why policies are refused.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// Too many files, policies or bytes.
    #[error("the policy file `{file}` is refused: {what}")]
    TooLarge {
        /// The file.
        file: String,
        /// Which bound.
        what: String,
    },
    /// Not Cedar.
    #[error("the policy file `{file}` cannot be read: {reason}")]
    Syntax {
        /// The file.
        file: String,
        /// What the parser says, with the place.
        reason: String,
    },
    /// Cedar, but not by the schema.
    #[error("the policy file `{file}` does not fit the schema: {reason}")]
    Schema {
        /// The file.
        file: String,
        /// What the validator says.
        reason: String,
    },
    /// A member's own policy that is more than a forbid.
    #[error(
        "the policy `{policy}` in `{file}` is a permit: the forum's baseline says what is permitted, a member's own policies can only forbid"
    )]
    Permit {
        /// The file.
        file: String,
        /// The policy.
        policy: String,
    },
    /// A template.
    #[error("`{file}` holds a template (`?principal` or `?resource`): write the policy out")]
    Template {
        /// The file.
        file: String,
    },
    /// A policy without its name or its explanation.
    #[error("a policy in `{file}`{place} {reason}")]
    Annotation {
        /// The file.
        file: String,
        /// Which one.
        place: String,
        /// What is missing.
        reason: &'static str,
    },
}

/// The baseline, ready.
#[derive(Debug)]
pub(super) struct Baseline {
    pub(super) schema: Schema,
    pub(super) set: PolicySet,
    pub(super) descriptions: BTreeMap<String, String>,
}

/// One member's own policies, ready.
#[derive(Debug, Default)]
pub(super) struct Own {
    pub(super) files: Vec<OwnFile>,
    pub(super) descriptions: BTreeMap<String, String>,
    pub(super) policies: Vec<Policy>,
    /// For each action those that may apply: a decision does not look at the others.
    slices: HashMap<Action, Slice>,
}

#[derive(Debug, Default)]
struct Slice {
    /// Those for any principal.
    general: PolicySet,
    /// Those whose head names one principal, or one that it must be in.
    of: HashMap<EntityUid, PolicySet>,
}

impl Own {
    /// The sets that may apply to the action and to a principal that is, or is in, these.
    pub(super) fn sets<'a>(
        &'a self,
        action: Action,
        principals: &'a [EntityUid],
    ) -> impl Iterator<Item = &'a PolicySet> {
        let slice = self.slices.get(&action);
        slice.into_iter().flat_map(move |slice| {
            std::iter::once(&slice.general).chain(principals.iter().filter_map(|principal| slice.of.get(principal)))
        })
    }

    fn add(&mut self, policy: &Policy) -> Result<(), String> {
        for action in Action::ALL {
            let named = uid("Action", action.as_str()).map_err(|e| e.to_string())?;
            let applies = match policy.action_constraint() {
                ActionConstraint::Any => true,
                ActionConstraint::Eq(uid) => uid == named,
                // The schema has no groups of actions.
                ActionConstraint::In(uids) => uids.contains(&named),
            };
            if !applies {
                continue;
            }
            let slice = self.slices.entry(action).or_default();
            let set = match policy.principal_constraint() {
                PrincipalConstraint::Eq(uid) | PrincipalConstraint::In(uid) | PrincipalConstraint::IsIn(_, uid) => {
                    slice.of.entry(uid).or_default()
                }
                PrincipalConstraint::Any | PrincipalConstraint::Is(_) => &mut slice.general,
            };
            set.add(policy.clone()).map_err(|e| e.to_string())?;
        }
        Ok(())
    }
}

impl Policies {
    /// The forum's baseline alone.
    pub fn baseline() -> Result<Self, PolicyError> {
        Self::load(&[])
    }

    /// The baseline, and each member's own policies beside it.
    pub fn load(own: &[(String, Vec<OwnFile>)]) -> Result<Self, PolicyError> {
        let in_schema = |e: &dyn std::fmt::Display| PolicyError::Syntax {
            file: "schema.cedarschema".to_owned(),
            reason: e.to_string(),
        };
        let schema = Schema::from_str(schema_text()).map_err(|e| in_schema(&e))?;
        let validator = Validator::new(schema.clone());
        let file = OwnFile { name: "baseline.cedar".to_owned(), text: baseline_text().to_owned() };
        let mut baseline = Baseline { schema, set: PolicySet::new(), descriptions: BTreeMap::new() };
        for (policy, description) in read(&file, "", &validator)? {
            baseline.descriptions.insert(policy.id().to_string(), description);
            baseline.set.add(policy).map_err(|e| in_schema(&e))?;
        }
        let mut policies = Self { authorizer: Authorizer::new(), baseline, own: BTreeMap::new() };
        for (member, files) in own {
            policies.own.insert(member.clone(), load_own(member, files, &validator)?);
        }
        Ok(policies)
    }
}

fn load_own(member: &str, files: &[OwnFile], validator: &Validator) -> Result<Own, PolicyError> {
    let mut own = Own { files: files.to_vec(), ..Own::default() };
    for (count, file) in files.iter().enumerate() {
        let refuse = |what: String| PolicyError::TooLarge { file: file.name.clone(), what };
        if count >= MAX_FILES {
            return Err(refuse(format!("a member has at most {MAX_FILES} policy files")));
        }
        for (policy, description) in read(file, &format!("{member}/"), validator)? {
            if policy.effect() != Effect::Forbid {
                return Err(PolicyError::Permit { file: file.name.clone(), policy: policy.id().to_string() });
            }
            if own.policies.len() >= MAX_POLICIES {
                return Err(refuse(format!("a member has at most {MAX_POLICIES} policies")));
            }
            let id = policy.id().to_string();
            if own.descriptions.insert(id.clone(), description).is_some() {
                let place = format!(" has the id `{id}`,");
                let reason = "which another policy has: ids are unique";
                return Err(PolicyError::Annotation { file: file.name.clone(), place, reason });
            }
            own.add(&policy).map_err(|reason| PolicyError::Syntax { file: file.name.clone(), reason })?;
            own.policies.push(policy);
        }
    }
    Ok(own)
}

/// The policies of one file, named by their `@id` behind `prefix`, with their `@description`.
fn read(file: &OwnFile, prefix: &str, validator: &Validator) -> Result<Vec<(Policy, String)>, PolicyError> {
    let name = || file.name.clone();
    if file.text.len() > MAX_FILE_BYTES {
        let what = format!("{} bytes, more than {MAX_FILE_BYTES}", file.text.len());
        return Err(PolicyError::TooLarge { file: name(), what });
    }
    let set = PolicySet::from_str(&file.text).map_err(|e| PolicyError::Syntax { file: name(), reason: text_of(&e) })?;
    if set.num_of_templates() > 0 {
        return Err(PolicyError::Template { file: name() });
    }
    let mut named = Vec::new();
    for policy in set.policies() {
        named.push(name_of(policy, prefix, file)?);
    }
    // In the order of the file: Cedar numbers them as it reads.
    named.sort_by_key(|(number, ..)| *number);
    let mut renamed = PolicySet::new();
    for (_, policy, _) in &named {
        let twice = |e: &dyn std::fmt::Display| PolicyError::Annotation {
            file: name(),
            place: format!(": {e},"),
            reason: "ids are unique",
        };
        renamed.add(policy.clone()).map_err(|e| twice(&e))?;
    }
    let result = validator.validate_with_level(&renamed, ValidationMode::Strict, MAX_LEVEL);
    if !result.validation_passed_without_warnings() {
        let errors = result.validation_errors().map(ToString::to_string);
        // A warning is a policy that can never apply, or letters that look like others: neither is meant.
        let warnings = result.validation_warnings().map(ToString::to_string);
        let reason = errors.chain(warnings).collect::<Vec<_>>().join("; ");
        return Err(PolicyError::Schema { file: name(), reason });
    }
    Ok(named.into_iter().map(|(_, policy, description)| (policy, description)).collect())
}

fn name_of(policy: &Policy, prefix: &str, file: &OwnFile) -> Result<(usize, Policy, String), PolicyError> {
    let number = policy.id().to_string().trim_start_matches("policy").parse::<usize>().unwrap_or(usize::MAX);
    let refuse = |place: String, reason| PolicyError::Annotation { file: file.name.clone(), place, reason };
    let place = || format!(" (the {}. of it)", number.saturating_add(1));
    let id =
        policy.annotation("id").ok_or_else(|| refuse(place(), "has no `@id(\"…\")`: decisions are logged by it"))?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || id.len() > 64 || !id.chars().all(plain) {
        return Err(refuse(place(), "has an `@id` that is not 1 to 64 of a-z, 0-9, `-`"));
    }
    if ["default", "error"].contains(&id) {
        return Err(refuse(place(), "has the `@id` `default` or `error`, which mean that no policy decided"));
    }
    let description = policy.annotation("description").unwrap_or_default().trim();
    if description.is_empty() {
        return Err(refuse(format!(" (`{id}`)"), "has no `@description(\"…\")`: it is what askers are told"));
    }
    let policy_id = PolicyId::new(format!("{prefix}{id}"));
    Ok((number, policy.new_id(policy_id), description.to_owned()))
}

/// A parser's error with what it points at, in one line.
fn text_of(error: &cedar_policy::ParseErrors) -> String {
    let texts = error.iter().map(|e| {
        let at = miette_place(e);
        format!("{e}{at}")
    });
    texts.collect::<Vec<_>>().join("; ")
}

/// ` (at byte 17)`, where the parser says so.
fn miette_place(error: &cedar_policy::ParseError) -> String {
    use miette::Diagnostic as _;
    let first = error.labels().and_then(|mut labels| labels.next());
    first.map(|label| format!(" (at byte {})", label.offset())).unwrap_or_default()
}
