//! What a record counts for when the charter has changed since it was signed, and when whoever hands it over has changed what is around it.

use chancery_ledger::charter::Role;
use chancery_ledger::revocation::Revocation;
use chancery_ledger::suspension::Suspension;
use chancery_ledger::{Envelope, ForumBundle, Payload, Purpose, RecordKind, Trust, time};

use crate::governance::*;
use crate::world::*;

fn charters(envelopes: &[&Envelope]) -> ForumBundle {
    ForumBundle {
        charters: [&sealed_genesis()].into_iter().chain(envelopes.iter().copied()).cloned().collect(),
        ..ForumBundle::default()
    }
}

/// A suspension of `member` that begins at `from`, for so many days.
fn suspended(member: &str, from: i64, days: i64, signers: &[u8]) -> Envelope {
    let change = |p: &mut Payload<Suspension>| {
        p.issued_at = time::format(from);
        p.body.member = member.to_owned();
        p.body.from = time::format(from);
        p.body.until = time::format(from + days * DAY);
    };
    suspension(change, signers)
}

fn with_suspensions(suspensions: &[Envelope]) -> ForumBundle {
    ForumBundle { suspensions: suspensions.to_vec(), ..charters(&[]) }
}

#[test]
fn a_charter_drafted_before_a_suspension_does_not_undo_it() {
    // Guatemala and Honduras change their keys by a charter that was drafted ten days before, while the suspension was signed with the old ones.
    let rotated = seal(
        &successor(|p| {
            p.body.members[1].authority_key = key(12).public();
            p.body.members[2].authority_key = key(13).public();
        }),
        &[12, 13, 1, 4, 5],
    );
    let removed = seal(&successor(|p| p.body.members.retain(|m| m.id != "MEX")), &[2, 3, 4, 5]);
    for (name, charter, signers) in [
        ("by the old keys", &rotated, [2, 3]),
        ("by one old key and one new", &rotated, [2, 13]),
        ("of a member that is removed", &removed, [2, 3]),
    ] {
        let mut trust = trust();
        if signers == [2, 3] {
            assert_eq!(
                trust.merge(&with_suspensions(&[suspension(|_| (), &signers)]), NOW).unwrap().suspensions,
                1,
                "{name}"
            );
            assert_eq!(trust.merge(&charters(&[charter]), NOW).unwrap().charters, 1, "{name}");
        } else {
            trust.merge(&charters(&[charter]), NOW).unwrap();
            let merged = trust.merge(&with_suspensions(&[suspension(|_| (), &signers)]), NOW).unwrap();
            assert_eq!(merged.suspensions, 1, "{name}: {:?}", merged.refused);
        }
        let again = Trust::verify(None, &trust.bundle());
        let again = again.unwrap_or_else(|e| panic!("{name}: the node does not start again: {e}"));
        assert!(again.suspended("MEX", NOW).is_some(), "{name}");
    }
}

#[test]
fn what_was_signed_on_a_branch_given_up_does_not_count_on_the_other() {
    let with = |id: &str, seed: u8, signers: &[u8]| {
        let admitted = successor(|p| p.body.members.push(member(id, seed, Role::MemberState)));
        seal(&admitted, signers)
    };
    let (held, settled) = (with("BLZ", 8, &[1, 2, 3, 4]), with("CRI", 9, &[2, 3, 4, 5]));
    let mut trust = trust();
    trust.merge(&charters(&[&held]), NOW).unwrap();
    let mandate = Mandate { issuer: "BLZ", signer: 8, key: 50, ..Mandate::default() };
    let mut records = charters(&[&held]);
    records.delegations = vec![mandate.seal()];
    records.suspensions = vec![suspended("BLZ", NOW, 14, &[2, 3])];
    records.revocations = vec![revocation(
        |p| {
            p.issuer = "BLZ".to_owned();
            p.body.key = key(51).public();
        },
        &[8],
    )];
    let merged = trust.merge(&records, NOW).unwrap();
    assert_eq!((merged.delegations, merged.suspensions, merged.revocations), (1, 1, 1), "{merged:?}");
    let third = {
        let mut next = successor(|p| p.body.members.push(member("CRI", 9, Role::MemberState)));
        next.body.version = 3;
        next.body.previous = Some(settled.id().unwrap());
        next.body.forum_name = "Settled".to_owned();
        next.issued_at = time::format(NOW);
        seal(&next, &[1, 2, 3, 4, 5, 9])
    };
    assert_eq!(trust.merge(&charters(&[&settled, &third]), NOW).unwrap().charters, 2);
    let again = Trust::verify(None, &trust.bundle()).unwrap_or_else(|e| panic!("the node does not start again: {e}"));
    assert_eq!(again.digest(), trust.digest());
    assert!(trust.delegations().all(|d| d.member != "BLZ") && trust.suspensions().next().is_none());
    trust.key_for("MEX", Purpose::Publisher, &key(PUBLISHER).public(), NOW).unwrap();
}

