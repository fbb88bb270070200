//! The authority key on a PKCS#11 token (SoftHSM): made there, never in a file, and used for all that an authority key signs.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::process::Command;

use chancery_conformance::{Answer, TestForum, TestNode, free_port};

const PIN: &str = "246810";
const MODULES: [&str; 3] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so",
];

/// A software token in a folder.
struct Token {
    dir: PathBuf,
    module: &'static str,
}

impl Token {
    /// None, with the reason printed, if SoftHSM is not installed.
    fn make(dir: &Path) -> Option<Self> {
        let module = MODULES.into_iter().find(|path| Path::new(path).exists());
        let Some(module) = module else {
            println!("skipped: SoftHSM is not installed (Debian's `softhsm2`)");
            return None;
        };
        let token = Self { dir: dir.to_path_buf(), module };
        std::fs::create_dir_all(dir.join("tokens")).unwrap();
        let settings = format!("directories.tokendir = {}\nobjectstore.backend = file\n", dir.join("tokens").display());
        std::fs::write(token.settings(), settings).unwrap();
        let made = Command::new("softhsm2-util")
            .env("SOFTHSM2_CONF", token.settings())
            .args(["--init-token", "--free", "--label", "The authority", "--so-pin", "13579135", "--pin", PIN])
            .output();
        match made {
            Ok(output) if output.status.success() => Some(token),
            found => {
                println!("skipped: SoftHSM makes no token: {found:?}");
                None
            }
        }
    }

    fn settings(&self) -> PathBuf {
        self.dir.join("softhsm2.conf")
    }

    fn address(&self, object: &str) -> String {
        format!("pkcs11:token=The%20authority;object={object}?module-path={}", self.module)
    }

