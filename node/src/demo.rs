//! The demo: a whole forum on real figures, every node with its own keys, database, folder and libp2p identity.
//!
//! The nodes run in one process and talk over real connections on loopback; each does what `serve` does.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use chancery_exchange::config::{DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig, NodeConfig, QueryLimits};
use chancery_exchange::{
    AuthorityPlace, Checks, Error, ImportRequest, MetadataFilter, Node, Progress, ReleaseFilter, card, draft,
    everything, sign,
};
use chancery_ledger::{Audience, ForumBundle};
use futures::StreamExt as _;
use rust_embed::RustEmbed;
use serde::Deserialize;

use crate::cli::{Demo, Example};
use crate::commands::{forum, metadata, node};
use crate::{output, settings};

/// Between a node's HTTP port and its libp2p port.
const NETWORK_PORTS: u16 = 100;
/// Members that publish at the same time.
const AT_ONCE: usize = 2;
/// How long all nodes may take to hold everything.
const SETTLE_WITHIN: Duration = Duration::from_secs(600);

#[derive(RustEmbed)]
#[folder = "../examples"]
#[include = "*/forum.toml"]
#[include = "*/data/*"]
#[include = "*/mappings/*"]
#[include = "*/metadata/*"]
struct Examples;

/// A demo forum: `examples/*/forum.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Script {
    name: String,
    member: Vec<ScriptMember>,
    publication: Vec<Publication>,
    metadata: Vec<Said>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ScriptMember {
    id: String,
    name: String,
    role: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Publication {
    member: String,
    title: String,
    file: String,
    mapping: String,
    wave: u32,
    /// Names of warnings that the operator has looked at.
    #[serde(default)]
    accept: Vec<String>,
}

/// What members say of their figures: a file as `chancery metadata prepare` reads it, with `{member_name}` where the agency's name goes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    file: String,
    /// Who says it; without any, every member that publishes the dataflow.
    #[serde(default)]
    members: Vec<String>,
}

fn example_name(example: Example) -> &'static str {
    match example {
        Example::Puebla => "puebla",
        Example::Budapest => "budapest",
    }
}

fn example_file(example: Example, path: &str) -> Result<Vec<u8>> {
    let path = format!("{}/{path}", example_name(example));
    let file = Examples::get(&path).with_context(|| format!("the example file `{path}` is missing from this build"))?;
    Ok(file.data.into_owned())
}

/// Runs the demo until stopped.
pub(crate) async fn run(dir: &Path, args: Demo) -> Result<()> {
    let started = Instant::now();
    let script: Script = toml::from_str(std::str::from_utf8(&example_file(args.example, "forum.toml")?)?)?;
    check_same_example(dir, args.example)?;
    let dirs: Vec<PathBuf> = script.member.iter().map(|m| dir.join("nodes").join(&m.id)).collect();
    let founded = dirs.iter().all(|d| settings::file(d).exists()) && dir.join("forum.json").exists();
    if !founded {
        check_ports(args.port, script.member.len())?;
        found(dir, &dirs, &script, args.port).await?;
    }
    let mut serving = Vec::new();
    for (index, node_dir) in (0u16..).zip(&dirs) {
        let mut config = settings::load(node_dir)?;
        config.http.listen = format!("127.0.0.1:{}", args.port + index);
        serving.push(node::Serving::start(Node::open(node_dir, config).await?).await?);
    }
    let Some(first) = serving.first() else { bail!("the example has no members") };
    output::line(format!(
        "{}: {} nodes are up after {:.1} s",
        script.name,
        serving.len(),
        started.elapsed().as_secs_f32()
    ));
    output::line(format!("page: {}/   SDMX: {}/sdmx/3/structure/dataflow/RCP/*/+", first.address(), first.address()));
    for (member, node) in script.member.iter().zip(&serving) {
        output::line(format!("  {:4} {}  {}", member.id, node.address(), member.name));
    }
    let nodes: Vec<Node> = serving.iter().map(|s| s.node().clone()).collect();
    let work = async {
        publish_all(dir, &nodes, &script, args.example).await?;
        say_all(&nodes, &script, args.example).await?;
        settle(&nodes, script.publication.len()).await?;
        output::line(format!(
            "{} releases are published and held by every node after {:.1} s; Ctrl-C stops the forum",
            script.publication.len(),
            started.elapsed().as_secs_f32()
        ));
        Ok::<(), anyhow::Error>(())
    };
    tokio::select! {
        result = work => {
            result?;
            if !args.once {
                node::stop_signal().await;
            }
        }
        () = node::stop_signal() => {}
    }
    futures::future::join_all(serving.into_iter().map(node::Serving::stop)).await;
    Ok(())
}

