//! Releases and their files.

use diesel::prelude::*;

use crate::database::{AnyConnection, Doing, Store, StoreError};
use crate::logs::HeadRow;
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
    /// The disclosure report; only at its issuer.
    pub report: Option<Vec<u8>>,
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
        if let Some(at) = self.in_force_at {
            query = query
                .filter(releases::received_at.le(at))
                .filter(releases::replaced_at.is_null().or(releases::replaced_at.gt(at)))
                .filter(releases::withdrawn_at.is_null().or(releases::withdrawn_at.gt(at)));
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

    /// A release.
    pub fn release_get(&self, id: &str) -> Result<Option<ReleaseRow>, StoreError> {
        let c = &mut *self.connection()?;
        releases::table.find(id).select(ReleaseRow::as_select()).first(c).optional().doing("read the release")
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

/// Stores a release; the one in force before it, of the same member and dataflow, is replaced by it.
pub(crate) fn insert_release(c: &mut AnyConnection, new: &NewRelease) -> Result<(), StoreError> {
    let release = &new.release;
    diesel::update(
        releases::table.filter(
            releases::forum
                .eq(&release.forum)
                .and(releases::member.eq(&release.member))
                .and(releases::dataflow.eq(&release.dataflow))
                .and(releases::replaced_by.is_null()),
        ),
    )
    .set((releases::replaced_by.eq(&release.id), releases::replaced_at.eq(release.received_at)))
    .execute(c)
    .doing("replace the release in force")?;
    diesel::insert_into(releases::table).values(release).execute(c).doing("store the release")?;
    for artefact in &new.artefacts {
        diesel::insert_into(release_artefacts::table).values(artefact).execute(c).doing("store the release's file")?;
    }
    Ok(())
}

/// Marks a release as withdrawn by the log whose new head is `by`: only a release of that log, and only the first time.
pub(crate) fn withdraw_on(c: &mut AnyConnection, by: &HeadRow, id: &str) -> Result<(), StoreError> {
    let own = releases::forum.eq(&by.forum).and(releases::member.eq(&by.member));
    diesel::update(releases::table.find(id).filter(own).filter(releases::withdrawn_at.is_null()))
        .set(releases::withdrawn_at.eq(by.updated_at))
        .execute(c)
        .doing("withdraw the release")?;
    Ok(())
}
