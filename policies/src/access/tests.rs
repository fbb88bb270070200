use cedar_policy::Entities;
use proptest::prelude::*;

use super::request::CedarRequest;
use super::*;

fn policies(text: &str) -> Result<Policies, PolicyError> {
    Policies::load(&[("MEX".to_owned(), vec![OwnFile { name: "own.cedar".to_owned(), text: text.to_owned() }])])
}

fn resource(owner: &str, audience: Audience, embargo: Option<i64>) -> Resource {
    Resource {
        id: "r".to_owned(),
        forum: "f".to_owned(),
        owner: owner.to_owned(),
        holder: owner.to_owned(),
        audience,
        dataflow: "RCP:RETURNS(1.0.0)".to_owned(),
        embargo,
    }
}

fn member(id: &str, role: Option<Role>) -> Subject {
    Subject::Member(Party { id: id.to_owned(), role })
}

/// At a time of both clocks, for no purpose.
fn question<'a>(subject: &'a Subject, action: Action, resource: &'a Resource) -> Question<'a> {
    Question { subject, action, resource, purpose: None, now: 100, embargo_now: 100 }
}

#[test]
fn the_examples_kept_beside_the_policies_are_decided_as_written() {
    for (file, text) in examples::BUILT_IN {
        let outcome = examples::check(file, text, &[]).unwrap();
        assert!(outcome.wrong.is_empty(), "{file}: {:#?}", outcome.wrong);
        assert!(outcome.checked >= 50, "{file}: {}", outcome.checked);
    }
}

#[test]
fn an_example_that_is_wrong_is_told() {
    let (file, text) = examples::BUILT_IN[0];
    let wrong = text.replacen("permitted.public = [\"anonymous\"", "forbidden.default = [\"anonymous\"", 1);
    let outcome = examples::check(file, &wrong, &[]).unwrap();
    // The removed member's node and operators moved with it.
    assert_eq!(outcome.wrong.len(), 9, "{:#?}", outcome.wrong);
    assert!(outcome.wrong[0].contains("anonymous discover: expected forbidden by `default`"), "{}", outcome.wrong[0]);
    let silent = text.replacen("permitted.public = [\"anonymous\", ", "permitted.public = [", 1);
    assert!(examples::check(file, &silent, &[]).unwrap_err().to_string().contains("does not say what"));
}

