//! Length-prefixed request and response bytes; decoding is the service's.
//!
//! On the wire: the number of bytes as four bytes, big end first, then the bytes. A length beyond the limit is
//! refused before anything is read, and memory grows only with what has arrived.

use std::io;

use futures::prelude::*;
use libp2p::StreamProtocol;
use libp2p::request_response::Codec;

/// A request as it came, or why it could not be read. libp2p keeps such a reason to itself; the peer and the node are
/// to hear it.
pub(crate) type Incoming = Result<Vec<u8>, String>;

/// Reads and writes whole messages up to a limit each way.
#[derive(Debug, Clone)]
pub(crate) struct Bounded {
    pub(crate) max_request: usize,
    pub(crate) max_response: usize,
}

/// Reads one message of at most `limit` bytes.
pub(crate) async fn read_prefixed<T: AsyncRead + Unpin + Send>(io: &mut T, limit: usize) -> io::Result<Vec<u8>> {
    let mut prefix = [0; 4];
    io.read_exact(&mut prefix).await?;
    let length = u32::from_be_bytes(prefix) as usize;
    if length > limit {
        let reason = format!("a message of {length} bytes, of which at most {limit} are allowed");
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    let mut bytes = Vec::new();
    io.take(length as u64).read_to_end(&mut bytes).await?;
    if bytes.len() < length {
        let reason = format!("a message cut short: {} of {length} bytes", bytes.len());
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, reason));
    }
    Ok(bytes)
}

/// Writes one message of at most `limit` bytes; nothing of a longer one.
pub(crate) async fn write_prefixed<T: AsyncWrite + Unpin + Send>(
    io: &mut T,
    bytes: &[u8],
    limit: usize,
) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok().filter(|_| bytes.len() <= limit);
    let length = length
        .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, format!("own message of {} bytes", bytes.len())))?;
    io.write_all(&length.to_be_bytes()).await?;
    io.write_all(bytes).await?;
    io.flush().await
}

impl Codec for Bounded {
    type Protocol = StreamProtocol;
    type Request = Incoming;
    type Response = Vec<u8>;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Incoming>
    where
        T: AsyncRead + Unpin + Send,
    {
        match read_prefixed(io, self.max_request).await {
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(Err(error.to_string())),
            read => read.map(Ok),
        }
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Vec<u8>>
    where
        T: AsyncRead + Unpin + Send,
    {
        read_prefixed(io, self.max_response).await
    }

    async fn write_request<T>(&mut self, _: &StreamProtocol, io: &mut T, request: Incoming) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        let request = request.map_err(io::Error::other)?;
        write_prefixed(io, &request, self.max_request).await
    }

    async fn write_response<T>(&mut self, _: &StreamProtocol, io: &mut T, response: Vec<u8>) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write_prefixed(io, &response, self.max_response).await
    }
}

#[cfg(test)]
mod tests {
    use futures::executor::block_on;
    use futures::io::Cursor;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(any::<u8>(), 0..600), limit in 0usize..600) {
            let mut wire = Vec::new();
            let written = block_on(write_prefixed(&mut wire, &bytes, limit));
            prop_assert_eq!(written.is_ok(), bytes.len() <= limit);
            if written.is_ok() {
                prop_assert_eq!(block_on(read_prefixed(&mut Cursor::new(&wire), limit)).unwrap(), bytes);
            } else {
                prop_assert!(wire.is_empty());
            }
        }

        #[test]
        fn any_bytes_are_read_or_refused(wire in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(bytes) = block_on(read_prefixed(&mut Cursor::new(&wire), 32)) {
                prop_assert_eq!(&wire[4..4 + bytes.len()], &bytes[..]);
            }
        }
    }

    #[test]
    fn a_length_beyond_the_limit_is_refused_unread() {
        let mut wire = Cursor::new([0xff; 64]);
        let error = block_on(read_prefixed(&mut wire, 32)).unwrap_err();
        assert_eq!((error.kind(), wire.position()), (io::ErrorKind::InvalidData, 4));
    }
}
