//! Every decoder of what peers send, fed with damaged copies of what honest nodes send: each reads or refuses, none panics, and what it
//! reads it writes again as it was.

use chancery_ledger::endorsement::Endorsement;
use chancery_ledger::{Audience, Envelope, timestamp};
use proptest::prelude::*;

use crate::damage::{damaged, damages};
use crate::decode;
use crate::samples::*;
use crate::world::*;

proptest! {
    // `fuzz/` tries millions.
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn records_read_or_refuse(kind in 0usize..4, damages in damages()) {
        let seeds: [fn() -> Envelope; 4] = [
            sealed_genesis, || Mandate::default().seal(), || sealed(Audience::Public), || sealed(Audience::Members(vec!["GTM".to_owned()])),
        ];
        decode::record(&damaged(&seeds[kind]().to_bytes().unwrap(), &damages));
    }

    #[test]
    fn forums_read_or_refuse(damages in damages()) {
        decode::forum(&damaged(&serde_json::to_vec(&bundle()).unwrap(), &damages));
    }

    #[test]
    fn proofs_read_or_refuse(text in any::<bool>(), damages in damages()) {
        let bundle = proof(Audience::Public);
        let seed = if text { bundle.to_tlog_proof().unwrap().into_bytes() } else { serde_json::to_vec(&bundle).unwrap() };
        decode::proof(&damaged(&seed, &damages));
    }

    #[test]
    fn heads_read_or_refuse(damages in damages()) {
        decode::note(&damaged(head().as_bytes(), &damages));
    }

    #[test]
    fn requests_to_cosign_read_or_refuse(damages in damages()) {
        decode::request_to_cosign(&damaged(request_to_cosign().as_bytes(), &damages));
    }

    #[test]
    fn paths_of_tiles_read_or_refuse(seed in "(entries|[0-9]{1,2})/(x[0-9]{3}/){0,3}[0-9]{3}(\\.p/[0-9]{1,3})?", damages in damages()) {
        decode::path_of_a_tile(&damaged(seed.as_bytes(), &damages));
    }

    #[test]
    fn endorsements_read_or_refuse(part in 0usize..4, damages in damages()) {
        decode::endorsement(&damaged(ENDORSEMENT[part], &damages));
    }

    #[test]
    fn time_stamps_read_or_refuse(damages in damages()) {
        decode::time_stamp(&damaged(STAMP, &damages));
    }
}

#[test]
fn what_is_damaged_was_sound() {
    let [signature, signer, ca, list] = ENDORSEMENT;
    let parts = Endorsement::new(signature, &[signer.to_vec(), ca.to_vec()], &[list.to_vec()]).unwrap();
    parts.verify("MEX", &key(1).public(), ENDORSED_AT, &[]).unwrap();
    let record = sealed(Audience::Public);
    let token = timestamp::token_of(STAMP, &record).unwrap();
    timestamp::verify(&token, &record, STAMP_CA).unwrap();
}
