//! RFC 3161 time-stamps of releases: one each, the newest that was taken.

use diesel::prelude::*;

use crate::database::{Doing, Store, StoreError};
use crate::schema::timestamps;

impl Store {
    /// A release's time-stamp token.
    pub fn timestamp_get(&self, release: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let c = &mut *self.connection()?;
        timestamps::table.find(release).select(timestamps::token).first(c).optional().doing("read a time-stamp")
    }

    /// Keeps a release's time-stamp token; one that was there is replaced.
    pub fn timestamp_put(&self, release: &str, token: &[u8], at: i64) -> Result<(), StoreError> {
        let c = &mut *self.connection()?;
        c.transaction(|c| {
            diesel::delete(timestamps::table.find(release)).execute(c).doing("replace a time-stamp")?;
            let row = (timestamps::release.eq(release), timestamps::token.eq(token), timestamps::received_at.eq(at));
            diesel::insert_into(timestamps::table).values(row).execute(c).doing("keep a time-stamp")?;
            Ok(())
        })
    }
}
