//! Lets through only bytes whose hashes were signed.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use sha2::{Digest, Sha256};
use tokio::io::AsyncWrite;

/// A chunk that is not the one that was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("chunk {index} has other bytes than were signed")]
pub struct WrongChunk {
    /// Which, from the artefact's start.
    pub index: u64,
}

/// A writer that holds each chunk back until its SHA-256 is the expected one, and fails at the first that is not.
///
/// Nothing unverified reaches the inner writer, so what is there after a failure is a good start: go on from
/// [`ChunkVerifier::verified`]. Memory: one chunk. Shut it down to be told of a last chunk cut short.
#[derive(Debug)]
pub struct ChunkVerifier<W> {
    inner: W,
    hashes: std::vec::IntoIter<[u8; 32]>,
    chunk_bytes: usize,
    /// Where the artefact ends, and how far bytes have been taken from its start.
    total: u64,
    taken: u64,
    verified: u64,
    index: u64,
    chunk: Vec<u8>,
    /// Bytes of a verified chunk already handed to the inner writer; none while the chunk is being filled.
    drained: Option<usize>,
    /// Once a chunk was wrong, nothing is taken any more.
    wrong: Option<WrongChunk>,
}

impl<W> ChunkVerifier<W> {
    /// For an artefact of `total` bytes whose chunks of `chunk_bytes` have `hashes`, from its `first` chunk on.
    /// `hashes` are those of the whole artefact.
    pub fn new(inner: W, hashes: Vec<[u8; 32]>, chunk_bytes: usize, total: u64, first: u64) -> Self {
        let skipped = usize::try_from(first).unwrap_or(usize::MAX).min(hashes.len());
        let mut hashes = hashes.into_iter();
        hashes.by_ref().take(skipped).for_each(drop);
        let start = first.saturating_mul(chunk_bytes as u64).min(total);
        Self {
            inner,
            hashes,
            chunk_bytes: chunk_bytes.max(1),
            total,
            taken: start,
            verified: start,
            index: first,
            chunk: Vec::new(),
            drained: None,
            wrong: None,
        }
    }

    /// Bytes from the artefact's start that are verified and written.
    pub fn verified(&self) -> u64 {
        self.verified
    }

    /// The inner writer, without what is not yet verified.
    pub fn into_inner(self) -> W {
        self.inner
    }

    /// Bytes the chunk being filled still lacks.
    fn lacking(&self) -> usize {
        let rest = usize::try_from(self.total.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        (self.chunk_bytes - self.chunk.len()).min(rest)
    }

    fn check(&mut self) -> io::Result<()> {
        let hash: [u8; 32] = Sha256::digest(&self.chunk).into();
        if self.hashes.next() == Some(hash) {
            self.drained = Some(0);
            return Ok(());
        }
        let wrong = WrongChunk { index: self.index };
        self.wrong = Some(wrong);
        self.chunk = Vec::new();
        Err(io::Error::new(io::ErrorKind::InvalidData, wrong))
    }
}

impl<W: AsyncWrite + Unpin> ChunkVerifier<W> {
    /// Hands the verified chunk to the inner writer.
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(drained) = self.drained {
            let Some(rest) = self.chunk.get(drained..).filter(|rest| !rest.is_empty()) else {
                self.verified += self.chunk.len() as u64;
                self.index += 1;
                self.chunk.clear();
                self.drained = None;
                break;
            };
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.drained = Some(drained + written);
        }
        Poll::Ready(Ok(()))
    }
}

impl<W: AsyncWrite + Unpin> AsyncWrite for ChunkVerifier<W> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if let Some(wrong) = this.wrong {
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, wrong)));
        }
        ready!(this.poll_drain(cx))?;
        if bytes.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let taken = bytes.len().min(this.lacking());
        if taken == 0 {
            let beyond = format!("more than the {} bytes that were signed", this.total);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, beyond)));
        }
        this.chunk.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        this.taken += taken as u64;
        if this.lacking() == 0 {
            this.check()?;
            // What the inner writer does not take now waits for the next call.
            if let Poll::Ready(result) = this.poll_drain(cx) {
                result?;
            }
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        ready!(Pin::new(&mut this.inner).poll_shutdown(cx))?;
        if this.verified < this.total {
            let short = format!("cut short: {} of {} bytes are verified", this.verified, this.total);
            return Poll::Ready(Err(io::Error::new(io::ErrorKind::UnexpectedEof, short)));
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt as _;

    use super::*;

    fn hashes(bytes: &[u8], size: usize) -> Vec<[u8; 32]> {
        bytes.chunks(size).map(|c| Sha256::digest(c).into()).collect()
    }

    fn run<T>(work: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(work)
    }

    proptest! {
        #[test]
        fn good_bytes_pass_whole_from_any_chunk(
            bytes in proptest::collection::vec(any::<u8>(), 1..300), size in 1usize..64, step in 1usize..80, first in 0usize..4,
        ) {
            let first = first.min((bytes.len() - 1) / size);
            let mut out = ChunkVerifier::new(Vec::new(), hashes(&bytes, size), size, bytes.len() as u64, first as u64);
            run(async {
                for part in bytes[first * size..].chunks(step) {
                    out.write_all(part).await.unwrap();
                }
                out.shutdown().await.unwrap();
            });
            prop_assert_eq!(out.verified(), bytes.len() as u64);
            prop_assert_eq!(out.into_inner(), &bytes[first * size..]);
        }

        #[test]
        fn one_changed_byte_stops_at_its_chunk(
            bytes in proptest::collection::vec(any::<u8>(), 1..300), size in 1usize..64, at in any::<prop::sample::Index>(),
        ) {
            let at = at.index(bytes.len());
            let mut sent = bytes.clone();
            sent[at] ^= 1;
            let mut out = ChunkVerifier::new(Vec::new(), hashes(&bytes, size), size, bytes.len() as u64, 0);
            let error = run(out.write_all(&sent)).unwrap_err();
            let wrong = error.get_ref().and_then(|e| e.downcast_ref::<WrongChunk>()).copied();
            prop_assert_eq!(wrong, Some(WrongChunk { index: (at / size) as u64 }));
            prop_assert!(run(out.write_all(&bytes)).is_err(), "nothing passes after a wrong chunk");
            prop_assert_eq!(out.into_inner(), &bytes[..at / size * size]);
        }
    }

    #[test]
    fn too_few_and_too_many_bytes_are_refused() {
        let bytes = [7; 100];
        let mut short = ChunkVerifier::new(Vec::new(), hashes(&bytes, 40), 40, 100, 0);
        run(short.write_all(&bytes[..90])).unwrap();
        assert_eq!(run(short.shutdown()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        assert_eq!(short.verified(), 80);
        let mut long = ChunkVerifier::new(Vec::new(), hashes(&bytes, 40), 40, 100, 0);
        assert_eq!(run(long.write_all(&[7; 101])).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }
}
