//! Charter, keys and ceremonies by the command line, with nodes that run meanwhile.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use chancery_conformance::{Serving, TestForum, TestNode, get_json, wait_for};
use serde_json::Value;

fn path(forum: &TestForum, name: &str) -> String {
    forum.root.path().join(name).to_string_lossy().into_owned()
}

fn sign(nodes: &[&TestNode], bundle: &str) {
    for node in nodes {
        node.sign(bundle).unwrap();
    }
}

fn version(node: &TestNode) -> anyhow::Result<u64> {
    Ok(node.json(&["forum", "show"])?["version"].as_u64().unwrap_or(0))
}

fn titles(serving: &Serving) -> Vec<String> {
    let listed = get_json(&format!("{}/api/v1/releases", serving.url)).unwrap();
    listed["releases"].as_array().unwrap().iter().map(|r| r["title"].as_str().unwrap().to_owned()).collect()
}

/// Waits until `serving` lists a release of that title.
fn wait_for_title(serving: &Serving, title: &str) {
    wait_for(title, || Ok(titles(serving).iter().any(|t| t == title).then_some(()))).unwrap();
}

#[test]
fn a_newcomer_is_admitted_while_the_others_run() {
    let forum = TestForum::found(&["GTM", "HND", "MEX"]).unwrap();
    let [gtm, hnd, mex] = forum.nodes.as_slice() else { panic!() };
    let (gtm_serving, hnd_serving) = (gtm.serve().unwrap(), hnd.serve().unwrap());
    let blz = TestNode::init(forum.root.path(), "BLZ").unwrap();
    let (card, draft) = (path(&forum, "blz.card.json"), path(&forum, "v2.json"));
    blz.run(&["forum", "card", "--output", &card]).unwrap().ok().unwrap();
    gtm.run(&["forum", "amend", "--admit", &card, "--output", &draft]).unwrap().ok().unwrap();
    let shown = gtm.json(&["forum", "diff", &draft]).unwrap();
    assert_eq!(shown["changes"][0]["act"], "admit", "{shown:#}");
    assert_eq!(shown["needs"][0], "version 1: 2 of 3 member states");

    // One copy to each, which come back signed; the newcomer's delegations come with its own.
    let copies: Vec<String> = [gtm, mex, &blz]
        .iter()
        .map(|node| {
            let copy = path(&forum, &format!("v2.{}.json", node.member));
            node.sign_by(&["forum", "sign", &draft, "--output", &copy]).unwrap().ok().unwrap();
            copy
        })
        .collect();
    let refused = gtm.run(&["forum", "adopt", &copies[0]]).unwrap();
    assert_eq!(refused.code, 7, "{refused:?}");
    assert!(refused.err.contains("1 of the 2 member states"), "{refused:?}");
    let all = path(&forum, "v2.all.json");
    let collect = ["forum", "collect", "--output", &all, &copies[0], &copies[1], &copies[2]];
    gtm.run(&collect).unwrap().ok().unwrap();
    gtm.run(&["forum", "adopt", &all]).unwrap().ok().unwrap();

    // A node that was told by nobody but its peers goes over too, and lets the newcomer in.
    wait_for("version 2 at HND", || Ok((version(hnd)? == 2).then_some(()))).unwrap();
    let wrong = blz.run(&["forum", "join", &all, "--genesis", &"0".repeat(64)]).unwrap();
    assert_eq!(wrong.code, 7, "{wrong:?}");
    blz.run(&["forum", "join", &all, "--genesis", &forum.genesis]).unwrap().ok().unwrap();
    blz.publish("Returns to Belize", &[("2024-01", 55)]).unwrap();
    let blz_serving = blz.serve().unwrap();
    wait_for_title(&hnd_serving, "Returns to Belize");
    wait_for_title(&gtm_serving, "Returns to Belize");
    drop(blz_serving);

    // Two of the three others suspend it for a day: what it publishes then is not taken.
    let draft = path(&forum, "suspend.json");
    gtm.run(&["forum", "suspend", "BLZ", "--days", "1", "--reason", "figures nobody approved", "--output", &draft])
        .unwrap()
        .ok()
        .unwrap();
    sign(&[&blz], &draft);
    let refused = gtm.run(&["forum", "adopt", &draft]).unwrap();
    assert!(refused.code == 7 && refused.err.contains("0 of the 1"), "{refused:?}");
    sign(&[hnd], &draft);
    gtm.run(&["forum", "adopt", &draft]).unwrap().ok().unwrap();
    let of = |node: &TestNode| anyhow::Ok(node.json(&["forum", "show"])?["suspensions"].as_array().map_or(0, Vec::len));
    wait_for("the suspension at HND", || Ok((of(hnd)? == 1).then_some(()))).unwrap();
    blz.publish("Unheard", &[("2024-02", 77)]).unwrap();
    let _blz_serving = blz.serve().unwrap();
    std::thread::sleep(std::time::Duration::from_secs(4));
    assert!(!titles(&hnd_serving).contains(&"Unheard".to_owned()));
    let doctor = hnd.run(&["doctor"]).unwrap();
    assert!(doctor.out.contains("figures nobody approved"), "{doctor:?}");
    // Both charters and the suspension are in the log of who proposed them, wherever it is held.
    let logged = || {
        let log = hnd.json(&["log", "GTM", "--check"])?;
        let of = |kind: &str| {
            log["entries"].as_array().unwrap().iter().filter(|e| e["kind"] == kind && e["held"] == true).count()
        };
        Ok((of("charter") == 2 && of("suspension") == 1 && log["checked"] == true).then_some(()))
    };
    wait_for("charters and suspension in the log", logged).unwrap();
}

