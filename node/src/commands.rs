//! Runs a command: opens what it needs, calls the use case, prints.

mod bench;
mod comparison;
mod confirm;
mod disclosure;
mod figures;
pub(crate) mod forum;
mod keys;
mod mapping;
pub(crate) mod metadata;
pub(crate) mod node;
mod policy;
mod preview;
mod problems;
mod publishing;
mod schema;
mod seats;
mod timestamp;
mod verify;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use chancery_exchange::Node;
use clap::CommandFactory as _;

use crate::cli::{Cli, Command};
use crate::{demo, settings};

/// What every command gets.
pub(crate) struct Context {
    /// The node's folder.
    pub(crate) dir: PathBuf,
    /// The service's folder: that of the node, or the one beneath which it is.
    pub(crate) root: PathBuf,
    pub(crate) json: bool,
}

impl Context {
    /// Opens the node in the folder, for an operator of its member: whoever can read its keys.
    pub(crate) async fn node(&self) -> Result<Node> {
        Ok(open(&self.dir).await?.as_operator())
    }
}

/// Opens the node in `dir`.
pub(crate) async fn open(dir: &Path) -> Result<Node> {
    Ok(Node::open(dir, settings::load(dir)?).await?)
}

/// Runs the command.
pub(crate) fn run(cli: Cli) -> Result<ExitCode> {
    let default = if matches!(cli.command, Command::Demo(_)) { ".demo" } else { ".chancery" };
    let root = cli.global.dir.unwrap_or_else(|| default.into());
    let dir = match &cli.global.forum {
        Some(forum) => seats::dir_of(&root, forum)?,
        None => root.clone(),
    };
    let context = Context { dir, root, json: cli.global.json };
    if let Command::Completions { shell } = cli.command {
        clap_complete::generate(shell, &mut crate::cli::Cli::command(), "chancery", &mut std::io::stdout());
        return Ok(ExitCode::SUCCESS);
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("cannot start the runtime")?;
    let result = runtime.block_on(dispatch(context, cli.command));
    runtime.shutdown_timeout(std::time::Duration::from_secs(5));
    result
}

async fn dispatch(context: Context, command: Command) -> Result<ExitCode> {
    match command {
        Command::Init(args) => node::init(&context, args)?,
        Command::Forum { command } => forum::run(&context, command).await?,
        Command::Keys { command } => keys::run(&context, command).await?,
        Command::Map { command } => mapping::run(&context, command)?,
        Command::Import(args) => publishing::import(&context, args).await?,
        Command::Preview(args) => publishing::preview(&context, args).await?,
        Command::Disclosure { command } => disclosure::run(&context, command)?,
        Command::Approve(args) => publishing::approve(&context, args).await?,
        Command::Publish(args) => publishing::publish(&context, args.stage.as_deref()).await?,
        Command::Withdraw(args) => publishing::withdraw(&context, args).await?,
        Command::Metadata { command } => metadata::run(&context, command).await?,
        Command::Serve(args) => node::serve(&context, args).await?,
        Command::Query(args) => figures::query(&context, args).await?,
        Command::Verify(args) => return verify::verify(&context, args).await,
        Command::Proof(args) => verify::proof(&context, args).await?,
        Command::Timestamp { command } => timestamp::run(&context, command).await?,
        Command::Log(args) => return verify::log(&context, args).await,
        Command::Policy { command } => return policy::run(&context, command).await,
        Command::Schema { command } => return schema::run(&context, command),
        Command::Doctor => return node::doctor(&context).await,
        Command::Demo(args) => demo::run(&context.dir, args).await?,
        Command::Bench { command } => bench::run(&context, command).await?,
        Command::Completions { .. } => {}
    }
    Ok(ExitCode::SUCCESS)
}
