//! What a delegated key may do, when, and for whom.

use chancery_ledger::charter::CharterError;
use chancery_ledger::delegation::MAX_LIFE_S;
use chancery_ledger::trust::TrustError;
use chancery_ledger::{Envelope, ForumBundle, Purpose, Trust, time};

use crate::world::*;

fn trust_with(delegations: Vec<Envelope>) -> Result<Trust, TrustError> {
    Trust::verify(None, &ForumBundle { charters: vec![sealed_genesis()], delegations, ..ForumBundle::default() })
}

#[test]
fn a_delegation_is_refused_for_each_fault() {
    let cases: [(&str, Mandate<'_>, Option<&str>); 12] = [
        ("90 days", Mandate::default(), None),
        (
            "a second longer",
            Mandate { to: time::format(START + MAX_LIFE_S + 1), ..Mandate::default() },
            Some("90 days"),
        ),
        ("no time at all", Mandate { to: time::format(START), ..Mandate::default() }, Some("90 days")),
        ("ends before it starts", Mandate { to: time::format(START - DAY), ..Mandate::default() }, Some("90 days")),
        ("not a time", Mandate { from: "yesterday".into(), ..Mandate::default() }, Some("yesterday")),
        ("an offset", Mandate { from: "2026-01-02T00:00:00+01:00".into(), ..Mandate::default() }, Some("90 days")),
        ("another state's authority", Mandate { signer: 2, ..Mandate::default() }, Some("no authority key of `MEX`")),
        (
            "the delegated key itself",
            Mandate { signer: PUBLISHER, ..Mandate::default() },
            Some("no authority key of `MEX`"),
        ),
        ("not a member", Mandate { issuer: "USA", ..Mandate::default() }, Some("in no version of the charter")),
        ("another forum", Mandate { forum: "0".repeat(64), ..Mandate::default() }, Some("is for the forum")),
        ("the authority key itself", Mandate { key: 1, ..Mandate::default() }, Some("cannot be delegated")),
        ("another's authority key", Mandate { key: 2, ..Mandate::default() }, Some("authority key of `GTM`")),
    ];
    for (name, mandate, expected) in cases {
        let result = trust_with(vec![mandate.seal()]);
        match expected {
            None => assert!(result.is_ok(), "{name}: {}", result.unwrap_err()),
            Some(part) => refused(name, result, part),
        }
    }
}

#[test]
fn one_key_serves_one_purpose_of_one_member() {
    let first = Mandate::default();
    let purpose = Mandate { purpose: Purpose::Witness, ..Mandate::default() };
    let member = Mandate { issuer: "GTM", signer: 2, ..Mandate::default() };
    for second in [purpose, member] {
        refused("reused", trust_with(vec![first.seal(), second.seal()]), "one key serves one purpose");
    }
    let renewed =
        Mandate { from: time::format(START + 80 * DAY), to: time::format(START + 170 * DAY), ..Mandate::default() };
    let mut trust = trust_with(vec![first.seal(), renewed.seal()]).unwrap();
    assert!(!trust.add(&first.seal()).unwrap(), "known already");
    trust.key_for("MEX", Purpose::Publisher, &key(PUBLISHER).public(), START + 100 * DAY).unwrap();
}

#[test]
fn a_key_acts_only_as_delegated() {
    let trust = trust();
    let publisher = key(PUBLISHER).public();
    let at = |member: &str, purpose, at| trust.key_for(member, purpose, &publisher, at).map(|d| d.member.clone());
    assert_eq!(at("MEX", Purpose::Publisher, START).unwrap(), "MEX");
    assert!(at("MEX", Purpose::Publisher, START + 90 * DAY - 1).is_ok());
    refused("expired", at("MEX", Purpose::Publisher, START + 90 * DAY), "keys renew");
    refused("not yet", at("MEX", Purpose::Publisher, START - 1), "runs from");
    refused("wrong purpose", at("MEX", Purpose::Log, START), "no delegation by `MEX` for log");
    refused("wrong member", at("GTM", Purpose::Publisher, START), "no delegation by `GTM`");
    refused("no member", at("USA", Purpose::Publisher, START), "not a member");
}

#[test]
fn a_member_that_left_may_not_act_but_stays_checkable() {
    let removal = successor(|p| p.body.members.retain(|m| m.id != "MEX"));
    let charters = vec![sealed_genesis(), seal(&removal, &[2, 3, 4])];
    let transport = Mandate { purpose: Purpose::Transport, key: 40, ..Mandate::default() };
    let delegations = vec![Mandate::default().seal(), transport.seal()];
    let trust = Trust::verify(None, &ForumBundle { charters, delegations, ..ForumBundle::default() }).unwrap();
    let (before, after) = (START + 29 * DAY, START + 30 * DAY);
    let publisher = key(PUBLISHER).public();
    trust.key_for("MEX", Purpose::Publisher, &publisher, before).unwrap();
    refused("after it left", trust.key_for("MEX", Purpose::Publisher, &publisher, after), "not a member");
    assert_eq!(trust.transport_peers(before), [("MEX".to_owned(), key(40).public())]);
    assert!(trust.transport_peers(after).is_empty() && trust.in_force("MEX", Purpose::Transport, after).is_empty());
}

#[test]
fn peers_are_let_in_only_while_delegated() {
    let transport = Mandate { purpose: Purpose::Transport, key: 40, ..Mandate::default() };
    let observer =
        Mandate { issuer: "OBS", signer: OBSERVER, purpose: Purpose::Transport, key: 43, ..Mandate::default() };
    let trust = trust_with(vec![transport.seal(), observer.seal(), Mandate::default().seal()]).unwrap();
    let members = |at| trust.transport_peers(at).into_iter().map(|(member, _)| member).collect::<Vec<_>>();
    assert_eq!(members(START), ["MEX", "OBS"]);
    assert_eq!(members(START + 90 * DAY - 1), ["MEX", "OBS"]);
    for at in [START - 1, START + 90 * DAY] {
        assert!(members(at).is_empty());
        assert!(trust.in_force("MEX", Purpose::Transport, at).is_empty());
    }
    assert_eq!(trust.in_force("MEX", Purpose::Transport, START).len(), 1);
}

#[test]
fn a_lost_authority_key_stops_acting_when_it_is_rotated() {
    let rotation = successor(|p| p.body.members[0].authority_key = key(11).public());
    let charters = vec![sealed_genesis(), seal(&rotation, &[1, 2, 3, 11])];
    let old = Mandate::default();
    let new = Mandate { signer: 11, key: 41, from: time::format(START + 30 * DAY), ..Mandate::default() };
    let trust = Trust::verify(
        None,
        &ForumBundle { charters, delegations: vec![old.seal(), new.seal()], ..ForumBundle::default() },
    )
    .unwrap();
    let (before, after) = (START + 29 * DAY, START + 31 * DAY);
    let holds = |seed, at| trust.key_for("MEX", Purpose::Publisher, &key(seed).public(), at).is_ok();
    assert_eq!([holds(PUBLISHER, before), holds(PUBLISHER, after)], [true, false]);
    assert_eq!([holds(41, before), holds(41, after)], [false, true]);
}

#[test]
fn an_expired_charter_freezes_members_not_data() {
    let trust = trust();
    assert!(!trust.is_frozen(START + 364 * DAY) && trust.is_frozen(START + 365 * DAY));
    let late = Mandate {
        from: time::format(START + 400 * DAY),
        to: time::format(START + 480 * DAY),
        key: 42,
        ..Mandate::default()
    };
    let trust = trust_with(vec![late.seal()]).unwrap();
    trust.key_for("MEX", Purpose::Publisher, &key(42).public(), START + 401 * DAY).unwrap();
}

#[test]
fn a_bundle_survives_its_file() {
    let bytes = serde_json::to_vec(&trust().bundle()).unwrap();
    let again = Trust::verify(Some(trust().forum()), &ForumBundle::parse(&bytes).unwrap()).unwrap();
    assert_eq!(again.delegations().count(), 4);
    refused("cut short", ForumBundle::parse(&bytes[..bytes.len() - 1]), "not a forum bundle");
    let other = Trust::verify(Some(&"0".repeat(64)), &trust().bundle());
    assert!(matches!(other, Err(TrustError::Charter(CharterError::Genesis { .. }))));
}