#[test]
fn two_valid_charters_of_one_number_raise_an_alarm_everywhere() {
    let forum = TestForum::found(&["GTM", "HND", "MEX"]).unwrap();
    let [gtm, hnd, mex] = forum.nodes.as_slice() else { panic!() };
    let _serving = (gtm.serve().unwrap(), hnd.serve().unwrap());
    let mut drafts: Vec<(String, String)> = Vec::new();
    for name in ["One", "Other"] {
        let draft = path(&forum, name);
        gtm.run(&["forum", "amend", "--name", name, "--output", &draft]).unwrap().ok().unwrap();
        for node in [gtm, hnd, mex] {
            let mut command = vec!["forum", "sign", draft.as_str()];
            if let Some(first) = drafts.first() {
                // Nobody signs two by mistake.
                let refused = node.sign_by(&command).unwrap();
                assert!(refused.code != 0 && refused.err.contains("--instead-of"), "{refused:?}");
                command.extend(["--instead-of", first.1.as_str()]);
            }
            node.sign_by(&command).unwrap().ok().unwrap();
        }
        drafts.push((draft.clone(), gtm.json(&["forum", "show", &draft]).unwrap()["id"].as_str().unwrap().to_owned()));
    }
    gtm.run(&["forum", "adopt", &drafts[0].0]).unwrap().ok().unwrap();
    wait_for("version 2 at HND", || Ok((version(hnd)? == 2).then_some(()))).unwrap();
    let alarm = gtm.run(&["forum", "adopt", &drafts[1].0]).unwrap();
    assert!(alarm.code == 7 && alarm.err.contains("ALARM"), "{alarm:?}");
    // Offered again, it is no less of an alarm.
    let again = gtm.run(&["forum", "adopt", &drafts[1].0]).unwrap();
    assert!(again.code == 7 && again.err.contains("ALARM"), "{again:?}");
    wait_for("the evidence at HND", || Ok((hnd.json(&["forum", "show"])?["contradicted"] == true).then_some(())))
        .unwrap();
    let doctor = hnd.run(&["doctor"]).unwrap();
    assert!(doctor.code == 7 && doctor.out.contains("membership is frozen"), "{doctor:?}");
    // Figures flow on.
    gtm.publish("Returns", &[("2024-01", 120)]).unwrap();
}

