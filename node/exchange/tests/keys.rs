//! What a node tells of its keys as time goes on.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may end so")]

mod support;

use chancery_exchange::{Amendment, SignedCharters, amend, everything, mandates, sign_chosen, waiting};
use chancery_ledger::revocation::Revocation;
use chancery_ledger::{Envelope, ForumBundle, KeyPair, Payload, Purpose, RecordKind, Trust, time};
use support::{World, now};

const DAY_S: i64 = 24 * 3600;

/// The keys of a member whose delegations were made so many days ago: whether they act, whether they want attention, what is said.
async fn keys_after(days: i64) -> Vec<(bool, bool, String)> {
    let world = World::found_at(&["GTM"], now() - days * DAY_S);
    let node = world.open("GTM").await;
    // With a log key that has ended the forum is joined, but nothing is logged.
    let _ = node.join(&world.bundle, &world.genesis).await;
    let keys = node.key_list().unwrap().into_iter().filter(|k| k.purpose != "authority");
    keys.map(|k| (k.ok, k.attention, k.state)).collect()
}

#[tokio::test]
async fn a_delegation_that_ends_soon_is_told_before_it_has_ended() {
    for (ok, attention, state) in keys_after(70).await {
        assert!(ok && !attention && !state.contains("renew"), "{state}");
    }
    for (ok, attention, state) in keys_after(80).await {
        assert!(ok && attention, "{state}");
        assert!(state.contains("ends in 9 days") && state.contains("chancery keys renew"), "{state}");
    }
    for (ok, attention, state) in keys_after(95).await {
        assert!(!ok && attention, "{state}");
        assert!(state.contains("ended 20") && state.contains("chancery keys renew"), "{state}");
    }
}

#[tokio::test]
async fn a_second_successor_is_signed_only_in_place_of_one_given_up() {
    let world = World::found(&["GTM", "HND", "MEX"]);
    let keyring = world.keyring("GTM");
    let authority = keyring.authority(|_| unreachable!()).unwrap();
    let drafted = |name: &str| {
        let wanted = Amendment { name: Some(name.to_owned()), ..Amendment::default() };
        amend(&world.bundle, wanted, "GTM", now()).unwrap()
    };
    let id = |bundle: &ForumBundle| bundle.charters.last().unwrap().id().unwrap();
    let try_sign = |bundle: &ForumBundle, given_up: &[String]| {
        // Read anew each time: what was signed is on disk.
        let mut signed = keyring.signed_charters().unwrap();
        given_up.iter().for_each(|id| signed.give_up(id));
        let mut bundle = bundle.clone();
        sign_chosen(&mut bundle, authority.as_ref(), false, now(), &mut signed, everything).map(|_| bundle)
    };
    let (one, other) = (drafted("One"), drafted("Other"));
    try_sign(&one, &[]).unwrap();
    try_sign(&one, &[]).unwrap();
    let refused = try_sign(&other, &[]).unwrap_err().to_string();
    assert!(refused.contains(&id(&one)) && refused.contains("--instead-of"), "{refused}");
    assert!(try_sign(&other, &[id(&other)]).is_err(), "the one that is signed is not the one given up");
    let waits = waiting(&other, &authority.public_key(), false, now(), &keyring.signed_charters().unwrap()).unwrap();
    assert_eq!(waits[0].instead_of, [id(&one)]);
    assert!(waits[0].to_string().contains("WARNING"), "{}", waits[0]);
    try_sign(&other, &[id(&one)]).unwrap();
    assert!(try_sign(&one, &[]).is_err(), "now that one is the second");
    // Where the memory was lost, a charter that is held says it as well.
    let (held, mut learnt) = (try_sign(&one, &[id(&other)]).unwrap(), fresh());
    learnt.learn(&held, &authority.public_key());
    let mut again = other.clone();
    assert!(sign_chosen(&mut again, authority.as_ref(), false, now(), &mut learnt, everything).is_err());
    assert!(again.charters.last().unwrap().signatures.is_empty(), "nothing was signed");
}

fn fresh() -> SignedCharters {
    SignedCharters::beside(std::path::Path::new("/nonexistent")).unwrap()
}

#[tokio::test]
async fn two_charters_of_one_number_are_shown_side_by_side() {
    let world = World::found(&["GTM", "HND", "MEX", "PAN"]);
    let signed = |name: &str, members: &[&str]| {
        let wanted = Amendment { name: Some(name.to_owned()), ..Amendment::default() };
        let mut bundle = amend(&world.bundle, wanted, "GTM", now()).unwrap();
        for member in members {
            let authority = world.keyring(member).authority(|_| unreachable!()).unwrap();
            sign_chosen(&mut bundle, authority.as_ref(), false, now(), &mut fresh_of(&world, member, name), everything)
                .unwrap();
        }
        bundle
    };
    let node = world.open("GTM").await;
    node.join(&world.bundle, &world.genesis).await.unwrap();
    assert!(node.forum_view().await.unwrap().rival_charters.is_none());
    node.adopt(&signed("One", &["GTM", "HND", "MEX"])).await.unwrap();
    node.adopt(&signed("Other", &["HND", "MEX", "PAN"])).await.unwrap();
    let rivals = node.forum_view().await.unwrap().rival_charters.unwrap();
    assert_eq!((rivals.version, rivals.signed_both), (2, vec!["HND".to_owned(), "MEX".to_owned()]));
    let told: Vec<_> = rivals.charters.iter().map(|c| (c.in_force, c.signed_by.join(" "), c.changes.len())).collect();
    assert_eq!(told, [(true, "GTM HND MEX".to_owned(), 1), (false, "HND MEX PAN".to_owned(), 1)]);
}