/// `envelope` with the signature of the key of one seed exchanged for that of another.
fn exchanged(envelope: &Envelope, taken: u8, given: u8) -> Envelope {
    let (mut changed, taken) = (envelope.clone(), key(taken).public().to_string());
    changed.signatures.retain(|s| s.keyid != taken);
    changed.sign(&key(given)).unwrap();
    changed
}

#[test]
fn a_record_is_not_shut_out_by_a_copy_with_other_signatures() {
    // Who has stolen Mexico's old key, 1, serves Mexico's log with the new key's signatures exchanged: the ids are the same.
    let log = Mandate {
        signer: 11,
        purpose: Purpose::Log,
        key: 60,
        from: time::format(ROTATED),
        to: time::format(ROTATED + 80 * DAY),
        ..Mandate::default()
    };
    let genuine = ForumBundle {
        charters: after_rotation().charters,
        delegations: vec![log.seal()],
        revocations: vec![revoked_at(NOW, 11)],
        ..ForumBundle::default()
    };
    let doctored = ForumBundle {
        delegations: vec![exchanged(&genuine.delegations[0], 11, 1)],
        revocations: vec![exchanged(&genuine.revocations[0], 11, 1)],
        ..genuine.clone()
    };
    let mut trust = Trust::verify(None, &after_rotation()).unwrap();
    trust.merge_logged(&doctored, "MEX");
    let before = trust.digest();
    let merged = trust.merge(&genuine, NOW).unwrap();
    assert_eq!((merged.delegations, merged.revocations), (1, 1), "{merged:?}");
    assert_ne!(trust.digest(), before, "another node must see the difference");
    assert_eq!(trust.in_force("MEX", Purpose::Log, NOW).len(), 1);
    refused("revoked", trust.key_for("MEX", Purpose::Publisher, &key(PUBLISHER).public(), NOW), "was revoked");
    // And not the other way round.
    assert!(!trust.merge_logged(&doctored, "MEX").changed());
    assert_eq!(Trust::verify(None, &trust.bundle()).unwrap().digest(), trust.digest());
}

#[test]
fn a_mandate_by_both_keys_outlives_the_rotation_without_a_restart() {
    // The charter that names the new key arrives after the delegation that it has signed already.
    let mut mandate = Mandate { key: 60, purpose: Purpose::Log, ..Mandate::default() }.seal();
    mandate.sign(&key(11)).unwrap();
    let mut trust = trust();
    trust.add(&mandate).unwrap();
    assert_eq!(trust.merge(&charters(&[&rotated()]), NOW).unwrap().charters, 1);
    let keys: Vec<_> = trust.in_force("MEX", Purpose::Log, NOW).iter().map(|d| d.delegation.key).collect();
    assert_eq!(keys, [key(60).public()]);
}

#[test]
fn a_suspension_that_was_not_known_is_believed_only_in_its_time() {
    let cases = [
        ("now", NOW, None),
        ("dated a little ahead", NOW - 200, None),
        ("of the future", NOW - DAY, Some("which is after")),
        ("over a day ago", NOW + 15 * DAY, Some("over")),
    ];
    for (name, at, expected) in cases {
        let mut trust = trust();
        let merged = trust.merge(&with_suspensions(&[suspension(|_| (), &[2, 3])]), at).unwrap();
        match expected {
            None => assert_eq!(merged.suspensions, 1, "{name}: {merged:?}"),
            Some("over") => {
                assert!(!merged.changed() && merged.refused.is_empty() && merged.late == 1, "{name}: {merged:?}")
            }
            Some(part) => refused(name, merged.refused.into_iter().next().map_or(Ok(()), Err), part),
        }
    }
    // Once known it stays.
    let mut trust = trust();
    trust.merge(&with_suspensions(&[suspension(|_| (), &[2, 3])]), NOW).unwrap();
    trust.merge(&charters(&[]), NOW + 100 * DAY).unwrap();
    assert!(Trust::verify(None, &trust.bundle()).unwrap().suspended("MEX", NOW).is_some());
}