fn key(node: &TestNode, purpose: &str) -> Value {
    let keys = node.json(&["keys", "show"]).unwrap();
    keys.as_array().unwrap().iter().find(|k| k["purpose"] == purpose).unwrap().clone()
}

#[test]
fn a_revoked_key_is_known_to_be_so_by_running_peers() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!() };
    let (_gtm_serving, hnd_serving) = (gtm.serve().unwrap(), hnd.serve().unwrap());
    gtm.publish("Before", &[("2024-01", 120)]).unwrap();
    wait_for_title(&hnd_serving, "Before");
    for purpose in ["publisher", "log"] {
        let old = key(gtm, purpose);
        gtm.run(&["keys", "revoke", purpose, "--reason", "laptop lost"]).unwrap().ok().unwrap();
        let new = key(gtm, purpose);
        assert_ne!(old["key"], new["key"]);
        assert_eq!(new["ok"], true, "{new:#}");
    }
    gtm.run(&["keys", "revoke", "operator/approver", "--reason", "left the agency"]).unwrap().ok().unwrap();
    gtm.stage("After", &[("2024-01", 121)]).unwrap();
    let refused = gtm.run(&["approve"]).unwrap();
    assert!(refused.code == 4 && refused.err.contains("left the agency"), "{refused:?}");
    gtm.run(&["keys", "delegate", "luis"]).unwrap().ok().unwrap();
    gtm.run(&["approve", "--operator", "luis"]).unwrap().ok().unwrap();
    gtm.run(&["publish"]).unwrap().ok().unwrap();
    wait_for_title(&hnd_serving, "After");
    wait_for("the revocations at HND", || Ok((hnd.json(&["forum", "show"])?["revocations"] == 3).then_some(())))
        .unwrap();
    assert_eq!(hnd.json(&["log", "GTM", "--check"]).unwrap()["checked"], true);
}

