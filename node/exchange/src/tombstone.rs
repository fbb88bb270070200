//! Tombstones: what is left to say of a release that its member has withdrawn.

use chancery_ledger::release::Withdrawal;
use chancery_ledger::{Envelope, RecordKind, time};
use chancery_store::releases::ReleaseRow;
use serde::Serialize;

use crate::error::{Doing as _, Result};
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
        let (forum, member, release) = (self.trust()?.forum().to_owned(), row.member.clone(), row.id.clone());
        let kind = RecordKind::Withdrawal.as_str();
        let issuer = member.clone();
        let records = self.store().run(move |s| s.record_list_of_kind(&forum, &issuer, kind)).await;
        let records = records.or_storage(|| "cannot read the withdrawal".to_owned())?;
        let of = |envelope: &[u8]| {
            let payload = Envelope::parse(envelope).ok()?.payload::<Withdrawal>(RecordKind::Withdrawal).ok()?;
            (payload.body.release == release).then_some(payload.body.reason)
        };
        let found = records.iter().find_map(|record| Some((record.id.clone(), of(&record.envelope)?)));
        let (record, reason) = found.unzip();
        Ok(Some(Tombstone {
            release: row.id.clone(),
            member,
            record,
            reason: reason.unwrap_or_default(),
            withdrawn_at: time::format(withdrawn_at),
        }))
    }
}
