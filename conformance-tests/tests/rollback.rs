//! A node whose folder was put back from a backup, or lost but for its keys, has forgotten what it signed: it signs nothing until its peers
//! have told it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use chancery_conformance::{TestForum, TestNode, wait_for};
use serde_json::Value;

fn copy(from: &Path, to: &Path) {
    let done = std::process::Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap();
    assert!(done.success());
}

#[test]
fn an_old_backup_signs_nothing_until_it_has_caught_up() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    gtm.publish("before the backup", &[("2024-01", 10)]).unwrap();
    let backup = forum.root.path().join("backup");
    copy(&gtm.dir, &backup);
    gtm.publish("after the backup", &[("2024-01", 20)]).unwrap();
    let newest = gtm.json(&["log"]).unwrap();
    let _hnd = hnd.serve().unwrap();
    {
        let _gtm = gtm.serve().unwrap();
        let copied =
            || Ok((hnd.run(&["log", "GTM", "--json"])?.json().ok().filter(|l| l["size"] == newest["size"])).map(drop));
        wait_for("the log at HND", copied).unwrap();
    }
    std::fs::remove_dir_all(&gtm.dir).unwrap();
    copy(&backup, &gtm.dir);
    // It would sign another head of a size that HND knows.
    gtm.stage("a fork", &[("2024-01", 30)]).unwrap();
    gtm.run(&["approve"]).unwrap().ok().unwrap();
    let refused = gtm.run(&["publish"]).unwrap();
    assert!(refused.code != 0 && refused.err.contains("nothing is signed"), "{refused:?}");
    let doctor = gtm.run(&["doctor"]).unwrap();
    assert!(doctor.code == 7 && doctor.out.contains("was put back or copied"), "{doctor:?}");
    let _gtm = gtm.serve().unwrap();
    let caught_up = || Ok((gtm.json(&["log", "--check"])?["size"] == newest["size"]).then_some(()));
    wait_for("the lost part of the log", caught_up).unwrap();
    let published = || Ok((gtm.run(&["publish"])?.code == 0).then_some(()));
    wait_for("the node to sign again", published).unwrap();
    let log = gtm.json(&["log", "--check"]).unwrap();
    assert_eq!(log["checked"], true);
    let same = || Ok((hnd.json(&["log", "GTM", "--check"])?["root"] == log["root"]).then_some(()));
    wait_for("the log that went on, at HND", same).unwrap();
    let doctor = hnd.json(&["doctor"]).unwrap();
    let evidence = doctor.as_array().unwrap().iter().find(|f| f["check"] == "evidence").unwrap();
    assert_eq!(evidence["ok"], true, "{evidence}");
}

#[test]
fn a_restored_witness_cosigns_nothing_until_it_knows_what_it_has_cosigned() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    hnd.publish("before the backup", &[("2024-01", 10)]).unwrap();
    let database = forum.root.path().join("node.sqlite");
    // The folder stays as it is, and only the database is put back: no other file tells of it.
    copy(&gtm.dir.join("node.sqlite"), &database);
    let (note, size) = {
        let (_gtm, _hnd) = (gtm.serve().unwrap(), hnd.serve().unwrap());
        let head = wait_for_copy(hnd, gtm);
        let cosigned = || Ok(hnd.run(&["log", "--json"])?.json()?["checkpoint"].as_str().map(str::to_owned));
        let note = wait_for("a head", cosigned).unwrap();
        wait_for("the cosignature of GTM", || Ok(is_cosigned(hnd)?.then_some(()))).unwrap();
        let shown = || Ok(gtm.run(&["log", "HND", "--json"])?.json()?["checkpoint"].as_str().is_some().then_some(()));
        wait_for("the head at GTM", shown).unwrap();
        (note, head["size"].as_u64().unwrap())
    };
    for name in ["node.sqlite-wal", "node.sqlite-shm"] {
        let _ = std::fs::remove_file(gtm.dir.join(name));
    }
    std::fs::copy(&database, gtm.dir.join("node.sqlite")).unwrap();
    let serving = gtm.serve().unwrap();
    let ask = |url: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut response =
            agent.post(&format!("{url}/witness/add-checkpoint")).send(format!("old 0\n\n{note}")).unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    };
    // HND's node is away. A witness that has forgotten would take this head for the first, and another of the same size too.
    let (status, answer) = ask(&serving.url);
    assert!(status == 503 && answer.contains("cosigns nothing until"), "{status} {answer}");
    let doctor = gtm.run(&["doctor"]).unwrap();
    assert!(doctor.out.contains("cosigns nothing until"), "{doctor:?}");
    let _hnd = hnd.serve().unwrap();
    let recalled = || Ok((ask(&serving.url) == (409, format!("{size}\n"))).then_some(()));
    wait_for("GTM to know what it has cosigned", recalled).unwrap();
}

