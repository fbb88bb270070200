//! A proof bundle proves its release to a reader who trusts nothing but the forum's id.

use chancery_ledger::proof::{LogPlace, ProofBundle, Told};
use chancery_ledger::release::Withdrawal;
use chancery_ledger::revocation::Revocation;
use chancery_ledger::{Audience, Envelope, ForumBundle, Payload, Purpose, RecordKind, Trust, time};
use proptest::prelude::*;

pub(crate) use crate::samples::proof;
use crate::samples::{ISSUED, bundle_signed_by, sealed};
use crate::world::*;

pub(crate) fn told(genesis: Option<&str>) -> Told<'_> {
    Told { genesis, ..Told::default() }
}

#[test]
fn a_bundle_proves_its_release() {
    for audience in [Audience::Public, Audience::Forum, Audience::Members(vec!["GTM".to_owned()])] {
        let bytes = serde_json::to_vec(&proof(audience.clone())).unwrap();
        let report = ProofBundle::parse(&bytes).unwrap().verify_offline(told(Some(trust().forum())), ISSUED).unwrap();
        assert_eq!(report.release.id, sealed(audience).id().unwrap());
        assert_eq!((report.checkpoint.size, report.forum_name.as_str()), (11, "Test forum"));
        assert!(report.steps.iter().any(|step| step.text.contains("leaf 5 of 11")), "{:?}", report.steps);
    }
    let late = proof(Audience::Public).verify_offline(told(None), START + 400 * DAY).unwrap();
    assert!(late.steps.iter().any(|step| !step.done && step.text.contains("the charter expired")), "{:?}", late.steps);
}

#[test]
fn a_bundle_tells_of_the_withdrawal_of_its_release_alone() {
    let with = |release: &str, signer: u8| {
        let body = Withdrawal { release: release.to_owned(), reason: "wrong table".to_owned(), audience: None };
        let payload = Payload {
            forum: trust().forum().to_owned(),
            issuer: "MEX".to_owned(),
            issued_at: time::format(ISSUED + DAY),
            kind: RecordKind::Withdrawal,
            body,
        };
        let mut proof = proof(Audience::Public);
        proof.withdrawal = Some(Envelope::seal(&payload, &[&key(signer)]).unwrap());
        let text = proof.to_tlog_proof().unwrap();
        ProofBundle::parse(text.as_bytes()).unwrap().verify(told(None)).map(|report| report.withdrawn)
    };
    let release = sealed(Audience::Public).id().unwrap();
    let withdrawn = with(&release, PUBLISHER).unwrap().unwrap();
    assert_eq!((withdrawn.at, withdrawn.reason.as_str()), (time::format(ISSUED + DAY), "wrong table"));
    refused("of another release", with(&"a".repeat(64), PUBLISHER), "of another release");
    refused("by an operator", with(&release, PREPARER), "withdrawal: no publisher key");
    assert_eq!(proof(Audience::Public).verify(told(None)).unwrap().withdrawn, None);
}

#[test]
fn a_bundle_by_a_replaced_authority_says_that_its_date_is_not_proved() {
    let mut rotated = proof(Audience::Public);
    let next = successor(|p| {
        p.body.members[0].authority_key = key(11).public();
        p.issued_at = time::format(ISSUED + DAY);
    });
    let told_of = |proof: &ProofBundle| {
        let report = proof.verify(told(None)).unwrap();
        report.steps.iter().any(|step| !step.done && step.text.contains("was replaced"))
    };
    assert!(!told_of(&rotated));
    rotated.forum.charters.push(seal(&next, &[1, 2, 3, 11]));
    assert!(told_of(&rotated));
}

#[test]
fn a_bundle_says_where_its_log_key_was_revoked() {
    let said = |revoked: &[u8]| {
        let mut proof = proof(Audience::Public);
        for seed in revoked {
            let revoke = |p: &mut Payload<Revocation>| p.body.key = key(*seed).public();
            proof.forum.revocations.push(crate::governance::revocation(revoke, &[1]));
        }
        let report = proof.verify_offline(told(None), START + 50 * DAY).unwrap();
        report.steps.iter().any(|step| step.text.contains("before the log key of `MEX` was revoked"))
    };
    assert!(said(&[LOG]) && !said(&[]) && !said(&[200]));
}

#[test]
fn a_witness_makes_no_bundle_large_or_refused() {
    let mut trust = trust();
    let witness =
        |key| Mandate { issuer: "GTM", signer: 2, key, purpose: Purpose::Witness, ..Mandate::default() }.seal();
    let operator =
        |key| Mandate { issuer: "GTM", signer: 2, key, purpose: Purpose::Operator, ..Mandate::default() }.seal();
    let revoke = |key: u8, by: u8| {
        let change = |p: &mut Payload<Revocation>| {
            (p.issuer, p.body.key) = ("GTM".to_owned(), crate::world::key(key).public());
        };
        crate::governance::revocation(change, &[by])
    };
    let unused = |seed: &u8| !(1..=7).contains(seed) && ![LOG, PUBLISHER, PREPARER, APPROVER, 32, 33].contains(seed);
    for seed in (0..=255).filter(unused) {
        trust.add(&operator(seed)).unwrap();
        assert!(trust.revoke(&revoke(seed, 2)).unwrap());
    }
    trust.add(&witness(32)).unwrap();
    trust.add(&witness(33)).unwrap();
    trust.revoke(&revoke(33, 2)).unwrap();
    assert!(trust.revocations().count() > 201);
    let cosigned = |seed: u8| {
        let proof = proof(Audience::Public);
        let name = chancery_ledger::cosignature::witness_name(trust.forum(), "GTM");
        let line = chancery_ledger::cosignature::cosign(&proof.checkpoint, &name, &key(seed), ISSUED).unwrap();
        let checkpoint = chancery_ledger::cosignature::joined(&proof.checkpoint, [line.as_str()]);
        let inclusion = chancery_ledger::proof::decode_hashes(&proof.inclusion).unwrap();
        let place = LogPlace { salt: None, index: 5, tree_size: 11, inclusion: &inclusion, checkpoint: &checkpoint };
        ProofBundle::new(&trust, proof.record, place).unwrap()
    };
    let own = proof(Audience::Public).forum.delegations.len();
    // A key that was revoked later than it signed still counts, so its revocation comes with it.
    for (seed, revocations) in [(32, 0), (33, 1)] {
        let bundle = cosigned(seed);
        assert_eq!((bundle.forum.delegations.len(), bundle.forum.revocations.len()), (own + 1, revocations));
        assert_eq!(bundle.verify(told(None)).unwrap().cosignatures.len(), 1);
    }
    // Nor does a bundle with all of it hold too much.
    let mut whole = cosigned(32);
    whole.forum.revocations = trust.revocations().map(|r| r.envelope.clone()).collect();
    whole.verify(told(None)).unwrap();
}

