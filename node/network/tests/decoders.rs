//! Every message of a peer, damaged: each reads or is refused, none panics, and what is read is written again as it was.

#![allow(clippy::unwrap_used, reason = "a test may end so")]

use chancery_network::message::{
    ArtefactRequest, EvidenceItem, ForumPage, Growth, HeadHint, HeadInfo, RecordItem, RecordPage, SyncRequest,
    SyncResponse,
};
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

fn id() -> String {
    "0a".repeat(32)
}

fn member() -> String {
    "MEX".to_owned()
}

/// One of every question.
fn questions() -> Vec<SyncRequest> {
    let (forum, member) = (id(), member());
    vec![
        SyncRequest::Heads { forum: forum.clone() },
        SyncRequest::Records { forum: forum.clone(), member: member.clone(), from: 7 },
        SyncRequest::Forum { forum: forum.clone(), have: id(), seen: String::new(), from: 0 },
        SyncRequest::Missing { forum: forum.clone(), member: member.clone(), positions: vec![1, 2] },
        SyncRequest::Growth { forum: forum.clone(), member, from: 3 },
        SyncRequest::Evidence { forum: forum.clone(), known: vec!["GTM".to_owned()] },
        SyncRequest::Cosign { forum, body: "old 0\n\nnote".to_owned() },
    ]
}

/// One of every answer.
fn answers() -> Vec<SyncResponse> {
    let item = RecordItem { position: 1, envelope: "{}".to_owned(), salt: Some(id()) };
    let text = || "text".to_owned();
    let page = RecordPage {
        checkpoint: text(),
        leaves: vec![text()],
        records: vec![item.clone()],
        consistency: vec![text()],
        rest: vec![text()],
        root: text(),
    };
    let forum = ForumPage { digest: id(), envelopes: vec![text()], conflicting: vec![text()], more: true };
    let pair =
        EvidenceItem { member: member(), first: text(), second: text(), root: Some(text()), proof: vec![text()] };
    vec![
        SyncResponse::Heads(vec![HeadInfo { member: member(), checkpoint: text() }]),
        SyncResponse::Records(Box::new(page)),
        SyncResponse::Forum(Box::new(forum)),
        SyncResponse::Missing(vec![item]),
        SyncResponse::Growth(Box::new(Growth { checkpoint: text(), root: text(), proof: vec![text()] })),
        SyncResponse::Evidence(vec![pair]),
        SyncResponse::Cosigned(text()),
        SyncResponse::Conflict(9),
        SyncResponse::Refused(text()),
    ]
}

type Damage = (u8, u16, u8);

fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (kind, place, amount) in damages {
        let at = usize::from(*place) % (bytes.len() + 1);
        let end = (at + usize::from(*amount)).min(bytes.len());
        match kind % 6 {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= amount | 1),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.splice(at..at, *b"99999999999999999999")),
            _ => drop(bytes.splice(at..at, std::iter::repeat_n(b'[', 8 * usize::from(*amount)))),
        }
    }
    bytes
}

/// Reads what a peer sent; what is read reads what it writes.
fn read<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let again: T = serde_json::from_slice(&serde_json::to_vec(&read).unwrap()).unwrap();
    assert_eq!(again, read);
    Some(read)
}

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
        which in 0usize..18,
        damages in proptest::collection::vec(any::<Damage>(), 1..5),
    ) {
        let artefact = ArtefactRequest { forum: id(), sha256: id(), offset: 5, length: 9 };
        let hint = HeadHint { forum: id(), member: member(), checkpoint: "note".to_owned() };
        let seed = match which {
            0..=6 => serde_json::to_vec(&questions()[which]).unwrap(),
            7..=15 => serde_json::to_vec(&answers()[which - 7]).unwrap(),
            16 => serde_json::to_vec(&artefact).unwrap(),
            _ => serde_json::to_vec(&hint).unwrap(),
        };
        let bytes = damaged(&seed, &damages);
        let _ = read::<SyncRequest>(&bytes).map(|m| m.check());
        let _ = read::<SyncResponse>(&bytes).map(|m| m.check());
        let _ = read::<ArtefactRequest>(&bytes).map(|m| m.check());
        let _ = read::<HeadHint>(&bytes).map(|m| m.check());
    }
}
