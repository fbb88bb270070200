//! Whoever looks at the forum sees who is suspended.

use chancery_conformance::{TestForum, get_json};

#[test]
fn a_suspension_in_force_is_shown() {
    let forum = TestForum::found(&["GTM", "HND", "MEX"]).unwrap();
    let [gtm, hnd, _] = forum.nodes.as_slice() else { panic!() };
    let draft = forum.root.path().join("suspend.json").to_string_lossy().into_owned();
    gtm.run(&["forum", "suspend", "MEX", "--reason", "made up", "--output", &draft]).unwrap().ok().unwrap();
    hnd.sign(&draft).unwrap();
    gtm.run(&["forum", "adopt", &draft]).unwrap().ok().unwrap();
    let serving = gtm.serve().unwrap();
    let shown = get_json(&format!("{}/api/v1/forum", serving.url)).unwrap();
    assert!(shown["members"][0]["suspended"].is_null(), "{shown:#}");
    let suspended = &shown["members"][2]["suspended"];
    assert_eq!((&suspended["reason"], &suspended["signed_by"][0]), (&"made up".into(), &"HND".into()), "{shown:#}");
    assert!(suspended["from"].as_str().unwrap() < suspended["until"].as_str().unwrap(), "{shown:#}");
    let told = gtm.run(&["forum", "show"]).unwrap().ok().unwrap();
    assert!(told.contains("IN FORCE: suspension of `MEX`"), "{told}");
}
