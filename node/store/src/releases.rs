//! Releases and their files.

use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool};

use crate::database::{AnyConnection, Doing, Store, StoreError};
use crate::schema::{release_artefacts, releases};

/// A release, as this node knows it.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = releases)]
pub struct ReleaseRow {
    /// Record id.
    pub id: String,
    /// Forum id.
    pub forum: String,
    /// Issuing member.
    pub member: String,
    /// `RCP:RETURNS(1.0.0)`.
    pub dataflow: String,
    /// Title.
    pub title: String,
    /// Unix seconds.
    pub issued_at: i64,
    /// When this node stored it, unix seconds.
    pub received_at: i64,
    /// Leaf index.
    pub position: i64,
    /// The release it replaces.
    pub replaces: Option<String>,
    /// The release that replaced it.
    pub replaced_by: Option<String>,
    /// When that was stored here.
    pub replaced_at: Option<i64>,
    /// When its withdrawal was stored here.
    pub withdrawn_at: Option<i64>,
    /// Observations.
    pub rows: i64,
    /// Bytes of all files.
    pub bytes: i64,
    /// First period.
    pub period_start: String,
    /// Last period.
    pub period_end: String,
    /// Who may read it.
    pub audience: String,
    /// Not before, unix seconds.
    pub embargo: Option<i64>,
}

/// One file of a release.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = release_artefacts)]
pub struct ReleaseArtefactRow {
    /// The release.
    pub release: String,
    /// Its order.
    pub ordinal: i64,
    /// Hash.
    pub sha256: String,
    /// Size.
    pub bytes: i64,
    /// Observations.
    pub rows: i64,
}

/// A release and its files, to be stored.
#[derive(Debug, Clone)]
pub struct NewRelease {
    /// The release.
    pub release: ReleaseRow,
    /// Its files.
    pub artefacts: Vec<ReleaseArtefactRow>,
    /// The disclosure report; only at its issuer.
    pub report: Option<Vec<u8>>,
}

/// Which releases.
#[derive(Debug, Clone, Default)]
pub struct ReleaseSelection {
    /// Of this dataflow.
    pub dataflow: Option<String>,
    /// Of this member.
    pub member: Option<String>,
    /// In force at that time, unix seconds; none for all there are.
    pub in_force_at: Option<i64>,
    /// Had come into force by that time, unix seconds, whatever has replaced or withdrawn it since; none for all there are.
    pub begun_at: Option<i64>,
    /// The time by which an embargo must have ended for a release to be in force, if that is before it.
    pub embargo_at: Option<i64>,
}

impl ReleaseRow {
    /// From when it was in force here unless a newer one was, unix seconds: stored, and its embargo over.
    pub fn in_force_from(&self) -> i64 {
        self.embargo.map_or(self.received_at, |embargo| embargo.max(self.received_at))
    }
}

impl ReleaseSelection {
    fn filter<'a>(&'a self, forum: &'a str) -> releases::BoxedQuery<'a, <AnyConnection as Connection>::Backend> {
        let mut query = releases::table.filter(releases::forum.eq(forum)).into_boxed();
        if let Some(dataflow) = &self.dataflow {
            query = query.filter(releases::dataflow.eq(dataflow));
        }
        if let Some(member) = &self.member {
            query = query.filter(releases::member.eq(member));
        }
        let open = |at: i64| self.embargo_at.map_or(at, |open| open.min(at));
        for at in [self.begun_at, self.in_force_at].into_iter().flatten() {
            query = query
                .filter(releases::received_at.le(at))
                .filter(releases::embargo.is_null().or(releases::embargo.le(open(at))));
        }
        if let Some(at) = self.in_force_at {
            query = query
                .filter(releases::withdrawn_at.is_null().or(releases::withdrawn_at.gt(at)))
                // No later one of the same member and dataflow: one under embargo replaces nothing yet, and one that came late,
                // because it was under embargo, nothing that is newer.
                .filter(
                    sql::<Bool>(
                        "NOT EXISTS (SELECT 1 FROM releases AS later WHERE later.forum = releases.forum AND later.member = \
                         releases.member AND later.dataflow = releases.dataflow AND later.position > releases.position AND \
                         later.received_at <= ",
                    )
                    .bind::<BigInt, _>(at)
                    .sql(" AND (later.embargo IS NULL OR later.embargo <= ")
                    .bind::<BigInt, _>(open(at))
                    .sql("))"),
                );
        }
        query
    }
}

impl Store {
    /// The releases selected, newest first.
    pub fn release_list(&self, forum: &str, selection: &ReleaseSelection) -> Result<Vec<ReleaseRow>, StoreError> {
        self.release_page(forum, selection, 0, i64::MAX)
    }

    /// Of the releases selected, newest first, at most `limit` after the first `offset`.
    pub fn release_page(
        &self,
        forum: &str,
        selection: &ReleaseSelection,
        offset: i64,
        limit: i64,
    ) -> Result<Vec<ReleaseRow>, StoreError> {
        let c = &mut *self.connection()?;
        let newest_first = (releases::issued_at.desc(), releases::member.asc(), releases::position.desc());
        let query = selection.filter(forum).order(newest_first).offset(offset).limit(limit);
        query.select(ReleaseRow::as_select()).load(c).doing("read the releases")
    }

