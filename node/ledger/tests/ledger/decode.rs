//! What holds of each decoder of bytes that others send, whatever the bytes are: it reads or refuses, does not panic, and what it reads it
//! writes again as it was. Property tests (`decoders.rs`) and the fuzz targets (`fuzz/`) call it.

use chancery_ledger::checkpoint::{Checkpoint, origin};
use chancery_ledger::endorsement::Endorsement;
use chancery_ledger::equivocation::Equivocation;
use chancery_ledger::proof::{ProofBundle, Told};
use chancery_ledger::release::{Release, Withdrawal};
use chancery_ledger::tiles::TilePlace;
use chancery_ledger::witness::AddCheckpoint;
use chancery_ledger::{Audience, Envelope, ForumBundle, RecordKind, Trust, cosignature, timestamp};

use crate::samples::*;
use crate::world::*;

pub(crate) fn record(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    let written = envelope.to_bytes().unwrap();
    assert_eq!(Envelope::parse(&written).unwrap(), envelope);
    let _ = (envelope.id(), envelope.kind(), envelope.signers().count());
    let _ = envelope.payload::<Release>(RecordKind::Release);
    let _ = envelope.payload::<Withdrawal>(RecordKind::Withdrawal);
    let mut trust = trust();
    let _ = trust.add(&envelope);
    let _ = trust.revoke(&envelope);
    let _ = suspend(&mut trust, &envelope);
}

pub(crate) fn forum(bytes: &[u8]) {
    if let Ok(bundle) = ForumBundle::parse(bytes) {
        let _ = Trust::verify(None, &bundle);
        let _ = trust().merge(&bundle, START);
    }
}

pub(crate) fn proof(bytes: &[u8]) {
    if let Ok(proof) = ProofBundle::parse(bytes) {
        let _ = proof.verify(Told::default());
    }
}

pub(crate) fn note(bytes: &[u8]) {
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

pub(crate) fn request_to_cosign(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(request) = AddCheckpoint::parse(text) {
        assert_eq!(AddCheckpoint::parse(&request.to_text()).unwrap(), request);
        let _ = request.check(&trust(), None, START);
    }
}

pub(crate) fn path_of_a_tile(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes)
        && let Some(place) = TilePlace::parse(text)
    {
        let _ = place.is_in(1 << 40);
    }
}

/// Each part of an endorsement in turn, the others being sound; then all of them at once, as files.
pub(crate) fn endorsement(bytes: &[u8]) {
    let [signature, signer, ca, list] = ENDORSEMENT;
    for (signature, signer, ca, list, later) in [
        (bytes, signer, ca, list, None),
        (signature, bytes, ca, list, None),
        (signature, signer, bytes, list, None),
        (signature, signer, ca, bytes, None),
        (signature, signer, ca, list, Some(bytes.to_vec())),
    ] {
        let parts = Endorsement::new(signature, &[signer.to_vec(), ca.to_vec()], &[list.to_vec()]).unwrap();
        let later: Vec<Vec<u8>> = later.into_iter().collect();
        let _ = parts.verify("MEX", &key(1).public(), ENDORSED_AT, &later);
    }
    let _ = Endorsement::from_files(bytes, bytes, &[bytes.to_vec()]);
}

pub(crate) fn time_stamp(bytes: &[u8]) {
    let record = sealed(Audience::Public);
    let token = timestamp::token_of(bytes, &record).unwrap_or_else(|_| bytes.to_vec());
    let _ = timestamp::verify(&token, &record, STAMP_CA);
}
