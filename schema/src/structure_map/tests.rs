use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;
use crate::json::v2_0::structure::read;
use crate::shared;

fn row(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn shared_map(id: &str) -> Mapper {
    Mapper::new(&shared::structures().unwrap(), &format!("RCP:{id}(1.0.0)").parse().unwrap()).unwrap()
}

fn codes(id: &str) -> CodeMap {
    let structures = shared::structures().unwrap();
    CodeMap::new(structures.representation_maps.iter().find(|m| m.maintainable.id == id).unwrap()).unwrap()
}

#[test]
fn eurostats_rows_become_ours() {
    let eurostat = row(&[
        ("freq", "A"),
        ("geo", "EL"),
        ("partner", "UK"),
        ("sex", "T"),
        ("age", "Y5-9"),
        ("agedef", "REACH"),
        ("unit", "NR"),
        ("TIME_PERIOD", "2019"),
        ("OBS_VALUE", "12"),
        ("OBS_FLAG", "p"),
    ]);
    let immigration = shared_map("SM_ESTAT_MIGR_IMM5PRV");
    let ours = immigration.apply(&eurostat).unwrap();
    let expected = [
        ("REF_AREA", "GRC"),
        ("ORIGIN", "GBR"),
        ("DESTINATION", "GRC"),
        ("AGE", "Y5T9"),
        ("SEX", "_T"),
        ("OBS_STATUS", "P"),
        ("OBS_VALUE", "12"),
        ("DURATION", "M_GE12"),
        ("BASIS", "RESIDENCE"),
    ];
    for (component, value) in expected {
        assert_eq!(ours[component], value, "{component}");
    }
    let mut other = eurostat.clone();
    other.insert("agedef".into(), "COMPLET".into());
    let error = immigration.apply(&other).unwrap_err().to_string();
    assert_eq!(error, "`agedef` is `COMPLET`, and the map is for `REACH` only");
    other = eurostat.clone();
    other.insert("partner".into(), "EU27_2020".into());
    let error = immigration.apply(&other).unwrap_err().to_string();
    assert_eq!(error, "`partner`: the map has no entry for `EU27_2020`");
    other = eurostat;
    other.remove("freq");
    assert_eq!(immigration.apply(&other), Err(RowError::Missing("freq".into())));
}

#[test]
fn codes_of_other_systems_are_not_taken_for_iso() {
    let unhcr = codes("RM_UNHCR_AREA");
    for (code, area) in [("AUS", "AUT"), ("AUL", "AUS"), ("GFR", "DEU"), ("UKN", "_U"), ("TIB", "TIB")] {
        assert_eq!(unhcr.code(code).as_deref(), Some(area), "{code}");
    }
    use crate::mapping::System;
    for (system, map) in
        [(System::Iso2, "RM_ESTAT_AREA"), (System::M49, "RM_M49_AREA"), (System::Unhcr, "RM_UNHCR_AREA")]
    {
        let map = codes(map);
        for (code, area) in system.codes() {
            assert!(map.code(code).is_none_or(|found| found == area), "{code} is {area}, not {:?}", map.code(code));
        }
    }
    assert_eq!(codes("RM_M49_AREA").code("276").as_deref(), Some("DEU"));
    assert_eq!(codes("RM_OECD_AREA").code("W").as_deref(), Some("_T"));
    assert_eq!(codes("RM_OECD_AREA").code("DEU").as_deref(), Some("DEU"));
    assert_eq!(codes("RM_OECD_AREA").code("EU27"), None);
    assert_eq!(codes("RM_ESTAT_AGE").code("Y_GE85").as_deref(), Some("Y_GE85"));
    assert_eq!(codes("RM_ILO_SEX").code("SEX_F").as_deref(), Some("F"));
}

fn map(mappings: &str) -> Result<CodeMap, MapError> {
    let message = format!(
        r#"{{"data":{{"representationMaps":[{{"id":"RM","agencyID":"X","version":"1.0.0","name":"m",
        "source":[{{"dataType":"String"}}],"target":[{{"dataType":"String"}}],"representationMappings":{mappings}}}]}}}}"#
    );
    CodeMap::new(&read(message.as_bytes()).unwrap().representation_maps[0])
}

#[test]
fn parts_and_times_of_values_count() {
    let found = map(r#"[{"sourceValues":[{"value":"DE","startIndex":1,"endIndex":3}],"targetValues":["DEU"]},
            {"sourceValues":[{"value":"YU"}],"targetValues":["YUG"],"validTo":"2003-07-23T00:00:00Z"},
            {"sourceValues":[{"value":"YU"}],"targetValues":["SCG"],"validFrom":"2003-07-24T00:00:00Z"},
            {"sourceValues":[{"value":"NONE"}]},
            {"sourceValues":[{"value":"(.)(.)","isRegEx":true}],"targetValues":["\\2\\1"]}]"#)
    .unwrap();
    assert_eq!(found.code("XDEX").as_deref(), Some("DEU"));
    assert_eq!(found.map(&["YU"], Some("1999-01-01")), Some(vec!["YUG".into()]));
    assert_eq!(found.map(&["YU"], Some("2004-01-01")), Some(vec!["SCG".into()]));
    assert_eq!((found.code("NONE"), found.code("AB").as_deref()), (None, Some("BA")));
}

#[test]
fn maps_that_cannot_be_used_say_why() {
    let wrong = |text: &str| map(text).unwrap_err().to_string();
    assert!(
        wrong(r#"[{"sourceValues":[{"value":"a"},{"value":"b"}],"targetValues":["c"]}]"#).contains("as many values")
    );
    assert!(wrong(r#"[{"sourceValues":[{"value":"(","isRegEx":true}],"targetValues":["c"]}]"#).contains("`(`"));
    let large = r#"[{"sourceValues":[{"value":"(\\w{100}){100}","isRegEx":true}],"targetValues":["c"]}]"#;
    assert!(wrong(large).contains("regular expression"));
    let mut structures = shared::structures().unwrap();
    let reference = structures.structure_maps[0].maintainable.reference();
    structures.structure_maps[0].fixed_value_maps.retain(|f| f.target.as_deref() != Some("DURATION"));
    let error = Mapper::new(&structures, &reference).unwrap_err().to_string();
    assert!(error.contains("`DURATION`: it is mandatory"), "{error}");
    structures.structure_maps[0].component_maps[0].target = vec!["NONE".into()];
    let error = Mapper::new(&structures, &reference).unwrap_err().to_string();
    assert!(error.contains("`NONE`: the target has no such component"), "{error}");
}

static MAPS: LazyLock<[CodeMap; 3]> = LazyLock::new(|| ["RM_ESTAT_AREA", "RM_ESTAT_AGE", "RM_OECD_AREA"].map(codes));

proptest! {
    #[test]
    fn any_value_is_mapped_or_refused(value in ".{0,40}", on in proptest::option::of("[0-9-]{0,10}")) {
        for map in &*MAPS {
            let _ = map.map(&[&value], on.as_deref());
        }
    }
}
