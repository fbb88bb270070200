//! The signer's memory: a node that may have signed more of its log than it remembers signs nothing until its peers have said how far
//! they know it; and one that may have cosigned heads that it does not remember cosigns none until its peers have shown theirs.

use std::collections::BTreeSet;

use chancery_ledger::charter::Role;
use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::{Trust, cosignature};
use chancery_network::message::HeadInfo;
use chancery_store::signer::{Continuity, Signed};
use chancery_store::witnessing::WitnessedRow;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::tiles::is_complete;

impl Node {
    /// Why this node may not sign its log of `size` leaves now; none if it may.
    pub(crate) fn signing_doubt(&self, trust: &Trust, size: u64) -> Result<Option<String>> {
        let continuity = self.folder().continuity(Signed::Log, trust.forum(), size);
        let alone = trust.charter().states().all(|m| m.id == self.member());
        let asked = || self.asked(trust);
        Ok(match continuity.or_storage(|| "cannot read the signer's mark".to_owned())? {
            Continuity::Unbroken => None,
            Continuity::Shorter(signed) => Some(format!(
                "this node has signed {signed} leaves of its log, of which {size} are here: an old backup was put back; \
                 `chancery serve` gets the rest from the peers"
            )),
            // Nobody can have seen more, and nobody can be asked.
            Continuity::Unmarked | Continuity::Copied if alone => None,
            Continuity::Unmarked if size == 0 => Some(format!(
                "the keys in this folder may have signed a log that is not here: that is known when {}; \
                 `chancery serve` asks them, and gets the log from them",
                asked()
            )),
            Continuity::Unmarked | Continuity::Copied => Some(format!(
                "this folder was put back or copied: whether more than {size} leaves of its log were signed is known when {}; \
                 `chancery serve` asks them",
                asked()
            )),
        })
    }

    /// Refuses to sign while it is in doubt what was signed last.
    pub(crate) fn check_signer(&self, trust: &Trust, size: u64) -> Result<()> {
        match self.signing_doubt(trust, size)? {
            None => Ok(()),
            Some(doubt) => {
                tracing::error!(doubt, "nothing is signed");
                Err(Error::conflict(format!("nothing is signed: {doubt}")))
            }
        }
    }

    /// Remembers that `size` leaves were signed; the log itself is stored already, so that a failure here only makes this node ask.
    pub(crate) fn mark_signed(&self, forum: &str, size: u64) {
        if let Err(error) = self.folder().signer_mark_put(Signed::Log, forum, size) {
            tracing::warn!(%error, "cannot write the signer's mark: the peers will be asked before the next signature");
        }
    }

    /// Remembers that more was signed than is here: nothing is signed until it is.
    pub(crate) async fn doubt_signer(&self, signed: u64) -> Result<()> {
        let (folder, forum) = (self.folder().clone(), self.trust()?.forum().to_owned());
        let work = move || folder.signer_doubt_put(Signed::Log, &forum, signed);
        let marked = tokio::task::spawn_blocking(work).await.or_storage(|| "the mark was cut off".to_owned())?;
        marked.or_storage(|| "cannot write the signer's mark".to_owned())
    }

    /// Whether peers must be asked what they have cosigned before this node signs.
    pub(crate) async fn asks_peers(&self) -> Result<bool> {
        let trust = self.trust()?;
        let size = self.head_of(trust.forum(), self.member()).await?.map_or(0, |h| h.size.max(0) as u64);
        Ok(self.signing_doubt(&trust, size)?.is_some())
    }

