//! What readers ask of a node: the forum, dataflows, releases, proofs, the log.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use chancery_ledger::proof::{LogPlace, ProofBundle};
use chancery_ledger::release::Release;
use chancery_ledger::{Envelope, Purpose, RecordKind, Trust, time};
use chancery_policies::access::Action;
use chancery_schema::DataQuery;
use chancery_schema::dataset::{DatasetSchema, RELEASE};
use chancery_store::Store;
use chancery_store::logs::{HeadRow, RecordRow};
use chancery_store::releases::{ReleaseArtefactRow, ReleaseRow, ReleaseSelection};
use serde::Serialize;

use crate::alarms;
use crate::error::{Doing as _, Error, Result};
use crate::held::in_force;
use crate::node::Node;
use crate::verify::salt_of;
use crate::views::{
    ApprovalView, ArtefactView, CharterView, CorridorEnds, CorridorView, DataflowDetail, DataflowView, ForumRef,
    ForumView, LogPosition, LogView, MemberView, NamedId, NodeView, ReleaseView, SuspensionView,
};

/// Most corridors listed for one dataflow.
const MAX_CORRIDORS: usize = 5_000;

/// Which releases.
#[derive(Debug, Clone, Default)]
pub struct ReleaseFilter {
    /// Of this dataflow, by id.
    pub dataflow: Option<String>,
    /// Of this member.
    pub member: Option<String>,
    /// Only those in force.
    pub current_only: bool,
}

/// A log, for people.
#[derive(Debug, Clone, Serialize)]
pub struct LogListing {
    /// Whose.
    pub member: String,
    /// Leaves.
    pub size: u64,
    /// Root hash, base64.
    pub root: String,
    /// The signed note.
    pub checkpoint: String,
    /// Leaves and what is behind them.
    pub entries: Vec<LogEntry>,
    /// Whether every hash was recomputed and agrees with the signed head; none if it was not asked for.
    pub checked: Option<bool>,
    /// Why records are not here, and who could give them; none if all are.
    pub absence: Option<String>,
}

/// A leaf.
#[derive(Debug, Clone, Serialize)]
pub struct LogEntry {
    /// Index.
    pub position: u64,
    /// Kind of record.
    pub kind: String,
    /// For whom.
    pub audience: String,
    /// Record id, or the commitment to it.
    pub record: String,
    /// Whether the record is held here.
    pub held: bool,
}

/// How often a log that grows while it is read is read anew.
const ATTEMPTS: usize = 10;

impl Node {
    /// This node.
    pub fn view(&self) -> NodeView {
        let member = &self.config().member;
        let forum = self.trust().ok().map(|t| ForumRef {
            id: t.forum().to_owned(),
            name: t.charter().forum_name.clone(),
            frozen: t.frozen(self.now()),
        });
        NodeView {
            member: member.id.clone(),
            member_name: member.name.clone(),
            role: member.role.clone(),
            forum,
            version: env!("CARGO_PKG_VERSION"),
        }
    }

    /// The forum and its members.
    pub async fn forum_view(&self) -> Result<ForumView> {
        let trust = self.trust()?;
        let online: BTreeSet<String> = match self.network() {
            Some(network) => network.connected().await.unwrap_or_default().into_iter().collect(),
            None => BTreeSet::new(),
        };
        let (forum, believed) = (trust.forum().to_owned(), Arc::clone(&trust));
        let read = move |s: &Store| {
            let releases = s.release_list(&forum, &ReleaseSelection::default())?;
            let forked = s.evidence_pairs(&forum)?;
            // Signatures are checked for them, and nobody who asks for this page must hold up the others.
            let members = believed.charter().members.iter();
            let forks: Vec<_> = members.map(|m| alarms::fork(&believed, &forked, &m.id)).collect();
            let rivals = alarms::rivals(&believed);
            Ok((s.head_list(&forum)?, s.peer_list(&forum)?, releases, forked, forks, rivals))
        };
        let (heads, peers, releases, forked, forks, rivals) =
            self.store().run(read).await.or_storage(|| "cannot read the forum".to_owned())?;
        let visible: Vec<&ReleaseRow> = releases.iter().filter(|r| self.may(Action::Discover, r)).collect();
        let members = trust.charter().members.iter().zip(forks).map(|(m, fork)| {
            let own: Vec<_> = visible.iter().filter(|r| r.member == m.id).collect();
            MemberView {
                id: m.id.clone(),
                name: m.name.clone(),
                role: m.role.as_str().to_owned(),
                is_self: m.id == self.member(),
                online: m.id == self.member() || online.contains(&m.id),
                last_seen: peers.iter().find(|(id, _)| *id == m.id).map(|(_, at)| time::format(*at)),
                log: heads.iter().find(|h| h.member == m.id).map(log_view),
                releases: own.len() as u64,
                suspended: trust.suspended(&m.id, self.now()).map(|s| SuspensionView {
                    from: s.suspension.from.clone(),
                    until: s.suspension.until.clone(),
                    reason: s.suspension.reason.clone(),
                    signed_by: s.signed_by.clone(),
                }),
                forked_at: forked.iter().find(|row| row.member == m.id).map(|row| time::format(row.seen_at)),
                fork,
                latest_release_at: own.iter().map(|r| r.issued_at).max().map(time::format),
            }
        });
        let (chain, charter) = (trust.chain(), trust.charter());
        Ok(ForumView {
            id: trust.forum().to_owned(),
            name: charter.forum_name.clone(),
            members: members.collect(),
            rival_charters: rivals,
            charter: CharterView {
                version: charter.version,
                id: chain.current_id().to_owned(),
                issued_at: chain.issued_at().to_owned(),
                expires: charter.expires.clone(),
                expired: time::parse(&charter.expires).is_none_or(|at| at <= self.now()),
                signed_by: chain.signed_by(),
            },
        })
    }

