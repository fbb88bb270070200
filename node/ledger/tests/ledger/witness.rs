//! Witnesses cosign what extends what they cosigned, and nothing else; readers count states, not keys.

use chancery_ledger::checkpoint::{Checkpoint, contradict, origin};
use chancery_ledger::cosignature::{cosign, counted, joined, verified, witness_name};
use chancery_ledger::log::{Hash, HashStore, LogError, Tree, leaf_hash};
use chancery_ledger::proof::ProofBundle;
use chancery_ledger::suspension::Suspension;
use chancery_ledger::witness::{AddCheckpoint, Refusal, Witnessed, policy};
use chancery_ledger::{Audience, Envelope, Payload, Purpose, RecordKind, Trust, time};

use crate::proof::told;
use crate::world::*;

struct Memory(Vec<Hash>);

impl HashStore for Memory {
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        indexes.iter().map(|i| self.0.get(*i as usize).copied().ok_or(LogError::Read("missing".into()))).collect()
    }
}

/// A log of Mexico; its `fork` differs from the others from leaf 3 on.
fn tree(size: u8, fork: u8) -> Memory {
    let leaves: Vec<Hash> = (0..size).map(|i| leaf_hash(&[i, if i < 3 { 0 } else { fork }])).collect();
    Memory(Tree(&Memory(Vec::new())).append(0, &leaves).unwrap().hashes)
}

fn head(size: u8, fork: u8) -> Checkpoint {
    let root = Tree(&tree(size, fork)).root(u64::from(size)).unwrap();
    Checkpoint { origin: origin(trust().forum(), "MEX"), size: u64::from(size), root }
}

fn note(size: u8, fork: u8) -> String {
    head(size, fork).sign(&key(LOG)).unwrap()
}

fn request(old: u8, size: u8, fork: u8) -> AddCheckpoint {
    let proof = Tree(&tree(size, fork)).prove_consistency(u64::from(size), u64::from(old)).unwrap_or_default();
    AddCheckpoint { old: u64::from(old), proof, checkpoint: note(size, fork) }
}

fn witnessed(size: u8) -> Option<Witnessed> {
    Some(Witnessed { size: u64::from(size), root: head(size, 0).root })
}

/// Witness keys: seed 30 and the authority's seed; Guatemala has two, and the observer and the secretariat one.
fn with_witnesses() -> Trust {
    let mut trust = trust();
    for (issuer, signer, key) in
        [("GTM", 2, 32), ("GTM", 2, 42), ("HND", 3, 33), ("OBS", 6, 36), ("SEC", 7, 37), ("MEX", 1, 31)]
    {
        let mandate = Mandate { issuer, signer, key, purpose: Purpose::Witness, ..Mandate::default() };
        trust.add(&mandate.seal()).unwrap();
    }
    trust
}

fn line(note: &str, member: &str, seed: u8, at: i64) -> String {
    cosign(note, &witness_name(trust().forum(), member), &key(seed), at).unwrap()
}