#[test]
fn a_policy_that_is_not_sound_is_refused_when_it_is_loaded() {
    let head = "@id(\"a\") @description(\"d\") ";
    for (text, expected) in [
        ("permit (principal, action, resource);", "is a permit"),
        ("forbid (principal, action, resource) when { principal.role == \"observer\" };", "does not fit the schema"),
        ("forbid (principal, action, resource) when { principal.role == Chancery::Role::\"observr\" };", "observr"),
        (
            "forbid (principal, action, resource) when { resource.audiense == Chancery::Audience::\"public\" };",
            "audiense",
        ),
        ("forbid (principal, action, resource) when { context.now > resource.embargo };", "embargo"),
        (
            "forbid (principal, action, resource) when { context.purpose == Chancery::Purpose::\"research\" };",
            "purpose",
        ),
        ("forbid (principal, action == Chancery::Action::\"delete\", resource);", "delete"),
        ("forbid (principal == ?principal, action, resource);", "template"),
        ("forbid (principal, action, resource", "cannot be read"),
        // Too far from what the request names: a decision would have to read other entities.
        ("forbid (principal, action, resource) when { resource.owner.role == Chancery::Role::\"observer\" };", "level"),
        // It can never apply.
        ("forbid (principal is Chancery::Release, action, resource);", "does not fit the schema"),
    ] {
        let error = policies(&format!("{head}{text}")).unwrap_err().to_string();
        assert!(error.contains(expected) && error.contains("own.cedar"), "{text}: {error}");
    }
    for (text, expected) in [
        ("forbid (principal, action, resource);", "has no `@id"),
        ("@id(\"a\") forbid (principal, action, resource);", "has no `@description"),
        ("@id(\"A b\") @description(\"d\") forbid (principal, action, resource);", "is not 1 to 64"),
        ("@id(\"default\") @description(\"d\") forbid (principal, action, resource);", "mean that no policy decided"),
    ] {
        let error = policies(text).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let one = format!("{head}forbid (principal, action, resource);");
    assert!(policies(&format!("{one}{one}")).unwrap_err().to_string().contains("unique"));
    let many = |count: usize| {
        let policy = |i| format!("@id(\"p{i}\") @description(\"d\") forbid (principal, action, resource);\n");
        (0..count).map(policy).collect::<String>()
    };
    assert!(policies(&many(MAX_POLICIES + 1)).unwrap_err().to_string().contains("at most 1000 policies"));
    assert!(policies(&" ".repeat(MAX_FILE_BYTES + 1)).unwrap_err().to_string().contains("bytes"));
}

#[test]
fn a_policy_that_cannot_be_evaluated_denies() {
    // Cedar passes over a forbid that errs: alone, the baseline would allow this.
    let erring =
        "@id(\"errs\") @description(\"d\") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };";
    let policies = policies(erring).unwrap();
    let public = resource("MEX", Audience::Public, None);
    let ask = |owner: &Resource, now| {
        policies.decide(&Question {
            subject: &Subject::Anonymous,
            action: Action::Read,
            resource: owner,
            purpose: None,
            now,
            embargo_now: now,
        })
    };
    let decision = ask(&public, 100);
    assert!(!decision.allowed, "{decision:?}");
    assert_eq!(decision.policies, ["error"]);
    assert!(decision.reason.contains("overflow"), "{}", decision.reason);
    // Another owner's releases are not touched by it.
    assert!(ask(&resource("GTM", Audience::Public, None), 100).allowed);
    // A time that no calendar has.
    assert_eq!(ask(&resource("GTM", Audience::Public, None), i64::MAX).policies, ["error"]);
    assert_eq!(ask(&resource("GTM", Audience::Public, Some(i64::MIN)), 100).policies, ["error"]);
}

#[test]
fn an_explanation_asks_every_policy() {
    let policies = policies(
        "@id(\"quiet\") @description(\"Nothing to observers.\") forbid (principal, action, resource) when { principal.role == Chancery::Role::\"observer\" };",
    )
    .unwrap();
    let held = resource("MEX", Audience::Forum, Some(101));
    let observer = member("UNHCR", Some(Role::Observer));
    let question = question(&observer, Action::Read, &held);
    let explanation = policies.explain(&question);
    let applying: Vec<_> = explanation
        .policies
        .iter()
        .filter(|p| p.applies == Some(true))
        .map(|p| (p.policy.as_str(), p.decided))
        .collect();
    assert_eq!(applying, [("embargo", true), ("forum", false), ("MEX/quiet", true)]);
    assert_eq!(explanation.decision.policy(), "MEX/quiet embargo");
    assert!(explanation.decision.reason.contains("Nothing to observers."));
}

#[test]
fn who_may_not_discover_may_do_nothing_else() {
    let forbid = |action: &str| {
        let named = format!("@id(\"{action}\") @description(\"Not {action}.\")");
        format!("{named} forbid (principal, action == Chancery::Action::\"{action}\", resource);")
    };
    let (gtm, release) = (member("GTM", Some(Role::MemberState)), resource("MEX", Audience::Public, None));
    let unseen = policies(&forbid("discover")).unwrap();
    for action in Action::ALL {
        let explained = unseen.explain(&question(&gtm, action, &release));
        let decision = &explained.decision;
        assert!(!decision.allowed && decision.policies == ["MEX/discover"], "{decision:?}");
        assert_eq!((decision.action, decision.reason.as_str()), (Action::Discover, "Not discover."));
        // The policies are asked what was decided on: whoever reads the explanation finds the one that denies.
        let deciding = explained.policies.iter().find(|p| p.decided).unwrap();
        assert_eq!((deciding.policy.as_str(), deciding.applies), ("MEX/discover", Some(true)));
    }
    // The other way no action needs another.
    for forbidden in [Action::Read, Action::Query, Action::Replicate] {
        let own = policies(&forbid(forbidden.as_str())).unwrap();
        for action in Action::ALL {
            let decision = own.decide(&question(&gtm, action, &release));
            assert_eq!((decision.allowed, decision.action), (action != forbidden, action), "{decision:?}");
        }
    }
    // What is denied by itself says why by itself.
    let both = policies(&format!("{}{}", forbid("discover"), forbid("read"))).unwrap();
    assert_eq!(both.decide(&question(&gtm, Action::Read, &release)).policies, ["MEX/read"]);
    // A policy on discovering that cannot be evaluated denies the rest as well.
    let erring = policies(&forbid("discover").replace(';', " when { 9223372036854775807 + 1 == 0 };")).unwrap();
    assert_eq!(erring.decide(&question(&gtm, Action::Read, &release)).policies, ["error"]);
}

#[test]
fn embargoes_go_by_their_own_time_and_a_members_policies_by_the_clock() {
    let policies = policies(
        "@id(\"late\") @description(\"d\") forbid (principal, action, resource) when { context.now >= datetime(\"1970-01-01T00:01:40Z\") };",
    )
    .unwrap();
    let ask = |embargo, now, embargo_now| {
        let (anybody, release) = (Subject::Anonymous, resource("MEX", Audience::Public, embargo));
        let asked = Question { now, embargo_now, ..question(&anybody, Action::Read, &release) };
        policies.decide(&asked).policy()
    };
    assert_eq!(ask(None, 99, 0), "public");
    assert_eq!(ask(None, 100, 0), "MEX/late");
    assert_eq!(ask(Some(50), 99, 50), "public");
    assert_eq!(ask(Some(50), 99, 49), "embargo");
}

#[test]
fn every_word_of_the_code_is_in_the_schema() {
    let policies = Policies::baseline().unwrap();
    let named = Audience::Named(vec!["GTM".to_owned()]);
    for subject in ["anonymous", "GTM", "GTM/operator", "BLZ", "BLZ/operator"] {
        for role in [Role::MemberState, Role::Observer, Role::Secretariat] {
            let subject = Subject::parse(subject, |id| (id == "GTM").then_some(role));
            for audience in [Audience::Public, Audience::Forum, named.clone()] {
                for action in Action::ALL {
                    for purpose in Purpose::ALL.into_iter().map(Some).chain([None]) {
                        let resource = resource("MEX", audience.clone(), Some(5));
                        let question = Question { purpose, ..question(&subject, action, &resource) };
                        let schema = &policies.baseline.schema;
                        let request = CedarRequest::new(&question, schema).unwrap();
                        Entities::from_entities(request.entities, Some(schema)).unwrap();
                    }
                }
            }
        }
    }
    let words = |all: &[&str]| all.iter().all(|word| schema_text().contains(&format!("\"{word}\"")));
    assert!(words(&Purpose::ALL.map(Purpose::as_str)));
}

/// Of which actions a member may write a policy.
fn heads() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "principal, action",
        "principal, action == Chancery::Action::\"discover\"",
        "principal, action in [Chancery::Action::\"discover\", Chancery::Action::\"replicate\"]",
    ])
}

