//! What a member says of its figures is accepted only whole, as a release is.

use chancery_ledger::metadata::{Metadata, MetadataIntent, verify_metadata};
use chancery_ledger::release::OperatorRole::{self, Approve, Prepare};
use chancery_ledger::{Envelope, Payload, RecordKind, time};

use crate::release::{ISSUED, intent as release_intent};
use crate::world::*;

fn intent() -> MetadataIntent {
    MetadataIntent {
        forum: trust().forum().to_owned(),
        issuer: "MEX".to_owned(),
        dataflow: "RCP:RETURNS(1.0.0)".to_owned(),
        metadataflow: "RCP:MDF_MIGRATION(1.0.0)".to_owned(),
        version: 1,
        reported: [("ACCURACY".to_owned(), serde_json::json!({ "en": "good" }))].into(),
    }
}

fn signed(intent: MetadataIntent, operators: &[(OperatorRole, u8)]) -> Payload<Metadata> {
    let operators = operators.iter().map(|(role, seed)| intent.sign(*role, &key(*seed)).unwrap()).collect();
    Payload {
        forum: intent.forum.clone(),
        issuer: intent.issuer.clone(),
        issued_at: time::format(ISSUED),
        kind: RecordKind::Metadata,
        body: Metadata { intent, operators, replaces: None },
    }
}

const BOTH: [(OperatorRole, u8); 2] = [(Prepare, PREPARER), (Approve, APPROVER)];

fn seal(payload: &Payload<Metadata>, publisher: u8) -> Envelope {
    Envelope::seal(payload, &[&key(publisher)]).unwrap()
}

#[test]
fn metadata_say_what_was_agreed() {
    let envelope = seal(&signed(intent(), &BOTH), PUBLISHER);
    let verified = verify_metadata(&trust(), &envelope, "MEX").unwrap();
    assert_eq!((verified.publisher, verified.operators.len()), (key(PUBLISHER).public(), 2));
    assert_eq!(verified.payload.body.intent, intent());
    refused("another's log", verify_metadata(&trust(), &envelope, "GTM"), "expected `GTM");
    refused("no publisher", verify_metadata(&trust(), &seal(&signed(intent(), &BOTH), STRANGER), "MEX"), "publisher");
}

#[test]
fn what_is_not_whole_is_refused() {
    let cases: &[(&str, fn(&mut Payload<Metadata>), &str)] = &[
        ("changed after it was signed", |p| p.body.intent.reported.clear(), "changed after it was signed"),
        ("another version", |p| p.body.intent.version = 2, "does not go with what it replaces"),
        ("no version", |p| p.body.intent.version = 0, "version 0"),
        ("replaces no record", |p| p.body.replaces = Some("x".into()), "version 1"),
        ("no dataflow", |p| p.body.intent.dataflow = "RETURNS".into(), "`RETURNS` is not a reference"),
        ("no metadataflow", |p| p.body.intent.metadataflow = "../x".into(), "is not a reference"),
        ("one pair of eyes", |p| p.body.operators.truncate(1), "four-eyes"),
        ("nobody's eyes", |p| p.body.operators.clear(), "four-eyes"),
        ("the same eyes twice", |p| p.body.operators[1].key = p.body.operators[0].key, "changed after it was signed"),
        ("another forum's", |p| p.body.intent.forum = "f".repeat(64), "MEX in ffff"),
        ("another issuer's", |p| p.body.intent.issuer = "GTM".into(), "GTM in"),
    ];
    for (name, harm, part) in cases {
        let mut payload = signed(intent(), &BOTH);
        harm(&mut payload);
        refused(name, verify_metadata(&trust(), &seal(&payload, PUBLISHER), "MEX"), part);
    }
    let mut large = intent();
    large.reported.insert("ACCURACY".into(), "x".repeat(600 << 10).into());
    refused(
        "too large",
        verify_metadata(&trust(), &seal(&signed(large, &BOTH), PUBLISHER), "MEX"),
        "bytes of metadata",
    );
}

#[test]
fn a_signature_over_a_release_is_none_over_metadata() {
    let mut payload = signed(intent(), &BOTH);
    let release = release_intent(chancery_ledger::Audience::Public);
    payload.body.operators = BOTH.iter().map(|(role, seed)| release.sign(*role, &key(*seed)).unwrap()).collect();
    refused("a release's", verify_metadata(&trust(), &seal(&payload, PUBLISHER), "MEX"), "changed after it was signed");
    let release_record = crate::release::sealed(chancery_ledger::Audience::Public);
    refused("a release", verify_metadata(&trust(), &release_record, "MEX"), "payload type");
}
