//! Joining a forum, and taking over what its members have agreed since.

use chancery_ledger::trust::Merged;
use chancery_ledger::{ForumBundle, PublicKey, RecordKind, Trust};
use chancery_store::Store;
use chancery_store::logs::ForumRow;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// How often to try again when another process of this node changes the forum at the same time.
const ATTEMPTS: usize = 5;

impl Node {
    /// Verifies `bundle` against the genesis id told out of band, and joins. Joining again adopts what is new. Only the charters prove themselves by that
    /// id: of the rest a newcomer believes no more than a node that runs, so not what a replaced key may have signed after its time. Nor does a record
    /// that is refused keep it out: one member could keep out everybody.
    ///
    /// # Errors
    /// The charters do not hold, or do not name this member; or this node is in another forum.
    pub async fn join(&self, bundle: &ForumBundle, genesis: &str) -> Result<Merged> {
        let refused = || "the bundle is refused".to_owned();
        let mut trust = Trust::found(genesis, bundle).or_unverified(refused)?;
        if trust.charter().member(self.member()).is_none() {
            return Err(Error::denied(format!("the charter does not name `{}`: this node cannot join", self.member())));
        }
        if let Ok(joined) = self.trust() {
            if joined.forum() != trust.forum() {
                return Err(Error::conflict(format!(
                    "this node has already joined the forum `{}`: make one for another forum beneath it by `chancery --forum NAME init`",
                    joined.charter().forum_name
                )));
            }
            return self.adopt(bundle).await;
        }
        let merged = trust.merge(bundle, self.now()).or_unverified(refused)?;
        for error in &merged.refused {
            tracing::warn!(%error, "a record of the bundle is refused");
        }
        let bundle = serde_json::to_vec(&trust.bundle()).or_storage(|| "cannot write the bundle".to_owned())?;
        let (id, name) = (trust.forum().to_owned(), trust.charter().forum_name.clone());
        let joined_at = self.now();
        let put = move |s: &Store, bundle: &[u8]| {
            s.forum_put(&ForumRow { id, name, joined_at, bundle: bundle.to_vec() })?;
            Ok(true)
        };
        self.store_trust(trust, bundle, put).await?;
        self.log_own_mandates().await?;
        Ok(merged)
    }

    /// Adopts what is new in `bundle`: a charter that enough have signed, suspensions, revocations, delegations.
    ///
    /// # Errors
    /// Nothing of it is new, or what is new does not hold.
    pub async fn adopt(&self, bundle: &ForumBundle) -> Result<Merged> {
        let merged = self.take_over(bundle).await?;
        if let (Some(first), false) = (merged.refused.first(), merged.changed()) {
            let mut what = first.to_string();
            if merged.refused.len() > 1 {
                what = format!("{what} (and {} more)", merged.refused.len() - 1);
            }
            return Err(Error::unverified(format!("nothing was adopted: {what}")));
        }
        self.follow_own_keys().await?;
        let trust = self.trust()?;
        let kept =
            |e: &chancery_ledger::Envelope| trust.conflicting().iter().any(|known| known.id().ok() == e.id().ok());
        if !merged.changed() && bundle.charters.iter().chain(&bundle.conflicting).any(kept) {
            return Err(Error::unverified(
                "ALARM: this bundle holds the charter that contradicts the one in force: both are kept as evidence, membership is frozen, and \
                 neither is adopted after the first; `chancery doctor` says what settles it",
            ));
        }
        Ok(merged)
    }

    /// Puts keys that waited in their place where the forum knows them now, and what is new of this member into its log.
    pub(crate) async fn follow_own_keys(&self) -> Result<()> {
        let trust = self.trust()?;
        let Some(member) = trust.charter().member(self.member()) else { return Ok(()) };
        self.keyring().promote(&trust, self.member(), &member.authority_key, self.now())?;
        self.log_own_mandates().await
    }

    /// Merges `bundle` into what is stored, whatever another process of this node does at the same time.
    pub(crate) async fn take_over(&self, bundle: &ForumBundle) -> Result<Merged> {
        self.take_over_if(bundle, |_| Ok(())).await
    }

    /// Takes over the delegations and revocations in `bundle`, which stand in the log of `owner`.
    pub(crate) async fn take_over_logged(&self, bundle: &ForumBundle, owner: &str) -> Result<Merged> {
        self.take_over_as(bundle, Some(owner), |_| Ok(())).await
    }

