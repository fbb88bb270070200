//! Founding a forum: cards, draft, signatures, joining, and renewing delegations.

use chancery_ledger::charter::{Charter, Fraction, Member, Role, Rules, Thresholds, signed_states};
use chancery_ledger::delegation::{Delegation, MAX_LIFE_S};
use chancery_ledger::{Envelope, ForumBundle, KeyPair, Payload, Purpose, RecordKind, Trust, time};
use chancery_store::Store;
use chancery_store::logs::ForumRow;

use crate::config::NodeConfig;
use crate::error::{Doing as _, Error, Result};
use crate::keyring::Keyring;
use crate::node::Node;
use crate::seal::NewRecord;

/// Seconds by which delegations begin early, for peers whose clock is behind.
const EARLY_S: i64 = 600;

/// What a member tells whoever drafts the charter.
pub fn card(config: &NodeConfig, keyring: &Keyring) -> Result<Member> {
    let role = Role::parse(&config.member.role).ok_or_else(|| {
        Error::invalid(format!("`{}` is no role: use member-state, observer or secretariat", config.member.role))
    })?;
    let announce = if config.network.announce.is_empty() { &config.network.listen } else { &config.network.announce };
    Ok(Member {
        id: config.member.id.clone(),
        name: config.member.name.clone(),
        role,
        authority_key: keyring
            .authority_public()?
            .parse()
            .or_invalid(|| "the authority's public key is damaged".to_owned())?,
        addresses: announce.clone(),
    })
}

/// The founding charter from the members' cards, unsigned.
pub fn draft(name: &str, months: u32, four_eyes: bool, members: Vec<Member>, now: i64) -> Result<ForumBundle> {
    let fraction = |n, d| Fraction::new(n, d).ok_or_else(|| Error::invalid("a threshold is no fraction"));
    let proposer = members.iter().find(|m| m.role == Role::Secretariat).or(members.first());
    let issuer = proposer.ok_or_else(|| Error::invalid("a forum needs members: give their cards"))?.id.clone();
    let charter = Charter {
        forum_name: name.to_owned(),
        version: 1,
        previous: None,
        members,
        thresholds: Thresholds { admit: fraction(2, 3)?, remove: fraction(2, 3)?, amend: fraction(3, 4)? },
        rules: Rules { four_eyes, schema: "RCP 1.0.0".to_owned(), witness_quorum: None },
        expires: time::format(now + i64::from(months) * 30 * 24 * 3600),
    };
    let payload = Payload {
        forum: String::new(),
        issuer,
        issued_at: time::format(now),
        kind: RecordKind::Charter,
        body: charter,
    };
    let envelope = Envelope::seal(&payload, &[]).or_invalid(|| "cannot write the draft".to_owned())?;
    Ok(ForumBundle { charters: vec![envelope], delegations: Vec::new() })
}

/// Adds this member's signature to the newest charter of `bundle`, and its delegations. Returns the genesis id and the
/// member states that have signed.
pub fn sign(
    bundle: &mut ForumBundle,
    member: &str,
    keyring: &Keyring,
    authority: &KeyPair,
    now: i64,
) -> Result<(String, Vec<String>)> {
    let malformed = || "the bundle is malformed".to_owned();
    let genesis = bundle.charters.first().ok_or_else(|| Error::invalid("the bundle holds no charter"))?;
    let forum = genesis.id().or_invalid(malformed)?;
    let newest = bundle.charters.last_mut().ok_or_else(|| Error::invalid("the bundle holds no charter"))?;
    let charter = newest.payload::<Charter>(RecordKind::Charter).or_invalid(malformed)?.body;
    let named = charter.member(member).ok_or_else(|| {
        Error::denied(format!("the charter does not name `{member}`: this bundle is not for this node"))
    })?;
    if named.authority_key != authority.public() {
        return Err(Error::denied(format!(
            "the charter names another authority key for `{member}`: ask for a new draft"
        )));
    }
    newest.sign(authority).or_invalid(malformed)?;
    let signed = signed_states(newest, &charter, None);
    let wanted = delegate(&forum, member, keyring, authority, now)?;
    let kept = |e: &Envelope| e.payload::<Delegation>(RecordKind::Delegation).is_ok_and(|p| p.issuer != member);
    bundle.delegations.retain(kept);
    bundle.delegations.extend(wanted);
    Ok((forum, signed))
}

