//! The forum's charter: cards, draft, amendments, signatures, joining, adopting.

mod adopt;
mod amend;
mod sign;
mod trusted;
mod waiting;

use chancery_ledger::charter::{Charter, Fraction, Member, Role, Rules, Thresholds, check_draft};
use chancery_ledger::{Envelope, ForumBundle, Payload, RecordKind, time};

pub use amend::{Amendment, amend, suspend};
pub(crate) use sign::held_keys as held;
pub use sign::{mandates, sign, waiting_for};
pub(crate) use trusted::Trusted;
pub use waiting::{Waiting, everything, sign_chosen, waiting};

use crate::config::NodeConfig;
use crate::error::{Doing as _, Error, Result};
use crate::keyring::Keyring;

/// What a member tells whoever drafts the charter. An endorsement by its national PKI that does not hold `now` is refused, as it will be by
/// everybody else.
pub fn card(config: &NodeConfig, keyring: &Keyring, now: i64) -> Result<Member> {
    let role = Role::parse(&config.member.role).ok_or_else(|| {
        Error::invalid(format!("`{}` is no role: use member-state, observer or secretariat", config.member.role))
    })?;
    let announce = if config.network.announce.is_empty() { &config.network.listen } else { &config.network.announce };
    let authority_key =
        keyring.authority_public()?.parse().or_invalid(|| "the authority's public key is damaged".to_owned())?;
    let endorsement = keyring.endorsement(false)?;
    if let Some(endorsement) = &endorsement {
        endorsement.verify(&config.member.id, &authority_key, now, &[]).or_unverified(|| {
            "the national PKI's endorsement does not hold (any more): get a new one by `chancery keys endorse`"
                .to_owned()
        })?;
    }
    Ok(Member {
        id: config.member.id.clone(),
        name: config.member.name.clone(),
        role,
        authority_key,
        endorsement,
        next_key_hash: keyring.next_authority_public()?.map(|key| key.commitment()),
        addresses: announce.clone(),
    })
}

/// The founding charter from the members' cards, unsigned.
///
/// Without `witness_quorum`, half of the other member states must cosign a head.
pub fn draft(
    name: &str,
    months: u32,
    four_eyes: bool,
    witness_quorum: Option<u32>,
    members: Vec<Member>,
    now: i64,
) -> Result<ForumBundle> {
    let fraction = |n, d| Fraction::new(n, d).ok_or_else(|| Error::invalid("a threshold is no fraction"));
    let proposer = members.iter().find(|m| m.role == Role::Secretariat).or(members.first());
    let issuer = proposer.ok_or_else(|| Error::invalid("a forum needs members: give their cards"))?.id.clone();
    let states = members.iter().filter(|m| m.role == Role::MemberState).count();
    let half = u32::try_from(states / 2).unwrap_or(u32::MAX);
    let charter = Charter {
        forum_name: name.to_owned(),
        version: 1,
        previous: None,
        members,
        thresholds: Thresholds {
            admit: fraction(2, 3)?,
            remove: fraction(2, 3)?,
            schema: fraction(2, 3)?,
            amend: fraction(3, 4)?,
            suspend: fraction(1, 3)?,
        },
        rules: Rules {
            four_eyes,
            schema: "RCP 1.0.0".to_owned(),
            witness_quorum: Some(witness_quorum.unwrap_or(half)),
        },
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
    check_draft(None, &envelope).or_unverified(|| "no forum can be founded so".to_owned())?;
    Ok(ForumBundle { charters: vec![envelope], ..ForumBundle::default() })
}
