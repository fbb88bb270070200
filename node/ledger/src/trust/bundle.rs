//! The file a member passes on.

use serde::{Deserialize, Serialize};

use super::TrustError;
use crate::audience::excerpt;
use crate::record::{Envelope, RecordKind};

/// Largest bundle, as a file or from a peer, in bytes.
pub const MAX_BUNDLE_BYTES: usize = 64 << 20;

/// The file a member passes on: every charter version and every delegation.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForumBundle {
    /// Charter versions, genesis first.
    pub charters: Vec<Envelope>,
    /// Delegations, in any order.
    pub delegations: Vec<Envelope>,
    /// Revocations, in any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revocations: Vec<Envelope>,
    /// Suspensions, in any order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suspensions: Vec<Envelope>,
    /// Charters that contradict one of `charters`: both valid, both successors of one version. Evidence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conflicting: Vec<Envelope>,
}

impl ForumBundle {
    /// Reads a bundle file and checks each envelope's form.
    pub fn parse(bytes: &[u8]) -> Result<Self, TrustError> {
        if bytes.len() > MAX_BUNDLE_BYTES {
            return Err(TrustError::Bundle(format!("{} bytes, more than {MAX_BUNDLE_BYTES}", bytes.len())));
        }
        Self::parse_stored(bytes)
    }

    /// [`ForumBundle::parse`] for what a node has put together and stored itself: as large as the counts of records that it holds allow.
    pub fn parse_stored(bytes: &[u8]) -> Result<Self, TrustError> {
        let bundle: Self = serde_json::from_slice(bytes).map_err(|e| TrustError::Bundle(excerpt(&e.to_string())))?;
        for envelope in bundle.envelopes() {
            envelope.check_form()?;
        }
        Ok(bundle)
    }

    /// Everything in it: charters first, in their order.
    pub fn envelopes(&self) -> impl Iterator<Item = &Envelope> {
        let Self { charters, delegations, revocations, suspensions, conflicting } = self;
        charters.iter().chain(revocations).chain(suspensions).chain(delegations).chain(conflicting)
    }

    /// Puts an envelope where its kind belongs; one of another kind is refused.
    pub fn place(&mut self, envelope: Envelope) -> Result<(), TrustError> {
        match envelope.kind() {
            Some(RecordKind::Charter) => self.charters.push(envelope),
            Some(RecordKind::Delegation) => self.delegations.push(envelope),
            Some(RecordKind::Revocation) => self.revocations.push(envelope),
            Some(RecordKind::Suspension) => self.suspensions.push(envelope),
            _ => return Err(TrustError::Bundle(format!("`{}` has no place in it", excerpt(&envelope.payload_type)))),
        }
        Ok(())
    }

    /// Adds what `other` has and this has not, and the signatures that `other` has of the same records. Returns how many
    /// records and signatures were new.
    pub fn collect(&mut self, other: &Self) -> Result<(usize, usize), TrustError> {
        let (mut records, mut signatures) = (0, 0);
        let lists = [
            (&mut self.charters, &other.charters),
            (&mut self.delegations, &other.delegations),
            (&mut self.revocations, &other.revocations),
            (&mut self.suspensions, &other.suspensions),
            (&mut self.conflicting, &other.conflicting),
        ];
        for (mine, theirs) in lists {
            for envelope in theirs {
                let id = envelope.id()?;
                match mine.iter_mut().find(|e| e.id().is_ok_and(|found| found == id)) {
                    Some(same) => signatures += same.collect(envelope)?,
                    None => {
                        mine.push(envelope.clone());
                        records += 1;
                    }
                }
            }
        }
        Ok((records, signatures))
    }
}
