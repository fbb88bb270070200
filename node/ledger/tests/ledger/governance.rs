//! Suspension, rotation, revocation and forks: every way to get more out of them than the forum gave.

use chancery_ledger::charter::{Act, Charter, CharterChain, CharterError, Role, diff, requirements};
use chancery_ledger::revocation::Revocation;
use chancery_ledger::suspension::Suspension;
use chancery_ledger::trust::TrustError;
use chancery_ledger::{Envelope, ForumBundle, Payload, Purpose, RecordKind, Signer, Trust, time};
use proptest::prelude::*;

use crate::world::*;

pub(crate) const NOW: i64 = START + 40 * DAY;

pub(crate) fn sign<B: serde::Serialize>(payload: &Payload<B>, signers: &[u8]) -> Envelope {
    let keys: Vec<_> = signers.iter().map(|seed| key(*seed)).collect();
    Envelope::seal(payload, &keys.iter().map(|k| k as &dyn Signer).collect::<Vec<_>>()).unwrap()
}

pub(crate) fn suspension(change: impl FnOnce(&mut Payload<Suspension>), signers: &[u8]) -> Envelope {
    let mut payload = Payload {
        forum: sealed_genesis().id().unwrap(),
        issuer: "SEC".to_owned(),
        issued_at: time::format(NOW),
        kind: RecordKind::Suspension,
        body: Suspension {
            member: "MEX".to_owned(),
            from: time::format(NOW),
            until: time::format(NOW + 14 * DAY),
            reason: "its node sends figures nobody approved".to_owned(),
        },
    };
    change(&mut payload);
    sign(&payload, signers)
}

pub(crate) fn revocation(change: impl FnOnce(&mut Payload<Revocation>), signers: &[u8]) -> Envelope {
    let mut payload = Payload {
        forum: sealed_genesis().id().unwrap(),
        issuer: "MEX".to_owned(),
        issued_at: time::format(NOW),
        kind: RecordKind::Revocation,
        body: Revocation { key: key(PUBLISHER).public(), from: time::format(NOW), reason: "laptop lost".to_owned() },
    };
    change(&mut payload);
    sign(&payload, signers)
}

#[test]
fn a_suspension_needs_enough_others_and_ends_by_itself() {
    // Four other states, a third of them: two.
    type Edit = fn(&mut Payload<Suspension>);
    let cases: [(&str, Edit, &[u8], Option<&str>); 15] = [
        ("two of the others", |_| (), &[2, 3], None),
        ("one of the others", |_| (), &[2], Some("1 of the 2")),
        ("the suspended counted", |_| (), &[1, 2], Some("1 of the 2")),
        ("the observer counted", |_| (), &[2, OBSERVER], Some("1 of the 2")),
        ("the secretariat counted", |_| (), &[2, SECRETARIAT], Some("1 of the 2")),
        ("a stranger counted", |_| (), &[2, STRANGER], Some("1 of the 2")),
        ("a second too long", |p| p.body.until = time::format(NOW + 14 * DAY + 1), &[2, 3, 4, 5], Some("14 days")),
        ("no time at all", |p| p.body.until = p.body.from.clone(), &[2, 3, 4, 5], Some("14 days")),
        ("ends before it begins", |p| p.body.until = time::format(NOW - 1), &[2, 3, 4, 5], Some("14 days")),
        ("begins before it was issued", |p| p.body.from = time::format(NOW - 1), &[2, 3, 4, 5], Some("14 days")),
        (
            "kept for later",
            |p| {
                p.body.from = time::format(NOW + 8 * DAY);
                p.body.until = time::format(NOW + 9 * DAY);
            },
            &[2, 3, 4, 5],
            Some("14 days"),
        ),
        ("nobody known", |p| p.body.member = "USA".into(), &[2, 3, 4, 5], Some("not a member")),
        ("by nobody known", |p| p.issuer = "USA".into(), &[2, 3, 4, 5], Some("not a member")),
        ("another forum", |p| p.forum = "0".repeat(64), &[2, 3, 4, 5], Some("is for the forum")),
        ("without a reason", |p| p.body.reason = " ".into(), &[2, 3, 4, 5], Some("reason")),
    ];
    for (name, change, signers, expected) in cases {
        let mut trust = trust();
        let result = suspend(&mut trust, &suspension(change, signers));
        match expected {
            None => assert!(result.unwrap(), "{name}"),
            Some(part) => refused(name, result, part),
        }
    }
    let transport = Mandate { purpose: Purpose::Transport, key: 40, ..Mandate::default() };
    let mut trust = trust();
    trust.add(&transport.seal()).unwrap();
    suspend(&mut trust, &suspension(|_| (), &[2, 3])).unwrap();
    let publisher = key(PUBLISHER).public();
    for (at, acts) in [(NOW - 1, true), (NOW, false), (NOW + 14 * DAY - 1, false), (NOW + 14 * DAY, true)] {
        assert_eq!(trust.key_for("MEX", Purpose::Publisher, &publisher, at).is_ok(), acts, "{at}");
        assert_eq!(!trust.in_force("MEX", Purpose::Log, at).is_empty(), acts, "{at}");
        assert_eq!(!trust.transport_peers(at).is_empty(), acts, "{at}");
    }
    refused("says so", trust.key_for("MEX", Purpose::Publisher, &publisher, NOW), "is suspended until");
}

