//! Requests and answers of [`crate::message::SYNC`], both ways.

use libp2p::PeerId;
use libp2p::request_response::{self, OutboundRequestId, ResponseChannel};
use tokio::sync::oneshot;

use super::{Answer, Service, SyncReply};
use crate::codec::Incoming;
use crate::gate::{Protocol, Refusal};
use crate::handle::{NetworkError, NetworkEvent};
use crate::message::{MAX_SYNC_RESPONSE, SyncRequest, SyncResponse};

/// Sync requests of this node under way at once: a few for each member of a large forum.
const MAX_REQUESTS: usize = 256;
/// Answers of this node under way at once. Each has come through a peer's bounded streams; this bounds their sum.
const MAX_ANSWERS: usize = 512;

type SyncEvent = request_response::Event<Incoming, Vec<u8>>;

impl Service {
    pub(super) fn ask(&mut self, member: String, request: &SyncRequest, reply: SyncReply) {
        let refused = match (self.peer_of(&member), serde_json::to_vec(request)) {
            _ if self.requests.len() >= MAX_REQUESTS => NetworkError::Busy(member),
            (None, _) => NetworkError::NotConnected(member),
            (_, Err(error)) => NetworkError::Unfit(error.to_string()),
            (Some(peer), Ok(bytes)) => {
                let id = self.swarm.behaviour_mut().sync.send_request(&peer, Ok(bytes));
                self.requests.insert(id, (member, reply));
                return;
            }
        };
        let _ = reply.send(Err(refused));
    }

    pub(super) fn on_sync(&mut self, event: SyncEvent) {
        match event {
            request_response::Event::Message { peer, message, .. } => match message {
                request_response::Message::Request { request, channel, .. } => {
                    self.on_request(peer, request, channel);
                }
                request_response::Message::Response { request_id, response } => self.on_response(request_id, &response),
            },
            request_response::Event::OutboundFailure { request_id, error, .. } => {
                if let Some((member, reply)) = self.requests.remove(&request_id) {
                    let _ = reply.send(Err(NetworkError::NoAnswer { member, reason: error.to_string() }));
                }
            }
            request_response::Event::InboundFailure { peer, error, .. } => {
                if !matches!(error, request_response::InboundFailure::ConnectionClosed) {
                    self.refuse(&peer, &format!("its sync request failed: {error}"));
                }
            }
            request_response::Event::ResponseSent { .. } => {}
        }
    }

    fn on_request(&mut self, peer: PeerId, request: Incoming, channel: ResponseChannel<Vec<u8>>) {
        let reason = match self.take_request(&peer, request) {
            Ok(answer) => {
                let wait = self.limits.request_timeout;
                let answer = async move {
                    let answer = tokio::time::timeout(wait, answer).await;
                    let late = || SyncResponse::refused("this node did not answer itself");
                    (channel, encode(&answer.ok().and_then(Result::ok).unwrap_or_else(late)))
                };
                self.answers.push(Box::pin(answer));
                return;
            }
            Err(Ok(refusal)) => {
                if refusal.ends_connection() {
                    self.leave(peer);
                }
                refusal.to_string()
            }
            Err(Err(reason)) => reason,
        };
        self.refuse(&peer, &reason);
        let _ = self.swarm.behaviour_mut().sync.send_response(channel, encode(&SyncResponse::refused(&reason)));
    }

    /// Hands a request to the node, unless the gate or its form forbids it. The gate is asked before anything is decoded.
    fn take_request(
        &mut self,
        peer: &PeerId,
        request: Incoming,
    ) -> Result<oneshot::Receiver<SyncResponse>, Result<Refusal, String>> {
        let member = self.gate.enter(peer, Protocol::Sync).map_err(Ok)?;
        let busy = || Err("this node is too busy: ask again later".to_owned());
        if self.answers.len() >= MAX_ANSWERS || self.stop.is_cancelled() {
            return Err(busy());
        }
        let malformed = |e: &dyn std::fmt::Display| Err(format!("malformed sync request: {e}"));
        let bytes = request.map_err(|e| malformed(&e))?;
        let request: SyncRequest = serde_json::from_slice(&bytes).map_err(|e| malformed(&e))?;
        request.check().map_err(|e| malformed(&e))?;
        let (reply, answer) = oneshot::channel();
        self.reporter.events.try_send(NetworkEvent::SyncRequested { member, request, reply }).map_err(|_| busy())?;
        Ok(answer)
    }

    fn on_response(&mut self, request: OutboundRequestId, bytes: &[u8]) {
        let Some((member, reply)) = self.requests.remove(&request) else { return };
        let decoded = serde_json::from_slice::<SyncResponse>(bytes).map_err(|e| e.to_string());
        let checked = decoded.and_then(|answer| answer.check().map(|()| answer).map_err(|e| e.to_string()));
        let _ = reply.send(checked.map_err(|reason| NetworkError::Malformed { member, reason }));
    }

    pub(super) fn on_answer(&mut self, (channel, bytes): Answer) {
        // It fails only if the peer has stopped waiting.
        let _ = self.swarm.behaviour_mut().sync.send_response(channel, bytes);
    }
}

/// An answer as bytes; one that a peer would refuse becomes a refusal that says so.
fn encode(answer: &SyncResponse) -> Vec<u8> {
    let unfit = |e: &dyn std::fmt::Display| {
        tracing::error!(error = %e, "this node's own answer is unfit to be sent");
        serde_json::to_vec(&SyncResponse::refused(&format!("this node's own answer is unfit: {e}"))).unwrap_or_default()
    };
    let answer = match answer {
        SyncResponse::Refused(reason) => &SyncResponse::refused(reason),
        answer => answer,
    };
    if let Err(error) = answer.check() {
        return unfit(&error);
    }
    match serde_json::to_vec(answer) {
        Ok(bytes) if bytes.len() <= MAX_SYNC_RESPONSE => bytes,
        Ok(bytes) => unfit(&format!("{} bytes, of which at most {MAX_SYNC_RESPONSE} are allowed", bytes.len())),
        Err(error) => unfit(&error),
    }
}
