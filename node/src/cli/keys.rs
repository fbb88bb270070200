//! `keys`: what each may do, and what takes its place.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// The authority key signs delegations, revocations and charters, and nothing else. It belongs on a machine without network: there,
/// `chancery keys sign request.json --authority authority.pem -o response.json` needs no node. Every command below signs here unless
/// `--request FILE` is given; then it writes what to sign, and `chancery keys accept response.json` takes it back.
#[derive(Debug, Subcommand)]
pub(crate) enum Keys {
    /// Show every key: what it may do, until when, and what to do about it.
    Show,
    /// Make a key for a new operator and delegate it.
    Delegate {
        /// The operator's name.
        operator: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Renew every delegation for 90 days. The present ones go on beside the new ones until they end.
    Renew {
        #[command(flatten)]
        signing: Signing,
    },
    /// Make a new log, witness, publisher or transport key in the place of the present one, which stays delegated until its time is over.
    ///
    /// A node that serves must be started again for a new transport key.
    Replace {
        /// `log`, `witness`, `publisher` or `transport`.
        key: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Revoke a key: nothing it signs from now on counts at any node that knows. One of the node's own is replaced at once.
    Revoke {
        /// `log`, `witness`, `publisher`, `transport` or `operator/NAME`.
        key: String,
        /// Why, for the other members.
        #[arg(long)]
        reason: String,
        /// From when on (RFC 3339 UTC), at most 30 days ago; now if it is not given.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        #[command(flatten)]
        signing: Signing,
    },
    /// Make the key that will follow the authority key. Its hash goes into your card and by `forum amend --update` into the charter; the
    /// key itself stays unknown and unused until the rotation. Keep it elsewhere than the authority key.
    Announce {
        /// Keep it unencrypted: only for trials.
        #[arg(long)]
        no_passphrase: bool,
    },
    /// Draft the charter that puts the announced key in the place of the authority key, signed by it; a majority of states must sign too.
    Rotate {
        /// SHA-256 of the key that follows in turn (64 hexadecimal digits).
        #[arg(long, value_name = "HASH")]
        announce: Option<String>,
        /// Where to write the draft, for `forum sign` at the other states and then `forum adopt`.
        #[arg(long, short)]
        output: PathBuf,
        /// Do not sign here: the draft is signed on the machine that has the next authority key, by `keys sign`.
        #[arg(long)]
        unsigned: bool,
    },
    /// Sign a request with an authority key. Needs no node and no network: made for a machine that has neither.
    Sign {
        /// The request, or any forum bundle.
        request: PathBuf,
        /// The file of the authority key; this node's otherwise.
        #[arg(long, value_name = "FILE")]
        authority: Option<PathBuf>,
        /// Where to write the response.
        #[arg(long, short)]
        output: PathBuf,
    },
    /// Take a signed request back.
    Accept {
        /// The response.
        response: PathBuf,
    },
}

/// Where the authority key signs.
#[derive(Debug, Args)]
pub(crate) struct Signing {
    /// Write what to sign to this file instead of signing here.
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
}
