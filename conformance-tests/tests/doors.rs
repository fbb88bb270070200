//! Every door of running nodes gives the answer that the owner's policies give: HTTP (JSON for the page, files, proofs, SDMX, catalogue),
//! replication, and the command line of each member. One table says who may do what; each door is then walked.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::fmt::Write as _;
use std::path::Path;

use chancery_conformance::{Serving, TestForum, TestNode, free_port, mapping, release_of, wait_for};
use serde_json::Value;

/// The members with their roles. What the first five publish, in `RELEASES`.
const MEMBERS: [(&str, &str); 7] = [
    ("GTM", "member-state"),
    ("HND", "member-state"),
    ("MEX", "member-state"),
    ("SLV", "member-state"),
    ("CRI", "member-state"),
    ("OBS", "observer"),
    ("SEC", "secretariat"),
];
/// Owner, audience, embargo.
const RELEASES: [(&str, &str, Option<&str>); 5] = [
    ("GTM", "public", None),
    ("HND", "forum", None),
    ("MEX", "GTM,OBS", None),
    ("SLV", "public", Some("2099-01-01T00:00:00Z")),
    ("CRI", "public", None),
];
/// A member may be stricter than the forum, at its own node. GTM asks whoever is of no member what figures are for; CRI does not show them to such.
const OWN_POLICIES: [(&str, &str); 2] = [
    (
        "GTM",
        r#"@id("say-what-for")
@description("Whoever is of no member says that our releases are read for research.")
forbid (principal is Chancery::Anonymous, action == Chancery::Action::"read", resource)
unless { context has purpose && context.purpose == Chancery::Purpose::"research" };

@id("not-for-journalism")
@description("For journalism our figures are not counted.")
forbid (principal is Chancery::Anonymous, action == Chancery::Action::"query", resource)
when { context has purpose && context.purpose == Chancery::Purpose::"journalism" };
"#,
    ),
    (
        "CRI",
        r#"@id("not-to-be-seen")
@description("That there are releases of ours is for members to know.")
forbid (principal is Chancery::Anonymous, action == Chancery::Action::"discover", resource);
"#,
    ),
];
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

/// What a node says of everybody and every action for a purpose.
fn explain(node: &TestNode, release: &str, purpose: Option<&str>) -> Vec<Value> {
    let mut args = vec!["policy", "explain", release, "--everybody"];
    args.extend(purpose.iter().flat_map(|said| ["--purpose", *said]));
    node.json(&args).unwrap().as_array().unwrap().clone()
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
        let owner = |member: &str| forum.nodes.iter().find(|n| n.member == member).unwrap();
        for (member, policies) in OWN_POLICIES {
            let folder = owner(member).dir.join("access");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("own.cedar"), policies).unwrap();
        }
        let mut releases = Vec::new();
        for (member, audience, embargo) in RELEASES {
            let id = publish(owner(member), audience, embargo);
            let verified = owner(member).json(&["verify", &id]).unwrap();
            releases.push((id, verified["artefacts"][0].as_str().unwrap().to_owned()));
        }
        let decisions =
            releases.iter().zip(&RELEASES).map(|((id, _), (member, ..))| explain(owner(member), id, None)).collect();
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

/// What an address answers, asked for a purpose: the status; and the body, which need not be text, with the links beside it.
fn ask(url: &str, purpose: Option<&str>) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = purpose.iter().fold(agent.get(url), |request, said| request.header("Chancery-Purpose", *said));
    let mut response = request.call().unwrap();
    let links = response.headers().get_all("link").iter().map(|link| String::from_utf8_lossy(link.as_bytes()));
    let links = links.collect::<Vec<_>>().join("\n");
    let body = response.body_mut().read_to_vec().unwrap();
    (response.status().as_u16(), format!("{}\n{links}", String::from_utf8_lossy(&body)))
}

