//! Sync: pull what is missing from a peer, and give peers what they may have.

mod forum;

use std::io::{Read as _, Seek as _, SeekFrom, Write as _};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_ledger::RecordKind;
use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::log::Tree;
use chancery_ledger::proof::encode_hashes;
use chancery_ledger::release::{Artefact, CHUNK_BYTES, verify_withdrawal};
use chancery_network::NetworkHandle;
use chancery_network::message::{
    ChunkRequest, ChunkResponse, HeadHint, HeadInfo, MAX_LEAVES, RecordItem, RecordPage, SyncRequest, SyncResponse,
};
use chancery_policies::access::Action;
use chancery_store::logs::{HeadRow, LogExtension, RecordRow};
use chancery_store::releases::ReleaseRow;
use futures::StreamExt as _;
use sha2::{Digest, Sha256};

use crate::access::resource_of;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::{StoredHashes, new_release};
use crate::verify::{CheckedPage, CheckedRecord, check_page, check_release};

/// Bytes of envelopes in one answer: below what a response may hold, with room for one large record.
const PAGE_BYTES: usize = 2 << 20;
/// Chunks of one artefact asked for at once.
const CHUNKS_AT_ONCE: usize = 4;

impl Node {
    /// Pulls every log of which `peer` holds more than this node. Says what was refused, and goes on with the next log.
    pub(crate) async fn pull_from(&self, network: &NetworkHandle, peer: &str) -> Result<()> {
        let forum = self.trust()?.forum().to_owned();
        if let Err(error) = self.pull_forum(network, peer).await {
            self.note_refusal(peer, "forum", &error).await;
        }
        let heads = match network.sync(peer, SyncRequest::Heads { forum: forum.clone() }).await {
            Ok(SyncResponse::Heads(heads)) => heads,
            Ok(SyncResponse::Refused(reason)) => return Err(Error::unavailable(format!("`{peer}` refused: {reason}"))),
            Ok(_) => return Err(Error::unverified(format!("`{peer}` answered another question"))),
            Err(e) => return Err(Error::unavailable(e.to_string())),
        };
        for head in heads.into_iter().take(1_000).filter(|h| h.member != self.member()) {
            if let Err(error) = self.pull_log(network, peer, &forum, &head).await {
                self.note_refusal(peer, &format!("log of {}", head.member), &error).await;
            }
        }
        Ok(())
    }

    /// Pulls one log, page by page, until this node holds what the peer's head says.
    async fn pull_log(&self, network: &NetworkHandle, peer: &str, forum: &str, info: &HeadInfo) -> Result<()> {
        let trust = self.trust()?;
        let member = info.member.clone();
        if trust.charter().member(&member).is_none() {
            return Err(Error::denied(format!("`{}` is no member", member.chars().take(20).collect::<String>())));
        }
        let origin = checkpoint::origin(forum, &member);
        let offered =
            Checkpoint::read(&info.checkpoint, &origin).or_unverified(|| format!("the head of `{member}`"))?;
        let Some(_guard) = self.pull_guard(&member) else {
            return Ok(());
        };
        loop {
            let held = self.head_of(forum, &member).await?;
            let size = held.as_ref().map_or(0, |h| h.size.max(0) as u64);
            self.check_fork(held.as_ref(), &offered, info).await?;
            if offered.size <= size {
                return Ok(());
            }
            let request = SyncRequest::Records { forum: forum.to_owned(), member: member.clone(), from: size };
            let page = match network.sync(peer, request).await {
                Ok(SyncResponse::Records(page)) if !page.leaves.is_empty() && page.leaves.len() <= MAX_LEAVES => page,
                Ok(SyncResponse::Refused(reason)) => {
                    return Err(Error::unavailable(format!("`{peer}` refused: {reason}")));
                }
                Ok(_) => return Err(Error::unverified(format!("`{peer}` sent no page of records"))),
                Err(e) => return Err(Error::unavailable(e.to_string())),
            };
            self.take_page(network, peer, &member, held, *page).await?;
        }
    }

    async fn head_of(&self, forum: &str, member: &str) -> Result<Option<HeadRow>> {
        let (forum, member) = (forum.to_owned(), member.to_owned());
        self.store()
            .run(move |s| s.head_get(&forum, &member))
            .await
            .or_storage(|| "cannot read a log's head".to_owned())
    }

    /// Two signed heads of one size with different roots prove that the log was forked: both are kept.
    async fn check_fork(&self, held: Option<&HeadRow>, offered: &Checkpoint, info: &HeadInfo) -> Result<()> {
        let Some(held) = held.filter(|h| h.size.max(0) as u64 == offered.size && h.root != offered.root.0) else {
            return Ok(());
        };
        let trust = self.trust()?;
        let keys = chancery_ledger::proof::log_keys(&trust, &info.member);
        Checkpoint::verify(&info.checkpoint, &offered.origin, &keys)
            .or_unverified(|| "a head with another root".to_owned())?;
        tracing::error!(
            member = info.member,
            size = offered.size,
            "the log was forked: two signed heads of one size differ"
        );
        let (forum, member, seen, against) =
            (held.forum.clone(), info.member.clone(), info.checkpoint.clone(), held.checkpoint.clone());
        let now = self.now();
        let stored = self.store().run(move |s| s.evidence_put(&forum, &member, &seen, &against, now)).await;
        stored.or_storage(|| "cannot keep the evidence".to_owned())?;
        Err(Error::unverified(format!(
            "the log of `{}` was forked at {} leaves: both heads are kept as evidence",
            info.member, offered.size
        )))
    }

