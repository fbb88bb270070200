//! RFC 3161 time-stamps of releases: what to ask an authority, and keeping its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_ledger::timestamp::{self, Timestamp};
use chancery_ledger::{Audience, Envelope, Payload, Purpose, RecordKind, time};
use chancery_store::Store;
use chancery_store::folder::Exclusive;
use chancery_store::releases::ReleaseRow;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::NewRecord;

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

    /// Checks an authority's answer under the CAs given (PEM) and keeps it: it is part of the release's proof from now on. That of a release of
    /// this member goes into its log, and so to everybody who has the release. Returns the time it says, unix seconds.
    pub async fn timestamp_accept(&self, release: &str, answer: &[u8], cas: &[u8]) -> Result<i64> {
        let record = self.record_of(release).await?;
        let refused = || "the time-stamp is refused".to_owned();
        let token = timestamp::token_of(answer, &record).or_unverified(refused)?;
        let at = timestamp::verify(&token, &record, cas).or_unverified(refused)?;
        self.log_timestamp(release, &token).await?;
        let (id, now) = (release.to_owned(), self.now());
        let keep = move |s: &chancery_store::Store| s.timestamp_put(&id, &token, now);
        self.store().run(keep).await.or_storage(|| "cannot keep the time-stamp".to_owned())?;
        Ok(at)
    }

    /// Puts a stamp of this member's own release into its log, unless it is there.
    async fn log_timestamp(&self, release: &str, token: &[u8]) -> Result<()> {
        let _lock = self.folder().lock(Exclusive::Publish).map_err(|e| Error::conflict(e.to_string()))?;
        let id = release.to_owned();
        let row =
            self.store().run(move |s| s.release_get(&id)).await.or_storage(|| "cannot read the release".to_owned())?;
        let Some(row) = row.filter(|row| row.member == self.member()) else { return Ok(()) };
        let token = STANDARD.encode(token);
        if self.timestamps_of(&row).await?.iter().any(|known| known.token == token) {
            return Ok(());
        }
        let audience = Audience::parse(&row.audience);
        let audience = audience.ok_or_else(|| Error::unverified(format!("the audience of `{release}` is damaged")))?;
        let named = (audience != Audience::Public).then(|| audience.clone());
        let payload = Payload {
            forum: row.forum,
            issuer: row.member,
            issued_at: time::format(self.now()),
            kind: RecordKind::Timestamp,
            body: Timestamp { release: row.id, token, audience: named },
        };
        let publisher = self.keyring().key(Purpose::Publisher)?;
        let envelope =
            Envelope::seal(&payload, &[&publisher]).or_storage(|| "cannot sign the time-stamp".to_owned())?;
        let record = NewRecord::of(RecordKind::Timestamp, audience, envelope);
        self.append(vec![record], Vec::new(), Vec::new(), None).await
    }

    /// The stamps of a release that its member has in its log, in the order of the log.
    pub(crate) async fn timestamps_of(&self, row: &ReleaseRow) -> Result<Vec<Timestamp>> {
        let (forum, member, id) = (row.forum.clone(), row.member.clone(), row.id.clone());
        let read = move |s: &Store| s.record_list_of_kind(&forum, &member, RecordKind::Timestamp.as_str());
        let records = self.store().run(read).await.or_storage(|| "cannot read the time-stamps".to_owned())?;
        let body = |envelope: &[u8]| {
            Some(Envelope::parse(envelope).ok()?.payload::<Timestamp>(RecordKind::Timestamp).ok()?.body)
        };
        Ok(records.iter().filter_map(|r| body(&r.envelope)).filter(|stamp| stamp.release == id).collect())
    }

    /// The token that belongs into a release's proof, base64, with the time it says: the one accepted here, or else the newest that its
    /// member has in its log.
    pub(crate) async fn timestamp_of(&self, row: &ReleaseRow) -> Result<Option<(String, i64)>> {
        let id = row.id.clone();
        let kept = self.store().run(move |s| s.timestamp_get(&id)).await;
        let kept = kept.or_storage(|| "cannot read the time-stamp".to_owned())?;
        let kept =
            kept.map(|token| Timestamp { release: row.id.clone(), token: STANDARD.encode(token), audience: None });
        let found = match kept {
            Some(kept) => Some(kept),
            None => self.timestamps_of(row).await?.pop(),
        };
        Ok(found.and_then(|stamp| stamp.token().ok().map(|(_, at)| (stamp.token, at))))
    }
}
