//! `forum`: card, draft, sign, show, join, amend, diff, collect, adopt, suspend.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use chancery_exchange::{
    Amendment, Error, Keyring, SecretKind, SignedCharters, amend, card, draft, sign, suspend, waiting_for,
};
use chancery_ledger::charter::{Charter, CharterChain, Fraction, Member, Role, diff, requirements, signed_states};
use chancery_ledger::suspension::{self, Count, Suspension};
use chancery_ledger::trust::Merged;
use chancery_ledger::{ForumBundle, RecordKind, Signer};

use super::{Context, confirm, seats};
use crate::cli::{Amend, Forum};
use crate::{output, settings};

pub(crate) async fn run(context: &Context, command: Forum) -> Result<()> {
    match command {
        Forum::Card { output } => {
            let member = card(&settings::load(&context.dir)?, &keyring(context), now())?;
            write(&output, &serde_json::to_vec_pretty(&member)?)
        }
        Forum::Draft { name, months, no_four_eyes, witness_quorum, output, cards } => {
            let members = cards.iter().map(|path| read_card(path)).collect::<Result<Vec<_>>>()?;
            let bundle = draft(&name, months, !no_four_eyes, witness_quorum, members, now())?;
            write(&output, &serde_json::to_vec_pretty(&bundle)?)?;
            say(context, &bundle)
        }
        Forum::Sign { bundle, output, chosen } => {
            let mut read = read_bundle(&bundle)?;
            let member = settings::load(&context.dir)?.member.id;
            let mut signed = signed_charters(context, &chosen.instead_of)?;
            let key = keyring(context).authority_public()?.parse()?;
            signed.learn(&read, &key);
            if let Ok(held) = async { context.node().await?.forum_bundle().await.map_err(anyhow::Error::from) }.await {
                signed.learn(&held, &key);
            }
            let waiting = waiting_for(&read, &member, &keyring(context), now(), &signed)?;
            if chosen.show {
                return confirm::show(context, &waiting);
            }
            // Asked before the key is opened: who does not agree needs no passphrase.
            let ids = confirm::choose(&waiting, &chosen.record, &mut signed)?;
            sign(&mut read, &member, &keyring(context), authority(context)?.as_ref(), now(), &mut signed, |_| Ok(ids))?;
            write(output.as_ref().unwrap_or(&bundle), &serde_json::to_vec_pretty(&read)?)?;
            say(context, &read)
        }
        Forum::List => seats::list(context).await,
        Forum::Show { bundle: Some(path) } => say(context, &read_bundle(&path)?),
        Forum::Show { bundle: None } => say(context, &context.node().await?.forum_bundle().await?),
        Forum::Join { bundle, genesis } => join(context, &bundle, &genesis).await,
        Forum::Amend(args) => {
            let from = match &args.from {
                Some(path) => read_bundle(path)?,
                None => context.node().await?.forum_bundle().await?,
            };
            let issuer = proposer(context, &from)?;
            let output = args.output.clone();
            let bundle = amend(&from, amendment(*args)?, &issuer, now())?;
            write(&output, &serde_json::to_vec_pretty(&bundle)?)?;
            say_diff(context, &bundle, None)
        }
        Forum::Diff { bundle, against } => {
            let against = against.as_deref().map(read_bundle).transpose()?;
            say_diff(context, &read_bundle(&bundle)?, against.as_ref())
        }
        Forum::Collect { output, bundles } => collect(context, &output, &bundles),
        Forum::Adopt { bundle } => {
            let node = context.node().await?;
            let merged = node.adopt(&read_bundle(&bundle)?).await?;
            say_merged(context, &merged)
        }
        Forum::Suspend { member, days, reason, output } => {
            let bundle = context.node().await?.forum_bundle().await?;
            let draft = suspend(&bundle, &proposer(context, &bundle)?, &member, days, &reason, now())?;
            write(&output, &serde_json::to_vec_pretty(&draft)?)?;
            say(context, &draft)
        }
    }
}