/// A folder holds one example.
fn check_same_example(dir: &Path, example: Example) -> Result<()> {
    std::fs::create_dir_all(dir).map_err(|e| Error::file("create", dir, e))?;
    let path = dir.join("example");
    match std::fs::read_to_string(&path) {
        Ok(found) if found == example_name(example) => Ok(()),
        Ok(found) => bail!(Error::conflict(format!(
            "`{}` holds the example `{found}`: choose another folder with --dir",
            dir.display()
        ))),
        Err(_) => Ok(std::fs::write(&path, example_name(example)).map_err(|e| Error::file("write", &path, e))?),
    }
}

/// The ports go into the charter, so they must be free when the forum is founded.
fn check_ports(port: u16, members: usize) -> Result<()> {
    let members = u16::try_from(members)?;
    for base in [port, port.saturating_add(NETWORK_PORTS)] {
        for port in base..base.saturating_add(members) {
            if let Err(e) = TcpListener::bind(("127.0.0.1", port)) {
                bail!(Error::conflict(format!("port {port} is not free ({e}): choose another range with --port")));
            }
        }
    }
    Ok(())
}

/// Makes the nodes, drafts the charter, lets everybody sign and join.
async fn found(dir: &Path, dirs: &[PathBuf], script: &Script, port: u16) -> Result<()> {
    let nodes = dir.join("nodes");
    if nodes.exists() {
        // A founding that was cut off left keys nobody relies on yet.
        std::fs::remove_dir_all(&nodes).map_err(|e| Error::file("remove", &nodes, e))?;
    }
    let operators = ["preparer".to_owned(), "approver".to_owned()];
    let mut cards = Vec::new();
    for ((index, node_dir), member) in (0u16..).zip(dirs).zip(&script.member) {
        let config = NodeConfig {
            member: MemberConfig { id: member.id.clone(), name: member.name.clone(), role: member.role.clone() },
            http: HttpConfig { listen: format!("127.0.0.1:{}", port + index), workers: 1, public_url: None },
            network: NetworkConfig {
                listen: vec![format!("/ip4/127.0.0.1/tcp/{}", port + NETWORK_PORTS + index)],
                ..NetworkConfig::default()
            },
            database: DatabaseConfig::default(),
            query: QueryLimits { memory_mib: 64, ..QueryLimits::default() },
        };
        node::create(node_dir, &config, &operators, AuthorityPlace::File(None))?;
        cards.push(card(&config, &chancery_exchange::Keyring::new(node_dir.join("keys")), forum::now())?);
    }
    let mut bundle: ForumBundle = draft(&script.name, 12, true, None, cards, forum::now())?;
    let mut genesis = String::new();
    for (node_dir, member) in dirs.iter().zip(&script.member) {
        let keyring = chancery_exchange::Keyring::new(node_dir.join("keys"));
        let authority = keyring.authority(|_| Err(Error::invalid("the demo's keys have no passphrase")))?;
        (genesis, _) = sign(
            &mut bundle,
            &member.id,
            &keyring,
            authority.as_ref(),
            forum::now(),
            &mut keyring.signed_charters()?,
            everything,
        )?;
    }
    for node_dir in dirs {
        let node = Node::open(node_dir, settings::load(node_dir)?).await?;
        node.join(&bundle, &genesis).await?;
    }
    let path = dir.join("forum.json");
    std::fs::write(&path, serde_json::to_vec_pretty(&bundle)?).map_err(|e| Error::file("write", &path, e))?;
    output::line(format!("forum founded; genesis id {genesis}"));
    Ok(())
}

