//! `forum`: the charter from its founding on.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::keys::Chosen;

#[derive(Debug, Subcommand)]
pub(crate) enum Forum {
    /// Write this node's card: member id, name, role, authority key, addresses.
    Card {
        /// Where to write it; `-` for the terminal.
        #[arg(long, short, default_value = "-")]
        output: PathBuf,
    },
    /// Draft the founding charter from the members' cards.
    Draft {
        /// The forum's name.
        #[arg(long)]
        name: String,
        /// Months until the charter expires; expiry freezes membership, not data.
        #[arg(long, default_value_t = 12)]
        months: u32,
        /// Let one operator import and approve alone.
        #[arg(long)]
        no_four_eyes: bool,
        /// How many other member states must have cosigned a log's head before it is published; half of them if it is not said.
        #[arg(long, value_name = "STATES")]
        witness_quorum: Option<u32>,
        /// Where to write the draft.
        #[arg(long, short)]
        output: PathBuf,
        /// The members' cards.
        #[arg(required = true, value_name = "CARD")]
        cards: Vec<PathBuf>,
    },
    /// Show what waits for this member's signature, sign what you agree to with its authority key, and add its delegations.
    ///
    /// On a terminal each charter and suspension is shown and asked about. In a script `--record ID` names each that is to be signed.
    Sign {
        /// The bundle to sign, changed in place unless `--output` is given.
        bundle: PathBuf,
        /// Where to write the signed bundle.
        #[arg(long, short)]
        output: Option<PathBuf>,
        #[command(flatten)]
        chosen: Chosen,
    },
    /// List the forums that this service sits in: each has a node, keys and addresses of its own.
    ///
    /// `chancery --forum NAME init …` makes a node for another forum; every other command takes `--forum NAME` likewise.
    List,
    /// Show a bundle, or the forum this node has joined: members, thresholds, who signed.
    Show {
        /// A bundle file; without it, this node's forum.
        bundle: Option<PathBuf>,
    },
    /// Verify a bundle against the genesis id told to you out of band, and join.
    Join {
        /// The bundle all founding members signed.
        bundle: PathBuf,
        /// The forum's genesis id (64 hexadecimal digits).
        #[arg(long)]
        genesis: String,
    },
    /// Draft the next charter from the one in force: admit, remove, change rules, set the schema's version, prolong.
    Amend(Box<Amend>),
    /// Say in words what the newest charter of a bundle changes, who must sign, and who has.
    Diff {
        /// The bundle.
        bundle: PathBuf,
        /// Compare with the newest charter of this bundle instead of the version before.
        #[arg(long, value_name = "BUNDLE")]
        against: Option<PathBuf>,
    },
    /// Put the signatures of several copies of one bundle together.
    Collect {
        /// Where to write it.
        #[arg(long, short)]
        output: PathBuf,
        /// The copies.
        #[arg(required = true, value_name = "BUNDLE")]
        bundles: Vec<PathBuf>,
    },
    /// Adopt what enough members have signed: a new charter, a suspension, revocations, delegations. Peers hear of it from this node.
    Adopt {
        /// The bundle.
        bundle: PathBuf,
    },
    /// Draft an emergency suspension: the member's node is not let in and its new records are not accepted. Ends by itself.
    Suspend {
        /// Who.
        member: String,
        /// For how many days, at most 14.
        #[arg(long, default_value_t = 14, value_parser = clap::value_parser!(u32).range(1..=14))]
        days: u32,
        /// Why, for the other members.
        #[arg(long)]
        reason: String,
        /// Where to write the draft, which the other states sign with `forum sign`.
        #[arg(long, short)]
        output: PathBuf,
    },
}

/// What an amended charter is to change.
#[derive(Debug, Args)]
pub(crate) struct Amend {
    /// The bundle to start from; this node's forum otherwise.
    #[arg(long, value_name = "BUNDLE")]
    pub(crate) from: Option<PathBuf>,
    /// The card of a member to admit. May be given several times.
    #[arg(long, value_name = "CARD")]
    pub(crate) admit: Vec<PathBuf>,
    /// A member to remove; its own signature is not counted. One in each charter.
    #[arg(long, value_name = "MEMBER")]
    pub(crate) remove: Option<String>,
    /// A member's new card: name, addresses, authority key, announced successor. The member must sign a change of its keys.
    #[arg(long, value_name = "CARD")]
    pub(crate) update: Vec<PathBuf>,
    /// A member's new role: `OBS=member-state`, `observer`, `secretariat`.
    #[arg(long, value_name = "MEMBER=ROLE")]
    pub(crate) role: Vec<String>,
    /// The forum's new name.
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Months from now until it expires.
    #[arg(long)]
    pub(crate) months: Option<u32>,
    /// A threshold: `admit`, `remove`, `schema`, `amend` or `suspend`, for example `admit=3/4`.
    #[arg(long, value_name = "ACT=FRACTION")]
    pub(crate) threshold: Vec<String>,
    /// Whether a release needs two operators.
    #[arg(long, value_name = "BOOL")]
    pub(crate) four_eyes: Option<bool>,
    /// How many other member states must have cosigned a log's head before it is published.
    #[arg(long, value_name = "STATES")]
    pub(crate) witness_quorum: Option<u32>,
    /// The shared schema, for example `RCP 1.1.0`.
    #[arg(long)]
    pub(crate) schema: Option<String>,
    /// Where to write the draft.
    #[arg(long, short)]
    pub(crate) output: PathBuf,
}
