//! An authority key signs what its member was shown and has named, and nothing beside it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_conformance::{TestForum, TestNode};
use serde_json::Value;

fn path(forum: &TestForum, name: &str) -> String {
    forum.root.path().join(name).to_string_lossy().into_owned()
}

fn waiting(node: &TestNode, bundle: &str) -> Vec<Value> {
    node.json(&["forum", "sign", bundle, "--show"]).unwrap().as_array().unwrap().clone()
}

fn id(record: &Value) -> &str {
    record["id"].as_str().unwrap()
}

#[test]
fn a_suspension_beside_a_charter_is_not_signed_with_it() {
    let forum = TestForum::found(&["GTM", "HND", "MEX", "SLV"]).unwrap();
    let [gtm, hnd, mex, _] = forum.nodes.as_slice() else { panic!() };
    let (suspension, both) = (path(&forum, "suspend.json"), path(&forum, "both.json"));
    gtm.run(&["forum", "suspend", "SLV", "--reason", "made up", "--output", &suspension]).unwrap().ok().unwrap();
    // Somebody hides it in the draft of a charter.
    gtm.run(&["forum", "amend", "--name", "Renamed", "--output", &both]).unwrap().ok().unwrap();
    let read = |file: &str| serde_json::from_slice::<Value>(&std::fs::read(file).unwrap()).unwrap();
    let mut draft = read(&both);
    draft["suspensions"] = read(&suspension)["suspensions"].clone();
    std::fs::write(&both, draft.to_string()).unwrap();

    // Unasked, nothing is signed, and all that waits is told in words.
    let before = read(&both);
    let refused = hnd.run(&["forum", "sign", &both]).unwrap();
    assert_eq!(refused.code, 3, "{refused:?}");
    for part in ["Renamed", "suspension of `SLV`", "made up", "--record"] {
        assert!(refused.err.contains(part), "{part}: {refused:?}");
    }
    assert_eq!(read(&both), before);
    let there = waiting(hnd, &both);
    assert_eq!(there.iter().map(|w| w["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["charter", "suspension"]);
    for wrong in [&id(&there[0])[..63], &"0".repeat(64)] {
        let refused = hnd.run(&["forum", "sign", &both, "--record", wrong]).unwrap();
        assert!(refused.code == 5 && refused.err.contains(id(&there[1])), "{refused:?}");
    }
    assert_eq!(read(&both), before);

    // What is named is signed alone.
    hnd.run(&["forum", "sign", &both, "--record", id(&there[0])]).unwrap().ok().unwrap();
    assert_eq!(waiting(hnd, &both), there[1..]);
    mex.run(&["forum", "sign", &both, "--record", id(&there[1])]).unwrap().ok().unwrap();
    assert_eq!(waiting(mex, &both).iter().map(id).collect::<Vec<_>>(), [id(&there[0])]);
}

#[test]
fn a_delegation_that_another_put_in_a_bundle_is_not_signed_unseen() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!() };
    // GTM's own request stands for a key that a stranger claims in its name.
    let (request, draft) = (path(&forum, "request.json"), path(&forum, "v2.json"));
    gtm.run(&["keys", "delegate", "mallory", "--request", &request]).unwrap().ok().unwrap();
    std::fs::remove_file(gtm.dir.join("keys/operators/mallory.pem")).unwrap();
    hnd.run(&["forum", "amend", "--months", "18", "--output", &draft]).unwrap().ok().unwrap();
    let mut bundle: Value = serde_json::from_slice(&std::fs::read(&draft).unwrap()).unwrap();
    let foreign: Value = serde_json::from_slice(&std::fs::read(&request).unwrap()).unwrap();
    bundle["delegations"].as_array_mut().unwrap().push(foreign["delegations"][0].clone());
    std::fs::write(&draft, bundle.to_string()).unwrap();
    let there = waiting(gtm, &draft);
    assert_eq!(there.len(), 2, "{there:#?}");
    assert!(there[1]["text"][0].as_str().unwrap().contains("mallory"), "{there:#?}");
    gtm.run(&["forum", "sign", &draft, "--record", id(&there[0])]).unwrap().ok().unwrap();
    assert_eq!(waiting(gtm, &draft), there[1..]);
}

#[test]
fn a_founding_charter_is_shown_whole() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!() };
    let (draft, cards) = (path(&forum, "draft.json"), ["GTM.card.json", "HND.card.json"].map(|c| path(&forum, c)));
    let args = ["forum", "draft", "--name", "Other", "--no-four-eyes", "--output", &draft, &cards[0], &cards[1]];
    gtm.run(&args).unwrap().ok().unwrap();
    let shown = hnd.run(&["forum", "sign", &draft, "--show"]).unwrap().ok().unwrap();
    for part in ["Other", "Agency of GTM", "to amend 3/4", "one operator may publish alone", "RCP 1.0.0", "expires 20"]
    {
        assert!(shown.contains(part), "{part}: {shown}");
    }
}

#[test]
fn a_founding_charter_that_no_node_would_join_is_neither_drafted_nor_signed() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!() };
    let (draft, cards) = (path(&forum, "draft.json"), ["GTM.card.json", "HND.card.json"].map(|c| path(&forum, c)));
    // HND's key under another name.
    let other = path(&forum, "other.card.json");
    std::fs::write(&other, std::fs::read_to_string(&cards[1]).unwrap().replace("\"HND\"", "\"SLV\"")).unwrap();
    let faults: [(&[&str], &[&str], &str); 4] = [
        (&[], &[&cards[0], &cards[0]], "twice there"),
        (&[], &[&cards[1], &other], "shares its authority key"),
        (&["--months", "0"], &[&cards[0], &cards[1]], "not after it was issued"),
        (&["--name", ""], &[&cards[0], &cards[1]], "name is empty"),
    ];
    for (options, members, part) in faults {
        let name: &[&str] = if options.contains(&"--name") { &[] } else { &["--name", "Other"] };
        let refused = gtm.run(&[&["forum", "draft", "--output", &draft], name, options, members].concat()).unwrap();
        assert!(refused.code == 7 && refused.err.contains(part), "{part}: {refused:?}");
        assert!(!std::path::Path::new(&draft).exists(), "{part}");
    }
    let follows = gtm.run(&["forum", "amend", "--admit", &other, "--output", &draft]).unwrap();
    assert!(follows.code == 7 && follows.err.contains("shares its authority key"), "{follows:?}");

    // Whoever writes one all the same gets no signature for it.
    gtm.run(&["forum", "draft", "--name", "Other", "--output", &draft, &cards[0], &cards[1]]).unwrap().ok().unwrap();
    let mut bundle: Value = serde_json::from_slice(&std::fs::read(&draft).unwrap()).unwrap();
    let payload = STANDARD.decode(bundle["charters"][0]["payload"].as_str().unwrap()).unwrap();
    let payload = String::from_utf8(payload).unwrap().replace("\"Other\"", "\"\"");
    bundle["charters"][0]["payload"] = STANDARD.encode(payload).into();
    std::fs::write(&draft, bundle.to_string()).unwrap();
    let refused = hnd.run(&["forum", "sign", &draft, "--show"]).unwrap();
    assert!(refused.code == 7 && refused.err.contains("name is empty"), "{refused:?}");
}