    /// Releases of one dataflow or all, in force at a time, with which the asker may do this.
    pub(crate) async fn readable(&self, action: Action, dataflow: Option<String>, at: i64) -> Result<Vec<ReleaseRow>> {
        let Ok(trust) = self.trust() else { return Ok(Vec::new()) };
        let forum = trust.forum().to_owned();
        let selection = ReleaseSelection {
            dataflow,
            begun_at: Some(at),
            embargo_at: Some(self.access_now()),
            ..ReleaseSelection::default()
        };
        let rows = self
            .store()
            .run(move |s| s.release_list(&forum, &selection))
            .await
            .or_storage(|| "cannot read the releases".to_owned())?;
        Ok(in_force(&rows, |row| row, at, |row| self.may(action, row)).into_iter().cloned().collect())
    }

    /// Releases that were ever in force until a time, oldest first, with which the asker may do this.
    pub(crate) async fn disseminated(
        &self,
        action: Action,
        dataflow: Option<String>,
        at: i64,
    ) -> Result<Vec<ReleaseRow>> {
        let Ok(trust) = self.trust() else { return Ok(Vec::new()) };
        let forum = trust.forum().to_owned();
        let selection = ReleaseSelection { dataflow, ..ReleaseSelection::default() };
        let rows = self.store().run(move |s| s.release_list(&forum, &selection)).await;
        let mut rows = rows.or_storage(|| "cannot read the releases".to_owned())?;
        let open = self.access_now().min(at);
        rows.retain(|r| r.received_at <= at && r.embargo.is_none_or(|e| e <= open) && self.may(action, r));
        rows.sort_by(|a, b| {
            (a.in_force_from(), &a.member, a.position).cmp(&(b.in_force_from(), &b.member, b.position))
        });
        Ok(rows)
    }

    /// Every dataflow of the schema, and what is published under it.
    pub async fn dataflows_view(&self) -> Result<Vec<DataflowView>> {
        let rows = self.readable(Action::Query, None, self.now()).await?;
        let references = self.structures().dataflows.iter().map(|d| d.maintainable.reference());
        references.map(|r| Ok(self.summary(&self.schema_of(&r)?, &rows))).collect()
    }

    fn summary(&self, schema: &DatasetSchema, rows: &[ReleaseRow]) -> DataflowView {
        let dataflow = schema.dataflow.to_string();
        let own: Vec<_> = rows.iter().filter(|r| r.dataflow == dataflow).collect();
        let members: BTreeSet<String> = own.iter().map(|r| r.member.clone()).collect();
        let description =
            self.structures().dataflow(&schema.dataflow).and_then(|d| d.maintainable.names.description.clone());
        DataflowView {
            id: schema.dataflow.id.clone(),
            urn: schema.dataflow.urn("datastructure.Dataflow"),
            name: schema.name.clone(),
            description: description.unwrap_or_default(),
            dimensions: schema.dimensions.iter().map(|d| NamedId { id: d.id.clone(), name: d.name.clone() }).collect(),
            corridor: schema.corridor.clone().map(|(origin, destination)| CorridorEnds { origin, destination }),
            releases: own.len() as u64,
            members: members.into_iter().collect(),
            unit: None,
        }
    }

