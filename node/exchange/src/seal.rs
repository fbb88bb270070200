//! Seal: sign the release, append it to the log, make it public. One transaction; before it nothing is published, after it all is.

use std::path::PathBuf;

use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::log::{self, Hash, HashStore, LogError, Tree};
use chancery_ledger::record::is_sha256;
use chancery_ledger::release::{Intent, Release, Withdrawal, check_four_eyes};
use chancery_ledger::{Audience, Envelope, Payload, Purpose, RecordKind, time};
use chancery_store::Store;
use chancery_store::folder::Exclusive;
use chancery_store::logs::{HeadRow, LogExtension, RecordRow};
use chancery_store::releases::{NewRelease, ReleaseArtefactRow, ReleaseRow, ReleaseSelection};

use crate::approve::Stage;
use crate::error::{Doing as _, Error, Result};
use crate::held::in_force;
use crate::node::Node;

/// A record to be appended to this member's log.
pub(crate) struct NewRecord {
    kind: RecordKind,
    audience: Audience,
    envelope: Envelope,
}

impl NewRecord {
    /// A record that its audience may read.
    pub(crate) fn of(kind: RecordKind, audience: Audience, envelope: Envelope) -> Self {
        Self { kind, audience, envelope }
    }

    /// A record that anybody may read.
    pub(crate) fn public(kind: RecordKind, envelope: Envelope) -> Self {
        Self { kind, audience: Audience::Public, envelope }
    }
}

/// Stored hashes of one log.
pub(crate) struct StoredHashes<'a> {
    pub(crate) store: &'a Store,
    pub(crate) forum: &'a str,
    pub(crate) member: &'a str,
}

impl HashStore for StoredHashes<'_> {
    fn read(&self, indexes: &[u64]) -> std::result::Result<Vec<Hash>, LogError> {
        let rows = self.store.hash_list(self.forum, self.member, indexes).map_err(|e| LogError::Read(e.to_string()))?;
        let hash = |bytes: Vec<u8>| {
            bytes.try_into().map(Hash).map_err(|_| LogError::Read("a stored hash is damaged".to_owned()))
        };
        rows.into_iter().map(hash).collect()
    }
}

impl Node {
    /// Publishes an approved stage. Returns the release's id.
    pub async fn publish(&self, id: Option<&str>) -> Result<String> {
        let _lock = self.folder().lock(Exclusive::Publish).map_err(|e| Error::conflict(e.to_string()))?;
        let stage = self.find_stage(id, Some("approved")).await?;
        if stage.state != "approved" {
            return Err(Error::denied(format!(
                "the stage `{}` is {}, not approved: run `chancery approve`",
                stage.id, stage.state
            )));
        }
        let trust = self.trust()?;
        check_four_eyes(&stage.operators, trust.charter().rules.four_eyes)
            .map_err(|e| Error::denied(format!("the forum's four-eyes rule is not met: {e}")))?;
        self.keep_artefact(&stage).await?;
        let publisher = self.keyring().key(Purpose::Publisher)?;
        trust
            .key_for(self.member(), Purpose::Publisher, &publisher.public(), self.now())
            .or_denied("this node may not publish")?;
        let replaces = self.replaced_by(&stage.intent).await?;
        let now = self.now();
        let payload = Payload {
            forum: trust.forum().to_owned(),
            issuer: self.member().to_owned(),
            issued_at: time::format(now),
            kind: RecordKind::Release,
            body: Release {
                intent: stage.intent.clone(),
                operators: stage.operators.clone(),
                replaces: replaces.clone(),
            },
        };
        let envelope = Envelope::seal(&payload, &[&publisher]).or_storage(|| "cannot sign the release".to_owned())?;
        let release_id = envelope.id().or_storage(|| "cannot name the release".to_owned())?;
        let record = NewRecord { kind: RecordKind::Release, audience: stage.intent.audience.clone(), envelope };
        let report = serde_json::to_vec(&stage.report).or_storage(|| "cannot write the report".to_owned())?;
        let release = new_release(&release_id, &payload, now, Some(report));
        self.append(vec![record], vec![release], Vec::new(), Some(stage.id.clone())).await?;
        // The published copy is elsewhere now.
        self.remove_stage_files(&stage.id);
        Ok(release_id)
    }