    fn run(&self, node: &TestNode, pin: &str, args: &[&str]) -> Answer {
        let mut command = node.command(args).unwrap();
        command.env("SOFTHSM2_CONF", self.settings()).env("CHANCERY_PIN", pin);
        let output = command.output().unwrap();
        Answer {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    fn ok(&self, node: &TestNode, args: &[&str]) -> String {
        self.run(node, PIN, args).ok().unwrap()
    }

    /// Signs what waits for the key on the token.
    fn sign(&self, node: &TestNode, command: &[&str]) {
        let shown = self.ok(node, &[command, &["--show", "--json"]].concat());
        let waiting: serde_json::Value = serde_json::from_str(&shown).unwrap();
        let ids = waiting.as_array().unwrap().iter().map(|w| w["id"].as_str().unwrap());
        let named: Vec<&str> = ids.flat_map(|id| ["--record", id]).collect();
        self.ok(node, &[command, &named].concat());
    }
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}

#[test]
fn an_authority_key_on_a_token_signs_all_that_one_in_a_file_does() {
    let root = tempfile::tempdir().unwrap();
    let Some(token) = Token::make(root.path()) else { return };
    let path = |name: &str| root.path().join(name).to_string_lossy().into_owned();
    let (http, network) = (free_port().unwrap(), free_port().unwrap());
    let gtm = TestNode { member: "GTM".to_owned(), dir: root.path().join("GTM"), http };
    let (http, listen) = (format!("127.0.0.1:{http}"), format!("/ip4/127.0.0.1/tcp/{network}"));
    let address = token.address("authority");
    let init =
        ["init", "--member", "GTM", "--name", "Agency", "--http", &http, "--listen", &listen, "--token", &address];
    let wrong = token.run(&gtm, "000000", &init);
    assert!(wrong.code == 3 && wrong.err.contains("is the PIN right?") && !wrong.err.contains("000000"), "{wrong:?}");
    std::fs::remove_dir_all(&gtm.dir).unwrap();
    token.ok(&gtm, &init);
    assert!(!gtm.dir.join("keys/authority.pem").exists(), "the key is on the token alone");
    for file in walk(&gtm.dir) {
        assert!(!String::from_utf8_lossy(&std::fs::read(&file).unwrap()).contains(PIN), "{}", file.display());
    }
    let hnd = TestNode::init(root.path(), "HND").unwrap();

    // Founding, joining, publishing.
    let (card, other, bundle) = (path("gtm.card.json"), path("hnd.card.json"), path("forum.json"));
    gtm.run(&["forum", "card", "-o", &card]).unwrap().ok().unwrap();
    hnd.run(&["forum", "card", "-o", &other]).unwrap().ok().unwrap();
    gtm.run(&["forum", "draft", "--name", "Test", "-o", &bundle, &card, &other]).unwrap().ok().unwrap();
    token.sign(&gtm, &["forum", "sign", &bundle]);
    hnd.sign(&bundle).unwrap();
    let genesis = gtm.json(&["forum", "show", &bundle]).unwrap()["genesis"].as_str().unwrap().to_owned();
    for node in [&gtm, &hnd] {
        node.run(&["forum", "join", &bundle, "--genesis", &genesis]).unwrap().ok().unwrap();
    }
    let release = gtm.publish("Returns", &[("2024-01", 10)]).unwrap();
    gtm.run(&["verify", &release]).unwrap().ok().unwrap();

    // Without the token nothing is signed.
    let gone = gtm
        .command(&["keys", "renew"])
        .unwrap()
        .env("SOFTHSM2_CONF", path("nothing.conf"))
        .env("CHANCERY_PIN", PIN)
        .output();
    assert!(!gone.unwrap().status.success());

    // Delegations, revocations, suspensions, the amended charter.
    token.ok(&gtm, &["keys", "renew"]);
    token.ok(&gtm, &["keys", "delegate", "marta"]);
    token.ok(&gtm, &["keys", "replace", "witness"]);
    token.ok(&gtm, &["keys", "revoke", "publisher", "--reason", "laptop lost"]);
    gtm.publish("Returns, again", &[("2024-01", 11)]).unwrap();
    let (request, response) = (path("request.json"), path("response.json"));
    gtm.run(&["keys", "renew", "--request", &request]).unwrap().ok().unwrap();
    token.sign(&hnd, &["keys", "sign", &request, "--authority", &address, "-o", &response]);
    gtm.run(&["keys", "accept", &response]).unwrap().ok().unwrap();
    let amended = path("v2.json");
    gtm.run(&["forum", "amend", "--months", "18", "-o", &amended]).unwrap().ok().unwrap();
    token.sign(&gtm, &["forum", "sign", &amended]);
    hnd.sign(&amended).unwrap();
    gtm.run(&["forum", "adopt", &amended]).unwrap().ok().unwrap();

    // The successor is made on the token too, announced, and takes over.
    token.ok(&gtm, &["keys", "announce", "--token", &token.address("successor")]);
    gtm.run(&["forum", "card", "-o", &card]).unwrap().ok().unwrap();
    let (announced, rotated) = (path("v3.json"), path("v4.json"));
    gtm.run(&["forum", "amend", "--update", &card, "-o", &announced]).unwrap().ok().unwrap();
    token.sign(&gtm, &["forum", "sign", &announced]);
    hnd.sign(&announced).unwrap();
    gtm.run(&["forum", "adopt", &announced]).unwrap().ok().unwrap();
    token.ok(&gtm, &["keys", "rotate", "-o", &rotated]);
    // The key before still votes by the version before.
    token.sign(&gtm, &["keys", "sign", &rotated, "-o", &rotated]);
    hnd.sign(&rotated).unwrap();
    token.ok(&gtm, &["forum", "adopt", &rotated]);
    assert!(std::fs::read_to_string(gtm.dir.join("keys/authority.uri")).unwrap().contains("object=successor"));
    token.ok(&gtm, &["keys", "renew"]);
    let shown = gtm.run(&["keys", "show"]).unwrap().ok().unwrap();
    assert!(shown.contains("on its token"), "{shown}");
    let release = gtm.publish("Returns, by the successor", &[("2024-01", 12)]).unwrap();
    gtm.run(&["verify", &release]).unwrap().ok().unwrap();
}

#[test]
fn a_ceremony_needs_no_node_and_no_network() {
    let forum = TestForum::found(&["GTM"]).unwrap();
    let Some(token) = Token::make(forum.root.path()) else { return };
    // An address that names nothing, a key that is not there: said, and nothing written.
    let gtm = &forum.nodes[0];
    let (request, response) = (gtm.write("request.json", "").unwrap(), gtm.write("response.json", "").unwrap());
    gtm.run(&["keys", "renew", "--request", &request]).unwrap().ok().unwrap();
    for (address, part) in [
        (token.address("nobody"), "no Ed25519 key `nobody`"),
        (token.address("x").replace("The%20authority", "Other"), "is it plugged in?"),
        (token.address("x").replace(".so", ".none"), "cannot load"),
        (format!("{}&pin-value=1", token.address("x")), "holds a PIN"),
    ] {
        let refused = token.run(gtm, PIN, &["keys", "sign", &request, "--authority", &address, "-o", &response]);
        assert!(refused.code != 0 && refused.err.contains(part), "{address}: {refused:?}");
        assert_eq!(std::fs::read_to_string(&response).unwrap(), "");
    }
}
