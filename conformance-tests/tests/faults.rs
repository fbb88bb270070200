//! A fault injected at each file operation of one publication: whatever fails, the log agrees with its signed head, and what was
//! acknowledged is there.
//!
//! `strace` makes the operation fail, or kills the node at it. In CI a part of the points is tried; `CHANCERY_FAULTS=all` tries each.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chancery_conformance::{TestForum, TestNode, program};

/// What reads and writes files, by the system's names.
const OPERATIONS: [&str; 13] = [
    "pwrite64",
    "fdatasync",
    "fsync",
    "write",
    "rename",
    "renameat",
    "renameat2",
    "ftruncate",
    "unlink",
    "copy_file_range",
    "pread64",
    "mkdir",
    "openat",
];
/// How it fails.
const FAULTS: [&str; 3] = ["error=EIO", "error=ENOSPC", "signal=SIGKILL"];
/// Also wakes threads (`eventfd`), which no disk makes fail: a wake-up that is lost would only hang the program. So here the node is killed.
const WAKES: &str = "write";
/// Points tried unless all are.
const IN_CI: usize = 48;

fn copy(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    assert!(Command::new("cp").arg("-r").arg(from).arg(to).status().unwrap().success());
}

/// Publishes in `dir` under strace with these arguments.
fn traced(dir: &Path, strace: &[&str]) -> Option<Output> {
    let mut command = Command::new("strace");
    command.args(["-f", "-qq"]).args(strace).arg(program().unwrap()).arg("--dir").arg(dir).args(["publish", "--json"]);
    command.output().ok()
}

/// How often each operation occurs in one thread at most.
fn points(dir: &Path, trace: &Path) -> Option<BTreeMap<String, u32>> {
    let wanted = format!("trace={}", OPERATIONS.join(","));
    let output = traced(dir, &["-e", &wanted, "-o", trace.to_str()?])?;
    if !output.status.success() {
        return None;
    }
    let mut counts: BTreeMap<(String, String), u32> = BTreeMap::new();
    for line in std::fs::read_to_string(trace).ok()?.lines() {
        let (thread, call) = line.split_once(' ')?;
        if let Some((name, _)) = call.trim_start().split_once('(').filter(|(name, _)| OPERATIONS.contains(name)) {
            *counts.entry((name.to_owned(), thread.to_owned())).or_default() += 1;
        }
    }
    let mut most: BTreeMap<String, u32> = BTreeMap::new();
    for ((name, _), count) in counts {
        let at = most.entry(name).or_default();
        *at = count.max(*at);
    }
    Some(most)
}

fn releases(node: &TestNode) -> usize {
    let log = node.json(&["log", "--check"]).unwrap();
    assert_eq!(log["checked"], true, "{log:#}");
    log["entries"].as_array().unwrap().iter().filter(|e| e["kind"] == "release").count()
}

#[test]
fn whatever_fails_in_a_publication_the_log_is_whole_and_nothing_acknowledged_is_lost() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    gtm.publish("before", &[("2024-01", 10)]).unwrap();
    gtm.stage("figures", &[("2024-01", 20)]).unwrap();
    gtm.run(&["approve"]).unwrap().ok().unwrap();
    let place = |name: &str| -> PathBuf { forum.root.path().join(name) };
    copy(&gtm.dir, &place("ready"));
    copy(&gtm.dir, &place("counted"));
    let Some(counts) = points(&place("counted"), &place("trace")) else {
        println!("skipped: `strace` is not there or may not trace");
        return;
    };
    let all: Vec<(String, u32)> =
        counts.iter().flat_map(|(name, count)| (1..=*count).map(move |n| (name.clone(), n))).collect();
    let every = if std::env::var("CHANCERY_FAULTS").is_ok_and(|v| v == "all") { 1 } else { all.len().div_ceil(IN_CI) };
    let (mut tried, mut failed) = (0, 0);
    for (number, (name, when)) in all.iter().enumerate().step_by(every.max(1)) {
        let (first, count) = if every == 1 { (0, FAULTS.len()) } else { (number % FAULTS.len(), 1) };
        for fault in FAULTS.iter().skip(first).take(count) {
            let node = TestNode { member: "GTM".to_owned(), dir: place("tried"), http: gtm.http };
            copy(&place("ready"), &node.dir);
            let fault = if name == WAKES { "signal=SIGKILL" } else { *fault };
            let inject = format!("inject={name}:{fault}:when={when}");
            let output =
                traced(&node.dir, &["-e", &format!("trace={name}"), "-e", &inject, "-o", "/dev/null"]).unwrap();
            let acknowledged = output.status.success();
            let published = releases(&node);
            let what = format!("{inject}: {}", String::from_utf8_lossy(&output.stderr));
            assert!(published == 2 || (published == 1 && !acknowledged), "{published} releases after {what}");
            // Its stage is there exactly if its release is not, and can be published then: once.
            assert_eq!(node.run(&["preview"]).unwrap().code == 0, published == 1, "{what}");
            if published == 1 {
                node.run(&["publish"]).unwrap().ok().unwrap_or_else(|e| panic!("{what}: {e}"));
            }
            assert_eq!(releases(&node), 2, "{what}");
            assert_ne!(node.run(&["publish"]).unwrap().code, 0, "{what}");
            tried += 1;
            failed += usize::from(!acknowledged);
        }
    }
    println!("{tried} faults of {} points, {failed} publications failed: {counts:?}", all.len());
    assert!(failed > 0, "no fault was ever met");
}