    /// Withdraws one of this member's releases: a tombstone in the log; its figures are no longer served.
    pub async fn withdraw(&self, id: &str, reason: &str) -> Result<()> {
        let _lock = self.folder().lock(Exclusive::Publish).map_err(|e| Error::conflict(e.to_string()))?;
        let row = self.release_row(id).await?;
        let row = row.filter(|r| is_sha256(id) && r.member == self.member());
        let row = row.ok_or_else(|| Error::not_found(format!("`{id}` is no release of this member")))?;
        if row.withdrawn_at.is_some() {
            return Err(Error::conflict(format!("the release `{id}` is withdrawn already")));
        }
        // Who may not know of the release may not know of its withdrawal either.
        let audience = Audience::parse(&row.audience);
        let audience = audience.ok_or_else(|| Error::unverified(format!("the audience of `{id}` is damaged")))?;
        let named = (audience != Audience::Public).then(|| audience.clone());
        let payload = Payload {
            forum: row.forum,
            issuer: row.member,
            issued_at: time::format(self.now()),
            kind: RecordKind::Withdrawal,
            body: Withdrawal { release: row.id.clone(), reason: reason.to_owned(), audience: named },
        };
        let publisher = self.keyring().key(Purpose::Publisher)?;
        let envelope =
            Envelope::seal(&payload, &[&publisher]).or_storage(|| "cannot sign the withdrawal".to_owned())?;
        let record = NewRecord { kind: RecordKind::Withdrawal, audience, envelope };
        self.append(vec![record], Vec::new(), vec![row.id], None).await
    }

