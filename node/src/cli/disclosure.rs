//! Arguments of `disclosure`, and of `preview` about it.

use std::path::PathBuf;

use clap::{Args, Subcommand};

const FILE: &str = "\
FILE is a table as CSV or Parquet, one cell a row. These columns mean something, in capital or small letters; all others are dimensions:
  value        the true figure; empty where the cell is withheld and its figure is not at hand
  status       empty, V, S, F, E, Z or published; A, B, U, P or primary; D, M, X or secondary; C or withheld: withheld, and nobody says why
  upper, lower, sliding   protection of a primary cell; without them that of --threshold
  contributors how many respondents; contributor, who the single one is
A table with a column `cost` is tau-Argus's, as `dataframe()` gives it: `freq` are its respondents, status P is published. Its figures are in the column
that --value names.
SDMX data (CSV or Parquet, a release of this program among them) has OBS_VALUE and CONF_STATUS instead; what is left of OBS_VALUE are its dimensions.
The code --total of a dimension is the sum of all others; --hierarchy tells sums between them. A sum that does not hold is an error.
Without true values, and where nobody says why, the intervals must be as wide as the threshold.

Exit code 0: safe; 7: not safe, the cells are named.";

#[derive(Debug, Subcommand)]
pub(crate) enum Disclosure {
    /// Work out what can be found of each withheld cell from all that is published.
    #[command(after_help = FILE)]
    Audit(AuditFile),
}

#[derive(Debug, Args)]
pub(crate) struct AuditFile {
    /// The table.
    pub(crate) file: PathBuf,
    /// Counts below this are small: 0 and this number must be possible values of each primary cell.
    #[arg(long, default_value_t = 3)]
    pub(crate) threshold: u32,
    /// The column of the figures, if it is not `value`.
    #[arg(long, value_name = "COLUMN")]
    pub(crate) value: Option<String>,
    /// The code that stands for the sum of all others of a dimension.
    #[arg(long, default_value = "_T")]
    pub(crate) total: String,
    /// A CSV file `child,parent` of a dimension's codes. May be given several times.
    #[arg(long, value_name = "COLUMN=FILE")]
    pub(crate) hierarchy: Vec<String>,
    /// What a person alone in a cell may find: `exact`, `levels` or `ignored`.
    #[arg(long, default_value = "exact")]
    pub(crate) insiders: String,
    /// Leave out sums that do not hold; an attacker is then thought not to know them.
    #[arg(long)]
    pub(crate) skip_broken_sums: bool,
}

#[derive(Debug, Args)]
pub(crate) struct PreviewOther {
    /// Say what would change under this disclosure profile (TOML).
    #[arg(long, value_name = "FILE.toml", conflicts_with = "file")]
    pub(crate) profile: Option<PathBuf>,
    /// Say what would change if readers had what other members have published of the same movements.
    #[arg(long, conflicts_with = "file")]
    pub(crate) mirror: bool,
    /// Write the disclosure report as an HTML page.
    #[arg(long, value_name = "FILE.html", conflicts_with = "file")]
    pub(crate) html: Option<PathBuf>,
    /// Show the private figures as well, withheld ones among them.
    #[arg(long, conflicts_with = "file")]
    pub(crate) own: bool,
}