#[test]
fn suspensions_cannot_be_chained_and_take_no_vote() {
    let mut trust = trust();
    suspend(&mut trust, &suspension(|_| (), &[2, 3])).unwrap();
    for start in [NOW + 1, NOW + 14 * DAY, NOW + 104 * DAY - 1] {
        let again = suspension(
            |p| {
                p.issued_at = time::format(start);
                p.body.from = time::format(start);
                p.body.until = time::format(start + DAY);
            },
            &[2, 3, 4],
        );
        refused("too soon", suspend(&mut trust, &again), "14 days within 90");
    }
    assert!(!suspend(&mut trust, &suspension(|_| (), &[2, 3])).unwrap(), "known already");
    // The suspended state still votes: an amendment needs three of five, and it may be one of them.
    let amended = successor(|p| {
        p.issued_at = time::format(NOW + DAY);
        p.body.forum_name = "Another name".into();
    });
    let bundle = ForumBundle { charters: vec![sealed_genesis(), seal(&amended, &[1, 2, 3])], ..ForumBundle::default() };
    assert_eq!(trust.merge(&bundle, NOW + 2 * DAY).unwrap().charters, 1);
    let few = successor(|p| p.body.forum_name = "Few".into());
    let few = ForumBundle { charters: vec![sealed_genesis(), seal(&few, &[2, 3])], ..ForumBundle::default() };
    let merged = self::trust().merge(&few, NOW).unwrap();
    assert!(merged.refused[0].to_string().contains("2 of the 3"));
}

#[test]
fn a_revoked_key_acts_no_more_from_then_on() {
    type Edit = fn(&mut Payload<Revocation>);
    let cases: [(&str, Edit, &[u8], Option<&str>); 9] = [
        ("by the authority", |_| (), &[1], None),
        ("by the key itself", |_| (), &[PUBLISHER], Some("no authority key of")),
        ("by nobody", |_| (), &[], Some("no authority key of")),
        ("by another state", |_| (), &[2], Some("no authority key of")),
        ("in another's name", |p| p.issuer = "GTM".into(), &[1], Some("no authority key of")),
        ("another forum", |p| p.forum = "0".repeat(64), &[1], Some("is for the forum")),
        ("from later on", |p| p.body.from = time::format(NOW + 1), &[1], Some("within 30 days")),
        ("from long ago", |p| p.body.from = time::format(NOW - 31 * DAY), &[1], Some("within 30 days")),
        ("a reason that moves the cursor", |p| p.body.reason = "\u{1b}[2J".into(), &[1], Some("reason")),
    ];
    for (name, change, signers, expected) in cases {
        let result = trust().revoke(&revocation(change, signers));
        match expected {
            None => assert!(result.unwrap(), "{name}"),
            Some(part) => refused(name, result, part),
        }
    }
    let mut trust = trust();
    trust.revoke(&revocation(|_| (), &[1])).unwrap();
    let publisher = key(PUBLISHER).public();
    trust.key_for("MEX", Purpose::Publisher, &publisher, NOW - 1).unwrap();
    refused("revoked", trust.key_for("MEX", Purpose::Publisher, &publisher, NOW), "laptop lost");
    // A new delegation of a revoked key does not bring it back, and a later date does not move the earlier one.
    let again = Mandate { from: time::format(NOW + DAY), to: time::format(NOW + 80 * DAY), ..Mandate::default() };
    trust.add(&again.seal()).unwrap();
    refused("revived", trust.key_for("MEX", Purpose::Publisher, &publisher, NOW + 2 * DAY), "was revoked");
    let later = revocation(
        |p| {
            p.issued_at = time::format(NOW + 5 * DAY);
            p.body.from = time::format(NOW + 5 * DAY);
        },
        &[1],
    );
    assert!(!trust.revoke(&later).unwrap());
    refused("moved", trust.key_for("MEX", Purpose::Publisher, &publisher, NOW + DAY), "was revoked");
    // It travels with the bundle.
    let again = Trust::verify(None, &trust.bundle()).unwrap();
    refused("in the bundle", again.key_for("MEX", Purpose::Publisher, &publisher, NOW), "was revoked");
}

