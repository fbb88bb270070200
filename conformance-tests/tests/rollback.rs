//! A node whose folder was put back from a backup has forgotten what it signed: it signs nothing until its peers have told it.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;

use chancery_conformance::{TestForum, wait_for};

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
