//! Access: the one place where this node asks its policies, and notes what they said. HTTP, replication and the command line all come here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use chancery_ledger::audience::Audience;
use chancery_ledger::time;
use chancery_policies::access::{
    Action, Audience as For, Decision, MAX_FILE_BYTES, MAX_FILES, OwnFile, Party, Policies, PolicyReport, Purpose,
    Question, Resource, Role, Subject, baseline_text, schema_text,
};
use chancery_store::notes::NewDecision;
use chancery_store::releases::ReleaseRow;
use chancery_store::{Store, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// Decisions of one second kept for the next equal question; more are made anew.
const MAX_CACHED: usize = 16_384;
/// Kinds of decisions counted between two writes; beyond, they are counted without the release's id.
const MAX_COUNTED: usize = 16_384;
/// Decisions are counted by the hour.
const COUNTED_S: i64 = 3_600;

/// On whose behalf a node is asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asker {
    /// An operator of this node's member, at its command line; anybody otherwise.
    pub(crate) operator: bool,
    /// What the asker says it is for.
    pub(crate) purpose: Option<Purpose>,
}

type Asked = (Subject, Action, Option<Purpose>, Resource, i64);
type Counted = (String, Action, String, bool, String, Option<Purpose>);

/// This node's policies, the decisions of this second, and those not written yet.
pub(crate) struct Access {
    policies: Policies,
    /// Equal questions within one second have one answer: a list of releases asks the same ones again and again.
    decided: Mutex<(i64, HashMap<Asked, Arc<Decision>>)>,
    counts: Mutex<HashMap<(i64, Counted), i64>>,
}

impl Access {
    /// Loads the baseline and the member's own policies, `access/*.cedar` in the node's folder.
    pub(crate) fn load(root: &Path, member: &str) -> Result<Self> {
        let files = own_files(&root.join("access"))?;
        let policies = Policies::load(&[(member.to_owned(), files)])
            .or_invalid(|| "this node's access policies are refused, so it does not start".to_owned())?;
        Ok(Self { policies, decided: Mutex::default(), counts: Mutex::default() })
    }

    fn judge(&self, question: &Question<'_>, second: i64) -> Arc<Decision> {
        let asked =
            (question.subject.clone(), question.action, question.purpose, question.resource.clone(), question.now);
        {
            let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
            if decided.0 != second {
                *decided = (second, HashMap::new());
            }
            if let Some(decision) = decided.1.get(&asked) {
                return Arc::clone(decision);
            }
        }
        let decision = Arc::new(self.policies.decide(question));
        let mut decided = self.decided.lock().unwrap_or_else(PoisonError::into_inner);
        if decided.0 == second && decided.1.len() < MAX_CACHED {
            decided.1.insert(asked, Arc::clone(&decision));
        }
        decision
    }

    fn count(&self, now: i64, counted: Counted) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let mut key = (now - now.rem_euclid(COUNTED_S), counted);
        if counts.len() >= MAX_COUNTED && !counts.contains_key(&key) {
            key.1.2 = "(others)".to_owned();
        }
        *counts.entry(key).or_default() += 1;
    }

    /// Writes what was counted; counts it on if that fails.
    pub(crate) fn keep(&self, store: &Store) -> Result<(), StoreError> {
        let counts = std::mem::take(&mut *self.counts.lock().unwrap_or_else(PoisonError::into_inner));
        if counts.is_empty() {
            return Ok(());
        }
        let row = |((at, (subject, action, resource, allowed, policy, purpose)), count): (&(i64, Counted), &i64)| {
            NewDecision {
                at: *at,
                subject: subject.clone(),
                action: action.as_str().to_owned(),
                resource: resource.clone(),
                allowed: *allowed,
                policy: policy.clone(),
                purpose: purpose.map_or("", Purpose::as_str).to_owned(),
                count: *count,
            }
        };
        let written = store.decision_count(&counts.iter().map(row).collect::<Vec<_>>());
        if written.is_err() {
            let mut now = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            for (key, count) in counts {
                *now.entry(key).or_default() += count;
            }
        }
        written
    }
}

/// The policy files of a folder, by name; none if there is no folder.
fn own_files(folder: &Path) -> Result<Vec<OwnFile>> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::file("read the folder", folder, e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::file("read the folder", folder, e))?.path();
        if path.extension().is_some_and(|e| e == "cedar") {
            paths.push(path);
        }
    }
    if paths.len() > MAX_FILES {
        return Err(Error::invalid(format!("`{}` holds more than {MAX_FILES} policy files", folder.display())));
    }
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let bytes = std::fs::metadata(path).map_err(|e| Error::file("read", path, e))?.len();
        if bytes > MAX_FILE_BYTES as u64 {
            return Err(Error::invalid(format!("`{}` is longer than {MAX_FILE_BYTES} bytes", path.display())));
        }
        let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
        Ok(OwnFile { name: path.display().to_string(), text })
    };
    paths.iter().map(read).collect()
}

