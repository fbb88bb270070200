//! Which release is in force when, and what becomes of stages.

use chancery_store::logs::LogExtension;
use chancery_store::releases::ReleaseSelection;
use chancery_store::stages::StageRow;
use chancery_store::{Store, StoreError};

use crate::support::{FORUM, extension, on_both, with_record, with_release};

fn ids(store: &Store, dataflow: Option<&str>, member: Option<&str>, in_force_at: Option<i64>) -> Vec<String> {
    let selection = ReleaseSelection {
        dataflow: dataflow.map(str::to_owned),
        member: member.map(str::to_owned),
        in_force_at,
        begun_at: None,
        embargo_at: None,
    };
    let rows = store.release_list(FORUM, &selection).unwrap();
    assert_eq!(store.release_count(FORUM, &selection).unwrap(), rows.len() as i64);
    rows.into_iter().map(|r| r.id).collect()
}

#[test]
fn each_time_has_its_releases_in_force() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&with_release("MEX", "D", 0, "m1", 100)).unwrap();
        store.log_extend(&with_release("GTM", "D", 0, "g1", 150)).unwrap();
        store.log_extend(&with_release("MEX", "E", 1, "e1", 160)).unwrap();
        store.log_extend(&with_release("MEX", "D", 2, "m2", 200)).unwrap();
        let tombstone = with_record("MEX", 3, "t", "withdrawal", 300);
        store.log_extend(&LogExtension { withdrawn: vec!["m2".to_owned()], ..tombstone }).unwrap();
        for (at, expected) in [
            (99, vec![]),
            (100, vec!["m1"]),
            (199, vec!["e1", "g1", "m1"]),
            (200, vec!["m2", "e1", "g1"]),
            (299, vec!["m2", "e1", "g1"]),
            (300, vec!["e1", "g1"]),
        ] {
            assert_eq!(ids(&store, None, None, Some(at)), expected, "at {at}");
        }
        assert_eq!(ids(&store, Some("D"), None, Some(250)), ["m2", "g1"]);
        assert_eq!(ids(&store, None, Some("MEX"), None), ["m2", "e1", "m1"]);
        assert_eq!(ids(&store, Some("D"), Some("GTM"), None), ["g1"]);
        let replaced = store.release_get("m1").unwrap().unwrap();
        assert_eq!((replaced.replaced_by.as_deref(), replaced.replaced_at), (Some("m2"), Some(200)));
        let page = |offset, limit| store.release_page(FORUM, &ReleaseSelection::default(), offset, limit).unwrap();
        assert_eq!(page(1, 2).into_iter().map(|r| r.id).collect::<Vec<_>>(), ["e1", "g1"]);
    });
}

#[test]
fn only_a_releases_own_log_withdraws_it_and_only_once() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&with_release("MEX", "D", 0, "m1", 100)).unwrap();
        let withdrawn = vec!["m1".to_owned(), "unknown".to_owned()];
        let by =
            |member: &str, size, at| LogExtension { withdrawn: withdrawn.clone(), ..extension(member, size, 1, at) };
        let at = || store.release_get("m1").unwrap().unwrap().withdrawn_at;
        store.log_extend(&by("GTM", 0, 200)).unwrap();
        assert_eq!(at(), None);
        store.log_extend(&by("MEX", 1, 300)).unwrap();
        store.log_extend(&by("MEX", 2, 400)).unwrap();
        assert_eq!(at(), Some(300));
    });
}

#[test]
fn files_lead_to_their_releases() {
    on_both(|database| {
        let store = database.open();
        store.log_extend(&with_release("MEX", "D", 0, "m1", 100)).unwrap();
        store.log_extend(&with_release("MEX", "D", 1, "m2", 200)).unwrap();
        let files = store.release_artefact_list(&["m2".to_owned(), "m1".to_owned()]).unwrap();
        let mut names: Vec<_> = files.iter().map(|f| f.sha256.as_str()).collect();
        names.sort_unstable();
        assert_eq!(names, ["m1-0", "m1-1", "m2-0", "m2-1"]);
        assert_eq!(store.release_list_by_artefact("m1-1").unwrap()[0].id, "m1");
        assert!(store.artefact_is_referenced("m2-0").unwrap() && !store.artefact_is_referenced("m3-0").unwrap());
    });
}

