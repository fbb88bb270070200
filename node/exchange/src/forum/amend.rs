//! Drafting what follows: an amended charter, or a suspension.

use chancery_ledger::charter::{Charter, Fraction, Member, Role, check_draft, diff};
use chancery_ledger::suspension::{self, Suspension};
use chancery_ledger::trust::Trust;
use chancery_ledger::{Envelope, ForumBundle, Payload, RecordKind, time};

use crate::error::{Doing as _, Error, Result};

/// What an amended charter is to change.
#[derive(Debug, Clone, Default)]
pub struct Amendment {
    /// Cards of members to admit.
    pub admit: Vec<Member>,
    /// The member to remove.
    pub remove: Option<String>,
    /// New cards of members.
    pub update: Vec<Member>,
    /// Members and their new roles.
    pub roles: Vec<(String, Role)>,
    /// The forum's new name.
    pub name: Option<String>,
    /// Months from now until it expires.
    pub months: Option<u32>,
    /// Thresholds by name: `admit`, `remove`, `schema`, `amend`, `suspend`.
    pub thresholds: Vec<(String, Fraction)>,
    /// Whether a release needs two operators.
    pub four_eyes: Option<bool>,
    /// How many other member states must cosign a head.
    pub witness_quorum: Option<u32>,
    /// The shared schema's version.
    pub schema: Option<String>,
}

/// The charter that follows the newest of `bundle`, unsigned, proposed by `issuer`.
pub fn amend(bundle: &ForumBundle, wanted: Amendment, issuer: &str, now: i64) -> Result<ForumBundle> {
    let trust = Trust::verify(None, bundle).or_unverified(|| "the bundle to start from does not hold".to_owned())?;
    let old = trust.charter();
    let mut new = old.clone();
    new.version += 1;
    new.previous = Some(trust.chain().current_id().to_owned());
    change_members(&mut new, &wanted)?;
    change_rules(&mut new, &wanted, now)?;
    if diff(Some(old), &new).is_empty() {
        return Err(Error::invalid("the amendment changes nothing: say what, for example `--months 12`"));
    }
    let payload = Payload {
        forum: trust.forum().to_owned(),
        issuer: issuer.to_owned(),
        issued_at: time::format(now),
        kind: RecordKind::Charter,
        body: new,
    };
    let envelope = Envelope::seal(&payload, &[]).or_invalid(|| "cannot write the draft".to_owned())?;
    check_draft(Some(trust.chain()), &envelope).or_unverified(|| "such a charter cannot follow".to_owned())?;
    let mut draft = bundle.clone();
    draft.charters.push(envelope);
    Ok(draft)
}

fn change_members(new: &mut Charter, wanted: &Amendment) -> Result<()> {
    let unknown = |id: &str| Error::not_found(format!("the charter names no member `{id}`"));
    if let Some(id) = &wanted.remove {
        new.member(id).ok_or_else(|| unknown(id))?;
        new.members.retain(|m| m.id != *id);
    }
    for card in &wanted.admit {
        if new.member(&card.id).is_some() {
            return Err(Error::conflict(format!("`{}` is a member already: use `--update`", card.id)));
        }
        new.members.push(card.clone());
    }
    for card in &wanted.update {
        let member = new.members.iter_mut().find(|m| m.id == card.id).ok_or_else(|| unknown(&card.id))?;
        // The role is the forum's to give, not the card's.
        *member = Member { role: member.role, ..card.clone() };
    }
    for (id, role) in &wanted.roles {
        new.members.iter_mut().find(|m| m.id == *id).ok_or_else(|| unknown(id))?.role = *role;
    }
    Ok(())
}

fn change_rules(new: &mut Charter, wanted: &Amendment, now: i64) -> Result<()> {
    for (name, fraction) in &wanted.thresholds {
        let threshold = match name.as_str() {
            "admit" => &mut new.thresholds.admit,
            "remove" => &mut new.thresholds.remove,
            "schema" => &mut new.thresholds.schema,
            "amend" => &mut new.thresholds.amend,
            "suspend" => &mut new.thresholds.suspend,
            _ => {
                let known = "admit, remove, schema, amend, suspend";
                return Err(Error::invalid(format!("there is no threshold `{name}`; there are {known}")));
            }
        };
        *threshold = *fraction;
    }
    if let Some(name) = &wanted.name {
        new.forum_name.clone_from(name);
    }
    if let Some(months) = wanted.months {
        new.expires = time::format(now + i64::from(months) * 30 * 24 * 3600);
    }
    if let Some(four_eyes) = wanted.four_eyes {
        new.rules.four_eyes = four_eyes;
    }
    if wanted.witness_quorum.is_some() {
        new.rules.witness_quorum = wanted.witness_quorum;
    }
    if let Some(schema) = &wanted.schema {
        new.rules.schema.clone_from(schema);
    }
    Ok(())
}

/// A suspension of `member` from now on, unsigned, beside the charters of `bundle`.
pub fn suspend(
    bundle: &ForumBundle,
    issuer: &str,
    member: &str,
    days: u32,
    reason: &str,
    now: i64,
) -> Result<ForumBundle> {
    let trust = Trust::verify(None, bundle).or_unverified(|| "the bundle to start from does not hold".to_owned())?;
    let payload = Payload {
        forum: trust.forum().to_owned(),
        issuer: issuer.to_owned(),
        issued_at: time::format(now),
        kind: RecordKind::Suspension,
        body: Suspension {
            member: member.to_owned(),
            from: time::format(now),
            until: time::format(now + i64::from(days) * 24 * 3600),
            reason: reason.to_owned(),
        },
    };
    let envelope = Envelope::seal(&payload, &[]).or_invalid(|| "cannot write the draft".to_owned())?;
    suspension::signatures(&envelope, trust.chain()).or_invalid(|| "such a suspension is not possible".to_owned())?;
    let mut draft = bundle.clone();
    draft.suspensions.push(envelope);
    Ok(draft)
}