#[test]
fn a_key_replaced_long_ago_suspends_nobody() {
    let mut trust = trust();
    let rotated = seal(&successor(|p| p.body.members[1].authority_key = key(12).public()), &[12, 1, 3, 4]);
    assert_eq!(trust.merge(&charters(&[&rotated]), NOW).unwrap().charters, 1);
    for (days, believed) in [(10, true), (16, false), (95, false)] {
        let mut trust = trust.clone();
        let at = START + 30 * DAY + days * DAY;
        let merged = trust.merge(&with_suspensions(&[suspended("MEX", at, 14, &[2, 3])]), at).unwrap();
        assert_eq!((merged.suspensions, merged.late), (usize::from(believed), usize::from(!believed)), "{merged:?}");
        let merged = trust.clone().merge(&with_suspensions(&[suspended("PAN", at, 14, &[12, 3])]), at).unwrap();
        assert_eq!(merged.suspensions, 1, "by the keys of now: {merged:?}");
    }
}

#[test]
fn suspensions_shield_nobody_and_do_not_stop_the_forum() {
    // A day's suspension does not keep an ally from being suspended.
    let mut trust = trust();
    assert!(suspend(&mut trust, &suspended("MEX", NOW, 1, &[2, 3])).unwrap());
    assert!(suspend(&mut trust, &suspended("MEX", NOW + DAY, 13, &[2, 3])).unwrap());
    let again = suspend(&mut trust, &suspended("MEX", NOW + 20 * DAY, 2, &[2, 3]));
    refused("15 days", again, "more than 14 days within 90");
    let mut shielded = trust.clone();
    assert!(
        suspend(&mut shielded, &suspended("MEX", NOW + 20 * DAY, 14, &[4, 5])).unwrap(),
        "by others than its allies"
    );
    refused("again", suspend(&mut shielded, &suspended("MEX", NOW + 40 * DAY, 1, &[2, 4])), "0 of the 2");
    assert!(suspend(&mut trust, &suspended("MEX", NOW + 120 * DAY, 14, &[2, 3])).unwrap());
    // Who has signed is not lost where a copy came first that lacks a signature.
    let (few, all) = (suspended("MEX", NOW, 14, &[2, 3]), suspended("MEX", NOW, 14, &[2, 3, 4]));
    let mut trust = self::trust();
    assert!(suspend(&mut trust, &few).unwrap());
    let before = trust.digest();
    assert!(suspend(&mut trust, &all).unwrap() && !suspend(&mut trust, &few).unwrap());
    assert_ne!(trust.digest(), before);
    refused("spent", suspend(&mut trust, &suspended("MEX", NOW + 20 * DAY, 1, &[4, 5])), "1 of the 2");
    // Two of five must cosign: with three suspended no log has enough, and one pair after the other would stop the forum for good.
    let all = [
        suspended("MEX", NOW, 14, &[4, 5]),
        suspended("GTM", NOW, 14, &[4, 5]),
        suspended("HND", NOW, 14, &[4, 5]),
        suspended("PAN", NOW + 7 * DAY, 14, &[2, 5]),
        suspended("SLV", NOW + 14 * DAY, 14, &[2, 3]),
    ];
    let order: [[usize; 5]; 3] = [[0, 1, 2, 3, 4], [4, 3, 2, 1, 0], [2, 4, 0, 3, 1]];
    let mut found = Vec::new();
    for order in order {
        let mut trust = Trust::verify(None, &bundle()).unwrap();
        // As by gossip: again until nothing is new.
        for _ in 0..3 {
            for i in order {
                drop(trust.merge(&with_suspensions(&[all[i].clone()]), NOW + 14 * DAY).unwrap());
            }
        }
        let out =
            |at: i64| ["MEX", "GTM", "HND", "PAN", "SLV"].iter().filter(|m| trust.suspended(m, at).is_some()).count();
        let stopped = (NOW..NOW + 40 * DAY).step_by(3600).filter(|at| out(*at) >= 3).count();
        assert!(stopped <= 14 * 24, "{order:?}: {stopped} hours");
        found.push(trust.digest());
        Trust::verify(None, &trust.bundle()).unwrap();
    }
    assert!(found.iter().all(|digest| *digest == found[0]), "whatever arrives first");
}

