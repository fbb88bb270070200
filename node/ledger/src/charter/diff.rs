//! What changes from one charter to the next, in words.

use serde::Serialize;

use super::{Acts, Charter, Member};

/// Which threshold a change falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Act {
    /// Found the forum: every founding state signs.
    Found,
    /// Admit.
    Admit,
    /// Remove.
    Remove,
    /// Replace an authority key by the one announced.
    Rotate,
    /// Set the schema's version.
    Schema,
    /// Anything else.
    Amend,
}

impl Act {
    /// The word in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Found => "found",
            Self::Admit => "admit",
            Self::Remove => "remove",
            Self::Rotate => "rotate",
            Self::Schema => "schema",
            Self::Amend => "amend",
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its kind.
    pub act: Act,
    /// What changes, in a sentence.
    pub text: String,
}

/// Every change from `old` to `new`; without `old`, all that the founding charter says.
pub fn diff(old: Option<&Charter>, new: &Charter) -> Vec<Change> {
    let Some(old) = old else {
        let members = new.members.iter().map(|m| format!("found with {}", described(m)));
        return members.chain(founding_rules(new)).map(|text| Change { act: Act::Found, text }).collect();
    };
    let acts = Acts::of(old, new);
    let mut changes = Vec::new();
    for member in old.members.iter().filter(|m| new.member(&m.id).is_none()) {
        changes.push(Change { act: Act::Remove, text: format!("remove {}", described(member)) });
    }
    for member in &new.members {
        match old.member(&member.id) {
            None => changes.push(Change { act: Act::Admit, text: format!("admit {}", described(member)) }),
            Some(before) => member_changes(&acts, before, member, &mut changes),
        }
    }
    rule_changes(old, new, &mut changes);
    changes
}

/// What a founding charter says beside its members.
fn founding_rules(charter: &Charter) -> Vec<String> {
    let Charter { thresholds: t, rules, .. } = charter;
    vec![
        format!(
            "of the states must sign: to admit {}, to remove {}, to set the schema's version {}, to amend {}, to suspend {}",
            t.admit, t.remove, t.schema, t.amend, t.suspend
        ),
        four_eyes(rules.four_eyes).to_owned(),
        format!("a head is published once {} other states have cosigned it", rules.witness_quorum.unwrap_or(0)),
        format!("the shared schema is `{}`", rules.schema),
        format!("expires {}", charter.expires),
    ]
}

fn four_eyes(four_eyes: bool) -> &'static str {
    if four_eyes { "a release needs two operators" } else { "one operator may publish alone" }
}

fn described(member: &Member) -> String {
    let Member { id, name, role, authority_key, .. } = member;
    let endorsed = member.endorsement.as_ref().map(|e| format!(", endorsed under the national CA {}", e.national_ca));
    let (role, key) = (role.as_str(), authority_key.fingerprint());
    format!("`{id}` ({name}) as {role}, authority key {key}{}", endorsed.unwrap_or_default())
}

fn member_changes(acts: &Acts, old: &Member, new: &Member, changes: &mut Vec<Change>) {
    let id = &new.id;
    let mut change = |act, text| changes.push(Change { act, text });
    if old.role != new.role {
        let act = match (acts.removed.contains(id), acts.admitted.contains(id)) {
            (true, _) => Act::Remove,
            (_, true) => Act::Admit,
            _ => Act::Amend,
        };
        change(act, format!("make `{id}` {}, until now {}", new.role.as_str(), old.role.as_str()));
    }
    if old.name != new.name {
        change(Act::Amend, format!("name `{id}` \"{}\", until now \"{}\"", new.name, old.name));
    }
    if old.authority_key != new.authority_key {
        let (from, to) = (old.authority_key.fingerprint(), new.authority_key.fingerprint());
        let rotated = acts.rotated.contains(id);
        let (act, how) = if rotated { (Act::Rotate, "as announced") } else { (Act::Amend, "NOT announced before") };
        change(act, format!("replace the authority key of `{id}` {from} by {to}, {how}"));
    }
    if old.next_key_hash != new.next_key_hash {
        let act = if acts.rotated.contains(id) { Act::Rotate } else { Act::Amend };
        let hash = new.next_key_hash.as_ref().map_or("none".to_owned(), |h| h[..16.min(h.len())].to_owned());
        change(act, format!("the next authority key of `{id}` is announced: {hash}"));
    }
    if old.endorsement != new.endorsement {
        let act = if acts.rotated.contains(id) { Act::Rotate } else { Act::Amend };
        let text = match &new.endorsement {
            Some(e) => format!("the authority key of `{id}` is endorsed under the national CA {}", e.national_ca),
            None => format!("the authority key of `{id}` is NO LONGER endorsed by its national PKI"),
        };
        change(act, text);
    }
    for address in new.addresses.iter().filter(|a| !old.addresses.contains(a)) {
        change(Act::Amend, format!("`{id}` is reached at {address}"));
    }
    for address in old.addresses.iter().filter(|a| !new.addresses.contains(a)) {
        change(Act::Amend, format!("`{id}` is no longer reached at {address}"));
    }
}

fn rule_changes(old: &Charter, new: &Charter, changes: &mut Vec<Change>) {
    let (before, after) = (&old.thresholds, &new.thresholds);
    let thresholds = [
        ("to admit", before.admit, after.admit),
        ("to remove", before.remove, after.remove),
        ("to set the schema's version", before.schema, after.schema),
        ("to amend", before.amend, after.amend),
        ("to suspend", before.suspend, after.suspend),
    ];
    for (what, from, to) in thresholds.into_iter().filter(|(_, from, to)| from != to) {
        changes.push(Change { act: Act::Amend, text: format!("{what}: {to} of the states, until now {from}") });
    }
    if old.rules.four_eyes != new.rules.four_eyes {
        changes.push(Change { act: Act::Amend, text: four_eyes(new.rules.four_eyes).to_owned() });
    }
    if old.rules.witness_quorum != new.rules.witness_quorum {
        let (from, to) = (old.rules.witness_quorum.unwrap_or(0), new.rules.witness_quorum.unwrap_or(0));
        let text = format!("a head is published once {to} other states have cosigned it, until now {from}");
        changes.push(Change { act: Act::Amend, text });
    }
    if old.rules.schema != new.rules.schema {
        let text = format!("the shared schema is `{}`, until now `{}`", new.rules.schema, old.rules.schema);
        changes.push(Change { act: Act::Schema, text });
    }
    if old.forum_name != new.forum_name {
        let text = format!("the forum's name is \"{}\", until now \"{}\"", new.forum_name, old.forum_name);
        changes.push(Change { act: Act::Amend, text });
    }
    if old.expires != new.expires {
        changes.push(Change { act: Act::Amend, text: format!("expires {}, until now {}", new.expires, old.expires) });
    }
}

/// Signatures needed, in words: by the version before and by the new one.
pub fn requirements(old: Option<&Charter>, new: &Charter) -> Vec<String> {
    let Some(old) = old else {
        return vec![format!("every one of the {} founding member states must sign", new.states().count())];
    };
    let acts = Acts::of(old, new);
    let uncounted = acts.without().map_or(String::new(), |id| format!(", `{id}` not counted"));
    let line = |charter: &Charter| {
        let needed = acts.requirement(charter);
        format!("version {}: {} of {} member states{uncounted}", charter.version, needed.needed, needed.states)
    };
    vec![line(old), line(new)]
}
