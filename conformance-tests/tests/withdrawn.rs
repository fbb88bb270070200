//! A proof of a withdrawn release says so.

use chancery_conformance::{Answer, TestForum, program};
use serde_json::Value;

#[test]
fn verify_tells_of_a_withdrawal_that_the_proof_or_the_node_knows() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let release = gtm.publish("Returns", &[("2024-01", 120)]).unwrap();
    let path = |name: &str| forum.root.path().join(name).to_string_lossy().into_owned();
    let (before, after) = (path("before.tlog-proof"), path("after.tlog-proof"));
    gtm.run(&["proof", &release, "-o", &before]).unwrap().ok().unwrap();
    assert_eq!(gtm.json(&["verify", &release]).unwrap()["withdrawn"], Value::Null);
    gtm.run(&["withdraw", &release, "--reason", "wrong table"]).unwrap().ok().unwrap();
    gtm.run(&["proof", &release, "-o", &after]).unwrap().ok().unwrap();

    let told = |answer: Answer| {
        assert_eq!(answer.code, 11, "{answer:?}");
        assert!(answer.out.contains("WITHDRAWN by `GTM` at 20") && answer.out.contains("wrong table"), "{answer:?}");
    };
    told(gtm.run(&["verify", &release]).unwrap());
    // The node knows more than the older proof.
    told(gtm.run(&["verify", &before]).unwrap());
    told(gtm.run(&["verify", &after]).unwrap());
    let json = gtm.run(&["verify", &after, "--json"]).unwrap();
    let shown: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!((json.code, &shown["ok"], &shown["withdrawn"]["reason"]), (11, &false.into(), &"wrong table".into()));

    // Without a node, the newer proof alone tells it.
    let away = tempfile::tempdir().unwrap();
    let verify = |file: &str| {
        let args = ["verify", file, "--genesis", &forum.genesis];
        std::process::Command::new(program().unwrap()).current_dir(away.path()).args(args).output().unwrap()
    };
    assert_eq!(verify(&before).status.code(), Some(0));
    assert_eq!(verify(&after).status.code(), Some(11));
}