/// Who proposes: this node's member, or the secretariat where there is no node.
fn proposer(context: &Context, bundle: &ForumBundle) -> Result<String> {
    if settings::file(&context.dir).exists() {
        return Ok(settings::load(&context.dir)?.member.id);
    }
    let charter = newest(bundle)?.1;
    let by = charter.members.iter().find(|m| m.role == Role::Secretariat).or(charter.members.first());
    Ok(by.map(|m| m.id.clone()).unwrap_or_default())
}

fn amendment(args: Amend) -> Result<Amendment> {
    let pair = |text: &str, what: &str| match text.split_once('=') {
        Some((name, value)) => Ok((name.to_owned(), value.to_owned())),
        None => Err(Error::invalid(format!("`{text}` is not {what}"))),
    };
    let role = |text: &String| {
        let (member, role) = pair(text, "MEMBER=ROLE, such as `OBS=member-state`")?;
        let role = Role::parse(&role).ok_or_else(|| Error::invalid(format!("`{role}` is no role")))?;
        Ok::<_, Error>((member, role))
    };
    let threshold = |text: &String| {
        let (act, fraction) = pair(text, "ACT=FRACTION, such as `admit=3/4`")?;
        Ok::<_, Error>((act, Fraction::try_from(fraction).map_err(Error::invalid)?))
    };
    let cards = |paths: &[PathBuf]| paths.iter().map(|path| read_card(path)).collect::<Result<Vec<_>>>();
    Ok(Amendment {
        admit: cards(&args.admit)?,
        update: cards(&args.update)?,
        remove: args.remove,
        roles: args.role.iter().map(role).collect::<Result<_, _>>()?,
        name: args.name,
        months: args.months,
        thresholds: args.threshold.iter().map(threshold).collect::<Result<_, _>>()?,
        four_eyes: args.four_eyes,
        schema: args.schema,
        witness_quorum: args.witness_quorum,
    })
}

fn collect(context: &Context, output: &PathBuf, bundles: &[PathBuf]) -> Result<()> {
    let Some((first, others)) = bundles.split_first() else { bail!(Error::invalid("no bundle was given")) };
    let mut all = read_bundle(first)?;
    for path in others {
        let other = read_bundle(path)?;
        let (mine, theirs) = (all.charters.last(), other.charters.last());
        if mine.map(|e| e.id()).transpose()? != theirs.map(|e| e.id()).transpose()? {
            bail!(Error::conflict(format!(
                "the newest charter of `{}` is not that of `{}`: only copies of one draft can be put together",
                path.display(),
                first.display()
            )));
        }
        let (records, signatures) =
            all.collect(&other).map_err(|e| Error::Unverified { what: "a bundle".into(), cause: Some(Box::new(e)) })?;
        output::note(format!("`{}`: {signatures} new signatures, {records} new records", path.display()));
    }
    write(output, &serde_json::to_vec_pretty(&all)?)?;
    say(context, &all)
}

async fn join(context: &Context, bundle: &Path, genesis: &str) -> Result<()> {
    let node = context.node().await?;
    let refused = node.join(&read_bundle(bundle)?, genesis).await?.refused;
    if let Some(first) = refused.first() {
        output::note(format!("{} records of the bundle are refused and left out, first: {first}", refused.len()));
    }
    say(context, &node.forum_bundle().await?)
}

