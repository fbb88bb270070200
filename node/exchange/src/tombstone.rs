//! Tombstones: what is left to say of a release that its member has withdrawn.

use chancery_ledger::release::Withdrawal;
use chancery_ledger::{Envelope, RecordKind, time};
use chancery_policies::access::Action;
use chancery_store::releases::ReleaseRow;
use serde::Serialize;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// That a release was withdrawn, by whom, when and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Tombstone {
    /// Record id of the release.
    pub release: String,
    /// Its member.
    pub member: String,
    /// Record id of the withdrawal; none if the record is not held here.
    pub record: Option<String>,
    /// Why, in the member's words.
    pub reason: String,
    /// When the withdrawal became known here, RFC 3339.
    pub withdrawn_at: String,
}

impl std::fmt::Display for Tombstone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { release, member, reason, withdrawn_at, .. } = self;
        write!(f, "the release `{release}` was withdrawn by `{member}` at {withdrawn_at}: {reason}")
    }
}

impl Node {
    /// The tombstone of a release; none if it stands.
    pub(crate) async fn tombstone(&self, row: &ReleaseRow) -> Result<Option<Tombstone>> {
        let Some(withdrawn_at) = row.withdrawn_at else { return Ok(None) };
        let found = self.withdrawal(row).await?;
        let (record, reason) = found.map(|(id, reason, _)| (id, reason)).unzip();
        Ok(Some(Tombstone {
            release: row.id.clone(),
            member: row.member.clone(),
            record,
            reason: reason.unwrap_or_default(),
            withdrawn_at: time::format(withdrawn_at),
        }))
    }

    /// The tombstone of the release `id`; none if it stands or is not known here.
    pub async fn tombstone_of(&self, id: &str) -> Result<Option<Tombstone>> {
        match self.readable_release(id, Action::Discover).await {
            Ok(row) => self.tombstone(&row).await,
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The record by which a release was withdrawn, with its id and what it gives as the reason; none if it is not held here.
    pub(crate) async fn withdrawal(&self, row: &ReleaseRow) -> Result<Option<(String, String, Envelope)>> {
        if row.withdrawn_at.is_none() {
            return Ok(None);
        }
        let (forum, release, issuer) = (self.trust()?.forum().to_owned(), row.id.clone(), row.member.clone());
        let kind = RecordKind::Withdrawal.as_str();
        let records = self.store().run(move |s| s.record_list_of_kind(&forum, &issuer, kind)).await;
        let records = records.or_storage(|| "cannot read the withdrawal".to_owned())?;
        Ok(records.into_iter().find_map(|record| {
            let envelope = Envelope::parse(&record.envelope).ok()?;
            let payload = envelope.payload::<Withdrawal>(RecordKind::Withdrawal).ok()?;
            (payload.body.release == release).then_some((record.id, payload.body.reason, envelope))
        }))
    }
}