/// Delegations of every key in `keyring`, for 90 days.
fn delegate(forum: &str, member: &str, keyring: &Keyring, authority: &KeyPair, now: i64) -> Result<Vec<Envelope>> {
    let mut keys = Vec::new();
    for purpose in [Purpose::Log, Purpose::Witness, Purpose::Publisher, Purpose::Transport] {
        keys.push((purpose, purpose.to_string(), keyring.key(purpose)?.public()));
    }
    for name in keyring.operators()? {
        let key = keyring.operator(&name)?.public();
        keys.push((Purpose::Operator, name, key));
    }
    let not_before = now - EARLY_S;
    let delegations = keys.into_iter().map(|(purpose, name, key)| {
        let body = Delegation {
            purpose,
            key,
            name,
            not_before: time::format(not_before),
            not_after: time::format(not_before + MAX_LIFE_S),
        };
        let payload = Payload {
            forum: forum.to_owned(),
            issuer: member.to_owned(),
            issued_at: time::format(now),
            kind: RecordKind::Delegation,
            body,
        };
        Envelope::seal(&payload, &[authority]).or_invalid(|| "cannot sign a delegation".to_owned())
    });
    delegations.collect()
}

impl Node {
    /// Verifies `bundle` against the genesis id told out of band, and joins. Joining again adds new delegations.
    pub async fn join(&self, bundle: &ForumBundle, genesis: &str) -> Result<()> {
        let trust = Trust::verify(Some(genesis), bundle).or_unverified(|| "the bundle is refused".to_owned())?;
        if trust.charter().member(self.member()).is_none() {
            return Err(Error::denied(format!("the charter does not name `{}`: this node cannot join", self.member())));
        }
        if let Ok(joined) = self.trust()
            && joined.forum() != trust.forum()
        {
            return Err(Error::conflict(format!(
                "this node has already joined the forum `{}`",
                joined.charter().forum_name
            )));
        }
        let row = ForumRow {
            id: trust.forum().to_owned(),
            name: trust.charter().forum_name.clone(),
            joined_at: self.now(),
            bundle: serde_json::to_vec(&trust.bundle()).or_storage(|| "cannot write the bundle".to_owned())?,
        };
        self.store().run(move |s| s.forum_put(&row)).await.or_storage(|| "cannot store the forum".to_owned())?;
        self.set_trust(trust);
        self.log_own_delegations().await
    }

    /// Puts this member's delegations into its log, so that those who sync learn of renewed ones.
    async fn log_own_delegations(&self) -> Result<()> {
        let trust = self.trust()?;
        let mut new = Vec::new();
        for delegation in trust.delegations().filter(|d| d.member == self.member()) {
            let id = delegation.id.clone();
            let known =
                self.store().run(move |s| s.record_get(&id)).await.or_storage(|| "cannot read a record".to_owned())?;
            if known.is_none() {
                new.push(NewRecord::public(RecordKind::Delegation, delegation.envelope.clone()));
            }
        }
        if new.is_empty() { Ok(()) } else { self.append(new, Vec::new(), Vec::new(), None).await }
    }

    /// Renews every delegation of this member for 90 days.
    pub async fn renew(&self, authority: &KeyPair) -> Result<ForumBundle> {
        let trust = self.trust()?;
        let mut renewed = (*trust).clone();
        for envelope in delegate(trust.forum(), self.member(), &self.keyring(), authority, self.now())? {
            renewed.add(&envelope).or_denied("this node's keys cannot be delegated by that authority key")?;
        }
        let bundle = renewed.bundle();
        self.join(&bundle, trust.forum()).await?;
        Ok(bundle)
    }

    /// The forums joined.
    pub async fn forum_bundle(&self) -> Result<ForumBundle> {
        let forums = self.store().run(Store::forum_list).await.or_storage(|| "cannot read the forum".to_owned())?;
        if forums.is_empty() {
            return Err(Error::invalid("this node has joined no forum yet: run `chancery forum join`"));
        }
        Ok(self.trust()?.bundle())
    }
}
