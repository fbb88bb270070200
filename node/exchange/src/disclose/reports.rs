//! Disclosure reports of releases, for readers.

use chancery_policies::access::Action;
use chancery_policies::disclosure::Report;
use chancery_policies::disclosure::report::html;
use chancery_store::releases::ReleaseRow;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

impl Node {
    /// The disclosure report of a release, JSON: the bytes whose SHA-256 the release signs. Only its issuer has it.
    pub async fn disclosure_report(&self, id: &str) -> Result<Vec<u8>> {
        Ok(self.reported(id).await?.0)
    }

    /// The same as a page for people.
    pub async fn disclosure_page(&self, id: &str) -> Result<String> {
        let (bytes, row) = self.reported(id).await?;
        let report: Report = serde_json::from_slice(&bytes).or_storage(|| "the report is damaged".to_owned())?;
        let facts = [("Dataflow", row.dataflow), ("Issuer", row.member), ("Release", row.id)];
        Ok(html::page(&report, &row.title, &facts))
    }

    /// A release's report, and the release.
    async fn reported(&self, id: &str) -> Result<(Vec<u8>, ReleaseRow)> {
        let row = self.readable_release(id, Action::Discover).await?;
        let report = self.release_report(&row.id).await?;
        let none = || Error::not_found("this node has no disclosure report of the release: ask its issuer's");
        Ok((report.ok_or_else(none)?, row))
    }

    /// The report as it is stored, if it is here.
    pub(crate) async fn release_report(&self, id: &str) -> Result<Option<Vec<u8>>> {
        let id = id.to_owned();
        let report = self.store().run(move |s| s.release_report(&id)).await;
        report.or_storage(|| "cannot read the disclosure report".to_owned())
    }
}
