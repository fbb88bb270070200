//! Answering peers: what each may have, by the policies, and nothing else.

use std::io::{Read as _, Seek as _, SeekFrom};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_ledger::log::Tree;
use chancery_ledger::proof::encode_hashes;
use chancery_ledger::release::{CHUNK_BYTES, Withdrawal};
use chancery_ledger::timestamp::Timestamp;
use chancery_ledger::{Envelope, RecordKind};
use chancery_network::message::{
    ChunkRequest, ChunkResponse, HeadInfo, MAX_LEAVES, RecordItem, RecordPage, SyncRequest, SyncResponse,
};
use chancery_policies::access::Action;
use chancery_store::Store;
use chancery_store::logs::{HeadRow, RecordRow};

use super::PAGE_BYTES;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::StoredHashes;
use crate::tiles::{cosigned, cosigned_before, is_complete};

impl Node {
    /// Answers a peer's question.
    pub(crate) async fn answer_sync(&self, member: &str, request: SyncRequest) -> SyncResponse {
        let answer = match request {
            SyncRequest::Heads { forum } => self.answer_heads(member, &forum).await,
            SyncRequest::Forum { forum, have, seen, from } => self.answer_forum(member, &forum, &have, &seen, from),
            SyncRequest::Records { forum, member: owner, from } => {
                self.answer_records(member, &forum, owner, from).await
            }
            SyncRequest::Missing { forum, member: owner, positions } => {
                self.answer_missing(member, &forum, owner, positions).await
            }
            SyncRequest::Growth { forum, member: owner, from } => self.answer_growth(&forum, owner, from).await,
            SyncRequest::Evidence { forum, known } => self.answer_evidence(&forum, &known).await,
            SyncRequest::Cosign { forum, body } => self.answer_cosign(member, &forum, body).await,
        };
        answer.unwrap_or_else(|error| {
            tracing::debug!(peer = member, %error, "sync request not answered");
            SyncResponse::Refused(error.to_string())
        })
    }

