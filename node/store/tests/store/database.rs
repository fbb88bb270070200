//! Opening databases: new ones, newer ones, several programs at once; and what a node notes.

use chancery_store::logs::ForumRow;
use chancery_store::notes::NewDecision;
use chancery_store::{Store, StoreError};

use crate::support::{FORUM, on_both};

#[test]
fn a_database_from_a_newer_version_is_refused_and_left_alone() {
    on_both(|database| {
        database.open().setting_put("a", "1").unwrap();
        database.beside("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')");
        let error = Store::open(&database.url).err().unwrap();
        assert!(matches!(&error, StoreError::Newer { migration, .. } if migration == "29990101000000"), "{error}");
        assert!(error.to_string().contains("newer"), "{error}");
        database.beside("DELETE FROM __diesel_schema_migrations WHERE version = '29990101000000'");
        assert_eq!(database.open().setting_get("a").unwrap().as_deref(), Some("1"));
    });
}

#[test]
fn programs_that_open_a_new_database_at_once_all_succeed() {
    on_both(|database| {
        std::thread::scope(|scope| {
            let opened: Vec<_> = (0..6).map(|_| scope.spawn(|| Store::open(&database.url).map(|_| ()))).collect();
            for thread in opened {
                thread.join().unwrap().unwrap();
            }
        });
    });
}

#[test]
fn what_cannot_be_opened_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("no folder").join("node.sqlite");
    let error = Store::open(missing.to_str().unwrap()).err().unwrap().to_string();
    assert!(error.contains("no folder") && error.contains("Unable to open"), "{error}");
    let text = dir.path().join("text");
    std::fs::write(&text, "not a database, but long enough to be looked at".repeat(100)).unwrap();
    let error = Store::open(text.to_str().unwrap()).err().unwrap().to_string();
    assert!(error.contains("not a database"), "{error}");
}

#[test]
fn work_on_a_blocking_thread_gives_its_result() {
    on_both(|database| {
        let store = database.open();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let found = runtime.block_on(store.run(|s| {
            s.setting_put("a", "1")?;
            s.setting_put("a", "2")?;
            s.setting_get("a")
        }));
        assert_eq!(found.unwrap().as_deref(), Some("2"));
        assert_eq!(store.setting_get("writer").unwrap(), None, "the store's own settings are its own");
        let error = runtime.block_on(store.run::<()>(|_| panic!("on purpose"))).unwrap_err();
        assert!(matches!(error, StoreError::Task));
    });
}

#[test]
fn forums_peers_refusals_and_decisions_are_noted() {
    on_both(|database| {
        let store = database.open();
        for bundle in [b"one", b"two"] {
            let row = ForumRow { id: FORUM.into(), name: "n".into(), joined_at: 5, bundle: bundle.to_vec() };
            store.forum_put(&row).unwrap();
        }
        let forums = store.forum_list().unwrap();
        assert_eq!((forums.len(), forums[0].bundle.as_slice()), (1, b"two".as_slice()));
        for at in [10, 20] {
            store.peer_seen(FORUM, "MEX", at).unwrap();
        }
        assert_eq!(store.peer_list(FORUM).unwrap(), [("MEX".to_owned(), 20)]);
        store.refusal_put(FORUM, "MEX", "release a", "first", 30).unwrap();
        store.refusal_put(FORUM, "MEX", "release b", &"\0é".repeat(10_000), 40).unwrap();
        let refusals = store.refusal_list(FORUM, 10).unwrap();
        assert_eq!((refusals.len(), refusals[0].what.as_str(), refusals[0].at), (2, "release b", 40));
        assert_eq!(refusals[0].reason, "é".repeat(2_000));
        let decision = |at| NewDecision {
            at,
            subject: "MEX".into(),
            action: "read".into(),
            resource: "a".into(),
            allowed: at == 2,
            policy: "default".into(),
            purpose: String::new(),
            count: 1,
        };
        store.decision_put(&[decision(1), decision(2)]).unwrap();
        assert_eq!(store.decision_list(1).unwrap(), [decision(2)]);
    });
}
