//! The log as anybody reads it: C2SP tiles over HTTP, and a C2SP tlog-proof that proves itself offline.

use anyhow::{Context as _, Result, ensure};
use chancery_conformance::{TestForum, program, release_of, wait_for};

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

#[test]
fn a_head_is_published_once_another_state_has_cosigned_it() {
    let forum = TestForum::found(&["GTM", "MEX"]).unwrap();
    let [gtm, mex] = forum.nodes.as_slice() else { panic!("two nodes") };
    let release = gtm.publish("figures", &[("2024-01", 10)]).unwrap();
    let serving = gtm.serve().unwrap();
    let log = format!("{}/log/{}/GTM", serving.url, forum.genesis);
    assert_eq!(bytes(&format!("{log}/checkpoint")).unwrap().0, 404, "nobody has cosigned it yet");
    assert_eq!(bytes(&format!("{log}/pending")).unwrap().0, 200);
    let mex_serving = mex.serve().unwrap();
    let published = wait_for("a published head", || {
        let (status, _, note) = bytes(&format!("{log}/checkpoint"))?;
        Ok((status == 200).then(|| String::from_utf8_lossy(&note).into_owned()))
    });
    let published = published.unwrap();
    assert!(published.contains(&format!("— chancery/{}/MEX/witness ", forum.genesis)), "{published}");
    let report = gtm.json(&["verify", &release]).unwrap();
    assert_eq!(report["cosigned_by"], serde_json::json!(["MEX"]), "{report:#}");
    // The other member's node shows it too, cosignature and all.
    let (log, its) = (format!("{}/log/{}/GTM", mex_serving.url, forum.genesis), "the published head at the witness");
    let copied = wait_for(its, || {
        let (status, _, note) = bytes(&format!("{log}/checkpoint"))?;
        Ok((status == 200).then(|| String::from_utf8_lossy(&note).into_owned()))
    });
    assert_eq!(copied.unwrap().lines().nth(2), published.lines().nth(2));
}

/// Posts a body; the status and the answer's body.
fn post(url: &str, body: &str) -> Result<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.post(url).send(body)?;
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}

#[test]
fn a_witness_over_http_keeps_to_the_specification() {
    let forum = TestForum::found(&["GTM", "MEX"]).unwrap();
    let [gtm, mex] = forum.nodes.as_slice() else { panic!("two nodes") };
    gtm.publish("figures", &[("2024-01", 10)]).unwrap();
    let head = gtm.json(&["log"]).unwrap();
    let (note, size) = (head["checkpoint"].as_str().unwrap(), head["size"].as_u64().unwrap());
    // GTM's node is not there, so that nobody else asks.
    let witness = mex.serve().unwrap();
    let url = format!("{}/witness/add-checkpoint", witness.url);
    let ask = |body: &str| post(&url, body).unwrap();
    let other_root = note.replacen(note.lines().nth(2).unwrap(), &format!("{}=", "A".repeat(43)), 1);
    let refused = [
        (format!("old 0\n\n{other_root}"), 403, "not_signed"),
        (format!("old 0\n\n{}", note.replacen(&forum.genesis, &"0".repeat(64), 2)), 404, "unknown_log"),
        (format!("old {}\n\n{note}", size + 1), 400, "malformed"),
        (format!("old 00\n\n{note}"), 400, "malformed"),
        ("[".repeat(20_000), 400, "malformed"),
        (format!("old 0\n{}=\n\n{note}", "A".repeat(43)), 422, "inconsistent"),
        (format!("old 1\n\n{note}"), 409, "0\n"),
    ];
    for (body, status, part) in refused {
        let (found, answer) = ask(&body);
        assert!(found == status && answer.contains(part), "{body}: {found} {answer}");
    }
    assert_eq!(ask(&"x".repeat(200_000)).0, 413);
    let (status, cosignature) = ask(&format!("old 0\n\n{note}"));
    assert_eq!(status, 200, "{cosignature}");
    assert!(cosignature.starts_with(&format!("— chancery/{}/MEX/witness ", forum.genesis)), "{cosignature}");
    // It remembers what it cosigned: from elsewhere nothing more, the same again as often as one likes.
    assert_eq!(ask(&format!("old 0\n\n{note}")), (409, format!("{size}\n")));
    assert_eq!(ask(&format!("old {size}\n\n{note}")).0, 200);
    drop(witness);
    let witness = mex.serve().unwrap();
    let url = format!("{}/witness/add-checkpoint", witness.url);
    assert_eq!(post(&url, &format!("old 0\n\n{note}")).unwrap(), (409, format!("{size}\n")));
}
