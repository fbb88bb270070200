//! The use cases: one module a verb, in the order of a figure's way.
//!
//! ```text
//! import ─► disclose ─► approve ─► seal ─► announce ─► sync ─► verify ─► figures
//! ```
//!
//! The only place that joins store, query, network and policies. Functions authorise, then act.

mod access;
mod alarms;
mod approve;
mod budget;
mod compare;
pub mod config;
mod disclose;
mod doctor;
mod embargo;
mod error;
mod figures;
mod forum;
mod held;
mod import;
mod keyring;
mod keys;
mod metadata;
mod node;
mod readers;
mod seal;
mod serve;
mod signer;
mod sync;
mod tiles;
mod timestamp;
mod token;
mod tombstone;
mod verify;
pub mod views;
mod witnessing;

pub use access::{AccessExplanation, OwnPolicy, PoliciesView};
pub use approve::Stage;
pub use budget::Budget;
pub use chancery_ledger::Envelope;
pub use chancery_ledger::witness::{MAX_REQUEST as MAX_COSIGN_REQUEST, Refusal as CosignRefusal};
pub use compare::{Comparison, Revision, YearTotals};
pub use disclose::profile_of;
pub use doctor::Finding;
pub use error::{Cause, Error, Result};
pub use figures::{Availability, Data, FiguresQuery};
pub use forum::{
    Amendment, Waiting, amend, card, draft, everything, mandates, sign, sign_chosen, suspend, waiting, waiting_for,
};
pub use import::{
    AcceptedWarning, Checks, Findings, Found, ImportOutcome, ImportRequest, Marked, Phase, Progress, Trial, mark,
    propose_mapping, try_mapping,
};
pub use keyring::{AuthorityPlace, Keyring, SecretKind, SignedCharters};
pub use keys::{KeyView, parse_purpose};
pub use metadata::{HeldMetadata, MetadataDraft, MetadataFilter};
pub use node::Node;
pub use readers::{LogEntry, LogListing, ReleaseFilter};
pub use serve::serve_network;
pub use token::TokenAddress;
pub use tombstone::Tombstone;
pub use views::*;
