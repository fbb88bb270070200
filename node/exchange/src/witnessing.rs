//! Witnessing: cosigns other members' heads by the rules of C2SP tlog-witness, and collects cosignatures on this member's own.

use chancery_ledger::checkpoint::{self, Checkpoint, CheckpointError};
use chancery_ledger::cosignature::{self, Cosignature};
use chancery_ledger::log::{self, Hash, Tree};
use chancery_ledger::proof::log_keys_in_force;
use chancery_ledger::witness::{AddCheckpoint, Refusal, Witnessed};
use chancery_ledger::{Purpose, Trust, time};
use chancery_network::NetworkHandle;
use chancery_network::message::{HeadInfo, SyncRequest, SyncResponse};
use chancery_store::logs::HeadRow;
use chancery_store::witnessing::{CosignatureRow, PublishedHeadRow, WitnessedRow};
use chancery_store::{Store, StoreError};

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::StoredHashes;
use crate::tiles::{cosigned_note, is_complete};
use crate::verify::MAX_AHEAD_S;

/// How far this node's clock may have gone back since its witness signed last, in seconds.
const MAX_BACK_S: i64 = 30;
/// How old a cosignature of a head may be before it is asked for again, in seconds: it says also that the witness is still there.
const REFRESH_S: i64 = 3600;

impl Node {
    /// Cosigns a head, or says why not. What is cosigned is on disk before the answer is made.
    pub async fn add_checkpoint(&self, body: &str) -> Result<std::result::Result<String, Refusal>> {
        let request = match AddCheckpoint::parse(body) {
            Ok(request) => request,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let (node, asked) = (self.clone(), request.clone());
        let work = move || node.cosign(&asked);
        let cosigned = tokio::task::spawn_blocking(work).await.or_storage(|| "the cosigning was cut off".to_owned())?;
        if let Ok(Err(Refusal::Forked(_) | Refusal::Inconsistent { .. } | Refusal::Conflict(_))) = &cosigned {
            // It is signed: perhaps it contradicts what is held here.
            let trust = self.trust()?;
            if let Ok(owner) = request.owner(&trust) {
                let held = self.head_of(trust.forum(), &owner).await?;
                let offered = Checkpoint::read(&request.checkpoint, request.origin());
                let offered = offered.or_invalid(|| "a head to be cosigned".to_owned())?;
                if let Err(error) = self.compare_head(held.as_ref(), &offered, &request.checkpoint).await {
                    self.note_refusal(&owner, "head to be cosigned", &error).await;
                }
            }
        }
        cosigned
    }

    /// Answers a member that asks for a cosignature.
    pub(crate) async fn answer_cosign(&self, peer: &str, forum: &str, body: String) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        match self.add_checkpoint(&body).await? {
            Ok(line) => Ok(SyncResponse::Cosigned(line)),
            Err(Refusal::Conflict(size)) => Ok(SyncResponse::Conflict(size)),
            Err(refusal) => {
                let error = Error::denied(format!("not cosigned: {refusal}"));
                self.note_refusal(peer, "cosignature", &error).await;
                Err(error)
            }
        }
    }

