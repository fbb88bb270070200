//! A forum of five states, an observer and a secretariat, with keys made from one-byte seeds.

use std::sync::OnceLock;

use chancery_ledger::charter::{Charter, Fraction, Member, Role, Rules, Thresholds};
use chancery_ledger::delegation::Delegation;
use chancery_ledger::suspension::Suspension;
use chancery_ledger::trust::TrustError;
use chancery_ledger::{Envelope, ForumBundle, KeyPair, Payload, Purpose, RecordKind, Signer, Trust, time};

/// 2026-01-01T00:00:00Z: when the genesis is issued.
pub(crate) const START: i64 = 1_767_225_600;
pub(crate) const DAY: i64 = 86_400;

/// Ids with their authority seeds; the first five are states.
pub(crate) const MEMBERS: [(&str, u8); 7] =
    [("MEX", 1), ("GTM", 2), ("HND", 3), ("PAN", 4), ("SLV", 5), ("OBS", 6), ("SEC", 7)];
pub(crate) const OBSERVER: u8 = 6;
pub(crate) const SECRETARIAT: u8 = 7;
pub(crate) const STRANGER: u8 = 99;

pub(crate) const LOG: u8 = 20;
pub(crate) const PUBLISHER: u8 = 21;
pub(crate) const PREPARER: u8 = 22;
pub(crate) const APPROVER: u8 = 23;

pub(crate) fn key(seed: u8) -> KeyPair {
    KeyPair::from_seed(&[seed; 32])
}

pub(crate) fn fraction(numerator: u32, denominator: u32) -> Fraction {
    Fraction::new(numerator, denominator).unwrap()
}

pub(crate) fn member(id: &str, seed: u8, role: Role) -> Member {
    Member {
        id: id.to_owned(),
        name: format!("agency of {id}"),
        role,
        authority_key: key(seed).public(),
        next_key_hash: None,
        endorsement: None,
        addresses: vec![],
    }
}

/// The genesis: 2/3 to admit or remove, 1/2 to amend, expiring after a year.
pub(crate) fn genesis() -> Charter {
    let role = |seed| match seed {
        OBSERVER => Role::Observer,
        SECRETARIAT => Role::Secretariat,
        _ => Role::MemberState,
    };
    Charter {
        forum_name: "Test forum".to_owned(),
        version: 1,
        previous: None,
        members: MEMBERS.iter().map(|(id, seed)| member(id, *seed, role(*seed))).collect(),
        thresholds: Thresholds {
            admit: fraction(2, 3),
            remove: fraction(2, 3),
            schema: fraction(4, 5),
            amend: fraction(1, 2),
            suspend: fraction(1, 3),
        },
        rules: Rules { four_eyes: true, schema: "RCP 1.0.0".to_owned(), witness_quorum: Some(2) },
        expires: time::format(START + 365 * DAY),
    }
}

pub(crate) fn payload(charter: Charter, forum: &str, at: i64) -> Payload<Charter> {
    Payload {
        forum: forum.to_owned(),
        issuer: "SEC".to_owned(),
        issued_at: time::format(at),
        kind: RecordKind::Charter,
        body: charter,
    }
}

pub(crate) fn seal(payload: &Payload<Charter>, signers: &[u8]) -> Envelope {
    let keys: Vec<KeyPair> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::seal(payload, &keys.iter().map(|key| key as &dyn Signer).collect::<Vec<_>>()).unwrap()
}

pub(crate) fn sealed_genesis() -> Envelope {
    static SEALED: OnceLock<Envelope> = OnceLock::new();
    SEALED.get_or_init(|| seal(&payload(genesis(), "", START), &[1, 2, 3, 4, 5])).clone()
}

/// Version 2 as `change` makes it, issued 30 days after the genesis.
pub(crate) fn successor(change: impl FnOnce(&mut Payload<Charter>)) -> Payload<Charter> {
    let id = sealed_genesis().id().unwrap();
    let mut next = genesis();
    next.version = 2;
    next.previous = Some(id.clone());
    let mut next = payload(next, &id, START + 30 * DAY);
    change(&mut next);
    next
}

/// A delegation by `issuer`, signed by the key of `signer`.
pub(crate) struct Mandate<'a> {
    pub(crate) forum: String,
    pub(crate) issuer: &'a str,
    pub(crate) signer: u8,
    pub(crate) purpose: Purpose,
    pub(crate) key: u8,
    pub(crate) from: String,
    pub(crate) to: String,
}

impl Default for Mandate<'_> {
    fn default() -> Self {
        Self {
            forum: sealed_genesis().id().unwrap(),
            issuer: "MEX",
            signer: 1,
            purpose: Purpose::Publisher,
            key: PUBLISHER,
            from: time::format(START),
            to: time::format(START + 90 * DAY),
        }
    }
}

impl Mandate<'_> {
    pub(crate) fn seal(&self) -> Envelope {
        let payload = Payload {
            forum: self.forum.clone(),
            issuer: self.issuer.to_owned(),
            issued_at: time::format(START),
            kind: RecordKind::Delegation,
            body: Delegation {
                purpose: self.purpose,
                key: key(self.key).public(),
                name: format!("key {}", self.key),
                not_before: self.from.clone(),
                not_after: self.to.clone(),
            },
        };
        Envelope::seal(&payload, &[&key(self.signer), &key(self.key)]).unwrap()
    }
}

/// The genesis with Mexico's log, publisher and two operator keys.
pub(crate) fn bundle() -> ForumBundle {
    let delegations = [
        (Purpose::Log, LOG),
        (Purpose::Publisher, PUBLISHER),
        (Purpose::Operator, PREPARER),
        (Purpose::Operator, APPROVER),
    ];
    ForumBundle {
        charters: vec![sealed_genesis()],
        delegations: delegations.map(|(purpose, key)| Mandate { purpose, key, ..Mandate::default() }.seal()).to_vec(),
        ..ForumBundle::default()
    }
}

/// Verified once: thousands of cases begin with it.
pub(crate) fn trust() -> Trust {
    static TRUST: OnceLock<Trust> = OnceLock::new();
    TRUST.get_or_init(|| Trust::verify(None, &bundle()).unwrap()).clone()
}

/// Asserts that `result` failed with a message that has `part` in it.
#[track_caller]
pub(crate) fn refused<T, E: std::fmt::Display>(name: &str, result: Result<T, E>, part: &str) {
    match result {
        Ok(_) => panic!("{name}: accepted"),
        Err(e) => assert!(e.to_string().contains(part), "{name}: `{e}` does not say `{part}`"),
    }
}

/// Offers `trust` a suspension when it begins: whether it was new.
pub(crate) fn suspend(trust: &mut Trust, suspension: &Envelope) -> Result<bool, TrustError> {
    let from = suspension.payload::<Suspension>(RecordKind::Suspension).ok().and_then(|p| time::parse(&p.body.from));
    let bundle = ForumBundle { suspensions: vec![suspension.clone()], ..ForumBundle::default() };
    let merged = trust.merge(&bundle, from.unwrap_or(START))?;
    merged.refused.into_iter().next().map_or(Ok(merged.suspensions > 0), Err)
}
