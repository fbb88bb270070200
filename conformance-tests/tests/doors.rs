//! Every door of running nodes gives the answer that the owner's policies give: HTTP (JSON for the page, files, proofs, SDMX, catalogue),
//! replication, and the command line of each member. One table says who may do what; each door is then walked.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;
use std::path::Path;

use chancery_conformance::{Serving, TestForum, TestNode, free_port, get, mapping, release_of, wait_for};
use serde_json::Value;

/// The members with their roles. What the first four publish, in `RELEASES`.
const MEMBERS: [(&str, &str); 6] = [
    ("GTM", "member-state"),
    ("HND", "member-state"),
    ("MEX", "member-state"),
    ("SLV", "member-state"),
    ("OBS", "observer"),
    ("SEC", "secretariat"),
];
/// Owner, audience, embargo.
const RELEASES: [(&str, &str, Option<&str>); 4] = [
    ("GTM", "public", None),
    ("HND", "forum", None),
    ("MEX", "GTM,OBS", None),
    ("SLV", "public", Some("2099-01-01T00:00:00Z")),
];
/// GTM asks whoever is of no member what figures are for: a member may be stricter than the forum, at its own node.
const OWN_POLICY: &str = r#"@id("say-what-for")
@description("Whoever is of no member says that our releases are read for research.")
forbid (principal is Chancery::Anonymous, action == Chancery::Action::"read", resource)
unless { context has purpose && context.purpose == Chancery::Purpose::"research" };
"#;
const ACTIONS: [&str; 4] = ["discover", "read", "query", "replicate"];
const TABLE: &str = include_str!("doors.table.txt");

fn node(root: &Path, member: &str, role: &str) -> TestNode {
    let (http, network) = (free_port().unwrap(), free_port().unwrap());
    let node = TestNode { member: member.to_owned(), dir: root.join(member), http };
    let (http, listen) = (format!("127.0.0.1:{http}"), format!("/ip4/127.0.0.1/tcp/{network}"));
    let args = [
        "init",
        "--member",
        member,
        "--name",
        "Agency",
        "--role",
        role,
        "--no-passphrase",
        "--http",
        &http,
        "--listen",
        &listen,
    ];
    node.run(&args).unwrap().ok().unwrap();
    node
}

fn publish(node: &TestNode, audience: &str, embargo: Option<&str>) -> String {
    let file = node.write("returns.csv", "month,from,persons\n2024-01,USA,1234\n2024-02,CAN,2345\n").unwrap();
    let mapping = node.write("returns.toml", &mapping(&node.member)).unwrap();
    let title = format!("Returns of {}", node.member);
    let mut args = vec!["import", &file, "--mapping", &mapping, "--title", &title, "--audience", audience];
    args.extend(embargo.iter().flat_map(|time| ["--embargo", *time]));
    node.run(&args).unwrap().ok().unwrap();
    node.run(&["approve"]).unwrap().ok().unwrap();
    release_of(&node.json(&["publish"]).unwrap()).unwrap()
}

struct World {
    forum: TestForum,
    serving: Vec<Serving>,
    /// By the order of `RELEASES`: id and the hash of its file.
    releases: Vec<(String, String)>,
    /// Likewise: what the owner's node says of everybody and every action.
    decisions: Vec<Vec<Value>>,
    _root: tempfile::TempDir,
}

/// Whether a node has a release's record.
fn held(node: &TestNode, release: usize) -> bool {
    let listed = node.run(&["log", RELEASES[release].0, "--json"]).unwrap();
    let entries = if listed.code == 0 { listed.json().unwrap()["entries"].clone() } else { Value::Null };
    entries.as_array().is_some_and(|all| all.iter().any(|e| e["kind"] == "release" && e["held"] == true))
}

/// What a node says of everybody and every action.
fn explain(node: &TestNode, release: &str) -> Vec<Value> {
    node.json(&["policy", "explain", release, "--everybody"]).unwrap().as_array().unwrap().clone()
}

fn may(decisions: &[Value], asker: &str, action: &str) -> bool {
    let cell = decisions.iter().find(|d| d["asker"] == asker && d["action"] == action);
    cell.unwrap()["allowed"].as_bool().unwrap()
}

