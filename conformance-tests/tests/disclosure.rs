//! Disclosure control from outside: what a node withholds, refuses and reports, and that the audit of a file catches every planted failure.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chancery_conformance::{TestForum, TestNode, get, mapping, program, release_of};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

/// Numbers from a seed (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        ((mixed ^ (mixed >> 27)) >> 33) % end
    }
}

/// A cell: region, sex, figure, status.
type Cell = (String, String, u64, char);

/// Two regions by two sexes with their totals: one small count, withheld with the three others of a rectangle.
fn protected(random: &mut Random) -> Vec<Cell> {
    let mut inner = [[0; 2]; 2];
    inner.iter_mut().flatten().for_each(|cell| *cell = 10 + random.below(90));
    inner[0][0] = 1 + random.below(2);
    let mut cells = Vec::new();
    for (r, region) in ["N", "S", "_T"].iter().enumerate() {
        for (s, sex) in ["F", "M", "_T"].iter().enumerate() {
            let within = |at: usize, code: usize| code == 2 || at == code;
            let parts =
                (0..2).flat_map(|i| (0..2).map(move |j| (i, j))).filter(|(i, j)| within(*i, r) && within(*j, s));
            let status = match (r, s) {
                (0, 0) => 'A',
                (0 | 1, 0 | 1) => 'D',
                _ => 'F',
            };
            let value = parts.map(|(i, j)| inner[i][j]).sum();
            cells.push(((*region).to_owned(), (*sex).to_owned(), value, status));
        }
    }
    cells
}

fn write(folder: &TempDir, cells: &[Cell], values: bool) -> PathBuf {
    let mut text = "region,sex,value,status\n".to_owned();
    for (region, sex, value, status) in cells {
        let value = if values || *status == 'F' { value.to_string() } else { String::new() };
        text.push_str(&format!("{region},{sex},{value},{status}\n"));
    }
    let path = folder.path().join("table.csv");
    std::fs::write(&path, text).unwrap();
    path
}

