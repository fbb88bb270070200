//! Programs that share no code with Chancery check its proof bundles, and catch one changed byte of any part.

#![expect(clippy::unwrap_used, reason = "helpers of a test: what fails here fails the test")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_conformance::foreign::{self, here};
use chancery_conformance::{TestForum, get, wait_for};
use serde_json::Value;

/// A Python that has `cryptography`.
fn python() -> Option<PathBuf> {
    foreign::python("python-verify-venv", &["python3"], "cryptography>=45,<50", "import cryptography").unwrap()
}

/// The text with one bit of the byte at the middle of its base64 content changed.
fn flipped(text: &str) -> String {
    let mut bytes = STANDARD.decode(text).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    STANDARD.encode(bytes)
}

/// The bundle with one changed byte in each part, by the part's name.
fn damaged(bundle: &Value, part: &str) -> Value {
    let mut wrong = bundle.clone();
    let at = wrong.pointer_mut(part.split('#').next().unwrap()).unwrap();
    let text = at.as_str().unwrap();
    let word = match part {
        "/checkpoint#root" => text.lines().nth(2).unwrap(),
        "/checkpoint#signature" => signature(text, |name| !name.ends_with("/witness")),
        "/checkpoint#cosignature" => signature(text, |name| name.ends_with("/witness")),
        _ => text,
    };
    *at = text.replace(word, &flipped(word)).into();
    wrong
}

/// The bytes of the note's first signature by such a name, base64.
fn signature(note: &str, by: impl Fn(&str) -> bool) -> &str {
    let lines = note.split_once("\n\n").unwrap().1.lines();
    let mut named = lines.map(|line| line.strip_prefix("— ").unwrap().split_once(' ').unwrap());
    named.find(|(name, _)| by(name)).unwrap().1
}

/// What each kind of program must notice.
const OF_THE_LOG: [&str; 5] =
    ["/checkpoint#root", "/checkpoint#signature", "/checkpoint#cosignature", "/leaf", "/inclusion/0"];
const OF_THE_RECORDS: [&str; 5] = [
    "/record/payload",
    "/record/signatures/0/sig",
    "/charters/0/payload",
    "/charters/0/signatures/0/sig",
    "/delegations/0/signatures/0/sig",
];

#[test]
fn foreign_programs_check_proofs_and_catch_a_changed_byte() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let gtm = &forum.nodes[0];
    let release = gtm.publish("Returns é", &[("2024-01", 120), ("2024-02", 2)]).unwrap();
    let _witness = forum.nodes[1].serve().unwrap();
    let serving = gtm.serve().unwrap();
    let bundle = wait_for("a proof that HND has cosigned", || {
        let (_, text) = get(&format!("{}/api/v1/releases/{release}/proof", serving.url))?;
        let bundle: Value = serde_json::from_str(&text)?;
        let cosigned = bundle["checkpoint"].as_str().is_some_and(|note| note.contains("/HND/witness "));
        Ok(cosigned.then_some(bundle))
    });
    let bundle = bundle.unwrap();
    // As it was before anybody cosigned it.
    let mut alone = bundle.clone();
    let note = bundle["checkpoint"].as_str().unwrap();
    alone["checkpoint"] =
        note.lines().filter(|l| !l.contains("/witness ")).map(|l| format!("{l}\n")).collect::<String>().into();
    let check = |command: &mut Command, bundle: &Value, more: &[&str]| -> Output {
        let file = gtm.write("bundle.json", &bundle.to_string()).unwrap();
        command.arg(file).args(more).output().unwrap()
    };
    if let Some(python) = python() {
        let script = here().join("python/verify.py");
        let run = |bundle: &Value, more: &[&str]| check(Command::new(&python).arg(&script), bundle, more);
        let artefacts = walk(&gtm.dir.join("artefacts"));
        let artefact = artefacts[0].to_str().unwrap();
        let sound = run(&bundle, &[&forum.genesis, artefact]);
        assert!(sound.status.success(), "{sound:?}");
        for part in OF_THE_LOG.iter().chain(&OF_THE_RECORDS) {
            let refused = run(&damaged(&bundle, part), &[&forum.genesis]);
            assert!(!refused.status.success(), "{part}: {refused:?}");
            assert!(String::from_utf8_lossy(&refused.stderr).contains("refused:"), "{part}: {refused:?}");
        }
        assert!(String::from_utf8_lossy(&run(&alone, &[&forum.genesis]).stderr).contains("0 of 1 other states"));
        assert!(!run(&bundle, &[&"0".repeat(64)]).status.success());
        let mut bytes = std::fs::read(artefact).unwrap();
        bytes[100] ^= 1;
        let wrong = forum.root.path().join("wrong.parquet");
        std::fs::write(&wrong, bytes).unwrap();
        assert!(!run(&bundle, &[&forum.genesis, wrong.to_str().unwrap()]).status.success());
    }
    if let Some(go) = foreign::go(forum.root.path(), "verify.go") {
        let sound = check(&mut Command::new(&go), &bundle, &[]);
        assert!(sound.status.success(), "{sound:?}");
        for part in OF_THE_LOG {
            let refused = check(&mut Command::new(&go), &damaged(&bundle, part), &[]);
            assert!(String::from_utf8_lossy(&refused.stderr).contains("refused:"), "{part}: {refused:?}");
        }
        let refused = check(&mut Command::new(&go), &alone, &[]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("refused: the cosignatures: 0 of 1"), "{refused:?}");
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
