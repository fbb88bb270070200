//! Artefacts as streams: one stream a range, in bounded frames, each within a time.
//!
//! A stream of [`crate::message::ARTEFACT`] goes so: the asker sends an [`crate::message::ArtefactRequest`],
//! length-prefixed; the other side sends frames ([`frame`]) of data and an end, or why it refuses. The same range
//! may be asked of anybody again, from where it broke off. Whether the bytes are the signed ones is the asker's to
//! check: see [`verifier::ChunkVerifier`].

pub(crate) mod client;
mod frame;
pub(crate) mod server;
pub(crate) mod slots;
pub(crate) mod verifier;

/// Longest opening of a stream: two hashes, two numbers and their names.
const MAX_OPENING: usize = 512;

/// The bytes as frames, one after the other.
#[cfg(fuzzing)]
pub(crate) fn read_frames(bytes: &[u8]) {
    let (mut wire, mut buffer) = (futures::io::Cursor::new(bytes), Vec::new());
    while futures::executor::block_on(frame::read(&mut wire, &mut buffer)).is_ok() {
        assert!(buffer.len() <= crate::message::MAX_FRAME);
    }
}
