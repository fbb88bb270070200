//! What can go wrong in a use case, by what the caller does next.

use crate::import::Findings;
use crate::tombstone::Tombstone;

/// The cause behind an error, kept as its source and never repeated in its text.
pub type Cause = Box<dyn std::error::Error + Send + Sync + 'static>;

/// The result of a use case.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The request or file is wrong: mend it and try again.
    #[error("{what}")]
    Invalid {
        /// What is wrong, where, and what to do.
        what: String,
        /// The cause, if another crate found it.
        #[source]
        cause: Option<Cause>,
    },
    /// The file holds figures that the schema or a rule refuses, or warnings that nobody has accepted.
    #[error("{0}")]
    Problems(Box<Findings>),
    /// There is no such thing here.
    #[error("{what}")]
    NotFound {
        /// What was looked for, and where to look instead.
        what: String,
    },
    /// It was here and was withdrawn.
    #[error("{0}")]
    Withdrawn(Box<Tombstone>),
    /// A rule forbids it.
    #[error("{what}")]
    Denied {
        /// Which rule, and what it asks for.
        what: String,
    },
    /// Something else is in the way: another process, a port, a newer state.
    #[error("{what}")]
    Conflict {
        /// What is in the way, and what to do.
        what: String,
        /// The cause, if another crate found it.
        #[source]
        cause: Option<Cause>,
    },
    /// A signature, proof, hash or schema check failed.
    #[error("{what}")]
    Unverified {
        /// Which check, of what.
        what: String,
        /// The cause, if another crate found it.
        #[source]
        cause: Option<Cause>,
    },
    /// The disk or the database failed.
    #[error("{what}")]
    Storage {
        /// Which operation, where.
        what: String,
        /// The cause.
        #[source]
        cause: Option<Cause>,
    },
    /// A peer or the network is not there now: trying later can help.
    #[error("{what}")]
    Unavailable {
        /// What is not there.
        what: String,
        /// The cause, if another crate found it.
        #[source]
        cause: Option<Cause>,
    },
}

impl Error {
    /// The message with those of its causes.
    pub(crate) fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(c) = cause {
            text = format!("{text}: {c}");
            cause = c.source();
        }
        text
    }

    /// The request is wrong.
    pub fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into(), cause: None }
    }

    /// There is no such thing.
    pub fn not_found(what: impl Into<String>) -> Self {
        Self::NotFound { what: what.into() }
    }

    /// A rule forbids it.
    pub fn denied(what: impl Into<String>) -> Self {
        Self::Denied { what: what.into() }
    }

    /// Something is in the way.
    pub fn conflict(what: impl Into<String>) -> Self {
        Self::Conflict { what: what.into(), cause: None }
    }

    /// A check failed.
    pub fn unverified(what: impl Into<String>) -> Self {
        Self::Unverified { what: what.into(), cause: None }
    }

    /// Something is not there now.
    pub fn unavailable(what: impl Into<String>) -> Self {
        Self::Unavailable { what: what.into(), cause: None }
    }

    /// A file operation on `path` failed while doing `doing`; says so for a full disk.
    pub fn file(doing: &str, path: &std::path::Path, cause: std::io::Error) -> Self {
        let advice = match cause.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => {
                "; the disk is full: free space and try again"
            }
            std::io::ErrorKind::PermissionDenied => "; permission denied: check the owner of the folder",
            _ => "",
        };
        Self::Storage { what: format!("cannot {doing} `{}`{advice}", path.display()), cause: Some(Box::new(cause)) }
    }
}

/// Names the operation that failed, by kind, keeping the cause.
pub(crate) trait Doing<T> {
    /// The request or file is wrong.
    fn or_invalid(self, doing: impl FnOnce() -> String) -> Result<T>;
    /// A check failed.
    fn or_unverified(self, doing: impl FnOnce() -> String) -> Result<T>;
    /// A rule forbids it; the cause is part of the text.
    fn or_denied(self, doing: &str) -> Result<T>;
    /// The disk or the database failed.
    fn or_storage(self, doing: impl FnOnce() -> String) -> Result<T>;
    /// A peer or the network is not there.
    fn or_unavailable(self, doing: impl FnOnce() -> String) -> Result<T>;
}

impl<T, E: Into<Cause>> Doing<T> for std::result::Result<T, E> {
    fn or_invalid(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::Invalid { what: doing(), cause: Some(e.into()) })
    }

    fn or_unverified(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::Unverified { what: doing(), cause: Some(e.into()) })
    }

    fn or_denied(self, doing: &str) -> Result<T> {
        self.map_err(|e| Error::Denied { what: format!("{doing}: {}", e.into()) })
    }

    fn or_storage(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::Storage { what: doing(), cause: Some(e.into()) })
    }

    fn or_unavailable(self, doing: impl FnOnce() -> String) -> Result<T> {
        self.map_err(|e| Error::Unavailable { what: doing(), cause: Some(e.into()) })
    }
}
