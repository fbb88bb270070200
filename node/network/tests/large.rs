//! A large artefact: cut in the middle, resumed, verified, in bounded memory. Alone in its binary, since it measures
//! the process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod support;

use chancery_network::message::{ChunkResponse, MAX_PIECE};
use chancery_network::{ChunkVerifier, NetworkEvent};
use sha2::{Digest, Sha256};
use support::*;

const TOTAL: u64 = 64 << 20;
/// Both nodes, each with a piece and a few windows; far below the artefact.
const MAX_GROWTH_KIB: u64 = 40 << 10;

/// Counts bytes; keeps none.
#[derive(Default)]
struct Sink(u64);

impl tokio::io::AsyncWrite for Sink {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        self.0 += bytes.len() as u64;
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}

fn peak_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?.trim().trim_end_matches("kB").trim().parse().ok()
}

#[tokio::test]
async fn sixty_four_mebibytes_are_cut_resumed_and_verified_in_bounded_memory() {
    let hashes: Vec<[u8; 32]> =
        (0..TOTAL).step_by(MAX_PIECE).map(|o| Sha256::digest(content(o, MAX_PIECE)).into()).collect();
    let (mut a, mut b) = pair([quick(), quick()]).await;
    let before = peak_kib();
    let listen = b.addresses[0].to_string();
    let mut out = ChunkVerifier::new(Sink::default(), hashes.clone(), MAX_PIECE, TOTAL, 0);
    let giving = tokio::spawn(async move {
        loop {
            let next = |e| {
                if let NetworkEvent::ChunkRequested { request, reply, .. } = e { Some((request, reply)) } else { None }
            };
            let (request, reply) = b.event("a piece", next).await;
            if request.offset >= 20 << 20 {
                // The node dies in the middle of the artefact.
                return b.handle.stop().await;
            }
            let _ = reply.send(ChunkResponse::Bytes(content(request.offset, request.length as usize)));
        }
    });
    let error = a.handle.fetch_artefact("N2", &artefact(0, TOTAL), &mut out).await.unwrap_err();
    giving.await.unwrap();
    assert!(error.received <= 20 << 20, "{error:?}");
    let verified = out.verified();
    assert_eq!((verified, out.into_inner().0), (error.received / MAX_PIECE as u64 * MAX_PIECE as u64, verified));
    assert!(verified > 0);

    a.disconnected("N2").await;
    let mut b = Node::start_on(2, quick(), &listen).await;
    b.handle.admit(vec![a.admission()]).await.unwrap();
    a.connected("N2").await;
    let _heard = b.serve();
    let mut out = ChunkVerifier::new(Sink::default(), hashes, MAX_PIECE, TOTAL, verified / MAX_PIECE as u64);
    let fetched =
        patiently("the rest", a.handle.fetch_artefact("N2", &artefact(verified, TOTAL - verified), &mut out)).await;
    assert_eq!(fetched.unwrap(), TOTAL - verified);
    assert_eq!(out.verified(), TOTAL);
    if let (Some(before), Some(after)) = (before, peak_kib()) {
        assert!(after - before < MAX_GROWTH_KIB, "memory grew by {} KiB", after - before);
    }
}
