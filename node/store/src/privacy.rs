//! What differentially private stages have spent of their dataflow's budget. Spent is spent: a stage that is given up has been seen.

use std::collections::BTreeMap;

use diesel::prelude::*;

use crate::database::{AnyConnection, Doing, Store, StoreError};
use crate::schema::privacy_spending;

/// What a stage spends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSpending {
    /// The dataflow without its version: `RCP:RETURNS`. A new version counts the same persons.
    pub dataflow: String,
    /// ε in millionths, above 0.
    pub epsilon_micro: i64,
    /// What all stages of the dataflow together may spend.
    pub budget_micro: i64,
}

impl Store {
    /// ε spent in a forum, in millionths, by dataflow.
    pub fn spending_list(&self, forum: &str) -> Result<BTreeMap<String, i64>, StoreError> {
        let c = &mut *self.connection()?;
        let rows: Vec<(String, i64)> = privacy_spending::table
            .filter(privacy_spending::forum.eq(forum))
            .select((privacy_spending::dataflow, privacy_spending::epsilon_micro))
            .load(c)
            .doing("read what was spent")?;
        let mut spent = BTreeMap::new();
        for (dataflow, epsilon) in rows {
            let sum: &mut i64 = spent.entry(dataflow).or_default();
            *sum = sum.saturating_add(epsilon);
        }
        Ok(spent)
    }
}

/// Charges a stage, unless that is more than is left; in the transaction that stores the stage.
pub(crate) fn spend_on_conn(
    c: &mut AnyConnection,
    new: &NewSpending,
    (forum, stage, at): (&str, &str, i64),
) -> Result<(), StoreError> {
    let before: Vec<i64> = privacy_spending::table
        .filter(privacy_spending::forum.eq(forum).and(privacy_spending::dataflow.eq(&new.dataflow)))
        .select(privacy_spending::epsilon_micro)
        .load(c)
        .doing("read what was spent")?;
    let spent = before.into_iter().fold(0i64, i64::saturating_add);
    if spent.saturating_add(new.epsilon_micro) > new.budget_micro {
        let epsilon = |micro: i64| micro as f64 / 1e6;
        return Err(StoreError::Conflict(format!(
            "the privacy budget of `{}` is exhausted: {} of {} is spent, and this takes {}; publish less often, or let the \
             profile's owner decide on a larger budget",
            new.dataflow,
            epsilon(spent),
            epsilon(new.budget_micro),
            epsilon(new.epsilon_micro)
        )));
    }
    diesel::insert_into(privacy_spending::table)
        .values((
            privacy_spending::forum.eq(forum),
            privacy_spending::dataflow.eq(&new.dataflow),
            privacy_spending::stage.eq(stage),
            privacy_spending::epsilon_micro.eq(new.epsilon_micro),
            privacy_spending::at.eq(at),
        ))
        .execute(c)
        .doing("note what is spent")?;
    Ok(())
}
