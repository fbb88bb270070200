//! Damages to what was sent: as little as one byte, as much as an end that never comes. Also a part of the network crate's tests.

use proptest::prelude::*;

/// One damage to a message: which, where, and how much.
pub(crate) type Damage = (u8, u16, u8);

/// The message with its damages.
pub(crate) fn damaged(seed: &[u8], damages: &[Damage]) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for (kind, place, amount) in damages {
        let at = usize::from(*place) % (bytes.len() + 1);
        let end = (at + usize::from(*amount)).min(bytes.len());
        match kind % 8 {
            0 => bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= amount | 1),
            1 => drop(bytes.drain(at..end)),
            2 => bytes.insert(at, *amount),
            3 => {
                let copied = bytes[at..end].to_vec();
                bytes.splice(at..at, copied);
            }
            4 => bytes.truncate(at),
            5 => drop(bytes.splice(at..at, *b"99999999999999999999")),
            6 => drop(bytes.splice(at..at, std::iter::repeat_n(b'[', 4 * usize::from(*amount)))),
            _ => drop(bytes.splice(at..end, *b"\"\\u0000\xff\n\n")),
        }
    }
    bytes
}

/// Up to four of them; none leaves the message sound.
pub(crate) fn damages() -> impl Strategy<Value = Vec<Damage>> {
    proptest::collection::vec(any::<Damage>(), 0..5)
}
