//! The frames of an artefact stream: a byte that says what it is, the length as four bytes, big end first, the bytes.

use std::io;
use std::time::Duration;

use futures::prelude::*;

use crate::message::{MAX_FRAME, MAX_REASON, cut_reason};

const DATA: u8 = 0;
const END: u8 = 1;
const REFUSED: u8 = 2;

/// A frame that was read; the bytes of data are in the reader's buffer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// 1 to [`MAX_FRAME`] bytes.
    Data,
    /// Everything there is was sent.
    End,
    /// Why nothing more comes.
    Refused(String),
}

fn invalid(reason: String) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

/// Runs `work`, which may take `limit`.
pub(super) async fn within<T>(limit: Duration, work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("nothing for {} ms", limit.as_millis()));
    tokio::time::timeout(limit, work).await.map_err(late)?
}

/// Reads a frame into `buffer`, which never grows beyond [`MAX_FRAME`].
pub(super) async fn read<T: AsyncRead + Unpin>(io: &mut T, buffer: &mut Vec<u8>) -> io::Result<Frame> {
    let mut head = [0; 5];
    io.read_exact(&mut head).await?;
    let [kind, length @ ..] = head;
    let length = u32::from_be_bytes(length) as usize;
    let allowed = match kind {
        DATA => 1..=MAX_FRAME,
        END => 0..=0,
        REFUSED => 0..=MAX_REASON,
        _ => return Err(invalid(format!("a frame of kind {kind}"))),
    };
    if !allowed.contains(&length) {
        return Err(invalid(format!(
            "a frame of {length} bytes, of which {} to {} are allowed",
            allowed.start(),
            allowed.end()
        )));
    }
    buffer.clear();
    buffer.resize(length, 0);
    io.read_exact(buffer).await?;
    Ok(match kind {
        DATA => Frame::Data,
        END => Frame::End,
        _ => Frame::Refused(String::from_utf8_lossy(buffer).into_owned()),
    })
}

async fn write<T: AsyncWrite + Unpin>(io: &mut T, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).map_err(|_| invalid("a frame too long".to_owned()))?;
    let [a, b, c, d] = length.to_be_bytes();
    io.write_all(&[kind, a, b, c, d]).await?;
    io.write_all(bytes).await
}

/// Writes data as frames, each of which may take `limit`.
pub(super) async fn write_data<T: AsyncWrite + Unpin>(io: &mut T, bytes: &[u8], limit: Duration) -> io::Result<()> {
    for part in bytes.chunks(MAX_FRAME) {
        within(limit, write(io, DATA, part)).await?;
    }
    Ok(())
}

/// Writes the end and closes.
pub(super) async fn write_end<T: AsyncWrite + Unpin>(io: &mut T) -> io::Result<()> {
    write(io, END, &[]).await?;
    io.close().await
}

/// Writes why nothing more comes, and closes.
pub(super) async fn write_refused<T: AsyncWrite + Unpin>(io: &mut T, reason: &str) -> io::Result<()> {
    write(io, REFUSED, cut_reason(reason).as_bytes()).await?;
    io.close().await
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;
    use proptest::prelude::*;

    use super::*;

    fn read_one(wire: &[u8]) -> io::Result<(Frame, Vec<u8>)> {
        let mut buffer = Vec::new();
        block_on(read(&mut Cursor::new(wire), &mut buffer)).map(|frame| (frame, buffer))
    }

    proptest! {
        #[test]
        fn frames_survive_the_wire(bytes in proptest::collection::vec(any::<u8>(), 1..2_000), reason in ".{0,80}") {
            let mut wire = Vec::new();
            block_on(write(&mut wire, DATA, &bytes)).unwrap();
            prop_assert_eq!(read_one(&wire).unwrap(), (Frame::Data, bytes));
            let mut wire = Vec::new();
            block_on(write_refused(&mut wire, &reason)).unwrap();
            prop_assert_eq!(read_one(&wire).unwrap().0, Frame::Refused(reason));
        }

        #[test]
        fn any_bytes_are_a_frame_or_an_error(wire in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Ok((_, buffer)) = read_one(&wire) {
                prop_assert_eq!(&wire[5..5 + buffer.len()], &buffer[..]);
            }
        }
    }

    #[test]
    fn frames_beyond_their_limits_are_refused_unread() {
        let longest = u32::try_from(MAX_FRAME).unwrap();
        let reason = u32::try_from(MAX_REASON).unwrap();
        for (kind, length) in
            [(DATA, 0), (DATA, longest + 1), (DATA, u32::MAX), (END, 1), (REFUSED, reason + 1), (3, 0)]
        {
            let mut wire = vec![kind];
            wire.extend(length.to_be_bytes());
            assert_eq!(read_one(&wire).unwrap_err().kind(), io::ErrorKind::InvalidData, "{kind} {length}");
        }
    }
}
