//! A national PKI made by the `openssl` command endorses authority keys, as an agency and its CA would do it.

#![expect(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a test stops at what it did not expect; one story of many steps"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use chancery_conformance::{Answer, TestForum, TestNode, program};
use serde_json::Value;

/// A root, an issuing CA and a seal in a folder.
struct Pki(PathBuf);

impl Pki {
    fn file(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    fn openssl(&self, args: &[&str]) {
        let output = Command::new("openssl").args(args).current_dir(&self.0).output().unwrap();
        assert!(output.status.success(), "openssl {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }

    fn certificate(&self, name: &str, subject: &str, extensions: &str, issuer: Option<&str>) {
        std::fs::write(self.0.join(format!("{name}.ext")), extensions).unwrap();
        let (key, request) = (format!("{name}.key"), format!("{name}.csr"));
        let (pem, ext) = (format!("{name}.pem"), format!("{name}.ext"));
        self.openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", &key]);
        self.openssl(&["req", "-new", "-key", &key, "-subj", subject, "-out", &request]);
        let mut args = vec!["x509", "-req", "-in", &request, "-days", "30", "-extfile", &ext, "-out", &pem];
        let (ca, ca_key) = issuer.map(|i| (format!("{i}.pem"), format!("{i}.key"))).unwrap_or_default();
        match issuer {
            Some(_) => args.extend(["-CA", &ca, "-CAkey", &ca_key, "-CAcreateserial"]),
            None => args.extend(["-signkey", &key]),
        }
        self.openssl(&args);
    }

    fn make(dir: PathBuf, usage: &str) -> Self {
        std::fs::create_dir_all(&dir).unwrap();
        let pki = Self(dir);
        let ca =
            "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";
        pki.certificate("root", "/C=GT/CN=Root of Guatemala", ca, None);
        pki.certificate("issuing", "/C=GT/CN=Issuing CA of Guatemala", ca, Some("root"));
        let seal = format!("basicConstraints=CA:FALSE\nkeyUsage=critical,{usage}\nsubjectKeyIdentifier=hash\n");
        pki.certificate("seal", "/C=GT/O=Instituto de Migracion/CN=Seal", &seal, Some("issuing"));
        let chain: String = ["seal", "issuing", "root"]
            .map(|n| std::fs::read_to_string(pki.file(&format!("{n}.pem"))).unwrap())
            .concat();
        std::fs::write(pki.file("chain.pem"), chain).unwrap();
        std::fs::write(
            pki.file("ca.cnf"),
            "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ndefault_crl_days=7\n",
        )
        .unwrap();
        std::fs::write(pki.file("index.txt"), "").unwrap();
        pki.crl("empty.crl");
        pki
    }

    fn crl(&self, name: &str) {
        self.openssl(&[
            "ca",
            "-config",
            "ca.cnf",
            "-gencrl",
            "-cert",
            "issuing.pem",
            "-keyfile",
            "issuing.key",
            "-out",
            name,
        ]);
    }

    /// What the command line tells the holder of the seal to do.
    fn seal(&self, statement: &str) {
        self.openssl(&[
            "cms",
            "-sign",
            "-binary",
            "-nocerts",
            "-md",
            "sha256",
            "-in",
            statement,
            "-signer",
            "seal.pem",
            "-inkey",
            "seal.key",
            "-outform",
            "DER",
            "-out",
            "endorsement.p7s",
        ]);
    }
}

fn endorse(node: &TestNode, pki: &Pki, crl: &str) -> Answer {
    let (signature, chain, crl) = (pki.file("endorsement.p7s"), pki.file("chain.pem"), pki.file(crl));
    node.run(&["keys", "endorse", "--signature", &signature, "--certificates", &chain, "--crl", &crl]).unwrap()
}

fn path(root: &Path, name: &str) -> String {
    root.join(name).to_string_lossy().into_owned()
}

#[test]
fn a_national_pki_endorses_a_key_and_everybody_checks_it() {
    if Command::new("openssl").arg("version").output().is_err() {
        println!("skipped: the `openssl` command is not installed");
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let (gtm, hnd) = (TestNode::init(root.path(), "GTM").unwrap(), TestNode::init(root.path(), "HND").unwrap());
    let pki = Pki::make(root.path().join("pki"), "digitalSignature,nonRepudiation");
    let statement = path(root.path(), "statement.txt");
    gtm.run(&["keys", "endorse", "--statement", &statement]).unwrap().ok().unwrap();
    let text = std::fs::read_to_string(&statement).unwrap();
    assert!(text.starts_with("chancery/endorsement/v1\nmember GTM\nauthority key ed25519:"), "{text}");
    pki.seal(&statement);

    // Another member's, another text's, another usage's, a revoked one's: none is kept.
    let refused = endorse(&hnd, &pki, "empty.crl");
    assert!(refused.code == 7 && refused.err.contains("does not hold"), "{refused:?}");
    let encrypts = Pki::make(root.path().join("encrypts"), "keyEncipherment");
    // OpenSSL itself will not sign with such a certificate but where it is not asked to look.
    std::fs::copy(pki.file("seal.pem"), encrypts.file("other.pem")).unwrap();
    let chain: String = ["seal", "issuing", "root"]
        .map(|n| std::fs::read_to_string(encrypts.file(&format!("{n}.pem"))).unwrap())
        .concat();
    std::fs::write(encrypts.file("chain.pem"), chain).unwrap();
    std::fs::copy(pki.file("endorsement.p7s"), encrypts.file("endorsement.p7s")).unwrap();
    assert_eq!(endorse(&gtm, &encrypts, "empty.crl").code, 7);
    let card = path(root.path(), "gtm.card.json");
    gtm.run(&["forum", "card", "-o", &card]).unwrap().ok().unwrap();
    assert!(!std::fs::read_to_string(&card).unwrap().contains("endorsement"), "nothing was kept");

    let kept = endorse(&gtm, &pki, "empty.crl").ok().unwrap();
    assert!(
        kept.contains("endorsed by `C=GT, O=Instituto de Migracion, CN=Seal`") && kept.contains("CN=Root of Guatemala"),
        "{kept}"
    );
    gtm.run(&["forum", "card", "-o", &card]).unwrap().ok().unwrap();
    let other = path(root.path(), "hnd.card.json");
    hnd.run(&["forum", "card", "-o", &other]).unwrap().ok().unwrap();

    // A secretary who meddles with the card is found when the charter is drafted.
    let mut meddled: Value = serde_json::from_slice(&std::fs::read(&card).unwrap()).unwrap();
    meddled["id"] = "MEX".into();
    let meddled_path = path(root.path(), "meddled.card.json");
    std::fs::write(&meddled_path, meddled.to_string()).unwrap();
    let bundle = path(root.path(), "forum.json");
    let draft = |card: &str| gtm.run(&["forum", "draft", "--name", "Test", "-o", &bundle, card, &other]).unwrap();
    let refused = draft(&meddled_path);
    assert!(refused.code == 7 && refused.err.contains("endorsement of the authority key of `MEX`"), "{refused:?}");
    draft(&card).ok().unwrap();
    for node in [&gtm, &hnd] {
        node.sign(&bundle).unwrap();
    }
    let shown = gtm.json(&["forum", "show", &bundle]).unwrap();
    let genesis = shown["genesis"].as_str().unwrap().to_owned();
    assert!(shown["members"][0]["endorsement"]["national_ca"].as_str().is_some_and(|pin| pin.len() == 64), "{shown:#}");
    for node in [&gtm, &hnd] {
        node.run(&["forum", "join", &bundle, "--genesis", &genesis]).unwrap().ok().unwrap();
    }
    let keys = gtm.run(&["keys", "show"]).unwrap().ok().unwrap();
    assert!(keys.contains("endorsed by"), "{keys}");

    // Offline, elsewhere: the proof says what the national PKI said, and a newer list takes it back.
    let release = gtm.publish("Returns", &[("2024-01", 10)]).unwrap();
    let proof = path(root.path(), "release.tlog-proof");
    gtm.run(&["proof", &release, "-o", &proof]).unwrap().ok().unwrap();
    let verify = |more: &[&str]| {
        let output = Command::new(program().unwrap())
            .current_dir(root.path())
            .args(["verify", &proof, "--genesis", &genesis])
            .args(more)
            .output()
            .unwrap();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
        )
    };
    let (code, said) = verify(&[]);
    assert!(code == Some(0) && said.contains("ok  authority key of `GTM`: endorsed by"), "{said}");
    assert!(said.contains("--  not checked: the figures themselves"), "{said}");
    assert_eq!(verify(&["--crl", &pki.file("empty.crl")]).0, Some(0));
    pki.openssl(&["ca", "-config", "ca.cnf", "-revoke", "seal.pem", "-cert", "issuing.pem", "-keyfile", "issuing.key"]);
    pki.crl("revoked.crl");
    let (code, said) = verify(&["--crl", &pki.file("revoked.crl")]);
    assert!(code == Some(7) && said.contains("was revoked"), "{said}");
    assert_eq!(endorse(&gtm, &pki, "revoked.crl").code, 7);
}

#[test]
fn a_member_without_a_national_pki_is_told_apart() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    let release = gtm.publish("Returns", &[("2024-01", 10)]).unwrap();
    let said = gtm.run(&["verify", &release]).unwrap().ok().unwrap();
    assert!(said.contains("--  not checked: a national PKI: none endorses"), "{said}");
    assert!(said.contains("ok  forum ") && said.contains("ok  leaf "), "{said}");
    let json = gtm.json(&["verify", &release]).unwrap();
    assert!(json["steps"].as_array().unwrap().iter().any(|step| step["done"] == false), "{json:#}");
}
