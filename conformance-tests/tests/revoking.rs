//! `keys revoke` revokes the key that was meant, or nothing.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_conformance::{TestForum, TestNode};
use serde_json::Value;

fn keys(node: &TestNode, purpose: &str) -> Vec<Value> {
    let keys = node.json(&["keys", "show"]).unwrap();
    keys.as_array().unwrap().iter().filter(|k| k["purpose"] == purpose).cloned().collect()
}

fn text(key: &Value, field: &str) -> String {
    key[field].as_str().unwrap().to_owned()
}

fn revocations(node: &TestNode) -> Value {
    node.json(&["forum", "show"]).unwrap()["revocations"].clone()
}

#[test]
fn a_refused_revocation_leaves_every_key_as_it_was() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let before = gtm.json(&["keys", "show"]).unwrap();
    let long = "x".repeat(301);
    for (key, from, reason) in [
        ("publisher", "2036-11-25T12:00:00Z", "laptop lost"),
        ("publisher", "2016-11-25T12:00:00Z", "laptop lost"),
        ("publisher", "2026-11-25", "laptop lost"),
        ("publisher", "", long.as_str()),
        ("publishers", "", "laptop lost"),
        ("operator/nobody", "", "laptop lost"),
        ("0123456789abcdef", "", "laptop lost"),
    ] {
        let mut args = vec!["keys", "revoke", key, "--reason", reason];
        if !from.is_empty() {
            args.extend(["--from", from]);
        }
        let refused = gtm.run(&args).unwrap();
        assert!(refused.code == 3 || refused.code == 5, "{args:?}: {refused:?}");
        assert_eq!(gtm.json(&["keys", "show"]).unwrap(), before, "{args:?}");
        assert!(!gtm.dir.join("keys/publisher.next.pem").exists(), "{args:?}");
    }
    assert_eq!(revocations(gtm), 0);
    gtm.run(&["keys", "revoke", "publisher", "--reason", "laptop lost"]).unwrap().ok().unwrap();
    assert_eq!(revocations(gtm), 1);
}

#[test]
fn a_purpose_that_two_keys_serve_names_neither() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let old = keys(gtm, "publisher").remove(0);
    gtm.run(&["keys", "replace", "publisher"]).unwrap().ok().unwrap();
    let new = keys(gtm, "publisher").remove(0);
    assert_ne!(old["key"], new["key"]);
    let refused = gtm.run(&["keys", "revoke", "publisher", "--reason", "laptop lost"]).unwrap();
    assert_eq!(refused.code, 3, "{refused:?}");
    for key in [&old, &new] {
        assert!(refused.err.contains(&text(key, "fingerprint")), "{refused:?}");
    }
    assert_eq!(revocations(gtm), 0);
    // The lost one is the one that was replaced: the new one goes on.
    gtm.run(&["keys", "revoke", &text(&old, "fingerprint"), "--reason", "laptop lost"]).unwrap().ok().unwrap();
    assert_eq!(keys(gtm, "publisher")[0]["key"], new["key"]);
    gtm.publish("After", &[("2024-01", 120)]).unwrap();
    // Now one is left.
    gtm.run(&["keys", "revoke", "publisher", "--reason", "lost too"]).unwrap().ok().unwrap();
    assert_eq!(revocations(gtm), 2);
    assert_ne!(keys(gtm, "publisher")[0]["key"], new["key"]);
}

#[test]
fn an_authority_key_is_not_revoked_but_rotated() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let authority = text(&keys(gtm, "authority")[0], "fingerprint");
    let refused = gtm.run(&["keys", "revoke", &authority, "--reason", "lost"]).unwrap();
    assert!(refused.code == 3 && refused.err.contains("keys rotate"), "{refused:?}");
}

#[test]
fn a_replaced_key_that_still_counts_is_seen_and_can_be_revoked() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let old = keys(gtm, "witness").remove(0);
    gtm.run(&["keys", "replace", "witness"]).unwrap().ok().unwrap();
    let both = keys(gtm, "witness");
    assert_eq!(both.len(), 2, "{both:#?}");
    assert_eq!((&both[1]["key"], &both[1]["replaced"], &both[1]["ok"]), (&old["key"], &true.into(), &true.into()));
    assert!(text(&both[1], "state").contains(&format!("keys revoke {}", text(&old, "fingerprint"))), "{both:#?}");
    gtm.run(&["keys", "revoke", &text(&old, "fingerprint"), "--reason", "not needed"]).unwrap().ok().unwrap();
    assert_eq!(keys(gtm, "witness"), both[..1]);

    // While the successor waits for its delegation, the present key is still told.
    let request = forum.root.path().join("request.json");
    gtm.run(&["keys", "replace", "witness", "--request", request.to_str().unwrap()]).unwrap().ok().unwrap();
    let waits = keys(gtm, "witness");
    assert_eq!((waits.len(), &waits[0]["ok"], &waits[1]["key"]), (2, &false.into(), &both[0]["key"]), "{waits:#?}");
    assert!(text(&waits[1], "state").contains("in use"), "{waits:#?}");
}

#[test]
fn an_operator_whose_key_file_is_gone_can_be_revoked() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    std::fs::remove_file(gtm.dir.join("keys/operators/approver.pem")).unwrap();
    let operators = keys(gtm, "operator");
    assert!(operators.iter().any(|k| k["name"] == "approver" && k["replaced"] == true), "{operators:#?}");
    gtm.run(&["keys", "revoke", "operator/approver", "--reason", "laptop lost"]).unwrap().ok().unwrap();
    assert!(keys(gtm, "operator").iter().all(|k| k["name"] != "approver"));
}