    /// Copies the stage's file among the published ones, under its hash. A file without a row is never served.
    async fn keep_artefact(&self, stage: &Stage) -> Result<()> {
        let (files, from) = (self.files().clone(), self.candidate_path(&stage.id));
        let artefacts = stage.intent.artefacts.clone();
        let work = move || {
            for artefact in artefacts.iter().filter(|a| !files.has(&a.sha256, a.bytes)) {
                let mut out = files.temporary().or_storage(|| "cannot keep the artefact".to_owned())?;
                let mut source = std::fs::File::open(&from).map_err(|e| Error::file("read the stage", &from, e))?;
                std::io::copy(&mut source, &mut out).map_err(|e| Error::file("copy the stage", &from, e))?;
                files
                    .commit(out.into_temp_path(), &artefact.sha256)
                    .or_storage(|| "cannot keep the artefact".to_owned())?;
            }
            Ok(())
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the copy was cut off".to_owned())?
    }

    /// This member's release of a dataflow now in force; none without a forum.
    pub(crate) async fn in_force(&self, dataflow: &str) -> Result<Option<String>> {
        let Ok(trust) = self.trust() else { return Ok(None) };
        let forum = trust.forum().to_owned();
        let selection = ReleaseSelection {
            dataflow: Some(dataflow.to_owned()),
            member: Some(self.member().to_owned()),
            in_force_at: Some(self.now()),
            embargo_at: Some(self.access_now()),
            ..ReleaseSelection::default()
        };
        let rows = self.store().run(move |s| s.release_list(&forum, &selection)).await;
        Ok(rows.or_storage(|| "cannot read the releases".to_owned())?.into_iter().next().map(|r| r.id))
    }

    /// This member's release that a new one will replace, for all who are told of it: a record names no release to those who may not know of it.
    async fn replaced_by(&self, intent: &Intent) -> Result<Option<String>> {
        let (forum, now) = (self.trust()?.forum().to_owned(), self.now());
        let selection = ReleaseSelection {
            dataflow: Some(intent.dataflow.clone()),
            member: Some(self.member().to_owned()),
            begun_at: Some(now),
            embargo_at: Some(self.access_now()),
            ..ReleaseSelection::default()
        };
        let rows = self.store().run(move |s| s.release_list(&forum, &selection)).await;
        let rows = rows.or_storage(|| "cannot read the releases".to_owned())?;
        let known = |row: &ReleaseRow| Audience::parse(&row.audience).is_some_and(|a| a.includes(&intent.audience));
        Ok(in_force(&rows, |row| row, now, known).first().map(|row| row.id.clone()))
    }

    /// The file of this member's release of a dataflow in force.
    pub(crate) async fn in_force_file(&self, dataflow: &str) -> Result<Option<PathBuf>> {
        let Some(release) = self.in_force(dataflow).await? else { return Ok(None) };
        let artefacts = self.store().run(move |s| s.release_artefact_list(&[release])).await;
        let artefacts = artefacts.or_storage(|| "cannot read the release in force".to_owned())?;
        Ok(artefacts.first().map(|artefact| self.files().path(&artefact.sha256)))
    }

    /// Appends records that anybody may read, and that change nothing but the log, to this member's log: in one transaction, under one
    /// signed head.
    pub async fn append_public(&self, records: Vec<(RecordKind, Envelope)>) -> Result<()> {
        let records = records.into_iter().map(|(kind, envelope)| NewRecord::public(kind, envelope)).collect();
        self.append(records, Vec::new(), Vec::new(), None).await
    }

    /// Appends records to this member's log and signs the new head, in one transaction with what the records mean.
    pub(crate) async fn append(
        &self,
        records: Vec<NewRecord>,
        releases: Vec<NewRelease>,
        withdrawn: Vec<String>,
        stage: Option<String>,
    ) -> Result<()> {
        let trust = self.trust()?;
        let key = self.keyring().key(Purpose::Log)?;
        trust
            .key_for(self.member(), Purpose::Log, &key.public(), self.now())
            .or_denied("this node's log may not grow")?;
        let (store, forum, member) = (self.store().clone(), trust.forum().to_owned(), self.member().to_owned());
        let (node, now) = (self.clone(), self.now());
        let work = move || {
            let failed = || "cannot append to the log".to_owned();
            let size = store.head_get(&forum, &member).or_storage(failed)?.map_or(0, |h| h.size.max(0) as u64);
            node.check_signer(&trust, size)?;
            let (mut leaves, mut hashes, mut rows) = (Vec::new(), Vec::new(), Vec::new());
            for (position, record) in (size..).zip(&records) {
                let salt = match record.audience {
                    Audience::Public => None,
                    _ => Some(log::new_salt().or_storage(failed)?),
                };
                let id = record.envelope.id().or_storage(failed)?;
                let leaf = log::leaf(record.kind, &record.audience, &id, salt.as_ref());
                hashes.push(log::leaf_hash(&leaf));
                leaves.push(leaf);
                rows.push(record_row(record, &forum, &member, position, now, id, salt)?);
            }
            let hash_store = StoredHashes { store: &store, forum: &forum, member: &member };
            let appended = Tree(&hash_store).append(size, &hashes).or_storage(failed)?;
            let head =
                Checkpoint { origin: checkpoint::origin(&forum, &member), size: appended.size, root: appended.root };
            let checkpoint = head.sign(&key).or_storage(failed)?;
            let releases = releases.into_iter().map(|mut r| {
                r.release.position = size as i64;
                r
            });
            let extension = LogExtension {
                expected_size: size as i64,
                head: HeadRow {
                    forum,
                    member,
                    size: head.size as i64,
                    root: head.root.0.to_vec(),
                    checkpoint,
                    updated_at: now,
                },
                leaves,
                first_hash: appended.first as i64,
                hashes: appended.hashes.iter().map(|h| h.0.to_vec()).collect(),
                records: rows,
                releases: releases.collect(),
                withdrawn,
                stage,
                bundle: None,
            };
            store.log_extend(&extension).or_storage(failed)?;
            node.mark_signed(&extension.head.forum, head.size);
            Ok(())
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the append was cut off".to_owned())?
    }
}

fn record_row(
    record: &NewRecord,
    forum: &str,
    member: &str,
    position: u64,
    now: i64,
    id: String,
    salt: Option<[u8; 32]>,
) -> Result<RecordRow> {
    Ok(RecordRow {
        id,
        forum: forum.to_owned(),
        issuer: member.to_owned(),
        kind: record.kind.as_str().to_owned(),
        position: position as i64,
        audience: record.audience.text(),
        issued_at: now,
        received_at: now,
        envelope: record.envelope.to_bytes().or_storage(|| "cannot write the record".to_owned())?,
        salt: salt.map(|s| s.to_vec()),
    })
}

/// A release's row and its files' rows; its position is filled in when it is appended.
pub(crate) fn new_release(id: &str, payload: &Payload<Release>, now: i64, report: Option<Vec<u8>>) -> NewRelease {
    let intent = &payload.body.intent;
    let periods = intent.artefacts.first().map_or_else(Default::default, |a| a.periods.clone());
    let [period_start, period_end] = periods;
    NewRelease {
        release: ReleaseRow {
            id: id.to_owned(),
            forum: payload.forum.clone(),
            member: payload.issuer.clone(),
            dataflow: intent.dataflow.clone(),
            title: intent.title.clone(),
            issued_at: time::parse(&payload.issued_at).unwrap_or(now),
            received_at: now,
            position: 0,
            replaces: payload.body.replaces.clone(),
            replaced_by: None,
            replaced_at: None,
            withdrawn_at: None,
            rows: intent.rows() as i64,
            bytes: intent.bytes() as i64,
            period_start,
            period_end,
            audience: intent.audience.text(),
            embargo: intent.embargo.as_deref().and_then(time::parse),
        },
        report,
        artefacts: (0..)
            .zip(&intent.artefacts)
            .map(|(ordinal, a)| ReleaseArtefactRow {
                release: id.to_owned(),
                ordinal,
                sha256: a.sha256.clone(),
                bytes: a.bytes as i64,
                rows: a.rows as i64,
            })
            .collect(),
    }
}