/// Version 2 announces Mexico's next key; version 3 as `change` makes it.
fn announced(change: impl FnOnce(&mut Payload<Charter>), signers: &[u8]) -> Result<CharterChain, CharterError> {
    let second = successor(|p| p.body.members[0].next_key_hash = Some(key(11).public().commitment()));
    let second_sealed = seal(&second, &[1, 2, 3]);
    let mut third = second.clone();
    third.body.version = 3;
    third.body.previous = Some(second_sealed.id().unwrap());
    third.issued_at = time::format(NOW);
    change(&mut third);
    CharterChain::verify(None, &[sealed_genesis(), second_sealed, seal(&third, signers)])
}

#[test]
fn an_authority_key_is_followed_by_the_one_announced() {
    type Edit = fn(&mut Payload<Charter>);
    let rotate: Edit = |p| {
        p.body.members[0].authority_key = key(11).public();
        p.body.members[0].next_key_hash = Some(key(13).public().commitment());
    };
    let cases: [(&str, Edit, &[u8], Option<&str>); 8] = [
        ("the announced key, a majority, the lost key unused", rotate, &[11, 2, 3, 4], None),
        ("one too few", rotate, &[11, 2, 3], Some("2 of the 3")),
        ("the announced key has not signed", rotate, &[2, 3, 4], Some("has not signed")),
        ("only the old key signed", rotate, &[1, 2, 3, 4], Some("has not signed")),
        (
            "the thief's key",
            |p| p.body.members[0].authority_key = key(66).public(),
            &[1, 2, 3, 4, 5, 66],
            Some("not the one that it had announced"),
        ),
        (
            "the thief announces its own",
            |p| p.body.members[0].next_key_hash = Some(key(66).public().commitment()),
            &[2, 3, 4, 66],
            Some("has not signed"),
        ),
        (
            "rotation and removal at once, with what rotation needs",
            |p| {
                p.body.members[0].authority_key = key(11).public();
                p.body.members.retain(|m| m.id != "SLV");
            },
            &[11, 2, 3],
            Some("2 of the 3"),
        ),
        (
            "an old key comes back",
            |p| p.body.members[0].authority_key = key(2).public(),
            &[1, 2, 3, 4, 5],
            Some("shares its authority key"),
        ),
    ];
    for (name, change, signers, expected) in cases {
        match expected {
            None => assert!(announced(change, signers).is_ok(), "{name}: {}", announced(change, signers).unwrap_err()),
            Some(part) => refused(name, announced(change, signers), part),
        }
    }
    let chain = announced(rotate, &[11, 2, 3, 4]).unwrap();
    let changes = diff(chain.before(), chain.current());
    assert!(changes.iter().all(|c| c.act == Act::Rotate) && changes.len() == 2, "{changes:?}");
    // A fourth version that returns to the key before is refused, whoever signs.
    let mut fourth: Payload<Charter> = chain.envelopes()[2].payload(RecordKind::Charter).unwrap();
    fourth.body.version = 4;
    fourth.body.previous = Some(chain.current_id().to_owned());
    fourth.body.members[0].authority_key = key(1).public();
    let mut longer = chain.clone();
    refused("back", longer.push(&seal(&fourth, &[1, 2, 3, 4, 5, 11])), "was an authority key before");
    assert_eq!(longer.envelopes().len(), 3, "a refused version leaves no trace");
}

