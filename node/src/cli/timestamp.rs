//! `timestamp`: when a release existed, said by an authority outside the forum.

use std::path::PathBuf;

use clap::Subcommand;

/// An RFC 3161 authority stamps a release's record: `request` writes what it is asked, `accept` checks and keeps its answer, which is part of the
/// release's proof from then on. Whoever verifies names the authority's CA: `chancery verify PROOF --timestamp-ca ca.pem`.
#[derive(Debug, Subcommand)]
pub(crate) enum Timestamp {
    /// Write the request: `curl -H 'Content-Type: application/timestamp-query' --data-binary @request.tsq AUTHORITY -o answer.tsr`.
    Request {
        /// The release's id.
        release: String,
        /// Where to write it.
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Check the authority's answer and keep it.
    Accept {
        /// The release's id.
        release: String,
        /// The answer.
        answer: PathBuf,
        /// Certificates (PEM) of the authority's CA.
        #[arg(long, value_name = "FILE.pem")]
        ca: PathBuf,
    },
}
