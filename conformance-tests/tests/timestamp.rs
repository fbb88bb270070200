//! RFC 3161 time-stamps of releases, by an authority that the `openssl` command plays; `openssl ts` checks what Chancery kept, too.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::Path;
use std::process::{Command, Output};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_conformance::{TestForum, TestNode, get, program, wait_for};
use serde_json::Value;

const CONFIGURATION: &str = "[tsa]\ndefault_tsa = one\n[one]\nserial = serial\nsigner_cert = tsa.pem\ncerts = ca.pem\nsigner_key = tsa.key\n\
    signer_digest = sha256\ndefault_policy = 1.2.3.4.1\ndigests = sha256\nordering = no\ntsa_name = no\ness_cert_id_chain = no\n\
    ess_cert_id_alg = sha256\n";

fn openssl(dir: &Path, args: &[&str]) -> Output {
    Command::new("openssl").args(args).current_dir(dir).output().unwrap()
}

fn ok(dir: &Path, args: &[&str]) {
    let output = openssl(dir, args);
    assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// A CA and what it calls a time-stamping authority.
fn authority(dir: &Path, usage: &str) {
    std::fs::create_dir_all(dir).unwrap();
    std::fs::write(
        dir.join("ca.ext"),
        "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\nsubjectKeyIdentifier=hash\n",
    )
    .unwrap();
    std::fs::write(
        dir.join("tsa.ext"),
        format!("basicConstraints=CA:FALSE\nkeyUsage=critical,digitalSignature\n{usage}"),
    )
    .unwrap();
    std::fs::write(dir.join("tsa.cnf"), CONFIGURATION).unwrap();
    std::fs::write(dir.join("serial"), "01").unwrap();
    for name in ["ca", "tsa"] {
        let (key, request, pem, ext) =
            (format!("{name}.key"), format!("{name}.csr"), format!("{name}.pem"), format!("{name}.ext"));
        let subject = format!("/C=CH/CN=Time of {name}");
        ok(dir, &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key]);
        ok(dir, &["req", "-new", "-key", &key, "-subj", &subject, "-out", &request]);
        let mut args = vec!["x509", "-req", "-in", &request, "-days", "30", "-extfile", &ext, "-out", &pem];
        args.extend(if name == "ca" {
            ["-signkey", "ca.key"].as_slice()
        } else {
            &["-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"]
        });
        ok(dir, &args);
    }
}

fn file(dir: &Path, name: &str) -> String {
    dir.join(name).to_string_lossy().into_owned()
}

/// The stamp reaches whoever has the release, and is shown there. Returns both forms of the proof that `node` gives of it.
fn proofs_at(node: &TestNode, owner: &TestNode, plain: &str, stamped: &str) -> (String, String) {
    let (_owner, serving) = (owner.serve().unwrap(), node.serve().unwrap());
    let shown = || {
        let (status, body) = get(&format!("{}/api/v1/releases/{stamped}", serving.url))?;
        let release: Value = if status == 200 { serde_json::from_str(&body)? } else { Value::Null };
        Ok(release["timestamp"].as_str().map(str::to_owned))
    };
    let at = wait_for("the time-stamp", shown).unwrap();
    assert!(at.ends_with('Z'), "{at}");
    let other = get(&format!("{}/api/v1/releases/{plain}", serving.url)).unwrap().1;
    assert!(other.contains("\"timestamp\":null"), "{other}");
    (
        get(&format!("{}/releases/{stamped}.tlog-proof", serving.url)).unwrap().1,
        get(&format!("{}/api/v1/releases/{stamped}/proof", serving.url)).unwrap().1,
    )
}

