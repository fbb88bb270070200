//! What holds of every message of a peer, whatever its bytes are. Property tests (`decoders.rs`) and the fuzz targets (`fuzz/`) call it.

use chancery_network::message::{
    ArtefactRequest, EvidenceItem, ForumPage, Growth, HeadHint, HeadInfo, RecordItem, RecordPage, SyncRequest,
    SyncResponse,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

pub(crate) fn id() -> String {
    "0a".repeat(32)
}

pub(crate) fn member() -> String {
    "MEX".to_owned()
}

/// One of every question.
pub(crate) fn questions() -> Vec<SyncRequest> {
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
pub(crate) fn answers() -> Vec<SyncResponse> {
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
        SyncResponse::Heads(vec![HeadInfo { member: member(), checkpoint: text(), cosigned: Some(text()) }]),
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

/// One of every message, as it is sent.
pub(crate) fn samples() -> Vec<Vec<u8>> {
    let artefact = ArtefactRequest { forum: id(), sha256: id(), offset: 5, length: 9 };
    let hint = HeadHint { forum: id(), member: member(), checkpoint: "note".to_owned() };
    let mut all: Vec<Vec<u8>> = questions().iter().map(|q| serde_json::to_vec(q).unwrap()).collect();
    all.extend(answers().iter().map(|a| serde_json::to_vec(a).unwrap()));
    all.extend([serde_json::to_vec(&artefact).unwrap(), serde_json::to_vec(&hint).unwrap()]);
    all
}

/// Reads what a peer sent; what is read reads what it writes.
pub(crate) fn read<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(bytes: &[u8]) -> Option<T> {
    let read: T = serde_json::from_slice(bytes).ok()?;
    let again: T = serde_json::from_slice(&serde_json::to_vec(&read).unwrap()).unwrap();
    assert_eq!(again, read);
    Some(read)
}

/// Reads the bytes as every kind of message.
pub(crate) fn any_message(bytes: &[u8]) {
    let _ = read::<SyncRequest>(bytes).map(|m| m.check());
    let _ = read::<SyncResponse>(bytes).map(|m| m.check());
    let _ = read::<ArtefactRequest>(bytes).map(|m| m.check());
    let _ = read::<HeadHint>(bytes).map(|m| m.check());
}