/// Each member publishes its own figures, wave by wave; what an earlier start has done is left alone.
async fn publish_all(dir: &Path, nodes: &[Node], script: &Script, example: Example) -> Result<()> {
    let waves: std::collections::BTreeSet<u32> = script.publication.iter().map(|p| p.wave).collect();
    for wave in waves {
        let work = nodes.iter().map(|node| {
            let own: Vec<Publication> =
                script.publication.iter().filter(|p| p.member == node.member() && p.wave == wave).cloned().collect();
            async move {
                for publication in own {
                    publish(dir, node, &publication, example)
                        .await
                        .with_context(|| format!("{}: {}", publication.member, publication.title))?;
                }
                Ok::<(), anyhow::Error>(())
            }
        });
        let mut running = futures::stream::iter(work).buffer_unordered(AT_ONCE);
        while let Some(result) = running.next().await {
            result?;
        }
    }
    Ok(())
}

/// Import, approval and sealing by two operators; goes on from wherever an earlier start was cut off.
async fn publish(dir: &Path, node: &Node, publication: &Publication, example: Example) -> Result<()> {
    let stages = node.stages().await?;
    let mut stage = stages.into_iter().find(|s| s.intent.title == publication.title).map(|s| (s.id, s.state));
    if stage.is_none() {
        let file = dir.join("files").join(&publication.file);
        if let Some(parent) = file.parent() {
            std::fs::create_dir_all(parent).map_err(|e| Error::file("create", parent, e))?;
        }
        std::fs::write(&file, example_file(example, &publication.file)?).map_err(|e| Error::file("write", &file, e))?;
        let request = ImportRequest {
            file: Some(file),
            mapping: String::from_utf8(example_file(example, &publication.mapping)?)?,
            title: publication.title.clone(),
            operator: "preparer".to_owned(),
            audience: Audience::Public,
            embargo: None,
            respondents: None,
            mirror: false,
            checks: Checks { accept: publication.accept.clone(), ..Checks::default() },
            check_only: false,
        };
        let outcome = node.import(request, Progress::default()).await?;
        stage = outcome.stage.map(|id| (id, "staged".to_owned()));
    }
    let Some((id, state)) = stage else { bail!("nothing was staged") };
    if state == "staged" {
        node.approve(Some(&id), "approver").await?;
    }
    if state != "published" {
        node.publish(Some(&id)).await?;
    }
    Ok(())
}

/// Each member says what its figures mean; what an earlier start has said is left alone.
async fn say_all(nodes: &[Node], script: &Script, example: Example) -> Result<()> {
    for said in &script.metadata {
        let text = String::from_utf8(example_file(example, &said.file)?)?;
        let dataflow = metadata::parse(&text, &said.file)?.dataflow;
        for member in &script.member {
            let Some(node) = nodes.iter().find(|n| n.member() == member.id) else { continue };
            let own = Some(member.id.clone());
            let id = node.dataset_schema(&dataflow)?.dataflow.id;
            let released = ReleaseFilter { dataflow: Some(id), member: own.clone(), current_only: true };
            let says = if said.members.is_empty() {
                !node.releases_view(released).await?.is_empty()
            } else {
                said.members.contains(&member.id)
            };
            let filter = MetadataFilter { member: own, dataflow: Some(dataflow.clone()), ..MetadataFilter::default() };
            if says && node.metadata(filter).await?.is_empty() {
                let filled = metadata::parse(&text.replace("{member_name}", &member.name), &said.file)?;
                let mut draft = node.prepare_metadata(&dataflow, &filled.reported, "preparer").await?;
                node.approve_metadata(&mut draft, "approver")?;
                node.publish_metadata(&draft).await?;
            }
        }
    }
    Ok(())
}

/// Waits until every node holds every release.
async fn settle(nodes: &[Node], releases: usize) -> Result<()> {
    let deadline = Instant::now() + SETTLE_WITHIN;
    for node in nodes {
        loop {
            let held = node.releases_count(ReleaseFilter::default()).await?;
            if held >= releases {
                break;
            }
            if Instant::now() > deadline {
                bail!(Error::unavailable(format!(
                    "{} holds {held} of {releases} releases: `chancery doctor` says why",
                    node.member()
                )));
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    }
    Ok(())
}
