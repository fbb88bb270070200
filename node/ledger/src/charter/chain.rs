//! The chain of a charter's versions: what may follow what, and who must have signed.

use super::acts::announced;
use super::{Acts, Charter, CharterError, MAX_VERSIONS};
use crate::audience::excerpt;
use crate::endorsement::{Endorsed, EndorsementError};
use crate::keys::PublicKey;
use crate::record::{Envelope, Payload, RecordKind};
use crate::time;

/// A chain of charters whose signatures all hold.
#[derive(Debug, Clone)]
pub struct CharterChain {
    genesis_id: String,
    envelopes: Vec<Envelope>,
    current: Version,
    earlier: Vec<Version>,
}

/// One verified version.
#[derive(Debug, Clone)]
struct Version {
    id: String,
    issued_at: i64,
    payload: Payload<Charter>,
}

impl Version {
    fn read(envelope: &Envelope, version: usize) -> Result<Self, CharterError> {
        let record = |source| CharterError::Record { version, source };
        let id = envelope.id().map_err(record)?;
        let payload = envelope.payload::<Charter>(RecordKind::Charter).map_err(record)?;
        let issued_at = payload.issued_at_s().map_err(record)?;
        payload.body.check_form(version)?;
        check_life(&payload, version)?;
        Ok(Self { id, issued_at, payload })
    }
}

impl CharterChain {
    /// Verifies every version from the genesis on. `genesis_id` was told out of band; none skips only that comparison.
    pub fn verify(genesis_id: Option<&str>, envelopes: &[Envelope]) -> Result<Self, CharterError> {
        let Some((first, others)) = envelopes.split_first().filter(|_| envelopes.len() <= MAX_VERSIONS) else {
            return Err(CharterError::Length(envelopes.len()));
        };
        let genesis = Version::read(first, 1)?;
        check_genesis(&genesis.payload, &genesis.id, genesis_id)?;
        let all = genesis.payload.body.states().count();
        check_signatures(first, &genesis.payload.body, 1, 1, all, None)?;
        check_endorsements(None, &genesis.payload.body, genesis.issued_at)?;
        let mut chain = Self {
            genesis_id: genesis.id.clone(),
            envelopes: vec![first.clone()],
            current: genesis,
            earlier: Vec::new(),
        };
        for envelope in others {
            chain.push(envelope)?;
        }
        Ok(chain)
    }

    /// Adds the version that follows, if it may. The chain is as before if it may not.
    pub fn push(&mut self, envelope: &Envelope) -> Result<(), CharterError> {
        let version = self.envelopes.len() + 1;
        if version > MAX_VERSIONS {
            return Err(CharterError::Length(version));
        }
        let next = Version::read(envelope, version)?;
        let (old, new) = (&self.current.payload.body, &next.payload.body);
        check_successor(&next.payload, version, &self.current, &self.genesis_id)?;
        let acts = Acts::of(old, new);
        check_removals(&acts, version)?;
        for (charter, by) in [(old, version - 1), (new, version)] {
            let needed = acts.requirement(charter).needed;
            check_signatures(envelope, charter, version, by, needed, acts.without())?;
        }
        self.check_keys(envelope, new, version)?;
        check_endorsements(Some(old), new, next.issued_at)?;
        self.envelopes.push(envelope.clone());
        self.earlier.push(std::mem::replace(&mut self.current, next));
        Ok(())
    }

    /// A member's authority key changes only by that member's own signature, only to the key it announced if it announced
    /// one, and never to a key that somebody has had before.
    fn check_keys(&self, envelope: &Envelope, new: &Charter, version: usize) -> Result<(), CharterError> {
        let message = envelope.message().map_err(|source| CharterError::Record { version, source })?;
        for member in &new.members {
            let refuse = |reason| Err(CharterError::AuthorityKey { version, member: member.id.clone(), reason });
            let before = self.current().member(&member.id);
            let changed = before.is_none_or(|b| b.authority_key != member.authority_key);
            let holder = self.authority_holder(&member.authority_key);
            if changed && holder.is_some_and(|id| id != member.id || before.is_some()) {
                return refuse("was an authority key before: make a new one");
            }
            let Some(before) = before else { continue };
            if changed && before.next_key_hash.is_some() && !announced(before, &member.authority_key) {
                return refuse("is not the one that it had announced as its next");
            }
            let consents = changed || before.next_key_hash != member.next_key_hash;
            if consents && !envelope.holds(&member.authority_key, &message) {
                return refuse("has not signed the change of itself or of its successor");
            }
        }
        Ok(())
    }

    /// How many versions both chains begin with.
    pub(crate) fn common(&self, other: &[Envelope]) -> usize {
        self.versions().zip(other).take_while(|(held, offered)| offered.id().is_ok_and(|id| id == held.id)).count()
    }

