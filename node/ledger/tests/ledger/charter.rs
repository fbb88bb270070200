//! Every way to pass a charter that the forum did not agree to.

use std::collections::BTreeSet;

use chancery_ledger::charter::{CharterChain, CharterError, Fraction, Role};
use chancery_ledger::record::Payload;
use chancery_ledger::{Envelope, time};
use proptest::prelude::*;

use crate::world::*;

type Change = fn(&mut Payload<chancery_ledger::charter::Charter>);

fn extend(p: &mut Payload<chancery_ledger::charter::Charter>) {
    p.body.expires = time::format(START + 500 * DAY);
}

fn role_of(p: &mut Payload<chancery_ledger::charter::Charter>, id: &str, role: Role) {
    p.body.members.iter_mut().find(|m| m.id == id).unwrap().role = role;
}

#[test]
fn a_successor_needs_what_both_versions_ask_for() {
    // Five states: 3 to amend, 4 of 5 or of 6 to admit, 3 of the 4 others to remove.
    let cases: &[(&str, Change, &[u8], Option<&str>)] = &[
        ("amended", extend, &[1, 2, 3], None),
        ("one too few", extend, &[1, 2], Some("2 of the 3 member states needed by version 1")),
        ("nobody", extend, &[], Some("0 of the 3")),
        ("the observer counted", extend, &[1, 2, OBSERVER], Some("2 of the 3")),
        ("the secretariat counted", extend, &[1, 2, SECRETARIAT], Some("2 of the 3")),
        ("a stranger counted", extend, &[1, 2, STRANGER], Some("2 of the 3")),
        ("nothing changed, too few", |_| (), &[1, 2], Some("2 of the 3")),
        ("version skipped", |p| p.body.version = 3, &[1, 2, 3, 4, 5], Some("it says it is version 3")),
        ("version repeated", |p| p.body.version = 1, &[1, 2, 3, 4, 5], Some("it says it is version 1")),
        (
            "wrong previous",
            |p| p.body.previous = Some("0".repeat(64)),
            &[1, 2, 3, 4, 5],
            Some("does not name the version before"),
        ),
        ("no previous", |p| p.body.previous = None, &[1, 2, 3, 4, 5], Some("does not name the version before")),
        ("another forum", |p| p.forum = "0".repeat(64), &[1, 2, 3, 4, 5], Some("another forum")),
        (
            "issued before its predecessor",
            |p| p.issued_at = time::format(START - 1),
            &[1, 2, 3, 4, 5],
            Some("issued before"),
        ),
        (
            "expired when issued",
            |p| p.body.expires = p.issued_at.clone(),
            &[1, 2, 3, 4, 5],
            Some("not after it was issued"),
        ),
        (
            "expiry with an offset",
            |p| p.body.expires = "2027-01-01T00:00:00+14:00".into(),
            &[1, 2, 3, 4, 5],
            Some("is not a time"),
        ),
        ("removal by the others", |p| p.body.members.retain(|m| m.id != "SLV"), &[1, 2, 3], None),
        (
            "removal with the removed's vote",
            |p| p.body.members.retain(|m| m.id != "SLV"),
            &[1, 2, 5],
            Some("2 of the 3"),
        ),
        (
            "two removed at once",
            |p| p.body.members.retain(|m| m.id != "SLV" && m.id != "PAN"),
            &[1, 2, 3],
            Some("more than one"),
        ),
        ("a state made observer by the others", |p| role_of(p, "SLV", Role::Observer), &[1, 2, 3], None),
        ("a state made observer with its vote", |p| role_of(p, "SLV", Role::Observer), &[1, 2, 5], Some("2 of the 3")),
        (
            "two states made observers",
            |p| {
                role_of(p, "SLV", Role::Observer);
                role_of(p, "PAN", Role::Observer)
            },
            &[1, 2, 3, 4, 5],
            Some("more than one"),
        ),
        ("an observer made a state", |p| role_of(p, "OBS", Role::MemberState), &[1, 2, 3, 4], None),
        (
            "an observer made a state by its own vote",
            |p| role_of(p, "OBS", Role::MemberState),
            &[1, 2, 3, 6],
            Some("3 of the 4 member states needed by version 1"),
        ),
        ("admission", |p| p.body.members.push(member("BLZ", 8, Role::MemberState)), &[1, 2, 3, 4], None),
        (
            "admission, one too few",
            |p| p.body.members.push(member("BLZ", 8, Role::MemberState)),
            &[1, 2, 3],
            Some("3 of the 4"),
        ),
        (
            "admission by its own vote",
            |p| p.body.members.push(member("BLZ", 8, Role::MemberState)),
            &[1, 2, 3, 8],
            Some("3 of the 4 member states needed by version 1"),
        ),
        (
            "puppet states outvote",
            |p| {
                p.body
                    .members
                    .extend([("PPA", 30), ("PPB", 31), ("PPC", 32)].map(|(id, k)| member(id, k, Role::MemberState)))
            },
            &[1, 2, 3, 30, 31, 32],
            Some("by version 1"),
        ),
        (
            "lowered threshold, by itself",
            |p| p.body.thresholds.amend = fraction(1, 5),
            &[1],
            Some("needed by version 1"),
        ),
        (
            "raised threshold, by the old",
            |p| p.body.thresholds.amend = fraction(1, 1),
            &[1, 2, 3],
            Some("3 of the 5 member states needed by version 2"),
        ),
        ("raised threshold, by all", |p| p.body.thresholds.amend = fraction(1, 1), &[1, 2, 3, 4, 5], None),
        (
            "rotated key, old key only",
            |p| p.body.members[1].authority_key = key(12).public(),
            &[1, 2, 3],
            Some("needed by version 2"),
        ),
        ("rotated key, both keys", |p| p.body.members[1].authority_key = key(12).public(), &[1, 2, 3, 12], None),
        (
            "a key of a member that was never announced, by the others",
            |p| p.body.members[4].authority_key = key(12).public(),
            &[1, 2, 3, 4],
            Some("`SLV` has not signed the change"),
        ),
        (
            "the observer's key, by itself too",
            |p| p.body.members[5].authority_key = key(12).public(),
            &[1, 2, 3, 12],
            None,
        ),
        (
            "the observer's key, without it",
            |p| p.body.members[5].authority_key = key(12).public(),
            &[1, 2, 3, OBSERVER],
            Some("`OBS` has not signed the change"),
        ),
        (
            "a successor announced for another",
            |p| p.body.members[4].next_key_hash = Some(key(12).public().commitment()),
            &[1, 2, 3, 4],
            Some("`SLV` has not signed the change"),
        ),
        (
            "a successor announced by its holder",
            |p| p.body.members[4].next_key_hash = Some(key(12).public().commitment()),
            &[1, 2, 5],
            None,
        ),
        (
            "a successor that is no hash",
            |p| p.body.members[4].next_key_hash = Some("soon".into()),
            &[1, 2, 3, 4, 5],
            Some("64 hexadecimal digits"),
        ),
        (
            "two members change keys with each other",
            |p| {
                p.body.members[0].authority_key = key(2).public();
                p.body.members[1].authority_key = key(1).public();
            },
            &[1, 2, 3, 4, 5],
            Some("was an authority key before"),
        ),
        (
            "a new member with a departed one's key",
            |p| {
                p.body.members.retain(|m| m.id != "SLV");
                p.body.members.push(member("BLZ", 5, Role::MemberState));
            },
            &[1, 2, 3, 4, 5],
            Some("was an authority key before"),
        ),
        ("the schema's version", |p| p.body.rules.schema = "RCP 1.1.0".into(), &[1, 2, 3, 4], None),
        (
            "the schema's version, one too few",
            |p| p.body.rules.schema = "RCP 1.1.0".into(),
            &[1, 2, 3],
            Some("3 of the 4"),
        ),
        (
            "the schema hidden in an amendment",
            |p| {
                extend(p);
                p.body.rules.schema = "RCP 1.1.0".into();
            },
            &[1, 2, 3],
            Some("3 of the 4"),
        ),
        (
            "less than a majority for the next act",
            |p| p.body.thresholds.amend = fraction(1, 100),
            &[1, 2],
            Some("2 of the 3"),
        ),
        (
            "admission and removal at once, with what removal needs",
            |p| {
                p.body.members.retain(|m| m.id != "SLV");
                p.body.members.push(member("BLZ", 8, Role::MemberState));
            },
            &[1, 2, 8],
            Some("2 of the 3"),
        ),
        (
            "one key for two members",
            |p| p.body.members[1].authority_key = key(1).public(),
            &[1, 2, 3, 4, 5],
            Some("shares its authority key"),
        ),
        ("one id twice", |p| p.body.members[1].id = "MEX".into(), &[1, 2, 3, 4, 5], Some("twice")),
        ("a malformed id", |p| p.body.members[1].id = "gt".into(), &[1, 2, 3, 4, 5], Some("malformed")),
        (
            "a name that moves the cursor",
            |p| p.body.members[1].name = "\u{1b}[2J".into(),
            &[1, 2, 3, 4, 5],
            Some("too long a name"),
        ),
        (
            "no state left",
            |p| p.body.members.retain(|m| m.role != Role::MemberState),
            &[1, 2, 3, 4, 5],
            Some("with a member state"),
        ),
        (
            "frozen members",
            |p| {
                p.issued_at = time::format(START + 366 * DAY);
                p.body.expires = time::format(START + 900 * DAY);
                p.body.members.retain(|m| m.id != "SLV")
            },
            &[1, 2, 3, 4, 5],
            Some("freezes membership"),
        ),
        (
            "ratified again after expiry",
            |p| {
                p.issued_at = time::format(START + 366 * DAY);
                p.body.expires = time::format(START + 900 * DAY)
            },
            &[1, 2, 3],
            None,
        ),
    ];
    for (name, change, signers, expected) in cases {
        let result = CharterChain::verify(None, &[sealed_genesis(), seal(&successor(change), signers)]);
        match expected {
            None => assert!(result.is_ok(), "{name}: {}", result.unwrap_err()),
            Some(part) => refused(name, result, part),
        }
    }
}

