//! The rows of a query: PostgreSQL or SQLite, read only. What a mapping says of the database may hold a password: no error repeats it.

use std::ops::ControlFlow;
use std::path::Path;

use chancery_schema::rows::{BATCH_ROWS, MAX_FIELDS, RowBatch, RowSource, SourceError};
use postgres::{Client, SimpleQueryMessage};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio_postgres_rustls::MakeRustlsConnect;

/// Begins the name of an environment variable that holds the connection, so that no password stands in the mapping.
const FROM_ENVIRONMENT: &str = "env:";

/// Opens the query's rows.
pub(super) fn open(database: &str, query: &str) -> Result<Box<dyn RowSource>, SourceError> {
    let held;
    let database = match database.strip_prefix(FROM_ENVIRONMENT) {
        None => database,
        Some(name) => {
            let missing =
                || SourceError::Format(format!("the environment variable `{name}` of `source.database` is not set"));
            held = std::env::var(name).map_err(|_| missing())?;
            &held
        }
    };
    if database.starts_with("postgres://") || database.starts_with("postgresql://") {
        return Ok(Box::new(PostgresSource::open(database, query)?));
    }
    Ok(Box::new(SqliteSource::open(Path::new(database), query)?))
}

/// An SQLite query.
struct SqliteSource {
    connection: Connection,
    query: String,
    headings: Vec<String>,
}

impl SqliteSource {
    fn open(path: &Path, query: &str) -> Result<Self, SourceError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            Connection::open_with_flags(path, flags).map_err(|e| refused("cannot open the SQLite file", &e))?;
        let statement = connection.prepare(query).map_err(|e| refused("the query is refused", &e))?;
        let headings: Vec<String> = statement.column_names().into_iter().map(str::to_owned).collect();
        check(&headings)?;
        if !statement.readonly() {
            return Err(SourceError::Format("the query would change the database; use a SELECT".to_owned()));
        }
        drop(statement);
        Ok(Self { connection, query: query.to_owned(), headings })
    }
}

impl RowSource for SqliteSource {
    fn headings(&self) -> &[String] {
        &self.headings
    }

    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError> {
        let failed = |e: rusqlite::Error| refused("the query failed", &e);
        let mut statement = self.connection.prepare(&self.query).map_err(failed)?;
        let mut rows = statement.query([]).map_err(failed)?;
        let (mut batch, mut line) = (RowBatch::default(), 0);
        while let Some(row) = rows.next().map_err(failed)? {
            line += 1;
            for index in 0..self.headings.len() {
                match row.get_ref(index).map_err(failed)? {
                    ValueRef::Null => batch.field(""),
                    ValueRef::Integer(number) => batch.field(&number.to_string()),
                    ValueRef::Real(number) => batch.field(&number.to_string()),
                    ValueRef::Text(text) => batch.field(&String::from_utf8_lossy(text)),
                    ValueRef::Blob(_) => {
                        let column = &self.headings[index];
                        return Err(SourceError::Format(format!("row {line}: `{column}` is neither text nor number")));
                    }
                }
            }
            batch.end_row(line);
            if batch.hand_on_full(sink).is_break() {
                return Ok(());
            }
        }
        batch.hand_on_rest(sink);
        Ok(())
    }
}

/// A PostgreSQL query, read through a cursor of a transaction that can only read.
struct PostgresSource {
    client: Client,
    headings: Vec<String>,
}

impl PostgresSource {
    fn open(url: &str, query: &str) -> Result<Self, SourceError> {
        let config: postgres::Config = url.parse().map_err(|_| {
            let form = "postgresql://user@host/database?sslmode=require";
            SourceError::Format(format!("`source.database` is no connection such as `{form}`"))
        })?;
        // The libraries that talk TLS here bring two cryptographies, so that one must be chosen; a program that has chosen keeps its own.
        let _ = rustls::crypto::ring::default_provider().install_default();
        // Certificates of the machine that cannot be read are certificates less; the connection says if one is missing.
        let (tls, _) = MakeRustlsConnect::with_native_certs()
            .map_err(|_| SourceError::Format("this machine has no certificates to trust a database by".to_owned()))?;
        let mut client = config.connect(tls).map_err(|e| answer("cannot connect to the database", &e))?;
        client.batch_execute("BEGIN READ ONLY").map_err(|e| answer("the database refused to be read", &e))?;
        // Prepared, a text of several statements is refused.
        let declare = format!("DECLARE chancery NO SCROLL CURSOR FOR {query}");
        client.execute(declare.as_str(), &[]).map_err(|e| answer("the query is refused", &e))?;
        let first = client.simple_query("FETCH 0 FROM chancery").map_err(|e| answer("the query failed", &e))?;
        let headings = first.iter().find_map(|message| match message {
            SimpleQueryMessage::RowDescription(columns) => Some(columns.iter().map(|c| c.name().to_owned()).collect()),
            _ => None,
        });
        let headings: Vec<String> = headings.unwrap_or_default();
        check(&headings)?;
        Ok(Self { client, headings })
    }
}

impl RowSource for PostgresSource {
    fn headings(&self) -> &[String] {
        &self.headings
    }

    fn read(&mut self, sink: &mut dyn FnMut(&mut RowBatch) -> ControlFlow<()>) -> Result<(), SourceError> {
        let fetch = format!("FETCH {BATCH_ROWS} FROM chancery");
        let (mut batch, mut line) = (RowBatch::default(), 0);
        loop {
            let messages = self.client.simple_query(&fetch).map_err(|e| answer("the query failed", &e))?;
            for message in &messages {
                if let SimpleQueryMessage::Row(row) = message {
                    line += 1;
                    (0..self.headings.len()).for_each(|index| batch.field(row.get(index).unwrap_or("")));
                    batch.end_row(line);
                }
            }
            if batch.is_empty() || sink(&mut batch).is_break() {
                return Ok(());
            }
            batch.clear();
        }
    }
}

fn check(headings: &[String]) -> Result<(), SourceError> {
    match headings.len() {
        0 => Err(SourceError::Format("the query gives no columns".to_owned())),
        n if n > MAX_FIELDS => {
            Err(SourceError::TooLarge(format!("the query gives {n} columns, more than {MAX_FIELDS}")))
        }
        _ => Ok(()),
    }
}

fn refused(what: &str, error: &rusqlite::Error) -> SourceError {
    SourceError::Format(format!("{what}: {error}"))
}

/// What the server itself said; of other causes only the kind, since they can hold the connection's text.
fn answer(what: &str, error: &postgres::Error) -> SourceError {
    let cause = match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None if error.is_closed() => "the connection was closed".to_owned(),
        None => "no answer, or one that is not understood: check host, port, TLS and user".to_owned(),
    };
    SourceError::Format(format!("{what}: {cause}"))
}
