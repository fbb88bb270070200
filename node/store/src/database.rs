//! The connection to SQLite or PostgreSQL, its migrations, and the one way in from async code.

use std::path::{Path, PathBuf};
use std::time::Duration;

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::schema::settings;
use crate::version::Watcher;

const SQLITE_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/sqlite");
const POSTGRESQL_MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations/postgresql");

/// Connections of one node: readers beside one writer.
const MAX_CONNECTIONS: u32 = 4;
/// How long to wait for a connection or the writer's lock.
const WAIT: Duration = Duration::from_secs(20);
/// Two programs that open a new database at once both make its tables; the one that comes second tries again this often.
const MIGRATION_ATTEMPTS: u32 = 10;
/// Before each.
const MIGRATION_PAUSE: Duration = Duration::from_millis(100);

pub use connection::AnyConnection;

mod connection {
    use diesel::{PgConnection, SqliteConnection};

    /// A connection to either database.
    #[derive(diesel::MultiConnection)]
    pub enum AnyConnection {
        /// SQLite.
        Sqlite(SqliteConnection),
        /// PostgreSQL.
        Postgresql(PgConnection),
    }
}

/// Why something was not stored or found.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file operation failed.
    #[error("cannot {doing} `{}`{advice}", path.display())]
    File {
        /// The operation.
        doing: &'static str,
        /// Where.
        path: PathBuf,
        /// What to do.
        advice: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// Another process is at work.
    #[error("`{}` is held by process {holder}: another chancery works on this folder; stop it, or use another folder", path.display())]
    Locked {
        /// The lock.
        path: PathBuf,
        /// Process id.
        holder: String,
    },
    /// A file has other bytes than its name says.
    #[error("`{}` has the hash {found}, expected {expected}: it is cut short or changed", path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// Its name's hash.
        expected: String,
        /// Its bytes' hash.
        found: String,
    },
    /// The database cannot be opened.
    #[error("cannot open the database `{place}`: {reason}{}", advice(reason))]
    Open {
        /// Where, without password.
        place: String,
        /// Why.
        reason: String,
    },
    /// Made by a newer program.
    #[error(
        "the database `{place}` was made by a newer chancery (migration {migration}): run that version, or restore a backup"
    )]
    Newer {
        /// Where, without password.
        place: String,
        /// The migration this program does not know.
        migration: String,
    },
    /// A statement failed.
    #[error("cannot {doing}: {source}{}", advice(&source.to_string()))]
    Database {
        /// The operation.
        doing: &'static str,
        /// Why.
        #[source]
        source: diesel::result::Error,
    },
    /// Somebody else changed it first.
    #[error("{0}")]
    Conflict(String),
    /// What was to be stored contradicts itself; nothing was.
    #[error("nothing was stored: {0}")]
    Inconsistent(String),
    /// The blocking task was cancelled or panicked.
    #[error("a storage task ended without a result")]
    Task,
}

impl StoreError {
    /// A file operation failed; says so if the disk is full.
    pub fn file(doing: &'static str, path: &Path, source: std::io::Error) -> Self {
        let advice = match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                ": the disk is full; free space and try again"
            }
            std::io::ErrorKind::PermissionDenied => ": permission denied; check who owns the folder",
            std::io::ErrorKind::NotFound => ": it is not there",
            _ => "",
        };
        Self::File { doing, path: path.to_path_buf(), advice, source }
    }
}

/// What to do about SQLite's words for a disk without room. Without any it cannot even make the files that it shares with other
/// processes, and calls that an input or output error.
fn advice(reason: &str) -> &'static str {
    if reason.contains("disk is full") {
        "; free space and try again"
    } else if reason.contains("disk I/O error") {
        "; check whether the disk is full or damaged, then try again"
    } else {
        ""
    }
}

impl From<diesel::result::Error> for StoreError {
    fn from(source: diesel::result::Error) -> Self {
        Self::Database { doing: "complete the transaction", source }
    }
}

/// Names the statement that failed.
pub(crate) trait Doing<T> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError>;
}

impl<T> Doing<T> for Result<T, diesel::result::Error> {
    fn doing(self, doing: &'static str) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Database { doing, source })
    }
}

/// Rows of one node.
#[derive(Clone)]
pub struct Store {
    pool: Pool<ConnectionManager<AnyConnection>>,
    /// Says which version of SQLite's content is seen.
    watcher: Option<Watcher>,
}

#[derive(Debug)]
struct Pragmas;

impl CustomizeConnection<AnyConnection, diesel::r2d2::Error> for Pragmas {
    fn on_acquire(&self, connection: &mut AnyConnection) -> Result<(), diesel::r2d2::Error> {
        match connection {
            AnyConnection::Sqlite(sqlite) => pragmas(sqlite).map_err(diesel::r2d2::Error::QueryError),
            AnyConnection::Postgresql(_) => Ok(()),
        }
    }
}