    /// The heads of the logs that are here whole; and the peer's own in any case, for it may have forgotten what it signed, as it may have
    /// forgotten what it cosigned.
    async fn answer_heads(&self, peer: &str, forum: &str) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let wanted = forum.to_owned();
        let read = move |s: &Store| Ok((s.head_list(&wanted)?, s.cosignature_list(&wanted)?));
        let (rows, held) = self.store().run(read).await.or_storage(|| "cannot read the heads".to_owned())?;
        let own = |h: &HeadRow| held.iter().any(|c| c.member == h.member && c.witness == peer);
        let heads = rows.iter().filter(|h| is_complete(h) || h.member == peer || own(h)).map(|h| HeadInfo {
            member: h.member.clone(),
            checkpoint: cosigned(h, &held),
            cosigned: cosigned_before(h, &held, peer),
        });
        Ok(SyncResponse::Heads(heads.collect()))
    }

    pub(crate) fn check_forum(&self, forum: &str) -> Result<()> {
        if self.trust()?.forum() == forum {
            Ok(())
        } else {
            Err(Error::denied("this node is in another forum: the charters differ"))
        }
    }

    async fn answer_records(&self, peer: &str, forum: &str, owner: String, from: u64) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let head = self.head_of(forum, &owner).await?.filter(is_complete);
        let head = head.ok_or_else(|| Error::not_found(format!("no complete log of `{owner}` is held here")))?;
        let (node, forum, peer) = (self.clone(), forum.to_owned(), peer.to_owned());
        let work = move || node.page(&forum, &head, &peer, from);
        let page = tokio::task::spawn_blocking(work).await.or_storage(|| "an answer was cut off".to_owned())??;
        Ok(SyncResponse::Records(Box::new(page)))
    }

    /// Leaves from `from` on, the records behind them that `peer` may have, and the proofs.
    fn page(&self, forum: &str, head: &HeadRow, peer: &str, from: u64) -> Result<RecordPage> {
        let failed = || "cannot read the log".to_owned();
        let size = head.size.max(0) as u64;
        if from >= size {
            return Err(Error::invalid(format!("the log of `{}` has {size} leaves here", head.member)));
        }
        let mut leaves = self.store().leaf_list(forum, &head.member, from, MAX_LEAVES as u32).or_storage(failed)?;
        let rows = self.store().record_list(forum, &head.member, from, MAX_LEAVES as u32).or_storage(failed)?;
        let mut bytes = 0;
        let mut records = Vec::new();
        for row in rows.into_iter().filter(|r| (r.position.max(0) as u64) < from + leaves.len() as u64) {
            bytes += row.envelope.len();
            if bytes > PAGE_BYTES && !records.is_empty() {
                leaves.truncate((row.position.max(0) as u64 - from) as usize);
                break;
            }
            if self.may_replicate(peer, &row)? {
                records.push(RecordItem {
                    position: row.position.max(0) as u64,
                    envelope: String::from_utf8(row.envelope).or_storage(failed)?,
                    salt: row.salt.map(hex::encode),
                });
            }
        }
        let reached = from + leaves.len() as u64;
        let stored = StoredHashes { store: self.store(), forum, member: &head.member };
        let tree = Tree(&stored);
        let rest = tree.prove_consistency(size, reached).or_storage(failed)?;
        let consistency = tree.prove_consistency(size, from).or_storage(failed)?;
        Ok(RecordPage {
            checkpoint: head.checkpoint.clone(),
            leaves: leaves.iter().map(|l| STANDARD.encode(l)).collect(),
            records,
            consistency: encode_hashes(&consistency),
            rest: encode_hashes(&rest),
            root: STANDARD.encode(tree.root(reached).or_storage(failed)?.0),
        })
    }

    /// Whether a peer may have a record: that of a release, of its withdrawal or its time-stamp, if it may hold a copy of the release.
    pub(super) fn may_replicate(&self, peer: &str, row: &RecordRow) -> Result<bool> {
        let release = match RecordKind::parse(&row.kind) {
            Some(RecordKind::Release) => row.id.clone(),
            Some(RecordKind::Withdrawal) => {
                let envelope =
                    Envelope::parse(&row.envelope).or_storage(|| "a stored withdrawal is damaged".to_owned())?;
                let payload = envelope.payload::<Withdrawal>(RecordKind::Withdrawal);
                payload.or_storage(|| "a stored withdrawal is damaged".to_owned())?.body.release
            }
            Some(RecordKind::Timestamp) => {
                let envelope =
                    Envelope::parse(&row.envelope).or_storage(|| "a stored time-stamp is damaged".to_owned())?;
                let payload = envelope.payload::<Timestamp>(RecordKind::Timestamp);
                payload.or_storage(|| "a stored time-stamp is damaged".to_owned())?.body.release
            }
            Some(_) => return Ok(true),
            None => return Ok(false),
        };
        let release = self.store().release_get(&release).or_storage(|| "cannot read a release".to_owned())?;
        // A release is stored with its row: without one, nobody can say for whom it is.
        Ok(release.is_some_and(|release| self.may_as(&self.peer(peer), Action::Replicate, &release)))
    }

    /// Answers a peer that asks for a chunk of an artefact.
    pub(crate) async fn answer_chunk(&self, peer: &str, request: ChunkRequest) -> ChunkResponse {
        let (node, peer) = (self.clone(), peer.to_owned());
        let work = move || node.chunk(&peer, &request);
        match tokio::task::spawn_blocking(work).await {
            Ok(Ok(bytes)) => ChunkResponse::Bytes(bytes),
            Ok(Err(error)) => ChunkResponse::Refused(error.to_string()),
            Err(_) => ChunkResponse::Refused("the answer was cut off".to_owned()),
        }
    }

    fn chunk(&self, peer: &str, request: &ChunkRequest) -> Result<Vec<u8>> {
        self.check_forum(&request.forum)?;
        let not_here = || Error::not_found("no such artefact is held here for you");
        if u64::from(request.length) > CHUNK_BYTES {
            return Err(Error::invalid("a chunk is at most 1 MiB"));
        }
        let releases = self
            .store()
            .release_list_by_artefact(&request.sha256)
            .or_storage(|| "cannot read the releases".to_owned())?;
        let mut allowed = false;
        for release in &releases {
            allowed |= self.may_copy(peer, release)?;
        }
        if !allowed {
            return Err(not_here());
        }
        let path = self.files().path(&request.sha256);
        let mut file = std::fs::File::open(&path).map_err(|_| not_here())?;
        file.seek(SeekFrom::Start(request.offset)).map_err(|e| Error::file("read", &path, e))?;
        let mut bytes = Vec::new();
        file.take(u64::from(request.length)).read_to_end(&mut bytes).map_err(|e| Error::file("read", &path, e))?;
        Ok(bytes)
    }
}
