//! The command line: every command, its arguments and the help that teaches them.

mod bench;
mod disclosure;
mod forum;
mod keys;
mod metadata;
mod policy;
pub(crate) mod proof;
pub(crate) mod timestamp;

use std::path::PathBuf;

pub(crate) use forum::{Amend, Forum};
pub(crate) use keys::{Chosen, Endorse, Keys, Signing};
pub(crate) use metadata::Metadata;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use self::bench::{Bench, BenchHttp, BenchLog, BenchQuery};
pub(crate) use disclosure::{AuditFile, Disclosure, PreviewOther};
pub(crate) use policy::{Explain, Policy};

const ABOUT: &str = "Exchange migration statistics between states: signed, policy-filtered, provable";

const LONG_ABOUT: &str = "\
Chancery is the node a national migration agency runs to exchange migration statistics with the other
members of a regional consultation process, and that a secretariat and the public read from.

The way of a figure:
  import -> preview -> approve -> publish        on your own node, by two different operators
  serve                                          announces it; peers pull, verify and store it
  query, verify, the page, /sdmx/3               anyone reads it and checks it

Start with `chancery demo` to see a whole forum, or `chancery init` to make a node of your own.";

const EXIT_CODES: &str = "\
Exit codes: 0 done; 1 unexpected failure; 2 wrong usage; 3 invalid input; 4 not allowed; 5 not found;
6 busy or conflicting (port, lock, other process); 7 verification failed; 8 storage failed;
9 structures differ and need mapping; 10 structures differ and break keys or meanings;
11 the proof holds, and the release was withdrawn since.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(name = "chancery", version, about = ABOUT, long_about = LONG_ABOUT, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Options every command understands.
#[derive(Debug, Args)]
pub(crate) struct Global {
    /// The node's folder: configuration, keys, database, artefacts.
    ///
    /// Default: `.chancery`, and `.demo` for the demo.
    #[arg(long, short = 'd', global = true, env = "CHANCERY_DIR", value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// The node for another forum beneath the same service: its folder is `forums/NAME` in the node's folder.
    #[arg(long, short = 'F', global = true, env = "CHANCERY_FORUM", value_name = "NAME")]
    pub(crate) forum: Option<String>,
    /// Print the result as JSON, for scripts.
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Log filter, for example `info` or `chancery_network=debug`.
    #[arg(long, global = true, env = "CHANCERY_LOG", value_name = "FILTER")]
    pub(crate) log: Option<String>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a node: folder, configuration file and keys.
    Init(Init),
    /// Found, sign, join, amend and show a forum.
    Forum {
        #[command(subcommand)]
        command: Forum,
    },
    /// Show, delegate, renew, revoke and rotate this member's keys.
    Keys {
        #[command(subcommand)]
        command: Keys,
    },
    /// Check a file of figures against the schema and stage it, privately.
    Import(Import),
    /// Try a mapping file.
    Map {
        #[command(subcommand)]
        command: Map,
    },
    /// Show what a stage, or a file, would publish after disclosure control, and what that changes of the release in force.
    Preview(Preview),
    /// Audit tables that were protected, by this program or by another.
    Disclosure {
        #[command(subcommand)]
        command: Disclosure,
    },
    /// Approve a stage as a second operator.
    Approve(Approve),
    /// Seal an approved stage: sign, append to the log, make it public.
    Publish(StageArg),
    /// Withdraw one of this member's releases: a tombstone in the log, its figures no longer served.
    Withdraw(Withdraw),
    /// Say what this member's figures mean: definition, coverage, methodology, quality, contact; signed by two operators.
    Metadata {
        #[command(subcommand)]
        command: Metadata,
    },
    /// Run the node: page, SDMX service, exchange with peers.
    ///
    /// Serves the nodes for other forums beneath it too (`forums/NAME` in its folder), each at its own addresses; only one with `--forum`.
    Serve(Serve),
    /// Read published figures.
    Query(Query),
    /// Check a proof bundle or an artefact, offline.
    ///
    /// Says when and why the release was withdrawn, where the proof holds the withdrawal or this node knows of it. Exit code 0: it holds;
    /// 7: it does not; 11: it holds, and the release was withdrawn since.
    Verify(Verify),
    /// Write the file that proves a release offline: a C2SP tlog-proof, which `verify` and other tools read.
    Proof(proof::Proof),
    /// Have a release's record stamped by an RFC 3161 time-stamping authority.
    Timestamp {
        #[command(subcommand)]
        command: timestamp::Timestamp,
    },
    /// Show and check a member's log.
    Log(Log),
    /// Check and test access policies, and say why somebody may or may not see a release.
    Policy {
        #[command(subcommand)]
        command: Policy,
    },
    /// Show, check, compare and map structures: dataflows, code lists, maps.
    Schema {
        #[command(subcommand)]
        command: Schema,
    },
    /// Check everything this node depends on, and say what to do about it.
    Doctor,
    /// Run a whole forum on real figures, on this machine.
    Demo(Demo),
    /// Measure this build on this machine.
    Bench {
        #[command(subcommand)]
        command: Bench,
    },
    /// Print the shell completion script.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// The member's id: ISO 3166-1 alpha-3 for a state, for example `GTM`.
    #[arg(long)]
    pub(crate) member: String,
    /// The agency's name, as others will see it.
    #[arg(long)]
    pub(crate) name: String,
    /// The member's role in the forum.
    #[arg(long, value_enum, default_value_t = RoleArg::MemberState)]
    pub(crate) role: RoleArg,
    /// An operator who may import or approve; give it at least twice.
    #[arg(long = "operator", value_name = "NAME", default_values = ["preparer", "approver"])]
    pub(crate) operators: Vec<String>,
    /// Address to serve the page and the SDMX service on.
    #[arg(long, default_value = "127.0.0.1:8600", value_name = "IP:PORT")]
    pub(crate) http: String,
    /// libp2p address to listen on; peers are told the same ones. May be given several times.
    #[arg(long, value_name = "MULTIADDR", default_values = ["/ip4/127.0.0.1/tcp/8700"])]
    pub(crate) listen: Vec<String>,
    /// Keep the authority key unencrypted: only for trials.
    #[arg(long)]
    pub(crate) no_passphrase: bool,
    /// Make the authority key on a PKCS#11 token, or use the one there of that name:
    /// `pkcs11:token=NAME;object=KEY?module-path=/path/to/module.so`. The PIN is asked for, or taken from CHANCERY_PIN.
    #[arg(long, value_name = "ADDRESS", conflicts_with = "no_passphrase")]
    pub(crate) token: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum RoleArg {
    MemberState,
    Observer,
    Secretariat,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// The file: CSV, TSV, XLSX, ODS, Parquet, SDMX-CSV, SDMX-ML, SDMX-JSON. None where the mapping has a query of a database.
    pub(crate) file: Option<PathBuf>,
    /// The mapping file (TOML) that says which column is which component.
    #[arg(long, short, required_unless_present = "propose")]
    pub(crate) mapping: Option<PathBuf>,
    /// Import nothing: write a mapping of the file to this dataflow, with its doubts as comments. Needs no node.
    #[arg(long, value_name = "DATAFLOW", requires = "file", conflicts_with = "mapping")]
    pub(crate) propose: Option<String>,
    /// The release's title.
    #[arg(long, required_unless_present = "propose")]
    pub(crate) title: Option<String>,
    /// The operator who imports.
    #[arg(long, default_value = "preparer")]
    pub(crate) operator: String,
    /// Who may read it: `public`, `forum`, or member ids separated by commas.
    #[arg(long, default_value = "public")]
    pub(crate) audience: String,
    /// Not before this time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) embargo: Option<String>,
    /// A private CSV file of who is behind the figures, for rules that need it; it is never published.
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) respondents: Option<PathBuf>,
    /// Take what other members have published of the same movements to be known to readers, whatever the profile says.
    #[arg(long)]
    pub(crate) mirror: bool,
    /// Only check: stage nothing.
    #[arg(long)]
    pub(crate) check: bool,
    /// How it is checked.
    #[command(flatten)]
    pub(crate) checking: Checking,
}

/// How a file is checked, and where what is wrong is written.
#[derive(Debug, Args)]
pub(crate) struct Checking {
    /// A file of rules (TOML) beside the built-in ones and the node's own. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) rules: Vec<PathBuf>,
    /// A warning, by its name, that you have looked at and accept. May be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) accept: Vec<String>,
    /// Write the problems to this CSV file: the first 100,000.
    #[arg(long, value_name = "FILE.csv")]
    pub(crate) problems: Option<PathBuf>,
    /// Write a copy of the sheet with the cells marked to this XLSX file.
    #[arg(long, value_name = "FILE.xlsx")]
    pub(crate) marked: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Preview {
    /// The stage's id, as `import` printed it; without it, the only open one.
    #[arg(conflicts_with_all = ["file", "mapping"])]
    pub(crate) stage: Option<String>,
    /// A file that is not staged yet.
    #[command(flatten)]
    pub(crate) source: PreviewFile,
    /// What else to show.
    #[command(flatten)]
    pub(crate) other: PreviewOther,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewFile {
    /// A file to check and compare, without staging it. None where the mapping has a query of a database.
    #[arg(long, value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The file's mapping.
    #[arg(long, short, value_name = "FILE")]
    pub(crate) mapping: Option<PathBuf>,
    /// How it is checked.
    #[command(flatten)]
    pub(crate) checking: Checking,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Map {
    /// Show what a mapping makes of a file's first rows, without a node.
    Test {
        /// The mapping file.
        mapping: PathBuf,
        /// The file. None where the mapping has a query of a database.
        file: Option<PathBuf>,
        /// How many rows of the file.
        #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        rows: u64,
    },
}

#[derive(Debug, Args)]
pub(crate) struct StageArg {
    /// The stage's id, as `import` printed it; without it, the only open one.
    pub(crate) stage: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Approve {
    /// The stage's id; without it, the only one waiting.
    pub(crate) stage: Option<String>,
    /// The operator who approves: not the one who imported.
    #[arg(long, default_value = "approver")]
    pub(crate) operator: String,
}

#[derive(Debug, Args)]
pub(crate) struct Withdraw {
    /// The release's id.
    pub(crate) release: String,
    /// Why, for readers.
    #[arg(long)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// Address of the page and the SDMX service; the configuration's otherwise.
    #[arg(long, value_name = "IP:PORT")]
    pub(crate) http: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    /// The dataflow, for example `RETURNS`; without it, the dataflows are listed.
    pub(crate) dataflow: Option<String>,
    /// Series key: codes in the dimensions' order, `*` for any, `,` between alternatives, `.` between dimensions.
    #[arg(long, short, default_value = "*")]
    pub(crate) key: String,
    /// A filter on one component, for example `ORIGIN=MEX` or `TIME_PERIOD=ge:2020`.
    #[arg(long = "where", short = 'w', value_name = "COMPONENT=VALUE")]
    pub(crate) filters: Vec<String>,
    /// First period.
    #[arg(long)]
    pub(crate) start: Option<String>,
    /// Last period.
    #[arg(long)]
    pub(crate) end: Option<String>,
    /// What this node knew at that time (RFC 3339).
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    /// At most so many observations.
    #[arg(long)]
    pub(crate) limit: Option<u64>,
    /// The sums of the figures by these components, for example `REF_AREA,TIME_PERIOD`, rather than the figures.
    #[arg(long, value_delimiter = ',', value_name = "COMPONENTS", conflicts_with_all = ["limit", "format", "output"])]
    pub(crate) sum_by: Vec<String>,
    /// How to print it.
    #[arg(long, short, value_enum, default_value_t = QueryFormat::Table)]
    pub(crate) format: QueryFormat,
    /// Where to write it; Parquet needs a file.
    #[arg(long, short)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum QueryFormat {
    Table,
    Csv,
    Json,
    Xml,
    Parquet,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A proof (`.tlog-proof` or `.json`) or an artefact (`.parquet`), or a release id this node holds.
    pub(crate) what: String,
    /// The proof bundle that goes with an artefact.
    #[arg(long)]
    pub(crate) proof: Option<PathBuf>,
    /// An artefact to check against the proof bundle's hash.
    #[arg(long)]
    pub(crate) artefact: Option<PathBuf>,
    /// The forum's genesis id, told to you out of band; without it, this node's forum.
    #[arg(long)]
    pub(crate) genesis: Option<String>,
    /// A newer revocation list (DER or PEM) of the issuer's national PKI. May be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) crl: Vec<PathBuf>,
    /// Certificates (PEM) of the CA whose time-stamps you believe: the proof's time-stamp is then checked.
    #[arg(long, value_name = "FILE.pem")]
    pub(crate) timestamp_ca: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Log {
    /// The member whose log to show; this node's own otherwise.
    pub(crate) member: Option<String>,
    /// Recompute every hash and compare with the signed head.
    #[arg(long)]
    pub(crate) check: bool,
    /// Show instead the signed heads by which the log contradicts itself, as JSON that proves it to anybody. Exit code 7 if there are any.
    #[arg(long, conflicts_with = "check")]
    pub(crate) evidence: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Schema {
    /// Show what there is: the dataflows by field, or one dataflow, code list, map or mirror rule.
    Show(SchemaShow),
    /// Check structures: references, labels in six languages, unused codes, ids, what counts must say. Exit code 3 if anything is wrong.
    Lint {
        /// Structure messages or folders of them; without any, the shared schema.
        files: Vec<PathBuf>,
    },
    /// Say what changes from A to B, and for whom. Exit code 0: compatible; 9: needs mapping; 10: breaking.
    Diff {
        /// A structure message, a folder of them, `shared`, or a dataflow with version such as `RETURNS(1.0.0)`.
        a: String,
        /// Likewise.
        b: String,
    },
    /// Turn codes or rows of another agency into ours, by a structure map or a representation map.
    Map(SchemaMap),
}

#[derive(Debug, Args)]
pub(crate) struct SchemaShow {
    /// An id, such as `RETURNS`, `CL_SEX`, `SM_OECD_MIG_INFLOWS`, or `mirrors`; without it, the dataflows.
    pub(crate) what: Option<String>,
    /// Language of the labels.
    #[arg(long, short, default_value = "en")]
    pub(crate) language: String,
    /// More structure messages or folders of them, of any agency: SDMX-JSON 2.0, SDMX-ML 2.1 or 3.0.
    #[arg(long, value_name = "PATH")]
    pub(crate) structures: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct SchemaMap {
    /// The map's id; without it, the maps there are.
    pub(crate) map: Option<String>,
    /// Codes to turn (representation map), or one CSV file whose headings are component ids (structure map).
    pub(crate) input: Vec<String>,
    /// More structure messages or folders of them, with maps or the other agency's structures.
    #[arg(long, value_name = "PATH")]
    pub(crate) structures: Vec<PathBuf>,
    /// Leave out rows that the map has no entry for, instead of stopping.
    #[arg(long)]
    pub(crate) skip: bool,
    /// Where to write the rows, as SDMX-CSV 2.0; `-` for the terminal.
    #[arg(long, short, default_value = "-")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// The secretariat's page; the members follow on the next ports.
    #[arg(long, default_value_t = 8600)]
    pub(crate) port: u16,
    /// Which forum.
    #[arg(long, value_enum, default_value_t = Example::Puebla)]
    pub(crate) example: Example,
    /// Stop once everything is published and every node holds everything.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Example {
    Puebla,
    Budapest,
}
