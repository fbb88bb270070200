//! `chancery schema`: what it shows, finds, compares and maps, and what its exit codes say.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use chancery_conformance::program;
use serde_json::Value;
use tempfile::TempDir;

fn schema(args: &[&str]) -> Output {
    Command::new(program().unwrap()).arg("schema").args(args).output().unwrap()
}

fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn json(args: &[&str]) -> (i32, Value) {
    let output = schema(&[args, &["--json"]].concat());
    (code(&output), serde_json::from_slice(&output.stdout).unwrap())
}

/// The shared structures in a folder, with `from` replaced by `to` in one file.
fn changed(file: &str, from: &str, to: &str) -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../schema/structures");
    for entry in std::fs::read_dir(ours).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap();
        let mut content = std::fs::read_to_string(entry.path()).unwrap();
        if name == file {
            assert!(content.contains(from), "{from}");
            content = content.replace(from, to);
        }
        std::fs::write(folder.path().join(name), content).unwrap();
    }
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

fn write(folder: &TempDir, name: &str, content: &str) -> String {
    let path: PathBuf = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn ours_is_clean_and_a_broken_one_is_not() {
    assert_eq!(code(&schema(&["lint"])), 0);
    let (_folder, path) = changed("codelists.json", "\"zh\": \"女\"", "\"de\": \"Frauen\"");
    let (exit, found) = json(&["lint", &path]);
    assert_eq!((exit, found["ok"].as_bool()), (3, Some(false)));
    assert_eq!(found["findings"][0]["place"], "codelist RCP:CL_SEX(1.0.0).F");
    let output = schema(&["lint", "/no/such/file.json"]);
    assert!(code(&output) != 0 && text(&output.stderr).contains("/no/such/file.json"));
}

#[test]
fn a_comparison_tells_by_its_exit_code() {
    let (_same, same) = changed("agencies.json", "Agencies", "Agencies");
    assert_eq!(
        json(&["diff", &same, &same]),
        (0, serde_json::json!({ "impact": "none", "changes": [], "versions": [] }))
    );
    assert_eq!(code(&schema(&["diff", "shared", &same])), 0);
    let (_label, label) = changed("codelists.json", "\"fr\": \"Femmes\"", "\"fr\": \"Féminin\"");
    let (exit, found) = json(&["diff", &same, &label]);
    assert_eq!((exit, found["impact"].as_str()), (0, Some("compatible")));
    let (_usage, usage) = changed(
        "data_structures.json",
        "\"usage\": \"optional\", \"attributeRelationship\"",
        "\"usage\": \"mandatory\", \"attributeRelationship\"",
    );
    let (exit, found) = json(&["diff", &same, &usage]);
    assert_eq!((exit, found["impact"].as_str()), (9, Some("needs mapping")));
    assert!(found["changes"][0]["dataflows"][0].is_string() && found["changes"][0]["for"] == "publishers");
    let (_keys, keys) =
        changed("data_structures.json", "\"id\": \"SEX\", \"position\"", "\"id\": \"GENDER\", \"position\"");
    assert_eq!(json(&["diff", &same, &keys]).0, 10);
    assert_eq!(code(&schema(&["diff", "RETURNS", "RCP:RETURNS(1.0.0)"])), 0);
    assert_eq!(code(&schema(&["diff", "shared", "NOPE"])), 5);
}

#[test]
fn labels_come_in_the_language_asked_for() {
    let returns = text(&schema(&["show", "RETURNS", "--language", "ru"]).stdout);
    assert!(returns.contains("Возвращения") && returns.contains("Способ возвращения"), "{returns}");
    assert!(text(&schema(&["show", "CL_SEX", "-l", "zh"]).stdout).contains("女"));
    assert!(text(&schema(&["show", "H_AREA_M49"]).stdout).contains("        GTM  Guatemala"));
    let (exit, rules) = json(&["show", "mirrors"]);
    assert!(exit == 0 && rules.as_array().unwrap().iter().any(|r| r["id"] == "RETURNS"));
    assert_eq!(code(&schema(&["show", "NOPE"])), 5);
}

#[test]
fn codes_and_rows_of_other_agencies_become_ours() {
    let output = schema(&["map", "RM_UNHCR_AREA", "AUS", "AUL"]);
    assert_eq!((code(&output), text(&output.stdout).as_str()), (0, "AUS\tAUT\nAUL\tAUS\n"));
    assert_eq!(code(&schema(&["map", "RM_UNHCR_AREA", "ZZZ"])), 5);
    let folder = tempfile::tempdir().unwrap();
    let head = "DATAFLOW,freq,partner,agedef,age,unit,sex,geo,TIME_PERIOD,OBS_VALUE,OBS_FLAG\n";
    let row = "ESTAT:MIGR_IMM5PRV(1.0),A,UK,REACH,TOTAL,NR,T,EL,2019,1200,p\n";
    let good = write(&folder, "good.csv", &format!("{head}{row}"));
    let output = schema(&["map", "SM_ESTAT_MIGR_IMM5PRV", &good]);
    let lines = text(&output.stdout);
    let mut lines = lines.lines();
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("STRUCTURE,STRUCTURE_ID,ACTION,FREQ,REF_AREA,ORIGIN,DESTINATION,SEX,AGE,TIME_PERIOD,")
    );
    assert!(
        lines
            .next()
            .unwrap()
            .starts_with("dataflow,RCP:MIGRATION_FLOWS(1.0.0),I,A,GRC,GBR,GRC,_T,_T,2019,1200,P,F,PS,")
    );
    let other = row.replace("REACH", "COMPLET");
    let mixed = write(&folder, "mixed.csv", &format!("{head}{row}{other}{other}"));
    let output = schema(&["map", "SM_ESTAT_MIGR_IMM5PRV", &mixed]);
    assert_eq!(code(&output), 0);
    let told = text(&output.stderr);
    assert!(told.contains("2 rows left out: `agedef` is `COMPLET`"), "{told}");
    assert!(told.contains("1 rows turned, 0 without an entry, 2 left out by the map"), "{told}");
    let none = write(&folder, "none.csv", &format!("{head}{other}"));
    assert_eq!(code(&schema(&["map", "SM_ESTAT_MIGR_IMM5PRV", &none])), 3);
    let bad = write(&folder, "bad.csv", &format!("{head}{row}{}", row.replace("UK", "EU27_2020")));
    let output = schema(&["map", "SM_ESTAT_MIGR_IMM5PRV", &bad]);
    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains("line 3: `partner`: the map has no entry for `EU27_2020`"));
    assert_eq!(code(&schema(&["map", "SM_ESTAT_MIGR_IMM5PRV", &bad, "--skip"])), 0);
}

