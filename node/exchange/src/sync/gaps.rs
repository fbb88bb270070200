//! Gaps: records whose leaves are held and which a peer could not send then: under embargo, or for others. They are asked for again.

use std::time::Duration;

use chancery_ledger::RecordKind;
use chancery_ledger::release::{Withdrawal, verify_withdrawal};
use chancery_ledger::{Envelope, ForumBundle, timestamp};
use chancery_network::NetworkHandle;
use chancery_network::message::{MAX_MISSING, RecordItem, SyncRequest, SyncResponse};
use chancery_store::Store;
use chancery_store::logs::RecordRow;
use chancery_store::releases::NewRelease;

use super::row_of;
use super::{PAGE_BYTES, no_answer};
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::verify::{CheckedRecord, check_record};

/// After so many records whose files nobody has now, a peer is asked for what comes after them the next time.
const MAX_AWAY: usize = 8;
/// How soon the same peer is asked again for what is missing of the same log.
const AGAIN: Duration = Duration::from_secs(10);

impl Node {
    /// Asks a peer for the records that are missing of a log: so many at once, and the next time for those after them.
    pub(super) async fn pull_gaps(&self, network: &NetworkHandle, peer: &str, forum: &str, member: &str) -> Result<()> {
        let Some(from) = self.gaps_from(peer, member, AGAIN) else { return Ok(()) };
        let (f, m) = (forum.to_owned(), member.to_owned());
        let read = move |s: &Store| {
            let gaps = s.gap_list(&f, &m, from, MAX_MISSING as i64)?;
            if gaps.is_empty() && from > 0 { s.gap_list(&f, &m, 0, MAX_MISSING as i64) } else { Ok(gaps) }
        };
        let gaps = self.store().run(read).await.or_storage(|| "cannot read what is missing".to_owned())?;
        let Some((last, _)) = gaps.last() else { return Ok(()) };
        self.gaps_asked(peer, member, if gaps.len() < MAX_MISSING { 0 } else { last + 1 });
        let last = *last;
        let positions = gaps.iter().map(|(position, _)| *position).collect();
        let request = SyncRequest::Missing { forum: forum.to_owned(), member: member.to_owned(), positions };
        let mut items = match network.sync(peer, request).await {
            Ok(SyncResponse::Missing(items)) => items,
            Ok(SyncResponse::Refused(reason)) => return Err(Error::unavailable(format!("`{peer}` refused: {reason}"))),
            Ok(_) => return Err(Error::unverified(format!("`{peer}` answered another question"))),
            Err(e) => return Err(no_answer(&e)),
        };
        // A withdrawal comes after its release.
        items.sort_by_key(|item| item.position);
        let bytes: usize = items.iter().map(|item| item.envelope.len()).sum();
        if let Some(reached) = items.last().map(|item| item.position).filter(|reached| *reached < last)
            && bytes > PAGE_BYTES / 2
        {
            // There may have been more than one answer holds.
            self.gaps_asked(peer, member, reached + 1);
        }
        let mut away = 0;
        for item in items {
            let leaf = gaps.iter().find(|(position, _)| *position == item.position).map(|(_, leaf)| leaf);
            let leaf = leaf.ok_or_else(|| {
                Error::unverified(format!(
                    "`{peer}` sent the record at position {}, which was not asked for",
                    item.position
                ))
            })?;
            let record = check_record(&item, leaf)?;
            match self.fill(network, peer, member, &record).await {
                Err(error @ Error::Storage { .. }) => return Err(error),
                Err(error @ Error::Unavailable { .. }) => {
                    away += 1;
                    if away == MAX_AWAY {
                        self.gaps_asked(peer, member, record.position + 1);
                        return Err(error);
                    }
                }
                // One that is refused must not keep back what comes after it, nor one whose file is away.
                Err(error) => {
                    self.note_refusal(member, &format!("{} {}", record.kind.as_str(), record.id), &error).await;
                }
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// Checks a record as one that comes with its leaf is checked, and stores it.
    async fn fill(&self, network: &NetworkHandle, peer: &str, member: &str, record: &CheckedRecord) -> Result<()> {
        let (trust, now) = (self.trust()?, self.now());
        let (mut release, mut withdrawn): (Option<NewRelease>, Option<String>) = (None, None);
        let mut mandates = ForumBundle::default();
        match record.kind {
            RecordKind::Release => {
                release = Some(self.take_release(network, peer, member, &trust, record, now).await?);
                withdrawn = self.withdrawn_already(trust.forum(), member, &record.id).await?;
            }
            RecordKind::Withdrawal => {
                let payload = verify_withdrawal(&trust, &record.envelope, member);
                let payload = payload.or_unverified(|| format!("the withdrawal {} is refused", record.id))?;
                withdrawn = Some(payload.body.release);
            }
            RecordKind::Delegation => mandates.delegations.push(record.envelope.clone()),
            RecordKind::Revocation => mandates.revocations.push(record.envelope.clone()),
            RecordKind::Metadata => {
                let mut versions = self.metadata_versions(member).await?;
                self.take_metadata(&trust, record, member, &mut versions, now)?;
            }
            RecordKind::Timestamp => {
                let checked = timestamp::verify_record(&trust, &record.envelope, member);
                checked.or_unverified(|| format!("the time-stamp {} is refused", record.id))?;
            }
            RecordKind::Suspension | RecordKind::Charter => self.take_agreed(member, record).await?,
        }
        if mandates.envelopes().next().is_some() {
            self.take_over_logged(&mandates, member).await?;
        }
        let row = row_of(record, trust.forum(), member, now)?;
        let what = format!("{} {}", record.kind.as_str(), record.id);
        let stored = self.store().run(move |s| s.record_fill(&row, release.as_ref(), withdrawn.as_deref())).await;
        stored.or_storage(|| "cannot store a missing record".to_owned())?;
        tracing::info!(member, peer, what, "a missing record has come");
        Ok(())
    }

    /// The release's own id if a withdrawal of it is held already.
    async fn withdrawn_already(&self, forum: &str, member: &str, release: &str) -> Result<Option<String>> {
        let (forum, member) = (forum.to_owned(), member.to_owned());
        let kind = RecordKind::Withdrawal.as_str();
        let held = self.store().run(move |s| s.record_list_of_kind(&forum, &member, kind)).await;
        let held = held.or_storage(|| "cannot read the withdrawals".to_owned())?;
        Ok(held.iter().any(|row| names(row, release)).then(|| release.to_owned()))
    }

    pub(super) async fn answer_missing(
        &self,
        peer: &str,
        forum: &str,
        owner: String,
        positions: Vec<u64>,
    ) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let (node, forum, peer) = (self.clone(), forum.to_owned(), peer.to_owned());
        let work = move || {
            let failed = || "cannot read the records".to_owned();
            let rows = node.store().record_list_at(&forum, &owner, &positions).or_storage(failed)?;
            let (mut items, mut bytes) = (Vec::new(), 0);
            for row in rows {
                if !node.may_replicate(&peer, &row)? {
                    continue;
                }
                bytes += row.envelope.len();
                if bytes > PAGE_BYTES && !items.is_empty() {
                    break;
                }
                items.push(RecordItem {
                    position: row.position.max(0) as u64,
                    envelope: String::from_utf8(row.envelope).or_storage(failed)?,
                    salt: row.salt.map(hex::encode),
                });
            }
            Ok(SyncResponse::Missing(items))
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "an answer was cut off".to_owned())?
    }
}

/// Whether the withdrawal in `row` is of `release`.
fn names(row: &RecordRow, release: &str) -> bool {
    let envelope = Envelope::parse(&row.envelope);
    let payload = envelope.and_then(|e| e.payload::<Withdrawal>(RecordKind::Withdrawal));
    payload.is_ok_and(|p| p.body.release == release)
}