    /// A dataflow with the codes and corridors that occur.
    pub async fn dataflow_view(&self, id: &str) -> Result<DataflowDetail> {
        let schema = self.dataset_schema(id)?;
        let rows = self.readable(Action::Query, Some(schema.dataflow.to_string()), self.now()).await?;
        let sources = self.sources(&rows).await?;
        let failed = || "cannot read the figures".to_owned();
        let ids: Vec<[&str; 1]> = schema.dimensions.iter().map(|d| [d.id.as_str()]).collect();
        let ends =
            schema.corridor.as_ref().map(|(origin, destination)| [origin.as_str(), destination.as_str(), RELEASE]);
        let groups: Vec<&[&str]> =
            ids.iter().map(|id| id.as_slice()).chain(ends.as_ref().map(|ends| ends.as_slice())).collect();
        let all = DataQuery::all(&schema);
        let summary = self.engine().summarize(&schema, &sources, &all, &groups).await.or_storage(failed)?;
        let mut distinct = summary.distinct.into_iter();
        let mut codes = BTreeMap::new();
        for (dimension, found) in schema.dimensions.iter().zip(distinct.by_ref()) {
            let name = |code: &str| dimension.codes.as_ref().and_then(|c| c.name(code)).unwrap_or(code).to_owned();
            let named = found.into_iter().flatten().map(|code| NamedId { name: name(&code), id: code });
            codes.insert(dimension.id.clone(), named.collect());
        }
        let mut corridors: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
        if let Some(found) = distinct.next() {
            let members: HashMap<&str, &str> = rows.iter().map(|r| (r.id.as_str(), r.member.as_str())).collect();
            for row in found {
                let [from, to, release] = <[String; 3]>::try_from(row).unwrap_or_default();
                let member = members.get(release.as_str()).copied().unwrap_or_default().to_owned();
                corridors.entry((from, to)).or_default().insert(member);
            }
        }
        let corridors = corridors.into_iter().take(MAX_CORRIDORS).map(|((origin, destination), members)| {
            CorridorView { origin, destination, members: members.into_iter().collect() }
        });
        Ok(DataflowDetail { dataflow: self.summary(&schema, &rows), codes, corridors: corridors.collect() })
    }

    /// Releases with their checks, newest first.
    pub async fn releases_view(&self, filter: ReleaseFilter) -> Result<Vec<ReleaseView>> {
        let trust = self.trust()?;
        let dataflow = filter.dataflow.map(|d| self.dataset_schema(&d).map(|s| s.dataflow.to_string())).transpose()?;
        let now = self.now();
        let selection = ReleaseSelection {
            dataflow,
            member: filter.member,
            begun_at: filter.current_only.then_some(now),
            embargo_at: Some(self.access_now()),
            ..ReleaseSelection::default()
        };
        let forum = trust.forum().to_owned();
        let rows = self
            .store()
            .run(move |s| s.release_list(&forum, &selection))
            .await
            .or_storage(|| "cannot read the releases".to_owned())?;
        let may = |row: &ReleaseRow| self.may(Action::Discover, row);
        let found = if filter.current_only {
            in_force(&rows, |row| row, now, may).into_iter().cloned().collect()
        } else {
            rows.into_iter().filter(may).collect()
        };
        self.release_views(found).await
    }

    /// How many releases are held, unchecked.
    pub async fn releases_count(&self, filter: ReleaseFilter) -> Result<usize> {
        let forum = self.trust()?.forum().to_owned();
        let selection = ReleaseSelection { member: filter.member, ..ReleaseSelection::default() };
        let rows = self
            .store()
            .run(move |s| s.release_list(&forum, &selection))
            .await
            .or_storage(|| "cannot read the releases".to_owned())?;
        Ok(rows.len())
    }