    /// A peer knows no more of this node's log than is here. Once so many have said so that one of them must have seen every head
    /// that was ever published, this node may sign again.
    pub(crate) async fn confirm_signer(&self, peer: &str) -> Result<()> {
        let trust = self.trust()?;
        let size = match self.head_of(trust.forum(), self.member()).await? {
            None => 0,
            Some(head) if is_complete(&head) => head.size.max(0) as u64,
            Some(_) => return Ok(()),
        };
        let shorter = matches!(
            self.folder()
                .continuity(Signed::Log, trust.forum(), size)
                .or_storage(|| "cannot read the signer's mark".to_owned())?,
            Continuity::Shorter(_)
        );
        if shorter || trust.charter().member(peer).is_none_or(|m| m.role != Role::MemberState) {
            return Ok(());
        }
        if let Some((shows, more)) = self.shown_beyond(peer, size).await? {
            tracing::error!(
                peer,
                shows,
                more,
                here = size,
                "a peer holds more of this node's log than is here: nothing is signed until it has come"
            );
            return Ok(());
        }
        let current = current(&trust, self.member(), self.now());
        let peers = self.confirmed(size, peer);
        let (said, silent): (Vec<&str>, Vec<&str>) = current.iter().copied().partition(|id| peers.contains(*id));
        let (said, needed) = (said.len(), needed(&trust, self.member(), current.len()));
        if said < needed {
            tracing::warn!(said, needed, waits_for = ?silent, "whether more of this node's log was signed is not known yet");
            return Ok(());
        }
        tracing::warn!(size, said, "the peers know no more of this node's log than is here: it signs again");
        let (folder, forum) = (self.folder().clone(), trust.forum().to_owned());
        let work = move || folder.signer_mark_put(Signed::Log, &forum, size);
        let marked = tokio::task::spawn_blocking(work).await.or_storage(|| "the mark was cut off".to_owned())?;
        marked.or_storage(|| "cannot write the signer's mark".to_owned())?;
        self.log_own_mandates().await
    }

    /// Refuses to cosign while it is in doubt what was cosigned last: a witness that has forgotten would cosign another head of the same log.
    pub(crate) fn check_witness(&self, trust: &Trust) -> Result<()> {
        if !self.witness_doubt(trust)? {
            return Ok(());
        }
        Err(Error::unavailable(
            "this node's folder or database was put back or copied: it cosigns nothing until most other states have shown it what it has cosigned",
        ))
    }

    fn witness_doubt(&self, trust: &Trust) -> Result<bool> {
        let remembered = self.cosigned_leaves(trust.forum())?;
        let continuity = self.folder().continuity(Signed::Witness, trust.forum(), remembered);
        let unbroken = continuity.or_storage(|| "cannot read the witness's mark".to_owned())? == Continuity::Unbroken;
        Ok(!unbroken && trust.charter().states().any(|m| m.id != self.member()))
    }

    /// How many leaves the heads that were cosigned last have together: a head forgotten makes them fewer.
    fn cosigned_leaves(&self, forum: &str) -> Result<u64> {
        let rows = self.store().witnessed_list(forum).or_storage(|| "cannot read what was cosigned".to_owned())?;
        Ok(rows.iter().fold(0, |sum, row| sum.saturating_add(row.size.max(0) as u64)))
    }

    /// Remembers what this node's witness is about to cosign after `last`, before it is given out; perhaps once more. Its memory is held meanwhile.
    pub(crate) fn remember_cosigned(
        &self,
        _memory: &mut WitnessMemory,
        last: Option<&WitnessedRow>,
        new: &WitnessedRow,
    ) -> Result<()> {
        if last != Some(new)
            && !self
                .store()
                .witnessed_advance(last, new)
                .or_storage(|| "cannot remember what is cosigned".to_owned())?
        {
            return Err(Error::conflict("another request came first: ask again"));
        }
        let failed = || "cannot write the witness's mark".to_owned();
        let leaves = self.cosigned_leaves(&new.forum)?;
        match self.folder().signer_mark_size(Signed::Witness, &new.forum).or_storage(failed)? {
            Some(marked) if marked >= leaves => Ok(()),
            _ => self.folder().signer_mark_put(Signed::Witness, &new.forum, leaves).or_storage(failed),
        }
    }

