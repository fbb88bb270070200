//! Privacy budgets: charged with the stage or not at all.

use chancery_store::StoreError;
use chancery_store::privacy::NewSpending;
use chancery_store::stages::StageRow;

use crate::support::{FORUM, on_both};

fn stage(id: &str) -> StageRow {
    StageRow {
        id: id.to_owned(),
        forum: FORUM.to_owned(),
        dataflow: "RCP:RETURNS(1.0.0)".to_owned(),
        title: "t".to_owned(),
        source: "f.csv".to_owned(),
        state: "staged".to_owned(),
        created_at: 10,
        updated_at: 10,
        intent: Vec::new(),
        operators: Vec::new(),
        report: Vec::new(),
        accepted: Vec::new(),
    }
}

fn spending(dataflow: &str, epsilon_micro: i64) -> NewSpending {
    NewSpending { dataflow: dataflow.to_owned(), epsilon_micro, budget_micro: 1_000_000 }
}

#[test]
fn a_stage_beyond_the_budget_is_not_stored_and_charges_nothing() {
    on_both(|database| {
        let store = database.open();
        let returns = spending("RCP:RETURNS", 400_000);
        store.stage_put(&stage("s1"), Some(&returns)).unwrap();
        store.stage_put(&stage("s2"), Some(&returns)).unwrap();
        let refused = store.stage_put(&stage("s3"), Some(&returns)).unwrap_err();
        assert!(
            matches!(&refused, StoreError::Conflict(what) if what.contains("0.8 of 1 is spent, and this takes 0.4")),
            "{refused}"
        );
        assert!(store.stage_get("s3").unwrap().is_none());
        // What is left can be spent to the last; another dataflow has its own.
        store.stage_put(&stage("s4"), Some(&spending("RCP:RETURNS", 200_000))).unwrap();
        store.stage_put(&stage("s5"), Some(&spending("RCP:TRANSITS", 1_000_000))).unwrap();
        assert!(store.stage_put(&stage("s6"), Some(&spending("RCP:RETURNS", 1))).is_err());
        // A stage that cannot be stored charges nothing.
        assert!(store.stage_put(&stage("s1"), Some(&spending("RCP:SOLUTIONS", 1))).is_err());
        // Giving a stage up gives nothing back.
        store.stage_discard("s1", 20).unwrap();
        let spent: Vec<(String, i64)> = store.spending_list(FORUM).unwrap().into_iter().collect();
        assert_eq!(spent, [("RCP:RETURNS".to_owned(), 1_000_000), ("RCP:TRANSITS".to_owned(), 1_000_000)]);
        assert!(store.spending_list("another").unwrap().is_empty());
    });
}

#[test]
fn stages_at_once_do_not_spend_the_same_twice() {
    on_both(|database| {
        database.open();
        let stored: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..6)
                .map(|i| {
                    scope.spawn(move || {
                        let row = stage(&format!("s{i}"));
                        usize::from(database.open().stage_put(&row, Some(&spending("RCP:RETURNS", 300_000))).is_ok())
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(stored, 3);
    });
}
