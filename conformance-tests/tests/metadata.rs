//! Reference metadata from outside: two operators say what figures mean, peers check and hold it, readers get it in SDMX messages.

#![expect(clippy::unwrap_used, reason = "helpers of a test: what fails here fails the test")]

use chancery_conformance::{TestForum, TestNode, get, get_json, wait_for};
use serde_json::Value;

/// A filled-in file with `accuracy` in it.
fn filled(node: &TestNode, accuracy: &str) -> String {
    let texts = ["CONTACT_ORGANISATION", "STAT_CONC_DEF", "STAT_POP", "SOURCE_TYPE"]
        .map(|id| format!("[reported.{id}]\nen = \"{id} of {}\"\nes = \"{id} (es)\"\n", node.member));
    let text = format!(
        "dataflow = \"RETURNS\"\n[reported]\nCONTACT_EMAIL = \"statistics@agency.example\"\n{}[reported.ACCURACY]\nen = \"{accuracy}\"\n",
        texts.concat()
    );
    node.write("said.toml", &text).unwrap()
}

/// Prepares, approves and publishes. Returns the record's id.
fn say(node: &TestNode, accuracy: &str) -> String {
    let file = filled(node, accuracy);
    let draft = node.write("said.json", "").unwrap();
    node.run(&["metadata", "prepare", &file, "-o", &draft]).unwrap().ok().unwrap();
    node.run(&["metadata", "approve", &draft]).unwrap().ok().unwrap();
    node.json(&["metadata", "publish", &draft]).unwrap()["metadata"].as_str().unwrap().to_owned()
}

/// The value of an attribute in the sets of a message.
fn accuracy(message: &Value) -> Vec<String> {
    let sets = message["data"]["metadataSets"].as_array().unwrap();
    let of = |set: &Value| {
        let groups = set["attributes"].as_array().unwrap();
        let quality = groups.iter().find(|g| g["id"] == "QUALITY").unwrap();
        quality["attributes"][0]["value"]["en"].as_str().unwrap().to_owned()
    };
    sets.iter().map(of).collect()
}

#[test]
fn what_a_member_says_of_its_figures_is_checked_and_served_by_every_node() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    let (at_gtm, at_hnd) = (gtm.serve().unwrap(), hnd.serve().unwrap());
    gtm.publish("Returns", &[("2024-01", 10)]).unwrap();
    let first = say(gtm, "as good as it gets");
    let all = format!("{}/sdmx/3/metadata/structure/dataflow/RCP/RETURNS/1.0.0?format=jsonmetadata", at_hnd.url);
    let held = wait_for("the metadata at HND", || Ok(Some(get(&all)?).filter(|(status, _)| *status == 200))).unwrap();
    assert_eq!(accuracy(&serde_json::from_str(&held.1).unwrap()), ["as good as it gets"]);

    // A later version takes its place; both stay, by version and by time.
    let record = get_json(&format!("{}/api/v1/metadata/{first}", at_hnd.url)).unwrap();
    let between = record["received_at"].as_str().unwrap().to_owned();
    // Times have whole seconds.
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let second = say(gtm, "better");
    wait_for("the second version at HND", || Ok(Some(accuracy(&get_json(&all)?)).filter(|found| found == &["better"])))
        .unwrap();
    for (path, expected) in [
        ("metadataset/GTM/RETURNS/1.0.0?format=jsonmetadata", vec!["as good as it gets"]),
        ("metadataset/*/*/*?format=jsonmetadata", vec!["as good as it gets", "better"]),
        ("metadataset/GTM/RETURNS?format=jsonmetadata", vec!["better"]),
        ("metadataflow/RCP/MDF_MIGRATION/+/GTM?format=jsonmetadata&formatVersion=2.1", vec!["better"]),
        (&format!("structure/*/*/*?format=jsonmetadata&asOf={between}"), vec!["as good as it gets"]),
    ] {
        let message = get_json(&format!("{}/sdmx/3/metadata/{path}", at_hnd.url)).unwrap();
        assert_eq!(accuracy(&message), expected, "{path}");
    }
    for (path, status) in [
        ("metadataset/HND/*/*", 404),
        ("structure/codelist/RCP/*", 404),
        ("metadataset/GTM/RETURNS/1.0.0?detail=some", 400),
        ("metadataset/GTM/RETURNS/one", 400),
        ("metadataset/GTM/RETURNS/1.0.0?format=csv", 406),
        ("metadataset/GTM/RETURNS/1.0.0?asOf=soon", 400),
    ] {
        assert_eq!(get(&format!("{}/sdmx/3/metadata/{path}", at_hnd.url)).unwrap().0, status, "{path}");
    }

    // The record is what was signed, and stands in the log of its issuer at the other node.
    let record = get_json(&format!("{}/api/v1/metadata/{second}", at_hnd.url)).unwrap();
    assert_eq!(record["replaces"], first.as_str());
    assert_eq!(record["approvals"].as_array().unwrap().len(), 2);
    let entries = &hnd.json(&["log", "GTM"]).unwrap()["entries"];
    let of = |id: &str| entries.as_array().unwrap().iter().any(|e| e["record"] == id && e["kind"] == "metadata");
    assert!(of(&first) && of(&second));
    // In the catalogue beside the figures.
    let dcat = get(&format!("{}/catalogue/RETURNS/GTM/dcat.ttl", at_hnd.url)).unwrap().1;
    for part in ["mailto:statistics@agency.example", "STAT_CONC_DEF (es)", "better"] {
        assert!(dcat.contains(part), "no `{part}` in {dcat}");
    }
    drop(at_gtm);
}