/// A condition a member may write, from a few pieces.
fn conditions() -> impl Strategy<Value = String> {
    let atom = prop::sample::select(vec![
        "principal is Chancery::Anonymous",
        "principal.role == Chancery::Role::\"observer\"",
        "principal in Chancery::Member::\"GTM\"",
        "principal in resource.named",
        "resource.audience == Chancery::Audience::\"forum\"",
        "context has purpose && context.purpose == Chancery::Purpose::\"research\"",
        "resource has embargo",
        "context.now < datetime(\"1970-01-01T00:01:40Z\")",
        "9223372036854775807 + 1 == 0",
        "true",
    ]);
    prop::collection::vec((atom, any::<bool>()), 1..4).prop_map(|atoms| {
        let atoms = atoms.into_iter().map(|(atom, not)| format!("{}({atom})", if not { "!" } else { "" }));
        atoms.collect::<Vec<_>>().join(" && ")
    })
}

proptest! {
    /// Whatever a member writes for its own data, nothing is allowed that the baseline denies, and nothing changes for other owners.
    #[test]
    fn a_members_own_policies_only_tighten(
        conditions in prop::collection::vec((heads(), conditions(), prop::sample::select(vec!["when", "unless"])), 0..4),
        asker in prop::sample::select(vec!["anonymous", "MEX", "MEX/operator", "GTM", "GTM/operator", "UNHCR", "BLZ"]),
        action in prop::sample::select(Action::ALL.to_vec()),
        audience in prop::sample::select(vec![Audience::Public, Audience::Forum, Audience::Named(vec!["GTM".to_owned()])]),
        embargo in prop::option::of(95i64..105),
        holder in prop::sample::select(vec!["MEX", "GTM", "UNHCR"]),
        purpose in prop::option::of(prop::sample::select(Purpose::ALL.to_vec())),
    ) {
        let text: String = (0..).zip(&conditions).map(|(i, (head, condition, word)): (usize, _)| {
            format!("@id(\"p{i}\") @description(\"d\") forbid ({head}, resource) {word} {{ {condition} }};\n")
        }).collect();
        // Some of these can never apply, and are refused for that.
        let Ok(own) = policies(&text) else { return Ok(()) };
        let baseline = Policies::baseline().unwrap();
        let role = |id: &str| match id { "MEX" | "GTM" => Some(Role::MemberState), "UNHCR" => Some(Role::Observer), _ => None };
        let subject = Subject::parse(asker, role);
        for owner in ["MEX", "GTM"] {
            let mut resource = resource(owner, audience.clone(), embargo);
            holder.clone_into(&mut resource.holder);
            let question = Question { purpose, ..question(&subject, action, &resource) };
            let discover = own.decide(&Question { action: Action::Discover, ..question.clone() });
            let (loose, tight) = (baseline.decide(&question), own.decide(&question));
            prop_assert!(loose.allowed || !tight.allowed, "{loose:?} {tight:?}");
            prop_assert!(discover.allowed || !tight.allowed, "{discover:?} {tight:?}");
            if owner == "GTM" {
                prop_assert_eq!(&loose, &tight);
            }
            let explained = own.explain(&question);
            prop_assert_eq!(explained.decision, tight);
        }
    }
}
