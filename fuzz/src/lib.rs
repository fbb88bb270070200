//! One function for each fuzz target: everything that reads bytes of a peer or of a client.
//!
//! What must hold is said once, beside the property tests, which need no nightly compiler: `node/ledger/tests/ledger/decode.rs` and
//! `node/network/tests/decode/mod.rs`. Both are parts of this crate.

// Helpers of tests, most of which only tests call.
#![allow(dead_code, unused_imports)]

#[path = "../../node/ledger/tests/ledger/decode.rs"]
mod decode;
#[path = "../../node/network/tests/decode/mod.rs"]
mod messages_of_peers;
#[path = "../../node/ledger/tests/ledger/samples.rs"]
mod samples;
#[path = "../../node/ledger/tests/ledger/world.rs"]
mod world;

use std::sync::OnceLock;

use chancery_ledger::Audience;
use chancery_schema::language::Languages;
use chancery_schema::{DatasetSchema, query, shared, structure};

/// Envelopes of every kind.
pub fn records(bytes: &[u8]) {
    decode::record(bytes);
}

/// Bundles of charters, delegations, revocations and suspensions.
pub fn forums(bytes: &[u8]) {
    decode::forum(bytes);
}

/// Proof bundles, as JSON and as C2SP tlog-proof.
pub fn proofs(bytes: &[u8]) {
    decode::proof(bytes);
}

/// Checkpoints and their cosignatures.
pub fn heads(bytes: &[u8]) {
    decode::note(bytes);
}

/// Requests for a cosignature.
pub fn cosign(bytes: &[u8]) {
    decode::request_to_cosign(bytes);
}

/// CMS signatures, certificates and revocation lists.
pub fn endorsements(bytes: &[u8]) {
    decode::endorsement(bytes);
}

/// Answers of time-stamping authorities.
pub fn timestamps(bytes: &[u8]) {
    decode::time_stamp(bytes);
}

/// Sync, artefact and gossip messages.
pub fn messages(bytes: &[u8]) {
    messages_of_peers::any_message(bytes);
}

/// Frames and length prefixes. They are private to the network crate, which shows them to fuzzers only.
pub fn frames(bytes: &[u8]) {
    #[cfg(fuzzing)]
    chancery_network::fuzzing::frames(bytes);
    #[cfg(not(fuzzing))]
    let _ = bytes;
}

fn returns() -> &'static DatasetSchema {
    static SCHEMA: OnceLock<DatasetSchema> = OnceLock::new();
    SCHEMA.get_or_init(|| {
        let structures = shared::structures().unwrap();
        let dataflow = structures.find_dataflow("RETURNS").unwrap();
        structures.dataset_schema(&dataflow).unwrap()
    })
}

/// An address below `/sdmx/3`: `{key or path}?{parameters}`; then the same bytes as languages and as a tile's path.
pub fn queries(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (path, parameters) = text.split_once('?').unwrap_or((text, ""));
    let decoded = |text: &str| percent_encoding::percent_decode_str(text).decode_utf8_lossy().into_owned();
    let pairs: Vec<(String, String)> = parameters
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (decoded(name), decoded(value)))
        .collect();
    let _ = query::rest::parse(returns(), &decoded(path), &pairs);
    let parts: Vec<String> = path.split('/').map(decoded).collect();
    if let [kind, agency, id, version, ..] = parts.as_slice() {
        let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
        let _ = structure::rest::parse(kind, agency, id, version, value("references"), value("detail"));
    }
    let _ = Languages::parse(text);
    decode::path_of_a_tile(bytes);
}

/// Parquet files of peers.
#[cfg(feature = "artefacts")]
pub fn artefacts(bytes: &[u8]) {
    use chancery_query::artefact::{Limits, inspect, read};
    let mut file = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut file, bytes).unwrap();
    let limits = Limits { group_bytes: 16 << 20, ..Limits::default() };
    if inspect(file.path(), returns(), &limits).is_ok() {
        // What was accepted is read again by every query.
        read(file.path()).unwrap().for_each(|batch| drop(batch.unwrap()));
    }
}

/// What honest nodes send: the target, a name, the bytes.
pub fn corpora() -> Vec<(&'static str, String, Vec<u8>)> {
    let public = samples::proof(Audience::Public);
    let mut all = vec![
        ("records", "charter".to_owned(), world::sealed_genesis().to_bytes().unwrap()),
        ("records", "delegation".to_owned(), world::Mandate::default().seal().to_bytes().unwrap()),
        ("records", "release".to_owned(), samples::sealed(Audience::Public).to_bytes().unwrap()),
        ("forums", "forum".to_owned(), serde_json::to_vec(&world::bundle()).unwrap()),
        ("proofs", "json".to_owned(), serde_json::to_vec(&public).unwrap()),
        ("proofs", "tlog-proof".to_owned(), public.to_tlog_proof().unwrap().into_bytes()),
        ("heads", "head".to_owned(), samples::head().into_bytes()),
        ("cosign", "request".to_owned(), samples::request_to_cosign().into_bytes()),
        ("timestamps", "answer".to_owned(), samples::STAMP.to_vec()),
        ("frames", "data".to_owned(), b"\0\0\0\0\x05hello\x01\0\0\0\0".to_vec()),
        ("frames", "refused".to_owned(), b"\x02\0\0\0\x02no".to_vec()),
    ];
    for (name, bytes) in ["signature", "signer", "ca", "list"].into_iter().zip(samples::ENDORSEMENT) {
        all.push(("endorsements", name.to_owned(), bytes.to_vec()));
    }
    for (number, bytes) in messages_of_peers::samples().into_iter().enumerate() {
        all.push(("messages", format!("{number:02}"), bytes));
    }
    for (name, text) in [
        ("data", "M.GTM+HND.*.*._T.*.*?startPeriod=2020&c[SEX]=F,M&c[TIME_PERIOD]=ge:2020-01&lastNObservations=2&sort=-TIME_PERIOD"),
        ("history", "*?includeHistory=true&asOf=2026-01-01T00:00:00Z&attributes=dsd&measures=all&dimensionAtObservation=TIME_PERIOD"),
        ("structure", "dataflow,codelist/RCP/RETURNS/1.0.0?references=descendants&detail=allstubs"),
        ("languages", "es-GT, fr;q=0.8, *;q=0.1"),
        ("tile", "0/x001/x234/067.p/8"),
    ] {
        all.push(("queries", name.to_owned(), text.as_bytes().to_vec()));
    }
    all
}