/// A data structure as the ILO writes it (SDMX-ML 2.1), and a map of ours that reads it.
#[test]
fn a_map_of_ones_own_reads_another_agencys_structure() {
    let folder = tempfile::tempdir().unwrap();
    let ilo = r#"<?xml version="1.0"?><m:Structure xmlns:m="m" xmlns:s="s" xmlns:c="c"><m:Structures><s:Codelists>
        <s:Codelist id="CL_SEX" agencyID="ILO" version="1.0"><c:Name xml:lang="en">Sex</c:Name><s:Code id="SEX_F"><c:Name
        xml:lang="en">Female</c:Name></s:Code></s:Codelist></s:Codelists></m:Structures></m:Structure>"#;
    let ilo = write(&folder, "ilo.xml", ilo);
    let both = json(&["show", "CL_SEX", "--structures", &ilo]).1;
    let agencies: Vec<_> = both["codelists"].as_array().unwrap().iter().map(|c| c["agencyID"].clone()).collect();
    assert_eq!(agencies, ["ILO", "RCP"]);
    let fixed = [
        ("COUNTED", "PERSONS"),
        ("UNIT_MEASURE", "PS"),
        ("CONF_STATUS", "F"),
        ("OBS_STATUS", "A"),
        ("AGE", "_T"),
        ("BASIS", "BIRTH"),
        ("DURATION", "_U"),
        ("SOURCE_KIND", "SURVEY"),
        ("SOURCE", "ILOSTAT"),
        ("FREQ", "A"),
    ];
    let fixed: Vec<Value> = fixed.iter().map(|(t, v)| serde_json::json!({ "target": t, "values": [v] })).collect();
    let copied = [
        ("REF_AREA", "REF_AREA"),
        ("CBR", "ORIGIN"),
        ("REF_AREA", "DESTINATION"),
        ("TIME_PERIOD", "TIME_PERIOD"),
        ("OBS_VALUE", "OBS_VALUE"),
    ];
    let mut maps: Vec<Value> =
        copied.iter().map(|(s, t)| serde_json::json!({ "source": [s], "target": [t] })).collect();
    maps.push(serde_json::json!({
        "source": ["SEX"], "target": ["SEX"],
        "representationMap": "urn:sdmx:org.sdmx.infomodel.structuremapping.RepresentationMap=RCP:RM_ILO_SEX(1.0.0)",
    }));
    let map = serde_json::json!({ "data": { "structureMaps": [{
        "id": "SM_ILO", "agencyID": "GTM", "version": "1.0.0", "name": "ILO stock",
        "source": "urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=ILO:DF_MST_FORP_SEX_CBR_NB(1.0)",
        "target": "urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=RCP:MIGRANT_STOCK(1.0.0)",
        "componentMaps": maps, "fixedValueMaps": fixed,
    }] } });
    let map = write(&folder, "map.json", &map.to_string());
    let rows = write(&folder, "rows.csv", "REF_AREA,SEX,CBR,TIME_PERIOD,OBS_VALUE\nGTM,SEX_F,HND,2020,7\n");
    let output = schema(&["map", "SM_ILO", &rows, "--structures", &map]);
    assert!(text(&output.stdout).contains("I,A,GTM,HND,GTM,F,_T,2020,7,"), "{output:?}");
}