#[test]
fn metadata_need_four_eyes_and_must_fit_their_structure() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    let file = filled(gtm, "good");
    let draft = gtm.write("draft.json", "").unwrap();
    let prepare = |file: &str| gtm.run(&["metadata", "prepare", file, "-o", &draft]).unwrap();
    // Every mistake at once.
    let wrong = gtm
        .write("wrong.toml", "dataflow = \"RETURNS\"\n[reported]\nWEATHER = \"fair\"\nSTAT_POP = \"all\"\n")
        .unwrap();
    let refused = prepare(&wrong);
    assert_eq!(refused.code, 3);
    for part in ["`WEATHER` is no attribute", "`STAT_POP` is a text by language", "`ACCURACY` is missing"] {
        assert!(refused.err.contains(part), "no `{part}` in {}", refused.err);
    }
    prepare(&file).ok().unwrap();
    let publish = |node: &TestNode, draft: &str| node.run(&["metadata", "publish", draft]).unwrap();
    assert_eq!(publish(gtm, &draft).code, 4, "nobody has approved");
    let again = gtm.run(&["metadata", "approve", &draft, "--operator", "preparer"]).unwrap();
    assert_eq!(again.code, 4, "the one who prepared cannot approve");
    assert_eq!(hnd.run(&["metadata", "approve", &draft]).unwrap().code, 4, "another member's");
    gtm.run(&["metadata", "approve", &draft]).unwrap().ok().unwrap();
    // What was approved cannot be changed after it.
    let signed = std::fs::read_to_string(&draft).unwrap();
    let changed = gtm.write("changed.json", &signed.replace("\"good\"", "\"very good\"")).unwrap();
    assert_ne!(signed, std::fs::read_to_string(&changed).unwrap());
    let refused = publish(gtm, &changed);
    assert_eq!(refused.code, 4);
    assert!(refused.err.contains("changed after it was signed"), "{}", refused.err);
    publish(gtm, &draft).ok().unwrap();
    assert_eq!(publish(gtm, &draft).code, 6, "twice");
    // The next file begins with what is said now.
    let template = gtm.run(&["metadata", "template", "RETURNS", "-o", "-"]).unwrap().ok().unwrap();
    assert!(template.contains("en = \"good\"") && template.contains("# QUALITY_ASSURE").eq(&false), "{template}");
    let shown = gtm.run(&["metadata", "show", "RETURNS", "--language", "es"]).unwrap().ok().unwrap();
    assert!(shown.contains("STAT_POP (es)"), "{shown}");
}
