//! Takes artefacts: opens a stream, reads frames, writes them where the caller says.

use std::io;
use std::time::Duration;

use libp2p::{PeerId, Stream, StreamProtocol};
use libp2p_stream::{Control, OpenStreamError};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

use super::MAX_OPENING;
use super::frame::{Frame, read, within};
use super::slots::Slots;
use crate::codec::write_prefixed;
use crate::limits::Limits;
use crate::message::{ARTEFACT, ArtefactRequest, MAX_FRAME, MAX_REQUEST};

/// How often a stream is opened anew that the other side dropped before its first frame: it does so when several
/// arrive at one instant.
const ATTEMPTS: u32 = 7;
/// Wait before the second attempt; doubled for each further one, with as much again at random.
const FIRST_WAIT_MS: u64 = 10;

/// Why a transfer broke off.
#[derive(Debug, thiserror::Error)]
pub enum FetchCause {
    /// The member is not connected.
    #[error("it is not connected")]
    NotConnected,
    /// The peer says why not.
    #[error("it refused: {0}")]
    Refused(String),
    /// No frame came in time.
    #[error("it was too slow")]
    TimedOut,
    /// The stream or the connection broke.
    #[error("the connection broke")]
    Broken(#[source] io::Error),
    /// What came is not of the protocol.
    #[error("it sent something malformed")]
    Malformed(#[source] io::Error),
    /// The artefact ends there before the range does.
    #[error("its artefact is shorter than was asked for")]
    Short,
    /// The caller's writer refused the bytes, be it a full disk or a wrong chunk.
    #[error("the bytes were not taken")]
    Write(#[source] io::Error),
    /// The request itself is wrong, or the network has ended.
    #[error("it could not be asked: {0}")]
    NotAsked(String),
}

/// A transfer that broke off, and how far it came.
#[derive(Debug, thiserror::Error)]
#[error("`{member}` did not give the artefact after {received} bytes")]
pub struct FetchError {
    /// Who was asked.
    pub member: String,
    /// Bytes handed to the caller's writer: the next request may start after them.
    pub received: u64,
    /// Why.
    #[source]
    pub cause: FetchCause,
}

/// What every transfer needs.
#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) limits: Limits,
    slots: Slots,
}

fn broken(error: io::Error) -> FetchCause {
    match error.kind() {
        io::ErrorKind::TimedOut => FetchCause::TimedOut,
        io::ErrorKind::InvalidData => FetchCause::Malformed(error),
        _ => FetchCause::Broken(error),
    }
}

fn jitter() -> u64 {
    // Without randomness the waits are equal, which is no harm.
    getrandom::u32().map_or(0, |r| u64::from(r) % FIRST_WAIT_MS)
}

impl Client {
    pub(crate) fn new(limits: Limits) -> Self {
        // Those who wait are this node's own tasks, which bound themselves.
        let slots = Slots::new(limits.transfers_per_peer, limits.transfers, 1 << 16);
        Self { limits, slots }
    }

    /// Fetches a range into `out`; returns how far it came beside why it broke off.
    pub(crate) async fn fetch<W: AsyncWrite + Unpin + Send + ?Sized>(
        &self,
        control: &mut Control,
        peer: PeerId,
        request: &ArtefactRequest,
        out: &mut W,
    ) -> Result<u64, (u64, FetchCause)> {
        let not_asked = |e: &dyn std::fmt::Display| (0, FetchCause::NotAsked(e.to_string()));
        request.check().map_err(|e| not_asked(&e))?;
        let opening = serde_json::to_vec(request).map_err(|e| not_asked(&e))?;
        let _slot = self.slots.enter(peer).await.ok_or_else(|| not_asked(&"too many wait already"))?;
        let mut buffer = Vec::with_capacity(MAX_FRAME);
        let (mut stream, mut frame) =
            self.open(control, peer, &opening, &mut buffer).await.map_err(|cause| (0, cause))?;
        let mut received = 0;
        loop {
            match frame {
                Frame::Data if received + buffer.len() as u64 > request.length => {
                    let beyond = io::Error::new(io::ErrorKind::InvalidData, "more bytes than were asked for");
                    return Err((received, FetchCause::Malformed(beyond)));
                }
                Frame::Data => {
                    out.write_all(&buffer).await.map_err(|e| (received, FetchCause::Write(e)))?;
                    received += buffer.len() as u64;
                }
                Frame::Refused(reason) => return Err((received, FetchCause::Refused(reason))),
                Frame::End => break,
            }
            let next = within(self.limits.frame_timeout, read(&mut stream, &mut buffer)).await;
            frame = next.map_err(|e| (received, broken(e)))?;
        }
        out.flush().await.map_err(|e| (received, FetchCause::Write(e)))?;
        if received < request.length { Err((received, FetchCause::Short)) } else { Ok(received) }
    }

    /// A stream whose first frame has come.
    async fn open(
        &self,
        control: &mut Control,
        peer: PeerId,
        opening: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(Stream, Frame), FetchCause> {
        for attempt in 1.. {
            let opened =
                tokio::time::timeout(self.limits.frame_timeout, self.try_open(control, peer, opening, buffer)).await;
            match opened {
                Ok(Err(FetchCause::Broken(_))) if attempt < ATTEMPTS => {
                    let wait = (FIRST_WAIT_MS << attempt) + jitter();
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
                Ok(result) => return result,
                Err(_) => break,
            }
        }
        Err(FetchCause::TimedOut)
    }

    async fn try_open(
        &self,
        control: &mut Control,
        peer: PeerId,
        opening: &[u8],
        buffer: &mut Vec<u8>,
    ) -> Result<(Stream, Frame), FetchCause> {
        debug_assert!(opening.len() <= MAX_OPENING && MAX_OPENING <= MAX_REQUEST);
        let mut stream =
            control.open_stream(peer, StreamProtocol::new(ARTEFACT)).await.map_err(|error| match error {
                OpenStreamError::UnsupportedProtocol(_) => FetchCause::Refused("it gives no artefacts".to_owned()),
                OpenStreamError::Io(error) if error.kind() == io::ErrorKind::NotConnected => FetchCause::NotConnected,
                error => FetchCause::Broken(io::Error::other(error.to_string())),
            })?;
        write_prefixed(&mut stream, opening, MAX_OPENING).await.map_err(broken)?;
        let frame = read(&mut stream, buffer).await.map_err(broken)?;
        Ok((stream, frame))
    }
}
