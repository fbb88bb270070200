//! Several forums beneath one service: `forums/NAME` in a node's folder is a node of its own, with its own keys, database and addresses, so
//! that nothing of one forum can come into another. One process serves them all.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use chancery_exchange::config::NodeConfig;
use chancery_exchange::{Error, Node};
use serde::Serialize;

use super::{Context, open};
use crate::{output, settings};

/// A forum that this service sits in.
#[derive(Serialize)]
struct Seat {
    /// What `--forum` calls it; none for the node's folder itself.
    name: Option<String>,
    dir: PathBuf,
    member: String,
    /// The forum's own name, its id and the charter's version; none before it is joined.
    forum: Option<String>,
    genesis: Option<String>,
    version: Option<u64>,
    http: String,
    listen: Vec<String>,
}

/// The folder of the node that sits in `forum`.
pub(crate) fn dir_of(root: &Path, forum: &str) -> Result<PathBuf> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if forum.is_empty() || forum.len() > 40 || forum.starts_with('.') || !forum.chars().all(fits) {
        bail!(Error::invalid(format!(
            "`{}` cannot name a forum here: use up to 40 letters, digits, `-`, `_`, `.`",
            forum.chars().take(60).collect::<String>()
        )));
    }
    Ok(root.join("forums").join(forum))
}

/// Every node in a folder: the folder's own, then those in `forums/`, by name.
pub(crate) fn dirs(root: &Path) -> Result<Vec<(Option<String>, PathBuf)>> {
    let mut found = Vec::new();
    if settings::file(root).exists() {
        found.push((None, root.to_path_buf()));
    }
    let folder = root.join("forums");
    let entries = match std::fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(found),
        Err(e) => bail!(Error::file("list", &folder, e)),
    };
    let mut named = Vec::new();
    for entry in entries {
        let path = entry.map_err(|e| Error::file("list", &folder, e))?.path();
        if let Some(name) = path.file_name().and_then(|n| n.to_str()).filter(|_| settings::file(&path).exists()) {
            named.push((Some(name.to_owned()), path.clone()));
        }
    }
    named.sort();
    found.extend(named);
    Ok(found)
}

/// Refuses a configuration that shares an address or a database with another node beneath the same service.
pub(crate) fn check_apart(context: &Context, dir: &Path, config: &NodeConfig) -> Result<()> {
    for (_, place) in dirs(&context.root)?.into_iter().filter(|(_, place)| place != dir) {
        let other = settings::load(&place)?;
        let taken = config.network.listen.iter().find(|address| other.network.listen.contains(address));
        let http = &config.http.listen;
        if let Some(address) = taken.or((other.http.listen == *http).then_some(http)) {
            bail!(Error::conflict(format!(
                "the node in `{}` has the address `{address}`: give this one its own with `--http` and `--listen`, or in chancery.toml",
                place.display()
            )));
        }
        if config.database.url.is_some() && config.database.url == other.database.url {
            bail!(Error::conflict(format!(
                "the node in `{}` has the same PostgreSQL database: give each its own `database.url` in its chancery.toml",
                place.display()
            )));
        }
    }
    Ok(())
}

/// `forum list`.
pub(crate) async fn list(context: &Context) -> Result<()> {
    let mut seats = Vec::new();
    for (name, dir) in dirs(&context.root)? {
        let node: Node = open(&dir).await?.as_operator();
        let trust = node.trust().ok();
        let config = node.config();
        seats.push(Seat {
            name,
            member: config.member.id.clone(),
            forum: trust.as_ref().map(|t| t.charter().forum_name.clone()),
            genesis: trust.as_ref().map(|t| t.forum().to_owned()),
            version: trust.as_ref().map(|t| t.charter().version),
            http: config.http.listen.clone(),
            listen: config.network.listen.clone(),
            dir,
        });
    }
    if context.json {
        return output::json(&seats);
    }
    if seats.is_empty() {
        output::line(format!("there is no node in `{}`: run `chancery init`", context.root.display()));
        return Ok(());
    }
    let mut table = output::table(&["--forum", "member", "forum", "version", "genesis id", "http"]);
    for seat in seats {
        table.add_row([
            seat.name.unwrap_or_default(),
            seat.member,
            seat.forum.unwrap_or_else(|| "none joined".to_owned()),
            seat.version.map(|v| v.to_string()).unwrap_or_default(),
            seat.genesis.map(|id| id.chars().take(16).collect()).unwrap_or_default(),
            seat.http,
        ]);
    }
    output::line(table.to_string());
    Ok(())
}