/// Waits until `peer` holds the log of `node` as far as `node` does.
fn wait_for_copy(node: &TestNode, peer: &TestNode) -> Value {
    let newest = node.json(&["log"]).unwrap();
    let copied = || {
        let log = peer.run(&["log", &node.member, "--json"])?.json().ok();
        Ok(log.filter(|l| l["size"] == newest["size"]).map(drop))
    };
    wait_for(&format!("the log at {}", peer.member), copied).unwrap();
    newest
}

#[test]
fn a_node_that_lost_all_but_its_keys_signs_nothing_until_it_has_caught_up() {
    let forum = TestForum::found(&["GTM", "HND", "SLV"]).unwrap();
    let [gtm, hnd, slv] = forum.nodes.as_slice() else { panic!("three nodes") };
    gtm.publish("before the fire", &[("2024-01", 10)]).unwrap();
    let _hnd = hnd.serve().unwrap();
    let slv_serves = slv.serve().unwrap();
    let newest = {
        let _gtm = gtm.serve().unwrap();
        wait_for_copy(gtm, slv);
        wait_for_copy(gtm, hnd)
    };
    drop(slv_serves);
    // The keys and the configuration were kept elsewhere; what they signed is gone.
    let lost = forum.root.path().join("lost");
    std::fs::rename(&gtm.dir, &lost).unwrap();
    std::fs::create_dir(&gtm.dir).unwrap();
    copy(&lost.join("keys"), &gtm.dir);
    std::fs::copy(lost.join("chancery.toml"), gtm.dir.join("chancery.toml")).unwrap();
    let bundle = forum.bundle.to_str().unwrap();
    gtm.run(&["forum", "join", bundle, "--genesis", &forum.genesis]).unwrap().ok().unwrap();
    assert_ne!(gtm.run(&["log"]).unwrap().code, 0, "a head was signed: a fork");
    gtm.stage("a fork", &[("2024-01", 30)]).unwrap();
    gtm.run(&["approve"]).unwrap().ok().unwrap();
    let refused = gtm.run(&["publish"]).unwrap();
    assert!(refused.code != 0 && refused.err.contains("may have signed a log that is not here"), "{refused:?}");
    let doctor = gtm.run(&["doctor"]).unwrap();
    assert!(doctor.code == 7 && doctor.out.contains("may have signed a log that is not here"), "{doctor:?}");

    // HND tells it. Whoever else knows more than HND would be asked too, if a quorum did not need both.
    let _gtm = gtm.serve().unwrap();
    let caught_up = || {
        let log = gtm.run(&["log", "--check", "--json"])?.json().ok();
        Ok(log.filter(|l| l["size"] == newest["size"] && l["root"] == newest["root"]).map(drop))
    };
    wait_for("the lost log", caught_up).unwrap();
    let _slv = slv.serve().unwrap();
    let published = || Ok((gtm.run(&["publish"])?.code == 0).then_some(()));
    wait_for("the node to sign again", published).unwrap();
    let log = gtm.json(&["log", "--check"]).unwrap();
    assert_eq!(log["entries"].as_array().unwrap().len() as u64, newest["size"].as_u64().unwrap() + 1, "{log:#}");
    for peer in [hnd, slv] {
        wait_for_copy(gtm, peer);
        assert_eq!(peer.json(&["log", "GTM", "--check"]).unwrap()["root"], log["root"]);
        let doctor = peer.json(&["doctor"]).unwrap();
        let evidence = doctor.as_array().unwrap().iter().find(|f| f["check"] == "evidence").unwrap();
        assert_eq!(evidence["ok"], true, "{evidence}");
    }
}

/// Whether as many states as are needed have cosigned the node's newest head.
fn is_cosigned(node: &TestNode) -> anyhow::Result<bool> {
    let doctor = node.json(&["doctor"])?;
    let found = doctor.as_array().into_iter().flatten().find(|f| f["check"] == "cosignatures");
    let detail = found.and_then(|f| f["detail"].as_str()).unwrap_or_default();
    // "1 of the 1 states needed have cosigned the head …"
    let words: Vec<&str> = detail.split(' ').collect();
    Ok(words.len() > 4 && words[1..3] == ["of", "the"] && words[0] == words[3])
}

