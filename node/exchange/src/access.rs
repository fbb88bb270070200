//! Access: the one place where this node asks its policies, and notes what they said. HTTP, replication and the command line all come here.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
/// Decisions are counted by the hour; those on copies of files are kept once in it.
const COUNTED_S: i64 = 3_600;
/// Decisions on copies remembered as kept; beyond, they are kept anew for each part of a file.
const MAX_COPIES: usize = 16_384;

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
/// For each peer and release whether it may hold a copy.
type Copies = HashMap<(String, String), bool>;

/// This node's policies, the decisions of this second, and those not written yet.
pub(crate) struct Access {
    policies: Policies,
    /// Equal questions within one second have one answer: a list of releases asks the same ones again and again.
    decided: Mutex<(i64, HashMap<Asked, Arc<Decision>>)>,
    counts: Mutex<HashMap<(i64, Counted), i64>>,
    /// Decisions on copies that were kept this hour.
    copies: Mutex<(i64, Copies)>,
}

impl Access {
    /// Loads the baseline and the member's own policies, `access/*.cedar` in the node's folder.
    pub(crate) fn load(root: &Path, member: &str) -> Result<Self> {
        let files = own_files(&root.join("access"))?;
        let policies = Policies::load(&[(member.to_owned(), files)])
            .or_invalid(|| "this node's access policies are refused, so it does not start".to_owned())?;
        Ok(Self { policies, decided: Mutex::default(), counts: Mutex::default(), copies: Mutex::default() })
    }

