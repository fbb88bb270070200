//! RFC 3161 time-stamps of releases: what to ask an authority, and keeping its answer.

use chancery_ledger::{Envelope, timestamp};

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

impl Node {
    async fn record_of(&self, release: &str) -> Result<Envelope> {
        let id = release.to_owned();
        let record =
            self.store().run(move |s| s.record_get(&id)).await.or_storage(|| "cannot read the record".to_owned())?;
        let record = record.filter(|r| r.kind == "release").ok_or_else(|| {
            Error::not_found(format!("there is no release `{}` here", release.chars().take(80).collect::<String>()))
        })?;
        Envelope::parse(&record.envelope).or_unverified(|| "the record is damaged: restore a backup".to_owned())
    }

    /// The request to a time-stamping authority, DER, for a release's record.
    pub async fn timestamp_request(&self, release: &str) -> Result<Vec<u8>> {
        timestamp::request(&self.record_of(release).await?).or_invalid(|| "cannot write the request".to_owned())
    }

    /// Checks an authority's answer under the CAs given (PEM) and keeps it: it is part of the release's proof from now on. Returns the time
    /// it says, unix seconds.
    pub async fn timestamp_accept(&self, release: &str, answer: &[u8], cas: &[u8]) -> Result<i64> {
        let record = self.record_of(release).await?;
        let refused = || "the time-stamp is refused".to_owned();
        let token = timestamp::token_of(answer, &record).or_unverified(refused)?;
        let at = timestamp::verify(&token, &record, cas).or_unverified(refused)?;
        let (id, now) = (release.to_owned(), self.now());
        let keep = move |s: &chancery_store::Store| s.timestamp_put(&id, &token, now);
        self.store().run(keep).await.or_storage(|| "cannot keep the time-stamp".to_owned())?;
        Ok(at)
    }
}
