//! Kills a node while it publishes, at random instants: either nothing is published or all of it is.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use chancery_conformance::{TestForum, release_of};

fn kills() -> u32 {
    let named = std::env::var("CHANCERY_KILLS").ok().and_then(|n| n.parse().ok());
    named.unwrap_or(100)
}

#[test]
fn killed_at_any_instant_a_publication_is_whole_or_absent() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    // How long a publication takes here, so that the instants fall within one.
    gtm.stage("timing", &[("2024-01", 10)]).unwrap();
    gtm.run(&["approve"]).unwrap().ok().unwrap();
    let began = Instant::now();
    let mut acknowledged = vec![release_of(&gtm.json(&["publish"]).unwrap()).unwrap()];
    let mut whole = began.elapsed();
    let mut killed_midway = 0;
    let mut staged = false;
    let mut published = 1;
    for round in 0..kills() {
        if !staged {
            gtm.stage(&format!("round {round}"), &[("2024-01", 10 + round)]).unwrap();
            gtm.run(&["approve"]).unwrap().ok().unwrap();
        }
        let mut child =
            gtm.command(&["publish", "--json"]).unwrap().stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let share = RandomState::new().build_hasher().finish() % 1_000;
        std::thread::sleep(Duration::from_micros(whole.as_micros() as u64 * share / 1_000));
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        if let Ok(answer) = serde_json::from_slice(&output.stdout) {
            acknowledged.push(release_of(&answer).unwrap());
            whole = whole * 9 / 10;
        } else {
            killed_midway += 1;
            // The first may have been slower or quicker than the others are: a third of them is to come to its end.
            whole = whole * 21 / 20;
        }
        let log = gtm.json(&["log", "--check"]).unwrap();
        assert_eq!(log["checked"], true, "round {round}");
        let preview = gtm.run(&["preview", "--json"]).unwrap();
        staged = preview.code == 0;
        let releases = log["entries"].as_array().unwrap().iter().filter(|e| e["kind"] == "release").count();
        // The stage is still there exactly if its release is not.
        assert_eq!(releases, published + usize::from(!staged), "round {round}: a half state");
        published = releases;
    }
    if staged {
        acknowledged.push(release_of(&gtm.json(&["publish"]).unwrap()).unwrap());
    }
    println!("{killed_midway} of {} publications were cut off", kills());
    // Else the instants fell after the publications, and the rounds showed nothing.
    assert!(killed_midway * 4 >= kills(), "only {killed_midway} of {} publications were cut off", kills());
    let log = gtm.json(&["log", "--check"]).unwrap().to_string();
    for release in &acknowledged {
        assert!(log.contains(release.as_str()), "the acknowledged release {release} is lost");
        gtm.run(&["verify", release]).unwrap().ok().unwrap();
    }
    let doctor = gtm.json(&["doctor"]).unwrap();
    assert!(doctor.as_array().unwrap().iter().all(|f| f["ok"] == true), "{doctor:#}");
}
