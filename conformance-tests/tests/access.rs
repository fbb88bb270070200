//! A member's own access policies: they can tighten the forum's, and a bad one stops its node.

use chancery_conformance::{TestForum, get_json};

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
