//! Forums, and each member's log: leaves, stored hashes, signed heads, and the records behind the leaves.

use std::collections::{HashMap, HashSet};

use diesel::prelude::*;

use crate::database::{AnyConnection, Doing, Store, StoreError};
use crate::releases::{NewRelease, insert_release};
use crate::schema::{evidence, forums, hashes, heads, leaves, records, stages};

/// Most pairs of heads read at once: one proves a fork, more say nothing new.
const MAX_EVIDENCE: i64 = 100;
/// Most pairs kept of one log.
const MAX_EVIDENCE_OF_LOG: i64 = 10;

/// A forum this node has joined.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = forums)]
pub struct ForumRow {
    /// Forum id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Unix seconds.
    pub joined_at: i64,
    /// The charter chain and delegations, as a bundle file.
    pub bundle: Vec<u8>,
}

/// A record and its place.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = records)]
pub struct RecordRow {
    /// Record id.
    pub id: String,
    /// Forum id.
    pub forum: String,
    /// Issuing member.
    pub issuer: String,
    /// Kind.
    pub kind: String,
    /// Leaf index in the issuer's log.
    pub position: i64,
    /// Who may read it.
    pub audience: String,
    /// Unix seconds.
    pub issued_at: i64,
    /// Unix seconds.
    pub received_at: i64,
    /// The envelope.
    pub envelope: Vec<u8>,
    /// The leaf's salt, if it is not public.
    pub salt: Option<Vec<u8>>,
}

/// A log's newest verified head.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = heads)]
pub struct HeadRow {
    /// Forum id.
    pub forum: String,
    /// Whose log.
    pub member: String,
    /// Leaves.
    pub size: i64,
    /// Root hash.
    pub root: Vec<u8>,
    /// The signed note.
    pub checkpoint: String,
    /// When this node stored it, unix seconds.
    pub updated_at: i64,
}

/// Two heads of one log that cannot both be of an append-only log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = evidence)]
pub struct EvidenceRow {
    /// Whose log.
    pub member: String,
    /// The head that was seen.
    pub checkpoint: String,
    /// The head held before.
    pub against: String,
    /// When, unix seconds.
    pub seen_at: i64,
    /// What shows the contradiction if the heads are not of one size.
    pub proof: String,
}

/// An extension of a log, stored as a whole or not at all.
#[derive(Debug, Clone)]
pub struct LogExtension {
    /// The head before; the extension is refused if another has been stored since.
    pub expected_size: i64,
    /// The new head.
    pub head: HeadRow,
    /// New leaves, from `expected_size` on.
    pub leaves: Vec<Vec<u8>>,
    /// Stored-hash index of the first of `hashes`.
    pub first_hash: i64,
    /// New stored hashes.
    pub hashes: Vec<Vec<u8>>,
    /// Records behind the leaves.
    pub records: Vec<RecordRow>,
    /// Releases among them.
    pub releases: Vec<NewRelease>,
    /// Releases withdrawn by them.
    pub withdrawn: Vec<String>,
    /// The stage that this publishes.
    pub stage: Option<String>,
    /// The forum's bundle, if delegations among the records changed it.
    pub bundle: Option<Vec<u8>>,
}

impl LogExtension {
    /// Whether counts and names agree: a log that was stored wrong once cannot be mended.
    fn check(&self) -> Result<(), StoreError> {
        let HeadRow { forum, member, size, .. } = &self.head;
        let (from, log) = (self.expected_size, format!("the extension of the log of `{member}`"));
        let refuse = |what: &str| Err(StoreError::Inconsistent(format!("{log} {what}")));
        if from < 0 || Some(*size) != i64::try_from(self.leaves.len()).ok().and_then(|n| from.checked_add(n)) {
            return refuse("has another number of leaves than its head says");
        }
        let hashes = i64::try_from(self.hashes.len()).unwrap_or(i64::MAX);
        if self.first_hash != stored_hashes(from) || self.first_hash.checked_add(hashes) != Some(stored_hashes(*size)) {
            return refuse("has other hashes than its leaves need");
        }
        let ours = |r: &RecordRow| r.forum == *forum && r.issuer == *member && (from..*size).contains(&r.position);
        if !self.records.iter().all(ours) {
            return refuse("has a record of another log or position");
        }
        let ours = |r: &NewRelease| r.release.forum == *forum && r.release.member == *member;
        let recorded = |r: &NewRelease| self.records.iter().any(|record| record.id == r.release.id);
        if !self.releases.iter().all(|r| ours(r) && recorded(r)) {
            return refuse("has a release without its record");
        }
        Ok(())
    }
}

