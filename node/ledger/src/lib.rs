//! Keys, signed records, charter, delegations, Merkle log and proofs.
//!
//! Pure: no files, no network, no clock. Time comes in as unix seconds (`at`), randomness from the operating system only where
//! a key or a salt is made. `exchange` and the conformance tests call it.

pub mod audience;
pub mod charter;
pub mod checkpoint;
pub mod cosignature;
pub mod delegation;
pub mod endorsement;
pub mod equivocation;
pub mod json;
pub mod keys;
pub mod log;
pub mod metadata;
pub mod proof;
pub mod record;
pub mod release;
pub mod revocation;
pub mod suspension;
pub mod tiles;
pub mod time;
pub mod timestamp;
pub mod trust;
pub mod witness;

pub use audience::Audience;
pub use keys::{KeyPair, PublicKey, Purpose, Signer};
pub use record::{Envelope, Payload, RecordKind};
pub use trust::{ForumBundle, Trust};
