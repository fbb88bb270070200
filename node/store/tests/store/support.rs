//! Fresh databases of each kind, and rows to put into them.

use std::sync::atomic::{AtomicU32, Ordering};

use chancery_store::Store;
use chancery_store::logs::{HeadRow, LogExtension, RecordRow};
use chancery_store::releases::{NewRelease, ReleaseArtefactRow, ReleaseRow};
use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, PgConnection, SqliteConnection};

/// The forum of every row.
pub(crate) const FORUM: &str = "f0";

/// A database of one test.
pub(crate) struct Database {
    pub(crate) url: String,
    _dir: tempfile::TempDir,
    schema: Option<(String, String)>,
}

impl Database {
    pub(crate) fn open(&self) -> Store {
        Store::open(&self.url).unwrap()
    }

    /// Runs statements beside the store, on a connection of its own that ends without commit.
    pub(crate) fn beside(&self, statements: &str) {
        match &self.schema {
            Some(_) => PgConnection::establish(&self.url).unwrap().batch_execute(statements).unwrap(),
            None => SqliteConnection::establish(&self.url).unwrap().batch_execute(statements).unwrap(),
        }
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Some((server, schema)) = &self.schema
            && let Ok(mut connection) = PgConnection::establish(server)
        {
            let _ = connection.batch_execute(&format!("DROP SCHEMA {schema} CASCADE"));
        }
    }
}

/// Runs a test on SQLite, and on PostgreSQL in a schema of its own where `CHANCERY_TEST_POSTGRES` names a server.
pub(crate) fn on_both(test: impl Fn(&Database)) {
    let dir = tempfile::tempdir().unwrap();
    let url = dir.path().join("node.sqlite").to_str().unwrap().to_owned();
    test(&Database { url, _dir: dir, schema: None });
    let Ok(server) = std::env::var("CHANCERY_TEST_POSTGRES") else {
        println!("skipped on PostgreSQL: CHANCERY_TEST_POSTGRES is not set");
        return;
    };
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let schema = format!("store_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
    PgConnection::establish(&server).unwrap().batch_execute(&format!("CREATE SCHEMA {schema}")).unwrap();
    let url = format!("{server}{}options=-csearch_path%3D{schema}", if server.contains('?') { '&' } else { '?' });
    test(&Database { url, _dir: tempfile::tempdir().unwrap(), schema: Some((server, schema)) });
}

/// The stored hashes that the leaf at `position` completes, as in a Merkle tree.
fn completed(position: i64) -> usize {
    1 + position.trailing_ones() as usize
}

/// Appends `leaves` leaves to `member`'s log of `size`, without records.
pub(crate) fn extension(member: &str, size: i64, leaves: i64, at: i64) -> LogExtension {
    let text = |what: &str, n: i64| format!("{what} {n} of {member}").into_bytes();
    let first_hash = (0..size).map(|p| completed(p) as i64).sum::<i64>();
    let hashes = (size..size + leaves).map(|p| completed(p) as i64).sum::<i64>();
    LogExtension {
        expected_size: size,
        head: HeadRow {
            forum: FORUM.to_owned(),
            member: member.to_owned(),
            size: size + leaves,
            root: text("root", size + leaves),
            checkpoint: format!("head {} of {member}", size + leaves),
            updated_at: at,
        },
        leaves: (size..size + leaves).map(|n| text("leaf", n)).collect(),
        first_hash,
        hashes: (first_hash..first_hash + hashes).map(|n| text("hash", n)).collect(),
        records: Vec::new(),
        releases: Vec::new(),
        withdrawn: Vec::new(),
        stage: None,
        bundle: None,
    }
}

/// One record at the end of a log of `size`.
pub(crate) fn with_record(member: &str, size: i64, id: &str, kind: &str, at: i64) -> LogExtension {
    let record = RecordRow {
        id: id.to_owned(),
        forum: FORUM.to_owned(),
        issuer: member.to_owned(),
        kind: kind.to_owned(),
        position: size,
        audience: "public".to_owned(),
        issued_at: at - 1,
        received_at: at,
        envelope: format!("envelope of {id}").into_bytes(),
        salt: None,
    };
    LogExtension { records: vec![record], ..extension(member, size, 1, at) }
}

/// One release at the end of a log of `size`, with two files.
pub(crate) fn with_release(member: &str, dataflow: &str, size: i64, id: &str, at: i64) -> LogExtension {
    let release = ReleaseRow {
        id: id.to_owned(),
        forum: FORUM.to_owned(),
        member: member.to_owned(),
        dataflow: dataflow.to_owned(),
        title: format!("title of {id}"),
        issued_at: at - 1,
        received_at: at,
        position: size,
        replaces: None,
        replaced_by: None,
        replaced_at: None,
        withdrawn_at: None,
        rows: 7,
        bytes: 70,
        period_start: "2020".to_owned(),
        period_end: "2024".to_owned(),
        audience: "public".to_owned(),
        embargo: None,
    };
    let artefact = |ordinal: i64| ReleaseArtefactRow {
        release: id.to_owned(),
        ordinal,
        sha256: format!("{id}-{ordinal}"),
        bytes: 35,
        rows: 3,
    };
    let release = NewRelease { release, artefacts: vec![artefact(0), artefact(1)], report: Some(b"{}".to_vec()) };
    LogExtension { releases: vec![release], ..with_record(member, size, id, "release", at) }
}