    fn judge(&self, question: &Question<'_>) -> Arc<Decision> {
        let Question { subject, action, resource, purpose, now: second, embargo_now } = *question;
        let asked = (subject.clone(), action, purpose, resource.clone(), embargo_now);
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

    /// The decisions on copies that were kept in the hour of `now`.
    fn copies(&self, now: i64) -> MutexGuard<'_, (i64, Copies)> {
        let mut copies = self.copies.lock().unwrap_or_else(PoisonError::into_inner);
        let hour = now.div_euclid(COUNTED_S);
        if copies.0 != hour {
            *copies = (hour, Copies::new());
        }
        copies
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
fn resource_of(row: &ReleaseRow, holder: &str) -> Resource {
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
    /// The time that its embargo is judged by.
    pub embargo_at: String,
    /// The decision.
    pub allowed: bool,
    /// The action that the policies decided on: `discover`, if that is denied, for every other needs it.
    pub decided_on: &'static str,
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

    /// The standing of a member at a time; none for one that is suspended then.
    fn role(&self, member: &str, at: i64) -> Option<Role> {
        let trust = self.trust().ok()?;
        let named = trust.charter().member(member).filter(|m| trust.suspended(&m.id, at).is_none());
        named.and_then(|m| Role::parse(m.role.as_str()))
    }

    fn party(&self, member: &str) -> Party {
        Party { id: member.to_owned(), role: self.role(member, self.now()) }
    }

    /// A peer, as policies see it.
    pub(crate) fn peer(&self, member: &str) -> Subject {
        Subject::Member(self.party(member))
    }

    /// What the policies are asked, here and now: the clock for members' own policies, the forum's time for embargoes.
    fn question<'a>(&self, subject: &'a Subject, action: Action, resource: &'a Resource) -> Question<'a> {
        let (now, embargo_now) = (self.now(), self.access_now());
        Question { subject, action, resource, purpose: self.asker.purpose, now, embargo_now }
    }

    /// Decides. The same question in the same second is decided once.
    fn judge(&self, subject: &Subject, action: Action, row: &ReleaseRow) -> Arc<Decision> {
        self.access().judge(&self.question(subject, action, &resource_of(row, self.member())))
    }

    /// Whether the asker may do this with a release. Noted, by count.
    pub(crate) fn may(&self, action: Action, row: &ReleaseRow) -> bool {
        let subject =
            if self.asker.operator { Subject::Operator(self.party(self.member())) } else { Subject::Anonymous };
        self.may_as(&subject, action, row)
    }

    /// Whether a subject may do this with a release. Noted, by count.
    pub(crate) fn may_as(&self, subject: &Subject, action: Action, row: &ReleaseRow) -> bool {
        let decision = self.judge(subject, action, row);
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

    /// Whether a peer may have a part of a release's file. The decision is kept by itself before any part is sent, whichever is asked for
    /// first: once in an hour for each peer and release, and again when it is another.
    pub(crate) fn may_copy(&self, peer: &str, row: &ReleaseRow) -> Result<bool> {
        let (now, subject) = (self.now(), self.peer(peer));
        let decision = self.judge(&subject, Action::Replicate, row);
        let copy = (peer.to_owned(), row.id.clone());
        if self.access().copies(now).1.get(&copy) == Some(&decision.allowed) {
            return Ok(decision.allowed);
        }
        let note = NewDecision {
            at: now,
            subject: subject.to_string(),
            action: Action::Replicate.as_str().to_owned(),
            resource: row.id.clone(),
            allowed: decision.allowed,
            policy: decision.policy(),
            purpose: String::new(),
            count: 1,
        };
        self.store().decision_put(&[note]).or_storage(|| "cannot keep the decision".to_owned())?;
        let mut copies = self.access().copies(now);
        if copies.1.len() < MAX_COPIES || copies.1.contains_key(&copy) {
            copies.1.insert(copy, decision.allowed);
        }
        Ok(decision.allowed)
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
        let bad = |text: &str| Error::invalid(format!("`{text}` is no time such as 2026-11-23T19:05:00Z"));
        let at = at.map(|text| time::parse(text).ok_or_else(|| bad(text))).transpose()?;
        let subject = Subject::parse(asker, |id| self.role(id, at.unwrap_or_else(|| self.now())));
        let standing = match &subject {
            Subject::Anonymous => "anybody",
            Subject::Member(party) | Subject::Operator(party) => {
                party.role.map_or("no member under the charter in force, or suspended", Role::as_str)
            }
        };
        let resource = resource_of(&row, self.member());
        let mut question = Question { purpose, ..self.question(&subject, action, &resource) };
        if let Some(at) = at {
            (question.now, question.embargo_now) = (at, at);
        }
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
            at: time::format(question.now),
            embargo_at: time::format(question.embargo_now),
            allowed: explained.decision.allowed,
            decided_on: explained.decision.action.as_str(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig, NodeConfig, QueryLimits};

    fn release(member: &str) -> ReleaseRow {
        ReleaseRow {
            id: "r".to_owned(),
            forum: "f".to_owned(),
            member: member.to_owned(),
            dataflow: "RCP:RETURNS(1.0.0)".to_owned(),
            title: "Returns".to_owned(),
            issued_at: 1,
            received_at: 1,
            position: 0,
            replaces: None,
            replaced_by: None,
            replaced_at: None,
            withdrawn_at: None,
            rows: 1,
            bytes: 1,
            period_start: "2024".to_owned(),
            period_end: "2024".to_owned(),
            audience: "public".to_owned(),
            embargo: None,
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_copy_is_noted_by_itself_once_until_it_is_decided_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let config = NodeConfig {
            member: MemberConfig { id: "GTM".into(), name: "Agency".into(), role: "member-state".into() },
            http: HttpConfig::default(),
            network: NetworkConfig::default(),
            database: DatabaseConfig::default(),
            query: QueryLimits::default(),
        };
        let node = Node::open(folder.path(), config).await.unwrap();
        // Without a forum nobody has a standing: an owner may have its own, and nobody else may.
        let mut expected = Vec::new();
        for (peer, owner, allowed, is_new) in [
            ("MEX", "MEX", true, true),
            ("MEX", "MEX", true, false),
            ("HND", "MEX", false, true),
            ("MEX", "HND", false, true),
            ("MEX", "HND", false, false),
            ("MEX", "MEX", true, true),
        ] {
            assert_eq!(node.may_copy(peer, &release(owner)).unwrap(), allowed, "{peer} of {owner}");
            expected.extend(is_new.then(|| (peer.to_owned(), allowed)));
            // Written when the answer is given, not later with what is counted.
            let noted = node.store().decision_list(100).unwrap().into_iter().rev();
            assert_eq!(noted.map(|d| (d.subject, d.allowed)).collect::<Vec<_>>(), expected, "{peer} of {owner}");
        }
    }
}