#[test]
fn two_charters_of_one_number_freeze_membership_until_all_settle_it() {
    let bundle_of = |envelopes: &[&Envelope]| ForumBundle {
        charters: [&sealed_genesis()].into_iter().chain(envelopes.iter().copied()).cloned().collect(),
        ..ForumBundle::default()
    };
    let named = |name: &str, signers: &[u8]| seal(&successor(|p| p.body.forum_name = name.into()), signers);
    let (one, other) = (named("One", &[1, 2, 3]), named("Other", &[3, 4, 5]));
    let mut trust = trust();
    assert_eq!(trust.merge(&bundle_of(&[&one]), NOW).unwrap().charters, 1);
    assert!(!trust.is_frozen(NOW));
    let merged = trust.merge(&bundle_of(&[&other]), NOW).unwrap();
    assert_eq!((merged.charters, merged.conflicting), (0, 1));
    assert_eq!(trust.merge(&bundle_of(&[&other]), NOW).unwrap().conflicting, 0, "known");
    assert!(trust.is_frozen(NOW) && trust.charter().forum_name == "One");
    // The evidence travels: who reads this node's bundle is frozen too.
    let mut newcomer = Trust::verify(None, &trust.bundle()).unwrap();
    assert!(newcomer.is_frozen(NOW));
    // Data flows on.
    newcomer.key_for("MEX", Purpose::Publisher, &key(PUBLISHER).public(), NOW).unwrap();
    // A version that too few signed is no evidence.
    let weak = named("Weak", &[4, 5]);
    let mut calm = Trust::verify(None, &bundle_of(&[&one])).unwrap();
    assert!(!calm.merge(&bundle_of(&[&weak]), NOW).unwrap().changed() && !calm.is_frozen(NOW));

    let third = |signers: &[u8]| {
        let mut next = successor(|p| p.body.forum_name = "Settled".into());
        next.body.version = 3;
        next.body.previous = Some(one.id().unwrap());
        next.issued_at = time::format(NOW);
        seal(&next, signers)
    };
    let merged = newcomer.merge(&bundle_of(&[&one, &third(&[1, 2, 3, 4])]), NOW).unwrap();
    assert!(matches!(merged.refused[0], TrustError::Frozen(_)) && newcomer.charter().version == 2);
    let settled = bundle_of(&[&one, &third(&[1, 2, 3, 4, 5])]);
    assert_eq!(newcomer.merge(&settled, NOW).unwrap().charters, 1);
    assert!(!newcomer.is_frozen(NOW) && newcomer.charter().forum_name == "Settled");
    // Who held the other branch goes over to the settled one.
    let mut astray = Trust::verify(None, &bundle_of(&[&other])).unwrap();
    assert_eq!(astray.merge(&settled, NOW).unwrap().charters, 2);
    assert_eq!(astray.charter().forum_name, "Settled");
    assert!(!newcomer.merge(&bundle_of(&[&other]), NOW).unwrap().changed(), "settled is settled");
}

#[test]
fn a_running_node_asks_what_time_it_is() {
    let mut trust = trust();
    let late = START + 400 * DAY;
    // Written after the expiry, dated before it.
    let removal = successor(|p| p.body.members.retain(|m| m.id != "SLV"));
    let bundle =
        ForumBundle { charters: vec![sealed_genesis(), seal(&removal, &[1, 2, 3, 4])], ..ForumBundle::default() };
    let merged = trust.merge(&bundle, late).unwrap();
    assert!(matches!(merged.refused[0], TrustError::Frozen(_)), "{:?}", merged.refused);
    assert_eq!(trust.merge(&bundle, NOW).unwrap().charters, 1, "in time it would have been adopted");
    let mut early = self::trust();
    let merged = early.merge(&bundle, START + 20 * DAY).unwrap();
    assert!(merged.refused[0].to_string().contains("which is after"), "{:?}", merged.refused);
    let foreign = payload(genesis(), "", START + 1);
    let foreign = ForumBundle { charters: vec![seal(&foreign, &[1, 2, 3, 4, 5])], ..ForumBundle::default() };
    refused("another forum's", early.merge(&foreign, NOW), "another forum");
    assert!(!early.merge(&bundle_of_genesis(), NOW).unwrap().changed());
}

fn bundle_of_genesis() -> ForumBundle {
    ForumBundle { charters: vec![sealed_genesis()], ..ForumBundle::default() }
}