impl World {
    fn make() -> Self {
        let root = tempfile::tempdir().unwrap();
        let nodes = MEMBERS.iter().map(|(member, role)| node(root.path(), member, role)).collect();
        let forum = TestForum::of(nodes).unwrap();
        let folder = forum.nodes[0].dir.join("access");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("own.cedar"), OWN_POLICY).unwrap();
        let owner = |member: &str| forum.nodes.iter().find(|n| n.member == member).unwrap();
        let mut releases = Vec::new();
        for (member, audience, embargo) in RELEASES {
            let id = publish(owner(member), audience, embargo);
            let verified = owner(member).json(&["verify", &id]).unwrap();
            releases.push((id, verified["artefacts"][0].as_str().unwrap().to_owned()));
        }
        let decisions =
            releases.iter().zip(&RELEASES).map(|((id, _), (member, ..))| explain(owner(member), id)).collect();
        let mut world = Self { forum, serving: Vec::new(), releases, decisions, _root: root };
        world.serve();
        world
    }

    /// Starts every node. First those that a release names, beside its owner: they must have it from one that may give it.
    fn serve(&mut self) {
        let (named, others): (Vec<_>, Vec<_>) =
            self.forum.nodes.iter().partition(|n| ["GTM", "MEX", "OBS"].contains(&n.member.as_str()));
        let mut serving: Vec<(String, Serving)> =
            named.iter().map(|n| (n.member.clone(), n.serve().unwrap())).collect();
        for node in &named {
            wait_for("the release of MEX", || Ok(held(node, 2).then_some(()))).unwrap();
        }
        serving.extend(others.iter().map(|n| (n.member.clone(), n.serve().unwrap())));
        let place = |member: &str| MEMBERS.iter().position(|(id, _)| *id == member);
        serving.sort_by_key(|(member, _)| place(member));
        self.serving = serving.into_iter().map(|(_, serving)| serving).collect();
    }

    /// Whether `node` may hold a copy, or is the owner.
    fn holds(&self, node: &TestNode, release: usize) -> bool {
        node.member == RELEASES[release].0 || may(&self.decisions[release], &node.member, "replicate")
    }
}