/// What policies need to know of a release that is asked for at the node of `holder`.
pub(crate) fn resource_of(row: &ReleaseRow, holder: &str) -> Resource {
    let audience = match Audience::parse(&row.audience) {
        Some(Audience::Public) => For::Public,
        Some(Audience::Forum) => For::Forum,
        Some(Audience::Members(members)) => For::Named(members),
        // What cannot be read is for nobody.
        None => For::Named(Vec::new()),
    };
    Resource {
        id: row.id.clone(),
        forum: row.forum.clone(),
        owner: row.member.clone(),
        holder: holder.to_owned(),
        audience,
        dataflow: row.dataflow.clone(),
        embargo: row.embargo,
    }
}

/// A decision on a release, with what every policy said.
#[derive(Debug, Clone, Serialize)]
pub struct AccessExplanation {
    /// The release.
    pub release: String,
    /// Its title.
    pub title: String,
    /// Its owner.
    pub owner: String,
    /// For whom it is.
    pub audience: String,
    /// Its embargo.
    pub embargo: Option<String>,
    /// Who would ask.
    pub asker: String,
    /// The asker's standing under the charter in force.
    pub standing: &'static str,
    /// To do what.
    pub action: &'static str,
    /// What for.
    pub purpose: Option<&'static str>,
    /// When.
    pub at: String,
    /// The decision.
    pub allowed: bool,
    /// The policies that decided.
    pub decided_by: Vec<String>,
    /// Why.
    pub reason: String,
    /// What every policy said.
    pub policies: Vec<PolicyReport>,
}

/// A node's access policies, for whoever wants to read what decides.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct PoliciesView {
    /// The words of policies: a Cedar schema.
    pub schema: String,
    /// The forum's baseline: Cedar policies.
    pub baseline: String,
    /// The policies of this node's member for its own releases.
    pub own: Vec<OwnPolicy>,
}

/// A file of a member's own policies.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct OwnPolicy {
    /// Its name.
    pub file: String,
    /// Its text.
    pub text: String,
}

impl Node {
    /// This node, as an operator of its member asks it at the command line.
    pub fn as_operator(&self) -> Self {
        let mut node = self.clone();
        node.asker.operator = true;
        node
    }

    /// This node, as whoever says that the figures are for `purpose` asks it.
    pub fn for_purpose(&self, purpose: &str) -> Result<Self> {
        let mut node = self.clone();
        node.asker.purpose = Some(parse_purpose(purpose)?);
        Ok(node)
    }

    fn role(&self, member: &str) -> Option<Role> {
        let trust = self.trust().ok()?;
        trust.charter().member(member).and_then(|m| Role::parse(m.role.as_str()))
    }

    fn party(&self, member: &str) -> Party {
        Party { id: member.to_owned(), role: self.role(member) }
    }

    /// A peer, as policies see it.
    pub(crate) fn peer(&self, member: &str) -> Subject {
        Subject::Member(self.party(member))
    }

    /// Decides. The same question in the same second is decided once.
    pub(crate) fn judge(&self, subject: &Subject, action: Action, resource: &Resource, now: i64) -> Arc<Decision> {
        self.access().judge(&Question { subject, action, resource, purpose: self.asker.purpose, now }, self.now())
    }

    /// Whether the asker may do this with a release. Noted, by count.
    pub(crate) fn may(&self, action: Action, row: &ReleaseRow) -> bool {
        let subject =
            if self.asker.operator { Subject::Operator(self.party(self.member())) } else { Subject::Anonymous };
        self.may_as(&subject, action, row)
    }

    /// Whether a subject may do this with a release. Noted, by count.
    pub(crate) fn may_as(&self, subject: &Subject, action: Action, row: &ReleaseRow) -> bool {
        let now = self.access_now();
        let decision = self.judge(subject, action, &resource_of(row, self.member()), now);
        tracing::trace!(release = row.id, action = action.as_str(), allowed = decision.allowed, policies = ?decision.policies, "decision");
        let counted =
            (subject.to_string(), action, row.id.clone(), decision.allowed, decision.policy(), self.asker.purpose);
        self.access().count(self.now(), counted);
        decision.allowed
    }

