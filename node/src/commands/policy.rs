//! `policy`: check, test, explain, log.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use chancery_exchange::{AccessExplanation, Error};
use chancery_policies::access::examples::{BUILT_IN, Outcome, check};
use chancery_policies::access::{Action, OwnFile, Policies};

use super::Context;
use crate::cli::{Explain, Policy};
use crate::{output, settings};

/// Largest file read here; the policies bound theirs more tightly.
const MAX_BYTES: u64 = 4 << 20;

pub(crate) async fn run(context: &Context, command: Policy) -> Result<ExitCode> {
    match command {
        Policy::Check { files } => check_files(context, &files),
        Policy::Test { files } => test(context, &files),
        Policy::Explain(args) => explain(context, args).await,
        Policy::Log { limit } => log(context, limit).await,
    }
}

fn read(path: &PathBuf) -> Result<OwnFile> {
    let bytes = std::fs::metadata(path).map_err(|e| Error::file("read", path, e))?.len();
    if bytes > MAX_BYTES {
        bail!(Error::invalid(format!("`{}` is longer than {MAX_BYTES} bytes", path.display())));
    }
    let text = std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?;
    Ok(OwnFile { name: path.display().to_string(), text })
}

/// The member whose policies they are: this node's, if there is one.
fn member(context: &Context) -> Result<String> {
    if settings::file(&context.dir).exists() {
        return Ok(settings::load(&context.dir)?.member.id);
    }
    Ok("OWN".to_owned())
}

fn load(context: &Context, files: Vec<OwnFile>) -> Result<(String, Policies)> {
    let member = member(context)?;
    let loaded = Policies::load(&[(member.clone(), files)]);
    let policies =
        loaded.map_err(|e| Error::Invalid { what: "the policies are refused".to_owned(), cause: Some(Box::new(e)) })?;
    Ok((member, policies))
}

fn check_files(context: &Context, files: &[PathBuf]) -> Result<ExitCode> {
    let files = files.iter().map(read).collect::<Result<Vec<_>>>()?;
    let (member, policies) = load(context, files)?;
    let own: Vec<&str> = policies.ids().filter(|id| id.starts_with(&format!("{member}/"))).collect();
    if context.json {
        output::json(&serde_json::json!({ "ok": true, "policies": own }))?;
        return Ok(ExitCode::SUCCESS);
    }
    for id in &own {
        output::line(format!("ok  {id}: {}", policies.description(id)));
    }
    output::line(format!("{} policies: each forbids, none permits, and all fit the schema", own.len()));
    Ok(ExitCode::SUCCESS)
}

fn own_of_node(context: &Context) -> Result<Vec<(String, Vec<OwnFile>)>> {
    let folder = context.dir.join("access");
    if !settings::file(&context.dir).exists() || !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(&folder).map_err(|e| Error::file("read the folder", &folder, e))? {
        paths.push(entry.map_err(|e| Error::file("read the folder", &folder, e))?.path());
    }
    paths.retain(|path| path.extension().is_some_and(|e| e == "cedar"));
    paths.sort();
    Ok(vec![(member(context)?, paths.iter().map(read).collect::<Result<_>>()?)])
}

fn test(context: &Context, files: &[PathBuf]) -> Result<ExitCode> {
    let mut outcomes: Vec<(String, Outcome)> = Vec::new();
    let refuse = |e| Error::Invalid { what: "the examples are refused".to_owned(), cause: Some(Box::new(e)) };
    if files.is_empty() {
        for (name, text) in BUILT_IN {
            outcomes.push((name.to_owned(), check(name, text, &[]).map_err(refuse)?));
        }
    } else {
        let own = own_of_node(context)?;
        for path in files {
            let file = read(path)?;
            outcomes.push((file.name.clone(), check(&file.name, &file.text, &own).map_err(refuse)?));
        }
    }
    let ok = outcomes.iter().all(|(_, outcome)| outcome.wrong.is_empty());
    if context.json {
        let files = outcomes
            .iter()
            .map(|(file, o)| serde_json::json!({ "file": file, "checked": o.checked, "wrong": o.wrong }));
        output::json(&serde_json::json!({ "ok": ok, "files": files.collect::<Vec<_>>() }))?;
    } else {
        for (file, outcome) in &outcomes {
            for wrong in &outcome.wrong {
                output::line(format!("!!  {wrong}"));
            }
            let mark = if outcome.wrong.is_empty() { "ok" } else { "!!" };
            output::line(format!(
                "{mark}  {file}: {} decisions, {} not as written",
                outcome.checked,
                outcome.wrong.len()
            ));
        }
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(7) })
}

