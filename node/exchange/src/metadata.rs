//! Reference metadata: what this member says of its figures, on its way through two operators into the log; and the same of others, checked
//! before it is stored.

mod held;

use std::collections::BTreeMap;

use chancery_ledger::metadata::{Metadata, MetadataIntent, VerifiedMetadata, verify_metadata};
use chancery_ledger::release::{OperatorRole, OperatorSignature, check_four_eyes};
use chancery_ledger::{Envelope, Payload, Purpose, RecordKind, Trust, time};
use chancery_schema::metadata::{Reported, problems};
use chancery_schema::structure::version::compare_versions;
use chancery_schema::structure::{MetadataStructure, Metadataflow};
use chancery_schema::{Reference, Structures};
use chancery_store::folder::Exclusive;
use serde::{Deserialize, Serialize};

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::NewRecord;
use crate::verify::MAX_AHEAD_S;

pub use held::{HeldMetadata, MetadataFilter};

/// Metadata on its way from operator to operator: the content of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetadataDraft {
    /// What is to be said.
    pub intent: MetadataIntent,
    /// Who has signed it.
    pub operators: Vec<OperatorSignature>,
}

/// The newest metadataflow that takes reports on dataflows, and its structure.
fn newest_flow(all: &Structures) -> Result<(&Metadataflow, &MetadataStructure)> {
    let mut flows: Vec<_> = all.metadataflows.iter().collect();
    flows.sort_by(|a, b| compare_versions(&a.maintainable.version, &b.maintainable.version));
    let found = flows.pop().and_then(|flow| all.metadataflow(&flow.maintainable.reference()));
    found.ok_or_else(|| Error::not_found("this schema has no metadataflow"))
}

/// Of which of a member's sets one takes the place: those of the same dataflow, whichever its version.
pub(crate) fn subject(dataflow: &str) -> &str {
    dataflow.split('(').next().unwrap_or(dataflow)
}

/// Checks a record and that its values fit the metadataflow it names, in this node's schema.
pub(crate) fn check_metadata(
    all: &Structures,
    trust: &Trust,
    envelope: &Envelope,
    member: &str,
    now: i64,
) -> Result<VerifiedMetadata> {
    let verified = verify_metadata(trust, envelope, member).or_unverified(|| "the metadata are refused".to_owned())?;
    if verified.issued_at > now + MAX_AHEAD_S {
        let at = &verified.payload.issued_at;
        return Err(Error::unverified(format!("the metadata say they were issued at {at}, which is in the future")));
    }
    let wrong = misfits(all, &verified.payload.body.intent)?;
    if !wrong.is_empty() {
        return Err(Error::unverified(format!("the metadata do not fit their structure: {}", wrong.join("; "))));
    }
    Ok(verified)
}

/// What of an intent does not fit this node's schema.
fn misfits(all: &Structures, intent: &MetadataIntent) -> Result<Vec<String>> {
    let reference = |text: &str| text.parse::<Reference>().or_unverified(|| "no reference".to_owned());
    let flow = reference(&intent.metadataflow)?;
    let Some((_, structure)) = all.metadataflow(&flow) else {
        return Err(Error::unverified(format!("this node's schema has no metadataflow `{flow}`")));
    };
    let dataflow = reference(&intent.dataflow)?;
    if all.dataflow(&dataflow).is_none() {
        return Err(Error::unverified(format!("this node's schema has no dataflow `{dataflow}`")));
    }
    Ok(match reported(intent) {
        Ok(reported) => problems(structure, &reported),
        Err(_) => vec!["a value is neither a text nor texts by language".to_owned()],
    })
}

/// The values as the schema knows them.
fn reported(intent: &MetadataIntent) -> serde_json::Result<Reported> {
    intent.reported.iter().map(|(id, value)| Ok((id.clone(), serde_json::from_value(value.clone())?))).collect()
}

impl Node {
    /// The metadata structure that new reports follow.
    pub fn metadata_structure(&self) -> Result<&MetadataStructure> {
        Ok(newest_flow(self.structures())?.1)
    }

