//! Every held log as C2SP tlog-tiles, and each release's proof as a C2SP tlog-proof.

use chancery_ledger::checkpoint::Checkpoint;
use chancery_ledger::equivocation::Equivocation;
use chancery_ledger::log::Hash;
use chancery_ledger::proof::ProofBundle;
use chancery_ledger::tiles::{FULL_WIDTH, TileKind, TilePlace, entry_bundle};
use chancery_ledger::{checkpoint, witness};
use chancery_store::Store;
use chancery_store::logs::HeadRow;
use chancery_store::witnessing::CosignatureRow;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::StoredHashes;

impl Node {
    /// A log's published head: the newest with the quorum of cosignatures that the charter asks for.
    pub async fn log_checkpoint(&self, forum: &str, member: &str) -> Result<String> {
        let head = self.log_head(forum, member).await?;
        if self.trust()?.charter().witness_quorum(member) == 0 {
            return self.log_pending(forum, member).await;
        }
        let (f, m) = (head.forum.clone(), head.member.clone());
        let published = self.store().run(move |s| s.published_get(&f, &m)).await;
        if let Some(row) = published.or_storage(|| "cannot read the published head".to_owned())? {
            return Ok(row.checkpoint);
        }
        Err(Error::not_found(format!(
            "no head of the log of `{member}` has been cosigned by enough members yet: its newest is at `pending`"
        )))
    }

    /// A log's newest signed head, with what cosignatures it has: not yet published if they are too few.
    pub async fn log_pending(&self, forum: &str, member: &str) -> Result<String> {
        let head = self.log_head(forum, member).await?;
        if !is_complete(&head) {
            return Err(Error::not_found(
                "the log is not here as far as its signed head: synchronisation is under way",
            ));
        }
        let work = move |s: &Store| cosigned_note(s, &head);
        self.store().run(work).await.or_storage(|| "cannot read the cosignatures".to_owned())
    }

    /// A tile of a log: what follows `tile/` in its path.
    pub async fn log_tile(&self, forum: &str, member: &str, path: &str) -> Result<Vec<u8>> {
        let shown: String = path.chars().take(80).collect();
        let not_here = || Error::not_found(format!("the log of `{member}` has no tile `{shown}` here"));
        let place = TilePlace::parse(path).ok_or_else(not_here)?;
        let head = self.log_head(forum, member).await?;
        if !place.is_in(head.size.max(0) as u64) {
            return Err(not_here());
        }
        let store = self.store().clone();
        let work = move || {
            let failed = || "cannot read the log".to_owned();
            if place.kind != TileKind::Entries {
                let stored = StoredHashes { store: &store, forum: &head.forum, member: &head.member };
                return place.hashes(&stored).or_storage(failed);
            }
            let leaves = store
                .leaf_list(&head.forum, &head.member, place.index * FULL_WIDTH, place.width as u32)
                .or_storage(failed)?;
            if leaves.len() as u64 != place.width {
                return Err(Error::unverified("leaves of the log are missing: restore a backup"));
            }
            entry_bundle(leaves.iter().map(Vec::as_slice)).or_storage(failed)
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the reading was cut off".to_owned())?
    }

    /// What tools without this program need to judge a log's heads: a C2SP tlog-policy.
    pub async fn log_policy(&self, forum: &str, member: &str) -> Result<String> {
        self.log_head(forum, member).await?;
        witness::policy(&*self.trust()?, member, self.now()).ok_or_else(|| {
            Error::unavailable(format!("fewer states have a witness key than must cosign the log of `{member}`"))
        })
    }

    /// Pairs of signed heads by which a log contradicts itself.
    pub async fn log_evidence(&self, forum: &str, member: &str) -> Result<Vec<Equivocation>> {
        self.log_head(forum, member).await?;
        Ok(self.evidence().await?.into_iter().filter(|e| e.member == member).collect())
    }

    /// A release's proof as one text, a C2SP tlog-proof.
    pub async fn release_tlog_proof(&self, id: &str) -> Result<String> {
        let bundle = ProofBundle::parse(&self.release_proof(id).await?).or_unverified(|| "the proof".to_owned())?;
        bundle.to_tlog_proof().or_storage(|| "cannot write the proof".to_owned())
    }

    async fn log_head(&self, forum: &str, member: &str) -> Result<HeadRow> {
        let not_here = || Error::not_found("no such log is held here");
        if self.trust().ok().is_none_or(|t| t.forum() != forum || t.charter().member(member).is_none()) {
            return Err(not_here());
        }
        let (forum, member) = (forum.to_owned(), member.to_owned());
        let head = self.store().run(move |s| s.head_get(&forum, &member)).await;
        head.or_storage(|| "cannot read the log's head".to_owned())?.ok_or_else(not_here)
    }
}

/// Whether a log is held as far as its signed head.
pub(crate) fn is_complete(head: &HeadRow) -> bool {
    let origin = checkpoint::origin(&head.forum, &head.member);
    Checkpoint::read(&head.checkpoint, &origin).is_ok_and(|c| c.size == head.size.max(0) as u64)
}

/// A head's note with the cosignatures held of it.
pub(crate) fn cosigned_note(store: &Store, head: &HeadRow) -> std::result::Result<String, chancery_store::StoreError> {
    Ok(cosigned(head, &store.cosignature_list(&head.forum)?))
}

/// A head's note with those of `held` that are of it.
pub(crate) fn cosigned(head: &HeadRow, held: &[CosignatureRow]) -> String {
    let of_head = held.iter().filter(|c| c.member == head.member && c.size == head.size && c.root == head.root);
    chancery_ledger::cosignature::joined(&head.checkpoint, of_head.map(|c| c.line.as_str()))
}

/// The newest head before `head` of which `held` has the cosignature of `witness`, as a note that nobody else signs.
pub(crate) fn cosigned_before(head: &HeadRow, held: &[CosignatureRow], witness: &str) -> Option<String> {
    let is_of = |c: &&CosignatureRow| c.member == head.member && c.witness == witness;
    let is_before = |c: &&CosignatureRow| !is_complete(head) || (c.size, &c.root) != (head.size, &head.root);
    let found = held.iter().find(is_of).filter(is_before)?;
    let root = Hash(found.root.as_slice().try_into().ok()?);
    let origin = checkpoint::origin(&head.forum, &head.member);
    let text = Checkpoint { origin, size: u64::try_from(found.size).ok()?, root }.text();
    Some(chancery_ledger::cosignature::joined(&format!("{text}\n"), [found.line.as_str()]))
}