#[test]
fn suspensions_are_not_too_short_and_do_not_fill_what_is_there_for_all() {
    let second = |p: &mut Payload<Suspension>| p.body.until = time::format(NOW + 1);
    refused("a second", suspend(&mut trust(), &suspension(second, &[2, 3])), "shorter than a day");
    // Those of old times keep nobody from being suspended, however many there were.
    let mut stored = bundle();
    for round in 0..400 {
        stored.suspensions.push(suspended("GTM", NOW + round * 110 * DAY, 14, &[3, 4]));
    }
    let (mut trust, dropped) = Trust::restore(&sealed_genesis().id().unwrap(), &stored).unwrap();
    assert!(dropped.is_empty());
    assert!(suspend(&mut trust, &suspended("GTM", NOW + 400 * 110 * DAY, 14, &[3, 4])).unwrap());
    // Nor does anybody sign 14 days of one member's over and over.
    let mut stored = bundle();
    stored.suspensions = (0..300).map(|i| suspended("MEX", NOW + i, 14, &[2, 3])).collect();
    let (trust, dropped) = Trust::restore(&sealed_genesis().id().unwrap(), &stored).unwrap();
    assert_eq!((trust.suspensions().count(), dropped.len()), (1, 299));
}

#[test]
fn a_signature_added_to_an_old_suspension_undoes_no_other() {
    // Panama, 4, has changed its key to 14; who has stolen the old one signs what Guatemala and Honduras had signed before.
    let rotated = seal(&successor(|p| p.body.members[3].authority_key = key(14).public()), &[14, 1, 2, 3]);
    let first = suspended("MEX", NOW, 1, &[2, 3]);
    let mut doctored = first.clone();
    doctored.sign(&key(4)).unwrap();
    let late = {
        let mut late = first.clone();
        late.sign(&key(14)).unwrap();
        late
    };
    let heard = |first: &Envelope| {
        let mut trust = trust();
        trust.merge(&charters(&[&rotated]), NOW).unwrap();
        trust.merge(&with_suspensions(std::slice::from_ref(first)), NOW).unwrap();
        let second = suspended("MEX", NOW + 10 * DAY, 14, &[14, 5]);
        assert_eq!(trust.merge(&with_suspensions(&[second]), NOW + 10 * DAY).unwrap().suspensions, 1);
        trust
    };
    for (name, copy, first) in
        [("stolen", &doctored, &first), ("first of all", &first, &doctored), ("late", &late, &first)]
    {
        let mut trust = heard(first);
        let merged = trust.merge(&with_suspensions(std::slice::from_ref(copy)), NOW + 11 * DAY).unwrap();
        assert!(!merged.changed() && merged.dropped.is_empty(), "{name}: {merged:?}");
        assert!(trust.suspended("MEX", NOW + 12 * DAY).is_some(), "{name}");
    }
}

#[test]
fn who_was_away_hears_of_a_suspension_and_of_the_charter_after_it_at_once() {
    // Honduras has changed its key by a charter that was drafted long before it was adopted, after the suspension.
    let rotated = seal(&successor(|p| p.body.members[2].authority_key = key(13).public()), &[13, 1, 2, 4]);
    let at = START + 50 * DAY;
    let mut both = charters(&[&rotated]);
    both.suspensions = vec![suspended("MEX", at, 14, &[2, 3])];
    let mut away = trust();
    let merged = away.merge(&both, at).unwrap();
    assert_eq!((merged.charters, merged.suspensions), (1, 1), "{merged:?}");
    assert!(away.suspended("MEX", at).is_some());
    // A newcomer cannot know, and joins all the same.
    let mut newcomer = Trust::found(&sealed_genesis().id().unwrap(), &both).unwrap();
    let merged = newcomer.merge(&both, at).unwrap();
    assert!(merged.refused.is_empty() && merged.late == 1, "{merged:?}");
}