/// Stored hashes of a log with so many leaves: one for each complete subtree (golang.org/x/mod/sumdb/tlog, `StoredHashCount`).
fn stored_hashes(size: i64) -> i64 {
    size.saturating_mul(2) - i64::from(size.count_ones())
}

impl Store {
    /// Stores or replaces a forum.
    pub fn forum_put(&self, row: &ForumRow) -> Result<(), StoreError> {
        self.write(|c| {
            diesel::delete(forums::table.filter(forums::id.eq(&row.id))).execute(c).doing("replace the forum")?;
            diesel::insert_into(forums::table).values(row).execute(c).doing("store the forum")?;
            Ok(())
        })
    }

    /// Replaces a forum's bundle and name if its bundle still is `from`; false if another process was first.
    pub fn forum_update(&self, id: &str, from: &[u8], bundle: &[u8], name: &str) -> Result<bool, StoreError> {
        self.write(|c| {
            let held = forums::table.filter(forums::id.eq(id).and(forums::bundle.eq(from)));
            let set = (forums::bundle.eq(bundle), forums::name.eq(name));
            Ok(diesel::update(held).set(set).execute(c).doing("store the forum")? == 1)
        })
    }

    /// The forums joined.
    pub fn forum_list(&self) -> Result<Vec<ForumRow>, StoreError> {
        let c = &mut *self.connection()?;
        forums::table.select(ForumRow::as_select()).order(forums::joined_at).load(c).doing("read the forums")
    }

    /// The newest head of a member's log.
    pub fn head_get(&self, forum: &str, member: &str) -> Result<Option<HeadRow>, StoreError> {
        head_on(&mut *self.connection()?, forum, member)
    }

    /// Every log's newest head.
    pub fn head_list(&self, forum: &str) -> Result<Vec<HeadRow>, StoreError> {
        let c = &mut *self.connection()?;
        let query = heads::table.filter(heads::forum.eq(forum)).select(HeadRow::as_select()).order(heads::member);
        query.load(c).doing("read the heads")
    }

    /// Stored hashes of a log at the given stored-hash indexes, in that order.
    pub fn hash_list(&self, forum: &str, member: &str, positions: &[u64]) -> Result<Vec<Vec<u8>>, StoreError> {
        let c = &mut *self.connection()?;
        let wanted: Vec<i64> = positions.iter().map(|p| position(*p)).collect();
        let mut found = HashMap::new();
        // SQLite bounds the number of parameters of one statement.
        for chunk in wanted.chunks(500) {
            let rows: Vec<(i64, Vec<u8>)> = hashes::table
                .filter(hashes::forum.eq(forum).and(hashes::member.eq(member)).and(hashes::position.eq_any(chunk)))
                .select((hashes::position, hashes::hash))
                .load(c)
                .doing("read the log's hashes")?;
            found.extend(rows);
        }
        let missing =
            |p: &i64| StoreError::Conflict(format!("hash {p} of the log of `{member}` is missing: restore a backup"));
        wanted.iter().map(|p| found.get(p).cloned().ok_or_else(|| missing(p))).collect()
    }

    /// Leaves of a log from `from` on.
    pub fn leaf_list(&self, forum: &str, member: &str, from: u64, limit: u32) -> Result<Vec<Vec<u8>>, StoreError> {
        let c = &mut *self.connection()?;
        leaves::table
            .filter(leaves::forum.eq(forum).and(leaves::member.eq(member)).and(leaves::position.ge(position(from))))
            .order(leaves::position)
            .limit(i64::from(limit))
            .select(leaves::leaf)
            .load(c)
            .doing("read the log's leaves")
    }

    /// Records of a log from position `from` on.
    pub fn record_list(&self, forum: &str, issuer: &str, from: u64, limit: u32) -> Result<Vec<RecordRow>, StoreError> {
        let c = &mut *self.connection()?;
        records::table
            .filter(records::forum.eq(forum).and(records::issuer.eq(issuer)).and(records::position.ge(position(from))))
            .order(records::position)
            .limit(i64::from(limit))
            .select(RecordRow::as_select())
            .load(c)
            .doing("read the log's records")
    }

    /// A member's records of one kind, in the order of its log.
    pub fn record_list_of_kind(&self, forum: &str, issuer: &str, kind: &str) -> Result<Vec<RecordRow>, StoreError> {
        let c = &mut *self.connection()?;
        records::table
            .filter(records::forum.eq(forum).and(records::issuer.eq(issuer)).and(records::kind.eq(kind)))
            .order(records::position)
            .select(RecordRow::as_select())
            .load(c)
            .doing("read the log's records")
    }