#[test]
fn a_delegated_key_does_not_become_an_authority() {
    let mut trust = trust();
    let second = successor(|p| p.body.members[0].authority_key = key(PUBLISHER).public());
    let bundle = ForumBundle {
        charters: vec![sealed_genesis(), seal(&second, &[1, 2, 3, 4, 5, PUBLISHER])],
        ..ForumBundle::default()
    };
    let merged = trust.merge(&bundle, NOW).unwrap();
    assert!(matches!(merged.refused[0], TrustError::AuthorityReused { .. }));
}

#[test]
fn nobody_claims_a_key_it_does_not_hold() {
    // Guatemala delegates Mexico's publisher key to itself, before Mexico's own delegation arrives.
    let mut stolen = Mandate { issuer: "GTM", signer: 2, ..Mandate::default() }.seal();
    let id = key(PUBLISHER).public().to_string();
    stolen.signatures.retain(|s| s.keyid != id);
    let mut trust = Trust::verify(None, &bundle_of_genesis()).unwrap();
    refused("claimed", trust.add(&stolen), "has not signed its delegation");
    assert!(trust.add(&Mandate::default().seal()).unwrap());
}

#[test]
fn a_difference_says_every_change_once() {
    let old = genesis();
    let mut new = genesis();
    new.forum_name = "New name".into();
    new.rules.four_eyes = false;
    new.rules.schema = "RCP 2.0.0".into();
    new.thresholds.suspend = fraction(1, 2);
    new.expires = time::format(START + 500 * DAY);
    new.members[0].addresses.push("/ip4/192.0.2.1/tcp/8700".into());
    new.members[1].name = "another name".into();
    new.members[2].role = Role::Observer;
    new.members[5].role = Role::MemberState;
    new.members.retain(|m| m.id != "SLV");
    new.members.push(member("BLZ", 8, Role::MemberState));
    let changes = diff(Some(&old), &new);
    let of = |act| changes.iter().filter(|c| c.act == act).map(|c| c.text.clone()).collect::<Vec<_>>();
    assert_eq!(of(Act::Remove).len(), 2, "{changes:?}");
    assert_eq!(of(Act::Admit).len(), 2, "{changes:?}");
    assert_eq!(of(Act::Schema), ["the shared schema is `RCP 2.0.0`, until now `RCP 1.0.0`"]);
    assert_eq!(of(Act::Amend).len(), 6, "{changes:?}");
    assert!(diff(Some(&old), &old).is_empty());
    // A founding charter says who founds it, the thresholds, and each rule.
    assert_eq!(diff(None, &old).len(), MEMBERS.len() + 5);
    let removal = successor(|p| p.body.members.retain(|m| m.id != "SLV")).body;
    assert_eq!(
        requirements(Some(&old), &removal),
        ["version 1: 3 of 4 member states, `SLV` not counted", "version 2: 3 of 4 member states, `SLV` not counted"]
    );
}

#[test]
fn signatures_are_collected_from_copies() {
    let next = successor(|p| p.body.forum_name = "New".into());
    let copies = [1, 2, 3]
        .map(|seed| ForumBundle { charters: vec![sealed_genesis(), seal(&next, &[seed])], ..ForumBundle::default() });
    let mut all = copies[0].clone();
    assert_eq!(all.collect(&copies[1]).unwrap(), (0, 1));
    assert_eq!(all.collect(&copies[1]).unwrap(), (0, 0));
    assert!(Trust::verify(None, &all).is_err());
    // A signature that does not hold is not taken, and does not stand in the way of one that does.
    let mut forged = copies[2].clone();
    let other = seal(&successor(|p| p.body.forum_name = "Other".into()), &[3]);
    forged.charters[1].signatures.clone_from(&other.signatures);
    assert_eq!(all.collect(&forged).unwrap(), (0, 0));
    all.charters[1].signatures.extend(other.signatures);
    assert_eq!(all.collect(&copies[2]).unwrap(), (0, 1));
    Trust::verify(None, &all).unwrap();
}

