//! A release is accepted only whole: right forum, issuer, publisher and two pairs of eyes.

use chancery_ledger::release::{
    CLOCK_SKEW_S, Intent, OperatorRole, OperatorSignature, Release, Withdrawal, verify, verify_release,
    verify_withdrawal,
};
use chancery_ledger::{Audience, Envelope, ForumBundle, Payload, Purpose, RecordKind, Trust, time};

pub(crate) use crate::samples::{BOTH, ISSUED, intent, sealed, signed};
use crate::world::*;

#[test]
fn a_release_says_what_was_agreed() {
    let verified = verify_release(&trust(), &sealed(Audience::Public), ISSUED).unwrap();
    assert_eq!(verified.publisher, key(PUBLISHER).public());
    assert_eq!(verified.operators.len(), 2);
    assert_eq!(verified.id, sealed(Audience::Public).id().unwrap());
    refused("issued later", verify_release(&trust(), &sealed(Audience::Public), ISSUED - CLOCK_SKEW_S - 1), "clocks");
    refused("another's log", verify(&trust(), &sealed(Audience::Public), "GTM"), "expected `GTM");
}

#[test]
fn an_intent_is_bounded() {
    let cases: &[(&str, fn(&mut Intent), &str)] = &[
        ("no artefact", |i| i.artefacts.clear(), "0 artefacts"),
        ("too many", |i| i.artefacts = vec![i.artefacts[0].clone(); 65], "65 artefacts"),
        ("one twice", |i| i.artefacts = vec![i.artefacts[0].clone(); 2], "twice"),
        ("no bytes", |i| i.artefacts[0].bytes = 0, "0 bytes"),
        ("too many bytes", |i| i.artefacts[0].bytes = 9 << 30, "bytes of"),
        ("another type", |i| i.artefacts[0].media_type = "text/html".into(), "text/html"),
        ("a chunk too few", |i| i.artefacts[0].chunks.truncate(1), "1 chunks"),
        ("a chunk too many", |i| i.artefacts[0].chunks.push("f".repeat(64)), "3 chunks"),
        ("another chunk size", |i| i.artefacts[0].chunk_bytes = 0, "chunks for"),
        (
            "one chunk of other bytes",
            |i| {
                i.artefacts[0].bytes = 9;
                i.artefacts[0].chunks.truncate(1)
            },
            "different hashes",
        ),
        ("a hash in capitals", |i| i.artefacts[0].sha256 = "A".repeat(64), "hexadecimal"),
        ("a path for a hash", |i| i.artefacts[0].sha256 = "../../etc/passwd".into(), "hexadecimal"),
        ("a chunk's hash too short", |i| i.artefacts[0].chunks[0].truncate(63), "hexadecimal"),
        ("a period with markup", |i| i.artefacts[0].periods[0] = "<2020>".into(), "SDMX periods"),
        ("no title", |i| i.title.clear(), "title"),
        ("a long title", |i| i.title = "x".repeat(301), "title"),
        ("a title that turns round", |i| i.title = "\u{202e}snruteR".into(), "title"),
        ("no dataflow", |i| i.dataflow.clear(), "not a reference"),
        ("a dataflow without version", |i| i.dataflow = "RCP:RETURNS".into(), "`RCP:RETURNS` is not a reference"),
        ("a dataflow with a short version", |i| i.dataflow = "RCP:RETURNS(1.0)".into(), "not a reference"),
        ("a structure with a slash", |i| i.structure = "RCP:../X(1.0.0)".into(), "not a reference"),
        ("no profile", |i| i.disclosure.profile.clear(), "profile"),
        ("no report", |i| i.disclosure.report_sha256.clear(), "report"),
        ("embargo until whenever", |i| i.embargo = Some("later".into()), "`later` is not a time"),
        ("nobody to read it", |i| i.audience = Audience::Members(vec![]), "audience"),
        ("a reader twice", |i| i.audience = Audience::Members(vec!["GTM".into(), "GTM".into()]), "audience"),
        ("a malformed reader", |i| i.audience = Audience::Members(vec!["g".into()]), "audience"),
    ];
    for (name, change, part) in cases {
        let mut changed = intent(Audience::Public);
        change(&mut changed);
        let envelope = Envelope::seal(&signed(changed, &BOTH), &[&key(PUBLISHER)]).unwrap();
        refused(name, verify_release(&trust(), &envelope, ISSUED), part);
    }
}

#[test]
fn only_a_publisher_in_force_publishes() {
    let cases: &[(&str, fn(&mut Payload<Release>), u8, &str)] = &[
        ("by the log key", |_| (), LOG, "no delegation by `MEX` for publisher"),
        ("by the authority key", |_| (), 1, "no delegation by `MEX` for publisher"),
        ("by a stranger", |_| (), STRANGER, "no delegation by `MEX` for publisher"),
        ("after the delegation ended", |p| p.issued_at = time::format(START + 91 * DAY), PUBLISHER, "runs from"),
        ("in another forum", |p| p.forum = "0".repeat(64), PUBLISHER, "expected `MEX in"),
        ("intent of another forum", |p| p.body.intent.forum = "0".repeat(64), PUBLISHER, "expected `MEX in"),
        ("intent of another issuer", |p| p.body.intent.issuer = "GTM".into(), PUBLISHER, "expected `MEX in"),
        ("replaces nonsense", |p| p.body.replaces = Some("x".into()), PUBLISHER, "`replaces` is not"),
        ("time with an offset", |p| p.issued_at = "2026-01-11T00:00:00+01:00".into(), PUBLISHER, "RFC 3339"),
        ("no such issuer", |p| p.issuer = "x".into(), PUBLISHER, "not a member id"),
    ];
    for (name, change, signer, part) in cases {
        let mut payload = signed(intent(Audience::Public), &BOTH);
        change(&mut payload);
        let envelope = Envelope::seal(&payload, &[&key(*signer)]).unwrap();
        refused(name, verify_release(&trust(), &envelope, START + 100 * DAY), part);
    }
    let unsigned = Envelope::seal(&signed(intent(Audience::Public), &BOTH), &[]).unwrap();
    refused("unsigned", verify_release(&trust(), &unsigned, ISSUED), "no signature");
    let mut forged = sealed(Audience::Public);
    forged.signatures[0].sig = sealed(Audience::Forum).signatures[0].sig.clone();
    refused("another's signature", verify_release(&trust(), &forged, ISSUED), "no valid signature");
}

