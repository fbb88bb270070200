//! An authority key's rotation that another member's node adopts first.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_conformance::{TestForum, TestNode, wait_for};
use serde_json::Value;

fn authority(node: &TestNode) -> Value {
    node.json(&["keys", "show"]).unwrap()[0].clone()
}

#[test]
fn a_rotation_that_a_peer_adopts_is_finished_at_its_owner() {
    let forum = TestForum::found(&["GTM", "HND", "MEX"]).unwrap();
    let [gtm, hnd, mex] = forum.nodes.as_slice() else { panic!() };
    let path = |name: &str| forum.root.path().join(name).to_string_lossy().into_owned();
    let (card, announced, rotated) = (path("card.json"), path("announced.json"), path("rotated.json"));
    gtm.run(&["keys", "announce", "--no-passphrase"]).unwrap().ok().unwrap();
    gtm.run(&["forum", "card", "--output", &card]).unwrap().ok().unwrap();
    gtm.run(&["forum", "amend", "--update", &card, "--output", &announced]).unwrap().ok().unwrap();
    for node in &forum.nodes {
        node.sign(&announced).unwrap();
    }
    gtm.run(&["forum", "adopt", &announced]).unwrap().ok().unwrap();
    // A delegation of the very second of the one before would be the same record.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    let old = authority(gtm);
    gtm.run(&["keys", "rotate", "--output", &rotated]).unwrap().ok().unwrap();
    for node in [hnd, mex] {
        node.sign(&rotated).unwrap();
    }
    let _serving = (gtm.serve().unwrap(), hnd.serve().unwrap());
    hnd.run(&["forum", "adopt", &rotated]).unwrap().ok().unwrap();
    let gone_over = || Ok((authority(gtm)["key"] != old["key"]).then_some(()));
    wait_for("the new authority key to be in its place", gone_over).unwrap();
    assert_eq!(authority(gtm)["ok"], true);
    assert!(!gtm.dir.join("keys/next-authority.pem").exists());
    gtm.run(&["keys", "delegate", "marta"]).unwrap().ok().unwrap();
    gtm.publish("After the rotation", &[("2024-01", 120)]).unwrap();
}