#[test]
fn a_witness_follows_the_rules() {
    let (trust, at) = (trust(), START + DAY);
    for (name, last, request) in [
        ("the first head", None, request(0, 5, 0)),
        ("an extension", witnessed(5), request(5, 9, 0)),
        ("the same head again", witnessed(5), request(5, 5, 0)),
    ] {
        assert!(request.check(&trust, last, at).is_ok(), "{name}");
    }
    let mut unsigned = request(0, 5, 0);
    unsigned.checkpoint = head(5, 0).sign(&key(STRANGER)).unwrap();
    let mut foreign = request(0, 5, 0);
    foreign.checkpoint = foreign.checkpoint.replace("/MEX", "/USA");
    let mut proofless = request(5, 9, 0);
    proofless.proof.clear();
    let mut padded = request(0, 5, 0);
    padded.proof = vec![head(1, 0).root];
    let cases: [(&str, Option<Witnessed>, AddCheckpoint, fn(&Refusal) -> bool); 10] = [
        ("an unknown log", None, foreign, |r| matches!(r, Refusal::Unknown(_))),
        ("another key", None, unsigned, |r| matches!(r, Refusal::NotSigned(_))),
        ("no note", None, AddCheckpoint { checkpoint: format!("{}\n", head(5, 0).origin), ..request(0, 5, 0) }, |r| {
            matches!(r, Refusal::Malformed(_))
        }),
        ("old beyond the head", witnessed(5), AddCheckpoint { old: 6, ..request(5, 5, 0) }, |r| {
            matches!(r, Refusal::Malformed(_))
        }),
        ("an old size not cosigned", witnessed(5), request(4, 9, 0), |r| matches!(r, Refusal::Conflict(5))),
        ("a smaller head", witnessed(5), request(4, 4, 0), |r| matches!(r, Refusal::Conflict(5))),
        ("a forked head of one size", witnessed(5), request(5, 5, 1), |r| matches!(r, Refusal::Forked(5))),
        ("a forked larger head", witnessed(5), request(5, 9, 1), |r| {
            matches!(r, Refusal::Inconsistent { old: 5, new: 9 })
        }),
        ("no proof", witnessed(5), proofless, |r| matches!(r, Refusal::Inconsistent { .. })),
        ("a proof from nothing", None, padded, |r| matches!(r, Refusal::Inconsistent { .. })),
    ];
    for (name, last, request, expected) in cases {
        let refusal = request.check(&trust, last, at).unwrap_err();
        assert!(expected(&refusal), "{name}: {refusal:?}");
    }
    // A log key whose delegation has ended.
    assert!(matches!(request(0, 5, 0).check(&trust, None, START + 91 * DAY), Err(Refusal::NotSigned(_))));
}

#[test]
fn cosignatures_are_counted_once_a_state() {
    let (trust, note, at) = (with_witnesses(), note(5, 0), START + DAY);
    let lines = [
        line(&note, "GTM", 32, at),
        line(&note, "GTM", 42, at + 5),
        line(&note, "HND", 33, at),
        line(&note, "OBS", 36, at),
        line(&note, "SEC", 37, at),
        line(&note, "MEX", 31, at),
        // Each of these is passed over: another's key, a time outside the delegation, not delegated at all.
        line(&note, "PAN", 32, at),
        line(&note, "HND", 33, START + 200 * DAY),
        line(&note, "SLV", 55, at),
        line(&self::note(6, 0), "HND", 33, at + 9),
        "— chancery/x/HND/witness AAAA".to_owned(),
    ];
    let cosigned = joined(&note, lines.iter().map(String::as_str).take(10));
    let found = verified(&trust, &cosigned).unwrap();
    let members: Vec<(&str, i64)> = found.iter().map(|c| (c.member.as_str(), c.at - at)).collect();
    assert_eq!(members, [("GTM", 5), ("HND", 0), ("OBS", 0), ("SEC", 0), ("MEX", 0)]);
    // Mexico's own does not count for its log, nor those without a vote.
    assert_eq!(counted(&trust, "MEX", &found), 2);
    assert_eq!(trust.charter().witness_quorum("MEX"), 2);
    // Still the log's head to whoever knows the log's key only.
    assert!(Checkpoint::verify(&cosigned, &head(5, 0).origin, &[key(LOG).public()]).is_ok());
    assert!(verified(&trust, &joined(&note, lines.iter().map(String::as_str))).is_err(), "a line that is none");
}

#[test]
fn a_cosignature_binds_head_and_time() {
    let (trust, note, at) = (with_witnesses(), note(5, 0), START + DAY);
    let good = line(&note, "GTM", 32, at);
    let head = good.rsplit_once(' ').unwrap().0;
    let blob = good.rsplit_once(' ').unwrap().1;
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let bytes = engine.decode(blob).unwrap();
    for position in 0..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[position] ^= 1;
        let changed = joined(&note, [format!("{head} {}", engine.encode(bytes)).as_str()]);
        assert_eq!(verified(&trust, &changed).unwrap(), [], "byte {position}");
    }
}