fn stage(id: &str, at: i64) -> StageRow {
    StageRow {
        id: id.to_owned(),
        forum: FORUM.to_owned(),
        dataflow: "D".to_owned(),
        title: "title".to_owned(),
        source: "file.csv".to_owned(),
        state: "staged".to_owned(),
        created_at: at,
        updated_at: at,
        intent: b"{}".to_vec(),
        operators: b"[]".to_vec(),
        report: b"{}".to_vec(),
        accepted: b"[]".to_vec(),
    }
}

#[test]
fn a_stage_is_approved_once_published_once_or_discarded() {
    on_both(|database| {
        let store = database.open();
        let state = |id: &str| store.stage_get(id).unwrap().unwrap().state;
        let publish = |size, release: &str, id: &str| {
            let stage = Some(id.to_owned());
            store.log_extend(&LogExtension { stage, ..with_release("MEX", "D", size, release, 50) })
        };
        for (id, at) in [("s1", 10), ("s2", 20), ("s3", 30)] {
            store.stage_put(&stage(id, at), None).unwrap();
        }
        assert!(matches!(publish(0, "a", "s1"), Err(StoreError::Conflict(_))), "not approved");
        store.stage_approve("s1", b"[1]", 40).unwrap();
        assert!(matches!(store.stage_approve("s1", b"[2]", 41), Err(StoreError::Conflict(_))));
        assert_eq!(store.stage_get("s1").unwrap().unwrap().operators, b"[1]");
        publish(0, "a", "s1").unwrap();
        assert!(matches!(publish(1, "b", "s1"), Err(StoreError::Conflict(_))), "published already");
        assert!(matches!(store.stage_discard("s1", 60), Err(StoreError::Conflict(_))));
        store.stage_discard("s2", 60).unwrap();
        assert!(matches!(store.stage_approve("s2", b"[1]", 70), Err(StoreError::Conflict(_))));
        assert_eq!((state("s1"), state("s2"), state("s3")), ("published".into(), "discarded".into(), "staged".into()));
        let order: Vec<_> = store.stage_list(FORUM).unwrap().into_iter().map(|s| s.id).collect();
        assert_eq!(order, ["s3", "s2", "s1"]);
    });
}

#[test]
fn an_embargoed_release_replaces_nothing_before_its_time_and_a_late_one_nothing_newer() {
    on_both(|database| {
        let store = database.open();
        let embargoed = |until, mut extension: LogExtension| {
            extension.releases[0].release.embargo = Some(until);
            extension
        };
        let current = |at, embargo_at| {
            let selection = ReleaseSelection { in_force_at: Some(at), embargo_at, ..ReleaseSelection::default() };
            store.release_list(FORUM, &selection).unwrap().into_iter().map(|r| r.id).collect::<Vec<_>>()
        };
        store.log_extend(&with_release("MEX", "D", 0, "m1", 100)).unwrap();
        store.log_extend(&embargoed(500, with_release("MEX", "D", 1, "m2", 200))).unwrap();
        for (at, embargo_at, expected) in
            [(199, None, "m1"), (499, None, "m1"), (500, None, "m2"), (600, Some(499), "m1"), (600, Some(700), "m2")]
        {
            assert_eq!(current(at, embargo_at), [expected], "at {at}, embargoes at {embargo_at:?}");
        }
        assert_eq!(store.release_embargo(FORUM, 499, 500).unwrap(), Some(500));
        assert_eq!(store.release_embargo(FORUM, 500, 900).unwrap(), None);
        // A copy that had the newest one first.
        let mut late = with_release("GTM", "D", 0, "g1", 300);
        let (record, release) = (late.records.pop().unwrap(), late.releases.pop().unwrap());
        store.log_extend(&late).unwrap();
        store.log_extend(&with_release("GTM", "D", 1, "g2", 310)).unwrap();
        assert_eq!(store.gap_list(FORUM, "GTM", 0, 9).unwrap().into_iter().map(|(p, _)| p).collect::<Vec<_>>(), [0]);
        assert!(store.gap_list(FORUM, "GTM", 1, 9).unwrap().is_empty(), "before where was asked from");
        store.record_fill(&record, Some(&release), None).unwrap();
        assert!(store.gap_list(FORUM, "GTM", 0, 9).unwrap().is_empty());
        assert_eq!(store.record_list_at(FORUM, "GTM", &[0, 7]).unwrap().len(), 1);
        assert_eq!(current(350, None), ["g2", "m1"]);
        assert_eq!(store.release_get("g1").unwrap().unwrap().replaced_by.as_deref(), Some("g2"));
    });
}