    /// [`Node::take_over`], but nothing is stored if `accept` refuses what would be taken over.
    pub(crate) async fn take_over_if(
        &self,
        bundle: &ForumBundle,
        accept: impl Fn(&Merged) -> Result<()>,
    ) -> Result<Merged> {
        self.take_over_as(bundle, None, accept).await
    }

    async fn take_over_as(
        &self,
        bundle: &ForumBundle,
        logged_by: Option<&str>,
        accept: impl Fn(&Merged) -> Result<()>,
    ) -> Result<Merged> {
        for _ in 0..ATTEMPTS {
            let Some((stored, trust)) = self.reload_trust().await? else { break };
            let (offered, now, mut next) = (bundle.clone(), self.now(), (*trust).clone());
            let owner = logged_by.map(str::to_owned);
            let work = move || {
                let merged = match owner {
                    Some(owner) => Ok(next.merge_logged(&offered, &owner)),
                    None => next.merge(&offered, now),
                };
                merged.map(|merged| (next, merged))
            };
            let merged = tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())?;
            let (next, merged) = merged.or_unverified(|| "the bundle is refused".to_owned())?;
            accept(&merged)?;
            for error in &merged.dropped {
                tracing::warn!(forum = next.forum(), %error, "a record of the forum does not count any more and is dropped");
            }
            if merged.conflicting > 0 {
                tracing::error!(
                    forum = next.forum(),
                    "ALARM: two valid charters of one number: membership is frozen, both are kept as evidence"
                );
            }
            if !merged.changed() {
                return Ok(merged);
            }
            let bytes = serde_json::to_vec(&next.bundle()).or_storage(|| "cannot write the bundle".to_owned())?;
            let (id, name) = (next.forum().to_owned(), next.charter().forum_name.clone());
            let update = move |s: &Store, new: &[u8]| s.forum_update(&id, &stored, new, &name);
            if self.store_trust(next, bytes, update).await? {
                return Ok(merged);
            }
        }
        Err(Error::conflict("another process of this node is changing the forum: try again"))
    }

    /// Puts the charters and suspensions that this member proposed, its delegations and its revocations into its log: they are history. Only those by its
    /// present authority key: what its log holds the others believe, whenever it was signed. Not while it is in doubt what was signed last: then
    /// they follow once that is settled.
    pub(crate) async fn log_own_mandates(&self) -> Result<()> {
        let trust = self.trust()?;
        if self.asks_peers().await? {
            tracing::warn!(
                "this member's delegations are not in its log yet: its peers must be asked first what it has signed"
            );
            return Ok(());
        }
        let present = trust.charter().member(self.member()).map(|m| m.authority_key);
        let own = |member: &str, authority: PublicKey| member == self.member() && Some(authority) == present;
        let delegations = trust.delegations().filter(|d| own(&d.member, d.authority));
        let delegations = delegations.map(|d| (RecordKind::Delegation, d.id.clone(), d.envelope.clone()));
        let revocations = trust.revocations().filter(|r| own(&r.member, r.authority));
        let revocations = revocations.map(|r| (RecordKind::Revocation, r.id.clone(), r.envelope.clone()));
        let bundle = trust.bundle();
        let (charters, suspensions) = (bundle.charters.into_iter(), bundle.suspensions.into_iter());
        let charters =
            charters.map(|e| (RecordKind::Charter, e)).chain(suspensions.map(|e| (RecordKind::Suspension, e)));
        let proposed = charters.filter(|(kind, e)| {
            e.payload::<serde_json::Value>(*kind).is_ok_and(|payload| payload.issuer == self.member())
        });
        let proposed = proposed.filter_map(|(kind, e)| Some((kind, e.id().ok()?, e)));
        let mut new = Vec::new();
        for (kind, id, envelope) in proposed.chain(delegations).chain(revocations) {
            let known =
                self.store().run(move |s| s.record_get(&id)).await.or_storage(|| "cannot read a record".to_owned())?;
            if known.is_none() {
                new.push((kind, envelope));
            }
        }
        if new.is_empty() { Ok(()) } else { self.append_public(new).await }
    }

    /// The forum joined.
    pub async fn forum_bundle(&self) -> Result<ForumBundle> {
        let forums = self.store().run(Store::forum_list).await.or_storage(|| "cannot read the forum".to_owned())?;
        if forums.is_empty() {
            return Err(Error::invalid("this node has joined no forum yet: run `chancery forum join`"));
        }
        Ok(self.trust()?.bundle())
    }
}
