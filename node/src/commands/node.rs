//! `init`, `serve`, `doctor`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use chancery_exchange::config::{DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig, NodeConfig, QueryLimits};
use chancery_exchange::{AuthorityPlace, Error, Keyring, Node, TokenAddress, serve_network};
use chancery_gateway::Server;
use chancery_ledger::audience::is_member_id;
use chancery_store::DataFolder;
use chancery_store::folder::Exclusive;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::forum::ask_secret;
use super::{Context, seats};
use crate::cli::{Init, RoleArg, Serve};
use crate::{output, settings};

pub(crate) fn init(context: &Context, args: Init) -> Result<()> {
    let role = match args.role {
        RoleArg::MemberState => "member-state",
        RoleArg::Observer => "observer",
        RoleArg::Secretariat => "secretariat",
    };
    let config = NodeConfig {
        member: MemberConfig { id: args.member, name: args.name, role: role.to_owned() },
        http: HttpConfig { listen: args.http, ..HttpConfig::default() },
        network: NetworkConfig { listen: args.listen, ..NetworkConfig::default() },
        database: DatabaseConfig::default(),
        query: QueryLimits::default(),
    };
    seats::check_apart(context, &context.dir, &config)?;
    let public = with_place(args.token.as_deref(), args.no_passphrase, |place| {
        create(&context.dir, &config, &args.operators, place)
    })?;
    if context.json {
        return output::json(
            &serde_json::json!({ "dir": context.dir, "member": config.member.id, "authority_key": public }),
        );
    }
    output::line(format!("node of {} made in `{}`", config.member.id, context.dir.display()));
    output::line(format!("authority key: {public}"));
    output::line(if args.token.is_some() {
        "next: `chancery forum card` for whoever drafts the charter; unplug the token after signing"
    } else {
        "next: `chancery forum card` for whoever drafts the charter; move keys/authority.pem off this machine after signing"
    });
    Ok(())
}

/// Calls `make` with where a new authority key is to be: on a token, or in a file under a new passphrase.
pub(crate) fn with_place<T>(
    token: Option<&str>,
    no_passphrase: bool,
    make: impl FnOnce(AuthorityPlace<'_>) -> Result<T>,
) -> Result<T> {
    if let Some(text) = token {
        return make(AuthorityPlace::Token(&TokenAddress::parse(text)?, text, &ask_secret));
    }
    let passphrase = if no_passphrase { None } else { Some(new_passphrase()?) };
    make(AuthorityPlace::File(passphrase.as_deref()))
}

/// Makes a node's folder, configuration and keys; the authority's public key is returned.
pub(crate) fn create(
    dir: &std::path::Path,
    config: &NodeConfig,
    operators: &[String],
    authority: AuthorityPlace<'_>,
) -> Result<String> {
    if !is_member_id(&config.member.id) {
        bail!(Error::invalid(format!(
            "`{}` is no member id: use two to sixteen of A-Z, 0-9, _, such as `GTM`",
            config.member.id
        )));
    }
    if settings::file(dir).exists() {
        bail!(Error::conflict(format!("there is a node in `{}` already: choose another folder", dir.display())));
    }
    let folder = DataFolder::open(dir)?;
    let keyring = Keyring::new(folder.keys());
    keyring.create(operators, authority)?;
    folder.signer_new()?;
    settings::write(dir, config)?;
    Ok(keyring.authority_public()?)
}

pub(crate) fn new_passphrase() -> Result<String> {
    if let Ok(given) = std::env::var("CHANCERY_PASSPHRASE") {
        return Ok(given);
    }
    let ask = |prompt| {
        rpassword::prompt_password(prompt)
            .context("cannot ask for a passphrase: set CHANCERY_PASSPHRASE, or use --no-passphrase for a trial")
    };
    let first = ask("passphrase for the authority key: ")?;
    if first.chars().count() < 12 {
        bail!(Error::invalid("the passphrase is shorter than 12 characters"));
    }
    if ask("again: ")? != first {
        bail!(Error::invalid("the two passphrases differ"));
    }
    Ok(first)
}

/// A node that serves.
pub(crate) struct Serving {
    node: Node,
    server: Server,
    stop: CancellationToken,
    tracker: TaskTracker,
    _lock: chancery_store::FolderLock,
}

impl Serving {
    /// Starts the network, if a forum has been joined, and the HTTP server.
    pub(crate) async fn start(node: Node) -> Result<Self> {
        let lock = node.folder().lock(Exclusive::Serve)?;
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        if node.trust().is_ok() {
            serve_network(&node, stop.clone(), &tracker).await?;
        } else {
            tracing::warn!("this node has joined no forum: it serves its page only");
        }
        let server = Server::start(node.clone(), &node.config().http)?;
        Ok(Self { node, server, stop, tracker, _lock: lock })
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// What is told of it once it serves.
    fn announcement(&self, json: bool, several: bool) -> String {
        let (address, member) = (self.address(), self.node.member());
        let forum = self.node.trust().ok().map(|trust| trust.charter().forum_name.clone());
        match forum {
            forum if json => serde_json::json!({ "address": address, "member": member, "forum": forum }).to_string(),
            Some(forum) if several => format!("{member} serves `{forum}` at {address}"),
            _ => format!("{member} serves at {address}"),
        }
    }

    /// Stops both, letting work under way end.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.server.stop().await;
        self.tracker.close();
        let _ = tokio::time::timeout(std::time::Duration::from_secs(5), self.tracker.wait()).await;
    }
}

/// Waits for Ctrl-C or a termination signal.
pub(crate) async fn stop_signal() {
    let terminate = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => drop(signal.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminate => {}
    }
}

pub(crate) async fn serve(context: &Context, args: Serve) -> Result<()> {
    let beneath = if context.dir == context.root { seats::dirs(&context.root)? } else { Vec::new() };
    let mut dirs: Vec<PathBuf> = beneath.into_iter().map(|(_, dir)| dir).collect();
    if dirs.is_empty() {
        dirs.push(context.dir.clone());
    }
    let mut serving = Vec::new();
    for dir in &dirs {
        let mut config = settings::load(dir)?;
        if let Some(http) = args.http.as_ref().filter(|_| *dir == context.dir) {
            config.http.listen.clone_from(http);
        }
        if dirs.len() > 1 {
            seats::check_apart(context, dir, &config)?;
        }
        let node = Node::open(dir, config).await?;
        let started = Serving::start(node).await;
        serving.push(started.with_context(|| format!("the node in `{}` cannot serve", dir.display()))?);
    }
    let several = serving.len() > 1;
    // In one piece: whoever waits for the first line may then read no more.
    output::line(
        serving.iter().map(|serving| serving.announcement(context.json, several)).collect::<Vec<_>>().join("\n"),
    );
    stop_signal().await;
    futures::future::join_all(serving.into_iter().map(Serving::stop)).await;
    Ok(())
}

pub(crate) async fn doctor(context: &Context) -> Result<ExitCode> {
    let findings = context.node().await?.doctor().await?;
    let ok = findings.iter().all(|f| f.ok);
    if context.json {
        output::json(&findings)?;
    } else {
        let mut table = output::table(&["", "check", "finding"]);
        for finding in &findings {
            table.add_row([if finding.ok { "ok" } else { "!!" }, finding.check, &finding.detail]);
        }
        output::line(table.to_string());
    }
    Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(7) })
}
