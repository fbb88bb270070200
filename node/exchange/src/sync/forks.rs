//! Forks: compares every head that a peer shows with what is held, keeps two that contradict each other, and passes the proof on.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::equivocation::Equivocation;
use chancery_ledger::log::Tree;
use chancery_ledger::proof::{encode_hashes, log_keys};
use chancery_network::NetworkHandle;
use chancery_network::message::{EvidenceItem, Growth, HeadHint, MAX_EVIDENCE, SyncRequest, SyncResponse};
use chancery_store::logs::{EvidenceRow, HeadRow};
use serde::{Deserialize, Serialize};

use super::no_answer;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::StoredHashes;
use crate::tiles::is_complete;

/// The part of a proof that the evidence table keeps as text.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Growing {
    root: Option<String>,
    proof: Vec<String>,
}

impl Node {
    /// Compares a head that somebody showed with the log held here, as far as it is held; keeps both if they contradict each other.
    pub(crate) async fn compare_head(&self, held: Option<&HeadRow>, offered: &Checkpoint, note: &str) -> Result<()> {
        let Some(held) = held.filter(|h| is_complete(h) && offered.size <= h.size.max(0) as u64) else { return Ok(()) };
        if offered.size == held.size.max(0) as u64 && offered.root.0 == held.root.as_slice() {
            return Ok(());
        }
        let (trust, node) = (self.trust()?, self.clone());
        let (held, offered, note) = (held.clone(), offered.clone(), note.to_owned());
        let work = move || node.contradiction(&held, &offered, note);
        let found = tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())??;
        let Some(found) = found else { return Ok(()) };
        let keys = log_keys(&trust, &found.member);
        let origin = checkpoint::origin(trust.forum(), &found.member);
        Checkpoint::verify(&found.first, &origin, &keys).or_unverified(|| "a head with another root".to_owned())?;
        let member = found.member.clone();
        self.keep_evidence(&found).await?;
        Err(forked(&member))
    }

    /// What `offered`, no larger than what is held, contradicts; none if it is an earlier state of the same log.
    pub(crate) fn contradiction(
        &self,
        held: &HeadRow,
        offered: &Checkpoint,
        note: String,
    ) -> Result<Option<Equivocation>> {
        let failed = || "cannot read the log".to_owned();
        let stored = StoredHashes { store: self.store(), forum: &held.forum, member: &held.member };
        let (tree, size) = (Tree(&stored), held.size.max(0) as u64);
        let root = tree.root(offered.size).or_storage(failed)?;
        if root == offered.root {
            return Ok(None);
        }
        let (member, second) = (held.member.clone(), held.checkpoint.clone());
        if offered.size == size {
            return Ok(Some(Equivocation { member, first: note, second, root: None, proof: Vec::new() }));
        }
        let proof = encode_hashes(&tree.prove_consistency(size, offered.size).or_storage(failed)?);
        Ok(Some(Equivocation { member, first: note, second, root: Some(STANDARD.encode(root.0)), proof }))
    }

    /// After a peer's larger head did not extend what is held: asks for the proof that it extends something else.
    pub(super) async fn ask_growth(&self, network: &NetworkHandle, peer: &str, held: &HeadRow) -> Result<()> {
        if !is_complete(held) {
            return Ok(());
        }
        let (forum, member) = (held.forum.clone(), held.member.clone());
        let from = held.size.max(0) as u64;
        let Ok(SyncResponse::Growth(growth)) =
            network.sync(peer, SyncRequest::Growth { forum, member: member.clone(), from }).await
        else {
            return Ok(());
        };
        let (first, root) = (held.checkpoint.clone(), Some(growth.root));
        let found = Equivocation { member, first, second: growth.checkpoint, root, proof: growth.proof };
        match found.verify(&*self.trust()?) {
            Ok(()) => self.keep_evidence(&found).await,
            Err(error) => Err(Error::unverified(format!("`{peer}` cannot show how its copy of the log grew: {error}"))),
        }
    }

    pub(super) async fn answer_growth(&self, forum: &str, owner: String, from: u64) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let head = self.head_of(forum, &owner).await?.filter(is_complete);
        let head = head.ok_or_else(|| Error::not_found(format!("no complete log of `{owner}` is held here")))?;
        let size = head.size.max(0) as u64;
        if from == 0 || from >= size {
            return Err(Error::invalid(format!("the log of `{owner}` has {size} leaves here")));
        }
        let node = self.clone();
        let work = move || {
            let failed = || "cannot read the log".to_owned();
            let stored = StoredHashes { store: node.store(), forum: &head.forum, member: &head.member };
            let root = STANDARD.encode(Tree(&stored).root(from).or_storage(failed)?.0);
            let proof = encode_hashes(&Tree(&stored).prove_consistency(size, from).or_storage(failed)?);
            Ok(SyncResponse::Growth(Box::new(Growth { checkpoint: head.checkpoint, root, proof })))
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "an answer was cut off".to_owned())?
    }

    /// Asks a peer for proofs of forks that are not known here.
    pub(super) async fn pull_evidence(&self, network: &NetworkHandle, peer: &str) -> Result<()> {
        let trust = self.trust()?;
        let known: Vec<String> = self.evidence().await?.into_iter().map(|e| e.member).take(MAX_EVIDENCE).collect();
        let request = SyncRequest::Evidence { forum: trust.forum().to_owned(), known: known.clone() };
        let items = match network.sync(peer, request).await {
            Ok(SyncResponse::Evidence(items)) => items,
            Ok(SyncResponse::Refused(reason)) => return Err(Error::unavailable(format!("`{peer}` refused: {reason}"))),
            Ok(_) => return Err(Error::unverified(format!("`{peer}` answered another question"))),
            Err(e) => return Err(no_answer(&e)),
        };
        for EvidenceItem { member, first, second, root, proof } in items {
            if known.contains(&member) {
                return Err(Error::unverified(format!("`{peer}` sent evidence that was not asked for")));
            }
            let found = Equivocation { member, first, second, root, proof };
            let checked = found.verify(&trust);
            checked.or_unverified(|| format!("`{peer}` accuses the log of `{}` without proof", found.member))?;
            self.keep_evidence(&found).await?;
        }
        Ok(())
    }

    pub(super) async fn answer_evidence(&self, forum: &str, known: &[String]) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let mut items: Vec<EvidenceItem> = Vec::new();
        for e in self.evidence().await? {
            if !known.contains(&e.member) && items.len() < MAX_EVIDENCE && items.iter().all(|i| i.member != e.member) {
                let Equivocation { member, first, second, root, proof } = e;
                items.push(EvidenceItem { member, first, second, root, proof });
            }
        }
        Ok(SyncResponse::Evidence(items))
    }

    /// Keeps a checked proof; the first time, raises the alarm and tells the peers that there is something to ask for.
    async fn keep_evidence(&self, found: &Equivocation) -> Result<()> {
        let (trust, now, pair) = (self.trust()?, self.now(), found.clone());
        let forum = trust.forum().to_owned();
        let growing = Growing { root: found.root.clone(), proof: found.proof.clone() };
        let growing = serde_json::to_string(&growing).or_storage(|| "cannot write the evidence".to_owned())?;
        let id = forum.clone();
        let work = move |s: &chancery_store::Store| {
            s.evidence_put(&id, &pair.member, &pair.first, &pair.second, &growing, now)
        };
        if !self.store().run(work).await.or_storage(|| "cannot keep the evidence".to_owned())? {
            return Ok(());
        }
        tracing::error!(
            member = found.member,
            "ALARM: the log was forked: two signed heads contradict each other; both are kept, and no more of it is cosigned"
        );
        if let Some(network) = self.network() {
            let head = HeadHint { forum, member: found.member.clone(), checkpoint: found.first.clone() };
            // A hint only: peers ask anyway.
            let _ = network.announce(head).await;
        }
        Ok(())
    }

    /// Every proof held that a log was forked.
    pub async fn evidence(&self) -> Result<Vec<Equivocation>> {
        let forum = self.trust()?.forum().to_owned();
        let rows = self.store().run(move |s| s.evidence_pairs(&forum)).await;
        let rows = rows.or_storage(|| "cannot read the evidence".to_owned())?;
        Ok(rows.into_iter().map(equivocation).collect())
    }
}

fn equivocation(row: EvidenceRow) -> Equivocation {
    let Growing { root, proof } = serde_json::from_str(&row.proof).unwrap_or_default();
    Equivocation { member: row.member, first: row.checkpoint, second: row.against, root, proof }
}

fn forked(member: &str) -> Error {
    Error::unverified(format!("the log of `{member}` was forked: both heads are kept as evidence"))
}