    /// Rows with their checks.
    pub(crate) async fn release_views(&self, rows: Vec<ReleaseRow>) -> Result<Vec<ReleaseView>> {
        let (node, trust) = (self.clone(), self.trust()?);
        let work = move || {
            let failed = || "cannot read the releases".to_owned();
            let ids: Vec<String> = rows.iter().map(|r| r.id.clone()).collect();
            let artefacts = node.store().release_artefact_list(&ids).or_storage(failed)?;
            let heads = node.store().head_list(trust.forum()).or_storage(failed)?;
            let dataflows: BTreeSet<&str> = rows.iter().map(|r| r.dataflow.as_str()).collect();
            let now = node.now();
            let selection = ReleaseSelection {
                dataflow: dataflows.first().filter(|_| dataflows.len() == 1).map(|only| (*only).to_owned()),
                begun_at: Some(now),
                embargo_at: Some(node.access_now()),
                ..ReleaseSelection::default()
            };
            let begun = node.store().release_list(trust.forum(), &selection).or_storage(failed)?;
            let current = in_force(&begun, |row| row, now, |row| node.may(Action::Discover, row));
            let current: BTreeSet<&str> = current.into_iter().map(|row| row.id.as_str()).collect();
            let views = rows.iter().map(|row| {
                let record = node.store().record_get(&row.id).or_storage(failed)?;
                let own: Vec<_> = artefacts.iter().filter(|a| a.release == row.id).cloned().collect();
                let head = heads.iter().find(|h| h.member == row.member);
                Ok(node.release_row_view(&trust, row, record.as_ref(), head, &own, current.contains(row.id.as_str())))
            });
            views.collect::<Result<Vec<_>>>()
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "a check was cut off".to_owned())?
    }

    fn release_row_view(
        &self,
        trust: &Trust,
        row: &ReleaseRow,
        record: Option<&RecordRow>,
        head: Option<&HeadRow>,
        artefacts: &[ReleaseArtefactRow],
        current: bool,
    ) -> ReleaseView {
        let body = record
            .and_then(|r| Envelope::parse(&r.envelope).ok())
            .and_then(|e| e.payload::<Release>(RecordKind::Release).ok())
            .map(|p| p.body);
        let names: HashMap<_, _> = trust
            .delegations()
            .filter(|d| d.member == row.member && d.delegation.purpose == Purpose::Operator)
            .map(|d| (d.delegation.key, d.delegation.name.clone()))
            .collect();
        let operators = body.as_ref().map(|b| b.operators.as_slice()).unwrap_or_default();
        let schema = row.dataflow.parse().ok().and_then(|r| self.schema_of(&r).ok());
        let state = match (row.withdrawn_at, row.embargo) {
            (Some(_), _) => "withdrawn",
            (None, _) if current => "current",
            (None, Some(until)) if until > self.access_now() => "embargoed",
            (None, _) => "replaced",
        };
        ReleaseView {
            id: row.id.clone(),
            member: row.member.clone(),
            member_name: trust.charter().member(&row.member).map_or_else(|| row.member.clone(), |m| m.name.clone()),
            dataflow: schema.as_ref().map_or_else(|| row.dataflow.clone(), |s| s.dataflow.id.clone()),
            dataflow_name: schema.map_or_else(|| row.dataflow.clone(), |s| s.name),
            title: row.title.clone(),
            issued_at: time::format(row.issued_at),
            received_at: time::format(row.received_at),
            state: state.to_owned(),
            // Of another release nothing is told that the asker may not discover, its id neither.
            replaces: row.replaces.clone().filter(|id| self.may_discover(id)),
            replaced_by: row.replaced_by.clone().filter(|id| state == "replaced" && self.may_discover(id)),
            rows: row.rows.max(0) as u64,
            bytes: row.bytes.max(0) as u64,
            periods: [row.period_start.clone(), row.period_end.clone()],
            audience: row.audience.clone(),
            log: LogPosition { index: row.position.max(0) as u64, size: head.map_or(0, |h| h.size.max(0) as u64) },
            disclosure: body.as_ref().and_then(|b| serde_json::to_value(&b.intent.disclosure).ok()).unwrap_or_default(),
            approvals: operators
                .iter()
                .map(|o| ApprovalView {
                    role: serde_json::to_value(o.role)
                        .ok()
                        .and_then(|v| v.as_str().map(str::to_owned))
                        .unwrap_or_default(),
                    operator: names.get(&o.key).cloned().unwrap_or_else(|| o.key.fingerprint()),
                })
                .collect(),
            artefacts: artefacts
                .iter()
                .map(|a| ArtefactView {
                    sha256: a.sha256.clone(),
                    bytes: a.bytes.max(0) as u64,
                    rows: a.rows.max(0) as u64,
                    url: format!("/artefacts/{}.parquet", a.sha256),
                })
                .collect(),
            verification: self.check_stored(trust, row, record, head, artefacts),
        }
    }