#[test]
fn a_genesis_needs_every_founding_state() {
    let cases: &[(&str, Change, &[u8], Option<&str>)] = &[
        ("all states", |_| (), &[1, 2, 3, 4, 5], None),
        ("one state missing", |_| (), &[1, 2, 3, 4, OBSERVER, SECRETARIAT], Some("missing: SLV")),
        (
            "a predecessor",
            |p| p.body.previous = Some("0".repeat(64)),
            &[1, 2, 3, 4, 5],
            Some("names no version before it"),
        ),
        ("a forum", |p| p.forum = "0".repeat(64), &[1, 2, 3, 4, 5], Some("names no version before it")),
        ("version 2", |p| p.body.version = 2, &[1, 2, 3, 4, 5], Some("it says it is version 2")),
        ("nobody in it", |p| p.body.members.clear(), &[1, 2, 3, 4, 5], Some("0 members")),
    ];
    for (name, change, signers, expected) in cases {
        let mut first = payload(genesis(), "", START);
        change(&mut first);
        let result = CharterChain::verify(None, &[seal(&first, signers)]);
        match expected {
            None => assert!(result.is_ok(), "{name}: {}", result.unwrap_err()),
            Some(part) => refused(name, result, part),
        }
    }
    refused("empty", CharterChain::verify(None, &[]), "0 versions");
    refused(
        "not the forum asked for",
        CharterChain::verify(Some(&"0".repeat(64)), &[sealed_genesis()]),
        "another forum",
    );
    let id = sealed_genesis().id().unwrap();
    assert_eq!(CharterChain::verify(Some(&id), &[sealed_genesis()]).unwrap().forum(), id);
}

