//! Who cosigned which head: the cosignatures collected, the heads published with them, and what this node's witness cosigned.

use diesel::prelude::*;

use crate::database::{AnyConnection, Doing, Store, StoreError};
use crate::schema::{cosignatures, published_heads, witnessed};

/// A witness's newest cosignature on a log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = cosignatures)]
pub struct CosignatureRow {
    /// Forum id.
    pub forum: String,
    /// Whose log.
    pub member: String,
    /// Whose witness.
    pub witness: String,
    /// Leaves of the head.
    pub size: i64,
    /// Its root.
    pub root: Vec<u8>,
    /// The time it says, unix seconds.
    pub at: i64,
    /// The note's line.
    pub line: String,
}

/// A head with enough cosignatures.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = published_heads)]
pub struct PublishedHeadRow {
    /// Forum id.
    pub forum: String,
    /// Whose log.
    pub member: String,
    /// Leaves.
    pub size: i64,
    /// Root.
    pub root: Vec<u8>,
    /// The signed note with its cosignatures.
    pub checkpoint: String,
    /// When it was stored, unix seconds.
    pub at: i64,
}

/// What this node's witness cosigned last of a log.
#[derive(Debug, Clone, PartialEq, Eq, Queryable, Selectable, Insertable)]
#[diesel(table_name = witnessed)]
pub struct WitnessedRow {
    /// Forum id.
    pub forum: String,
    /// Whose log.
    pub member: String,
    /// Leaves.
    pub size: i64,
    /// Root.
    pub root: Vec<u8>,
    /// The cosignature's time, unix seconds.
    pub at: i64,
}

impl Store {
    /// Keeps cosignatures, each if it is of no smaller head and no earlier than the one held of that witness: a witness's time does not go back.
    /// One held that says a time after `latest` (unix seconds) keeps none out.
    pub fn cosignature_put(&self, new: &[CosignatureRow], latest: i64) -> Result<(), StoreError> {
        self.write(|c| {
            for row in new {
                let key = (&row.forum, &row.member, &row.witness);
                let place = cosignatures::table.find(key);
                let held: Option<(i64, i64)> = place
                    .select((cosignatures::size, cosignatures::at))
                    .first(c)
                    .optional()
                    .doing("read the cosignature")?;
                let held = held.filter(|(_, at)| *at <= latest);
                if held.is_some_and(|(size, at)| size > row.size || at > row.at || (size, at) == (row.size, row.at)) {
                    continue;
                }
                diesel::delete(place).execute(c).doing("replace the cosignature")?;
                diesel::insert_into(cosignatures::table).values(row).execute(c).doing("store the cosignature")?;
            }
            Ok(())
        })
    }

    /// Each witness's newest cosignature on each log of a forum.
    pub fn cosignature_list(&self, forum: &str) -> Result<Vec<CosignatureRow>, StoreError> {
        let c = &mut *self.connection()?;
        let query = cosignatures::table.filter(cosignatures::forum.eq(forum)).select(CosignatureRow::as_select());
        query.order((cosignatures::member, cosignatures::witness)).load(c).doing("read the cosignatures")
    }

    /// Publishes a head, unless a larger one is published already.
    pub fn published_put(&self, row: &PublishedHeadRow) -> Result<(), StoreError> {
        self.write(|c| {
            let place = published_heads::table.find((&row.forum, &row.member));
            let held: Option<i64> =
                place.select(published_heads::size).first(c).optional().doing("read the published head")?;
            if held.is_some_and(|size| size > row.size) {
                return Ok(());
            }
            diesel::delete(place).execute(c).doing("replace the published head")?;
            diesel::insert_into(published_heads::table).values(row).execute(c).doing("store the published head")?;
            Ok(())
        })
    }

    /// The published head of every log.
    pub fn published_list(&self, forum: &str) -> Result<Vec<PublishedHeadRow>, StoreError> {
        let c = &mut *self.connection()?;
        let of = published_heads::table.filter(published_heads::forum.eq(forum));
        of.select(PublishedHeadRow::as_select()).load(c).doing("read the published heads")
    }

    /// The published head of one log.
    pub fn published_get(&self, forum: &str, member: &str) -> Result<Option<PublishedHeadRow>, StoreError> {
        let c = &mut *self.connection()?;
        let row = published_heads::table.find((forum, member)).select(PublishedHeadRow::as_select());
        row.first(c).optional().doing("read the published head")
    }

    /// What this node's witness cosigned last of every log.
    pub fn witnessed_list(&self, forum: &str) -> Result<Vec<WitnessedRow>, StoreError> {
        let c = &mut *self.connection()?;
        let query = witnessed::table.filter(witnessed::forum.eq(forum)).select(WitnessedRow::as_select());
        query.load(c).doing("read what was cosigned")
    }

    /// What this node's witness cosigned last of a log.
    pub fn witnessed_get(&self, forum: &str, member: &str) -> Result<Option<WitnessedRow>, StoreError> {
        witnessed_on(&mut *self.connection()?, forum, member)
    }

    /// Remembers a head that is about to be cosigned after `last`, in one step with asking whether `last` is still the last.
    /// False, and nothing is remembered, if it is not.
    pub fn witnessed_advance(&self, last: Option<&WitnessedRow>, new: &WitnessedRow) -> Result<bool, StoreError> {
        self.write(|c| {
            if witnessed_on(c, &new.forum, &new.member)?.as_ref() != last {
                return Ok(false);
            }
            let place = witnessed::table.find((&new.forum, &new.member));
            diesel::delete(place).execute(c).doing("replace what was cosigned")?;
            diesel::insert_into(witnessed::table).values(new).execute(c).doing("remember what is cosigned")?;
            Ok(true)
        })
    }
}

fn witnessed_on(c: &mut AnyConnection, forum: &str, member: &str) -> Result<Option<WitnessedRow>, StoreError> {
    let row = witnessed::table.find((forum, member)).select(WitnessedRow::as_select());
    row.first(c).optional().doing("read what was cosigned")
}