    fn cosign(&self, request: &AddCheckpoint) -> Result<std::result::Result<String, Refusal>> {
        let failed = || "cannot read what was cosigned".to_owned();
        let (trust, now) = (self.trust()?, self.now());
        let key = self.keyring().key(Purpose::Witness)?;
        trust.key_for(self.member(), Purpose::Witness, &key.public(), now).or_denied("this node may not cosign")?;
        let owner = match request.owner(&trust) {
            Ok(owner) => owner,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let forked = self.store().evidence_list(trust.forum()).or_storage(failed)?;
        if forked.iter().any(|(member, _)| *member == owner) {
            return Err(Error::denied(format!("the log of `{owner}` was seen forked: nothing of it is cosigned")));
        }
        let mut memory = self.witness_memory();
        if let Err(doubt) = self.check_witness(&trust) {
            memory.doubt();
            return Err(doubt);
        }
        let last = self.store().witnessed_get(trust.forum(), &owner).or_storage(failed)?;
        if last.as_ref().is_some_and(|l| now + MAX_BACK_S < l.at) {
            tracing::error!("this node's clock went back: it cosigns nothing until it is right");
            return Err(Error::denied("this node's clock went back: it cosigns nothing until it is right"));
        }
        let head = match request.check(&trust, last.as_ref().map(state).transpose()?, now) {
            Ok(head) => head,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let held = self.store().head_get(trust.forum(), &owner).or_storage(failed)?;
        let held = held.filter(|held| head.size <= held.size.max(0) as u64);
        if let Some(held) = &held
            && self.contradiction(held, &head, request.checkpoint.clone())?.is_some()
        {
            return Ok(Err(Refusal::Forked(head.size)));
        }
        let new = WitnessedRow {
            forum: trust.forum().to_owned(),
            member: owner,
            size: head.size as i64,
            root: head.root.0.to_vec(),
            at: last.as_ref().map_or(now, |l| l.at.max(now)),
        };
        let repeated = last.as_ref() == Some(&new);
        self.remember_cosigned(&mut memory, last.as_ref(), &new)?;
        let name = cosignature::witness_name(trust.forum(), self.member());
        let line = cosignature::cosign(&request.checkpoint, &name, &key, new.at);
        let line = line.or_invalid(|| "not cosigned".to_owned())?;
        if !repeated {
            // Whose log it is may lose it, and then has only what others show.
            let row = CosignatureRow {
                forum: new.forum,
                member: new.member,
                witness: self.member().to_owned(),
                size: new.size,
                root: new.root,
                at: new.at,
                line: line.clone(),
            };
            keep_given(self.store(), &trust, row, now).or_storage(|| "cannot keep a cosignature".to_owned())?;
        }
        Ok(Ok(line))
    }

    /// Asks a connected member to cosign this node's newest head, unless it has lately, and publishes the head once enough have.
    pub(crate) async fn collect_cosignature(&self, network: &NetworkHandle, peer: &str) -> Result<()> {
        let trust = self.trust()?;
        let (forum, member) = (trust.forum().to_owned(), self.member().to_owned());
        let read = move |s: &Store| Ok((s.head_get(&forum, &member)?, s.cosignature_list(&forum)?));
        let (head, held) = self.store().run(read).await.or_storage(|| "cannot read the log's head".to_owned())?;
        let doubt = self.asks_peers().await?;
        let Some(head) = head else {
            return if doubt { self.ask_for_nothing(network, peer).await } else { Ok(()) };
        };
        let mine = held.iter().find(|c| c.member == head.member && c.witness == peer);
        let same = mine.filter(|c| c.size == head.size && c.root == head.root);
        let waits = |c: &CosignatureRow| self.embargo_between(c.at, self.now());
        let fresh = match same.filter(|c| !doubt && self.now() < c.at + REFRESH_S) {
            Some(c) => waits(c).await?.is_none(),
            None => false,
        };
        if fresh {
            return Ok(());
        }
        let mut old = mine.map_or(0, |c| c.size.max(0) as u64).min(head.size.max(0) as u64);
        // A witness that knows another size says it once; then it is asked from there.
        for _ in 0..2 {
            let body = self.cosign_request(&head, old).await?;
            let asked = SyncRequest::Cosign { forum: head.forum.clone(), body };
            match network.sync(peer, asked).await.or_unavailable(|| format!("`{peer}` does not cosign"))? {
                SyncResponse::Cosigned(line) => {
                    self.keep_own_cosignature(&trust, head, peer, &line).await?;
                    return if doubt { self.confirm_signer(peer).await } else { Ok(()) };
                }
                SyncResponse::Conflict(size) if size <= head.size.max(0) as u64 => old = size,
                SyncResponse::Conflict(size) => return Err(ahead(peer, size, head.size)),
                SyncResponse::Refused(reason) => {
                    return Err(Error::denied(format!("`{peer}` does not cosign: {reason}")));
                }
                _ => return Err(Error::unverified(format!("`{peer}` answered another question"))),
            }
        }
        Err(Error::unverified(format!("`{peer}` does not say which head it cosigned last")))
    }

    /// Asks a peer to cosign the head of an empty log, which every log extends: one that has cosigned more of it says so instead.
    async fn ask_for_nothing(&self, network: &NetworkHandle, peer: &str) -> Result<()> {
        let trust = self.trust()?;
        let origin = checkpoint::origin(trust.forum(), self.member());
        let empty = Checkpoint { origin, size: 0, root: log::empty_root() };
        let checkpoint = empty.sign(&self.keyring().key(Purpose::Log)?).or_invalid(|| "an empty head".to_owned())?;
        let body = AddCheckpoint { old: 0, proof: Vec::new(), checkpoint }.to_text();
        let asked = SyncRequest::Cosign { forum: trust.forum().to_owned(), body };
        match network.sync(peer, asked).await.or_unavailable(|| format!("`{peer}` does not cosign"))? {
            SyncResponse::Cosigned(_) => self.confirm_signer(peer).await,
            SyncResponse::Conflict(0) => Err(Error::unverified(format!("`{peer}` contradicts itself"))),
            SyncResponse::Conflict(size) => Err(ahead(peer, size, 0)),
            SyncResponse::Refused(reason) => Err(Error::denied(format!("`{peer}` does not cosign: {reason}"))),
            _ => Err(Error::unverified(format!("`{peer}` answered another question"))),
        }
    }

    async fn cosign_request(&self, head: &HeadRow, old: u64) -> Result<String> {
        let (store, mut head) = (self.store().clone(), head.clone());
        let trust = self.trust()?;
        let origin = checkpoint::origin(&head.forum, &head.member);
        let keys = log_keys_in_force(&trust, &head.member, self.now());
        // The same head once more, for it came back from the peers signed by a log key that nobody cosigns after any more.
        if let Err(CheckpointError::NotSigned(_)) = Checkpoint::verify(&head.checkpoint, &origin, &keys) {
            let key = self.keyring().key(Purpose::Log)?;
            let same = Checkpoint::read(&head.checkpoint, &origin).and_then(|same| same.sign(&key));
            head.checkpoint = same.or_invalid(|| "this node's own head".to_owned())?;
        }
        let work = move || {
            let stored = StoredHashes { store: &store, forum: &head.forum, member: &head.member };
            let proof = Tree(&stored).prove_consistency(head.size.max(0) as u64, old);
            let proof = proof.or_storage(|| "cannot prove the log's growth".to_owned())?;
            Ok(AddCheckpoint { old, proof, checkpoint: head.checkpoint }.to_text())
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the proof was cut off".to_owned())?
    }

    async fn keep_own_cosignature(&self, trust: &Trust, head: HeadRow, peer: &str, line: &str) -> Result<()> {
        let note = cosignature::joined(&head.checkpoint, [line.trim_end()]);
        let found = cosignature::verified(trust, &note).or_unverified(|| format!("the cosignature of `{peer}`"))?;
        let Some(own) = found.iter().find(|c| c.member == peer).map(|c| c.at) else {
            return Err(Error::unverified(format!("`{peer}` sent a cosignature that does not hold")));
        };
        let found = believable(trust, found, self.now());
        if !found.iter().any(|c| c.member == peer) {
            let (at, now) = (time::format(own), time::format(self.now()));
            return Err(Error::unverified(format!(
                "the cosignature of `{peer}` is not believed: it is suspended, or one of the clocks is wrong; it says {at}, and it is {now} here"
            )));
        }
        self.keep_cosignatures(trust, head, found).await
    }

    /// Takes over the cosignatures that a peer's copy of a head carries, if that head is held here.
    pub(crate) async fn learn_cosignatures(&self, info: &HeadInfo) -> Result<()> {
        let trust = self.trust()?;
        let Some(head) = self.head_of(trust.forum(), &info.member).await?.filter(is_complete) else { return Ok(()) };
        let origin = checkpoint::origin(trust.forum(), &info.member);
        let offered = Checkpoint::read(&info.checkpoint, &origin);
        let offered = offered.or_unverified(|| format!("the head of `{}`", info.member))?;
        if offered.size != head.size.max(0) as u64 || offered.root.0 != head.root.as_slice() {
            return Ok(());
        }
        let forum = trust.forum().to_owned();
        let held = self.store().run(move |s| s.cosignature_list(&forum)).await;
        let held = held.or_storage(|| "cannot read the cosignatures".to_owned())?;
        let known = |line: &&str| held.iter().any(|c| c.member == head.member && c.line == **line);
        let lines = info.checkpoint.rsplit_once("\n\n").map_or("", |(_, lines)| lines).lines();
        let new: Vec<&str> = lines.filter(|line| !known(line) && !head.checkpoint.contains(line)).collect();
        if new.is_empty() {
            return Ok(());
        }
        let note = cosignature::joined(&head.checkpoint, new);
        let found = cosignature::verified(&trust, &note).or_unverified(|| "a peer's cosignatures".to_owned())?;
        self.keep_cosignatures(&trust, head, believable(&trust, found, self.now())).await
    }

    /// Keeps cosignatures of a head that is held, and publishes it if they, with those held before, are enough.
    pub(crate) async fn keep_cosignatures(&self, trust: &Trust, head: HeadRow, found: Vec<Cosignature>) -> Result<()> {
        let row = |c: Cosignature| CosignatureRow {
            forum: head.forum.clone(),
            member: head.member.clone(),
            witness: c.member,
            size: head.size,
            root: head.root.clone(),
            at: c.at,
            line: c.line,
        };
        let rows: Vec<CosignatureRow> = found.into_iter().map(row).collect();
        let (trust, now) = (trust.clone(), self.now());
        let work = move |s: &Store| {
            s.cosignature_put(&rows, now.saturating_add(MAX_AHEAD_S))?;
            publish(s, &trust, head, now)
        };
        self.store().run(work).await.or_storage(|| "cannot keep a cosignature".to_owned())
    }
}

/// Keeps this node's own cosignature. The head is read after that, and the log, where it comes at the same time, is stored before its cosignatures are
/// read: one of the two publishes it.
fn keep_given(s: &Store, trust: &Trust, row: CosignatureRow, now: i64) -> std::result::Result<(), StoreError> {
    let rows = [row];
    s.cosignature_put(&rows, now.saturating_add(MAX_AHEAD_S))?;
    let [row] = rows;
    let held = s.head_get(&row.forum, &row.member)?;
    match held.filter(|held| is_complete(held) && (held.size, &held.root) == (row.size, &row.root)) {
        Some(held) => publish(s, trust, held, now),
        None => Ok(()),
    }
}

/// Publishes a head that is held, if enough have cosigned it.
fn publish(s: &Store, trust: &Trust, head: HeadRow, now: i64) -> std::result::Result<(), StoreError> {
    let checkpoint = cosigned_note(s, &head)?;
    let found = cosignature::verified(trust, &checkpoint).unwrap_or_default();
    if cosignature::counted(trust, &head.member, &found) >= trust.charter().witness_quorum(&head.member) {
        let HeadRow { forum, member, size, root, .. } = head;
        s.published_put(&PublishedHeadRow { forum, member, size, root, checkpoint, at: now })?;
    }
    Ok(())
}

/// Those of `found` that may be believed when they arrive, at `now`. A cosignature's time is its witness's own word: a state that is suspended now could
/// write one from before, and one of the future would outlast a suspension.
pub(crate) fn believable(trust: &Trust, mut found: Vec<Cosignature>, now: i64) -> Vec<Cosignature> {
    found.retain(|c| trust.suspended(&c.member, now).is_none() && c.at <= now.saturating_add(MAX_AHEAD_S));
    found
}

fn ahead(peer: &str, size: u64, held: i64) -> Error {
    tracing::error!(peer, size, held, "a peer has cosigned more of this log than is here");
    Error::conflict(format!(
        "`{peer}` has cosigned {size} leaves of this node's log, of which {held} are here: was an old backup restored?"
    ))
}

fn state(row: &WitnessedRow) -> Result<Witnessed> {
    let root = row.root.as_slice().try_into().map(Hash);
    let root = root.map_err(|_| Error::unverified("the stored root of a cosigned head is damaged"))?;
    Ok(Witnessed { size: row.size.max(0) as u64, root })
}
