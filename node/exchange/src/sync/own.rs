//! This node's own log as its peers hold it: a node that has lost all of it, or the end, gets it back from them.

use std::collections::BTreeMap;

use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::delegation::Delegation;
use chancery_ledger::proof::unrevoked_log_keys;
use chancery_ledger::{Envelope, ForumBundle, Purpose, RecordKind, Trust};
use chancery_network::NetworkHandle;
use chancery_network::message::HeadInfo;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::verify::{Shown, keys_in_force, witnesses};

/// Most delegations by earlier authority keys that are kept.
const MAX_DELEGATIONS: usize = 2_000;

/// What peers have said of this node's own log since it was opened.
#[derive(Debug, Default)]
pub(crate) struct OwnPast {
    /// The head that each of them showed last.
    shown: BTreeMap<String, Checkpoint>,
    /// Delegations of log keys by this member's earlier authority keys, as a peer's bundle had them. What a node does not know of itself it does not
    /// believe of them either, but the log that it gets back may be signed by such a key.
    delegations: Vec<Envelope>,
}

impl OwnPast {
    fn show(&mut self, peer: &str, head: Option<Checkpoint>) {
        match head {
            Some(head) => drop(self.shown.insert(peer.to_owned(), head)),
            None => drop(self.shown.remove(peer)),
        }
    }

    /// The peers that show this head.
    fn showing(&self, head: &Checkpoint) -> Vec<String> {
        self.shown.iter().filter(|(_, shown)| *shown == head).map(|(peer, _)| peer.clone()).collect()
    }

    /// Whether a peer shows more than `size` leaves: it cannot say too that there are no more.
    pub(crate) fn shows_more(&self, peer: &str, size: u64) -> bool {
        self.shown.get(peer).is_some_and(|head| head.size > size)
    }
}

impl Node {
    /// Notes which head of this node's own log a peer shows.
    pub(super) fn note_own_shown(&self, peer: &str, forum: &str, heads: &[HeadInfo]) {
        let origin = checkpoint::origin(forum, self.member());
        let own = heads.iter().find(|head| head.member == self.member());
        self.own_past().show(peer, own.and_then(|head| Checkpoint::read(&head.checkpoint, &origin).ok()));
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
        let (node, trust) = (self.clone(), self.trust()?);
        let work = move || {
            let mut past = node.own_past();
            let mut with_past = (*trust).clone();
            past.delegations.iter().for_each(|known| drop(with_past.add(known)));
            for envelope in offered {
                // What is known adds nothing.
                if past.delegations.len() < MAX_DELEGATIONS && with_past.add(&envelope).unwrap_or(false) {
                    past.delegations.push(envelope);
                }
            }
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())
    }

    /// The peers that show the head `note` of this node's own log, and `trust` with what may have signed it, while it is in doubt what was signed.
    pub(super) async fn own_shown(&self, trust: &Trust, note: &str) -> Result<(Vec<String>, Trust)> {
        if !self.asks_peers().await? {
            return Ok((Vec::new(), trust.clone()));
        }
        let origin = checkpoint::origin(trust.forum(), self.member());
        let head = Checkpoint::read(note, &origin);
        let head = head.or_unverified(|| "a head said to be of this node's own log".to_owned())?;
        let (node, mut trust) = (self.clone(), trust.clone());
        let work = move || {
            let past = node.own_past();
            past.delegations.iter().for_each(|known| drop(trust.add(known)));
            (past.showing(&head), trust)
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
        let now = self.now();
        match Checkpoint::verify(&info.checkpoint, &origin, &keys_in_force(&trust, &info.member, now)) {
            Ok(_) => {
                tracing::error!(
                    peer,
                    here = size,
                    signed = offered.size,
                    "this node has signed more of its log than it has"
                );
                self.doubt_signer(offered.size).await?;
            }
            // By a key that has ended or was revoked: only one that knows that it has forgotten something asks further.
            Err(refusal) if !self.asks_peers().await? => return Err(refusal).or_unverified(refused),
            Err(_)
                if Checkpoint::verify(&info.checkpoint, &origin, &unrevoked_log_keys(&trust, &info.member)).is_ok() =>
            {
                self.doubt_signer(offered.size).await?;
            }
            // A thief's, or this node's before it has lost its log. How much it signed is not noted: a thief could make it more than there ever is.
            Err(_) => {
                let (showing, _) = self.own_shown(&trust, &info.checkpoint).await?;
                let shown = Shown { showing: &showing, ..Shown::of(info, self.member()) };
                let (found, needed) = witnesses(&trust, &shown, now);
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