#[test]
fn a_node_that_lost_its_log_and_then_revoked_its_log_key_goes_on_with_a_new_one() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    gtm.publish("before the theft", &[("2024-01", 10)]).unwrap();
    let _hnd = hnd.serve().unwrap();
    let newest = {
        let _gtm = gtm.serve().unwrap();
        wait_for("the cosignature of HND", || Ok(is_cosigned(gtm)?.then_some(()))).unwrap();
        wait_for_copy(gtm, hnd)
    };
    for name in ["node.sqlite", "node.sqlite-wal", "node.sqlite-shm", "signer.mark", "witness.mark"] {
        let _ = std::fs::remove_file(gtm.dir.join(name));
    }
    let bundle = forum.bundle.to_str().unwrap();
    gtm.run(&["forum", "join", bundle, "--genesis", &forum.genesis]).unwrap().ok().unwrap();
    // Who took the database may have taken the key, so the head that HND holds is by a key that nobody believes.
    gtm.run(&["keys", "revoke", "log", "--reason", "stolen with the database"]).unwrap().ok().unwrap();
    let _gtm = gtm.serve().unwrap();
    let caught_up = || {
        let log = gtm.run(&["log", "--check", "--json"])?.json().ok();
        Ok(log.filter(|l| l["size"].as_u64() >= newest["size"].as_u64()).map(drop))
    };
    wait_for("the lost log", caught_up).unwrap();
    gtm.stage("after the theft", &[("2024-01", 30)]).unwrap();
    gtm.run(&["approve"]).unwrap().ok().unwrap();
    let published = || Ok((gtm.run(&["publish"])?.code == 0).then_some(()));
    wait_for("the node to sign again", published).unwrap();
    let log = gtm.json(&["log", "--check"]).unwrap();
    let same = || Ok((hnd.run(&["log", "GTM", "--check", "--json"])?.json()?["root"] == log["root"]).then_some(()));
    wait_for("the log that went on, at HND", same).unwrap();
    let doctor = hnd.json(&["doctor"]).unwrap();
    let evidence = doctor.as_array().unwrap().iter().find(|f| f["check"] == "evidence").unwrap();
    assert_eq!(evidence["ok"], true, "{evidence}");
}

#[test]
fn a_suspended_state_holds_up_no_restored_node() {
    let forum = TestForum::found(&["GTM", "HND", "SLV"]).unwrap();
    let [gtm, hnd, _] = forum.nodes.as_slice() else { panic!("three nodes") };
    for name in ["node.sqlite", "node.sqlite-wal", "node.sqlite-shm", "signer.mark", "witness.mark"] {
        let _ = std::fs::remove_file(gtm.dir.join(name));
    }
    let bundle = forum.bundle.to_str().unwrap();
    gtm.run(&["forum", "join", bundle, "--genesis", &forum.genesis]).unwrap().ok().unwrap();
    let doctor = gtm.run(&["doctor", "--json"]).unwrap();
    assert!(doctor.out.contains("2 other states of `HND`, `SLV`"), "{doctor:?}");
    // SLV's node is gone. Once it is suspended, only HND is asked.
    let draft = forum.root.path().join("suspend.json").to_string_lossy().into_owned();
    hnd.run(&["forum", "suspend", "SLV", "--reason", "out of reach", "--output", &draft]).unwrap().ok().unwrap();
    hnd.sign(&draft).unwrap();
    hnd.run(&["forum", "adopt", &draft]).unwrap().ok().unwrap();
    let (_gtm, _hnd) = (gtm.serve().unwrap(), hnd.serve().unwrap());
    let logged = || Ok(gtm.run(&["log", "--check"])?.ok().ok());
    wait_for("its delegations in its log", logged).unwrap();
    gtm.publish("figures", &[("2024-01", 10)]).unwrap();
}

#[test]
fn keys_without_a_past_are_believed_once_the_others_know_of_none() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, hnd] = forum.nodes.as_slice() else { panic!("two nodes") };
    // Nothing was signed beside the delegations, and nobody has seen that.
    for name in ["node.sqlite", "node.sqlite-wal", "node.sqlite-shm", "signer.mark", "witness.mark"] {
        let _ = std::fs::remove_file(gtm.dir.join(name));
    }
    let bundle = forum.bundle.to_str().unwrap();
    gtm.run(&["forum", "join", bundle, "--genesis", &forum.genesis]).unwrap().ok().unwrap();
    assert_ne!(gtm.run(&["log"]).unwrap().code, 0, "a head was signed");
    let (_gtm, _hnd) = (gtm.serve().unwrap(), hnd.serve().unwrap());
    let logged = || Ok(gtm.run(&["log", "--check"])?.ok().ok());
    wait_for("its delegations in its log", logged).unwrap();
    gtm.publish("figures", &[("2024-01", 10)]).unwrap();
    wait_for_copy(gtm, hnd);
}
