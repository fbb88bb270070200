//! What every SDMX message says about itself.

use chrono::{DateTime, SecondsFormat, Utc};

/// A message's header.
#[derive(Debug, Clone)]
pub struct MessageHeader {
    /// Message id.
    pub id: String,
    /// When it was made.
    pub prepared: DateTime<Utc>,
    /// Sender's id.
    pub sender_id: String,
    /// Sender's name.
    pub sender_name: String,
    /// The releases its figures come from.
    pub releases: Vec<ReleaseLink>,
}

/// A release, and where its signed record is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseLink {
    /// Record id.
    pub id: String,
    /// Address.
    pub href: String,
}

impl MessageHeader {
    /// `prepared`, with a time zone: some clients warn without one.
    pub fn prepared_text(&self) -> String {
        self.prepared.to_rfc3339_opts(SecondsFormat::Secs, true)
    }
}
