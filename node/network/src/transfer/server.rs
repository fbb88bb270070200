//! Gives artefacts: takes each stream, asks the node for a piece at a time, writes it in frames.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use libp2p::{PeerId, Stream};
use libp2p_stream::IncomingStreams;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::MAX_OPENING;
use super::frame::{within, write_data, write_end, write_refused};
use super::slots::Slots;
use crate::codec::read_prefixed;
use crate::gate::{Gate, Protocol, Refusal};
use crate::handle::NetworkEvent;
use crate::limits::Limits;
use crate::message::{ArtefactRequest, ChunkRequest, ChunkResponse, MAX_PIECE};
use crate::report::Reporter;

/// Streams of one peer that may wait for a place: a few ranges asked ahead.
const WAITING: usize = 12;
/// How long a peer that takes too many pieces is held before it is looked at again.
const THROTTLE: Duration = Duration::from_millis(20);

/// What every transfer needs.
#[derive(Debug)]
pub(crate) struct Server {
    gate: Arc<Gate>,
    reporter: Arc<Reporter>,
    limits: Limits,
    slots: Slots,
    stop: CancellationToken,
}

/// How a transfer ended before its end.
enum Cut {
    /// The peer is told why.
    Refused(String),
    /// The stream is no more.
    Broken(io::Error),
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Self::Broken(error)
    }
}

impl Server {
    pub(crate) fn new(gate: Arc<Gate>, reporter: Arc<Reporter>, limits: Limits, stop: CancellationToken) -> Self {
        let slots = Slots::new(limits.transfers_per_peer, limits.transfers, WAITING);
        Self { gate, reporter, limits, slots, stop }
    }

    /// Takes streams until stopped. Does nothing else: a stream that arrives while this is busy is dropped.
    pub(crate) async fn accept(self: Arc<Self>, mut streams: IncomingStreams, tracker: TaskTracker) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                next = streams.next() => match next {
                    None => return,
                    Some((peer, stream)) => drop(tracker.spawn(Arc::clone(&self).serve(peer, stream))),
                },
            }
        }
    }

    async fn serve(self: Arc<Self>, peer: PeerId, mut stream: Stream) {
        let reason = match self.transfer(peer, &mut stream).await {
            Ok(()) => return,
            Err(Cut::Broken(error)) => {
                tracing::debug!(peer = self.gate.name(&peer), %error, "an artefact was not sent whole");
                return;
            }
            Err(Cut::Refused(reason)) => reason,
        };
        self.reporter.refused(self.gate.name(&peer), &reason);
        if let Err(error) = within(self.limits.frame_timeout, write_refused(&mut stream, &reason)).await {
            tracing::debug!(%peer, %error, "a refusal was not heard");
        }
    }

    async fn transfer(&self, peer: PeerId, stream: &mut Stream) -> Result<(), Cut> {
        let refused = |e: Refusal| Cut::Refused(e.to_string());
        self.gate.member(&peer).map_err(refused)?;
        let entered = tokio::time::timeout(self.limits.request_timeout, self.slots.enter(peer)).await;
        let slot =
            entered.ok().flatten().ok_or_else(|| Cut::Refused("too many transfers: ask again later".to_owned()))?;
        let opening = within(self.limits.frame_timeout, read_prefixed(stream, MAX_OPENING)).await?;
        let malformed = |e: &dyn std::fmt::Display| Cut::Refused(format!("malformed artefact request: {e}"));
        let request: ArtefactRequest = serde_json::from_slice(&opening).map_err(|e| malformed(&e))?;
        request.check().map_err(|e| malformed(&e))?;
        let mut sent = 0;
        while sent < request.length {
            let length = (request.length - sent).min(MAX_PIECE as u64);
            let piece = ChunkRequest {
                forum: request.forum.clone(),
                sha256: request.sha256.clone(),
                offset: request.offset + sent,
                length: u32::try_from(length).unwrap_or(u32::MAX),
            };
            let bytes = self.piece(&peer, piece).await?;
            write_data(stream, &bytes, self.limits.frame_timeout).await?;
            sent += bytes.len() as u64;
            if (bytes.len() as u64) < length {
                break;
            }
        }
        within(self.limits.frame_timeout, write_end(stream)).await?;
        drop(slot);
        Ok(())
    }

    /// One piece from the node, which decides anew for each whether this peer may have it.
    async fn piece(&self, peer: &PeerId, request: ChunkRequest) -> Result<Vec<u8>, Cut> {
        let member = loop {
            if self.stop.is_cancelled() {
                return Err(Cut::Refused("this node is stopping: go on from here later".to_owned()));
            }
            match self.gate.enter(peer, Protocol::Artefact) {
                Ok(member) => break member,
                Err(Refusal::TooMany(..)) => tokio::time::sleep(THROTTLE).await,
                Err(refusal) => return Err(Cut::Refused(refusal.to_string())),
            }
        };
        let length = request.length as usize;
        let (reply, answer) = oneshot::channel();
        let event = NetworkEvent::ChunkRequested { member, request, reply };
        let asked = async {
            self.reporter.events.send(event).await.ok()?;
            answer.await.ok()
        };
        match tokio::time::timeout(self.limits.request_timeout, asked).await {
            Ok(Some(ChunkResponse::Bytes(bytes))) if bytes.len() <= length => Ok(bytes),
            Ok(Some(ChunkResponse::Refused(reason))) => Err(Cut::Refused(reason)),
            Ok(_) => Err(Cut::Refused("this node did not answer itself".to_owned())),
            Err(_) => Err(Cut::Refused("this node is too busy: ask again later".to_owned())),
        }
    }
}
