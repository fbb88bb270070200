//! `metadata`: what this member says of its figures.

use std::path::PathBuf;

use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Metadata {
    /// Write a file to fill in: every attribute with its explanation, and what is in force now.
    Template {
        /// The dataflow, for example `RETURNS`.
        dataflow: String,
        /// Where to write it; `-` for the terminal. Default: `DATAFLOW.metadata.toml`.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Check a filled-in file and sign it as the operator who prepared it.
    Prepare {
        /// The file (TOML).
        file: PathBuf,
        /// The operator who prepares.
        #[arg(long, default_value = "preparer")]
        operator: String,
        /// Where to write the signed draft. Default: the file with the ending `.json`.
        #[arg(long, short)]
        output: Option<PathBuf>,
    },
    /// Show a draft and sign it as a second operator.
    Approve {
        /// The draft that `prepare` wrote; it gets the second signature.
        draft: PathBuf,
        /// The operator who approves: not the one who prepared.
        #[arg(long, default_value = "approver")]
        operator: String,
    },
    /// Publish an approved draft: a record in this member's log.
    Publish {
        /// The draft with both signatures.
        draft: PathBuf,
    },
    /// Show what members say of their figures.
    Show {
        /// Of this dataflow.
        dataflow: Option<String>,
        /// Of this member.
        #[arg(long)]
        member: Option<String>,
        /// Preferred languages, as in HTTP: `es, en;q=0.5`.
        #[arg(long, default_value = "en")]
        language: String,
    },
}
