//! Fetching artefacts: chunk by chunk from whoever has them, each checked against its signed hash before it is written.

use std::io::{Seek as _, SeekFrom, Write as _};

use chancery_ledger::release::{Artefact, CHUNK_BYTES};
use chancery_network::NetworkHandle;
use chancery_network::message::{ChunkRequest, ChunkResponse};
use futures::StreamExt as _;
use sha2::{Digest, Sha256};

use super::no_answer;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// Chunks of one artefact asked for at once.
const CHUNKS_AT_ONCE: usize = 4;

impl Node {
    /// Fetches an artefact from the peer, or from any other that is connected, and checks it whole before it gets its name.
    pub(super) async fn fetch(
        &self,
        network: &NetworkHandle,
        peer: &str,
        forum: &str,
        dataflow: &str,
        artefact: &Artefact,
    ) -> Result<()> {
        let mut sources = vec![peer.to_owned()];
        sources.extend(network.connected().await.unwrap_or_default().into_iter().filter(|m| m != peer));
        let path = self.folder().temporary().join(format!("{}.part", artefact.sha256));
        let mut last = Error::unavailable("nobody is connected");
        for source in sources {
            match self.fetch_from(network, &source, forum, artefact, &path).await {
                Ok(()) => {
                    let (node, dataflow, artefact) = (self.clone(), dataflow.to_owned(), artefact.clone());
                    let finish = move || {
                        let temporary =
                            tempfile::TempPath::try_from_path(&path).map_err(|e| Error::file("keep", &path, e))?;
                        node.check_artefact(&temporary, &dataflow, &artefact)?;
                        node.files().commit(temporary, &artefact.sha256).or_unverified(|| "the artefact".to_owned())?;
                        Ok(())
                    };
                    return tokio::task::spawn_blocking(finish)
                        .await
                        .or_storage(|| "a check was cut off".to_owned())?;
                }
                Err(error @ Error::Storage { .. }) => return Err(error),
                Err(error) => {
                    self.note_refusal(&source, &format!("artefact {}", artefact.sha256), &error).await;
                    last = Error::unavailable(error.to_string());
                }
            }
        }
        Err(last)
    }

    /// Checks a file that is held as one that is fetched is.
    pub(super) async fn check_held_file(&self, dataflow: &str, artefact: &Artefact) -> Result<()> {
        let (node, dataflow, artefact) = (self.clone(), dataflow.to_owned(), artefact.clone());
        let work = move || node.check_held(&dataflow, &artefact);
        tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())?
    }

    /// Fetches chunks, a few at once, in order; each is checked against its signed hash before it is written. What an earlier
    /// attempt wrote is kept.
    async fn fetch_from(
        &self,
        network: &NetworkHandle,
        source: &str,
        forum: &str,
        artefact: &Artefact,
        path: &std::path::Path,
    ) -> Result<()> {
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(path)
            .map_err(|e| Error::file("write", path, e))?;
        let have = file.metadata().map_or(0, |m| m.len()) / CHUNK_BYTES;
        let have = have.min(artefact.chunks.len() as u64);
        file.set_len(have * CHUNK_BYTES)
            .and_then(|()| file.seek(SeekFrom::End(0)))
            .map_err(|e| Error::file("write", path, e))?;
        let wanted = (0u64..).zip(artefact.chunks.clone()).skip(have as usize);
        let mut chunks = futures::stream::iter(wanted.map(|(index, hash)| {
            let offset = index * CHUNK_BYTES;
            let length = (artefact.bytes - offset).min(CHUNK_BYTES) as u32;
            let request = ChunkRequest { forum: forum.to_owned(), sha256: artefact.sha256.clone(), offset, length };
            async move { (hash, length, network.chunk(source, request).await) }
        }))
        .buffered(CHUNKS_AT_ONCE);
        while let Some((hash, length, answer)) = chunks.next().await {
            let bytes = match answer {
                Ok(ChunkResponse::Bytes(bytes)) => bytes,
                Ok(ChunkResponse::Refused(reason)) => {
                    return Err(Error::unavailable(format!("`{source}` refused: {reason}")));
                }
                Err(e) => return Err(no_answer(&e)),
            };
            if bytes.len() != length as usize || hex::encode(Sha256::digest(&bytes)) != hash {
                return Err(Error::unverified(format!(
                    "`{source}` sent a chunk of artefact {} with other bytes than were signed",
                    artefact.sha256
                )));
            }
            file.write_all(&bytes).map_err(|e| Error::file("write", path, e))?;
        }
        file.sync_all().map_err(|e| Error::file("sync", path, e))
    }
}