#[test]
fn four_eyes_are_two_operators() {
    use OperatorRole::{Approve, Prepare};
    let cases: &[(&str, &[(OperatorRole, u8)], Option<&str>)] = &[
        ("two", &BOTH, None),
        ("nobody", &[], Some("nobody signed")),
        ("one", &[(Prepare, PREPARER)], Some("another operator must")),
        ("one as both", &[(Prepare, PREPARER), (Approve, PREPARER)], Some("another operator must")),
        ("approved only", &[(Approve, APPROVER)], Some("nobody signed")),
        (
            "approved by one of two preparers",
            &[(Prepare, PREPARER), (Prepare, APPROVER), (Approve, APPROVER)],
            Some("another operator must"),
        ),
        (
            "approved by the publisher",
            &[(Prepare, PREPARER), (Approve, PUBLISHER)],
            Some("no delegation by `MEX` for operator"),
        ),
        (
            "approved by a stranger",
            &[(Prepare, PREPARER), (Approve, STRANGER)],
            Some("no delegation by `MEX` for operator"),
        ),
        ("too many", &[(Prepare, PREPARER); 9], Some("9 operators")),
    ];
    for (name, operators, expected) in cases {
        let envelope = Envelope::seal(&signed(intent(Audience::Public), operators), &[&key(PUBLISHER)]).unwrap();
        let result = verify_release(&trust(), &envelope, ISSUED);
        match expected {
            None => assert!(result.is_ok(), "{name}: {}", result.unwrap_err()),
            Some(part) => refused(name, result, part),
        }
    }
}

#[test]
fn operators_sign_what_is_published() {
    let mut payload = signed(intent(Audience::Public), &BOTH);
    payload.body.intent.title.push('!');
    let envelope = Envelope::seal(&payload, &[&key(PUBLISHER)]).unwrap();
    refused("changed after approval", verify_release(&trust(), &envelope, ISSUED), "changed after it was signed");
    let mut payload = signed(intent(Audience::Public), &BOTH);
    let swapped = OperatorSignature { key: key(APPROVER).public(), ..payload.body.operators[0].clone() };
    payload.body.operators[1] = OperatorSignature { role: OperatorRole::Approve, ..swapped };
    let envelope = Envelope::seal(&payload, &[&key(PUBLISHER)]).unwrap();
    refused("preparer's signature as approver's", verify_release(&trust(), &envelope, ISSUED), "does not hold");
}

#[test]
fn the_rule_is_the_one_in_force_when_issued() {
    let relaxed = successor(|p| p.body.rules.four_eyes = false);
    let mut forum: ForumBundle = bundle();
    forum.charters.push(seal(&relaxed, &[1, 2, 3]));
    let trust = Trust::verify(None, &forum).unwrap();
    let mut payload = signed(intent(Audience::Public), &BOTH[..1]);
    let seal = |p: &Payload<Release>| Envelope::seal(p, &[&key(PUBLISHER)]).unwrap();
    refused("before", verify_release(&trust, &seal(&payload), START + 40 * DAY), "another operator must");
    payload.issued_at = time::format(START + 31 * DAY);
    verify_release(&trust, &seal(&payload), START + 40 * DAY).unwrap();
}

#[test]
fn a_withdrawal_is_signed_likewise() {
    let withdrawal = |release: &str, reason: &str, signer: u8| {
        let body = Withdrawal { release: release.to_owned(), reason: reason.to_owned(), audience: None };
        let payload = Payload {
            forum: trust().forum().to_owned(),
            issuer: "MEX".to_owned(),
            issued_at: time::format(ISSUED),
            kind: RecordKind::Withdrawal,
            body,
        };
        verify_withdrawal(&trust(), &Envelope::seal(&payload, &[&key(signer)]).unwrap(), "MEX")
    };
    withdrawal(&"a".repeat(64), "wrong table", PUBLISHER).unwrap();
    refused("no release", withdrawal("x", "wrong table", PUBLISHER), "names no release");
    refused("a long reason", withdrawal(&"a".repeat(64), &"x".repeat(1_001), PUBLISHER), "1000 characters");
    refused("by an operator", withdrawal(&"a".repeat(64), "", PREPARER), "for publisher");
    let release = verify_withdrawal(&trust(), &sealed(Audience::Public), "MEX");
    refused("a release for one", release, "the payload type is");
    let operator = Mandate { purpose: Purpose::Operator, key: PREPARER, ..Mandate::default() }.seal();
    refused("a delegation for a release", verify(&trust(), &operator, "MEX"), "the payload type is");
}