/// A memory of its own for each draft: as of somebody who signs two on two machines.
fn fresh_of(world: &World, member: &str, draft: &str) -> SignedCharters {
    SignedCharters::beside(&world.folder(member).join(draft)).unwrap()
}

#[tokio::test]
async fn a_key_that_an_earlier_authority_key_revoked_is_told_where_it_acts_again() {
    let at = now() - DAY_S;
    let world = World::found_at(&["GTM"], at);
    let keyring = world.keyring("GTM");
    let (old, new) = (keyring.authority(|_| unreachable!()).unwrap(), KeyPair::from_seed(&[7; 32]));
    let member = world.trust().charter().member("GTM").unwrap().clone();
    let card = chancery_ledger::charter::Member { authority_key: new.public(), ..member };
    let wanted = Amendment { update: vec![card], ..Amendment::default() };
    let mut forum = amend(&world.bundle, wanted, "GTM", at).unwrap();
    for authority in [old.as_ref(), &new] {
        forum.charters.last_mut().unwrap().sign(authority).unwrap();
    }
    let revocation = |key, signer: &dyn chancery_ledger::Signer| {
        let body = Revocation { key, from: time::format(at), reason: "said to be lost".to_owned() };
        let (forum, issuer) = (world.genesis.clone(), "GTM".to_owned());
        let issued_at = time::format(at);
        Envelope::seal(&Payload { forum, issuer, issued_at, kind: RecordKind::Revocation, body }, &[signer]).unwrap()
    };
    let publisher = keyring.key(Purpose::Publisher).unwrap().public();
    let luis = keyring.operator("luis").unwrap().public();
    forum.revocations = vec![revocation(publisher, old.as_ref()), revocation(luis, old.as_ref())];
    // The new key delegates all but the operator.
    let mut anew = mandates(&world.genesis, "GTM", &keyring, now()).unwrap();
    anew.retain(|e| e.signers().all(|key| key != luis));
    anew.iter_mut().for_each(|e| e.sign(&new).unwrap());
    forum.delegations.extend(anew);
    Trust::verify(Some(&world.genesis), &forum).unwrap();
    let node = world.open("GTM").await;
    // It was revoked before the key was replaced.
    let before = ForumBundle { revocations: forum.revocations.clone(), ..world.bundle.clone() };
    node.join(&before, &world.genesis).await.unwrap();
    node.adopt(&forum).await.unwrap();
    let keys = node.key_list().unwrap();
    let of = |purpose: &str, name: &str| keys.iter().find(|k| k.purpose == purpose && k.name == name).unwrap();
    let (told, quiet, gone) = (of("publisher", ""), of("log", ""), of("operator", "luis"));
    assert!(told.ok && told.attention && told.state.contains("if the revocation was yours"), "{told:?}");
    assert!(quiet.ok && !quiet.attention, "{quiet:?}");
    assert!(!gone.ok, "{gone:?}");
    // What is revoked is not delegated anew, but for what the present key vouches for.
    let renewed: Vec<_> = node.request_renewal().unwrap().delegations;
    let holds = |key| renewed.iter().any(|e| e.signers().any(|signer| signer == key));
    assert!(holds(publisher) && !holds(luis));
}

#[tokio::test]
async fn two_that_sign_at_once_do_not_sign_two_successors() {
    let world = World::found(&["GTM", "HND", "MEX"]);
    let keyring = world.keyring("GTM");
    let authority = keyring.authority(|_| unreachable!()).unwrap();
    let drafted = |name: &str| {
        let wanted = Amendment { name: Some(name.to_owned()), ..Amendment::default() };
        amend(&world.bundle, wanted, "GTM", now()).unwrap()
    };
    // Both have read the memory before either has signed.
    let (mut first, mut second) = (keyring.signed_charters().unwrap(), keyring.signed_charters().unwrap());
    let sign = |mut bundle: ForumBundle, memory: &mut SignedCharters| {
        sign_chosen(&mut bundle, authority.as_ref(), false, now(), memory, everything)
    };
    sign(drafted("One"), &mut first).unwrap();
    let refused = sign(drafted("Other"), &mut second).unwrap_err().to_string();
    assert!(refused.contains("--instead-of"), "{refused}");
}

#[tokio::test]
async fn what_the_new_key_is_to_delegate_does_not_wait_for_the_old_one() {
    let world = World::found(&["GTM", "HND", "MEX"]);
    let keyring = world.keyring("GTM");
    let (old, new) = (keyring.authority(|_| unreachable!()).unwrap(), KeyPair::from_seed(&[7; 32]));
    let member = world.trust().charter().member("GTM").unwrap().clone();
    let card = chancery_ledger::charter::Member { authority_key: new.public(), ..member };
    let wanted = Amendment { update: vec![card], ..Amendment::default() };
    let mut draft = amend(&world.bundle, wanted, "GTM", now()).unwrap();
    let anew = mandates(&world.genesis, "GTM", &keyring, now() + 1).unwrap();
    let count = anew.len();
    draft.delegations.extend(anew);
    let mut memory = fresh_of(&world, "GTM", "rotation");
    // The old key first, as for a rotation that is signed elsewhere.
    let signed = sign_chosen(&mut draft, old.as_ref(), false, now(), &mut memory, everything).unwrap();
    assert_eq!(signed.iter().map(|w| w.kind).collect::<Vec<_>>(), ["charter"]);
    let waits = waiting(&draft, &new.public(), false, now(), &memory).unwrap();
    assert_eq!(waits.iter().filter(|w| w.kind == "delegation").count(), count, "{waits:?}");
}