#[test]
fn a_ceremony_needs_no_network_and_an_announced_key_follows() {
    let forum = TestForum::found(&["GTM", "HND", "MEX"]).unwrap();
    let [gtm, hnd, mex] = forum.nodes.as_slice() else { panic!() };
    // The authority key leaves the node; the vault is a folder without a node, and nothing listens or dials there.
    let vault = forum.root.path().join("vault");
    std::fs::create_dir(&vault).unwrap();
    let authority = vault.join("authority.pem");
    std::fs::rename(gtm.dir.join("keys/authority.pem"), &authority).unwrap();
    let here = TestNode { member: "GTM".to_owned(), dir: vault.join("none"), http: 0 };
    let offline = |request: &str, key: &Path, response: &str| {
        let key = key.to_string_lossy();
        here.sign_by(&["keys", "sign", request, "--authority", &key, "--output", response]).unwrap()
    };
    let (request, response) = (path(&forum, "request.json"), path(&forum, "response.json"));
    // A delegation of the very second of the one before would be the same record.
    std::thread::sleep(std::time::Duration::from_millis(1100));
    gtm.run(&["keys", "renew", "--request", &request]).unwrap().ok().unwrap();
    let unsigned = gtm.run(&["keys", "accept", &request]).unwrap();
    assert_eq!(unsigned.code, 7, "{unsigned:?}");
    let stranger = offline(&request, &hnd.dir.join("keys/authority.pem"), &response);
    assert_eq!(stranger.code, 3, "another state's key finds nothing to sign: {stranger:?}");
    let signed = offline(&request, &authority, &response);
    assert!(signed.code == 0 && signed.err.contains("for publisher"), "{signed:?}");
    let accepted = gtm.json(&["keys", "accept", &response]).unwrap();
    assert_eq!(accepted["delegations"], 6, "{accepted:#}");

    // The successor is announced in a charter.
    gtm.run(&["keys", "announce", "--no-passphrase"]).unwrap().ok().unwrap();
    let (card, draft) = (path(&forum, "card.json"), path(&forum, "announce.json"));
    gtm.run(&["forum", "card", "--output", &card]).unwrap().ok().unwrap();
    hnd.run(&["forum", "amend", "--update", &card, "--output", &draft]).unwrap().ok().unwrap();
    sign(&[hnd, mex], &draft);
    // Without its own signature, not even all the others may say what its next key is.
    let refused = hnd.run(&["forum", "adopt", &draft]).unwrap();
    assert_eq!(refused.code, 7, "{refused:?}");
    assert_eq!(offline(&draft, &authority, &draft).code, 0);
    for node in &forum.nodes {
        node.run(&["forum", "adopt", &draft]).unwrap().ok().unwrap();
    }

    // The authority key is lost. The announced one takes its place with a majority of the states.
    std::fs::remove_file(&authority).unwrap();
    let old = key(gtm, "authority");
    let rotation = path(&forum, "rotation.json");
    gtm.run(&["keys", "rotate", "--output", &rotation]).unwrap().ok().unwrap();
    let shown = gtm.json(&["forum", "diff", &rotation]).unwrap();
    assert_eq!(shown["changes"][0]["act"], "rotate", "{shown:#}");
    sign(&[hnd, mex], &rotation);
    for node in &forum.nodes {
        node.run(&["forum", "adopt", &rotation]).unwrap().ok().unwrap();
    }
    assert_ne!(key(gtm, "authority")["key"], old["key"]);
    let keys = gtm.json(&["keys", "show"]).unwrap();
    let earlier = keys.as_array().unwrap().iter().find(|k| k["key"] == old["key"]).unwrap();
    assert_eq!((&earlier["ok"], &earlier["replaced"]), (&false.into(), &true.into()), "{earlier:#}");
    assert_eq!(key(gtm, "publisher")["ok"], true);
    gtm.publish("After the rotation", &[("2024-01", 120)]).unwrap();
    gtm.run(&["keys", "renew"]).unwrap().ok().unwrap();
    let again = gtm.run(&["keys", "rotate", "--output", &rotation]).unwrap();
    assert_eq!(again.code, 5, "no successor is announced: {again:?}");
}

#[test]
fn a_new_transport_key_is_taken_up_without_a_restart() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!() };
    let (gtm_serving, hnd_serving) = (gtm.serve().unwrap(), hnd.serve().unwrap());
    gtm.publish("Before", &[("2024-01", 120)]).unwrap();
    wait_for_title(&hnd_serving, "Before");
    let gone_over = |times: usize| {
        let files = std::fs::read_dir(gtm.dir.join("keys/retired")).into_iter().flatten().flatten();
        let done = files.filter(|f| f.file_name().to_string_lossy().ends_with(".done.pem")).count();
        Ok((done == times).then_some(()))
    };
    let old = key(gtm, "transport")["key"].clone();
    gtm.run(&["keys", "replace", "transport"]).unwrap().ok().unwrap();
    assert_ne!(key(gtm, "transport")["key"], old);
    wait_for("the new key to be used", || gone_over(1)).unwrap();
    gtm.publish("After", &[("2024-01", 130)]).unwrap();
    wait_for_title(&hnd_serving, "After");
    drop(gtm_serving);

    // Replaced while the node is down, nobody has heard of it when it comes back: HND lets it in all the same.
    gtm.run(&["keys", "replace", "transport"]).unwrap().ok().unwrap();
    gtm.publish("Back", &[("2024-01", 140)]).unwrap();
    let gtm_serving = gtm.serve().unwrap();
    wait_for_title(&hnd_serving, "Back");
    wait_for("the newest key to be used", || gone_over(2)).unwrap();
    hnd.publish("Heard", &[("2024-01", 150)]).unwrap();
    wait_for_title(&gtm_serving, "Heard");
}
