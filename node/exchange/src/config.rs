//! A node's configuration, as written in `chancery.toml`: one small struct per concern.

use serde::{Deserialize, Serialize};

/// The whole configuration file. Unknown keys are refused, so that a typing error is never silently ignored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Who this node is.
    pub member: MemberConfig,
    /// Where the page and the SDMX service listen.
    #[serde(default)]
    pub http: HttpConfig,
    /// Where peers connect.
    #[serde(default)]
    pub network: NetworkConfig,
    /// The database.
    #[serde(default)]
    pub database: DatabaseConfig,
    /// How much the node may use for queries and imports.
    #[serde(default)]
    pub query: QueryLimits,
}

/// Who this node is.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MemberConfig {
    /// Member id: ISO 3166-1 alpha-3 for a state, a short upper-case id otherwise.
    pub id: String,
    /// The agency's name.
    pub name: String,
    /// `member-state`, `observer` or `secretariat`.
    pub role: String,
}

/// The HTTP side.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HttpConfig {
    /// Address and port.
    pub listen: String,
    /// Worker threads.
    pub workers: usize,
    /// The address users see, behind a proxy: `https://stats.example.org`. Used in links; the `Host` header otherwise.
    pub public_url: Option<String>,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self { listen: "127.0.0.1:8600".to_owned(), workers: 2, public_url: None }
    }
}

/// The libp2p side.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkConfig {
    /// Multiaddresses to listen on.
    pub listen: Vec<String>,
    /// Multiaddresses written into this member's card; the listening ones if empty.
    pub announce: Vec<String>,
    /// Seconds between two rounds of asking every connected peer for its heads: gossip is only a hint.
    pub anti_entropy_s: u64,
}

impl Default for NetworkConfig {
    fn default() -> Self {
        Self { listen: vec!["/ip4/127.0.0.1/tcp/8700".to_owned()], announce: Vec::new(), anti_entropy_s: 15 }
    }
}

/// The database: SQLite in the data folder unless a PostgreSQL address is given.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DatabaseConfig {
    /// `postgres://user:password@host/database`; empty for SQLite.
    pub url: Option<String>,
}

/// What queries and imports may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct QueryLimits {
    /// Memory for sorting and joining, in MiB; beyond it the engine spills to the data folder.
    pub memory_mib: usize,
    /// Threads one query may use.
    pub threads: usize,
    /// Seconds one query may take.
    pub time_limit_s: u64,
}

impl Default for QueryLimits {
    fn default() -> Self {
        Self { memory_mib: 256, threads: 2, time_limit_s: 60 }
    }
}
