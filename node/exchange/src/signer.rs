//! The signer's memory: a node that may have signed more of its log than it remembers signs nothing until its peers have said how far
//! they know it.

use std::collections::BTreeSet;

use chancery_ledger::Trust;
use chancery_ledger::charter::Role;
use chancery_store::signer::Continuity;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::tiles::is_complete;

impl Node {
    /// Why this node may not sign its log of `size` leaves now; none if it may.
    pub(crate) fn signing_doubt(&self, trust: &Trust, size: u64) -> Result<Option<String>> {
        let continuity = self.folder().continuity(trust.forum(), size);
        let alone = others(trust, self.member()) == 0;
        Ok(match continuity.or_storage(|| "cannot read the signer's mark".to_owned())? {
            Continuity::Unbroken => None,
            Continuity::Shorter(signed) => Some(format!(
                "this node has signed {signed} leaves of its log, of which {size} are here: an old backup was put back; \
                 `chancery serve` gets the rest from the peers"
            )),
            // Nobody can have seen more, and nobody can be asked.
            Continuity::Unmarked | Continuity::Copied if alone => None,
            Continuity::Unmarked if size == 0 => Some(format!(
                "the keys in this folder may have signed a log that is not here: that is known when {} other states have been asked; \
                 `chancery serve` asks them, and gets the log from them",
                needed(trust, self.member())
            )),
            Continuity::Unmarked | Continuity::Copied => Some(format!(
                "this folder was put back or copied: whether more than {size} leaves of its log were signed is known when {} other \
                 states have been asked; `chancery serve` asks them",
                needed(trust, self.member())
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
        if let Err(error) = self.folder().signer_mark_put(forum, size) {
            tracing::warn!(%error, "cannot write the signer's mark: the peers will be asked before the next signature");
        }
    }

    /// Remembers that more was signed than is here: nothing is signed until it is.
    pub(crate) async fn doubt_signer(&self, signed: u64) -> Result<()> {
        let (folder, forum) = (self.folder().clone(), self.trust()?.forum().to_owned());
        let work = move || folder.signer_doubt_put(&forum, signed);
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
            self.folder().continuity(trust.forum(), size).or_storage(|| "cannot read the signer's mark".to_owned())?,
            Continuity::Shorter(_)
        );
        if shorter || trust.charter().member(peer).is_none_or(|m| m.role != Role::MemberState) {
            return Ok(());
        }
        let said = self.confirmed(size, peer);
        if said < needed(&trust, self.member()) {
            return Ok(());
        }
        tracing::warn!(size, said, "the peers know no more of this node's log than is here: it signs again");
        let (folder, forum) = (self.folder().clone(), trust.forum().to_owned());
        let work = move || folder.signer_mark_put(&forum, size);
        let marked = tokio::task::spawn_blocking(work).await.or_storage(|| "the mark was cut off".to_owned())?;
        marked.or_storage(|| "cannot write the signer's mark".to_owned())?;
        self.log_own_mandates().await
    }
}

fn others(trust: &Trust, member: &str) -> usize {
    trust.charter().states().filter(|m| m.id != member).count()
}

/// So many states that every quorum of witnesses has one among them.
fn needed(trust: &Trust, member: &str) -> usize {
    let others = others(trust, member);
    match trust.charter().witness_quorum(member) {
        0 => others / 2 + 1,
        quorum => others + 1 - quorum,
    }
    .min(others)
}

/// Who has said that it knows no more of this node's log than so many leaves.
#[derive(Debug, Default)]
pub(crate) struct Confirmations {
    size: u64,
    peers: BTreeSet<String>,
}

impl Confirmations {
    /// How many have, with this one. What was said of another size counts no more.
    pub(crate) fn add(&mut self, size: u64, peer: &str) -> usize {
        if self.size != size {
            *self = Self { size, peers: BTreeSet::new() };
        }
        self.peers.insert(peer.to_owned());
        self.peers.len()
    }
}
