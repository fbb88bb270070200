//! The log as anybody reads it: C2SP tiles over HTTP, and a C2SP tlog-proof that proves itself offline.

use anyhow::{Context as _, Result, ensure};
use chancery_conformance::{TestForum, program, release_of};

/// The body at an address, as bytes, with its content type.
fn bytes(url: &str) -> Result<(u16, String, Vec<u8>)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(url).call()?;
    let kind = response.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    Ok((response.status().as_u16(), kind, response.body_mut().read_to_vec()?))
}

#[test]
fn tiles_and_entries_are_those_of_the_signed_head() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    gtm.publish("first", &[("2024-01", 10)]).unwrap();
    gtm.publish("second", &[("2024-01", 12)]).unwrap();
    let listed = gtm.json(&["log"]).unwrap();
    let serving = gtm.serve().unwrap();
    let log = format!("{}/log/{}/GTM", serving.url, forum.genesis);
    let (status, kind, note) = bytes(&format!("{log}/checkpoint")).unwrap();
    assert_eq!((status, kind.as_str()), (200, "text/plain; charset=utf-8"));
    let note = String::from_utf8(note).unwrap();
    let size = listed["size"].as_u64().unwrap();
    assert!(note.starts_with(&format!("chancery/{}/GTM\n{size}\n", forum.genesis)), "{note}");
    let (status, kind, tile) = bytes(&format!("{log}/tile/0/000.p/{size}")).unwrap();
    assert_eq!((status, kind.as_str(), tile.len() as u64), (200, "application/octet-stream", 32 * size));
    let (status, _, bundle) = bytes(&format!("{log}/tile/entries/000.p/{size}")).unwrap();
    assert_eq!(status, 200);
    assert_eq!(entries(&bundle).unwrap().len() as u64, size);
    for absent in [
        "tile/0/000",
        &format!("tile/0/000.p/{}", size + 1),
        "tile/1/000.p/1",
        "tile/0/000.p/0",
        "tile/64/000",
        "tile/x",
    ] {
        assert_eq!(bytes(&format!("{log}/{absent}")).unwrap().0, 404, "{absent}");
    }
    assert_eq!(bytes(&format!("{}/log/{}/MEX/checkpoint", serving.url, forum.genesis)).unwrap().0, 404);
    let (_, _, policy) = bytes(&format!("{log}/policy")).unwrap();
    assert!(String::from_utf8(policy).unwrap().ends_with("quorum none\n"));
}

/// The entries of a bundle: each after its length in two bytes.
fn entries(mut bundle: &[u8]) -> Result<Vec<Vec<u8>>> {
    let mut entries = Vec::new();
    while let Some((length, rest)) = bundle.split_first_chunk::<2>() {
        let (entry, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length))).context("cut short")?;
        entries.push(entry.to_vec());
        bundle = rest;
    }
    ensure!(bundle.is_empty(), "bytes left over");
    Ok(entries)
}

#[test]
fn one_file_proves_itself_offline_and_no_changed_one_does() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    gtm.stage("figures", &[("2024-01", 10)]).unwrap();
    gtm.run(&["approve"]).unwrap().ok().unwrap();
    let release = release_of(&gtm.json(&["publish"]).unwrap()).unwrap();
    let served = {
        let serving = gtm.serve().unwrap();
        bytes(&format!("{}/releases/{release}.tlog-proof", serving.url)).unwrap()
    };
    assert_eq!(served.0, 200);
    let file = forum.root.path().join("alone.tlog-proof");
    gtm.run(&["proof", &release, "-o", file.to_str().unwrap()]).unwrap().ok().unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), served.2);
    // Elsewhere, without a node.
    let away = tempfile::tempdir().unwrap();
    let verify = |file: &std::path::Path| {
        let args = ["verify", file.to_str().unwrap(), "--genesis", &forum.genesis];
        std::process::Command::new(program().unwrap()).current_dir(away.path()).args(args).output().unwrap()
    };
    let output = verify(&file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(served.2).unwrap();
    let last = text.len() - 3;
    for (position, what) in
        [(5, "header"), (60, "extra"), (text.find("\nindex").unwrap() + 7, "index"), (last, "signature")]
    {
        let mut changed = text.clone().into_bytes();
        changed[position] = if changed[position] == b'A' { b'B' } else { b'A' };
        let file = away.path().join("changed.tlog-proof");
        std::fs::write(&file, changed).unwrap();
        assert!(!verify(&file).status.success(), "{what}");
    }
}
