//! Charters, revocations, suspensions and delegations from peer to peer: so that a charter adopted at one node, or a key revoked
//! there, is soon known at all, and a newcomer's node is let in before its own log could say who it is.

use chancery_ledger::suspension::SuspensionError;
use chancery_ledger::trust::{MAX_BUNDLE_BYTES, TrustError};
use chancery_ledger::{Envelope, ForumBundle, RecordKind, Trust};
use chancery_network::NetworkHandle;
use chancery_network::message::{ForumPage, MAX_ENVELOPES, SyncRequest, SyncResponse};

use super::{PAGE_BYTES, no_answer};
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::verify::CheckedRecord;

/// Most envelopes taken from a peer at once.
const MAX_TAKEN: usize = 50_000;

impl Node {
    /// Takes over what `peer` knows of the forum and this node does not. What does not hold is refused alone.
    pub(super) async fn pull_forum(&self, network: &NetworkHandle, peer: &str) -> Result<()> {
        let trust = self.trust()?;
        let (forum, have, seen) = (trust.forum().to_owned(), trust.digest(), self.seen_forum(peer));
        let (mut bundle, mut digest, mut taken, mut bytes) = (ForumBundle::default(), String::new(), 0, 0);
        loop {
            let (forum, have, seen) = (forum.clone(), have.clone(), seen.clone());
            let page = match network.sync(peer, SyncRequest::Forum { forum, have, seen, from: taken as u64 }).await {
                Ok(SyncResponse::Forum(page)) => *page,
                Ok(SyncResponse::Refused(reason)) => {
                    return Err(Error::unavailable(format!("`{peer}` refused: {reason}")));
                }
                Ok(_) => return Err(Error::unverified(format!("`{peer}` answered another question"))),
                Err(e) => return Err(no_answer(&e)),
            };
            // It changed between two parts: the next round begins anew.
            if taken > 0 && page.digest != digest {
                return Ok(());
            }
            digest.clone_from(&page.digest);
            taken += page.envelopes.len();
            bytes += page.envelopes.iter().map(String::len).sum::<usize>();
            if taken > MAX_TAKEN || bytes > MAX_BUNDLE_BYTES || (page.more && page.envelopes.is_empty()) {
                return Err(Error::unverified(format!("`{peer}` sends more of the forum than there can be")));
            }
            read_page(&page, &mut bundle)?;
            if !page.more {
                break;
            }
        }
        let mut all = true;
        if taken > 0 {
            let merged = self.take_over(&bundle).await?;
            if merged.unvouched > 0 {
                self.keep_own_past(&bundle).await?;
            }
            if merged.changed() {
                tracing::info!(peer, ?merged, "took over what is new of the forum");
            }
            all = merged.refused.is_empty();
            for error in merged.refused.iter().take(5) {
                self.note_refusal(peer, "forum", &Error::unverified(error.to_string())).await;
            }
        }
        self.set_seen_forum(peer, digest, all);
        Ok(())
    }

    /// Takes over a charter or a suspension that a member has in its log: one that it proposed itself, and that holds. One that holds and does not
    /// count, for it came too late or another took its place, is history all the same.
    pub(super) async fn take_agreed(&self, member: &str, record: &CheckedRecord) -> Result<()> {
        let refused = || "the record is refused".to_owned();
        let payload = record.envelope.payload::<serde_json::Value>(record.kind).or_unverified(refused)?;
        if payload.issuer != member {
            return Err(Error::unverified(format!("it was proposed by `{}`, not by `{member}`", payload.issuer)));
        }
        let trust = self.trust()?;
        if is_agreed(&trust, &record.id) {
            return Ok(());
        }
        let mut bundle = ForumBundle::default();
        if record.kind == RecordKind::Charter {
            let previous = payload.body.get("previous").and_then(serde_json::Value::as_str);
            let before = previous.and_then(|id| trust.chain().number_of(id)).unwrap_or(0);
            bundle.charters = trust.chain().envelopes().iter().take(before).cloned().collect();
        }
        bundle.place(record.envelope.clone()).or_unverified(refused)?;
        let merged = self.take_over(&bundle).await?;
        if is_agreed(&*self.trust()?, &record.id) {
            return Ok(());
        }
        match merged.refused.iter().find(|error| !is_history(error)) {
            None => Ok(()),
            Some(error) => Err(Error::unverified(error.to_string())),
        }
    }

    pub(super) fn answer_forum(
        &self,
        peer: &str,
        forum: &str,
        have: &str,
        seen: &str,
        from: u64,
    ) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let trust = self.trust()?;
        let digest = trust.digest();
        if have == digest || seen == digest {
            self.set_told(peer, &digest);
        }
        let mut page = ForumPage { digest, envelopes: Vec::new(), conflicting: Vec::new(), more: false };
        if page.digest != have && page.digest != seen {
            let mut bundle = trust.bundle();
            let text = |e: &Envelope| serde_json::to_string(e).or_storage(|| "cannot write a record".to_owned());
            let conflicting = std::mem::take(&mut bundle.conflicting);
            if from == 0 {
                page.conflicting = conflicting.iter().take(1).map(text).collect::<Result<_>>()?;
            }
            let mut bytes = 0;
            for envelope in bundle.envelopes().skip(usize::try_from(from).unwrap_or(usize::MAX)) {
                let envelope = text(envelope)?;
                bytes += envelope.len();
                if page.envelopes.len() == MAX_ENVELOPES || (bytes > PAGE_BYTES && !page.envelopes.is_empty()) {
                    page.more = true;
                    break;
                }
                page.envelopes.push(envelope);
            }
        }
        Ok(SyncResponse::Forum(Box::new(page)))
    }
}

/// Whether a charter or a suspension is part of what is believed, or of what is kept as evidence.
fn is_agreed(trust: &Trust, id: &str) -> bool {
    let conflicting = trust.conflicting().iter().any(|e| e.id().is_ok_and(|found| found == id));
    conflicting || trust.chain().number_of(id).is_some() || trust.suspensions().any(|s| s.id == id)
}

/// Whether a suspension was signed by enough states and does not count because of others.
fn is_history(error: &TrustError) -> bool {
    use SuspensionError::{TooFew, TooOften, TooSoon};
    matches!(error, TrustError::Suspension(TooSoon { .. } | TooFew { .. } | TooOften { .. }))
}

fn read_page(page: &ForumPage, bundle: &mut ForumBundle) -> Result<()> {
    let read = |text: &String| Envelope::parse(text.as_bytes()).or_unverified(|| "a record of the forum".to_owned());
    for text in &page.envelopes {
        bundle.place(read(text)?).or_unverified(|| "a record of the forum".to_owned())?;
    }
    bundle.conflicting.extend(page.conflicting.iter().map(read).collect::<Result<Vec<_>>>()?);
    Ok(())
}
