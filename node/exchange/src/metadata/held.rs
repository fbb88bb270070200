//! The metadata records that are held, as readers ask for them.

use std::collections::BTreeMap;

use chancery_ledger::metadata::{Metadata, MetadataIntent};
use chancery_ledger::release::OperatorSignature;
use chancery_ledger::{Envelope, Payload, Purpose, RecordKind, time};
use chancery_schema::language::Languages;
use chancery_schema::metadata::{MetadataSet, Reported, ReportedAttribute, Value, nest};
use chancery_schema::structure::Names;
use chancery_schema::structure::select::ArtefactKind;
use chancery_store::logs::RecordRow;

use super::{reported, subject};
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::views::{ApprovalView, LogPosition, MetadataAttributeView, MetadataView};

/// Which metadata.
#[derive(Debug, Clone, Default)]
pub struct MetadataFilter {
    /// Of this member.
    pub member: Option<String>,
    /// Of this dataflow, whichever its version: `RCP:RETURNS`, perhaps with a version.
    pub dataflow: Option<String>,
    /// Every version, not only those in force.
    pub all: bool,
    /// As known at that time, unix seconds; now if none.
    pub as_of: Option<i64>,
}

/// A held metadata record.
#[derive(Debug, Clone)]
pub struct HeldMetadata {
    /// Record id.
    pub id: String,
    /// Leaf index.
    pub position: u64,
    /// When it was stored here, unix seconds.
    pub received_at: i64,
    /// What it says.
    pub payload: Payload<Metadata>,
    /// The signed envelope.
    pub envelope: Envelope,
}

impl HeldMetadata {
    fn of(row: &RecordRow) -> Result<Self> {
        let damaged = || format!("the metadata record `{}` is damaged: restore a backup", row.id);
        let envelope = Envelope::parse(&row.envelope).or_unverified(damaged)?;
        let payload = envelope.payload::<Metadata>(RecordKind::Metadata).or_unverified(damaged)?;
        let position = row.position.max(0) as u64;
        Ok(Self { id: row.id.clone(), position, received_at: row.received_at, payload, envelope })
    }

    /// What was agreed.
    pub fn intent(&self) -> &MetadataIntent {
        &self.payload.body.intent
    }

    /// Its values.
    pub fn reported(&self) -> Reported {
        // Checked when it was stored.
        reported(self.intent()).unwrap_or_default()
    }

    /// The id of the dataflow it is about.
    pub fn dataflow_id(&self) -> &str {
        subject(&self.intent().dataflow).rsplit(':').next().unwrap_or_default()
    }

    /// What it says of one attribute, by language.
    pub fn value(&self, attribute: &str) -> Option<Value> {
        serde_json::from_value(self.intent().reported.get(attribute)?.clone()).ok()
    }

    /// Its version as SDMX writes it.
    pub fn version(&self) -> String {
        format!("{}.0.0", self.intent().version)
    }
}