/// What was adopted, and what was not.
pub(crate) fn say_merged(context: &Context, merged: &Merged) -> Result<()> {
    let refused: Vec<String> = merged.refused.iter().map(ToString::to_string).collect();
    if context.json {
        output::json(&serde_json::json!({
            "charters": merged.charters, "delegations": merged.delegations, "revocations": merged.revocations,
            "suspensions": merged.suspensions, "conflicting": merged.conflicting, "refused": refused,
            "unvouched": merged.unvouched, "late": merged.late,
        }))?;
    } else {
        let counts = [
            (merged.charters, "charter versions"),
            (merged.suspensions, "suspensions"),
            (merged.revocations, "revocations"),
            (merged.delegations, "delegations"),
        ];
        let new: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}")).collect();
        output::line(if new.is_empty() { "nothing new".to_owned() } else { format!("adopted: {}", new.join(", ")) });
        if merged.unvouched > 0 {
            output::line(format!(
                "left for the members' logs to bring: {} delegations and revocations by authority keys that were replaced",
                merged.unvouched
            ));
        }
        if merged.late > 0 {
            output::line(format!("left out: {} suspensions that were not known here in their time", merged.late));
        }
    }
    if merged.conflicting > 0 {
        bail!(Error::unverified(
            "ALARM: this bundle holds another valid charter of a number already known: both are kept as evidence and membership is frozen; tell the other members"
        ));
    }
    match refused.first() {
        Some(first) => bail!(Error::unverified(format!("a part of the bundle was refused: {first}"))),
        None => Ok(()),
    }
}

fn newest(bundle: &ForumBundle) -> Result<(String, Charter)> {
    let Some(newest) = bundle.charters.last() else { bail!(Error::invalid("the bundle holds no charter")) };
    Ok((newest.id()?, newest.payload::<Charter>(RecordKind::Charter)?.body))
}

/// What the newest charter changes, who must sign it, and who has.
fn say_diff(context: &Context, bundle: &ForumBundle, against: Option<&ForumBundle>) -> Result<()> {
    let (id, new) = newest(bundle)?;
    let before = match (against, bundle.charters.len()) {
        (Some(other), _) => Some(newest(other)?.1),
        (None, 0 | 1) => None,
        (None, length) => Some(bundle.charters[length - 2].payload::<Charter>(RecordKind::Charter)?.body),
    };
    let changes = diff(before.as_ref(), &new);
    let needs = requirements(before.as_ref(), &new);
    let signed = bundle.charters.last().map(|e| signed_states(e, &new, None)).unwrap_or_default();
    let verdict = CharterChain::verify(None, &bundle.charters);
    let verdict = verdict.map_or_else(|e| e.to_string(), |_| "enough have signed: it can be adopted".to_owned());
    if context.json {
        return output::json(&serde_json::json!({
            "id": id, "version": new.version, "changes": changes, "needs": needs, "signed_by": signed, "verdict": verdict,
        }));
    }
    output::line(format!("charter version {} of {} ({id})", new.version, new.forum_name));
    for change in &changes {
        output::line(format!("  {:7} {}", change.act.as_str(), change.text));
    }
    if changes.is_empty() {
        output::line("  changes nothing");
    }
    for need in needs {
        output::line(format!("needs {need}"));
    }
    output::line(format!("signed by: {}", if signed.is_empty() { "nobody".to_owned() } else { signed.join(", ") }));
    output::line(verdict);
    Ok(())
}

