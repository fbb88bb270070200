//! Logs grow as a whole or not at all, and never fork.

use chancery_store::logs::LogExtension;
use chancery_store::releases::ReleaseSelection;
use chancery_store::{Store, StoreError};

use crate::support::{FORUM, extension, on_both, with_record, with_release};

/// Everything a log's extension may touch.
fn everything(store: &Store, member: &str) -> String {
    format!(
        "{:?} {:?} {:?} {:?} {:?}",
        store.head_list(FORUM).unwrap(),
        store.leaf_list(FORUM, member, 0, 1000).unwrap(),
        store.record_list(FORUM, member, 0, 1000).unwrap(),
        store.release_list(FORUM, &ReleaseSelection::default()).unwrap(),
        store.stage_list(FORUM).unwrap(),
    )
}

#[test]
fn what_was_stored_is_read_back_after_a_restart() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&extension("MEX", 0, 5, 10)).unwrap();
        store.log_extend(&extension("MEX", 5, 700, 20)).unwrap();
        store.log_extend(&with_record("GTM", 0, "r", "delegation", 30)).unwrap();
        drop(store);
        let store = database.open();
        let head = store.head_get(FORUM, "MEX").unwrap().unwrap();
        assert_eq!((head.size, head.checkpoint.as_str(), head.updated_at), (705, "head 705 of MEX", 20));
        assert_eq!(store.head_list(FORUM).unwrap().len(), 2);
        assert_eq!(store.leaf_list(FORUM, "MEX", 4, 2).unwrap(), [b"leaf 4 of MEX", b"leaf 5 of MEX"]);
        assert_eq!(store.leaf_list(FORUM, "MEX", 705, 2).unwrap(), Vec::<Vec<u8>>::new());
        assert_eq!(store.leaf_list(FORUM, "MEX", u64::MAX, 2).unwrap(), Vec::<Vec<u8>>::new());
        // More than one statement's parameters, in the order asked for.
        let positions: Vec<u64> = (0..1200).rev().collect();
        let hashes = store.hash_list(FORUM, "MEX", &positions).unwrap();
        assert_eq!((hashes.len(), hashes[0].as_slice()), (1200, b"hash 1199 of MEX".as_slice()));
        assert!(matches!(store.hash_list(FORUM, "MEX", &[u64::MAX]), Err(StoreError::Conflict(_))));
        assert_eq!(store.record_get("r").unwrap().unwrap().envelope, b"envelope of r");
        assert_eq!(store.record_list(FORUM, "GTM", 0, 9).unwrap().len(), 1);
    });
}

#[test]
fn an_extension_of_another_head_is_refused() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&extension("MEX", 0, 3, 10)).unwrap();
        let before = everything(&store, "MEX");
        for size in [0, 2, 4] {
            assert!(matches!(store.log_extend(&extension("MEX", size, 1, 20)), Err(StoreError::Conflict(_))));
        }
        assert_eq!(everything(&store, "MEX"), before);
    });
}

#[test]
fn writers_at_once_never_fork_a_log() {
    on_both(|database| {
        let stores = [database.open(), database.open()];
        let append = |store: &Store, writer: usize| {
            let mut done = 0;
            while done < 25 {
                let size = store.head_get(FORUM, "MEX").unwrap().map_or(0, |h| h.size);
                let id = format!("w{writer}-{done}");
                match store.log_extend(&with_record("MEX", size, &id, "delegation", 10)) {
                    Ok(()) => done += 1,
                    Err(StoreError::Conflict(_)) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        };
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let store = &stores[writer % 2];
                scope.spawn(move || append(store, writer));
            }
        });
        let store = &stores[0];
        assert_eq!(store.head_get(FORUM, "MEX").unwrap().unwrap().size, 100);
        assert_eq!(store.leaf_list(FORUM, "MEX", 0, 1000).unwrap().len(), 100);
        let positions: Vec<i64> =
            store.record_list(FORUM, "MEX", 0, 1000).unwrap().into_iter().map(|r| r.position).collect();
        assert_eq!(positions, (0..100).collect::<Vec<_>>());
    });
}

#[test]
fn an_extension_that_fails_at_its_end_leaves_nothing() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&with_release("MEX", "D", 0, "a", 10)).unwrap();
        let before = everything(&store, "MEX");
        let stage = Some("no such stage".to_owned());
        let failing = LogExtension { stage, ..with_release("MEX", "D", 1, "b", 20) };
        assert!(matches!(store.log_extend(&failing), Err(StoreError::Conflict(_))));
        assert_eq!(everything(&store, "MEX"), before);
    });
}

#[test]
fn a_process_that_dies_before_its_commit_leaves_nothing() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&with_release("MEX", "D", 0, "a", 10)).unwrap();
        let before = everything(&store, "MEX");
        database.beside(
            "BEGIN; UPDATE settings SET value = '1' WHERE name = 'writer';
             INSERT INTO leaves VALUES ('f0', 'MEX', 1, 'x'); DELETE FROM heads; UPDATE releases SET withdrawn_at = 1;",
        );
        assert_eq!(everything(&store, "MEX"), before);
        store.log_extend(&extension("MEX", 1, 1, 20)).unwrap();
        assert_eq!(everything(&database.open(), "MEX"), everything(&store, "MEX"));
    });
}

#[test]
fn extensions_that_contradict_themselves_are_refused() {
    let mut cases = vec![with_release("MEX", "D", 3, "a", 10); 9];
    cases[0].head.size += 1;
    cases[1].leaves.push(Vec::new());
    cases[2].hashes.pop();
    cases[3].first_hash += 1;
    cases[4].records[0].position = 2;
    cases[5].records[0].issuer = "GTM".to_owned();
    cases[6].releases[0].release.member = "GTM".to_owned();
    cases[7].records.clear();
    cases[8].expected_size = -1;
    on_both(|database| {
        let store = database.open();
        store.log_extend(&extension("MEX", 0, 3, 5)).unwrap();
        let before = everything(&store, "MEX");
        for (index, case) in cases.iter().enumerate() {
            assert!(matches!(store.log_extend(case), Err(StoreError::Inconsistent(_))), "case {index}");
        }
        assert_eq!(everything(&store, "MEX"), before);
        store.log_extend(&with_release("MEX", "D", 3, "a", 10)).unwrap();
    });
}

#[test]
fn a_record_that_comes_twice_is_kept_once() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&with_release("MEX", "D", 0, "a", 10)).unwrap();
        store.log_extend(&with_release("MEX", "D", 1, "a", 20)).unwrap();
        assert_eq!(store.head_get(FORUM, "MEX").unwrap().unwrap().size, 2);
        assert_eq!(store.record_get("a").unwrap().unwrap().position, 0);
        let release = store.release_get("a").unwrap().unwrap();
        assert_eq!((release.received_at, release.replaced_by), (10, None));
    });
}

#[test]
fn contradicting_heads_are_kept_once() {
    on_both(|database| {
        let store = database.open();
        for at in [10, 20] {
            store.evidence_put(FORUM, "MEX", "one", "other", "", at).unwrap();
        }
        assert_eq!(store.evidence_list(FORUM).unwrap(), [("MEX".to_owned(), 10)]);
    });
}