    /// A release as it is stored, whoever may see it.
    pub(crate) async fn release_row(&self, id: &str) -> Result<Option<ReleaseRow>> {
        let wanted = id.to_owned();
        let row = self.store().run(move |s| s.release_get(&wanted)).await;
        row.or_storage(|| "cannot read the release".to_owned())
    }

    pub(crate) async fn readable_release(&self, id: &str, action: Action) -> Result<ReleaseRow> {
        let row = self.release_row(id).await?;
        // What may not be seen is not there: a refusal would tell that it exists.
        let shown: String = id.chars().take(80).collect();
        row.filter(|r| self.may(action, r))
            .ok_or_else(|| Error::not_found(format!("there is no release `{shown}` here")))
    }

    /// A release with its checks, at its issuer the disclosure report, its tombstone if it was withdrawn, and the time of its time-stamp.
    pub async fn release_view(&self, id: &str) -> Result<serde_json::Value> {
        let row = self.readable_release(id, Action::Discover).await?;
        let tombstone = self.tombstone(&row).await?;
        let timestamp = self.timestamp_of(&row).await?.map(|(_, at)| time::format(at));
        let report = self.release_report(&row.id).await?;
        let report: Option<serde_json::Value> = report.and_then(|r| serde_json::from_slice(&r).ok());
        let view =
            self.release_views(vec![row]).await?.pop().ok_or_else(|| Error::not_found("there is no such release"))?;
        let mut value = serde_json::to_value(view).or_storage(|| "cannot write the release".to_owned())?;
        if let Some(object) = value.as_object_mut() {
            object.insert("report".to_owned(), report.into());
            object.insert("tombstone".to_owned(), serde_json::json!(tombstone));
            object.insert("timestamp".to_owned(), timestamp.into());
        }
        Ok(value)
    }

