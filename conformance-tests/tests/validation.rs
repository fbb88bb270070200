//! Checking figures as a statistician does: every problem at once, rules of one's own, warnings accepted by name, what would change, and an
//! import that is cut off.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use chancery_conformance::{Answer, TestForum, TestNode, mapping, release_of, wait_for};
use serde_json::Value;

/// Names of what lies in a node's private folder.
fn left(node: &TestNode) -> Vec<String> {
    let entries = std::fs::read_dir(node.dir.join("stages")).unwrap().flatten();
    entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

fn import(node: &TestNode, file: &str, map: &str, more: &[&str]) -> Answer {
    let common = ["import", file, "--mapping", map, "--title", "Returns", "--json"];
    node.run(&[&common, more].concat()).unwrap()
}

/// How many problems of each kind the answer tells of.
fn kinds(counts: &Value) -> Vec<(String, u64)> {
    let count = |c: &Value| Some((c["kind"].as_str()?.to_owned(), c["count"].as_u64()?));
    let mut kinds: Vec<_> = counts.as_array().unwrap().iter().filter_map(count).collect();
    kinds.sort();
    kinds
}

fn refusal(answer: &Answer) -> Value {
    assert_eq!(answer.code, 3, "{answer:?}");
    let line = answer.err.lines().find(|line| line.starts_with('{')).unwrap();
    serde_json::from_str::<Value>(line).unwrap()["error"].clone()
}

#[test]
fn errors_and_warnings_are_told_together_as_a_list_and_in_the_sheet() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let map = gtm.write("map.toml", &mapping("GTM")).unwrap();
    let rows = "month,from,persons\n2024-01,MEC,5\n2024-02,MEX,7.5\n2024-03,GTM,5\n2024-04,MEX,5\n2024-04,MEX,6\n";
    let file = gtm.write("wrong.csv", rows).unwrap();
    let [list, sheet] = ["list.csv", "marked.xlsx"].map(|name| gtm.write(name, "").unwrap());
    let error = refusal(&import(gtm, &file, &map, &["--problems", &list, "--marked", &sheet]));
    let expected = [("duplicate-key", 1), ("origin-is-destination", 1), ("part-of-a-person", 1), ("unknown-code", 1)];
    let expected = expected.map(|(kind, count)| (kind.to_owned(), count));
    assert_eq!(kinds(&error["counts"]), expected);
    let list = std::fs::read_to_string(&list).unwrap();
    for line in [
        "2,from,ORIGIN,MEC,error,unknown-code,a code of CL_AREA,MEX",
        "3,persons,OBS_VALUE,7.5,warning,part-of-a-person,",
        "4,,DESTINATION,GTM,warning,origin-is-destination,",
        "6,,key,M.GTM.MEX.GTM._T._T._T.2024-04,error,duplicate-key,a key that line 5 does not have already,",
    ] {
        assert!(list.contains(line), "no `{line}` in {list}");
    }
    // The copy has the same figures at the same places: importing it tells the same.
    let again = refusal(&import(gtm, &sheet, &map, &[]));
    assert_eq!(again["problems"], error["problems"]);
    assert_eq!(left(gtm), Vec::<String>::new());
}

#[test]
fn warnings_are_accepted_by_name_and_who_did_is_remembered() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let map = gtm.write("map.toml", &mapping("GTM")).unwrap();
    let file = gtm.write("half.csv", "month,from,persons\n2024-01,MEX,7.5\n").unwrap();
    let refused = import(gtm, &file, &map, &[]);
    assert!(refused.err.contains("--accept part-of-a-person"), "{refused:?}");
    refusal(&refused);
    refusal(&import(gtm, &file, &map, &["--accept", "origin-is-destination"]));
    assert!(import(gtm, &file, &map, &["--accept", "part-of-person"]).err.contains("there is no warning"));
    assert!(import(gtm, &file, &map, &["--accept", "duplicate-key"]).err.contains("cannot be accepted"));
    assert_eq!(left(gtm), Vec::<String>::new());
    import(gtm, &file, &map, &["--accept", "part-of-a-person"]).ok().unwrap();
    let accepted = &gtm.json(&["preview"]).unwrap()["accepted"];
    assert_eq!(accepted.as_array().unwrap().len(), 1);
    assert_eq!((&accepted[0]["name"], &accepted[0]["count"]), (&"part-of-a-person".into(), &1.into()));
    assert_eq!(accepted[0]["operator"], "preparer");
}

#[test]
fn an_agency_has_rules_of_its_own() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let map = gtm.write("map.toml", &mapping("GTM")).unwrap();
    let file = gtm.write("few.csv", "month,from,persons\n2024-01,MEX,7\n2024-02,MEX,70\n").unwrap();
    let rule = |level: &str| {
        format!(
            "[[rule]]\nname = \"few\"\ndataflows = [\"RETURNS\"]\nwhen = \"ORIGIN = 'MEX'\"\nthen = \"OBS_VALUE >= 10\"\n\
             errorlevel = \"{level}\"\nerrorcode = \"ten or more from {{ORIGIN}}\"\n"
        )
    };
    let own = gtm.write("own.toml", &rule("error")).unwrap();
    let error = refusal(&import(gtm, &file, &map, &["--rules", &own]));
    assert_eq!(error["problems"][0]["expected"], "ten or more from MEX");
    assert_eq!((&error["problems"][0]["row"], &error["problems"][0]["value"]), (&2.into(), &"7".into()));
    // Those in the node's folder hold without being named; a file that is named goes before them.
    std::fs::create_dir(gtm.dir.join("rules")).unwrap();
    std::fs::write(gtm.dir.join("rules/own.toml"), rule("error")).unwrap();
    refusal(&import(gtm, &file, &map, &["--check"]));
    let off = gtm.write("off.toml", &rule("off")).unwrap();
    import(gtm, &file, &map, &["--check", "--rules", &off]).ok().unwrap();
    for (text, told) in [
        (rule("error").replace("OBS_VALUE", "OBS_VALEU"), "OBS_VALEU"),
        (rule("error").replace("OBS_VALUE >= 10", "length(ORIGIN)"), "not a condition"),
        (rule("error").replace("OBS_VALUE >= 10", "load_file(ORIGIN)"), "nothing that rules know"),
        ("[[rules]]".to_owned(), "unknown field"),
    ] {
        let wrong = gtm.write("wrong.toml", &text).unwrap();
        let answer = import(gtm, &file, &map, &["--check", "--rules", &wrong]);
        assert_eq!(answer.code, 3, "{answer:?}");
        assert!(answer.err.contains(told), "no `{told}` in {}", answer.err);
    }
}

