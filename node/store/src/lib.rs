//! What a node keeps: rows in SQLite or PostgreSQL, artefacts as files named by their SHA-256.
//!
//! Knows nothing of signatures or policy: `exchange` decides what may be stored. Every method is synchronous; async callers go
//! through [`Store::run`], the one way onto the blocking threads.

pub mod artefacts;
pub mod database;
pub mod folder;
pub mod logs;
pub mod notes;
pub mod privacy;
pub mod releases;
mod schema;
pub mod signer;
pub mod stages;
mod timestamps;
pub mod version;
pub mod witnessing;
pub mod workspace;

pub use artefacts::ArtefactFiles;
pub use database::{Store, StoreError};
pub use folder::{DataFolder, FolderLock};
pub use version::Version;
