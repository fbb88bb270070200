//! This node's own log as its peers hold it: a node that has lost all of it, or the end, gets it back from them.

use std::collections::BTreeMap;

use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::delegation::Delegation;
use chancery_ledger::proof::{log_keys, log_keys_in_force, unrevoked_log_keys};
use chancery_ledger::{Envelope, ForumBundle, PublicKey, Purpose, RecordKind, Trust};
use chancery_network::NetworkHandle;
use chancery_network::message::HeadInfo;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::verify::{Shown, witnesses};

/// Most delegations by earlier authority keys that are kept.
const MAX_DELEGATIONS: usize = 2_000;

/// What peers have said of this node's own log since it was opened.
#[derive(Debug, Default)]
pub(crate) struct OwnPast {
    /// The head that each of them showed last, and its note.
    shown: BTreeMap<String, (Checkpoint, String)>,
    /// Delegations of log keys by this member's earlier authority keys, as a peer's bundle had them. What a node does not know of itself it does not
    /// believe of them either, but the log that it gets back may be signed by such a key.
    delegations: Vec<Envelope>,
}

impl OwnPast {
    fn show(&mut self, peer: &str, head: Option<(Checkpoint, String)>) {
        match head {
            Some(head) => drop(self.shown.insert(peer.to_owned(), head)),
            None => drop(self.shown.remove(peer)),
        }
    }

    /// The peers that show this head.
    fn showing(&self, head: &Checkpoint) -> Vec<String> {
        self.shown.iter().filter(|(_, (shown, _))| shown == head).map(|(peer, _)| peer.clone()).collect()
    }

    /// The heads shown of more than `size` leaves: who shows them, their sizes and notes.
    fn beyond(&self, size: u64) -> Vec<(String, u64, String)> {
        let more = self.shown.iter().filter(|(_, (head, _))| head.size > size);
        more.map(|(peer, (head, note))| (peer.clone(), head.size, note.clone())).collect()
    }
}

impl Node {
    /// Notes which head of this node's own log a peer shows.
    pub(super) fn note_own_shown(&self, peer: &str, forum: &str, heads: &[HeadInfo]) {
        let origin = checkpoint::origin(forum, self.member());
        let own = heads.iter().find(|head| head.member == self.member());
        let read = |info: &HeadInfo| Some((Checkpoint::read(&info.checkpoint, &origin).ok()?, info.checkpoint.clone()));
        self.own_past().show(peer, own.and_then(read));
    }

    /// Keeps the delegations of this member's log keys in a peer's bundle that are not believed here, while it is in doubt what was signed.
    pub(super) async fn keep_own_past(&self, bundle: &ForumBundle) -> Result<()> {
        if !self.asks_peers().await? {
            return Ok(());
        }
        let is_own = |envelope: &&Envelope| {
            let payload = envelope.payload::<Delegation>(RecordKind::Delegation);
            payload.is_ok_and(|p| p.issuer == self.member() && p.body.purpose == Purpose::Log)
        };
        let offered: Vec<Envelope> = bundle.delegations.iter().filter(is_own).take(MAX_DELEGATIONS).cloned().collect();
        let (trust, mut kept) = (self.trust()?, self.own_past().delegations.clone());
        let work = move || {
            let mut with_past = (*trust).clone();
            kept.iter().for_each(|known| drop(with_past.add(known)));
            for envelope in offered {
                // What is known adds nothing.
                if kept.len() < MAX_DELEGATIONS && with_past.add(&envelope).unwrap_or(false) {
                    kept.push(envelope);
                }
            }
            kept
        };
        let kept = tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())?;
        self.own_past().delegations = kept;
        Ok(())
    }

    /// Every key that may have signed this node's own log before it forgot it. They sign nothing new.
    pub(super) async fn own_past_keys(&self, trust: &Trust) -> Result<Vec<PublicKey>> {
        let (mut trust, member, past) = (trust.clone(), self.member().to_owned(), self.own_past().delegations.clone());
        let work = move || {
            past.iter().for_each(|known| drop(trust.add(known)));
            log_keys(&trust, &member)
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())
    }

    /// The peers that show the head of this node's own log that `note` is of.
    pub(super) fn own_showing(&self, forum: &str, note: &str) -> Vec<String> {
        let head = Checkpoint::read(note, &checkpoint::origin(forum, self.member()));
        head.map(|head| self.own_past().showing(&head)).unwrap_or_default()
    }

    /// How many other states vouch for a head of this node's own log, and how many must; one that a key signed which has only ended needs none.
    fn own_witnesses(&self, trust: &Trust, note: &str) -> (usize, usize) {
        let origin = checkpoint::origin(trust.forum(), self.member());
        if Checkpoint::verify(note, &origin, &unrevoked_log_keys(trust, self.member())).is_ok() {
            return (0, 0);
        }
        let showing = self.own_showing(trust.forum(), note);
        let shown = Shown { member: self.member(), own: true, cosigned: note, showing: &showing, ..Shown::default() };
        witnesses(trust, &shown, self.now())
    }

    /// Who shows more than `size` leaves of this node's own log, and how many, so that `peer` cannot say that there are no more: it itself, or
    /// another by a head that is to be believed.
    pub(crate) async fn shown_beyond(&self, peer: &str, size: u64) -> Result<Option<(String, u64)>> {
        let mut beyond = self.own_past().beyond(size);
        // Its own word first: it needs no signatures.
        beyond.sort_by_key(|(shows, ..)| shows != peer);
        let (node, trust, peer) = (self.clone(), self.trust()?, peer.to_owned());
        let work = move || {
            let believed = |note: &str| {
                let (found, needed) = node.own_witnesses(&trust, note);
                found >= needed
            };
            let found = beyond.into_iter().find(|(shows, _, note)| *shows == peer || believed(note));
            found.map(|(shows, size, _)| (shows, size))
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())
    }

    /// A peer's copy of this node's own log: a larger one that is signed shows that this node has forgotten something.
    pub(super) async fn pull_own(
        &self,
        network: &NetworkHandle,
        peer: &str,
        forum: &str,
        info: &HeadInfo,
    ) -> Result<()> {
        let (trust, origin) = (self.trust()?, checkpoint::origin(forum, &info.member));
        let refused = || "a head said to be of this node's own log".to_owned();
        let offered = Checkpoint::read(&info.checkpoint, &origin).or_unverified(refused)?;
        let held = self.head_of(forum, &info.member).await?;
        let size = held.as_ref().map_or(0, |h| h.size.max(0) as u64);
        if offered.size <= size {
            return self.compare_head(held.as_ref(), &offered, &info.checkpoint).await;
        }
        match Checkpoint::verify(&info.checkpoint, &origin, &log_keys_in_force(&trust, &info.member, self.now())) {
            Ok(_) => {
                tracing::error!(
                    peer,
                    here = size,
                    signed = offered.size,
                    "this node has signed more of its log than it has"
                );
                self.doubt_signer(offered.size).await?;
            }
            // By a key that has ended or was revoked, a thief's perhaps: only one that knows that it has forgotten something asks further, and what it
            // is shown keeps it from signing only as long as it is believed.
            Err(refusal) if !self.asks_peers().await? => return Err(refusal).or_unverified(refused),
            Err(_) => {
                let (found, needed) = self.own_witnesses(&trust, &info.checkpoint);
                if found < needed {
                    return Err(Error::unverified(format!(
                        "{}: no log key in force signed its {} leaves, and {found} other states of the {needed} needed hold or cosigned them",
                        refused(),
                        offered.size
                    )));
                }
            }
        }
        self.pull_log(network, peer, forum, info).await
    }
}