    /// Whether the asker may discover a release that another names; not if it is not here, for nobody can then say for whom it is.
    pub(crate) fn may_discover(&self, id: &str) -> bool {
        self.store().release_get(id).is_ok_and(|row| row.is_some_and(|row| self.may(Action::Discover, &row)))
    }

    /// Notes one decision by itself.
    pub(crate) fn note_decision(&self, subject: &Subject, action: Action, id: &str, decision: &Decision) -> Result<()> {
        let row = NewDecision {
            at: self.now(),
            subject: subject.to_string(),
            action: action.as_str().to_owned(),
            resource: id.to_owned(),
            allowed: decision.allowed,
            policy: decision.policy(),
            purpose: String::new(),
            count: 1,
        };
        self.store().decision_put(&[row]).or_storage(|| "cannot keep the decision".to_owned())
    }

    /// Writes the decisions that were counted.
    pub(crate) async fn keep_decisions(&self) -> Result<()> {
        let node = self.clone();
        let kept = tokio::task::spawn_blocking(move || node.access().keep(node.store())).await;
        kept.or_storage(|| "the writing of decisions was cut off".to_owned())?
            .or_storage(|| "cannot keep access decisions".to_owned())
    }

    /// The newest decisions, newest first.
    pub async fn decisions(&self, limit: u32) -> Result<Vec<NewDecision>> {
        self.keep_decisions().await?;
        let read = move |s: &Store| s.decision_list(i64::from(limit));
        self.store().run(read).await.or_storage(|| "cannot read the decisions".to_owned())
    }

    /// The policies that decide here.
    pub fn policies_view(&self) -> PoliciesView {
        let file_name = |name: &str| Path::new(name).file_name().map(|n| n.to_string_lossy().into_owned());
        let own = self.access().policies.own_files(self.member()).iter();
        PoliciesView {
            schema: schema_text().to_owned(),
            baseline: baseline_text().to_owned(),
            own: own
                .map(|f| OwnPolicy { file: file_name(&f.name).unwrap_or_default(), text: f.text.clone() })
                .collect(),
        }
    }

    /// Why `asker` (`anonymous`, `GTM`, `GTM/operator`) may or may not do this with a release that is held here.
    pub async fn explain_access(
        &self,
        release: &str,
        asker: &str,
        action: &str,
        purpose: Option<&str>,
        at: Option<&str>,
    ) -> Result<AccessExplanation> {
        let wanted = release.to_owned();
        let found = self.store().run(move |s| s.release_get(&wanted)).await;
        let row = found.or_storage(|| "cannot read the release".to_owned())?.ok_or_else(|| {
            Error::not_found(format!("there is no release `{release}` here: `chancery log` lists what is"))
        })?;
        let action = Action::parse(action).ok_or_else(|| {
            Error::invalid(format!("`{action}` is no action: use {}", Action::ALL.map(Action::as_str).join(", ")))
        })?;
        let purpose = purpose.map(parse_purpose).transpose()?;
        let now = match at {
            None if row.embargo.is_some() => self.access_now(),
            None => self.now(),
            Some(text) => time::parse(text)
                .ok_or_else(|| Error::invalid(format!("`{text}` is no time such as 2026-11-23T19:05:00Z")))?,
        };
        let subject = Subject::parse(asker, |id| self.role(id));
        let standing = match &subject {
            Subject::Anonymous => "anybody",
            Subject::Member(party) | Subject::Operator(party) => {
                party.role.map_or("no member of the forum under the charter in force", Role::as_str)
            }
        };
        let resource = resource_of(&row, self.member());
        let question = Question { subject: &subject, action, resource: &resource, purpose, now };
        let explained = self.access().policies.explain(&question);
        Ok(AccessExplanation {
            release: row.id,
            title: row.title,
            owner: row.member,
            audience: row.audience,
            embargo: row.embargo.map(time::format),
            asker: subject.to_string(),
            standing,
            action: action.as_str(),
            purpose: purpose.map(Purpose::as_str),
            at: time::format(now),
            allowed: explained.decision.allowed,
            decided_by: explained.decision.policies,
            reason: explained.decision.reason,
            policies: explained.policies,
        })
    }
}

fn parse_purpose(text: &str) -> Result<Purpose> {
    Purpose::parse(text).ok_or_else(|| {
        let shown: String = text.chars().take(60).collect();
        Error::invalid(format!("`{shown}` is no purpose: use {}", Purpose::ALL.map(Purpose::as_str).join(", ")))
    })
}
