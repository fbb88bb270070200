//! Every decoder of what peers send, fed with damaged copies of what honest nodes send: each reads or refuses, none panics, and what it
//! reads it writes again as it was.

use chancery_ledger::checkpoint::{Checkpoint, origin};
use chancery_ledger::equivocation::Equivocation;
use chancery_ledger::proof::{ProofBundle, Told};
use chancery_ledger::release::{Release, Withdrawal};
use chancery_ledger::tiles::TilePlace;
use chancery_ledger::witness::AddCheckpoint;
use chancery_ledger::{Audience, Envelope, ForumBundle, RecordKind, Trust, cosignature};
use proptest::prelude::*;

use crate::release::sealed;
use crate::world::*;

/// One damage to a message: which, where, and how much.
type Damage = (u8, u16, u8);

/// The message with its damages.
fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (kind, place, amount) in damages {
        let at = usize::from(*place) % (bytes.len() + 1);
        let end = (at + usize::from(*amount)).min(bytes.len());
        match kind % 8 {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= amount | 1),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.insert(at, *amount),
            3 => {
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
            4 => bytes.truncate(at),
            5 => drop(bytes.splice(at..at, *b"99999999999999999999")),
            6 => drop(bytes.splice(at..at, std::iter::repeat_n(b'[', 4 * usize::from(*amount)))),
            _ => drop(bytes.splice(at..end, *b"\"\\u0000\xff\n\n")),
        }
    }
    bytes
}

fn damages() -> impl Strategy<Value = Vec<Damage>> {
    proptest::collection::vec(any::<Damage>(), 0..5)
}

fn head() -> String {
    let root = chancery_ledger::log::leaf_hash(b"x");
    Checkpoint { origin: origin(trust().forum(), "MEX"), size: 11, root }.sign(&key(LOG)).unwrap()
}

fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    let written = envelope.to_bytes().unwrap();
    assert_eq!(Envelope::parse(&written).unwrap(), envelope);
    let _ = (envelope.id(), envelope.kind(), envelope.signers().count());
    let _ = envelope.payload::<Release>(RecordKind::Release);
    let _ = envelope.payload::<Withdrawal>(RecordKind::Withdrawal);
    let mut trust = trust();
    let _ = trust.add(&envelope);
    let _ = trust.revoke(&envelope);
    let _ = trust.suspend(&envelope);
}

fn bundle_of_a_forum(bytes: &[u8]) {
    if let Ok(bundle) = ForumBundle::parse(bytes) {
        let _ = Trust::verify(None, &bundle);
        let _ = trust().merge(&bundle, START);
    }
}

fn proof(bytes: &[u8]) {
    if let Ok(proof) = ProofBundle::parse(bytes) {
        let _ = proof.verify(Told::default());
    }
}

fn note(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let origin = origin(trust().forum(), "MEX");
    let _ = Checkpoint::read(text, &origin);
    let _ = cosignature::verified(&trust(), text);
    let equal = Equivocation {
        member: "MEX".to_owned(),
        first: text.to_owned(),
        second: head(),
        root: None,
        proof: Vec::new(),
    };
    assert!(equal.verify(&trust()).is_err(), "a damaged note accuses somebody: {text}");
}

fn request_to_cosign(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(request) = AddCheckpoint::parse(text) {
        assert_eq!(AddCheckpoint::parse(&request.to_text()).unwrap(), request);
        let _ = request.check(&trust(), None, START);
    }
}

fn path_of_a_tile(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(place) = TilePlace::parse(text)
    {
        let _ = place.is_in(1 << 40);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn records_read_or_refuse(kind in 0usize..4, damages in damages()) {
        let seeds: [fn() -> Envelope; 4] = [
            sealed_genesis, || Mandate::default().seal(), || sealed(Audience::Public), || sealed(Audience::Members(vec!["GTM".to_owned()])),
        ];
        envelope(&damaged(&seeds[kind]().to_bytes().unwrap(), &damages));
    }

    #[test]
    fn forums_read_or_refuse(damages in damages()) {
        bundle_of_a_forum(&damaged(&serde_json::to_vec(&bundle()).unwrap(), &damages));
    }

    #[test]
    fn proofs_read_or_refuse(text in any::<bool>(), damages in damages()) {
        let bundle = crate::proof::proof(Audience::Public);
        let seed = if text { bundle.to_tlog_proof().unwrap().into_bytes() } else { serde_json::to_vec(&bundle).unwrap() };
        proof(&damaged(&seed, &damages));
    }

    #[test]
    fn heads_read_or_refuse(damages in damages()) {
        note(&damaged(head().as_bytes(), &damages));
    }

    #[test]
    fn requests_to_cosign_read_or_refuse(damages in damages()) {
        let request = AddCheckpoint { old: 7, proof: vec![chancery_ledger::log::leaf_hash(b"x"); 3], checkpoint: head() };
        request_to_cosign(&damaged(request.to_text().as_bytes(), &damages));
    }

    #[test]
    fn paths_of_tiles_read_or_refuse(seed in "(entries|[0-9]{1,2})/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?", damages in damages()) {
        path_of_a_tile(&damaged(seed.as_bytes(), &damages));
    }
}