#[test]
fn a_stamped_release_proves_its_time_offline() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: the `openssl` command is not installed");
        return;
    }
    let forum = TestForum::found(&["GTM", "HND"]).unwrap();
    let (gtm, hnd, root) = (&forum.nodes[0], &forum.nodes[1], forum.root.path());
    let first = gtm.publish("First", &[("2024-01", 10)]).unwrap();
    let second = gtm.publish("Second", &[("2024-01", 11)]).unwrap();
    let tsa = root.join("tsa");
    authority(&tsa, "extendedKeyUsage=critical,timeStamping\n");
    gtm.run(&["timestamp", "request", &second, "-o", &file(&tsa, "request.tsq")]).unwrap().ok().unwrap();
    ok(&tsa, &["ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq", "-out", "answer.tsr"]);
    let accept =
        |release: &str, answer: &str, ca: &str| gtm.run(&["timestamp", "accept", release, answer, "--ca", ca]).unwrap();
    let (answer, ca) = (file(&tsa, "answer.tsr"), file(&tsa, "ca.pem"));

    // Another release's, another CA's, a certificate for other things, a changed byte: none is kept.
    let other = root.join("other");
    authority(&other, "");
    assert!(accept(&first, &answer, &ca).err.contains("other data"));
    assert_eq!(accept(&second, &answer, &file(&other, "ca.pem")).code, 7);
    std::fs::copy(tsa.join("request.tsq"), other.join("request.tsq")).unwrap();
    if openssl(&other, &["ts", "-reply", "-config", "tsa.cnf", "-queryfile", "request.tsq", "-out", "answer.tsr"])
        .status
        .success()
    {
        assert_eq!(accept(&second, &file(&other, "answer.tsr"), &file(&other, "ca.pem")).code, 7);
    }
    let sound = std::fs::read(&answer).unwrap();
    for position in (0..sound.len()).step_by(sound.len() / 12) {
        let mut wrong = sound.clone();
        wrong[position] ^= 1;
        let path = file(&tsa, "wrong.tsr");
        std::fs::write(&path, wrong).unwrap();
        // Certificates that nobody asks for may be changed: those of the chain come from the reader.
        let found = accept(&second, &path, &ca);
        assert!(found.code == 7 || position > sound.len() / 4, "byte {position}: {found:?}");
    }
    accept(&second, &answer, &ca).ok().unwrap();

    // It is in the log, and accepted again not a second time.
    let size = |log: &Value| log["size"].as_u64().unwrap();
    let log = gtm.json(&["log", "--check"]).unwrap();
    let newest = log["entries"].as_array().unwrap().last().unwrap();
    assert!(newest["kind"] == "timestamp" && log["checked"] == true, "{log:#}");
    accept(&second, &answer, &ca).ok().unwrap();
    assert_eq!(size(&gtm.json(&["log"]).unwrap()), size(&log));

    let served = proofs_at(hnd, gtm, &first, &second);
    let proof = file(root, "second.tlog-proof");
    std::fs::write(&proof, served.0).unwrap();
    let away = tempfile::tempdir().unwrap();
    let verify = |proof: &str, more: &[&str]| {
        let args = [&["verify", proof, "--genesis", &forum.genesis], more].concat();
        let output = Command::new(program().unwrap()).current_dir(away.path()).args(args).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.code(), said)
    };
    let (code, said) = verify(&proof, &["--timestamp-ca", &ca]);
    assert!(code == Some(0) && said.contains("ok  the record existed at"), "{said}");
    let (code, said) = verify(&proof, &[]);
    assert!(code == Some(0) && said.contains("--  not checked: the RFC 3161 time-stamp"), "{said}");
    assert_eq!(verify(&proof, &["--timestamp-ca", &file(&other, "ca.pem")]).0, Some(7));

    // OpenSSL's own program, on what the bundle holds.
    let bundle: Value = serde_json::from_str(&served.1).unwrap();
    let bytes = |pointer: &str| STANDARD.decode(bundle.pointer(pointer).unwrap().as_str().unwrap()).unwrap();
    std::fs::write(tsa.join("payload"), bytes("/record/payload")).unwrap();
    std::fs::write(tsa.join("token"), bytes("/timestamp")).unwrap();
    ok(&tsa, &["ts", "-verify", "-data", "payload", "-in", "token", "-token_in", "-CAfile", "ca.pem"]);
}
