//! Embargo and audience over the wire: who must wait waits, and hears of nothing it may not know.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::time::{Duration, UNIX_EPOCH};

use anyhow::Result;
use chancery_conformance::{TestForum, TestNode, get, get_json, mapping, release_of, wait_for};
use serde_json::Value;

/// Publishes one figure with more arguments of `import`; the release's id.
fn publish(node: &TestNode, title: &str, persons: u32, more: &[&str]) -> Result<String> {
    let file = node.write("returns.csv", &format!("month,from,persons\n2024-01,MEX,{persons}\n"))?;
    let mapping = node.write("returns.toml", &mapping(&node.member))?;
    node.run(&[&["import", &file, "--mapping", &mapping, "--title", title], more].concat())?.ok()?;
    node.run(&["approve"])?.ok()?;
    release_of(&node.json(&["publish"])?)
}

/// RFC 3339, so many seconds from now, by the program's own words: a log's time would be as good.
fn in_seconds(seconds: u64) -> String {
    let at = UNIX_EPOCH.elapsed().unwrap() + Duration::from_secs(seconds);
    let output = std::process::Command::new("date")
        .args(["-u", "-d", &format!("@{}", at.as_secs()), "+%Y-%m-%dT%H:%M:%SZ"])
        .output()
        .unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn titles(url: &str) -> Result<Vec<String>> {
    let listed = get_json(&format!("{url}/api/v1/releases?state=current"))?;
    let listed = listed.as_array().or_else(|| listed["releases"].as_array()).cloned().unwrap_or_default();
    Ok(listed
        .iter()
        .filter(|r| r["state"] == "current")
        .map(|r| r["title"].as_str().unwrap_or("").to_owned())
        .collect())
}

fn held(node: &TestNode, member: &str) -> Result<Vec<Value>> {
    let log = node.run(&["log", member, "--json"])?;
    Ok(if log.code == 0 { log.json()?["entries"].as_array().cloned().unwrap_or_default() } else { Vec::new() })
}

#[test]
fn an_embargoed_release_holds_nothing_up_and_replaces_nothing_before_its_time() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    let first = publish(gtm, "first", 10, &[]).unwrap();
    let until = in_seconds(20);
    let second = publish(gtm, "second", 20, &["--embargo", &until]).unwrap();
    let (at_gtm, at_hnd) = (gtm.serve().unwrap(), hnd.serve().unwrap());
    // The log is held to its end, with a gap where the record will be.
    let leaves = held(gtm, "GTM").unwrap().len();
    wait_for("the log", || Ok((held(hnd, "GTM")?.len() == leaves).then_some(()))).unwrap();
    let last = held(hnd, "GTM").unwrap().pop().unwrap();
    let waiting = UNIX_EPOCH.elapsed().unwrap().as_secs();
    if last["held"] == false {
        for url in [&at_gtm.url, &at_hnd.url] {
            assert_eq!(titles(url).unwrap(), ["first"], "at {waiting}, embargo {until}");
            assert_eq!(get(&format!("{url}/api/v1/releases/{second}")).unwrap().0, 404);
        }
    }
    for url in [&at_gtm.url, &at_hnd.url] {
        let shown = || Ok((titles(url)? == ["second"]).then_some(()));
        wait_for("the embargoed release", shown).unwrap();
        let replaced = get_json(&format!("{url}/api/v1/releases/{first}")).unwrap();
        assert_eq!((replaced["state"].as_str(), replaced["replaced_by"].as_str()), (Some("replaced"), Some(&*second)));
    }
    hnd.run(&["verify", &second]).unwrap().ok().unwrap();
    assert_eq!(hnd.json(&["log", "GTM", "--check"]).unwrap()["checked"], true);
    // Withdrawn, it is so at both.
    gtm.run(&["withdraw", &second, "--reason", "wrong table"]).unwrap().ok().unwrap();
    let gone = || Ok((titles(&at_hnd.url)?.is_empty()).then_some(()));
    wait_for("the withdrawal", gone).unwrap();
}

#[test]
fn without_witnesses_no_embargo_ends_by_the_owners_clock_alone() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    let release = publish(gtm, "embargoed", 10, &["--embargo", &in_seconds(3)]).unwrap();
    let serving = gtm.serve().unwrap();
    std::thread::sleep(Duration::from_secs(6));
    let show = || get(&format!("{}/api/v1/releases/{release}", serving.url));
    assert_eq!(show().unwrap().0, 404, "no other state has said what time it is");
    let _hnd = hnd.serve().unwrap();
    wait_for("the end of the embargo", || Ok((show()?.0 == 200).then_some(()))).unwrap();
    // It has ended, however few may say so from now on: with Honduras suspended nobody does.
    let draft = forum.root.path().join("suspend.json").to_string_lossy().into_owned();
    gtm.run(&["forum", "suspend", "HND", "--reason", "made up", "--output", &draft]).unwrap().ok().unwrap();
    gtm.sign(&draft).unwrap();
    gtm.run(&["forum", "adopt", &draft]).unwrap().ok().unwrap();
    let suspended = || {
        Ok((!get_json(&format!("{}/api/v1/forum", serving.url))?["members"][1]["suspended"].is_null()).then_some(()))
    };
    wait_for("the suspension", suspended).unwrap();
    assert_eq!(show().unwrap().0, 200, "an embargo that has ended began again");
    drop(serving);
    let serving = gtm.serve().unwrap();
    assert_eq!(get(&format!("{}/api/v1/releases/{release}", serving.url)).unwrap().0, 200, "after a restart");
}

#[test]
fn of_a_release_for_some_the_others_get_neither_record_nor_withdrawal() {
    let forum = TestForum::found(&["GTM", "HND", "MEX"]).unwrap();
    let [gtm, hnd, mex] = forum.nodes.as_slice() else { panic!("three nodes") };
    let secret = publish(gtm, "for Honduras", 10, &["--audience", "HND"]).unwrap();
    gtm.run(&["withdraw", &secret, "--reason", "a secret reason"]).unwrap().ok().unwrap();
    let _serving = [gtm.serve().unwrap(), hnd.serve().unwrap(), mex.serve().unwrap()];
    let leaves = held(gtm, "GTM").unwrap();
    for node in [hnd, mex] {
        wait_for("the log", || Ok((held(node, "GTM")?.len() == leaves.len()).then_some(()))).unwrap();
    }
    wait_for("the record at HND", || Ok(held(hnd, "GTM")?.iter().all(|e| e["held"] == true).then_some(()))).unwrap();
    let at_mex = held(mex, "GTM").unwrap();
    for entry in at_mex.iter().filter(|e| e["kind"] == "release" || e["kind"] == "withdrawal") {
        assert_eq!((&entry["held"], &entry["audience"]), (&Value::Bool(false), &Value::from("members")), "{entry}");
        // A salted commitment: the record's id is not to be found.
        assert_ne!(entry["record"], secret.as_str());
    }
    assert_eq!(at_mex.iter().filter(|e| e["held"] == false).count(), 2);
    let database = std::fs::read(mex.dir.join("node.sqlite")).unwrap();
    let wal = std::fs::read(mex.dir.join("node.sqlite-wal")).unwrap_or_default();
    for bytes in [database, wal] {
        assert!(!bytes.windows(15).any(|w| w == b"a secret reason"), "the withdrawal's reason is at MEX");
    }
}