#[test]
fn a_proof_holds_with_a_part_of_the_suspensions() {
    // The last does not count after the first three, and a proof does not judge that.
    let all = ["MEX", "GTM", "HND"].map(|member| suspended(member, NOW, 14, &[4, 5]));
    let last = suspended("SLV", NOW + 14 * DAY, 14, &[2, 3]);
    let mut stored = bundle();
    stored.suspensions = all.into_iter().chain([last]).collect();
    assert!(Trust::verify(None, &stored).is_ok());
}

#[test]
fn a_record_of_one_member_is_not_made_large_by_others() {
    let mut mandate = Mandate { key: 60, purpose: Purpose::Log, ..Mandate::default() }.seal();
    for seed in 100..106 {
        mandate.sign(&key(seed)).unwrap();
    }
    assert!(mandate.check_form().is_ok(), "8 signatures");
    mandate.sign(&key(106)).unwrap();
    assert!(mandate.check_form().unwrap_err().to_string().contains("9 signatures, more than 8"));
}

#[test]
fn one_member_cannot_use_up_what_is_there_for_all() {
    let mut trust = trust();
    let revoke = |seed: u16, issuer: &str, signer: u8| {
        let mut bytes = [7; 32];
        bytes[..2].copy_from_slice(&seed.to_be_bytes());
        let change = |p: &mut Payload<Revocation>| {
            p.issuer = issuer.to_owned();
            p.body.key = chancery_ledger::KeyPair::from_seed(&bytes).public();
        };
        revocation(change, &[signer])
    };
    let kept = (0..250).filter(|seed| trust.revoke(&revoke(*seed, "MEX", 1)).is_ok()).count();
    assert_eq!(kept, 200);
    assert!(trust.revoke(&revoke(1, "GTM", 2)).unwrap(), "another member");
    // Nor can a thief of the authority key keep its member from revoking what it has delegated.
    assert!(trust.revoke(&revoked_at(NOW, 1)).unwrap(), "a key that is known");
    let again = Trust::verify(None, &trust.bundle()).unwrap();
    assert_eq!(again.digest(), trust.digest());
    // What is there can still be replaced by one that reaches further back.
    let earlier = |p: &mut Payload<Revocation>| {
        let key = chancery_ledger::KeyPair::from_seed(&{
            let mut bytes = [7; 32];
            bytes[..2].copy_from_slice(&3u16.to_be_bytes());
            bytes
        });
        p.body.key = key.public();
        p.body.from = time::format(NOW - DAY);
    };
    assert!(trust.revoke(&revocation(earlier, &[1])).unwrap());
}

#[test]
fn a_removed_members_earlier_key_is_not_believed_by_gossip() {
    let third = {
        let mut next = successor(|p| p.body.members.retain(|m| m.id != "MEX"));
        next.body.version = 3;
        next.body.previous = Some(rotated().id().unwrap());
        next.issued_at = time::format(ROTATED + DAY);
        seal(&next, &[2, 3, 4, 5])
    };
    let mut trust = Trust::verify(None, &charters(&[&rotated(), &third])).unwrap();
    let late = ForumBundle {
        delegations: vec![Mandate { purpose: Purpose::Log, key: 60, ..Mandate::default() }.seal()],
        ..charters(&[])
    };
    let merged = trust.merge(&late, NOW).unwrap();
    assert!(!merged.changed() && merged.unvouched == 1, "{merged:?}");
}

#[test]
fn a_stored_bundle_with_a_wrong_record_is_read_without_it() {
    let mut stored = bundle();
    stored.revocations = vec![revocation(|_| (), &[2])];
    stored.suspensions = vec![suspension(|_| (), &[2])];
    assert!(Trust::verify(None, &stored).is_err());
    let (trust, dropped) = Trust::restore(&sealed_genesis().id().unwrap(), &stored).unwrap();
    assert_eq!((trust.delegations().count(), dropped.len()), (4, 2));
    assert!(Trust::restore(&"0".repeat(64), &stored).is_err(), "another forum's");
    // A newcomer knows the charters; the rest must hold, and be of its time.
    let kind: Payload<serde_json::Value> = stored.suspensions[0].payload(RecordKind::Suspension).unwrap();
    assert_eq!(kind.issuer, "SEC");
    assert_eq!(Trust::found(&sealed_genesis().id().unwrap(), &stored).unwrap().delegations().count(), 0);
}