/// The doors of HTTP: the address, the action it stands for, and what it says if it is open for a release, beside that there is an answer.
const DOORS: &[(&str, &str, &str)] = &[
    ("/api/v1/releases", "discover", "<id>"),
    ("/api/v1/releases/<id>", "discover", ""),
    ("/api/v1/releases/<id>/citation", "discover", "<id>"),
    ("/api/v1/releases/<id>/citation?format=bibtex", "discover", "<id>"),
    ("/catalogue", "discover", "<hash>"),
    ("/catalogue?format=ttl", "discover", "<hash>"),
    ("/catalogue/RETURNS/<member>", "discover", "<hash>"),
    ("/catalogue/RETURNS/<member>/dcat.jsonld", "discover", "<hash>"),
    ("/catalogue/RETURNS/<member>/dcat.ttl", "discover", "<hash>"),
    ("/catalogue/RETURNS/<member>/schema.jsonld", "discover", ""),
    ("/catalogue/RETURNS/<member>/croissant.json", "discover", ""),
    ("/catalogue/RETURNS/<member>/datapackage.json", "discover", ""),
    ("/sitemap.xml", "discover", "/catalogue/RETURNS/<member><"),
    ("/api/v1/releases/<id>/proof", "read", ""),
    ("/releases/<id>.tlog-proof", "read", ""),
    ("/artefacts/<hash>.parquet", "read", ""),
    ("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.<member>.*.*.*.*.*?format=csv", "read", "1234"),
    ("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.<member>.*.*.*.*.*?format=parquet", "read", ""),
    ("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.<member>.*.*.*.*.*?format=arrow", "read", ""),
    ("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.<member>.*.*.*.*.*?format=xlsx", "read", ""),
    ("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.<member>.*.*.*.*.*?format=csv&asOf=2098-01-01", "read", "1234"),
    ("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/M.<member>.*.*.*.*.*?format=csv&includeHistory=true", "read", "1234"),
    // The releases that an answer was read from are among its links.
    ("/sdmx/3/data/dataflow/RCP/RETURNS/1.0.0/*?format=csv", "read", "/api/v1/releases/<id>>"),
    ("/sdmx/2.1/data/RETURNS/M.<member>.....", "read", "1234"),
    ("/sdmx/2.1/data/RETURNS/all/<member>?format=csv", "read", "1234"),
    ("/api/v1/figures?dataflow=RETURNS&REF_AREA=<member>", "read", "1234"),
    ("/api/v1/figures?dataflow=RETURNS", "read", "<id>"),
    ("/api/v1/figures?dataflow=RETURNS&asOf=2098-01-01T00:00:00Z", "read", "<id>"),
    ("/api/v1/citation/RETURNS", "read", "<id>"),
    ("/api/v1/citation/RETURNS/M.<member>.*.*.*.*.*", "read", "<id>"),
    ("/api/v1/dataflows", "query", "\"<member>\""),
    ("/api/v1/dataflows/RETURNS", "query", "\"<member>\""),
    ("/api/v1/sums?dataflow=RETURNS&by=REF_AREA", "query", "\"<member>\""),
    ("/sdmx/3/availability/dataflow/RCP/RETURNS/1.0.0/M.<member>.*.*.*.*.*?format=jsonstructure", "query", "\"CAN\""),
    ("/sdmx/2.1/availableconstraint/RETURNS/M.<member>.....?format=jsonstructure", "query", "\"CAN\""),
];
/// What only the node of a release's owner has.
const OWN_DOORS: &[(&str, &str, &str)] = &[
    ("/api/v1/releases/<id>/disclosure.json", "discover", ""),
    ("/api/v1/releases/<id>/disclosure", "discover", "<id>"),
];

/// Each door of HTTP at a node for one release: where it is, the action it stands for, and whether it is open.
fn http_doors(
    url: &str,
    (id, sha256): &(String, String),
    member: &str,
    is_own: bool,
    purpose: Option<&str>,
) -> Vec<(&'static str, &'static str, bool)> {
    let fill = |text: &str| text.replace("<id>", id).replace("<hash>", sha256).replace("<member>", member);
    let own = if is_own { OWN_DOORS } else { &[] };
    let mut found = Vec::new();
    for &(path, action, says) in DOORS.iter().chain(own) {
        let (status, said) = ask(&format!("{url}{}", fill(path)), purpose);
        found.push((path, action, status == 200 && said.contains(&fill(says))));
    }
    // The forum's members are there for all, with the number of releases of each.
    let (_, forum) = ask(&format!("{url}/api/v1/forum"), purpose);
    let forum: Value = serde_json::from_str(&forum).unwrap();
    let shown = forum["members"].as_array().unwrap().iter().find(|m| m["id"] == member).unwrap();
    let counted = (shown["releases"] != 0, !shown["latest_release_at"].is_null());
    assert_eq!(counted.0, counted.1, "{shown}");
    found.push(("/api/v1/forum", "discover", counted.0));
    found
}

