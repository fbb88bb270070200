//! Arguments of `proof`.

use std::path::PathBuf;

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Proof {
    /// The release's id.
    pub(crate) release: String,
    /// Where to write it; `-` for the terminal. Default: `RELEASE.tlog-proof`.
    #[arg(long, short)]
    pub(crate) output: Option<PathBuf>,
}