/// Who may do what with which release, and by which policy: what the owner's node says.
fn table(world: &World) -> String {
    let mut text = String::new();
    for (index, (owner, audience, embargo)) in RELEASES.iter().enumerate() {
        let embargo = embargo.map(|time| format!(", embargo {time}")).unwrap_or_default();
        writeln!(text, "{owner}: {audience}{embargo}").unwrap();
        for cells in world.decisions[index].chunks(ACTIONS.len()) {
            let said = cells.iter().map(|d| {
                let by: Vec<&str> = d["decided_by"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
                let sign = if d["allowed"] == true { '+' } else { '-' };
                format!("{} {sign}{}", d["action"].as_str().unwrap(), by.join("+"))
            });
            writeln!(text, "  {}: {}", cells[0]["asker"].as_str().unwrap(), said.collect::<Vec<_>>().join("; "))
                .unwrap();
        }
    }
    text
}

/// The status at an address, whose body need not be text, asked for a purpose.
fn status(url: &str, purpose: Option<&str>) -> u16 {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = purpose.iter().fold(agent.get(url), |request, said| request.header("Chancery-Purpose", *said));
    request.call().unwrap().status().as_u16()
}

/// Each door of HTTP for one release at one node, with what it gives and the action it stands for.
fn http_doors(url: &str, id: &str, sha256: &str, member: &str) -> Vec<(&'static str, &'static str, bool)> {
    let has = |path: &str, part: &str| {
        let (status, body) = get(&format!("{url}{path}")).unwrap();
        status == 200 && body.contains(part)
    };
    let is_there = |path: &str| status(&format!("{url}{path}"), None) == 200;
    let of_series = format!("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.{member}.*.*.*.*.*?format=csv");
    let older = format!("/sdmx/2.1/data/RETURNS/M.{member}.....");
    vec![
        ("/api/v1/releases", "discover", has("/api/v1/releases", id)),
        ("/api/v1/releases/ID", "discover", is_there(&format!("/api/v1/releases/{id}"))),
        ("/catalogue", "discover", has("/catalogue", sha256)),
        ("/sitemap.xml", "discover", has("/sitemap.xml", &format!("/catalogue/RETURNS/{member}<"))),
        ("/api/v1/releases/ID/proof", "read", is_there(&format!("/api/v1/releases/{id}/proof"))),
        ("/releases/ID.tlog-proof", "read", is_there(&format!("/releases/{id}.tlog-proof"))),
        ("/artefacts/HASH.parquet", "read", is_there(&format!("/artefacts/{sha256}.parquet"))),
        ("/sdmx/3/data", "read", has(&of_series, "1234")),
        ("/sdmx/2.1/data", "read", has(&older, "1234")),
        ("/api/v1/figures", "read", has(&format!("/api/v1/figures?dataflow=RETURNS&REF_AREA={member}"), "1234")),
        ("/api/v1/dataflows/ID", "query", has("/api/v1/dataflows/RETURNS", &format!("\"{member}\""))),
    ]
}

#[test]
fn every_door_gives_the_owners_answer() {
    let world = World::make();
    let found = table(&world);
    assert!(found == TABLE, "the table is another now; if that is meant, it becomes tests/doors.table.txt:\n{found}");

    // Replication: each node comes to hold what it may hold, and nothing else.
    for (node, release) in world.forum.nodes.iter().flat_map(|n| (0..RELEASES.len()).map(move |r| (n, r))) {
        let (may, what) = (world.holds(node, release), format!("{} at {}", RELEASES[release].0, node.member));
        if may {
            wait_for(&what, || Ok(held(node, release).then_some(()))).unwrap();
        }
    }
    for (node, release) in world.forum.nodes.iter().flat_map(|n| (0..RELEASES.len()).map(move |r| (n, r))) {
        // By now the others have what they may have.
        assert_eq!(held(node, release), world.holds(node, release), "{} at {}", RELEASES[release].0, node.member);
    }

    let mut wrong = Vec::new();
    for (node, serving) in world.forum.nodes.iter().zip(&world.serving) {
        for (release, (id, sha256)) in world.releases.iter().enumerate() {
            let (member, here) = (RELEASES[release].0, world.holds(node, release));
            // Each node decides by the forum's policies and its own.
            let decisions = if here { explain(node, id) } else { Vec::new() };
            let mut compare = |door: &str, asker: &str, action: &str, open: bool| {
                let expected = here && may(&decisions, asker, action);
                if open != expected {
                    wrong.push(format!(
                        "{door} at {} for {asker}, release of {member}: {open}, expected {expected}",
                        node.member
                    ));
                }
            };
            for (door, action, open) in http_doors(&serving.url, id, sha256, member) {
                compare(door, "anonymous", action, open);
            }
            // The node's own people, at its command line.
            let operator = format!("{}/operator", node.member);
            let key = format!("M.{member}.*.*.*.*.*");
            let queried = node.run(&["query", "RETURNS", "--key", &key, "--format", "csv"]).unwrap();
            let found = queried.code == 0 && queried.out.contains("1234");
            if RELEASES[release].2.is_some() {
                // A query is of what is in force, which a release under embargo is not yet, for its owner either.
                assert!(!found, "an embargoed release is in force at {}", node.member);
                // Only the owner is told what it waits for.
                assert_eq!(queried.err.contains("under embargo until 2099"), node.member == member, "{queried:?}");
            } else {
                compare("query", &operator, "read", found);
            }
            let proof = node.run(&["proof", id, "--output", "-"]).unwrap();
            compare("proof", &operator, "read", proof.code == 0);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");

    // With the purpose that GTM asks for, its figures are there; what was decided is kept, by whom and by which policy.
    let (gtm, url) = (&world.forum.nodes[0], &world.serving[0].url);
    let address = format!("{url}/artefacts/{}.parquet", world.releases[0].1);
    assert_eq!((status(&address, Some("research")), status(&address, None)), (200, 404));
    let noted = |node: &TestNode, asker: &str, action: &str, policy: &str, allowed: bool| {
        let log = node.json(&["policy", "log", "--limit", "1000"])?;
        let found = log.as_array().into_iter().flatten().any(|r| {
            let by = r["policies"].as_str().is_some_and(|p| p.contains(policy));
            by && r["asker"] == asker && r["action"] == action && r["allowed"] == allowed
        });
        Ok(found.then_some(()))
    };
    // A node that serves writes what it has counted from time to time.
    wait_for("who discovered", || noted(gtm, "anonymous", "discover", "public", true)).unwrap();
    wait_for("who was refused", || noted(gtm, "anonymous", "read", "GTM/say-what-for", false)).unwrap();
    // A copy comes from the owner or from any other that may give it; whoever gave it has noted it.
    let given = || {
        let all: anyhow::Result<Vec<_>> =
            world.forum.nodes.iter().map(|n| noted(n, "OBS", "replicate", "forum", true)).collect();
        Ok(all?.into_iter().flatten().next())
    };
    wait_for("who took a copy", given).unwrap();
}
