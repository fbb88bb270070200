//! Metadata records of others: taken over if they fit their structure and stand in the log in the order of their versions.

use chancery_ledger::Trust;
use chancery_store::logs::RecordRow;

use super::row_of;
use crate::error::{Error, Result};
use crate::metadata::{MetadataFilter, check_metadata, subject};
use crate::node::Node;
use crate::verify::CheckedRecord;

/// Where the versions of a member's metadata stand in its log.
pub(super) struct MetadataVersions(Vec<(u64, String, u32)>);

impl MetadataVersions {
    /// Whether a version at `position` comes after those before it and before those after it.
    fn fits(&self, position: u64, about: &str, version: u32) -> bool {
        let same = self.0.iter().filter(|(_, subject, _)| subject == about);
        same.clone().all(|(p, _, v)| if *p < position { *v < version } else { *v > version })
    }
}

impl Node {
    pub(super) async fn metadata_versions(&self, member: &str) -> Result<MetadataVersions> {
        let filter = MetadataFilter { member: Some(member.to_owned()), all: true, ..MetadataFilter::default() };
        let held = self.metadata(filter).await?;
        let place = |h: &crate::metadata::HeldMetadata| {
            (h.position, subject(&h.intent().dataflow).to_owned(), h.intent().version)
        };
        Ok(MetadataVersions(held.iter().map(place).collect()))
    }

    /// Checks a set and notes its version.
    pub(super) fn take_metadata(
        &self,
        trust: &Trust,
        record: &CheckedRecord,
        member: &str,
        versions: &mut MetadataVersions,
        now: i64,
    ) -> Result<RecordRow> {
        let verified = check_metadata(self.structures(), trust, &record.envelope, member, now)?;
        let intent = &verified.payload.body.intent;
        let about = subject(&intent.dataflow).to_owned();
        if !versions.fits(record.position, &about, intent.version) {
            let (dataflow, version) = (&intent.dataflow, intent.version);
            let what = format!("version {version} of the metadata of `{dataflow}` is not in order in the log");
            return Err(Error::unverified(what));
        }
        versions.0.push((record.position, about, intent.version));
        row_of(record, trust.forum(), member, now)
    }
}

#[cfg(test)]
mod tests {
    use super::MetadataVersions;

    #[test]
    fn a_version_stands_between_its_neighbours() {
        let of = |subject: &str| subject.to_owned();
        let held = MetadataVersions(vec![(3, of("RCP:A"), 1), (9, of("RCP:A"), 3), (5, of("RCP:B"), 7)]);
        let cases = [
            (6, "RCP:A", 2, true),
            (6, "RCP:A", 1, false),
            (6, "RCP:A", 3, false),
            (10, "RCP:A", 4, true),
            (10, "RCP:A", 3, false),
            (1, "RCP:A", 1, false),
            (6, "RCP:C", 1, true),
        ];
        for (position, subject, version, fits) in cases {
            assert_eq!(held.fits(position, subject, version), fits, "{subject} {version} at {position}");
        }
    }
}