    /// A peer has shown every head that it holds, and what this node has cosigned before them: takes up what its witness has forgotten. Once most
    /// states have shown theirs, the witness cosigns again.
    pub(crate) async fn recall_cosigned(&self, peer: &str, shown: &[HeadInfo]) -> Result<()> {
        let (node, peer, trust, shown) = (self.clone(), peer.to_owned(), self.trust()?, shown.to_vec());
        let work = move || {
            let failed = || "cannot write the witness's mark".to_owned();
            let mut memory = node.witness_memory();
            if memory.sure {
                return Ok(());
            }
            if !node.witness_doubt(&trust)? {
                memory.sure = true;
                return Ok(());
            }
            // What one peer shows may be all that the mark knew of, and not all that was cosigned.
            let remembered = node.cosigned_leaves(trust.forum())?;
            node.folder().signer_doubt_put(Signed::Witness, trust.forum(), remembered).or_storage(failed)?;
            for head in shown.iter().filter(|head| head.member != node.member()) {
                for note in head.cosigned.iter().chain([&head.checkpoint]) {
                    node.recall(&trust, &head.member, note)?;
                }
            }
            memory.heard.insert(peer);
            let current = current(&trust, node.member(), node.now());
            let heard = current.iter().filter(|id| memory.heard.contains(**id)).count();
            if heard < (current.len() / 2 + 1).min(current.len()) {
                return Ok(());
            }
            tracing::warn!(heard, "the peers have shown what this node's witness has cosigned: it cosigns again");
            let remembered = node.cosigned_leaves(trust.forum())?;
            node.folder().witness_mark_renew(trust.forum(), remembered).or_storage(failed)
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the mark was cut off".to_owned())?
    }

    /// Takes up what this node's witness has cosigned of the log of `owner` by `note`, if that is more than it remembers.
    fn recall(&self, trust: &Trust, owner: &str, note: &str) -> Result<()> {
        let failed = || "cannot remember what was cosigned".to_owned();
        let last = self.store().witnessed_get(trust.forum(), owner).or_storage(failed)?;
        let Some(recalled) = cosigned_by(trust, self.member(), owner, note, last.as_ref()) else { return Ok(()) };
        tracing::warn!(
            member = owner,
            size = recalled.size,
            "this node's witness has cosigned a head that it had forgotten"
        );
        if self.store().witnessed_advance(last.as_ref(), &recalled).or_storage(failed)? {
            Ok(())
        } else {
            Err(Error::conflict("another process of this node cosigns"))
        }
    }

    /// Who must be asked before this node signs, in words.
    fn asked(&self, trust: &Trust) -> String {
        let current = current(trust, self.member(), self.now());
        let needed = needed(trust, self.member(), current.len());
        format!(
            "{needed} other states of {} have been asked (one that does not come back can be suspended or removed by the others)",
            current.iter().map(|id| format!("`{id}`")).collect::<Vec<_>>().join(", ")
        )
    }
}

/// What the witness of `member` has cosigned of the log of `owner` by `note`, if that is more than `last`.
fn cosigned_by(
    trust: &Trust,
    member: &str,
    owner: &str,
    note: &str,
    last: Option<&WitnessedRow>,
) -> Option<WitnessedRow> {
    let offered = Checkpoint::read(note, &checkpoint::origin(trust.forum(), owner)).ok()?;
    let size = i64::try_from(offered.size).ok()?;
    let is_more = last.is_none_or(|last| last.size < size);
    if !is_more || !note.contains(&cosignature::witness_name(trust.forum(), member)) {
        return None;
    }
    let own = cosignature::verified(trust, note).ok()?.into_iter().find(|c| c.member == member)?;
    let at = last.map_or(own.at, |last| last.at.max(own.at));
    let (forum, member) = (trust.forum().to_owned(), owner.to_owned());
    Some(WitnessedRow { forum, member, size, root: offered.root.0.to_vec(), at })
}

/// The other states whose nodes can answer at `at`: a suspended one's is not let in.
fn current<'a>(trust: &'a Trust, member: &str, at: i64) -> Vec<&'a str> {
    let states = trust.charter().states().map(|m| m.id.as_str());
    states.filter(|id| *id != member && trust.suspended(id, at).is_none()).collect()
}

/// So many of the `current` states that every quorum of witnesses among them has one of these. What only suspended states have cosigned is not
/// known then: by suspending them the others have said that the forum goes on without them.
fn needed(trust: &Trust, member: &str, current: usize) -> usize {
    match trust.charter().witness_quorum(member).min(current) {
        0 => current / 2 + 1,
        quorum => current + 1 - quorum,
    }
    .min(current)
}

/// What this process knows of what its witness remembers.
#[derive(Debug, Default)]
pub(crate) struct WitnessMemory {
    /// It was found to remember what it has cosigned.
    sure: bool,
    /// Which peers have shown every head that they hold since it was in doubt.
    heard: BTreeSet<String>,
}

impl WitnessMemory {
    /// It is in doubt, perhaps again: what was heard before it was sure does not count.
    pub(crate) fn doubt(&mut self) {
        if std::mem::take(&mut self.sure) {
            self.heard.clear();
        }
    }
}

/// Who has said that it knows no more of this node's log than so many leaves.
#[derive(Debug, Default)]
pub(crate) struct Confirmations {
    size: u64,
    peers: BTreeSet<String>,
}

impl Confirmations {
    /// Those who have, with this one. What was said of another size counts no more.
    pub(crate) fn add(&mut self, size: u64, peer: &str) -> BTreeSet<String> {
        if self.size != size {
            *self = Self { size, peers: BTreeSet::new() };
        }
        self.peers.insert(peer.to_owned());
        self.peers.clone()
    }
}
