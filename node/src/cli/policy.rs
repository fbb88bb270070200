//! `policy`: who may see what, and why.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    /// Check files of a member's own policies: parsed, validated strictly, forbids only. Needs no node.
    Check {
        /// The files (`.cedar`).
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
    /// Decide example decisions and compare with what they say. Exit code 7 if any differs.
    Test {
        /// Files of examples (TOML); without any, those built in. They meet this node's own policies, unless they bring their own.
        files: Vec<PathBuf>,
    },
    /// Say why somebody may or may not see a release, policy by policy.
    Explain(Explain),
    /// Show the newest decisions.
    Log {
        /// How many rows.
        #[arg(long, short = 'n', default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        limit: u32,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// The release's id.
    pub(crate) release: String,
    /// Who asks: `anonymous`, a member such as `GTM`, or `GTM/operator`.
    #[arg(long = "as", value_name = "ASKER", default_value = "anonymous")]
    pub(crate) asker: String,
    /// To do what: `discover`, `read`, `query` or `replicate`.
    #[arg(long, default_value = "read")]
    pub(crate) action: String,
    /// What the asker says it is for, for example `research`.
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Everybody's decisions instead, in one table: anybody, each member's node and its operators, for every action.
    #[arg(long, conflicts_with_all = ["asker", "action"])]
    pub(crate) everybody: bool,
    /// When (RFC 3339); now otherwise.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
}