#[test]
fn two_signed_heads_of_one_size_contradict() {
    let keys = [key(LOG).public()];
    let origin = head(5, 0).origin;
    for (a, b, expected) in
        [(note(5, 0), note(5, 1), true), (note(5, 0), note(5, 0), false), (note(5, 0), note(6, 1), false)]
    {
        assert_eq!(contradict(&a, &b, &origin, &keys).unwrap(), expected);
    }
    assert!(contradict(&note(5, 0), &head(5, 1).sign(&key(STRANGER)).unwrap(), &origin, &keys).is_err());
}

#[test]
fn a_policy_names_log_witnesses_and_quorum() {
    let text = policy(&with_witnesses(), "MEX", START + DAY).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with(&format!("log {}+", head(1, 0).origin)), "{text}");
    assert_eq!(lines.iter().filter(|line| line.starts_with("witness ")).count(), 3, "{text}");
    assert_eq!(&lines[lines.len() - 2..], ["group witnesses 2 GTM HND", "quorum witnesses"]);
    assert_eq!(policy(&trust(), "MEX", START + DAY), None, "two must cosign, and nobody's key is known");
    let mut suspended = with_witnesses();
    suspend_all(&mut suspended, &["HND"], FROM);
    assert_eq!(policy(&suspended, "MEX", FROM), None, "one of two keys is out");
    assert_eq!(policy(&suspended, "MEX", FROM + 10 * DAY).as_deref(), Some(text.as_str()));
    // A revoked key's signatures would hold for who reads nothing else.
    let mut revoked = with_witnesses();
    let of = |p: &mut chancery_ledger::Payload<chancery_ledger::revocation::Revocation>| {
        p.issuer = "GTM".to_owned();
        p.body.key = key(42).public();
    };
    assert!(revoked.revoke(&crate::governance::revocation(of, &[2])).unwrap());
    let text = policy(&revoked, "MEX", START + DAY).unwrap();
    assert_eq!(text.lines().filter(|line| line.starts_with("witness GTM")).count(), 1, "{text}");
    // Nor is one that only a replaced authority key has delegated.
    let rotated = crate::governance::rotated();
    let charters = vec![crate::world::sealed_genesis(), rotated];
    revoked.merge(&chancery_ledger::ForumBundle { charters, ..Default::default() }, crate::governance::NOW).unwrap();
    assert_eq!(policy(&revoked, "MEX", START + DAY), None);
}

/// When suspensions begin, which last ten days.
const FROM: i64 = START + 10 * DAY;

fn suspend_all(trust: &mut Trust, members: &[&str], from: i64) {
    for member in members {
        let payload = Payload {
            forum: trust.forum().to_owned(),
            issuer: "SEC".to_owned(),
            issued_at: time::format(from),
            kind: RecordKind::Suspension,
            body: Suspension {
                member: (*member).to_owned(),
                from: time::format(from),
                until: time::format(from + 10 * DAY),
                reason: "an emergency".to_owned(),
            },
        };
        let signers = [key(1), key(if *member == "GTM" { 3 } else { 2 })];
        suspend(trust, &Envelope::seal(&payload, &[&signers[0], &signers[1]]).unwrap()).unwrap();
    }
}

#[test]
fn a_suspended_state_counts_only_for_what_it_cosigned_before() {
    let (mut trust, note) = (with_witnesses(), note(5, 0));
    suspend_all(&mut trust, &["HND", "PAN", "SLV"], FROM);
    let judge = |lines: &[(&str, u8, i64)]| {
        let lines: Vec<String> = lines.iter().map(|(of, seed, at)| line(&note, of, *seed, *at)).collect();
        counted(&trust, "MEX", &verified(&trust, &joined(&note, lines.iter().map(String::as_str))).unwrap())
    };
    assert_eq!(judge(&[("GTM", 32, FROM), ("HND", 33, FROM)]), 1);
    assert_eq!(judge(&[("GTM", 32, FROM), ("HND", 33, FROM - 1)]), 2);
    assert_eq!(judge(&[("GTM", 32, FROM), ("HND", 33, FROM + 10 * DAY)]), 2);
    // What few states can decide does not lower the number that must.
    assert_eq!(trust.charter().witness_quorum("MEX"), 2);
}