impl Node {
    /// Metadata records, by member, dataflow and version.
    pub async fn metadata(&self, filter: MetadataFilter) -> Result<Vec<HeldMetadata>> {
        let Ok(trust) = self.trust() else { return Ok(Vec::new()) };
        let (forum, kind) = (trust.forum().to_owned(), RecordKind::Metadata.as_str());
        let at = filter.as_of.unwrap_or(i64::MAX);
        let work = move |s: &chancery_store::Store| match &filter.member {
            Some(member) => s.record_list_of_kind(&forum, member, kind),
            None => s.record_list_of_kind_anyone(&forum, kind),
        };
        let wanted = filter.dataflow.as_deref().map(|d| subject(d).to_owned());
        let rows = self.store().run(work).await.or_storage(|| "cannot read the metadata".to_owned())?;
        let mut newest: BTreeMap<(String, String, u32), HeldMetadata> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.received_at <= at) {
            let held = HeldMetadata::of(row)?;
            let about = subject(&held.intent().dataflow).to_owned();
            if wanted.as_ref().is_some_and(|wanted| *wanted != about) {
                continue;
            }
            let version = if filter.all { held.intent().version } else { 0 };
            // A member's records are read in the order of its log.
            newest.insert((held.payload.issuer.clone(), about, version), held);
        }
        Ok(newest.into_values().collect())
    }

    /// A metadata record by its id.
    pub async fn metadata_record(&self, id: &str) -> Result<HeldMetadata> {
        let shown: String = id.chars().take(80).collect();
        let not_here = || Error::not_found(format!("there is no metadata record `{shown}` here"));
        let wanted = id.to_owned();
        let row = self.store().run(move |s| s.record_get(&wanted)).await;
        let row = row.or_storage(|| "cannot read the metadata".to_owned())?;
        let row = row.filter(|r| r.kind == RecordKind::Metadata.as_str()).ok_or_else(not_here)?;
        HeldMetadata::of(&row)
    }

    /// A record as SDMX sends it; without its values if `stub`. `base` is this node's address.
    pub fn metadata_set(&self, held: &HeldMetadata, base: &str, stub: bool) -> Result<MetadataSet> {
        let damaged = || format!("the metadata record `{}` is damaged", held.id);
        let intent = held.intent();
        let dataflow: chancery_schema::Reference = intent.dataflow.parse().or_unverified(damaged)?;
        let names = self.structures().dataflow(&dataflow).map(|d| d.maintainable.names.clone()).unwrap_or_default();
        let member = self.member_name(&held.payload.issuer)?;
        let of = |name: &str| format!("{name}, {member}");
        Ok(MetadataSet {
            provider: held.payload.issuer.clone(),
            id: dataflow.id.clone(),
            version: held.version(),
            names: Names {
                name: of(&names.name),
                names: names.names.iter().map(|(tag, name)| (tag.clone(), of(name))).collect(),
                ..Names::default()
            },
            metadataflow: intent.metadataflow.parse().or_unverified(damaged)?,
            target: dataflow.urn(ArtefactKind::Dataflow.class()),
            href: format!("{base}/api/v1/metadata/{}", held.id),
            attributes: if stub { Vec::new() } else { self.nested(held)? },
        })
    }

    fn nested(&self, held: &HeldMetadata) -> Result<Vec<ReportedAttribute>> {
        let damaged = || format!("the metadata record `{}` is damaged", held.id);
        let flow = held.intent().metadataflow.parse().or_unverified(damaged)?;
        let (_, structure) = self.structures().metadataflow(&flow).ok_or_else(|| Error::unverified(damaged()))?;
        Ok(nest(self.structures(), structure, &held.reported()))
    }

    fn member_name(&self, member: &str) -> Result<String> {
        let trust = self.trust()?;
        Ok(trust.charter().member(member).map_or_else(|| member.to_owned(), |m| m.name.clone()))
    }

    /// A record for people, in their language.
    pub async fn metadata_view(&self, held: &HeldMetadata, languages: &Languages) -> Result<MetadataView> {
        let trust = self.trust()?;
        let member = held.payload.issuer.clone();
        let dataflow = self.dataset_schema(&held.intent().dataflow)?.in_languages(languages);
        let operators: BTreeMap<_, _> = trust
            .delegations()
            .filter(|d| d.member == member && d.delegation.purpose == Purpose::Operator)
            .map(|d| (d.delegation.key.to_string(), d.delegation.name.clone()))
            .collect();
        let approval = |o: &OperatorSignature| ApprovalView {
            role: format!("{:?}", o.role).to_lowercase(),
            operator: operators.get(&o.key.to_string()).cloned().unwrap_or_else(|| o.key.fingerprint()),
        };
        let (forum, owner) = (trust.forum().to_owned(), member.clone());
        let head = self.store().run(move |s| s.head_get(&forum, &owner)).await;
        let head = head.or_storage(|| "cannot read the log's head".to_owned())?;
        Ok(MetadataView {
            id: held.id.clone(),
            member_name: self.member_name(&member)?,
            member,
            dataflow: dataflow.dataflow.id.clone(),
            dataflow_name: dataflow.name,
            version: held.version(),
            issued_at: held.payload.issued_at.clone(),
            received_at: time::format(held.received_at),
            replaces: held.payload.body.replaces.clone(),
            log: LogPosition { index: held.position, size: head.map_or(0, |h| h.size.max(0) as u64) },
            approvals: held.payload.body.operators.iter().map(approval).collect(),
            attributes: self.nested(held)?.iter().map(|a| attribute_view(a, languages)).collect(),
        })
    }
}

fn attribute_view(a: &ReportedAttribute, languages: &Languages) -> MetadataAttributeView {
    MetadataAttributeView {
        id: a.id.clone(),
        name: languages.name(&a.names).to_owned(),
        text: a.value.as_ref().map(|value| value.text(languages).to_owned()),
        attributes: a.attributes.iter().map(|a| attribute_view(a, languages)).collect(),
    }
}