#[test]
fn one_signer_twice_counts_once() {
    let mut envelope = seal(&successor(extend), &[1, 2]);
    let again = envelope.signatures[0].clone();
    envelope.signatures.push(again);
    refused("counted twice", CharterChain::verify(None, &[sealed_genesis(), envelope.clone()]), "2 of the 3");
    refused("parsed", Envelope::parse(&envelope.to_bytes().unwrap()), "is there twice");
}

#[test]
fn a_signature_of_another_record_does_not_count() {
    let other = seal(&successor(|p| p.body.forum_name = "Other".into()), &[3]);
    let mut envelope = seal(&successor(extend), &[1, 2]);
    envelope.signatures.extend(other.signatures);
    refused("moved", CharterChain::verify(None, &[sealed_genesis(), envelope]), "2 of the 3");
}

#[test]
fn forks_and_rollbacks_are_told_apart() {
    let chain = |second: &[Envelope]| {
        let envelopes: Vec<_> = [sealed_genesis()].into_iter().chain(second.iter().cloned()).collect();
        CharterChain::verify(None, &envelopes).unwrap()
    };
    let one = chain(&[seal(&successor(extend), &[1, 2, 3])]);
    let other = chain(&[seal(&successor(|p| p.body.forum_name = "Other".into()), &[2, 3, 4])]);
    let first = chain(&[]);
    assert!(matches!(one.check_extended_by(&other), Err(CharterError::Forked { version: 2, .. })));
    assert!(matches!(one.check_extended_by(&first), Err(CharterError::Rollback { held: 2, offered: 1 })));
    first.check_extended_by(&one).unwrap();
    one.check_extended_by(&one.clone()).unwrap();
    let mut foreign = genesis();
    foreign.forum_name = "Foreign".to_owned();
    let foreign = CharterChain::verify(None, &[seal(&payload(foreign, "", START), &[1, 2, 3, 4, 5])]).unwrap();
    assert!(matches!(first.check_extended_by(&foreign), Err(CharterError::Genesis { .. })));
}

#[test]
fn the_version_in_force_follows_time() {
    let chain = CharterChain::verify(None, &[sealed_genesis(), seal(&successor(extend), &[1, 2, 3])]).unwrap();
    for (at, version) in [(START - 1, 1), (START, 1), (START + 30 * DAY - 1, 1), (START + 30 * DAY, 2), (i64::MAX, 2)] {
        assert_eq!(chain.at(at).version, version, "{at}");
    }
}

#[test]
fn fractions_round_up() {
    for (n, d, states, needed) in [(2, 3, 11, 8), (1, 2, 5, 3), (1, 1, 7, 7), (1, 3, 1, 1), (2, 3, 0, 1)] {
        assert_eq!(fraction(n, d).of(states), needed);
    }
    for bad in ["", "2", "0/3", "4/3", "1/0", "-1/3", "1/2/3", "a/b"] {
        assert!(Fraction::try_from(bad.to_owned()).is_err(), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whoever signs, only states count, each once.
    #[test]
    fn only_states_count(signers in proptest::collection::vec(1u8..=12, 0..10)) {
        let states: BTreeSet<u8> = signers.iter().copied().filter(|s| *s <= 5).collect();
        let accepted = CharterChain::verify(None, &[sealed_genesis(), seal(&successor(extend), &signers)]).is_ok();
        prop_assert_eq!(accepted, states.len() >= 3);
    }
}