    /// Whether a version after number `fork` was signed by every state of version `fork - 1`: what settles a fork.
    pub(crate) fn settles(&self, fork: usize) -> bool {
        let Some(before) = self.versions().nth(fork.wrapping_sub(2)) else { return false };
        let all: Vec<&str> = before.payload.body.states().map(|m| m.id.as_str()).collect();
        self.versions().zip(&self.envelopes).skip(fork).any(|(version, envelope)| {
            let signed = signed_states(envelope, &version.payload.body, None);
            all.iter().all(|id| signed.iter().any(|s| s == id))
        })
    }

    /// The version that has this record id, from 1.
    pub fn number_of(&self, id: &str) -> Option<usize> {
        self.versions().position(|v| v.id == id).map(|index| index + 1)
    }

    /// The version before the one in force; none at the genesis.
    pub fn before(&self) -> Option<&Charter> {
        self.earlier.last().map(|v| &v.payload.body)
    }

    /// Whether `other` may take this chain's place: it holds all of its versions and perhaps more.
    ///
    /// Fails with [`CharterError::Forked`] when both are valid and differ, with [`CharterError::Rollback`] when `other` is
    /// the older, with [`CharterError::Genesis`] when it is another forum's.
    pub fn check_extended_by(&self, other: &Self) -> Result<(), CharterError> {
        if self.genesis_id != other.genesis_id {
            return Err(CharterError::Genesis { found: other.genesis_id.clone(), expected: self.genesis_id.clone() });
        }
        for (index, (held, offered)) in self.versions().zip(other.versions()).enumerate() {
            if held.id != offered.id {
                let (held, other) = (held.id.clone(), offered.id.clone());
                return Err(CharterError::Forked { version: index + 1, held, other });
            }
        }
        let (held, offered) = (self.envelopes.len(), other.envelopes.len());
        if offered < held { Err(CharterError::Rollback { held, offered }) } else { Ok(()) }
    }

    fn versions(&self) -> impl DoubleEndedIterator<Item = &Version> {
        self.earlier.iter().chain([&self.current])
    }

    /// Every version with the time it was drafted (unix seconds), oldest first.
    pub fn issued(&self) -> impl Iterator<Item = (&Charter, i64)> {
        self.versions().map(|v| (&v.payload.body, v.issued_at))
    }

    /// The version in force at `at` (unix seconds): the last one issued by then, or the genesis.
    pub fn at(&self, at: i64) -> &Charter {
        let genesis = self.earlier.first().unwrap_or(&self.current);
        &self.versions().rev().find(|v| v.issued_at <= at).unwrap_or(genesis).payload.body
    }

    /// Every authority key `member` ever had, the newest first.
    pub fn authorities(&self, member: &str) -> Vec<PublicKey> {
        let mut keys = Vec::new();
        for found in self.versions().rev().filter_map(|v| v.payload.body.member(member)) {
            if !keys.contains(&found.authority_key) {
                keys.push(found.authority_key);
            }
        }
        keys
    }

    /// The member that has or had `key` as its authority key.
    pub fn authority_holder(&self, key: &PublicKey) -> Option<&str> {
        self.versions().flat_map(|v| &v.payload.body.members).find(|m| m.authority_key == *key).map(|m| m.id.as_str())
    }

    /// What the national PKI of `member` says of the authority key it has now: checked as of the version that brought it, and against
    /// `later` revocation lists. None where it has said nothing.
    pub fn endorsed(&self, member: &str, later: &[Vec<u8>]) -> Option<Result<Endorsed, EndorsementError>> {
        let now = self.current().member(member)?;
        let endorsement = now.endorsement.as_ref()?;
        let same = |v: &&Version| {
            v.payload
                .body
                .member(member)
                .is_some_and(|m| m.authority_key == now.authority_key && m.endorsement.as_ref() == Some(endorsement))
        };
        let brought = self.versions().rev().take_while(same).last()?;
        Some(endorsement.verify(member, &now.authority_key, brought.issued_at, later))
    }

    /// The forum's id.
    pub fn forum(&self) -> &str {
        &self.genesis_id
    }

    /// The version in force.
    pub fn current(&self) -> &Charter {
        &self.current.payload.body
    }

    /// When the version in force was drafted.
    pub fn issued_at(&self) -> &str {
        &self.current.payload.issued_at
    }

    /// Record id of the version in force.
    pub fn current_id(&self) -> &str {
        &self.current.id
    }

    /// Every version, oldest first.
    pub fn envelopes(&self) -> &[Envelope] {
        &self.envelopes
    }

    /// Member states whose signature of the version in force holds.
    pub fn signed_by(&self) -> Vec<String> {
        self.envelopes.last().map(|e| signed_states(e, self.current(), None)).unwrap_or_default()
    }
}