    /// Puts together what this member is to say of a dataflow, and signs it as the operator who prepared it. Tells every mistake at once.
    pub async fn prepare_metadata(&self, dataflow: &str, reported: &Reported, operator: &str) -> Result<MetadataDraft> {
        let trust = self.trust()?;
        let dataflow = self.dataset_schema(dataflow)?.dataflow.to_string();
        let (flow, structure) = newest_flow(self.structures())?;
        let wrong = problems(structure, reported);
        if !wrong.is_empty() {
            return Err(Error::invalid(format!("the metadata do not fit their structure:\n  {}", wrong.join("\n  "))));
        }
        let before = self.own_metadata(&dataflow).await?;
        let value = |(id, value): (&String, _)| Ok((id.clone(), serde_json::to_value(value)?));
        let reported = reported.iter().map(value).collect::<serde_json::Result<BTreeMap<_, _>>>();
        let intent = MetadataIntent {
            forum: trust.forum().to_owned(),
            issuer: self.member().to_owned(),
            dataflow,
            metadataflow: flow.maintainable.reference().to_string(),
            version: before.map_or(1, |held| held.intent().version.saturating_add(1)),
            reported: reported.or_invalid(|| "the metadata cannot be written".to_owned())?,
        };
        let mut draft = MetadataDraft { intent, operators: Vec::new() };
        self.sign_metadata(&mut draft, OperatorRole::Prepare, operator)?;
        Ok(draft)
    }

    /// Signs a draft as the operator who read and approves it.
    pub fn approve_metadata(&self, draft: &mut MetadataDraft, operator: &str) -> Result<()> {
        self.sign_metadata(draft, OperatorRole::Approve, operator)?;
        check_four_eyes(&draft.operators, self.trust()?.charter().rules.four_eyes).map_err(|e| {
            Error::denied(format!("the forum's four-eyes rule is not met: {e}; another operator must approve"))
        })
    }

    fn sign_metadata(&self, draft: &mut MetadataDraft, role: OperatorRole, operator: &str) -> Result<()> {
        let trust = self.trust()?;
        if draft.intent.forum != trust.forum() || draft.intent.issuer != self.member() {
            return Err(Error::denied("the metadata are of another member or forum: sign them at its node"));
        }
        let key = self.keyring().operator(operator)?;
        trust
            .key_for(self.member(), Purpose::Operator, &key.public(), self.now())
            .or_denied(&format!("`{operator}` may not sign metadata"))?;
        let signature = draft.intent.sign(role, &key).or_storage(|| "cannot sign the metadata".to_owned())?;
        draft.operators.retain(|o| o.key != signature.key || o.role != role);
        draft.operators.push(signature);
        Ok(())
    }

    /// Publishes an approved draft: a record in this member's log. Returns its id.
    pub async fn publish_metadata(&self, draft: &MetadataDraft) -> Result<String> {
        let _lock = self.folder().lock(Exclusive::Publish).map_err(|e| Error::conflict(e.to_string()))?;
        let trust = self.trust()?;
        let before = self.own_metadata(&draft.intent.dataflow).await?;
        let next = before.as_ref().map_or(1, |held| held.intent().version.saturating_add(1));
        if draft.intent.version != next {
            return Err(Error::conflict(format!(
                "this is version {} and the next one is {next}: others were published since; prepare it anew",
                draft.intent.version
            )));
        }
        let payload = Payload {
            forum: trust.forum().to_owned(),
            issuer: self.member().to_owned(),
            issued_at: time::format(self.now()),
            kind: RecordKind::Metadata,
            body: Metadata {
                intent: draft.intent.clone(),
                operators: draft.operators.clone(),
                replaces: before.map(|held| held.id),
            },
        };
        let publisher = self.keyring().key(Purpose::Publisher)?;
        let envelope = Envelope::seal(&payload, &[&publisher]).or_storage(|| "cannot sign the metadata".to_owned())?;
        // What the others would refuse is not published.
        let verified = check_metadata(self.structures(), &trust, &envelope, self.member(), self.now());
        let id = verified.map_err(|e| Error::denied(e.with_causes()))?.id;
        self.append(vec![NewRecord::public(RecordKind::Metadata, envelope)], Vec::new(), Vec::new(), None).await?;
        Ok(id)
    }

    /// This member's set of a dataflow now in force.
    async fn own_metadata(&self, dataflow: &str) -> Result<Option<HeldMetadata>> {
        let member = Some(self.member().to_owned());
        let filter = MetadataFilter { member, dataflow: Some(dataflow.to_owned()), ..MetadataFilter::default() };
        Ok(self.metadata(filter).await?.pop())
    }
}
