//! Two nodes of a forum, and one that is not of it.

use chancery_conformance::{TestForum, TestNode, get, get_json, wait_for};

const FIRST: [(&str, u32); 3] = [("2024-01", 120), ("2024-02", 2), ("2024-03", 95)];
const SECOND: [(&str, u32); 3] = [("2024-01", 121), ("2024-02", 30), ("2024-03", 95)];

fn values(url: &str) -> anyhow::Result<Vec<(String, String)>> {
    let (status, body) = get(&format!("{url}/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/*?format=csv"))?;
    if status == 204 {
        return Ok(Vec::new());
    }
    let mut lines = body.lines().map(|line| line.split(',').map(str::to_owned).collect::<Vec<_>>());
    let header = lines.next().unwrap_or_default();
    let column = |name: &str| header.iter().position(|h| h == name).unwrap_or(usize::MAX);
    let (time, value) = (column("TIME_PERIOD"), column("OBS_VALUE"));
    Ok(lines.map(|l| (l[time].clone(), l[value].clone())).collect())
}

fn pairs(rows: &[(&str, &str)]) -> Vec<(String, String)> {
    rows.iter().map(|(time, value)| ((*time).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn a_node_that_was_off_catches_up_and_serves_what_it_verified() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!() };
    let first = gtm.publish("Returns", &FIRST).unwrap();
    let gtm_serving = gtm.serve().unwrap();
    // A count below three is withheld: it has a key and no value.
    let published = pairs(&[("2024-01", "120"), ("2024-02", ""), ("2024-03", "95")]);
    assert_eq!(values(&gtm_serving.url).unwrap(), published);
    let hnd_serving = hnd.serve().unwrap();
    wait_for("the release at HND", || Ok(Some(values(&hnd_serving.url)?).filter(|v| *v == published))).unwrap();
    let releases = get_json(&format!("{}/api/v1/releases", hnd_serving.url)).unwrap();
    assert_eq!(releases["releases"][0]["id"], first.as_str());
    assert_eq!(releases["releases"][0]["verification"]["ok"], true, "{releases:#}");
    let between = releases["releases"][0]["received_at"].as_str().unwrap().to_owned();

    // A revision made while the peer is away replaces the first, and `asOf` still gives the first.
    drop(hnd_serving);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let second = gtm.publish("Returns, revised", &SECOND).unwrap();
    let hnd_serving = hnd.serve().unwrap();
    let revised = pairs(&[("2024-01", "121"), ("2024-02", "30"), ("2024-03", "95")]);
    wait_for("the revision at HND", || Ok(Some(values(&hnd_serving.url)?).filter(|v| *v == revised))).unwrap();
    let (_, older) =
        get(&format!("{}/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/*?format=csv&asOf={between}", hnd_serving.url))
            .unwrap();
    assert!(older.contains(",120,") && !older.contains(",121,"), "{older}");

    // What a proof proves, it proves offline, at another member, with the file the peer served.
    let proof = hnd
        .write("proof.json", &get(&format!("{}/api/v1/releases/{second}/proof", hnd_serving.url)).unwrap().1)
        .unwrap();
    hnd.run(&["verify", &proof, "--genesis", &forum.genesis]).unwrap().ok().unwrap();

    // A withdrawal hides the figures everywhere.
    gtm.run(&["withdraw", &second, "--reason", "wrong table"]).unwrap().ok().unwrap();
    wait_for("the withdrawal at HND", || Ok(Some(values(&hnd_serving.url)?).filter(Vec::is_empty))).unwrap();
    let (status, body) = get(&format!("{}/api/v1/releases/{second}", hnd_serving.url)).unwrap();
    let release: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, &release["tombstone"]["reason"]), (410, &"wrong table".into()), "{release:#}");
    let artefact = release["artefacts"][0]["sha256"].as_str().unwrap();
    let (status, body) = get(&format!("{}/artefacts/{artefact}.parquet", hnd_serving.url)).unwrap();
    assert!(status == 410 && body.contains("wrong table"), "{status}: {body}");
    for member in ["GTM", "HND"] {
        assert_eq!(hnd.json(&["log", member, "--check"]).unwrap()["checked"], true);
    }
}

#[test]
fn a_stranger_is_not_let_in() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    gtm.publish("Returns", &FIRST).unwrap();
    let _serving = gtm.serve().unwrap();
    // The stranger founds a forum of its own that names GTM's address and a key it made up for it.
    let stranger = TestForum::found(&["GTM", "XYZ"]).unwrap();
    let address = |node: &TestNode| {
        let config = std::fs::read_to_string(node.dir.join("chancery.toml")).unwrap();
        config.lines().find(|l| l.contains("/ip4/")).unwrap().to_owned()
    };
    let (theirs, ours) = (address(&stranger.nodes[0]), address(gtm));
    assert_ne!(theirs, ours);
    let xyz = stranger.nodes[1].serve().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(3));
    assert!(values(&xyz.url).unwrap().is_empty());
    let bundle = forum.bundle.to_str().unwrap();
    let refused = stranger.nodes[1].run(&["forum", "join", bundle, "--genesis", &forum.genesis]).unwrap();
    assert_eq!(refused.code, 4, "{refused:?}");
}