#[test]
fn a_bundle_is_refused_for_each_fault() {
    let cases: &[(&str, fn(&mut ProofBundle), &str)] = &[
        ("another format", |p| p.format = "chancery-proof/2".into(), "format"),
        ("another index", |p| p.index = 4, "inclusion proof of leaf 4"),
        ("an index out of range", |p| p.index = u64::MAX, "does not exist"),
        ("another size", |p| p.tree_size = 12, "tree size"),
        ("another leaf", |p| p.leaf = p.leaf.to_lowercase(), "the leaf or tree size"),
        ("a hash too few", |p| p.inclusion.truncate(1), "does not hold"),
        ("a hash too many", |p| p.inclusion.push(p.inclusion[0].clone()), "does not hold"),
        ("an endless proof", |p| p.inclusion = vec![p.inclusion[0].clone(); 5_000], "too long"),
        ("a salt for a public release", |p| p.salt = Some("9".repeat(64)), "salt"),
        ("no charter", |p| p.forum.charters.clear(), "0 versions"),
        ("no delegations", |p| p.forum.delegations.clear(), "no delegation by `MEX`"),
        ("no log delegation", |p| p.forum.delegations.retain(|d| !is_for(d, Purpose::Log)), "no delegated log key"),
        ("conflicting charters", |p| p.forum.conflicting = p.forum.charters.clone(), "conflicting charters"),
        ("another record", |p| p.record = sealed(Audience::Forum), "salt"),
        (
            "no signature on the head",
            |p| p.checkpoint = p.checkpoint.split("\n\n").next().unwrap().into(),
            "checkpoint",
        ),
    ];
    for (name, change, part) in cases {
        let mut changed = proof(Audience::Public);
        change(&mut changed);
        let bytes = serde_json::to_vec(&changed).unwrap();
        let result = ProofBundle::parse(&bytes).and_then(|p| p.verify_offline(told(Some(trust().forum())), ISSUED));
        refused(name, result, part);
    }
    let mut wider = serde_json::to_value(proof(Audience::Public)).unwrap();
    wider["note"] = "x".into();
    refused("a field too many", ProofBundle::parse(wider.to_string().as_bytes()), "note");
    let forum = "0".repeat(64);
    refused("another forum", proof(Audience::Public).verify_offline(told(Some(&forum)), ISSUED), "another forum");
    refused("from the future", proof(Audience::Public).verify_offline(told(None), START), "which is after");
    let publisher = bundle_signed_by(PUBLISHER, Audience::Public);
    refused("head signed by the publisher", publisher.verify_offline(told(None), ISSUED), "no delegated log key");
    let mut spelled = proof(Audience::Forum);
    spelled.salt = Some("0a".repeat(32).to_uppercase());
    refused("a salt in capitals", spelled.verify_offline(told(None), ISSUED), "lower-case");
    let mut unsalted = proof(Audience::Forum);
    unsalted.salt = None;
    refused("no salt", unsalted.verify_offline(told(None), ISSUED), "salt");
}

fn is_for(envelope: &chancery_ledger::Envelope, purpose: Purpose) -> bool {
    let payload = envelope.payload::<chancery_ledger::delegation::Delegation>(RecordKind::Delegation).unwrap();
    payload.body.purpose == purpose
}

#[test]
fn a_renewed_log_key_still_proves() {
    let mut forum: ForumBundle = bundle();
    let (from, to) = (time::format(START + 80 * DAY), time::format(START + 170 * DAY));
    forum.delegations.push(Mandate { purpose: Purpose::Log, key: LOG, from, to, ..Mandate::default() }.seal());
    let mut renewed = proof(Audience::Public);
    renewed.forum.delegations = Trust::verify(None, &forum).unwrap().bundle().delegations;
    renewed.verify_offline(told(None), ISSUED).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]
    /// Nothing in the file is beside the point: any changed byte is refused.
    #[test]
    fn one_changed_byte_is_refused(position in any::<prop::sample::Index>(), flip in 1u8..=255, public: bool) {
        let audience = if public { Audience::Public } else { Audience::Members(vec!["GTM".to_owned()]) };
        let mut bytes = serde_json::to_vec(&proof(audience)).unwrap();
        let position = position.index(bytes.len());
        bytes[position] ^= flip;
        let read = ProofBundle::parse(&bytes).and_then(|p| p.verify_offline(told(Some(trust().forum())), ISSUED));
        prop_assert!(read.is_err(), "byte {position}, flip {flip}");
    }
}
