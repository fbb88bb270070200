//! A release for some replaces nothing for others: whoever may not know of it sees what was there before, and is told nothing of it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_conformance::{TestForum, TestNode, get, get_json, mapping, release_of, wait_for};

fn publish(node: &TestNode, persons: u32, audience: &str) -> String {
    let file = node.write("returns.csv", &format!("month,from,persons\n2024-01,USA,{persons}\n")).unwrap();
    let mapping = node.write("returns.toml", &mapping(&node.member)).unwrap();
    let title = format!("{persons} for {audience}");
    node.run(&["import", &file, "--mapping", &mapping, "--title", &title, "--audience", audience])
        .unwrap()
        .ok()
        .unwrap();
    node.run(&["approve"]).unwrap().ok().unwrap();
    release_of(&node.json(&["publish"]).unwrap()).unwrap()
}

/// What is said to anybody at `url` of MEX's returns: figures, which releases, in what state, and what the proof of one says.
fn told(url: &str, release: &str) -> [String; 4] {
    let body = |path: &str| get(&format!("{url}{path}")).unwrap();
    let (_, figures) = body("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/*?format=csv");
    let current = get_json(&format!("{url}/api/v1/releases?state=current")).unwrap();
    let ids: Vec<&str> = current["releases"].as_array().unwrap().iter().map(|r| r["id"].as_str().unwrap()).collect();
    let one = get_json(&format!("{url}/api/v1/releases/{release}")).unwrap();
    [figures, ids.join(" "), format!("{} {}", one["state"], one["replaced_by"]), body("/catalogue").1]
}

#[test]
fn a_release_for_one_member_replaces_nothing_for_others() {
    let forum = TestForum::found(&["MEX", "GTM"]).unwrap();
    let [mex, gtm] = forum.nodes.as_slice() else { panic!("two nodes") };
    let public = publish(mex, 10, "public");
    let (mex_serves, gtm_serves) = (mex.serve().unwrap(), gtm.serve().unwrap());
    let held = |id: &str| Ok((get(&format!("{}/api/v1/releases/{id}", gtm_serves.url))?.0 == 200).then_some(()));
    wait_for("the public release at GTM", || held(&public)).unwrap();
    let before = told(&mex_serves.url, &public);
    assert!(before[0].contains(",10,") && before[1] == public, "{before:?}");

    let named = publish(mex, 20, "GTM");
    let copied = || {
        let log = gtm.run(&["log", "MEX", "--json"])?.json()?;
        let entries = log["entries"].as_array().cloned().unwrap_or_default();
        Ok((entries.iter().filter(|e| e["kind"] == "release" && e["held"] == true).count() == 2).then_some(()))
    };
    wait_for("the release for GTM at GTM", copied).unwrap();
    assert_eq!(told(&mex_serves.url, &public), before, "at its owner's node");
    // The catalogue names its own node.
    assert_eq!(told(&gtm_serves.url, &public)[..3], before[..3], "at the node of whom it is for");
    assert_eq!(get(&format!("{}/api/v1/releases/{named}", mex_serves.url)).unwrap().0, 404);
    // Who may know of it sees it in the other's place.
    let own = gtm.run(&["query", "RETURNS", "-w", "ORIGIN=USA", "--format", "csv"]).unwrap().ok().unwrap();
    assert!(own.contains(",20,") && !own.contains(",10,"), "{own}");

    // A public one that follows names none that its readers may not know of, and takes the place of both.
    let newest = publish(mex, 30, "public");
    let proof = get_json(&format!("{}/api/v1/releases/{newest}/proof", mex_serves.url)).unwrap();
    let record = proof["record"]["payload"].as_str().unwrap();
    let record = String::from_utf8(STANDARD.decode(record).unwrap()).unwrap();
    assert!(record.contains(&public) && !record.contains(&named), "{record}");
    assert_eq!(told(&mex_serves.url, &newest)[1], newest);
}