/// Who may do what with a release, and by which policy.
async fn explain_everybody(context: &Context, args: &Explain) -> Result<ExitCode> {
    let node = context.node().await?;
    let mut askers = vec!["anonymous".to_owned()];
    for member in &node.trust()?.charter().members {
        askers.extend([member.id.clone(), format!("{}/operator", member.id)]);
    }
    let actions = Action::ALL.map(Action::as_str);
    let mut found = Vec::new();
    for asker in &askers {
        for action in actions {
            let (purpose, at) = (args.purpose.as_deref(), args.at.as_deref());
            found.push(node.explain_access(&args.release, asker, action, purpose, at).await?);
        }
    }
    if context.json {
        let cell = |e: &AccessExplanation| serde_json::json!({ "asker": e.asker, "action": e.action, "allowed": e.allowed, "decided_by": e.decided_by });
        output::json(&found.iter().map(cell).collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&[&["asker"], actions.as_slice()].concat());
    for (asker, cells) in askers.iter().zip(found.chunks(actions.len())) {
        let cells =
            cells.iter().map(|e| format!("{} {}", if e.allowed { "yes" } else { "no" }, e.decided_by.join("+")));
        table.add_row(std::iter::once(asker.clone()).chain(cells));
    }
    output::line(table.to_string());
    Ok(ExitCode::SUCCESS)
}

async fn explain(context: &Context, args: Explain) -> Result<ExitCode> {
    if args.everybody {
        return explain_everybody(context, &args).await;
    }
    let node = context.node().await?;
    let Explain { release, asker, action, purpose, at, .. } = args;
    let found = node.explain_access(&release, &asker, &action, purpose.as_deref(), at.as_deref()).await?;
    if context.json {
        output::json(&found)?;
        return Ok(ExitCode::SUCCESS);
    }
    let embargo = found.embargo.map(|until| format!(", under embargo until {until}")).unwrap_or_default();
    output::line(format!("release {} of {}: `{}`", found.release, found.owner, found.title));
    output::line(format!("audience {}{embargo}", found.audience));
    let purpose = found.purpose.map(|p| format!(" for {p}")).unwrap_or_default();
    output::line(format!("{} ({}) asks to {} it{purpose} at {}", found.asker, found.standing, found.action, found.at));
    if !embargo.is_empty() && found.embargo_at != found.at {
        output::line(format!("by the witnesses' time, which embargoes go by, it is {}", found.embargo_at));
    }
    let verb = if found.allowed { "allowed" } else { "denied" };
    output::line(format!("{verb} by {}: {}", found.decided_by.join(", "), found.reason));
    if found.decided_on != found.action {
        output::line(format!("who may not {} it may not {} it; the policies on that:", found.decided_on, found.action));
    }
    let mut table = output::table(&["policy", "effect", "applies", "decided", "says"]);
    for policy in &found.policies {
        let applies = match policy.applies {
            Some(true) => "yes",
            Some(false) => "no",
            None => "error",
        };
        let decided = if policy.decided { "yes" } else { "" };
        table.add_row([&policy.policy, policy.effect, applies, decided, &policy.description]);
    }
    output::line(table.to_string());
    Ok(ExitCode::SUCCESS)
}

async fn log(context: &Context, limit: u32) -> Result<ExitCode> {
    let decisions = context.node().await?.decisions(limit).await?;
    if context.json {
        let rows = decisions.iter().map(|d| {
            serde_json::json!({ "at": d.at, "asker": d.subject, "action": d.action, "release": d.resource,
                "allowed": d.allowed, "policies": d.policy, "purpose": d.purpose, "count": d.count })
        });
        output::json(&rows.collect::<Vec<_>>())?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut table = output::table(&["at", "asker", "action", "release", "decision", "policies", "purpose", "times"]);
    for d in &decisions {
        let decision = if d.allowed { "allowed" } else { "denied" };
        let (at, count) = (chancery_ledger::time::format(d.at), d.count.to_string());
        table.add_row([&at, &d.subject, &d.action, &d.resource, decision, &d.policy, &d.purpose, &count]);
    }
    output::line(table.to_string());
    Ok(ExitCode::SUCCESS)
}
