//! What is for named members is handed out by its owner's node alone: no third node goes round what the owner decides.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use anyhow::Result;
use chancery_conformance::{TestForum, TestNode, mapping, release_of, wait_for};

/// The owner keeps its releases from one member that they name.
const OWN_POLICY: &str = r#"@id("not-to-hnd")
@description("Honduras reads our figures at our own node.")
forbid (principal == Chancery::Member::"HND", action == Chancery::Action::"replicate", resource);
"#;

fn publish(node: &TestNode, title: &str, audience: &str) -> String {
    let file = node.write("returns.csv", "month,from,persons\n2024-01,USA,10\n").unwrap();
    let mapping = node.write("returns.toml", &mapping(&node.member)).unwrap();
    node.run(&["import", &file, "--mapping", &mapping, "--title", title, "--audience", audience])
        .unwrap()
        .ok()
        .unwrap();
    node.run(&["approve"]).unwrap().ok().unwrap();
    release_of(&node.json(&["publish"]).unwrap()).unwrap()
}

/// How many leaves of the log of `MEX` a node has, and of how many releases among them it has the record.
fn held(node: &TestNode) -> Result<(usize, usize)> {
    let listed = node.run(&["log", "MEX", "--json"])?;
    let log = if listed.code == 0 { listed.json()? } else { return Ok((0, 0)) };
    let entries = log["entries"].as_array().cloned().unwrap_or_default();
    Ok((entries.len(), entries.iter().filter(|e| e["kind"] == "release" && e["held"] == true).count()))
}

fn wait_until_held(node: &TestNode, wanted: (usize, usize)) {
    wait_for(&format!("{wanted:?} at {}", node.member), || Ok((held(node)? == wanted).then_some(()))).unwrap();
}

/// Waits until a node has decided so about a copy for `HND`.
fn wait_until_refused(node: &TestNode, policy: &str) {
    let refused = || {
        let log = node.json(&["policy", "log", "--limit", "1000"])?;
        let found = log.as_array().into_iter().flatten().any(|r| {
            let by = r["policies"].as_str().is_some_and(|p| p.contains(policy));
            by && r["asker"] == "HND" && r["action"] == "replicate" && r["allowed"] == false
        });
        Ok(found.then_some(()))
    };
    wait_for(&format!("{policy} at {}", node.member), refused).unwrap();
}

#[test]
fn only_its_owner_hands_out_what_is_for_named_members() {
    let forum = TestForum::found(&["MEX", "GTM", "HND", "SLV"]).unwrap();
    let [mex, gtm, hnd, slv] = forum.nodes.as_slice() else { panic!("four nodes") };
    publish(mex, "for two", "GTM,HND");
    let (leaves, _) = held(mex).unwrap();
    let _gtm = gtm.serve().unwrap();
    {
        let _mex = mex.serve().unwrap();
        wait_until_held(gtm, (leaves, 1));
    }

    // The owner is away: a named member and one that is not named get the log from GTM, and no more.
    let (_hnd, _slv) = (hnd.serve().unwrap(), slv.serve().unwrap());
    wait_until_held(hnd, (leaves, 0));
    wait_until_held(slv, (leaves, 0));
    wait_until_refused(gtm, "owner-gives");
    assert_eq!((held(hnd).unwrap(), held(slv).unwrap()), ((leaves, 0), (leaves, 0)));
    let said = hnd.run(&["log", "MEX"]).unwrap().ok().unwrap();
    assert!(said.contains("not here: 1 of") && said.contains("the node of `MEX` alone (never seen"), "{said}");
    let doctor = hnd.run(&["doctor"]).unwrap().out;
    assert!(doctor.contains("node of `MEX` alone"), "{doctor}");

    // It is back: the named member gets it, and the other does not.
    let mex_serves = mex.serve().unwrap();
    wait_until_held(hnd, (leaves, 1));
    assert_eq!(held(slv).unwrap(), (leaves, 0));
    drop(mex_serves);

    // What the owner keeps from HND reaches it from nobody, though GTM has it.
    let folder = mex.dir.join("access");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("own.cedar"), OWN_POLICY).unwrap();
    publish(mex, "not to all", "GTM,HND");
    let leaves = held(mex).unwrap().0;
    let _mex = mex.serve().unwrap();
    wait_until_held(gtm, (leaves, 2));
    wait_until_refused(mex, "MEX/not-to-hnd");
    wait_until_held(hnd, (leaves, 1));
}