    /// The ids of the releases selected, newest first.
    pub fn release_ids(&self, forum: &str, selection: &ReleaseSelection) -> Result<Vec<String>, StoreError> {
        let c = &mut *self.connection()?;
        let query = selection.filter(forum).order(releases::issued_at.desc()).select(releases::id);
        query.load(c).doing("read the releases")
    }

    /// How many releases are selected.
    pub fn release_count(&self, forum: &str, selection: &ReleaseSelection) -> Result<i64, StoreError> {
        let c = &mut *self.connection()?;
        selection.filter(forum).count().get_result(c).doing("count the releases")
    }

    /// The latest embargo in `(after, until]`.
    pub fn release_embargo(&self, forum: &str, after: i64, until: i64) -> Result<Option<i64>, StoreError> {
        let c = &mut *self.connection()?;
        let within = releases::embargo.gt(after).and(releases::embargo.le(until));
        let query = releases::table.filter(releases::forum.eq(forum)).filter(within);
        query.select(diesel::dsl::max(releases::embargo)).first(c).doing("read the embargoes")
    }

    /// A release.
    pub fn release_get(&self, id: &str) -> Result<Option<ReleaseRow>, StoreError> {
        let c = &mut *self.connection()?;
        releases::table.find(id).select(ReleaseRow::as_select()).first(c).optional().doing("read the release")
    }

    /// The disclosure report of a release, if it is here.
    pub fn release_report(&self, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let c = &mut *self.connection()?;
        let report = releases::table.find(id).select(releases::report).first(c).optional();
        Ok(report.doing("read the release's report")?.flatten())
    }

    /// The files of some releases, in order.
    pub fn release_artefact_list(&self, ids: &[String]) -> Result<Vec<ReleaseArtefactRow>, StoreError> {
        let c = &mut *self.connection()?;
        let mut rows = Vec::new();
        // SQLite bounds the number of parameters of one statement.
        for chunk in ids.chunks(500) {
            let query = release_artefacts::table
                .filter(release_artefacts::release.eq_any(chunk))
                .order((release_artefacts::release, release_artefacts::ordinal))
                .select(ReleaseArtefactRow::as_select());
            rows.extend(query.load(c).doing("read the releases' files")?);
        }
        Ok(rows)
    }

    /// Whether any release has the file.
    pub fn artefact_is_referenced(&self, sha256: &str) -> Result<bool, StoreError> {
        let c = &mut *self.connection()?;
        let query = release_artefacts::table.filter(release_artefacts::sha256.eq(sha256)).count();
        Ok(query.get_result::<i64>(c).doing("look for the file's releases")? > 0)
    }

    /// The releases that have a file.
    pub fn release_list_by_artefact(&self, sha256: &str) -> Result<Vec<ReleaseRow>, StoreError> {
        let c = &mut *self.connection()?;
        releases::table
            .inner_join(release_artefacts::table.on(release_artefacts::release.eq(releases::id)))
            .filter(release_artefacts::sha256.eq(sha256))
            .select(ReleaseRow::as_select())
            .load(c)
            .doing("read the file's releases")
    }
}

/// Stores a release; the ones before it in its log, of the same dataflow, are replaced by it, and it is by the one after it.
pub(crate) fn insert_release(c: &mut AnyConnection, new: &NewRelease) -> Result<(), StoreError> {
    let mut release = new.release.clone();
    let same = releases::forum
        .eq(new.release.forum.clone())
        .and(releases::member.eq(new.release.member.clone()))
        .and(releases::dataflow.eq(new.release.dataflow.clone()));
    diesel::update(
        releases::table
            .filter(same.clone())
            .filter(releases::position.lt(release.position))
            .filter(releases::replaced_by.is_null()),
    )
    .set((releases::replaced_by.eq(&release.id), releases::replaced_at.eq(release.received_at)))
    .execute(c)
    .doing("replace the release in force")?;
    let later: Option<String> = releases::table
        .filter(same)
        .filter(releases::position.gt(release.position))
        .order(releases::position)
        .select(releases::id)
        .first(c)
        .optional()
        .doing("look for a newer release")?;
    if let Some(later) = later {
        (release.replaced_by, release.replaced_at) = (Some(later), Some(release.received_at));
    }
    diesel::insert_into(releases::table)
        .values((&release, releases::report.eq(&new.report)))
        .execute(c)
        .doing("store the release")?;
    for artefact in &new.artefacts {
        diesel::insert_into(release_artefacts::table).values(artefact).execute(c).doing("store the release's file")?;
    }
    Ok(())
}

/// Marks a release as withdrawn by the log of a forum's member: only a release of that log, and only the first time.
pub(crate) fn withdraw_on(
    c: &mut AnyConnection,
    (forum, member): (&str, &str),
    id: &str,
    at: i64,
) -> Result<(), StoreError> {
    let own = releases::forum.eq(forum).and(releases::member.eq(member));
    diesel::update(releases::table.find(id).filter(own).filter(releases::withdrawn_at.is_null()))
        .set(releases::withdrawn_at.eq(at))
        .execute(c)
        .doing("withdraw the release")?;
    Ok(())
}
