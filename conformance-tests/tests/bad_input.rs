//! Wrong on purpose: each mistake gets an error that says what, where and what to do, its exit code, and leaves nothing behind.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use chancery_conformance::{TestForum, TestNode, get, mapping};
use tempfile::TempDir;

fn refused(node: &TestNode, args: &[&str], code: i32, says: &[&str]) {
    let answer = node.run(args).unwrap();
    assert_eq!(answer.code, code, "{args:?}: {answer:?}");
    for words in says {
        assert!(answer.err.contains(words), "{args:?}: no `{words}` in {}", answer.err);
    }
}

#[test]
fn every_mistake_in_a_file_is_told_and_nothing_is_staged() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let rows = "month,from,persons\n2024-01,MEC,5\n2024-13,MEX,5\n2024-02,MEX,-5\n2024-03,NA,5\n2024-04,,5\n2024-05,MEX,<5\n2024-06,MEX,\n2024-07,MEX,5,9\n";
    let file = gtm.write("bad.csv", rows).unwrap();
    let map = gtm.write("good.toml", &mapping("GTM")).unwrap();
    let import = ["import", &file, "--mapping", &map, "--title", "Bad"];
    refused(gtm, &import, 3, &["8 errors", "MEC", "MEX", "2024-13", "-5", "NAM", "<5", "nothing was staged"]);
    let twice = gtm.write("twice.csv", "month,from,persons\n2024-01,MEX,5\n2024-01,MEX,6\n").unwrap();
    refused(gtm, &["import", &twice, "--mapping", &map, "--title", "Twice"], 3, &["line 2", "M.GTM.MEX.GTM"]);
    let wrong = gtm.write("wrong.toml", &mapping("GTM").replace("RETURNS", "RETURN")).unwrap();
    refused(gtm, &["import", &twice, "--mapping", &wrong, "--title", "Wrong"], 5, &["no dataflow", "RETURNS"]);
    let unknown = gtm.write("unknown.toml", &mapping("GTM").replace("\"from\"", "\"form\"")).unwrap();
    refused(gtm, &["import", &twice, "--mapping", &unknown, "--title", "Wrong"], 3, &["did you mean `from`?"]);
    refused(gtm, &["preview"], 5, &["no stage"]);
    let left: Vec<_> =
        std::fs::read_dir(gtm.dir.join("stages")).unwrap().flatten().filter(|e| e.path().is_file()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn rules_of_the_forum_hold() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let [gtm, _] = forum.nodes.as_slice() else { panic!() };
    gtm.stage("Returns", &[("2024-01", 10)]).unwrap();
    refused(gtm, &["publish"], 5, &["no stage that is approved"]);
    refused(gtm, &["approve", "--operator", "preparer"], 4, &["four-eyes", "another operator"]);
    refused(gtm, &["approve", "--operator", "nobody"], 5, &["`nobody`", "approver"]);
    let bundle = forum.bundle.to_str().unwrap();
    let other = "0".repeat(64);
    let newcomer = TestNode::init(forum.root.path(), "SLV").unwrap();
    refused(&newcomer, &["forum", "join", bundle, "--genesis", &other], 7, &["another forum"]);
    refused(&newcomer, &["forum", "join", bundle, "--genesis", &forum.genesis], 4, &["does not name `SLV`"]);
    refused(&newcomer, &["forum", "sign", bundle], 4, &["does not name `SLV`"]);
    // A charter that one founder has not signed is no charter.
    let text = std::fs::read_to_string(bundle).unwrap();
    let mut short: serde_json::Value = serde_json::from_str(&text).unwrap();
    short["charters"][0]["signatures"].as_array_mut().unwrap().pop();
    let short = newcomer.write("short.json", &short.to_string()).unwrap();
    refused(&newcomer, &["forum", "join", &short, "--genesis", &forum.genesis], 7, &["missing: HND"]);
}

#[test]
fn changed_proofs_and_files_are_caught() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let release = gtm.publish("Returns", &[("2024-01", 10), ("2024-02", 11)]).unwrap();
    let serving = gtm.serve().unwrap();
    let (_, proof) = get(&format!("{}/api/v1/releases/{release}/proof", serving.url)).unwrap();
    let bundle = gtm.write("proof.json", &proof).unwrap();
    let files = walk(&gtm.dir.join("artefacts"));
    let artefact = files.first().unwrap().to_str().unwrap();
    let genesis = forum.genesis.as_str();
    gtm.run(&["verify", &bundle, "--artefact", artefact, "--genesis", genesis]).unwrap().ok().unwrap();
    refused(gtm, &["verify", &bundle, "--genesis", &"1".repeat(64)], 7, &["another forum"]);
    // One character of the record's payload: still base64, no longer what was signed.
    let at = proof.find("\"record\"").and_then(|at| proof[at..].find("\"payload\": \"").map(|p| at + p + 40)).unwrap();
    let mut bytes = proof.clone().into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    let changed = gtm.write("changed.json", &String::from_utf8(bytes).unwrap()).unwrap();
    refused(gtm, &["verify", &changed, "--genesis", genesis], 7, &["does not hold"]);
    let whole = std::fs::read(artefact).unwrap();
    let cut = gtm.dir.with_extension("cut.parquet");
    std::fs::write(&cut, &whole[..whole.len() - 10]).unwrap();
    refused(
        gtm,
        &["verify", cut.to_str().unwrap(), "--proof", &bundle, "--genesis", genesis],
        7,
        &["changed or cut short"],
    );
    // The node itself sees that a file it serves was changed.
    drop(serving);
    std::fs::write(artefact, &whole[..whole.len() - 10]).unwrap();
    let doctor = gtm.run(&["doctor"]).unwrap();
    assert_eq!(doctor.code, 7, "{doctor:?}");
}

fn walk(dir: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        if entry.path().is_dir() { files.extend(walk(&entry.path())) } else { files.push(entry.path()) }
    }
    files
}

#[test]
fn what_is_in_the_way_is_named() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let taken = std::net::TcpListener::bind(("127.0.0.1", gtm.http)).unwrap();
    refused(gtm, &["serve"], 6, &[&gtm.http.to_string(), "port"]);
    drop(taken);
    let serving = gtm.serve().unwrap();
    refused(gtm, &["serve"], 6, &["serve.lock", "another chancery"]);
    drop(serving);
    let config = gtm.dir.join("chancery.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[http]", "[http]\nlissten = \"x\"")).unwrap();
    let answer = gtm.run(&["log"]).unwrap();
    assert!(answer.code != 0 && answer.err.contains("lissten"), "{answer:?}");
    let empty = TempDir::new().unwrap();
    let nobody = TestNode { member: "GTM".into(), dir: empty.path().to_path_buf(), http: 0 };
    refused(&nobody, &["serve"], 5, &["chancery init"]);
    std::fs::write(&config, text).unwrap();
    let newer = "INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')";
    match std::process::Command::new("sqlite3").arg(gtm.dir.join("node.sqlite")).arg(newer).status() {
        Ok(status) if status.success() => refused(gtm, &["log"], 8, &["newer chancery"]),
        _ => println!("skipped the newer database: sqlite3 is not installed"),
    }
}