/// What may be done to a charter, by number.
fn edit(which: u8, p: &mut Payload<Charter>) {
    match which {
        0 => p.body.expires = time::format(START + 500 * DAY),
        1 => p.body.members.retain(|m| m.id != "SLV"),
        2 => p.body.members.retain(|m| m.id != "PAN"),
        3 => p.body.members.push(member("BLZ", 8, Role::MemberState)),
        4 => p.body.rules.schema = "RCP 1.1.0".into(),
        5 => p.body.members[0].authority_key = key(12).public(),
        6 => p.body.members[1].next_key_hash = Some(key(13).public().commitment()),
        7 => p.body.thresholds.admit = fraction(1, 100),
        8 => p.body.version += 1,
        9 => p.body.previous = Some("0".repeat(64)),
        10 => p.issued_at = time::format(START - 1),
        11 => p.forum = "0".repeat(64),
        12 => p.body.members.iter_mut().filter(|m| m.id == "OBS").for_each(|m| m.role = Role::MemberState),
        _ => p.body.members.iter_mut().filter(|m| m.id == "HND").for_each(|m| m.role = Role::Observer),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Whatever is changed and whoever signs: nothing passes with fewer than a majority of the old states that stay, nor without
    /// every bound of the version before.
    #[test]
    fn no_minority_changes_a_charter(
        edits in proptest::collection::btree_set(0u8..14, 0..5),
        signers in proptest::collection::btree_set(1u8..=14, 0..9),
        twice in any::<bool>(),
    ) {
        let next = successor(|p| edits.iter().for_each(|which| edit(*which, p)));
        let signers: Vec<u8> = signers.into_iter().collect();
        let mut envelope = seal(&next, &signers);
        if twice {
            let again = envelope.signatures.clone();
            envelope.signatures.extend(again);
        }
        let accepted = CharterChain::verify(None, &[sealed_genesis(), envelope]).is_ok();
        let broken = edits.iter().any(|e| (8..=11).contains(e)) || (edits.contains(&1) as u8 + edits.contains(&2) as u8 + edits.contains(&13) as u8) > 1;
        let gone: Vec<u8> = [(1, 5), (2, 4), (13, 3)].iter().filter(|(e, _)| edits.contains(e)).map(|(_, s)| *s).collect();
        let counted = (1u8..=5).filter(|s| !gone.contains(s));
        let old = counted.clone().filter(|s| signers.contains(s)).count();
        let states = counted.count();
        let needed = if edits.contains(&4) { (states * 4).div_ceil(5) } else if edits.contains(&3) || edits.contains(&12) || !gone.is_empty() { (states * 2).div_ceil(3) } else { states / 2 + 1 };
        let consents = (!edits.contains(&5) || signers.contains(&12)) && (!edits.contains(&6) || signers.contains(&2));
        if accepted {
            prop_assert!(!broken && old >= needed && consents, "{edits:?} by {signers:?}");
        }
        // Enough of everybody does pass, so that the test can fail the other way.
        if !broken && consents && [1, 2, 3, 4, 5, 6, 8, 12, 13].iter().all(|s| signers.contains(s)) {
            prop_assert!(accepted, "{edits:?} by {signers:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// No bytes make a reader of bundles or records panic, and none that differ from a valid bundle by one byte are another valid one.
    #[test]
    fn no_bytes_break_a_reader(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0usize..100_000, flip in 1u8..) {
        let _ = ForumBundle::parse(&bytes).map(|b| Trust::verify(None, &b).is_ok());
        let _ = Envelope::parse(&bytes);
        let mut trust = trust();
        suspend(&mut trust, &suspension(|_| (), &[2, 3])).unwrap();
        trust.revoke(&revocation(|_| (), &[1])).unwrap();
        let mut bytes = serde_json::to_vec(&trust.bundle()).unwrap();
        let at = at % bytes.len();
        bytes[at] ^= flip;
        let changed = ForumBundle::parse(&bytes).ok().and_then(|b| Trust::verify(Some(trust.forum()), &b).ok());
        // What still holds says the same.
        prop_assert!(changed.is_none_or(|other| other.digest() == trust.digest()), "byte {at}");
    }
}

/// When Mexico's authority key, 1, is replaced by 11: ten days before [`NOW`].
pub(crate) const ROTATED: i64 = START + 30 * DAY;

pub(crate) fn rotated() -> Envelope {
    seal(&successor(|p| p.body.members[0].authority_key = key(11).public()), &[1, 2, 3, 11])
}

/// Mexico's forum after the rotation, in which the new key has delegated the publisher key again.
pub(crate) fn after_rotation() -> ForumBundle {
    let mut bundle = bundle();
    bundle.charters.push(rotated());
    let again =
        Mandate { signer: 11, from: time::format(ROTATED), to: time::format(ROTATED + 80 * DAY), ..Mandate::default() };
    bundle.delegations.push(again.seal());
    bundle
}

pub(crate) fn revoked_at(at: i64, signer: u8) -> Envelope {
    let dated = |p: &mut Payload<Revocation>| {
        p.issued_at = time::format(at);
        p.body.from = time::format(at);
    };
    revocation(dated, &[signer])
}

#[test]
fn a_replaced_authority_key_cannot_revoke_what_its_successor_delegates() {
    let (publisher, acts) = (key(PUBLISHER).public(), Trust::verify(None, &after_rotation()).unwrap());
    let acts_at = |trust: &Trust, at| trust.key_for("MEX", Purpose::Publisher, &publisher, at).is_ok();
    assert!(acts_at(&acts, NOW));
    // Whatever date the thief writes, even to who reads the forum for the first time.
    for at in [ROTATED - 20 * DAY, ROTATED - 1, ROTATED, NOW] {
        let mut stolen = after_rotation();
        stolen.revocations.push(revoked_at(at, 1));
        let newcomer = Trust::verify(None, &stolen).unwrap();
        assert!(acts_at(&newcomer, NOW), "dated {at}");
        assert_eq!(newcomer.in_force("MEX", Purpose::Publisher, NOW).len(), 1, "dated {at}");
        // The new key revokes, however early the thief's revocation is dated.
        let mut both = newcomer.clone();
        assert!(both.revoke(&revoked_at(NOW, 11)).unwrap());
        assert_eq!([acts_at(&both, NOW - 1), acts_at(&both, NOW)], [true, false], "dated {at}");
        assert!(!acts_at(&Trust::verify(None, &both.bundle()).unwrap(), NOW), "dated {at}");
    }
}

#[test]
fn what_was_revoked_before_a_rotation_stays_so_for_who_reads_it_later() {
    let early = revoked_at(ROTATED - 10 * DAY, 1);
    let publisher = key(PUBLISHER).public();
    let mut forum = bundle();
    forum.charters.push(rotated());
    forum.revocations.push(early);
    let newcomer = Trust::verify(None, &forum).unwrap();
    refused("by the old key", newcomer.key_for("MEX", Purpose::Publisher, &publisher, ROTATED - DAY), "was revoked");
    newcomer.key_for("MEX", Purpose::Publisher, &publisher, ROTATED - 11 * DAY).unwrap();
    // Signed by the old key while the states were signing the charter that replaces it, whose date is earlier.
    forum.revocations = vec![revoked_at(ROTATED + DAY, 1)];
    Trust::verify(None, &forum).unwrap();
    // The new key reaches back to what the old one gave.
    let dated = |p: &mut Payload<Revocation>| p.body.from = time::format(ROTATED - 10 * DAY);
    forum.revocations = vec![revocation(dated, &[11])];
    let newcomer = Trust::verify(None, &forum).unwrap();
    refused("by the new key", newcomer.key_for("MEX", Purpose::Publisher, &publisher, ROTATED - DAY), "was revoked");
}

#[test]
fn a_running_node_believes_a_replaced_key_only_in_its_members_log() {
    let mut trust = Trust::verify(None, &after_rotation()).unwrap();
    let log = Mandate { purpose: Purpose::Log, key: 60, ..Mandate::default() };
    let late = ForumBundle {
        charters: after_rotation().charters,
        delegations: vec![log.seal()],
        revocations: vec![revoked_at(ROTATED - DAY, 1)],
        ..ForumBundle::default()
    };
    let merged = trust.merge(&late, NOW).unwrap();
    assert!(!merged.changed() && merged.refused.is_empty() && merged.unvouched == 2, "{merged:?}");
    assert!(!trust.merge_logged(&late, "GTM").changed(), "in another's log");
    let merged = trust.merge_logged(&late, "MEX");
    assert_eq!((merged.delegations, merged.revocations), (1, 1), "{merged:?}");
    let again = trust.merge(&late, NOW).unwrap();
    assert!(!again.changed() && again.unvouched == 0, "known: {again:?}");
    // Who learns of the rotation with it is told by the log too.
    let mut behind = self::trust();
    let merged = behind.merge(&late, NOW).unwrap();
    assert_eq!((merged.charters, merged.unvouched), (1, 2));
    // Until it is replaced the key is believed.
    assert_eq!(self::trust().merge(&ForumBundle { charters: vec![], ..late }, NOW).unwrap().delegations, 1);
}
