//! `forum`: card, draft, sign, show, join, renew.

use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result, bail};
use chancery_exchange::{Error, Keyring, card, draft, sign};
use chancery_ledger::charter::{Charter, Member, signed_states};
use chancery_ledger::{ForumBundle, KeyPair, RecordKind};

use super::Context;
use crate::cli::Forum;
use crate::{output, settings};

pub(crate) async fn run(context: &Context, command: Forum) -> Result<()> {
    match command {
        Forum::Card { output } => {
            let member = card(&settings::load(&context.dir)?, &keyring(context))?;
            write(&output, &serde_json::to_vec_pretty(&member)?)
        }
        Forum::Draft { name, months, no_four_eyes, output, cards } => {
            let members = cards.iter().map(|path| read_card(path)).collect::<Result<Vec<_>>>()?;
            let bundle = draft(&name, months, !no_four_eyes, members, now())?;
            write(&output, &serde_json::to_vec_pretty(&bundle)?)?;
            say(context, &bundle)
        }
        Forum::Sign { bundle, output } => {
            let mut read = read_bundle(&bundle)?;
            let config = settings::load(&context.dir)?;
            sign(&mut read, &config.member.id, &keyring(context), &authority(context)?, now())?;
            write(output.as_ref().unwrap_or(&bundle), &serde_json::to_vec_pretty(&read)?)?;
            say(context, &read)
        }
        Forum::Show { bundle: Some(path) } => say(context, &read_bundle(&path)?),
        Forum::Show { bundle: None } => say(context, &context.node().await?.forum_bundle().await?),
        Forum::Join { bundle, genesis } => {
            let node = context.node().await?;
            node.join(&read_bundle(&bundle)?, &genesis).await?;
            say(context, &node.forum_bundle().await?)
        }
        Forum::Renew => {
            let node = context.node().await?;
            node.renew(&authority(context)?).await?;
            say(context, &node.forum_bundle().await?)
        }
    }
}

pub(crate) fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs() as i64)
}

fn keyring(context: &Context) -> Keyring {
    Keyring::new(context.dir.join("keys"))
}

fn authority(context: &Context) -> Result<KeyPair> {
    let ask = || match std::env::var("CHANCERY_PASSPHRASE") {
        Ok(given) => Ok(given),
        Err(_) => rpassword::prompt_password("passphrase of the authority key: ")
            .map_err(|_| Error::invalid("cannot ask for the passphrase: set CHANCERY_PASSPHRASE")),
    };
    Ok(keyring(context).authority(ask)?)
}

fn read_card(path: &Path) -> Result<Member> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    serde_json::from_slice(&bytes)
        .with_context(|| Error::invalid(format!("`{}` is no member's card", path.display())).to_string())
}

fn read_bundle(path: &Path) -> Result<ForumBundle> {
    let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
    let bundle = ForumBundle::parse(&bytes);
    bundle.map_err(|e| {
        Error::Invalid { what: format!("`{}` is no forum bundle", path.display()), cause: Some(Box::new(e)) }.into()
    })
}

fn write(path: &PathBuf, bytes: &[u8]) -> Result<()> {
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
            "genesis": genesis, "name": charter.forum_name, "version": charter.version, "expires": charter.expires,
            "rules": charter.rules, "thresholds": charter.thresholds, "members": charter.members, "signed_by": signed,
            "delegations": bundle.delegations.len(),
        }));
    }
    output::line(format!("{}, charter version {}, expires {}", charter.forum_name, charter.version, charter.expires));
    output::line(format!("genesis id: {genesis}"));
    output::line(format!("four eyes: {}; schema: {}", charter.rules.four_eyes, charter.rules.schema));
    let mut table = output::table(&["member", "role", "name", "signed", "addresses"]);
    for member in &charter.members {
        let mark = if signed.contains(&member.id) { "yes" } else { "" };
        table.add_row([&member.id, member.role.as_str(), &member.name, mark, &member.addresses.join(" ")]);
    }
    output::line(table.to_string());
    Ok(())
}
