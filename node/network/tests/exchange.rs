//! Nodes that mean well: what they tell each other arrives, and they find each other again.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod support;

use chancery_network::message::{ChunkRequest, ChunkResponse, HeadHint, MAX_PIECE, SyncRequest, SyncResponse};
use chancery_network::{FetchCause, NetworkError, NetworkEvent};
use support::*;

const LISTEN: [&str; 2] = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"];

#[tokio::test]
async fn heads_requests_and_pieces_cross_over_tcp_and_quic() {
    for listen in LISTEN {
        let (mut a, mut b) = (Node::start_on(1, quick(), listen).await, Node::start_on(2, quick(), listen).await);
        a.handle.admit(vec![b.admission()]).await.unwrap();
        b.handle.admit(vec![a.admission()]).await.unwrap();
        a.connected("N2").await;
        b.connected("N1").await;
        assert_eq!(a.handle.connected().await.unwrap(), ["N2"]);
        let mut heard = b.serve();
        let SyncResponse::Heads(heads) = a.handle.sync("N2", heads()).await.unwrap() else { panic!("not heads") };
        assert_eq!(heads[0].checkpoint, "signed");
        let records = SyncRequest::Records { forum: forum(), member: "MEX".to_owned(), from: 3 };
        assert_eq!(a.handle.sync("N2", records).await.unwrap(), SyncResponse::Refused("none here".to_owned()));
        let piece = ChunkRequest { forum: forum(), sha256: "0b".repeat(32), offset: 700, length: 1 << 20 };
        assert_eq!(a.handle.chunk("N2", piece).await.unwrap(), ChunkResponse::Bytes(content(700, MAX_PIECE)));
        let head = HeadHint { forum: forum(), member: "N1".to_owned(), checkpoint: "new".to_owned() };
        patiently("the head", async {
            // A subscription may still be on its way: gossip is a hint, and only a repeated one is sure to be heard.
            for round in 0.. {
                a.handle.announce(HeadHint { checkpoint: format!("new {round}"), ..head.clone() }).await.unwrap();
                let next = tokio::time::timeout(std::time::Duration::from_millis(200), heard.recv()).await;
                if let Ok(Some(NetworkEvent::HeadAnnounced { from, head })) = next {
                    assert_eq!((from.as_str(), head.member.as_str()), ("N1", "N1"));
                    return;
                }
            }
        })
        .await;
    }
}

#[tokio::test]
async fn many_pieces_at_once_all_arrive() {
    let (a, mut b) = pair([quick(), quick()]).await;
    let _heard = b.serve();
    let pieces = (0..40u64).map(|i| {
        let handle = a.handle.clone();
        async move {
            let piece = ChunkRequest { forum: forum(), sha256: "0b".repeat(32), offset: i * 1_000, length: 1_000 };
            assert_eq!(
                handle.chunk("N2", piece).await.unwrap(),
                ChunkResponse::Bytes(content(i * 1_000, 1_000)),
                "{i}"
            );
        }
    });
    patiently("the pieces", futures::future::join_all(pieces)).await;
}

#[tokio::test]
async fn an_artefact_that_ends_early_and_one_that_is_refused_say_so() {
    let (a, mut b) = pair([quick(), quick()]).await;
    let fetch = |length| {
        let handle = a.handle.clone();
        tokio::spawn(async move { handle.fetch_artefact("N2", &artefact(0, length), &mut Vec::new()).await })
    };
    let fetched = fetch(3 << 20);
    for answer in [ChunkResponse::Bytes(vec![1; MAX_PIECE]), ChunkResponse::Bytes(vec![1; 10])] {
        let reply = b
            .event("a piece", |e| if let NetworkEvent::ChunkRequested { reply, .. } = e { Some(reply) } else { None })
            .await;
        reply.send(answer).unwrap();
    }
    let error = fetched.await.unwrap().unwrap_err();
    assert_eq!((error.received, matches!(error.cause, FetchCause::Short)), (MAX_PIECE as u64 + 10, true), "{error:?}");
    let fetched = fetch(10);
    let reply = b
        .event("a piece", |e| if let NetworkEvent::ChunkRequested { reply, .. } = e { Some(reply) } else { None })
        .await;
    reply.send(ChunkResponse::Refused("embargo".to_owned())).unwrap();
    let error = fetched.await.unwrap().unwrap_err();
    assert!(matches!(&error.cause, FetchCause::Refused(reason) if reason == "embargo"), "{error:?}");
}

#[tokio::test]
async fn a_peer_that_restarts_is_found_again() {
    let (mut a, b) = pair([quick(), quick()]).await;
    let listen = b.addresses[0].to_string();
    b.handle.stop().await;
    a.disconnected("N2").await;
    assert!(matches!(a.handle.sync("N2", heads()).await, Err(NetworkError::NotConnected(_))));
    let mut b = Node::start_on(2, quick(), &listen).await;
    // It knows the other, not where it is: the other must come to it.
    b.handle.admit(vec![admission(1, i64::MAX)]).await.unwrap();
    a.connected("N2").await;
    let _heard = b.serve();
    assert!(matches!(a.handle.sync("N2", heads()).await, Ok(SyncResponse::Heads(_))));
}

#[tokio::test]
async fn who_is_no_longer_admitted_is_cut_off_and_may_come_back() {
    let (mut a, b) = pair([quick(), quick()]).await;
    a.handle.admit(Vec::new()).await.unwrap();
    a.disconnected("N2").await;
    a.handle.admit(vec![b.admission()]).await.unwrap();
    a.connected("N2").await;
}

#[tokio::test]
async fn a_stopped_network_says_so_and_frees_its_port() {
    for listen in LISTEN {
        frees_its_port(listen).await;
    }
}

async fn frees_its_port(listen: &str) {
    let a = Node::start_on(1, quick(), listen).await;
    let listen = a.addresses[0].to_string();
    a.handle.stop().await;
    assert!(matches!(a.handle.sync("N2", heads()).await, Err(NetworkError::Stopped)));
    let again = Node::start_on(1, quick(), &listen).await;
    let second = chancery_network::NetworkConfig { seed: [9; 32], listen: again.addresses.clone(), forum: forum() };
    assert!(matches!(chancery_network::start(second).await, Err(NetworkError::Listen { .. })));
}