    /// Checks a page, fetches its artefacts, and stores all of it in one transaction.
    async fn take_page(
        &self,
        network: &NetworkHandle,
        peer: &str,
        member: &str,
        held: Option<HeadRow>,
        page: RecordPage,
    ) -> Result<()> {
        let (node, trust, owner) = (self.clone(), self.trust()?, member.to_owned());
        let expected_size = held.as_ref().map_or(0, |h| h.size);
        let now = self.now();
        let work = move || check_page(node.store(), &trust, &owner, held.as_ref(), &page, now);
        let checked = tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())??;
        if checked.mandates.envelopes().next().is_some() {
            // They prove themselves, so they may be stored before the log is.
            self.take_over(&checked.mandates).await?;
        }
        let mut extension = self.extension_of(&checked, member, expected_size, now)?;
        for record in &checked.records {
            match record.kind {
                RecordKind::Release => match self.take_release(network, peer, member, &checked, record, now).await {
                    Ok(release) => {
                        extension.releases.push(release);
                        extension.records.push(record_row(record, &checked, member, now)?);
                    }
                    // Not there now is no reason to pass it over: the page is asked for again.
                    Err(error @ (Error::Unavailable { .. } | Error::Storage { .. })) => return Err(error),
                    Err(error) => self.note_refusal(member, &format!("release {}", record.id), &error).await,
                },
                RecordKind::Withdrawal => match verify_withdrawal(&checked.trust, &record.envelope, member) {
                    Ok(payload) => {
                        extension.withdrawn.push(payload.body.release);
                        extension.records.push(record_row(record, &checked, member, now)?);
                    }
                    Err(error) => {
                        let error = Error::unverified(error.to_string());
                        self.note_refusal(member, &format!("withdrawal {}", record.id), &error).await;
                    }
                },
                RecordKind::Delegation | RecordKind::Revocation | RecordKind::Suspension | RecordKind::Charter => {
                    extension.records.push(record_row(record, &checked, member, now)?)
                }
            }
        }
        let withdrawn = std::mem::take(&mut extension.withdrawn);
        extension.withdrawn = self.only_of(member, withdrawn, &extension).await?;
        self.store()
            .run(move |s| s.log_extend(&extension))
            .await
            .or_storage(|| format!("cannot store the log of `{member}`"))?;
        tracing::info!(member, peer, from = expected_size, leaves = checked.leaves.len(), "log extended");
        Ok(())
    }

    fn extension_of(&self, checked: &CheckedPage, member: &str, expected_size: i64, now: i64) -> Result<LogExtension> {
        Ok(LogExtension {
            expected_size,
            head: HeadRow {
                forum: checked.trust.forum().to_owned(),
                member: member.to_owned(),
                size: checked.appended.size as i64,
                root: checked.appended.root.0.to_vec(),
                checkpoint: checked.note.clone(),
                updated_at: now,
            },
            leaves: checked.leaves.clone(),
            first_hash: checked.appended.first as i64,
            hashes: checked.appended.hashes.iter().map(|h| h.0.to_vec()).collect(),
            records: Vec::new(),
            releases: Vec::new(),
            withdrawn: Vec::new(),
            stage: None,
            bundle: None,
        })
    }

    /// A member withdraws its own releases only.
    async fn only_of(&self, member: &str, ids: Vec<String>, extension: &LogExtension) -> Result<Vec<String>> {
        let mut own = Vec::new();
        for id in ids {
            let wanted = id.clone();
            let row = self
                .store()
                .run(move |s| s.release_get(&wanted))
                .await
                .or_storage(|| "cannot read a release".to_owned())?;
            let arriving = extension.releases.iter().any(|r| r.release.id == id);
            if arriving || row.is_some_and(|r| r.member == member) {
                own.push(id);
            }
        }
        Ok(own)
    }

    async fn take_release(
        &self,
        network: &NetworkHandle,
        peer: &str,
        member: &str,
        checked: &CheckedPage,
        record: &CheckedRecord,
        now: i64,
    ) -> Result<chancery_store::releases::NewRelease> {
        let verified = check_release(&checked.trust, &record.envelope, member, now)?;
        let intent = &verified.payload.body.intent;
        for artefact in &intent.artefacts {
            if !self.files().has(&artefact.sha256, artefact.bytes) {
                self.fetch(network, peer, &intent.forum, &intent.dataflow, artefact).await?;
            }
        }
        let mut release = new_release(&record.id, &verified.payload, now, None);
        release.release.position = record.position as i64;
        Ok(release)
    }

    /// Fetches an artefact from the peer, or from any other that is connected, and checks it whole before it gets its name.
    async fn fetch(
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
                Err(e) => return Err(Error::unavailable(e.to_string())),
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

    /// Keeps why something was refused, for the log and for `doctor`.
    pub(crate) async fn note_refusal(&self, peer: &str, what: &str, error: &Error) {
        let mut reason = error.to_string();
        let mut cause = std::error::Error::source(error);
        while let Some(c) = cause {
            reason = format!("{reason}: {c}");
            cause = c.source();
        }
        if matches!(error, Error::Unavailable { .. }) {
            tracing::debug!(peer, what, reason, "not available now");
            return;
        }
        tracing::warn!(peer, what, reason, "refused");
        let Ok(trust) = self.trust() else { return };
        let (forum, peer, what, now) = (trust.forum().to_owned(), peer.to_owned(), what.to_owned(), self.now());
        let noted = self.store().run(move |s| s.refusal_put(&forum, &peer, &what, &reason, now)).await;
        match noted {
            // The node is stopping.
            Ok(()) | Err(chancery_store::StoreError::Task) => {}
            Err(error) => tracing::error!(%error, "cannot note a refusal"),
        }
    }

    /// Answers a peer's question.
    pub(crate) async fn answer_sync(&self, member: &str, request: SyncRequest) -> SyncResponse {
        let answer = match request {
            SyncRequest::Heads { forum } => self.answer_heads(&forum).await,
            SyncRequest::Forum { forum, have, seen, from } => self.answer_forum(&forum, &have, &seen, from),
            SyncRequest::Records { forum, member: owner, from } => {
                self.answer_records(member, &forum, owner, from).await
            }
        };
        answer.unwrap_or_else(|error| {
            tracing::debug!(peer = member, %error, "sync request not answered");
            SyncResponse::Refused(error.to_string())
        })
    }

    async fn answer_heads(&self, forum: &str) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let wanted = forum.to_owned();
        let rows =
            self.store().run(move |s| s.head_list(&wanted)).await.or_storage(|| "cannot read the heads".to_owned())?;
        let heads = rows.into_iter().filter(complete).map(|h| HeadInfo { member: h.member, checkpoint: h.checkpoint });
        Ok(SyncResponse::Heads(heads.collect()))
    }

    fn check_forum(&self, forum: &str) -> Result<()> {
        if self.trust()?.forum() == forum {
            Ok(())
        } else {
            Err(Error::denied("this node is in another forum: the charters differ"))
        }
    }

    async fn answer_records(&self, peer: &str, forum: &str, owner: String, from: u64) -> Result<SyncResponse> {
        self.check_forum(forum)?;
        let head = self.head_of(forum, &owner).await?.filter(complete);
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

    fn may_replicate(&self, peer: &str, row: &RecordRow) -> Result<bool> {
        if row.kind != RecordKind::Release.as_str() {
            return Ok(true);
        }
        let release = self.store().release_get(&row.id).or_storage(|| "cannot read a release".to_owned())?;
        // A release is stored with its row: without one, nobody can say for whom it is.
        match &release {
            Some(release) => self.decide(peer, release),
            None => Ok(false),
        }
    }

    /// Decides whether a peer may hold a copy, and keeps the decision before anything is sent.
    fn decide(&self, peer: &str, release: &ReleaseRow) -> Result<bool> {
        let subject = self.peer(peer);
        let decision = self.judge(&subject, Action::Replicate, &resource_of(release), self.now());
        self.note_decision(&subject, Action::Replicate, &release.id, &decision)?;
        Ok(decision.allowed)
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
            // The first chunk's decision is kept; the others are the same one.
            allowed |= if request.offset == 0 {
                self.decide(peer, release)?
            } else {
                self.judge(&self.peer(peer), Action::Replicate, &resource_of(release), self.now()).allowed
            };
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

    /// Announces this member's head to the forum, as a hint.
    pub(crate) async fn announce(&self, network: &NetworkHandle) -> Result<()> {
        let trust = self.trust()?;
        if let Some(head) = self.head_of(trust.forum(), self.member()).await? {
            let hint = HeadHint {
                forum: trust.forum().to_owned(),
                member: self.member().to_owned(),
                checkpoint: head.checkpoint,
            };
            network.announce(hint).await.or_unavailable(|| "the network has stopped".to_owned())?;
        }
        Ok(())
    }
}

fn record_row(record: &CheckedRecord, checked: &CheckedPage, member: &str, now: i64) -> Result<RecordRow> {
    Ok(RecordRow {
        id: record.id.clone(),
        forum: checked.trust.forum().to_owned(),
        issuer: member.to_owned(),
        kind: record.kind.as_str().to_owned(),
        position: record.position as i64,
        audience: record.audience.text(),
        issued_at: now,
        received_at: now,
        envelope: record.envelope.to_bytes().or_storage(|| "cannot write the record".to_owned())?,
        salt: record.salt.map(|s| s.to_vec()),
    })
}

/// Whether a log is held as far as its signed head.
fn complete(head: &HeadRow) -> bool {
    let origin = head.checkpoint.lines().next().unwrap_or_default().to_owned();
    Checkpoint::read(&head.checkpoint, &origin).is_ok_and(|c| c.size == head.size.max(0) as u64)
}
