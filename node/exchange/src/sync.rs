//! Sync: pull what is missing from a peer, and give peers what they may have.

mod answer;
mod fetch;
mod forks;
mod forum;
mod gaps;
mod metadata;
mod own;

pub(crate) use own::OwnPast;

use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::proof::unrevoked_log_keys;
use chancery_ledger::release::verify_withdrawal;
use chancery_ledger::{RecordKind, Trust, timestamp};
use chancery_network::message::{HeadHint, HeadInfo, MAX_LEAVES, RecordPage, SyncRequest, SyncResponse};
use chancery_network::{NetworkError, NetworkHandle};
use chancery_store::logs::{HeadRow, LogExtension, RecordRow};

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::new_release;
use crate::tiles::{cosigned_note, is_complete};
use crate::verify::{CheckedPage, CheckedRecord, Shown, check_page, check_release};

/// Bytes of envelopes in one answer: below what a response may hold, with room for one large record.
const PAGE_BYTES: usize = 2 << 20;

impl Node {
    /// Pulls every log of which `peer` holds more than this node. Says what was refused, and goes on with the next log.
    pub(crate) async fn pull_from(&self, network: &NetworkHandle, peer: &str) -> Result<()> {
        let forum = self.trust()?.forum().to_owned();
        if let Err(error) = self.pull_forum(network, peer).await {
            self.note_refusal(peer, "forum", &error).await;
        }
        if let Err(error) = self.pull_evidence(network, peer).await {
            self.note_refusal(peer, "evidence", &error).await;
        }
        let heads = match network.sync(peer, SyncRequest::Heads { forum: forum.clone() }).await {
            Ok(SyncResponse::Heads(heads)) => heads,
            Ok(SyncResponse::Refused(reason)) => return Err(Error::unavailable(format!("`{peer}` refused: {reason}"))),
            Ok(_) => return Err(Error::unverified(format!("`{peer}` answered another question"))),
            Err(e) => return Err(no_answer(&e)),
        };
        self.note_own_shown(peer, &forum, &heads);
        if let Err(error) = self.recall_cosigned(peer, &heads).await {
            tracing::warn!(peer, %error, "cannot take up what this node's witness has cosigned");
        }
        for head in heads {
            let pulled = if head.member == self.member() {
                self.pull_own(network, peer, &forum, &head).await
            } else {
                self.pull_log(network, peer, &forum, &head).await
            };
            let pulled = match pulled {
                Ok(()) => self.learn_cosignatures(&head).await,
                refused => refused,
            };
            if let Err(error) = pulled {
                self.note_refusal(peer, &format!("log of {}", head.member), &error).await;
            }
        }
        for member in self.trust()?.charter().members.iter().map(|m| &m.id) {
            if let Err(error) = self.pull_gaps(network, peer, &forum, member).await {
                self.note_refusal(peer, &format!("log of {member}"), &error).await;
            }
        }
        if let Err(error) = self.collect_cosignature(network, peer).await {
            self.note_refusal(peer, "cosignature", &error).await;
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
            self.compare_head(held.as_ref(), &offered, &info.checkpoint).await?;
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
                Err(e) => return Err(no_answer(&e)),
            };
            let taken = self.take_page(network, peer, info, held.clone(), *page).await;
            if let (Err(Error::Unverified { .. }), Some(held)) = (&taken, &held) {
                self.ask_growth(network, peer, held).await?;
            }
            taken?;
        }
    }

    pub(crate) async fn head_of(&self, forum: &str, member: &str) -> Result<Option<HeadRow>> {
        let (forum, member) = (forum.to_owned(), member.to_owned());
        self.store()
            .run(move |s| s.head_get(&forum, &member))
            .await
            .or_storage(|| "cannot read a log's head".to_owned())
    }

    /// Checks a page, fetches its artefacts, and stores all of it in one transaction.
    async fn take_page(
        &self,
        network: &NetworkHandle,
        peer: &str,
        info: &HeadInfo,
        held: Option<HeadRow>,
        page: RecordPage,
    ) -> Result<()> {
        let member = info.member.as_str();
        let trust = self.trust()?;
        let own = member == self.member();
        let past_keys = if own && self.asks_peers().await? { self.own_past_keys(&trust).await? } else { Vec::new() };
        let (node, info) = (self.clone(), info.clone());
        let expected_size = held.as_ref().map_or(0, |h| h.size);
        let now = self.now();
        let work = move || {
            let (own_keys, showing) = match own {
                true => (unrevoked_log_keys(&trust, &info.member), node.own_showing(trust.forum(), &info.checkpoint)),
                false => (Vec::new(), Vec::new()),
            };
            let shown = Shown {
                member: &info.member,
                own,
                cosigned: &info.checkpoint,
                showing: &showing,
                own_keys: &own_keys,
                past_keys: &past_keys,
            };
            check_page(node.store(), &trust, &shown, held.as_ref(), &page, now)
        };
        let checked = tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())??;
        if checked.mandates.envelopes().next().is_some() {
            // They prove themselves, so they may be stored before the log is.
            self.take_over_logged(&checked.mandates, member).await?;
        }
        let mut extension = self.extension_of(&checked, member, expected_size, now)?;
        let mut versions = self.metadata_versions(member).await?;
        for record in &checked.records {
            match self.take_record(network, peer, &checked, record, &mut versions, &mut extension).await {
                Ok(()) => {}
                // Not there now is no reason to pass it over: the page is asked for again.
                Err(error @ (Error::Unavailable { .. } | Error::Storage { .. })) => return Err(error),
                Err(error) => {
                    self.note_refusal(member, &format!("{} {}", record.kind.as_str(), record.id), &error).await;
                }
            }
        }
        if member == self.member() {
            extension.stage = self.stage_of(&checked.records).await?;
        }
        let withdrawn = std::mem::take(&mut extension.withdrawn);
        extension.withdrawn = self.only_of(member, withdrawn, &extension).await?;
        let head = extension.head.clone();
        self.store()
            .run(move |s| s.log_extend(&extension))
            .await
            .or_storage(|| format!("cannot store the log of `{member}`"))?;
        // Its cosignatures may have been here before it.
        if is_complete(&head) {
            self.keep_cosignatures(&checked.trust, head, Vec::new()).await?;
        }
        tracing::info!(member, peer, from = expected_size, leaves = checked.leaves.len(), "log extended");
        Ok(())
    }

    /// Checks one record of a page, and puts it and what it brings into the extension.
    async fn take_record(
        &self,
        network: &NetworkHandle,
        peer: &str,
        checked: &CheckedPage,
        record: &CheckedRecord,
        versions: &mut metadata::MetadataVersions,
        extension: &mut LogExtension,
    ) -> Result<()> {
        let (trust, member, now) = (&checked.trust, extension.head.member.clone(), extension.head.updated_at);
        match record.kind {
            RecordKind::Release => {
                let release = self.take_release(network, peer, &member, trust, record, now).await?;
                extension.releases.push(release);
            }
            RecordKind::Withdrawal => {
                let payload = verify_withdrawal(trust, &record.envelope, &member);
                let payload = payload.or_unverified(|| format!("the withdrawal {} is refused", record.id))?;
                extension.withdrawn.push(payload.body.release);
            }
            RecordKind::Metadata => {
                let row = self.take_metadata(trust, record, &member, versions, now)?;
                extension.records.push(row);
                return Ok(());
            }
            RecordKind::Timestamp => {
                let checked = timestamp::verify_record(trust, &record.envelope, &member);
                checked.or_unverified(|| format!("the time-stamp {} is refused", record.id))?;
            }
            RecordKind::Charter | RecordKind::Suspension => self.take_agreed(&member, record).await?,
            RecordKind::Delegation | RecordKind::Revocation => {}
        }
        extension.records.push(row_of(record, trust.forum(), &member, now)?);
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

    /// The approved stage that one of these releases of this node's own, come back from a peer, has published.
    async fn stage_of(&self, records: &[CheckedRecord]) -> Result<Option<String>> {
        let intents = records.iter().filter(|r| r.kind == RecordKind::Release);
        let intents: Vec<_> = intents
            .filter_map(|r| r.envelope.payload::<chancery_ledger::release::Release>(r.kind).ok())
            .map(|p| p.body.intent)
            .collect();
        let stages = self.stages().await?;
        Ok(stages.into_iter().find(|s| s.state == "approved" && intents.contains(&s.intent)).map(|s| s.id))
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
        trust: &Trust,
        record: &CheckedRecord,
        now: i64,
    ) -> Result<chancery_store::releases::NewRelease> {
        let verified = check_release(trust, &record.envelope, member, now)?;
        let intent = &verified.payload.body.intent;
        for artefact in &intent.artefacts {
            if self.files().has(&artefact.sha256, artefact.bytes) {
                // What it was checked for when it came may be another dataflow.
                self.check_held_file(&intent.dataflow, artefact).await?;
            } else {
                self.fetch(network, peer, &intent.forum, &intent.dataflow, artefact).await?;
            }
        }
        let mut release = new_release(&record.id, &verified.payload, now, None);
        release.release.position = record.position as i64;
        Ok(release)
    }

    /// Keeps why something was refused, for the log and for `doctor`.
    pub(crate) async fn note_refusal(&self, peer: &str, what: &str, error: &Error) {
        let reason = error.with_causes();
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

    /// Announces this member's head to the forum, as a hint.
    pub(crate) async fn announce(&self, network: &NetworkHandle) -> Result<()> {
        let trust = self.trust()?;
        if let Some(head) = self.head_of(trust.forum(), self.member()).await? {
            // With its cosignatures: the same message again would not be passed on.
            let note = self.store().run(move |s| cosigned_note(s, &head)).await;
            let checkpoint = note.or_storage(|| "cannot read the cosignatures".to_owned())?;
            let hint = HeadHint { forum: trust.forum().to_owned(), member: self.member().to_owned(), checkpoint };
            network.announce(hint).await.or_unavailable(|| "the network has stopped".to_owned())?;
        }
        Ok(())
    }
}

/// Why a peer gave no answer: one that cannot be read is refused, and is not as if nobody were there.
fn no_answer(error: &NetworkError) -> Error {
    match error {
        NetworkError::Malformed { .. } => Error::unverified(error.to_string()),
        _ => Error::unavailable(error.to_string()),
    }
}

fn row_of(record: &CheckedRecord, forum: &str, member: &str, now: i64) -> Result<RecordRow> {
    Ok(RecordRow {
        id: record.id.clone(),
        forum: forum.to_owned(),
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