/// The doors of HTTP at a node that do not give the answer that its policies give for a purpose.
fn wrong_doors(world: &World, at: usize, purpose: Option<&str>) -> Vec<String> {
    let (node, url) = (&world.forum.nodes[at], &world.serving[at].url);
    let mut wrong = Vec::new();
    for (release, ids) in world.releases.iter().enumerate() {
        let (member, here) = (RELEASES[release].0, world.holds(node, release));
        // Each node decides by the forum's policies and its own.
        let decisions = if here { explain(node, &ids.0, purpose) } else { Vec::new() };
        for (door, action, open) in http_doors(url, ids, member, node.member == member, purpose) {
            let expected = here && may(&decisions, "anonymous", action);
            if open != expected {
                let at = &node.member;
                wrong.push(format!("{door} at {at} for {purpose:?}, release of {member}: {open}, not {expected}"));
            }
        }
    }
    wrong
}

/// What a node's own people are told at its command line that is not what its policies say.
fn wrong_commands(world: &World, node: &TestNode) -> Vec<String> {
    let operator = format!("{}/operator", node.member);
    let mut wrong = Vec::new();
    for (release, (id, _)) in world.releases.iter().enumerate() {
        let (member, _, embargo) = RELEASES[release];
        let may_read = world.holds(node, release) && may(&explain(node, id, None), &operator, "read");
        let key = format!("M.{member}.*.*.*.*.*");
        let queried = node.run(&["query", "RETURNS", "--key", &key, "--format", "csv"]).unwrap();
        let found = queried.code == 0 && queried.out.contains("1234");
        if embargo.is_some() {
            // A query is of what is in force, which a release under embargo is not yet, for its owner either.
            assert!(!found, "an embargoed release is in force at {}", node.member);
            // Only the owner is told what it waits for.
            assert_eq!(queried.err.contains("under embargo until 2099"), node.member == member, "{queried:?}");
        } else if found != may_read {
            wrong.push(format!("query at {}, release of {member}: {found}", node.member));
        }
        let proof = node.run(&["proof", id, "--output", "-"]).unwrap();
        if (proof.code == 0) != may_read {
            wrong.push(format!("proof at {}, release of {member}: {proof:?}", node.member));
        }
    }
    wrong
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
    for (at, node) in world.forum.nodes.iter().enumerate() {
        wrong.extend(wrong_doors(&world, at, None));
        wrong.extend(wrong_commands(&world, node));
    }
    // With the purpose that GTM asks for its figures are there; with another they are not counted either.
    for purpose in ["research", "journalism"] {
        wrong.extend(wrong_doors(&world, 0, Some(purpose)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    let by_purpose = |purpose| {
        let decisions = explain(&world.forum.nodes[0], &world.releases[0].0, purpose);
        ["discover", "read", "query"].map(|action| may(&decisions, "anonymous", action))
    };
    assert_eq!(by_purpose(Some("research")), [true, true, true]);
    assert_eq!(by_purpose(Some("journalism")), [true, false, false]);

    // What was decided is kept, by whom and by which policy. A node that serves writes what it has counted from time to time.
    let noted = |node: &TestNode, asker: &str, action: &str, policy: &str, allowed: bool| {
        let log = node.json(&["policy", "log", "--limit", "1000"])?;
        let found = log.as_array().into_iter().flatten().any(|r| {
            let by = r["policies"].as_str().is_some_and(|p| p.contains(policy));
            by && r["asker"] == asker && r["action"] == action && r["allowed"] == allowed
        });
        Ok(found.then_some(()))
    };
    let [gtm, _, _, _, cri, ..] = world.forum.nodes.as_slice() else { panic!("seven nodes") };
    wait_for("who discovered", || noted(gtm, "anonymous", "discover", "public", true)).unwrap();
    wait_for("who was refused", || noted(gtm, "anonymous", "read", "GTM/say-what-for", false)).unwrap();
    // Whoever may not see a release is refused the rest by the same policy.
    for action in ["discover", "read", "query"] {
        wait_for(action, || noted(cri, "anonymous", action, "CRI/not-to-be-seen", false)).unwrap();
    }
    // A copy comes from the owner or from any other that may give it; whoever gave it has noted it.
    let given = || {
        let all: anyhow::Result<Vec<_>> =
            world.forum.nodes.iter().map(|n| noted(n, "OBS", "replicate", "forum", true)).collect();
        Ok(all?.into_iter().flatten().next())
    };
    wait_for("who took a copy", given).unwrap();
}
