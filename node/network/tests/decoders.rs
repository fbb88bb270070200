//! Every message of a peer, damaged: each reads or is refused, none panics, and what is read is written again as it was.

#![allow(clippy::unwrap_used, reason = "a test may end so")]

#[path = "../../ledger/tests/ledger/damage.rs"]
mod damage;
mod decode;

use chancery_network::message::{SyncRequest, SyncResponse};
use damage::{damaged, damages};
use decode::{answers, any_message, questions, read, samples};
use proptest::prelude::*;

#[test]
fn every_message_is_fit_as_it_is() {
    for question in questions() {
        let written = serde_json::to_vec(&question).unwrap();
        assert_eq!(read::<SyncRequest>(&written).unwrap().check(), Ok(()), "{question:?}");
    }
    for answer in answers() {
        let written = serde_json::to_vec(&answer).unwrap();
        assert_eq!(read::<SyncResponse>(&written).unwrap().check(), Ok(()), "{answer:?}");
    }
}

proptest! {
    #[test]
    fn damaged_messages_read_or_are_refused(
        which in any::<prop::sample::Index>(),
        damages in damages(),
    ) {
        any_message(&damaged(which.get::<Vec<u8>>(&samples()), &damages));
    }
}
