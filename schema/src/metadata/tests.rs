use proptest::prelude::*;

use super::*;
use crate::message::MessageHeader;
use crate::shared::structures;

fn structure(all: &Structures) -> &MetadataStructure {
    all.metadataflow(&"RCP:MDF_MIGRATION(1.0.0)".parse().unwrap()).unwrap().1
}

fn texts(text: &str) -> Value {
    Value::Texts([("en".to_owned(), text.to_owned()), ("es".to_owned(), format!("({text})"))].into())
}

fn reported() -> Reported {
    let mut all: Reported = ["CONTACT_ORGANISATION", "STAT_CONC_DEF", "STAT_POP", "SOURCE_TYPE", "ACCURACY"]
        .map(|id| (id.to_owned(), texts(id)))
        .into();
    all.insert("CONTACT_EMAIL".to_owned(), Value::Text("stat@igm.example".to_owned()));
    all
}

fn set(all: &Structures, reported: &Reported) -> MetadataSet {
    MetadataSet {
        provider: "GTM".into(),
        id: "RETURNS".into(),
        version: "1.0.0".into(),
        names: Names { name: "Returns, Guatemala".into(), ..Names::default() },
        metadataflow: "RCP:MDF_MIGRATION(1.0.0)".parse().unwrap(),
        target: "urn:sdmx:org.sdmx.infomodel.datastructure.Dataflow=RCP:RETURNS(1.0.0)".into(),
        href: "http://127.0.0.1/api/v1/metadata/ab".into(),
        attributes: nest(all, structure(all), reported),
    }
}

fn header() -> MessageHeader {
    MessageHeader {
        id: "METADATA".into(),
        prepared: chrono::DateTime::UNIX_EPOCH,
        sender_id: "GTM".into(),
        sender_name: "A & B".into(),
        releases: Vec::new(),
    }
}

/// Changes a report that fits, and expects a problem that says `expected`.
fn check(expected: &str, change: impl FnOnce(&mut Reported)) {
    let (all, mut reported) = (structures().unwrap(), reported());
    change(&mut reported);
    let found = problems(structure(&all), &reported);
    assert!(found.iter().any(|p| p.contains(expected)), "`{expected}`: {found:?}");
}

#[test]
fn what_fits_has_no_problems_and_every_mistake_is_told() {
    let all = structures().unwrap();
    assert_eq!(problems(structure(&all), &reported()), Vec::<String>::new());
    assert_eq!(problems(structure(&all), &Reported::new()).len(), 6);
    check("`ACCURACY` is missing", |r| {
        r.remove("ACCURACY");
    });
    check("`WEATHER` is no attribute; there are CONTACT_ORGANISATION", |r| {
        r.insert("WEATHER".into(), texts("fair"));
    });
    check("`QUALITY` has no value of its own", |r| {
        r.insert("QUALITY".into(), texts("good"));
    });
    check("`STAT_POP` is a text by language", |r| {
        r.insert("STAT_POP".into(), Value::Text("everybody".into()));
    });
    check("`CONTACT_EMAIL` has one value in all languages", |r| {
        r.insert("CONTACT_EMAIL".into(), texts("x"));
    });
    check("`x y` of `STAT_POP` is no language tag", |r| {
        r.insert("STAT_POP".into(), Value::Texts([("x y".to_owned(), "text".to_owned())].into()));
    });
    check("`STAT_POP` has 0 languages", |r| {
        r.insert("STAT_POP".into(), Value::Texts(Texts::new()));
    });
    check("`STAT_POP` has 4001 characters", |r| {
        r.insert("STAT_POP".into(), texts(&"x".repeat(4_001)));
    });
    check("text-direction characters", |r| {
        r.insert("STAT_POP".into(), texts("a\u{202e}b"));
    });
}

#[test]
fn a_set_is_nested_as_its_structure_says() {
    let all = structures().unwrap();
    let set = set(&all, &reported());
    let ids: Vec<&str> = set.attributes.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(ids, ["CONTACT", "DEFINITION", "COVERAGE", "METHODOLOGY", "QUALITY"]);
    let inner: Vec<&str> = set.attributes[0].attributes.iter().map(|a| a.id.as_str()).collect();
    assert_eq!(inner, ["CONTACT_ORGANISATION", "CONTACT_EMAIL"]);
    assert_eq!(set.attributes[4].names.name, "Quality");
    assert_eq!(languages_of(&set.attributes), ["en", "es"]);
    let value = set.attributes[4].attributes[0].value.as_ref().unwrap();
    assert_eq!(value.text(&Languages::parse("es-GT")), "(ACCURACY)");
    assert_eq!(value.text(&Languages::parse("ru")), "ACCURACY");
}

/// The values of a JSON message by attribute.
fn of_json(attributes: &serde_json::Value, into: &mut Reported) {
    for a in attributes.as_array().into_iter().flatten() {
        if let Some(value) = a.get("value") {
            let id = a["id"].as_str().unwrap().to_owned();
            into.insert(id, serde_json::from_value(value.clone()).unwrap());
        }
        of_json(&a["attributes"], into);
    }
}

/// The values of an XML message by attribute.
fn of_xml(element: &crate::xml::tree::Element, into: &mut Reported) {
    for a in element.all("Attribute") {
        let texts: Texts = a.all("Text").map(|t| (t.attribute("lang").unwrap().to_owned(), t.text.clone())).collect();
        let value = a.child("Value").map(|v| Value::Text(v.text.clone()));
        let value = value.or_else(|| (!texts.is_empty()).then_some(Value::Texts(texts)));
        if let Some(value) = value {
            into.insert(a.attribute("id").unwrap().to_owned(), value);
        }
        of_xml(a, into);
    }
}

proptest! {
    #[test]
    fn every_message_reads_back(text in "[^\\p{C}\\p{Zl}\\p{Zp}]{1,40}", mail in "[a-z<&]{1,9}@[a-z]{1,9}") {
        let all = structures().unwrap();
        let mut reported = reported();
        reported.insert("QUALITY_ASSURE".to_owned(), texts(&text));
        reported.insert("CONTACT_EMAIL".to_owned(), Value::Text(mail));
        let sets = [set(&all, &reported)];
        for newer in [false, true] {
            let bytes = crate::json::v2_0::metadata::write(&sets, &header(), newer).unwrap();
            let message: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            let mut read = Reported::new();
            of_json(&message["data"]["metadataSets"][0]["attributes"], &mut read);
            prop_assert_eq!(&read, &reported);
        }
        let bytes = crate::xml::v3_0::metadata::write(&sets, &header()).unwrap();
        let root = crate::xml::tree::read(&bytes).unwrap();
        let mut read = Reported::new();
        of_xml(root.child("MetadataSet").unwrap(), &mut read);
        prop_assert_eq!(&read, &reported);
    }

    #[test]
    fn any_report_is_judged(id in ".{0,20}", text in ".{0,60}", tag in ".{0,9}") {
        let all = structures().unwrap();
        for value in [Value::Text(text.clone()), Value::Texts([(tag, text.clone())].into())] {
            let _ = problems(structure(&all), &[(id.clone(), value.clone()), ("STAT_POP".to_owned(), value)].into());
        }
    }
}