    /// Every member's records of one kind, each member's in the order of its log.
    pub fn record_list_of_kind_anyone(&self, forum: &str, kind: &str) -> Result<Vec<RecordRow>, StoreError> {
        let c = &mut *self.connection()?;
        records::table
            .filter(records::forum.eq(forum).and(records::kind.eq(kind)))
            .order((records::issuer, records::position))
            .select(RecordRow::as_select())
            .load(c)
            .doing("read the logs' records")
    }

    /// Positions of the leaves of a log, from `from` on and up to `limit`, behind which no record is held.
    pub fn gap_list(
        &self,
        forum: &str,
        member: &str,
        from: u64,
        limit: i64,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let c = &mut *self.connection()?;
        let held = records::table
            .filter(
                records::forum.eq(forum).and(records::issuer.eq(member)).and(records::position.eq(leaves::position)),
            )
            .select(records::position);
        let rows: Vec<(i64, Vec<u8>)> = leaves::table
            .filter(leaves::forum.eq(forum).and(leaves::member.eq(member)).and(leaves::position.ge(position(from))))
            .filter(diesel::dsl::not(diesel::dsl::exists(held)))
            .order(leaves::position)
            .limit(limit)
            .select((leaves::position, leaves::leaf))
            .load(c)
            .doing("read what is missing of the log")?;
        Ok(rows.into_iter().map(|(p, leaf)| (p.max(0) as u64, leaf)).collect())
    }

    /// The records held at some positions of a log, in its order.
    pub fn record_list_at(&self, forum: &str, issuer: &str, positions: &[u64]) -> Result<Vec<RecordRow>, StoreError> {
        let c = &mut *self.connection()?;
        let wanted: Vec<i64> = positions.iter().map(|p| position(*p)).collect();
        let of_log = records::forum.eq(forum).and(records::issuer.eq(issuer));
        let mut rows = Vec::new();
        // SQLite bounds the number of parameters of one statement.
        for chunk in wanted.chunks(500) {
            let query = records::table.filter(of_log).filter(records::position.eq_any(chunk));
            let query = query.order(records::position).select(RecordRow::as_select());
            rows.extend(query.load(c).doing("read the log's records")?);
        }
        Ok(rows)
    }

    /// Stores a record whose leaf has been there before it, its release, and marks the release withdrawn that it withdraws or that a
    /// record held before it has withdrawn.
    pub fn record_fill(
        &self,
        record: &RecordRow,
        release: Option<&NewRelease>,
        withdrawn: Option<&str>,
    ) -> Result<(), StoreError> {
        self.write(|c| {
            let there = leaves::table
                .find((&record.forum, &record.issuer, record.position))
                .select(leaves::position)
                .first::<i64>(c)
                .optional();
            if there.doing("look for the record's leaf")?.is_none() {
                return Err(StoreError::Inconsistent(format!("the record `{}` has no leaf", record.id)));
            }
            if insert_record(c, record)?
                && let Some(release) = release
            {
                insert_release(c, release)?;
            }
            match withdrawn {
                Some(id) => crate::releases::withdraw_on(c, (&record.forum, &record.issuer), id, record.received_at),
                None => Ok(()),
            }
        })
    }

    /// A record by its id.
    pub fn record_get(&self, id: &str) -> Result<Option<RecordRow>, StoreError> {
        let c = &mut *self.connection()?;
        records::table.find(id).select(RecordRow::as_select()).first(c).optional().doing("read the record")
    }

    /// Extends a log: leaves, hashes, head, records, releases and the stage they publish, in one transaction.
    ///
    /// A record that is there already stays where it was first: a log may hold a leaf twice.
    pub fn log_extend(&self, extension: &LogExtension) -> Result<(), StoreError> {
        extension.check()?;
        self.write(|c| {
            let head = &extension.head;
            let found = head_on(c, &head.forum, &head.member)?.map_or(0, |h| h.size);
            if found != extension.expected_size {
                let text = format!(
                    "the log of `{}` has {found} leaves, not the {} that were built on: try again",
                    head.member, extension.expected_size
                );
                return Err(StoreError::Conflict(text));
            }
            insert_log(c, extension)?;
            let mut new = HashSet::new();
            for record in &extension.records {
                if insert_record(c, record)? {
                    new.insert(&record.id);
                }
            }
            for release in extension.releases.iter().filter(|r| new.contains(&r.release.id)) {
                insert_release(c, release)?;
            }
            for id in &extension.withdrawn {
                crate::releases::withdraw_on(c, (&head.forum, &head.member), id, head.updated_at)?;
            }
            if let Some(bundle) = &extension.bundle {
                diesel::update(forums::table.find(&head.forum))
                    .set(forums::bundle.eq(bundle))
                    .execute(c)
                    .doing("store the delegations")?;
            }
            match &extension.stage {
                Some(stage) => publish_stage(c, stage, head.updated_at),
                None => Ok(()),
            }
        })
    }

