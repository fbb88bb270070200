//! What a fuzzer may call beside the public items; there is no such module otherwise.

use futures::executor::block_on;
use futures::io::Cursor;

/// The bytes as frames of an artefact, one after the other, and as a message with its length before it.
pub fn frames(bytes: &[u8]) {
    const LIMIT: usize = 1 << 16;
    crate::transfer::read_frames(bytes);
    if let Ok(message) = block_on(crate::codec::read_prefixed(&mut Cursor::new(bytes), LIMIT)) {
        assert!(message.len() <= LIMIT && bytes[4..].starts_with(&message));
    }
}