/// Suspensions in a bundle and how many have signed them.
fn say_suspensions(bundle: &ForumBundle) -> Result<Vec<String>> {
    let Ok(chain) = CharterChain::verify(None, &bundle.charters) else { return Ok(Vec::new()) };
    let mut lines = Vec::new();
    for envelope in &bundle.suspensions {
        let what = envelope.payload::<Suspension>(RecordKind::Suspension)?.body;
        let Count { signed_by, needed, .. } = suspension::signatures(envelope, &chain)?;
        let (count, by) = (signed_by.len(), signed_by.join(", "));
        let in_force = suspension::verify(envelope, &chain).is_ok_and(|s| s.in_force(now()));
        let mark = if in_force { "IN FORCE: " } else { "" };
        let Suspension { member, from, until, reason } = what;
        lines.push(format!(
            "{mark}suspension of `{member}` from {from} until {until} ({reason}): {count} of {needed} signed: {by}"
        ));
    }
    Ok(lines)
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

pub(crate) fn keyring(context: &Context) -> Keyring {
    Keyring::new(context.dir.join("keys"))
}

/// What this node's authority keys have signed, but for what is given up.
pub(crate) fn signed_charters(context: &Context, given_up: &[String]) -> Result<SignedCharters> {
    let mut signed = keyring(context).signed_charters()?;
    given_up.iter().for_each(|id| signed.give_up(id));
    Ok(signed)
}

/// Asks for what opens a key, unless the environment gives it.
pub(crate) fn ask_secret(kind: SecretKind) -> chancery_exchange::Result<String> {
    let (variable, what) = match kind {
        SecretKind::Passphrase => ("CHANCERY_PASSPHRASE", "passphrase of the authority key"),
        SecretKind::Pin => ("CHANCERY_PIN", "PIN of the authority's token"),
    };
    match std::env::var(variable) {
        Ok(given) => Ok(given),
        Err(_) => rpassword::prompt_password(format!("{what}: "))
            .map_err(|_| Error::invalid(format!("cannot ask for the {what}: set {variable}"))),
    }
}

pub(crate) fn authority(context: &Context) -> Result<Box<dyn Signer>> {
    Ok(keyring(context).authority(ask_secret)?)
}

fn read_card(path: &Path) -> Result<Member> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    serde_json::from_slice(&bytes)
        .with_context(|| Error::invalid(format!("`{}` is no member's card", path.display())).to_string())
}

pub(crate) fn read_bundle(path: &Path) -> Result<ForumBundle> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    let bundle = ForumBundle::parse(&bytes);
    bundle.map_err(|e| {
        Error::Invalid { what: format!("`{}` is no forum bundle", path.display()), cause: Some(Box::new(e)) }.into()
    })
}

pub(crate) fn write(path: &PathBuf, bytes: &[u8]) -> Result<()> {
    if path.as_os_str() == "-" {
        output::line(String::from_utf8_lossy(bytes));
        return Ok(());
    }
    std::fs::write(path, bytes).map_err(|e| Error::file("write", path, e))?;
    Ok(())
}

/// Shows a bundle: whose forum, who signed, what it asks for.
fn say(context: &Context, bundle: &ForumBundle) -> Result<()> {
    let (Some(genesis), Some(newest)) = (bundle.charters.first(), bundle.charters.last()) else {
        bail!(Error::invalid("the bundle holds no charter"));
    };
    let charter = newest.payload::<Charter>(RecordKind::Charter)?.body;
    let signed = signed_states(newest, &charter, None);
    let genesis = genesis.id()?;
    if context.json {
        return output::json(&serde_json::json!({
            "genesis": genesis, "id": newest.id()?, "name": charter.forum_name, "version": charter.version, "expires": charter.expires,
            "rules": charter.rules, "thresholds": charter.thresholds, "members": charter.members, "signed_by": signed,
            "delegations": bundle.delegations.len(), "revocations": bundle.revocations.len(),
            "suspensions": say_suspensions(bundle)?, "contradicted": !bundle.conflicting.is_empty(),
        }));
    }
    output::line(format!("{}, charter version {}, expires {}", charter.forum_name, charter.version, charter.expires));
    output::line(format!("genesis id: {genesis}"));
    output::line(format!("four eyes: {}; schema: {}", charter.rules.four_eyes, charter.rules.schema));
    let mut table = output::table(&["member", "role", "name", "signed", "national CA", "addresses"]);
    for member in &charter.members {
        let mark = if signed.contains(&member.id) { "yes" } else { "" };
        let pin = member.endorsement.as_ref().map_or("", |e| e.national_ca.get(..16).unwrap_or_default());
        table.add_row([&member.id, member.role.as_str(), &member.name, mark, pin, &member.addresses.join(" ")]);
    }
    output::line(table.to_string());
    for line in say_suspensions(bundle)? {
        output::line(line);
    }
    if !bundle.conflicting.is_empty() {
        output::line(
            "ALARM: another valid charter of one number is known: membership is frozen; `chancery doctor` says more",
        );
    }
    Ok(())
}
