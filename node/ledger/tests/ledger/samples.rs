//! What honest nodes send: a release, its proof, a head. Tests damage them; the fuzz targets (`fuzz/`) begin with them.

use chancery_ledger::checkpoint::{Checkpoint, origin};
use chancery_ledger::log::{Hash, HashStore, LogError, Tree, leaf, leaf_hash};
use chancery_ledger::proof::{LogPlace, ProofBundle};
use chancery_ledger::release::{Artefact, CHUNK_BYTES, DisclosureSummary, Intent, OperatorRole, PARQUET, Release};
use chancery_ledger::witness::AddCheckpoint;
use chancery_ledger::{Audience, Envelope, Payload, RecordKind, time};

use crate::world::*;

pub(crate) const ISSUED: i64 = START + 10 * DAY;

pub(crate) fn intent(audience: Audience) -> Intent {
    Intent {
        forum: trust().forum().to_owned(),
        issuer: "MEX".to_owned(),
        dataflow: "RCP:RETURNS(1.0.0)".to_owned(),
        structure: "RCP:RETURNS(1.0.0)".to_owned(),
        title: "Returns to Guatemala".to_owned(),
        audience,
        embargo: None,
        artefacts: vec![Artefact {
            sha256: "a".repeat(64),
            bytes: CHUNK_BYTES + 1,
            rows: 12,
            media_type: PARQUET.to_owned(),
            periods: ["2025-01".to_owned(), "2025-12".to_owned()],
            chunk_bytes: CHUNK_BYTES,
            chunks: vec!["b".repeat(64), "c".repeat(64)],
        }],
        disclosure: DisclosureSummary {
            profile: "default".to_owned(),
            profile_sha256: "d".repeat(64),
            report_sha256: "e".repeat(64),
            suppressed_primary: 1,
            suppressed_secondary: 0,
            rounded: 3,
        },
    }
}

pub(crate) fn signed(intent: Intent, operators: &[(OperatorRole, u8)]) -> Payload<Release> {
    let operators = operators.iter().map(|(role, seed)| intent.sign(*role, &key(*seed)).unwrap()).collect();
    Payload {
        forum: intent.forum.clone(),
        issuer: intent.issuer.clone(),
        issued_at: time::format(ISSUED),
        kind: RecordKind::Release,
        body: Release { intent, operators, replaces: None },
    }
}

pub(crate) const BOTH: [(OperatorRole, u8); 2] = [(OperatorRole::Prepare, PREPARER), (OperatorRole::Approve, APPROVER)];

pub(crate) fn sealed(audience: Audience) -> Envelope {
    Envelope::seal(&signed(intent(audience), &BOTH), &[&key(PUBLISHER)]).unwrap()
}

struct Memory(Vec<Hash>);

impl HashStore for Memory {
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        indexes.iter().map(|i| self.0.get(*i as usize).copied().ok_or(LogError::Read("missing".into()))).collect()
    }
}

/// The release as leaf 5 of 11, with the head signed by `signer`.
pub(crate) fn bundle_signed_by(signer: u8, audience: Audience) -> ProofBundle {
    let record = sealed(audience.clone());
    let salt = (audience != Audience::Public).then_some([9; 32]);
    let own = leaf_hash(&leaf(RecordKind::Release, &audience, &record.id().unwrap(), salt.as_ref()));
    let leaves: Vec<Hash> = (0u8..11).map(|i| if i == 5 { own } else { leaf_hash(&[i]) }).collect();
    let appended = Tree(&Memory(Vec::new())).append(0, &leaves).unwrap();
    let inclusion = Tree(&Memory(appended.hashes)).prove_inclusion(11, 5).unwrap();
    let head = Checkpoint { origin: origin(trust().forum(), "MEX"), size: 11, root: appended.root };
    let checkpoint = head.sign(&key(signer)).unwrap();
    let place =
        LogPlace { salt: salt.as_ref(), index: 5, tree_size: 11, inclusion: &inclusion, checkpoint: &checkpoint };
    ProofBundle::new(&trust(), record, place).unwrap()
}

pub(crate) fn proof(audience: Audience) -> ProofBundle {
    bundle_signed_by(LOG, audience)
}

/// Mexico's head of 11 leaves.
pub(crate) fn head() -> String {
    let root = leaf_hash(b"x");
    Checkpoint { origin: origin(trust().forum(), "MEX"), size: 11, root }.sign(&key(LOG)).unwrap()
}

/// What a witness is asked.
pub(crate) fn request_to_cosign() -> String {
    AddCheckpoint { old: 7, proof: vec![leaf_hash(b"x"); 3], checkpoint: head() }.to_text()
}

/// An endorsement of Mexico's authority key as a national PKI would give it, each part DER, in force at [`ENDORSED_AT`]: made once with
/// `openssl`, as `conformance-tests/tests/endorsement.rs` does.
pub(crate) const ENDORSEMENT: [&[u8]; 4] = [
    include_bytes!("fixtures/endorsement.p7s"),
    include_bytes!("fixtures/signer.der"),
    include_bytes!("fixtures/ca.der"),
    include_bytes!("fixtures/list.crl"),
];
/// 2026-12-01T00:00:00Z.
pub(crate) const ENDORSED_AT: i64 = 1_796_083_200;
/// A time-stamping authority's answer over the public release of [`sealed`], made likewise, and its CA.
pub(crate) const STAMP: &[u8] = include_bytes!("fixtures/stamp.tsr");
pub(crate) const STAMP_CA: &[u8] = include_bytes!("fixtures/stamp.ca.pem");
