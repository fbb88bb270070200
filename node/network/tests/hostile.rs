//! Peers that do not mean well cost little and are told why.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod support;

use std::time::Duration;

use chancery_network::message::{ARTEFACT, HeadHint, MAX_FRAME, SYNC, SyncResponse};
use chancery_network::{FetchCause, Limits, NetworkError};
use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::StreamProtocol;
use support::*;

const SYNC_PROTOCOL: StreamProtocol = StreamProtocol::new(SYNC);
const ARTEFACT_PROTOCOL: StreamProtocol = StreamProtocol::new(ARTEFACT);

#[tokio::test]
async fn a_stranger_is_shown_out() {
    let mut node = Node::start(1, quick()).await;
    node.handle.admit(vec![admission(2, i64::MAX)]).await.unwrap();
    let (_control, _, mut ends) = unmannered(7, &node).await;
    assert_eq!(node.refused("refused").await, peer_id(7).to_string());
    patiently("the end", ends.recv()).await.unwrap();
    assert!(node.handle.connected().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_admission_that_had_ended_lets_nobody_in() {
    let mut node = Node::start(1, quick()).await;
    node.handle.admit(vec![admission(7, unix_now() - 1)]).await.unwrap();
    let (_control, _, mut ends) = unmannered(7, &node).await;
    assert_eq!(node.refused("refused").await, "N7");
    patiently("the end", ends.recv()).await.unwrap();
}

#[tokio::test]
async fn an_admission_that_ends_is_noticed_at_the_next_request_and_the_reason_is_heard() {
    // No reconciling in between: the request itself must be refused.
    let (mut a, mut b) = pair([Limits { reconcile_interval: Duration::from_secs(3600), ..quick() }, quick()]).await;
    a.handle.admit(vec![admission(2, unix_now() + 2)]).await.unwrap();
    let _heard = a.serve();
    let reason = patiently("the refusal", async {
        loop {
            match b.handle.sync("N1", heads()).await.unwrap() {
                SyncResponse::Refused(reason) => return reason,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    })
    .await;
    assert!(reason.contains("has ended"), "{reason}");
    b.disconnected("N1").await;
}

#[tokio::test]
async fn an_admission_that_ends_cuts_the_connection() {
    let (mut a, _b) = pair([quick(), quick()]).await;
    a.handle.admit(vec![admission(2, unix_now() + 2)]).await.unwrap();
    assert_eq!(a.refused("its admission has ended").await, "N2");
    a.disconnected("N2").await;
}

/// A node that has admitted the peer without manners, and that peer's means.
async fn with_unmannered(limits: Limits) -> (Node, libp2p_stream::Control, libp2p::PeerId) {
    let mut node = Node::start(1, limits).await;
    node.handle.admit(vec![admission(7, i64::MAX)]).await.unwrap();
    let (control, peer, _ends) = unmannered(7, &node).await;
    node.connected("N7").await;
    (node, control, peer)
}

#[tokio::test]
async fn malformed_and_oversized_requests_are_refused_and_others_still_answered() {
    let (mut node, mut control, peer) = with_unmannered(quick()).await;
    let mut stream = control.open_stream(peer, SYNC_PROTOCOL).await.unwrap();
    stream.write_all(&u32::MAX.to_be_bytes()).await.unwrap();
    stream.write_all(&[b'['; 4_096]).await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(node.refused("at most 65536 are allowed").await, "N7");
    let _heard = node.serve();
    for (request, part) in
        [(&b"[[[["[..], "malformed"), (br#"{"heads":{"forum":"x"}}"#, "malformed"), (br#"{"all":1}"#, "malformed")]
    {
        let reply = say(&mut control, peer, request).await;
        assert!(matches!(&reply, SyncResponse::Refused(reason) if reason.contains(part)), "{reply:?}");
    }
    let good = format!(r#"{{"heads":{{"forum":"{}"}}}}"#, forum());
    assert!(matches!(say(&mut control, peer, good.as_bytes()).await, SyncResponse::Heads(_)));
}

async fn say(control: &mut libp2p_stream::Control, peer: libp2p::PeerId, request: &[u8]) -> SyncResponse {
    let mut stream = control.open_stream(peer, SYNC_PROTOCOL).await.unwrap();
    stream.write_all(&u32::try_from(request.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(request).await.unwrap();
    stream.flush().await.unwrap();
    let mut reply = Vec::new();
    patiently("the reply", stream.read_to_end(&mut reply)).await.unwrap();
    serde_json::from_slice(&reply[4..]).unwrap()
}

#[tokio::test]
async fn oversized_and_malformed_answers_are_refused() {
    let (node, mut control, _) = with_unmannered(quick()).await;
    let mut streams = control.accept(SYNC_PROTOCOL).unwrap();
    // The protocols of a connection are settled when it begins; it must begin anew.
    let answers: [(&[u8], &str); 3] =
        [(&[0xff; 64], "at most"), (b"\0\0\0\x02[]", "malformed"), (b"\0\0\0\x09{}", "cut short")];
    tokio::spawn(async move {
        for (answer, _) in answers {
            let (_, mut stream) = streams.next().await.unwrap();
            let mut request = [0; 64];
            let _ = stream.read(&mut request).await;
            stream.write_all(answer).await.unwrap();
            stream.close().await.unwrap();
        }
    });
    for (_, part) in answers {
        let error = node.handle.sync("N7", heads()).await.unwrap_err();
        assert!(
            matches!(error, NetworkError::NoAnswer { .. } | NetworkError::Malformed { .. })
                && error.to_string().contains(part),
            "{error}"
        );
    }
}

/// What the node makes of a sender of artefacts that sends `bytes` and then nothing, without closing.
async fn fetch_from_sender(bytes: Vec<u8>) -> (u64, FetchCause) {
    let limits = Limits { frame_timeout: Duration::from_millis(500), ..quick() };
    let (node, mut control, _) = with_unmannered(limits).await;
    let mut streams = control.accept(ARTEFACT_PROTOCOL).unwrap();
    tokio::spawn(async move {
        let (_, mut stream) = streams.next().await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        stream.flush().await.unwrap();
        std::future::pending::<()>().await;
    });
    let error = patiently("an error", node.handle.fetch_artefact("N7", &artefact(0, 1_000), &mut Vec::new()))
        .await
        .unwrap_err();
    (error.received, error.cause)
}

fn frame(kind: u8, length: usize, bytes: usize) -> Vec<u8> {
    [&[kind][..], &u32::try_from(length).unwrap().to_be_bytes(), &vec![5; bytes]].concat()
}

#[tokio::test]
async fn a_sender_that_stops_is_given_up() {
    let (received, cause) = fetch_from_sender(frame(0, 300, 300)).await;
    assert!(matches!((received, &cause), (300, FetchCause::TimedOut)), "{received} {cause:?}");
    let (received, cause) = fetch_from_sender(Vec::new()).await;
    assert!(matches!((received, &cause), (0, FetchCause::TimedOut)), "{received} {cause:?}");
}

#[tokio::test]
async fn a_sender_of_too_much_is_given_up() {
    for (bytes, came) in [
        (frame(0, MAX_FRAME + 1, 10), 0),
        (frame(9, 1, 1), 0),
        ([frame(0, 900, 900), frame(0, 101, 101)].concat(), 900),
    ] {
        let (received, cause) = fetch_from_sender(bytes).await;
        assert_eq!(received, came);
        assert!(matches!(cause, FetchCause::Malformed(_)), "{cause:?}");
    }
}

#[tokio::test]
async fn a_taker_that_does_not_read_gives_its_place_back() {
    let limits = Limits { frame_timeout: Duration::from_millis(500), transfers_per_peer: 1, ..quick() };
    let (mut node, mut control, peer) = with_unmannered(limits).await;
    let _heard = node.serve();
    let mut unread = open(&mut control, peer, &artefact(0, 1 << 40)).await;
    let mut start = [0; 5];
    unread.read_exact(&mut start).await.unwrap();
    assert_eq!(start[0], 0);
    // The only place is taken until the node gives up on the first.
    let mut second = open(&mut control, peer, &artefact(0, 3)).await;
    let mut reply = Vec::new();
    patiently("the second", second.read_to_end(&mut reply)).await.unwrap();
    assert_eq!(reply, [frame(0, 3, 0), content(0, 3), frame(1, 0, 0)].concat());
}

#[tokio::test]
async fn a_malformed_opening_is_told_so() {
    let (mut node, mut control, peer) = with_unmannered(quick()).await;
    let _heard = node.serve();
    let mut request = artefact(0, 1);
    request.sha256 = "../../etc/passwd".to_owned();
    let mut stream = open(&mut control, peer, &request).await;
    let mut reply = Vec::new();
    patiently("the reply", stream.read_to_end(&mut reply)).await.unwrap();
    assert_eq!((reply[0], String::from_utf8_lossy(&reply[5..]).contains("`sha256` is malformed")), (2, true));
}

async fn open(
    control: &mut libp2p_stream::Control,
    peer: libp2p::PeerId,
    request: &chancery_network::message::ArtefactRequest,
) -> libp2p::Stream {
    let mut stream = control.open_stream(peer, ARTEFACT_PROTOCOL).await.unwrap();
    let opening = serde_json::to_vec(request).unwrap();
    stream.write_all(&u32::try_from(opening.len()).unwrap().to_be_bytes()).await.unwrap();
    stream.write_all(&opening).await.unwrap();
    stream.flush().await.unwrap();
    stream
}

#[tokio::test]
async fn a_flood_of_requests_is_refused_beyond_the_rate() {
    let (mut a, b) = pair([Limits { sync_per_second: 5, ..quick() }, quick()]).await;
    let _heard = a.serve();
    let asked = (0..30).map(|_| b.handle.sync("N1", heads()));
    let answers = futures::future::join_all(asked).await;
    let answered = answers.iter().filter(|a| matches!(a, Ok(SyncResponse::Heads(_)))).count();
    let refused =
        answers.iter().filter(|a| matches!(a, Ok(SyncResponse::Refused(r)) if r.contains("more than 5"))).count();
    assert!(answered >= 5 && refused > 0 && answered + refused == 30, "{answered} {refused}: {answers:?}");
}

#[tokio::test]
async fn a_flood_of_gossip_is_ignored_beyond_the_rate() {
    let (mut a, b) = pair([Limits { gossip_per_second: 2, ..quick() }, quick()]).await;
    let refusal = a.refused("gossip: more than 2");
    let flood = async {
        for round in 0.. {
            let head = HeadHint { forum: forum(), member: "N2".to_owned(), checkpoint: format!("{round}") };
            b.handle.announce(head).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    let who = tokio::select! { who = refusal => who, () = flood => unreachable!() };
    assert_eq!(who, "N2");
}