/// Whether `envelope` could become the charter that follows `before`, or found a forum without it, once enough have signed: everything but the
/// signatures. Whoever drafts or signs asks this, so that nobody signs what no node will adopt.
pub fn check_draft(before: Option<&CharterChain>, envelope: &Envelope) -> Result<(), CharterError> {
    let version = before.map_or(0, |chain| chain.envelopes.len()) + 1;
    let next = Version::read(envelope, version)?;
    let Some(chain) = before else {
        check_genesis(&next.payload, &next.id, None)?;
        return check_endorsements(None, &next.payload.body, next.issued_at);
    };
    check_successor(&next.payload, version, &chain.current, &chain.genesis_id)?;
    check_removals(&Acts::of(chain.current(), &next.payload.body), version)?;
    check_endorsements(Some(chain.current()), &next.payload.body, next.issued_at)
}

fn check_removals(acts: &Acts, version: usize) -> Result<(), CharterError> {
    if acts.removed.len() > 1 {
        let reason = "it removes more than one member: each removal is its own version".to_owned();
        return Err(CharterError::Chain { version, reason });
    }
    Ok(())
}

/// Member states of `charter` whose signature on `envelope` holds, each once.
pub fn signed_states(envelope: &Envelope, charter: &Charter, without: Option<&str>) -> Vec<String> {
    let Ok(message) = envelope.message() else {
        return Vec::new();
    };
    charter
        .states()
        .filter(|m| Some(m.id.as_str()) != without && envelope.holds(&m.authority_key, &message))
        .map(|m| m.id.clone())
        .collect()
}

/// Checks the endorsements by national PKIs that `new` brings, as of its issue: those of a key or with a text that `old` has not.
fn check_endorsements(old: Option<&Charter>, new: &Charter, issued_at: i64) -> Result<(), CharterError> {
    for member in &new.members {
        let Some(endorsement) = &member.endorsement else { continue };
        let before = old.and_then(|charter| charter.member(&member.id));
        if before.is_some_and(|b| b.authority_key == member.authority_key && b.endorsement == member.endorsement) {
            continue;
        }
        endorsement.verify(&member.id, &member.authority_key, issued_at, &[]).map_err(|source| {
            let (version, member) = (new.version as usize, member.id.clone());
            CharterError::Endorsement { version, member, source: Box::new(source) }
        })?;
    }
    Ok(())
}

fn check_genesis(payload: &Payload<Charter>, id: &str, expected: Option<&str>) -> Result<(), CharterError> {
    if let Some(expected) = expected
        && expected != id
    {
        return Err(CharterError::Genesis { found: id.to_owned(), expected: excerpt(expected) });
    }
    if payload.body.previous.is_some() || !payload.forum.is_empty() {
        let reason = "a genesis names no version before it and no forum".to_owned();
        return Err(CharterError::Chain { version: 1, reason });
    }
    Ok(())
}

fn check_life(payload: &Payload<Charter>, version: usize) -> Result<(), CharterError> {
    let expires = &payload.body.expires;
    let refuse = |reason: String| Err(CharterError::Chain { version, reason });
    match time::parse(expires) {
        None => refuse(format!("its expiry `{}` is not a time", excerpt(expires))),
        Some(at) if at <= payload.issued_at_s().unwrap_or(i64::MAX) => {
            refuse(format!("it expires at {expires}, not after it was issued at {}", payload.issued_at))
        }
        Some(_) => Ok(()),
    }
}

fn check_successor(
    payload: &Payload<Charter>,
    version: usize,
    before: &Version,
    genesis: &str,
) -> Result<(), CharterError> {
    let refuse = |reason: &str| Err(CharterError::Chain { version, reason: reason.to_owned() });
    let (previous_id, before) = (before.id.as_str(), &before.payload);
    if payload.body.previous.as_deref() != Some(previous_id) {
        return refuse("it does not name the version before it");
    }
    if payload.forum != genesis {
        return refuse("it is of another forum");
    }
    if payload.issued_at < before.issued_at {
        return refuse("it was issued before the version it follows");
    }
    // Expiry freezes membership: after it only a charter that leaves the members as they are can follow. Times have one
    // spelling ([`time::parse`]), so their texts compare as they do.
    if payload.issued_at.as_str() > before.body.expires.as_str() && payload.body.members != before.body.members {
        return refuse("the version before it had expired, which freezes membership");
    }
    Ok(())
}

fn check_signatures(
    envelope: &Envelope,
    charter: &Charter,
    version: usize,
    by: usize,
    needed: usize,
    without: Option<&str>,
) -> Result<(), CharterError> {
    let signed = signed_states(envelope, charter, without);
    if signed.len() >= needed {
        return Ok(());
    }
    let missing = charter.states().filter(|m| !signed.contains(&m.id)).map(|m| m.id.as_str()).collect::<Vec<_>>();
    Err(CharterError::Threshold { version, by, signed: signed.len(), needed, missing: missing.join(", ") })
}