    /// Keeps two contradicting heads of one log; true if they were new. A few of one log are enough.
    pub fn evidence_put(
        &self,
        forum: &str,
        member: &str,
        seen: &str,
        against: &str,
        proof: &str,
        at: i64,
    ) -> Result<bool, StoreError> {
        self.write(|c| {
            let here = evidence::table.find((forum, member, seen)).select(evidence::seen_at);
            let known = here.first::<i64>(c).optional().doing("read the evidence")?.is_some();
            let of_log = evidence::table.filter(evidence::forum.eq(forum).and(evidence::member.eq(member))).count();
            let new = !known && of_log.get_result::<i64>(c).doing("count the evidence")? < MAX_EVIDENCE_OF_LOG;
            if new {
                diesel::insert_into(evidence::table)
                    .values((
                        evidence::forum.eq(forum),
                        evidence::member.eq(member),
                        evidence::checkpoint.eq(seen),
                        evidence::against.eq(against),
                        evidence::seen_at.eq(at),
                        evidence::proof.eq(proof),
                    ))
                    .execute(c)
                    .doing("store the evidence")?;
            }
            Ok(new)
        })
    }

    /// Every pair of heads by which a log contradicts itself.
    pub fn evidence_pairs(&self, forum: &str) -> Result<Vec<EvidenceRow>, StoreError> {
        let c = &mut *self.connection()?;
        let query = evidence::table.filter(evidence::forum.eq(forum)).select(EvidenceRow::as_select());
        query.order((evidence::seen_at, evidence::member)).limit(MAX_EVIDENCE).load(c).doing("read the evidence")
    }

    /// Members whose log was seen to contradict itself, and when.
    pub fn evidence_list(&self, forum: &str) -> Result<Vec<(String, i64)>, StoreError> {
        let c = &mut *self.connection()?;
        let query = evidence::table.filter(evidence::forum.eq(forum)).select((evidence::member, evidence::seen_at));
        query.load(c).doing("read the evidence")
    }
}

/// A position as the database counts; beyond its range nothing is stored.
fn position(position: u64) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}

fn head_on(c: &mut AnyConnection, forum: &str, member: &str) -> Result<Option<HeadRow>, StoreError> {
    let query = heads::table.filter(heads::forum.eq(forum).and(heads::member.eq(member)));
    query.select(HeadRow::as_select()).first(c).optional().doing("read the head")
}

/// False if the record was there already.
fn insert_record(c: &mut AnyConnection, record: &RecordRow) -> Result<bool, StoreError> {
    let there = records::table.find(&record.id).select(records::position).first::<i64>(c).optional();
    if there.doing("look for the record")?.is_some() {
        return Ok(false);
    }
    diesel::insert_into(records::table).values(record).execute(c).doing("store the record")?;
    Ok(true)
}

fn publish_stage(c: &mut AnyConnection, stage: &str, at: i64) -> Result<(), StoreError> {
    let approved = stages::table.filter(stages::id.eq(stage).and(stages::state.eq("approved")));
    let updated = diesel::update(approved)
        .set((stages::state.eq("published"), stages::updated_at.eq(at)))
        .execute(c)
        .doing("close the stage")?;
    if updated == 1 { Ok(()) } else { Err(StoreError::Conflict(format!("the stage `{stage}` is no longer approved"))) }
}

fn insert_log(c: &mut AnyConnection, extension: &LogExtension) -> Result<(), StoreError> {
    let HeadRow { forum, member, .. } = &extension.head;
    for (position, leaf) in (extension.expected_size..).zip(&extension.leaves) {
        diesel::insert_into(leaves::table)
            .values((
                leaves::forum.eq(forum),
                leaves::member.eq(member),
                leaves::position.eq(position),
                leaves::leaf.eq(leaf),
            ))
            .execute(c)
            .doing("append the leaf")?;
    }
    for (position, hash) in (extension.first_hash..).zip(&extension.hashes) {
        diesel::insert_into(hashes::table)
            .values((
                hashes::forum.eq(forum),
                hashes::member.eq(member),
                hashes::position.eq(position),
                hashes::hash.eq(hash),
            ))
            .execute(c)
            .doing("append the hash")?;
    }
    diesel::delete(heads::table.filter(heads::forum.eq(forum).and(heads::member.eq(member))))
        .execute(c)
        .doing("replace the head")?;
    diesel::insert_into(heads::table).values(&extension.head).execute(c).doing("store the head")?;
    Ok(())
}
