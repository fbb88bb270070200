//! Kills serving nodes at random instants while somebody outside collects every signature they give out: no log key and no witness key signs two
//! heads of one size, and all that was ever signed is what the log was.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::hash_map::RandomState;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher as _, Hasher as _};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_conformance::{Serving, TestForum, TestNode, get, release_of, wait_for};
use sha2::{Digest as _, Sha256};

/// A fifth as many as in `kill.rs`: a node is started anew in most.
fn rounds() -> u64 {
    let named = std::env::var("CHANCERY_KILLS").ok().and_then(|n| n.parse().ok());
    named.unwrap_or(100_u64).div_ceil(5)
}

fn random(below: u64) -> u64 {
    RandomState::new().build_hasher().finish() % below
}

/// The roots that each key has signed for each size of one log, as notes showed them.
#[derive(Debug, Default)]
struct Signed(BTreeMap<(String, u64), BTreeSet<String>>);

impl Signed {
    fn take(&mut self, note: &str) {
        let Some((body, lines)) = note.split_once("\n\n") else { return };
        let (size, root) = body.split_once('\n').unwrap().1.split_once('\n').unwrap();
        for line in lines.lines() {
            // `— name base64`, the first four bytes of which are the key's id.
            let (name, signature) = line.strip_prefix("— ").unwrap().split_once(' ').unwrap();
            let key = hex::encode(&STANDARD.decode(signature).unwrap()[..4]);
            let roots = self.0.entry((format!("{name} {key}"), size.parse().unwrap())).or_default();
            roots.insert(root.to_owned());
        }
    }

    fn sizes_by(&self, name: &str) -> usize {
        self.0.keys().filter(|(signer, _)| signer.starts_with(&format!("{name} "))).count()
    }
}

/// Ends the watching, also where the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// RFC 6962, 2.1: the root of a tree of these leaves' hashes.
fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    let [first] = leaves else {
        let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
        return Sha256::digest([&[1][..], &root(left), &root(right)].concat()).into();
    };
    *first
}

struct Watched<'a> {
    gtm: &'a TestNode,
    hnd: &'a TestNode,
    /// The path of GTM's log.
    log: String,
}

impl Watched<'_> {
    fn nodes(&self) -> [&TestNode; 2] {
        [self.gtm, self.hnd]
    }

    /// Something of GTM's log at one of the nodes.
    fn at(&self, node: &TestNode, what: &str) -> String {
        format!("http://127.0.0.1:{}{}/{what}", node.http, self.log)
    }

    fn watch(&self, stop: &AtomicBool) -> Signed {
        let mut signed = Signed::default();
        while !stop.load(Ordering::Relaxed) {
            for (node, head) in self.nodes().iter().flat_map(|node| [(node, "pending"), (node, "checkpoint")]) {
                if let Ok((200, note)) = get(&self.at(node, head)) {
                    signed.take(&note);
                }
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        signed
    }

    /// Publishes again and again, each time killing the publication or one of the nodes. Returns the releases that were acknowledged, and the nodes,
    /// which have cosigned all of the log.
    fn kill(&self) -> (Vec<String>, [Option<Serving>; 2]) {
        let mut serving = self.nodes().map(|node| Some(node.serve().unwrap()));
        let began = Instant::now();
        let mut acknowledged = vec![self.gtm.publish("timing", &[("2024-01", 10)]).unwrap()];
        let whole = began.elapsed().as_micros() as u64;
        let mut staged = false;
        for round in 0..rounds() {
            if !staged {
                self.gtm.stage(&format!("round {round}"), &[("2024-01", 11 + round as u32)]).unwrap();
                self.gtm.run(&["approve"]).unwrap().ok().unwrap();
            }
            let mut publish = self.gtm.command(&["publish", "--json"]).unwrap();
            let mut publishing = publish.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            // Within the publication, or the cosigning that follows it.
            std::thread::sleep(Duration::from_micros(random(whole)));
            match random(3) {
                0 => publishing.kill().unwrap(),
                victim => serving[victim as usize - 1] = None,
            }
            let output = publishing.wait_with_output().unwrap();
            if let Ok(answer) = serde_json::from_slice(&output.stdout) {
                acknowledged.push(release_of(&answer).unwrap());
            }
            for (node, serving) in self.nodes().into_iter().zip(&mut serving) {
                if serving.is_none() {
                    *serving = Some(node.serve().unwrap());
                }
            }
            staged = self.gtm.run(&["preview"]).unwrap().code == 0;
        }
        let newest = self.gtm.json(&["log", "--check"]).unwrap()["size"].to_string();
        let cosigned = || {
            let heads = self.nodes().map(|node| get(&self.at(node, "checkpoint")).map(|(_, note)| note));
            Ok(heads.iter().flatten().filter(|note| note.lines().nth(1) == Some(&newest)).nth(1).map(drop))
        };
        wait_for("the newest head, cosigned, at both", cosigned).unwrap();
        (acknowledged, serving)
    }
}

#[test]
fn whoever_is_killed_while_serving_signs_nothing_twice() {
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let watched = Watched { gtm: &forum.nodes[0], hnd: &forum.nodes[1], log: format!("/log/{}/GTM", forum.genesis) };
    let stop = AtomicBool::new(false);
    let (signed, acknowledged, _serving) = std::thread::scope(|threads| {
        let watching = threads.spawn(|| watched.watch(&stop));
        let stopping = Stop(&stop);
        let (acknowledged, serving) = watched.kill();
        drop(stopping);
        (watching.join().unwrap(), acknowledged, serving)
    });

    let (owner, witness) =
        (format!("chancery/{}/GTM", forum.genesis), format!("chancery/{}/HND/witness", forum.genesis));
    let (by_log, by_witness) = (signed.sizes_by(&owner), signed.sizes_by(&witness));
    println!("seen: {by_log} sizes signed by the log, {by_witness} by the witness, in {} rounds", rounds());
    // Else nothing was seen of what they signed midway.
    assert!(by_log as u64 * 3 > rounds() && by_witness as u64 * 5 > rounds());
    let listed = watched.gtm.json(&["log", "--check"]).unwrap();
    let leaves = hashes(&watched.at(watched.gtm, "tile/0"), listed["size"].as_u64().unwrap());
    for ((signer, size), roots) in &signed.0 {
        let whole = STANDARD.encode(root(&leaves[..*size as usize]));
        assert_eq!(roots.iter().collect::<Vec<_>>(), [&whole], "{signer} at {size} leaves");
    }
    for release in &acknowledged {
        assert!(listed.to_string().contains(release.as_str()), "the acknowledged release {release} is lost");
    }
    for node in watched.nodes() {
        let doctor = node.json(&["doctor"]).unwrap();
        let evidence = doctor.as_array().unwrap().iter().find(|f| f["check"] == "evidence").unwrap();
        assert_eq!(evidence["ok"], true, "{evidence}");
    }
}

/// The hashes of a log's leaves, from its tiles.
fn hashes(tiles: &str, size: u64) -> Vec<[u8; 32]> {
    let full = (0..size / 256).map(|n| format!("{n:03}"));
    let rest = (!size.is_multiple_of(256)).then(|| format!("{:03}.p/{}", size / 256, size % 256));
    let tile = |path: String| ureq::get(format!("{tiles}/{path}")).call().unwrap().body_mut().read_to_vec().unwrap();
    let bytes: Vec<u8> = full.chain(rest).flat_map(tile).collect();
    bytes.chunks_exact(32).map(|hash| hash.try_into().unwrap()).collect()
}