#[test]
fn a_preview_tells_what_is_new_revised_and_gone() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let release = gtm.publish("First", &[("2023-01", 100), ("2023-02", 200), ("2024-01", 300)]).unwrap();
    let map = gtm.write("map.toml", &mapping("GTM")).unwrap();
    let text = "month,from,persons\n2023-02,MEX,200\n2024-01,MEX,1200\n2024-02,MEX,400\n";
    let file = gtm.write("second.csv", text).unwrap();
    // The revision is so large that a rule asks about it.
    let refused = import(gtm, &file, &map, &[]);
    assert_eq!(kinds(&refusal(&refused)["counts"]), [("revised-strongly".to_owned(), 1)]);
    let told = gtm.json(&["preview", "--file", &file, "--mapping", &map]).unwrap();
    assert_eq!(told["findings"]["open"], serde_json::json!(["revised-strongly"]));
    let compared = &told["comparison"];
    assert_eq!(compared["release"], release.as_str());
    let numbers = ["new", "revised", "unchanged", "gone"].map(|name| compared[name].as_u64().unwrap());
    assert_eq!(numbers, [1, 1, 1, 1]);
    let largest = &compared["largest"][0];
    assert_eq!((&largest["before"], &largest["after"]), (&300.0.into(), &1200.0.into()));
    let year = |index: usize, name: &str| compared["years"][index][name].clone();
    let sums = |index| ["year", "rows_before", "rows_after", "before", "after"].map(|name| year(index, name));
    let sums = serde_json::json!([sums(0), sums(1)]);
    assert_eq!(sums, serde_json::json!([["2023", 2, 1, 300.0, 200.0], ["2024", 1, 2, 300.0, 1600.0]]));
    assert_eq!(year(0, "of")["COUNTED"], "PERSONS");
    assert_eq!(left(gtm), Vec::<String>::new());
    import(gtm, &file, &map, &["--accept", "revised-strongly"]).ok().unwrap();
    assert_eq!(gtm.json(&["preview"]).unwrap()["comparison"], *compared);
    gtm.run(&["approve"]).unwrap().ok().unwrap();
    let second = release_of(&gtm.json(&["publish"]).unwrap()).unwrap();
    assert_ne!(second, release);
}

/// Whether an import has begun to write a stage: a file in its process's folder.
fn begun(node: &TestNode) -> bool {
    let entries = |dir: &Path| std::fs::read_dir(dir).into_iter().flatten().flatten();
    let written = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with(".tmp");
    entries(&node.dir.join("stages")).any(|work| entries(&work.path()).any(|file| written(&file.file_name())))
}

/// Starts an import that lasts, waits until it has written something, sends `signal`, and waits for its end.
fn cut_off(node: &TestNode, file: &Path, map: &str, signal: &str) -> Result<i32> {
    let file = file.to_str().context("path")?;
    let mut command = node.command(&["import", file, "--mapping", map, "--title", "Long"])?;
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    wait_for("the import to begin", || Ok(begun(node).then_some(())))?;
    let sent = std::process::Command::new("kill").args([signal, &child.id().to_string()]).status()?;
    ensure!(sent.success(), "no signal could be sent");
    Ok(child.wait()?.code().unwrap_or(-1))
}

#[cfg(unix)]
#[test]
fn an_import_that_is_cut_off_leaves_nothing() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let map = gtm.write("map.toml", &mapping("GTM")).unwrap();
    let mut text = "month,from,persons\n".to_owned();
    for origin in ["MEX", "HND", "SLV"] {
        for (year, month) in (1000..9000).flat_map(|year| (1..=12).map(move |month| (year, month))) {
            text.push_str(&format!("{year}-{month:02},{origin},70\n"));
        }
    }
    let file = gtm.write("long.csv", &text).unwrap();
    for signal in ["-INT", "-TERM"] {
        assert_eq!(cut_off(gtm, Path::new(&file), &map, signal).unwrap(), 1, "{signal}");
        assert_eq!(left(gtm), Vec::<String>::new(), "{signal}");
    }
    // A killed process cannot clean up: the next import does.
    assert_eq!(cut_off(gtm, Path::new(&file), &map, "-KILL").unwrap(), -1);
    assert_ne!(left(gtm), Vec::<String>::new());
    assert_eq!(gtm.run(&["preview"]).unwrap().code, 5, "something was staged");
    let short = gtm.write("short.csv", "month,from,persons\n2024-01,MEX,70\n").unwrap();
    import(gtm, &short, &map, &["--check"]).ok().unwrap();
    assert_eq!(left(gtm), Vec::<String>::new());
}