#[test]
fn a_proof_holds_who_was_suspended() {
    let mut trust = with_witnesses();
    suspend_all(&mut trust, &["HND"], FROM);
    let sealed = crate::samples::sealed(Audience::Public);
    let whole = crate::proof::proof(Audience::Public);
    let lines = [("GTM", 32), ("HND", 33)].map(|(of, seed)| line(&whole.checkpoint, of, seed, FROM));
    let cosigned = joined(&whole.checkpoint, lines.iter().map(String::as_str));
    let inclusion = chancery_ledger::proof::decode_hashes(&whole.inclusion).unwrap();
    let place = chancery_ledger::proof::LogPlace {
        salt: None,
        index: whole.index,
        tree_size: whole.tree_size,
        inclusion: &inclusion,
        checkpoint: &cosigned,
    };
    let mut proof = ProofBundle::new(&trust, sealed, place).unwrap();
    assert_eq!(proof.forum.suspensions.len(), 1);
    let hnd = trust.delegations().filter(|d| d.member == "HND").map(|d| d.envelope.clone());
    proof.forum.delegations.extend(hnd);
    let report = proof.verify(told(None)).unwrap();
    assert_eq!((report.cosignatures.len(), report.quorum), (1, 2));
    let said = |proof: &ProofBundle| {
        let report = proof.verify(told(None)).unwrap();
        (report.cosignatures.len(), report.steps.iter().any(|s| !s.done && s.text.contains("its witness's own word")))
    };
    // Dated after its suspension it counts, and who was not there is told that nobody else says so.
    let (note, dated) = (whole.checkpoint.as_str(), FROM + 10 * DAY);
    let lines = [line(note, "GTM", 32, FROM), line(note, "HND", 33, dated)];
    let after = ProofBundle { checkpoint: joined(note, lines.iter().map(String::as_str)), ..proof.clone() };
    assert_eq!((said(&after), said(&proof)), ((2, true), (1, false)));
    proof.forum.suspensions.clear();
    assert_eq!(said(&proof), (2, false));
}

#[test]
fn a_tlog_proof_is_the_bundle_in_one_text() {
    let (trust, at) = (with_witnesses(), START + DAY);
    let mut bundle = crate::proof::proof(Audience::Forum);
    bundle.forum.delegations = trust.delegations().map(|d| d.envelope.clone()).collect();
    bundle.checkpoint = joined(&bundle.checkpoint, [line(&bundle.checkpoint, "GTM", 32, at).as_str()]);
    let text = bundle.to_tlog_proof().unwrap();
    let read = ProofBundle::parse(text.as_bytes()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(&bundle).unwrap());
    let report = read.verify(told(Some(trust.forum()))).unwrap();
    assert_eq!((report.cosignatures.len(), report.quorum), (1, 2));
    assert!(report.steps.iter().any(|s| s.text.contains("pending")), "{:?}", report.steps);
    let _ = time::format(at);
    for (from, to, part) in [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2", "not a proof bundle"),
        ("\nextra ", "\nother ", "no `extra` line"),
        ("\nindex 5", "\nindex 05", "no `index` line"),
        ("\nindex 5", "\nindex 4", "does not hold"),
        ("\n\nchancery/", "\n\nother/", "no log of a forum"),
        ("\n11\n", "\n12\n", "checkpoint"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        refused(from, ProofBundle::parse(changed.as_bytes()).and_then(|b| b.verify(told(None))), part);
    }
}
