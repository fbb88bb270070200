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
    /// A node that serves goes over to a new transport key by itself, once the peers connected to it have heard of it.
    Replace {
        /// `log`, `witness`, `publisher` or `transport`.
        key: String,
        #[command(flatten)]
        signing: Signing,
    },
    /// Revoke a key: nothing it signs from now on counts at any node that knows. One that the node uses is replaced at once.
    Revoke {
        /// Its fingerprint as `chancery keys show` prints it, the key itself, or the record id of its delegation; or `log`, `witness`,
        /// `publisher`, `transport` or `operator/NAME` where only one key may act as that.
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
        /// Make it on a PKCS#11 token: `pkcs11:token=NAME;object=KEY?module-path=/path/to/module.so`.
        #[arg(long, value_name = "ADDRESS", conflicts_with = "no_passphrase")]
        token: Option<String>,
    },
    /// Have the authority key endorsed by the state's own PKI: write what it must sign, then take the signature.
    ///
    /// First `chancery keys endorse --statement statement.txt`; then whoever holds the state's signing certificate signs that file with CMS,
    /// detached; then `chancery keys endorse --signature endorsement.p7s --certificates chain.pem`, which checks all of it. From then on
    /// `chancery forum card` carries it, and the charter pins the national CA: the last certificate of the chain.
    Endorse(Endorse),
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
        /// The charter of this id was signed and is given up by all: this draft, which follows the same version, is signed instead.
        #[arg(long, value_name = "ID")]
        instead_of: Vec<String>,
    },
    /// Show what waits in a request and sign what you agree to with an authority key. Needs no node and no network: made for a machine that
    /// has neither.
    Sign {
        /// The request, or any forum bundle.
        request: PathBuf,
        /// The file of the authority key, or its `pkcs11:` address on a token; this node's otherwise.
        #[arg(long, value_name = "FILE|ADDRESS")]
        authority: Option<String>,
        /// Where to write the response.
        #[arg(long, short, required_unless_present = "show")]
        output: Option<PathBuf>,
        #[command(flatten)]
        chosen: Chosen,
    },
    /// Take a signed request back.
    Accept {
        /// The response.
        response: PathBuf,
    },
}

/// What of an endorsement is wanted.
#[derive(Debug, Args)]
pub(crate) struct Endorse {
    /// Write what the national PKI has to sign to this file.
    #[arg(long, value_name = "FILE", required_unless_present = "signature", conflicts_with_all = ["signature", "certificates", "crl"])]
    pub(crate) statement: Option<PathBuf>,
    /// The CMS signature over the statement, detached: DER or PEM.
    #[arg(long, value_name = "FILE", requires = "certificates")]
    pub(crate) signature: Option<PathBuf>,
    /// PEM certificates: the signer's first, the national CA's last.
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) certificates: Vec<PathBuf>,
    /// A revocation list of a CA of the chain: DER or PEM. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) crl: Vec<PathBuf>,
    /// Of the key that will follow the authority key.
    #[arg(long)]
    pub(crate) next: bool,
}

/// Where the authority key signs.
#[derive(Debug, Args)]
pub(crate) struct Signing {
    /// Write what to sign to this file instead of signing here.
    #[arg(long, value_name = "FILE")]
    pub(crate) request: Option<PathBuf>,
}

/// What is to be signed.
#[derive(Debug, Args)]
pub(crate) struct Chosen {
    /// Sign the record of this id, without asking. May be given several times; whatever else waits is left unsigned.
    #[arg(long, value_name = "ID")]
    pub(crate) record: Vec<String>,
    /// The charter of this id was signed and is given up by all: one that follows the same version may be signed instead.
    #[arg(long, value_name = "ID")]
    pub(crate) instead_of: Vec<String>,
    /// Show what waits, with the ids, and sign nothing.
    #[arg(long, conflicts_with = "record")]
    pub(crate) show: bool,
}
