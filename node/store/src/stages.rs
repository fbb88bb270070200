//! Stages: imported, filtered, waiting for a second person. Private.

use diesel::prelude::*;

use crate::database::{Doing, Store, StoreError};
use crate::privacy::{NewSpending, spend_on_conn};
use crate::schema::stages;

/// A stage.
#[derive(Debug, Clone, Queryable, Selectable, Insertable)]
#[diesel(table_name = stages)]
pub struct StageRow {
    /// Id.
    pub id: String,
    /// Forum id.
    pub forum: String,
    /// `RCP:RETURNS(1.0.0)`.
    pub dataflow: String,
    /// Title of the release it would become.
    pub title: String,
    /// Name of the imported file.
    pub source: String,
    /// `staged`, `approved`, `published` or `discarded`.
    pub state: String,
    /// Unix seconds.
    pub created_at: i64,
    /// Unix seconds.
    pub updated_at: i64,
    /// The intent, JSON.
    pub intent: Vec<u8>,
    /// Operators' signatures, JSON.
    pub operators: Vec<u8>,
    /// The disclosure report, JSON.
    pub report: Vec<u8>,
    /// The warnings that the importing operator accepted, JSON.
    pub accepted: Vec<u8>,
}

impl Store {
    /// Stores a new stage and charges what it spends of a privacy budget; neither if that is more than is left.
    pub fn stage_put(&self, row: &StageRow, spending: Option<&NewSpending>) -> Result<(), StoreError> {
        self.write(|c| {
            if let Some(spending) = spending {
                spend_on_conn(c, spending, (&row.forum, &row.id, row.created_at))?;
            }
            diesel::insert_into(stages::table).values(row).execute(c).doing("store the stage")?;
            Ok(())
        })
    }

    /// A stage.
    pub fn stage_get(&self, id: &str) -> Result<Option<StageRow>, StoreError> {
        let c = &mut *self.connection()?;
        stages::table.find(id).select(StageRow::as_select()).first(c).optional().doing("read the stage")
    }

    /// Stages, newest first.
    pub fn stage_list(&self, forum: &str) -> Result<Vec<StageRow>, StoreError> {
        let c = &mut *self.connection()?;
        stages::table
            .filter(stages::forum.eq(forum))
            .order((stages::created_at.desc(), stages::id.desc()))
            .select(StageRow::as_select())
            .load(c)
            .doing("read the stages")
    }

    /// Marks a staged one approved and keeps the signatures; fails if it was not waiting.
    pub fn stage_approve(&self, id: &str, operators: &[u8], at: i64) -> Result<(), StoreError> {
        self.write(|c| {
            let updated = diesel::update(stages::table.filter(stages::id.eq(id).and(stages::state.eq("staged"))))
                .set((stages::state.eq("approved"), stages::operators.eq(operators), stages::updated_at.eq(at)))
                .execute(c)
                .doing("approve the stage")?;
            if updated == 1 {
                Ok(())
            } else {
                Err(StoreError::Conflict(format!("the stage `{id}` is not waiting for approval")))
            }
        })
    }

    /// Gives up a stage that is not published.
    pub fn stage_discard(&self, id: &str, at: i64) -> Result<(), StoreError> {
        self.write(|c| {
            let open = stages::table.filter(stages::id.eq(id).and(stages::state.eq_any(["staged", "approved"])));
            let updated = diesel::update(open)
                .set((stages::state.eq("discarded"), stages::updated_at.eq(at)))
                .execute(c)
                .doing("discard the stage")?;
            if updated == 1 {
                Ok(())
            } else {
                Err(StoreError::Conflict(format!("the stage `{id}` is published, discarded or not there")))
            }
        })
    }
}
