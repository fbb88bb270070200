//! One service in two forums: one process, and nothing of one forum comes into the other.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::process::Stdio;

use chancery_conformance::{Serving, TestForum, TestNode, free_port, get_json, wait_for};

fn titles(url: &str) -> anyhow::Result<Vec<String>> {
    let listed = get_json(&format!("{url}/api/v1/releases"))?;
    let mut titles: Vec<String> =
        listed["releases"].as_array().unwrap().iter().map(|r| r["title"].as_str().unwrap().to_owned()).collect();
    titles.sort();
    Ok(titles)
}

fn wait_for_titles(serving: &Serving, wanted: &[&str]) {
    wait_for(&format!("{wanted:?}"), || Ok((titles(&serving.url)? == wanted).then_some(()))).unwrap();
}

#[test]
fn one_service_sits_in_two_forums_which_know_nothing_of_each_other() {
    let root = tempfile::tempdir().unwrap();
    let gtm = TestNode::init(root.path(), "GTM").unwrap();
    let init = |http: u16, network: u16| {
        let (http, listen) = (format!("127.0.0.1:{http}"), format!("/ip4/127.0.0.1/tcp/{network}"));
        let more = ["--no-passphrase", "--http", http.as_str(), "--listen", listen.as_str()];
        gtm.run(&[&["--forum", "pacific", "init", "--member", "GTM", "--name", "Agency"], more.as_slice()].concat())
            .unwrap()
    };
    // A port can be had once.
    let refused = init(gtm.http, free_port().unwrap());
    assert!(refused.code == 6 && refused.err.contains("give this one its own"), "{refused:?}");
    let http = free_port().unwrap();
    init(http, free_port().unwrap()).ok().unwrap();
    for name in ["..", "a/b", ""] {
        assert_eq!(gtm.run(&["--forum", name, "forum", "card"]).unwrap().code, 3, "{name}");
    }

    let beneath = TestNode { member: "GTM".to_owned(), dir: gtm.dir.join("forums/pacific"), http };
    let home = TestForum::of(vec![gtm, TestNode::init(root.path(), "HND").unwrap()]).unwrap();
    let away = TestForum::of(vec![beneath, TestNode::init(root.path(), "MEX").unwrap()]).unwrap();
    let [gtm, hnd] = home.nodes.as_slice() else { panic!("two nodes") };
    let [beneath, mex] = away.nodes.as_slice() else { panic!("two nodes") };
    let seats = gtm.json(&["forum", "list"]).unwrap();
    assert_eq!(
        (&seats[0]["genesis"], &seats[1]["genesis"], &seats[1]["name"]),
        (&home.genesis.as_str().into(), &away.genesis.as_str().into(), &"pacific".into()),
        "{seats:#}"
    );
    // No key is in both.
    let keys = |node: &TestNode| node.json(&["keys", "show"]).unwrap().as_array().unwrap().clone();
    assert!(keys(gtm).iter().all(|key| keys(beneath).iter().all(|other| other["key"] != key["key"])));
    // Another forum's bundle is refused, with what to do instead.
    let bundle = away.bundle.to_str().unwrap();
    let refused = gtm.run(&["forum", "join", bundle, "--genesis", &away.genesis]).unwrap();
    assert!(refused.code == 6 && refused.err.contains("chancery --forum NAME init"), "{refused:?}");

    gtm.publish("for home", &[("2024-01", 10)]).unwrap();
    beneath.publish("for away", &[("2024-01", 20)]).unwrap();
    let (at_hnd, at_mex) = (hnd.serve().unwrap(), mex.serve().unwrap());
    // One process for both.
    let both = gtm.serve().unwrap();
    let other = format!("http://127.0.0.1:{http}");
    wait_for_titles(&at_hnd, &["for home"]);
    wait_for_titles(&at_mex, &["for away"]);
    assert_eq!(
        (titles(&both.url).unwrap(), titles(&other).unwrap()),
        (vec!["for home".to_owned()], vec!["for away".to_owned()])
    );
    hnd.publish("from HND", &[("2024-02", 30)]).unwrap();
    wait_for_titles(&both, &["for home", "from HND"]);
    assert_eq!(titles(&other).unwrap(), ["for away"]);
    drop(both);

    // One alone, where the other is not to run.
    let alone = beneath.command(&["serve"]).unwrap().stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let mut alone = alone.unwrap();
    wait_for("the one beneath", || Ok(titles(&other).ok())).unwrap();
    assert!(titles(&format!("http://127.0.0.1:{}", gtm.http)).is_err());
    alone.kill().unwrap();
    alone.wait().unwrap();
}
