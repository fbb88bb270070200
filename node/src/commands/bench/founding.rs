//! A node that is a forum of its own, for what only a member's node does.

use std::path::Path;

use anyhow::{Result, bail};
use chancery_exchange::config::{DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig, NodeConfig, QueryLimits};
use chancery_exchange::{AuthorityPlace, Error, Keyring, Node, card, draft, everything, sign};

use crate::commands::{forum, node};
use crate::settings;

/// Makes the node in a folder that has none.
pub(super) async fn found(dir: &Path) -> Result<Node> {
    if settings::file(dir).exists() {
        bail!(Error::conflict(format!("`{}` holds a node that was not finished: remove it", dir.display())));
    }
    let config = NodeConfig {
        member: MemberConfig { id: "BENCH".to_owned(), name: "Benchmark".to_owned(), role: "member-state".to_owned() },
        http: HttpConfig::default(),
        network: NetworkConfig { listen: vec!["/ip4/127.0.0.1/tcp/0".to_owned()], ..NetworkConfig::default() },
        database: DatabaseConfig::default(),
        query: QueryLimits::default(),
    };
    node::create(dir, &config, &["preparer".to_owned(), "approver".to_owned()], AuthorityPlace::File(None))?;
    let keyring = Keyring::new(dir.join("keys"));
    let mut bundle = draft("Benchmark", 12, true, None, vec![card(&config, &keyring, forum::now())?], forum::now())?;
    let authority = keyring.authority(|_| Err(Error::invalid("these keys have no passphrase")))?;
    let (genesis, _) = sign(
        &mut bundle,
        &config.member.id,
        &keyring,
        authority.as_ref(),
        forum::now(),
        &mut keyring.signed_charters()?,
        everything,
    )?;
    let node = Node::open(dir, settings::load(dir)?).await?;
    node.join(&bundle, &genesis).await?;
    Ok(node)
}
