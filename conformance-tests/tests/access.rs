//! A member's own access policies: they can tighten the forum's, and a bad one stops its node.

use chancery_conformance::{TestForum, get, get_json};

#[test]
fn a_member_cannot_weaken_the_baseline_and_a_bad_policy_stops_the_node() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let folder = gtm.dir.join("access");
    std::fs::create_dir_all(&folder).unwrap();
    for (text, part) in [
        ("@id(\"a\") @description(\"d\") permit (principal, action, resource);", "is a permit"),
        (
            "@id(\"a\") @description(\"d\") forbid (principal, action, resource) when { principal.rolle == \"x\" };",
            "schema",
        ),
        ("@id(\"public\") forbid (principal, action, resource", "cannot be read"),
    ] {
        std::fs::write(folder.join("own.cedar"), text).unwrap();
        let refused = gtm.run(&["doctor"]).unwrap();
        assert!(
            refused.code != 0 && refused.err.contains(part) && refused.err.contains("own.cedar"),
            "{text}: {refused:?}"
        );
        assert!(gtm.serve().is_err(), "{text}");
        let path = folder.join("own.cedar").to_string_lossy().into_owned();
        assert_eq!(gtm.run(&["policy", "check", &path]).unwrap().code, 3, "{text}");
    }
    // One that cannot be evaluated denies; Cedar alone would pass over it, and allow.
    let erring =
        "@id(\"errs\") @description(\"d\") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };";
    std::fs::write(folder.join("own.cedar"), erring).unwrap();
    let release = gtm.publish("Returns", &[("2024-01", 10)]);
    let id = release.unwrap();
    let serving = gtm.serve().unwrap();
    assert_eq!(get_json(&format!("{}/api/v1/releases", serving.url)).unwrap()["releases"].as_array().unwrap().len(), 0);
    let said = gtm.json(&["policy", "explain", &id]).unwrap();
    assert!(said["allowed"] == false && said["decided_by"][0] == "error", "{said:#}");
    drop(serving);
    std::fs::remove_file(folder.join("own.cedar")).unwrap();
    let tested = gtm.run(&["policy", "test"]).unwrap();
    assert_eq!(tested.code, 0, "{tested:?}");
    assert_eq!(gtm.json(&["policy", "explain", &id]).unwrap()["allowed"], true);
}

#[test]
fn a_members_policy_by_time_goes_by_the_clock_of_its_node() {
    // Nobody serves at HND, so no witness says what time it is, and no embargo would ever end at GTM.
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let gtm = &forum.nodes[0];
    let id = gtm.publish("Returns", &[("2024-01", 10)]).unwrap();
    let folder = gtm.dir.join("access");
    std::fs::create_dir_all(&folder).unwrap();
    for (time, open) in [("2099-01-01T00:00:00Z", true), ("2020-01-01T00:00:00Z", false)] {
        let until = format!(
            "@id(\"until\") @description(\"d\") forbid (principal is Chancery::Anonymous, action, resource) when {{ context.now >= datetime(\"{time}\") }};"
        );
        std::fs::write(folder.join("own.cedar"), until).unwrap();
        let serving = gtm.serve().unwrap();
        let (status, _) = get(&format!("{}/api/v1/releases/{id}", serving.url)).unwrap();
        assert_eq!(status, if open { 200 } else { 404 }, "until {time}");
        // What is explained is what the door does.
        let said = gtm.json(&["policy", "explain", &id]).unwrap();
        assert_eq!((&said["allowed"], &said["embargo_at"]), (&open.into(), &"1970-01-01T00:00:00Z".into()), "{said:#}");
    }
}

#[test]
fn a_suspended_member_has_no_standing() {
    let forum = TestForum::found(&["GTM", "HND", "MEX"]).unwrap();
    let [gtm, hnd, _] = forum.nodes.as_slice() else { panic!("three nodes") };
    let id = gtm.publish("Returns", &[("2024-01", 10)]).unwrap();
    let replicate = || gtm.json(&["policy", "explain", &id, "--as", "MEX", "--action", "replicate"]).unwrap();
    assert_eq!(replicate()["allowed"], true);
    let draft = forum.root.path().join("suspend.json").to_string_lossy().into_owned();
    gtm.run(&["forum", "suspend", "MEX", "--reason", "made up", "--output", &draft]).unwrap().ok().unwrap();
    hnd.sign(&draft).unwrap();
    gtm.run(&["forum", "adopt", &draft]).unwrap().ok().unwrap();
    let said = replicate();
    assert_eq!((&said["allowed"], &said["decided_by"][0]), (&false.into(), &"default".into()), "{said:#}");
    assert!(said["standing"].as_str().unwrap().contains("suspended"), "{said:#}");
    // What is for everybody is for its operators too.
    let reads = gtm.json(&["policy", "explain", &id, "--as", "MEX/operator"]).unwrap();
    assert_eq!((&reads["allowed"], &reads["decided_by"][0]), (&true.into(), &"public".into()), "{reads:#}");
}