fn pragmas(sqlite: &mut SqliteConnection) -> diesel::QueryResult<()> {
    // FULL: a commit that was answered survives a power cut; a signer must never forget what it signed.
    sqlite.batch_execute(
        "PRAGMA busy_timeout = 20000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;",
    )
}

impl Store {
    /// Opens `url`: `postgres://…` or a path for SQLite. Brings the tables up to this program's version.
    pub fn open(url: &str) -> Result<Self, StoreError> {
        let place = without_password(url);
        let open = |reason: String| StoreError::Open { place: place.clone(), reason };
        // Opened by name first: `AnyConnection` tries one kind after the other and keeps no reason.
        let watcher = if is_postgresql(url) {
            let mut connection = PgConnection::establish(url).map_err(|e| open(e.to_string()))?;
            migrate(&mut connection, || POSTGRESQL_MIGRATIONS, &place)?;
            None
        } else {
            let mut connection = SqliteConnection::establish(url).map_err(|e| open(e.to_string()))?;
            pragmas(&mut connection).map_err(|e| open(e.to_string()))?;
            migrate(&mut connection, || SQLITE_MIGRATIONS, &place)?;
            Some(Watcher::new(connection).map_err(|e| open(e.to_string()))?)
        };
        let pool = Pool::builder()
            .max_size(MAX_CONNECTIONS)
            .min_idle(Some(0))
            .connection_timeout(WAIT)
            .connection_customizer(Box::new(Pragmas))
            .build(ConnectionManager::<AnyConnection>::new(url))
            .map_err(|e| open(e.to_string()))?;
        Ok(Self { pool, watcher })
    }

    pub(crate) fn watcher(&self) -> Option<&Watcher> {
        self.watcher.as_ref()
    }

    /// Runs `work` on a blocking thread.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let store = self.clone();
        tokio::task::spawn_blocking(move || work(&store)).await.map_err(|_| StoreError::Task)?
    }

    pub(crate) fn connection(&self) -> Result<PooledConnection<ConnectionManager<AnyConnection>>, StoreError> {
        self.pool.get().map_err(|e| StoreError::Open { place: "pool".to_owned(), reason: e.to_string() })
    }

    /// Runs `work` in one transaction that holds the writer's lock from its first statement on.
    pub(crate) fn write<T>(
        &self,
        work: impl FnOnce(&mut AnyConnection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut connection = self.connection()?;
        connection.transaction(|c| {
            // SQLite refuses to turn a reader into a writer behind another writer's back; so write first.
            diesel::update(settings::table.filter(settings::name.eq("writer")))
                .set(settings::value.eq("0"))
                .execute(c)
                .doing("take the writer's lock")?;
            work(c)
        })
    }
}

fn migrate<C>(connection: &mut C, known: fn() -> EmbeddedMigrations, place: &str) -> Result<(), StoreError>
where
    C: MigrationHarness<<C as diesel::Connection>::Backend> + diesel::Connection,
    <C as diesel::Connection>::Backend: diesel::backend::Backend,
    EmbeddedMigrations: diesel::migration::MigrationSource<<C as diesel::Connection>::Backend>,
{
    use diesel::migration::MigrationSource;
    let open = |e: Box<dyn std::error::Error>| StoreError::Open { place: place.to_owned(), reason: e.to_string() };
    let ours = MigrationSource::<C::Backend>::migrations(&known()).map_err(|e| open(e))?;
    let ours: Vec<String> = ours.iter().map(|m| m.name().version().to_string()).collect();
    let mut attempt = 0;
    loop {
        let done = match connection.applied_migrations() {
            Ok(applied) => match applied.iter().map(ToString::to_string).find(|version| !ours.contains(version)) {
                Some(migration) => return Err(StoreError::Newer { place: place.to_owned(), migration }),
                None => connection.run_pending_migrations(known()).map(|_| ()),
            },
            Err(error) => Err(error),
        };
        match done {
            Err(error) if attempt == MIGRATION_ATTEMPTS => return Err(open(error)),
            Err(_) => std::thread::sleep(MIGRATION_PAUSE),
            Ok(()) => return Ok(()),
        }
        attempt += 1;
    }
}

fn is_postgresql(url: &str) -> bool {
    url.starts_with("postgres://") || url.starts_with("postgresql://")
}

fn without_password(url: &str) -> String {
    match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://…@{host}"),
        _ => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_stay_out_of_errors() {
        let url = "postgres://a:secret@127.0.0.1:1/db";
        let error = Store::open(url).err().unwrap().to_string();
        assert!(error.contains("127.0.0.1") && !error.contains("secret"), "{error}");
        assert_eq!(without_password("postgres://a:secret@host/db"), "postgres://…@host/db");
    }
}
