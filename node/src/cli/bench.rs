//! The arguments of `bench`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Debug, Subcommand)]
pub(crate) enum Bench {
    /// Time queries of a made-up release: a series, a column, sums, everything.
    Query(BenchQuery),
    /// Load the HTTP service of a node that has published the made-up release.
    Http(BenchHttp),
    /// Append to a log, beside plain writes that are synced, on the same disk.
    Log(BenchLog),
    /// Decide by up to a thousand access policies, beside Cedar asked without preparation.
    Decisions,
}

#[derive(Debug, Args)]
pub(crate) struct BenchQuery {
    /// The release's Parquet file; made if it is not there.
    #[arg(long, default_value = "bench.parquet")]
    pub(crate) file: PathBuf,
    /// Areas that report flows from as many areas: 270 observations for each pair; 200 make 10.8 million.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) areas: u16,
    /// Instead, one release of each of these numbers of observations, for example `1e5,1e6,1e7,1e8`, each in a process of its own; the
    /// file's folder holds them.
    #[arg(long, value_delimiter = ',', value_name = "OBSERVATIONS")]
    pub(crate) sizes: Vec<f64>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchHttp {
    /// The release's Parquet file; made if it is not there.
    #[arg(long, default_value = "bench.parquet")]
    pub(crate) file: PathBuf,
    /// Areas that report flows from as many areas: 270 observations for each pair; 200 make 10.8 million.
    #[arg(long, default_value_t = 200, value_parser = clap::value_parser!(u16).range(2..))]
    pub(crate) areas: u16,
    /// The folder of the node that publishes the file and serves it; made if it is not there, and left for the next time.
    #[arg(long, default_value = "bench-node", value_name = "DIR")]
    pub(crate) node: PathBuf,
    /// Connections kept open, each asking for one series after the other.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub(crate) connections: u16,
    /// Seconds of load.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) seconds: u16,
    /// Series asked for a second in the second part, which tells how long answers take under a steady load.
    #[arg(long, default_value_t = 3000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub(crate) rate: u32,
    /// Instead, load the server of these addresses, one a line: for a peer in the same run.
    #[arg(long, value_name = "FILE")]
    pub(crate) urls: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct BenchLog {
    /// A folder that is not there, on the disk to be measured: for a node, which is removed again.
    #[arg(long, default_value = "bench-log", value_name = "DIR")]
    pub(crate) node: PathBuf,
    /// Seconds for each size of batch.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..=600))]
    pub(crate) seconds: u16,
}