    /// A release's proof bundle, JSON.
    pub async fn release_proof(&self, id: &str) -> Result<Vec<u8>> {
        let row = self.readable_release(id, Action::Read).await?;
        let (node, trust) = (self.clone(), self.trust()?);
        let timestamp = self.timestamp_of(&row).await?;
        let withdrawal = self.withdrawal(&row).await?;
        let work = move || {
            let failed = || "cannot read the record".to_owned();
            let record = node.store().record_get(&row.id).or_storage(failed)?;
            let head = node.store().head_get(trust.forum(), &row.member).or_storage(failed)?;
            let (record, head) =
                record.zip(head).ok_or_else(|| Error::not_found("the release's record is not here"))?;
            let proof = node.prove(&trust, &record, &head)?;
            let salt = salt_of(&record)?;
            let note = crate::tiles::cosigned_note(node.store(), &head).or_storage(failed)?;
            let place = LogPlace {
                salt: salt.as_ref(),
                index: record.position.max(0) as u64,
                tree_size: proof.checkpoint.size,
                inclusion: &proof.inclusion,
                checkpoint: &note,
            };
            let envelope = Envelope::parse(&record.envelope).or_unverified(failed)?;
            let mut bundle =
                ProofBundle::new(&trust, envelope, place).or_unverified(|| "cannot make the proof".to_owned())?;
            bundle.timestamp = timestamp.map(|(token, _)| token);
            bundle.withdrawal = withdrawal.map(|(.., envelope)| envelope);
            serde_json::to_vec_pretty(&bundle).or_storage(|| "cannot write the proof".to_owned())
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the proof was cut off".to_owned())?
    }

    /// The file of a release that the asker may read.
    pub async fn artefact_path(&self, sha256: &str) -> Result<std::path::PathBuf> {
        let not_here = || Error::not_found("there is no such artefact here");
        if !chancery_ledger::record::is_sha256(sha256) {
            return Err(not_here());
        }
        let wanted = sha256.to_owned();
        let rows = self
            .store()
            .run(move |s| s.release_list_by_artefact(&wanted))
            .await
            .or_storage(|| "cannot read the releases".to_owned())?;
        let mut readable: Vec<_> = rows.into_iter().filter(|r| self.may(Action::Read, r)).collect();
        if readable.iter().any(|r| r.withdrawn_at.is_none()) {
            return Ok(self.files().path(sha256));
        }
        let Some(withdrawn) = readable.pop() else { return Err(not_here()) };
        let tombstone = self.tombstone(&withdrawn).await?;
        Err(tombstone.map_or_else(not_here, |tombstone| Error::Withdrawn(Box::new(tombstone))))
    }

    /// A member's log, perhaps with every hash recomputed.
    pub async fn log_listing(&self, member: &str, check: bool) -> Result<LogListing> {
        let (node, trust, member) = (self.clone(), self.trust()?, member.to_owned());
        let work = move || {
            let failed = || "cannot read the log".to_owned();
            let head = || {
                let head = node.store().head_get(trust.forum(), &member).or_storage(failed)?;
                head.ok_or_else(|| Error::not_found(format!("no log of `{member}` is held here")))
            };
            let (mut before, mut attempts) = (head()?, 0);
            let (head, records, leaves) = loop {
                let records = node.store().record_list(trust.forum(), &member, 0, u32::MAX).or_storage(failed)?;
                let leaves = node.store().leaf_list(trust.forum(), &member, 0, u32::MAX).or_storage(failed)?;
                // A log that grows meanwhile would seem not to be the one that is signed.
                let after = head()?;
                attempts += 1;
                if after.size == before.size || attempts == ATTEMPTS {
                    break (after, records, leaves);
                }
                before = after;
            };
            let size = head.size.max(0) as u64;
            let held: BTreeSet<i64> = records.iter().map(|r| r.position).collect();
            let checked = check.then(|| node.check_whole_log(&trust, &head, &leaves));
            let missing = leaves.len().saturating_sub(records.len());
            let absence = node.absence(&trust, &member, leaves.len(), missing)?;
            let entries = (0i64..).zip(&leaves).map(|(position, leaf)| {
                let text = String::from_utf8_lossy(leaf);
                let mut lines = text.lines().skip(1).map(str::to_owned);
                LogEntry {
                    position: position as u64,
                    kind: lines.next().unwrap_or_default(),
                    audience: lines.next().unwrap_or_default(),
                    record: lines.next().unwrap_or_default(),
                    held: held.contains(&position),
                }
            });
            let root = chancery_ledger::proof::encode_hashes(&[chancery_ledger::log::Hash(
                head.root.clone().try_into().map_err(|_| Error::unverified("the stored root is damaged"))?,
            )]);
            Ok(LogListing {
                entries: entries.collect(),
                root: root.into_iter().next().unwrap_or_default(),
                member,
                size,
                checkpoint: head.checkpoint,
                checked,
                absence,
            })
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the reading was cut off".to_owned())?
    }

    /// Why records of a member's log are not here, and who could give them.
    fn absence(&self, trust: &Trust, member: &str, leaves: usize, missing: usize) -> Result<Option<String>> {
        if missing == 0 {
            return Ok(None);
        }
        if member == self.member() {
            return Ok(Some(format!(
                "not here: {missing} of {leaves} records of this node's own log; the peers are asked for them"
            )));
        }
        let peers = self.store().peer_list(trust.forum()).or_storage(|| "cannot read the peers".to_owned())?;
        let seen = match peers.iter().find(|(id, _)| id == member) {
            Some((_, at)) => format!("seen last at {}", time::format(*at)),
            None => "never seen from here".to_owned(),
        };
        Ok(Some(format!(
            "not here: {missing} of {leaves} records; what is for others or under embargo is not sent, and what is for named members is \
             sent by the node of `{member}` alone ({seen})"
        )))
    }

    /// Whether the leaves give the stored root and the signed head.
    fn check_whole_log(&self, trust: &Trust, head: &HeadRow, leaves: &[Vec<u8>]) -> bool {
        struct Nothing;
        impl chancery_ledger::log::HashStore for Nothing {
            fn read(
                &self,
                _: &[u64],
            ) -> std::result::Result<Vec<chancery_ledger::log::Hash>, chancery_ledger::log::LogError> {
                Ok(Vec::new())
            }
        }
        let hashes: Vec<_> = leaves.iter().map(|l| chancery_ledger::log::leaf_hash(l)).collect();
        let Ok(tree) = chancery_ledger::log::Tree(&Nothing).append(0, &hashes) else {
            return false;
        };
        let origin = chancery_ledger::checkpoint::origin(trust.forum(), &head.member);
        let keys = chancery_ledger::proof::log_keys(trust, &head.member);
        let signed = chancery_ledger::checkpoint::Checkpoint::verify(&head.checkpoint, &origin, &keys);
        signed.is_ok_and(|c| c.size == tree.size && c.root == tree.root && head.root == tree.root.0)
    }
}

fn log_view(head: &HeadRow) -> LogView {
    LogView { size: head.size.max(0) as u64, checkpoint_at: time::format(head.updated_at) }
}
