//! `bench decisions`: how long an access decision takes with up to a thousand policies of a member's own, beside Cedar with the same
//! policies in one set.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use cedar_policy::{Authorizer, Context as CedarContext, Entities, EntityUid, PolicySet, Request};
use chancery_policies::access::{
    Action, Audience, OwnFile, Party, Policies, Question, Resource, Role, Subject, baseline_text,
};
use serde_json::{Value, json};

use super::{Context, ms, quantile};
use crate::output;

/// Policies of the owner's own.
const POLICIES: [usize; 4] = [0, 10, 100, 1_000];
/// Policies in a file.
const OF_FILE: usize = 100;
/// Decisions measured.
const DECISIONS: usize = 2_000;
/// The owner of every release.
const OWNER: &str = "MEX";
const FORUM: &str = "bench";
/// 2026-06-01T12:00:00Z.
const NOW: i64 = 1_780_315_200;
const NOW_TEXT: &str = "2026-06-01T12:00:00Z";

/// Measures each number of policies.
pub(super) fn run(context: &Context) -> Result<()> {
    let mut rows = Vec::new();
    for count in POLICIES {
        rows.push(measure(count)?);
    }
    if context.json {
        return output::json(&rows);
    }
    let shown = ["policies", "load_ms", "median_ms", "p99_ms", "decisions_per_s", "cedar_median_ms", "cedar_times"];
    let mut table = output::table(&shown);
    for row in &rows {
        table.add_row(shown.map(|name| row[name].to_string()));
    }
    output::line(table.to_string());
    Ok(())
}

fn measure(count: usize) -> Result<Value> {
    let own: Vec<String> = (0..count).map(own_policy).collect();
    let file = |(number, texts): (usize, &[String])| OwnFile { name: format!("{number}.cedar"), text: texts.concat() };
    let files: Vec<OwnFile> = own.chunks(OF_FILE).enumerate().map(file).collect();
    let began = Instant::now();
    let policies = Policies::load(&[(OWNER.to_owned(), files)])?;
    let loaded = began.elapsed();
    let all: PolicySet = format!("{}{}", baseline_text(), own.concat()).parse()?;
    let (mut ours, mut cedar) = (Vec::with_capacity(DECISIONS), Vec::with_capacity(DECISIONS));
    for number in 0..DECISIONS {
        let (subject, action, resource) = question(number);
        let request = request(&subject, action, &resource)?;
        let began = Instant::now();
        let asked =
            Question { subject: &subject, action, resource: &resource, purpose: None, now: NOW, embargo_now: NOW };
        let decided = policies.decide(&asked);
        ours.push(began.elapsed());
        let began = Instant::now();
        let response = Authorizer::new().is_authorized(&request.0, &all, &request.1);
        cedar.push(began.elapsed());
        if decided.allowed != (response.decision() == cedar_policy::Decision::Allow) {
            bail!("{subject} {}: the decision differs from Cedar's", action.as_str());
        }
    }
    let total: Duration = ours.iter().sum();
    ours.sort_unstable();
    cedar.sort_unstable();
    let (own, theirs) = (quantile(&ours, 0.5), quantile(&cedar, 0.5));
    Ok(json!({
        "policies": count,
        "load_ms": ms(loaded),
        "median_ms": own,
        "p99_ms": quantile(&ours, 0.99),
        "decisions_per_s": (DECISIONS as f64 / total.as_secs_f64()).round(),
        "cedar_median_ms": theirs,
        "cedar_times": (theirs / own * 10.0).round() / 10.0,
    }))
}

fn member(number: usize) -> String {
    format!("M{:03}", number % 250)
}

fn dataflow(number: usize) -> String {
    format!("RCP:FLOW_{}(1.0.0)", number % 30)
}

/// As agencies write them: against one member, one member's copies of one dataflow, anybody's reading of one, copies in general.
fn own_policy(number: usize) -> String {
    let (member, dataflow) = (member(number), dataflow(number));
    let named = format!("principal in Chancery::Member::\"{member}\"");
    let read = "action == Chancery::Action::\"read\"";
    let replicate = "action == Chancery::Action::\"replicate\"";
    let (head, condition) = match number % 10 {
        0 => (
            "principal is Chancery::Anonymous".to_owned(),
            format!("{read}, resource) when {{ resource.dataflow == \"{dataflow}\" }}"),
        ),
        1..=4 => (named, "action, resource)".to_owned()),
        _ => (named, format!("{replicate}, resource) when {{ resource.dataflow == \"{dataflow}\" }}")),
    };
    format!("@id(\"own-{number}\")\n@description(\"Made up.\")\nforbid ({head}, {condition};\n")
}

/// Another asker, action and release for each number.
fn question(number: usize) -> (Subject, Action, Resource) {
    let party = Party { id: member(number * 7), role: Some(Role::MemberState) };
    let subject = match number % 3 {
        0 => Subject::Anonymous,
        _ => Subject::Member(party),
    };
    let audience = if number.is_multiple_of(2) { Audience::Public } else { Audience::Forum };
    let resource = Resource {
        id: format!("{number:064x}"),
        forum: FORUM.to_owned(),
        owner: OWNER.to_owned(),
        holder: OWNER.to_owned(),
        audience,
        dataflow: dataflow(number * 11),
        embargo: None,
    };
    (subject, Action::ALL[number % Action::ALL.len()], resource)
}

/// The same question, made ready for Cedar: what is measured of Cedar is the decision alone.
fn request(subject: &Subject, action: Action, resource: &Resource) -> Result<(Request, Entities)> {
    let uid = |kind: &str, id: &str| json!({ "type": format!("Chancery::{kind}"), "id": id });
    let entity = |kind: &str, id: &str| json!({ "__entity": uid(kind, id) });
    let (kind, id, role) = match subject {
        Subject::Anonymous => ("Anonymous", "anonymous", "anonymous"),
        Subject::Member(party) | Subject::Operator(party) => ("Member", party.id.as_str(), "member-state"),
    };
    let parents = if kind == "Member" { vec![uid("Forum", FORUM)] } else { Vec::new() };
    let audience = if resource.audience == Audience::Public { "public" } else { "forum" };
    let release = json!({
        "owner": entity("Member", &resource.owner), "holder": entity("Member", &resource.holder), "forum": entity("Forum", &resource.forum),
        "audience": entity("Audience", audience), "named": [], "dataflow": resource.dataflow,
    });
    let entities = json!([
        { "uid": uid(kind, id), "attrs": { "role": entity("Role", role) }, "parents": parents },
        { "uid": uid("Release", &resource.id), "attrs": release, "parents": [] },
    ]);
    let now = json!({ "__extn": { "fn": "datetime", "arg": NOW_TEXT } });
    let context = json!({ "now": now, "embargo_now": now });
    let uid = |kind: &str, id: &str| EntityUid::from_json(uid(kind, id)).context("not an entity");
    let context = CedarContext::from_json_value(context, None)?;
    let request =
        Request::new(uid(kind, id)?, uid("Action", action.as_str())?, uid("Release", &resource.id)?, context, None)?;
    Ok((request, Entities::from_json_value(entities, None)?))
}