fn audit(path: &Path, args: &[&str]) -> (i32, Value, String) {
    let output: Output = Command::new(program().unwrap())
        .args(["disclosure", "audit"])
        .arg(path)
        .args(args)
        .arg("--json")
        .output()
        .unwrap();
    let found = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
    (output.status.code().unwrap(), found, String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_planted_failure_is_caught() {
    let (folder, mut random) = (tempfile::tempdir().unwrap(), Random(7));
    for round in 0..6 {
        let cells = protected(&mut random);
        let values = round % 2 == 0;
        let (code, found, error) = audit(&write(&folder, &cells, values), &[]);
        assert_eq!((code, found["safe"].as_bool()), (0, Some(true)), "{error}");
        // One of the cells that protect is published again.
        for planted in cells.iter().enumerate().filter(|(_, cell)| cell.3 == 'D').map(|(i, _)| i) {
            let mut wrong = cells.clone();
            wrong[planted].3 = 'F';
            let (code, found, error) = audit(&write(&folder, &wrong, values), &[]);
            assert_eq!((code, found["safe"].as_bool()), (7, Some(false)), "{error}");
            assert_eq!(found["unsafe"][0]["cell"], serde_json::json!({ "region": "N", "sex": "F" }));
            assert!(error.contains("N.F") && found["unsafe"][0]["exactly"] == true, "{error}");
        }
    }
}

#[test]
fn tables_of_tau_argus_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.csv");
    let table = |last: char| {
        format!(
            "region,sex,persons,freq,cost,status,lower,upper\n\
             N,F,2.0,2,2.0,U,1.0,1.0\nN,M,20.0,20,20.0,M,0,0\nN,O,0.0,0,0,E,0,0\nN,_T,22.0,22,22.0,S,0,0\n\
             S,F,31.0,31,31.0,M,0,0\nS,M,40.0,40,40.0,{last},0,0\nS,O,5.0,5,5.0,P,0,0\nS,_T,76.0,76,76.0,S,0,0\n\
             _T,F,33.0,33,33.0,S,0,0\n_T,M,60.0,60,60.0,S,0,0\n_T,O,5.0,5,5.0,S,0,0\n_T,_T,98.0,98,98.0,S,0,0\n"
        )
    };
    for (last, code) in [('M', 0), ('S', 7), ('P', 7)] {
        std::fs::write(&path, table(last)).unwrap();
        let (found, answer, error) = audit(&path, &["--value", "persons"]);
        assert_eq!((found, answer["safe"].as_bool()), (code, Some(code == 0)), "{last}: {error}");
    }
    let (code, _, error) = audit(&path, &[]);
    assert!(code != 0 && error.contains("--value"), "{error}");
    let (code, _, error) = audit(&path, &["--value", "people"]);
    assert!(code != 0 && error.contains("no column `people`"), "{error}");
}

#[test]
fn sums_that_do_not_hold_are_no_safety() {
    let folder = tempfile::tempdir().unwrap();
    let mut cells = protected(&mut Random(3));
    cells[8].2 += 1;
    let path = write(&folder, &cells, true);
    let (code, _, error) = audit(&path, &[]);
    assert!(code != 0 && error.contains("sums do not hold") && error.contains("`_T._T`"), "{error}");
    let (code, found, _) = audit(&path, &["--skip-broken-sums"]);
    assert_eq!((code, found["broken_sums"].as_u64()), (0, Some(2)));
    for (text, expected) in [
        ("region,sex\nN,F\n", "`value` and `status`"),
        ("region,value,status\nN,many,F\n", "`many` is no number"),
        ("region,value,status\nN,1,?\n", "`?` is no status"),
        ("region,value,status\nN,1,F\nN,2,F\n", "`N` is there twice"),
        ("region,value,status\nN,,F\n", "needs its value"),
    ] {
        std::fs::write(&path, text).unwrap();
        let (code, _, error) = audit(&path, &[]);
        assert!(code != 0 && error.contains(expected), "{error}");
    }
}

/// Stages figures of both sexes and their total.
fn stage(node: &TestNode, month: &str, [women, men]: [u32; 2]) -> chancery_conformance::Answer {
    let rows = [("F", women), ("M", men), ("_T", women + men)];
    let rows: String = rows.iter().map(|(sex, persons)| format!("{month},MEX,{sex},{persons}\n")).collect();
    let file = node.write("sexes.csv", &format!("month,from,sex,persons\n{rows}")).unwrap();
    let by_sex = mapping(&node.member).replace("SEX = { value = \"_T\" }", "SEX = { column = \"sex\" }");
    let mapping = node.write("sexes.toml", &by_sex).unwrap();
    node.run(&["import", &file, "--mapping", &mapping, "--title", "Returns by sex", "--json"]).unwrap()
}

/// The Parquet files of a node that are published.
fn artefacts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && !path.ends_with("stages") {
            found.extend(artefacts(&path));
        } else if std::fs::read(&path).is_ok_and(|bytes| bytes.starts_with(b"PAR1")) {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_node_protects_reports_and_refuses() {
    let forum = TestForum::found(&["GTM", "SLV"]).unwrap();
    let node = &forum.nodes[0];
    stage(node, "2024-01", [2, 40]).json().unwrap();
    let shown = node.json(&["preview"]).unwrap();
    let report = &shown["report"];
    assert_eq!((report["suppressed_primary"].as_u64(), report["suppressed_secondary"].as_u64()), (Some(1), Some(1)));
    assert_eq!(report["audit"]["sensitive"], 1);
    // The table and the report for people; another profile; the page.
    let page = node.dir.with_extension("html").to_string_lossy().into_owned();
    let loose =
        node.write("loose.toml", "name = \"loose\"\ndescription = \"a test\"\nminimum_frequency = 2\n").unwrap();
    let text = node.run(&["preview", "--own", "--profile", &loose, "--html", &page]).unwrap().ok().unwrap();
    assert!(text.contains("audit: 1 sensitive figures") && text.contains("loose.toml`"), "{text}");
    let careless = "name = \"careless\"\ndescription = \"a test\"\nminimum_frequency = 3\nsecondary = false\n";
    let careless_file = node.write("careless.toml", careless).unwrap();
    let refused = node.run(&["preview", "--profile", &careless_file]).unwrap();
    let refused = refused.ok().unwrap_err().to_string();
    assert!(refused.contains("careless.toml`") && refused.contains("could be found exactly"), "{refused}");
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("Withheld by a rule") && !page.contains(">40<"));
    node.run(&["approve"]).unwrap().ok().unwrap();
    let release = release_of(&node.json(&["publish"]).unwrap()).unwrap();
    {
        // Readers get the report in the bytes that the release signs, and as a page.
        let serving = node.serve().unwrap();
        let at = |what: &str| get(&format!("{}/api/v1/releases/{release}{what}", serving.url)).unwrap();
        let (code, report) = at("/disclosure.json");
        let view: Value = serde_json::from_str(&at("").1).unwrap();
        let signed = view["disclosure"]["report_sha256"].as_str().unwrap().to_owned();
        assert_eq!((code, hex::encode(Sha256::digest(report))), (200, signed));
        let (code, page) = at("/disclosure");
        assert!(code == 200 && page.contains("Disclosure report") && page.contains("Returns by sex"), "{page}");
        assert_eq!(get(&format!("{}/api/v1/releases/{}/disclosure", serving.url, "0".repeat(64))).unwrap().0, 404);
    }
    let files = artefacts(&node.dir);
    assert_eq!(files.len(), 1);
    let (code, found, error) = audit(&files[0], &[]);
    assert_eq!(
        (code, found["withheld"].as_u64(), found["true_values"].as_bool()),
        (0, Some(2), Some(false)),
        "{error}"
    );
    // A profile that withholds small counts alone gives them away: the node refuses, and names them.
    let own = node.dir.join("disclosure");
    std::fs::create_dir_all(&own).unwrap();
    std::fs::write(own.join("RETURNS.toml"), careless).unwrap();
    let refused = stage(node, "2024-02", [1, 50]).ok().unwrap_err().to_string();
    assert!(refused.contains("could be found exactly") && refused.contains(".F._T.2024-02"), "{refused}");
    assert!(!refused.contains("50"), "{refused}");
    // Rounded instead, where nothing was withheld before, it is published, and its sums hold.
    let rounding =
        "name = \"rounded\"\ndescription = \"a test\"\n[perturbation]\nmethod = \"controlled-rounding\"\nbase = 3\n";
    std::fs::write(own.join("RETURNS.toml"), rounding).unwrap();
    let refused = stage(node, "2024-02", [1, 50]).ok().unwrap_err().to_string();
    assert!(refused.contains(&release) && refused.contains("withheld figures of 2024"), "{refused}");
    stage(node, "2025-02", [1, 50]).json().unwrap();
    let shown = node.json(&["preview"]).unwrap();
    let figures: Vec<f64> = shown["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["OBS_VALUE"].as_str().unwrap().parse().unwrap())
        .collect();
    let [women, men, all] = figures[..] else { panic!("{shown}") };
    assert!((women == 0.0 || women == 3.0) && men == 50.0 && all == women + men, "{figures:?}");
    assert!(shown["report"]["loss"].as_str().unwrap().contains("all sums hold"), "{shown}");
}
