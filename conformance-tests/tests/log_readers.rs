//! Other people's programs read a whole log from its tiles, check that it only grew, and find one changed byte wherever it is.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::process::Command;

use chancery_conformance::{TestForum, TestNode, foreign, free_port};

/// The log's files in a folder, as C2SP lays them out.
fn mirror(url: &str, size: u64, into: &Path) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let get = |path: &str| {
        let mut response = agent.get(&format!("{url}/{path}")).call().unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let file = into.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, response.body_mut().read_to_vec().unwrap()).unwrap();
    };
    get("checkpoint");
    for kind in ["entries", "0", "1"] {
        let entries = if kind == "1" { size / 256 } else { size };
        for full in 0..entries / 256 {
            get(&format!("tile/{kind}/{full:03}"));
        }
        if entries % 256 > 0 {
            get(&format!("tile/{kind}/{:03}.p/{}", entries / 256, entries % 256));
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path());
    let mut all: Vec<_> = entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect();
    all.sort();
    all
}

/// A node with so many operators that a renewal is a fifth of a full tile.
fn busy_node(root: &Path) -> TestNode {
    let (http, network) = (free_port().unwrap(), free_port().unwrap());
    let node = TestNode { member: "GTM".to_owned(), dir: root.join("GTM"), http };
    let (http, listen) = (format!("127.0.0.1:{http}"), format!("/ip4/127.0.0.1/tcp/{network}"));
    let operators: Vec<String> = (0..50).map(|i| format!("operator-{i}")).collect();
    let mut args =
        vec!["init", "--member", "GTM", "--name", "Agency", "--no-passphrase", "--http", &http, "--listen", &listen];
    args.extend(operators.iter().flat_map(|name| ["--operator", name.as_str()]));
    node.run(&args).unwrap().ok().unwrap();
    node
}

/// What a program said, and whether it was content.
type Verdict = (bool, String);

/// Another's program that reads a log from an address or a folder.
struct Reader {
    name: &'static str,
    read: Box<dyn Fn(&str) -> Verdict>,
}

fn go_reader(root: &Path) -> Option<Reader> {
    let (program, keys, older) = (foreign::go(root, "log.go")?, root.join("keys"), root.join("older"));
    let read = move |from: &str| said(Command::new(&program).arg(from).arg(&keys).arg(&older));
    Some(Reader { name: "Go", read: Box::new(read) })
}

/// PyPI's `aics-tlog`, which wants Python 3.12. Of the entries it reads those it proves: a few.
fn aics_reader(root: &Path, origin: String, size: u64) -> Option<Reader> {
    let pythons = ["python3.13", "python3.12", "python3"];
    let python = foreign::python("python-tlog-venv", &pythons, "aics-tlog>=0.2.1,<0.3", "import aics_tlog").unwrap()?;
    let (program, keys, older) = (python.with_file_name("aics-tlog"), root.join("keys"), root.join("older"));
    let read = move |from: &str| {
        let run = |args: &[&str]| {
            // Not by its first line, which names the folder where the environment was made.
            let mut command = Command::new(&python);
            command.arg(&program).args(args).args(["--tiles", from, "--origin", &origin, "--vkey-file"]).arg(&keys);
            said(&mut command)
        };
        let mut outcome = run(&["verify-consistency", "--old-checkpoint", older.to_str().unwrap()]);
        for entry in [0, 17, size / 2, size - 1] {
            if outcome.0 {
                let (index, leaf) = (entry.to_string(), format!("{from}.leaf"));
                outcome = run(&["verify-inclusion", "--index", &index, "--entry-out", &leaf]);
            }
        }
        outcome
    };
    Some(Reader { name: "aics-tlog", read: Box::new(read) })
}

/// Every reader must refuse the copy with any of these bytes changed.
fn refuse_changes(readers: &[Reader], copy: &Path) {
    for file in files(copy) {
        let sound = std::fs::read(&file).unwrap();
        // Beginning, inside and end of each file: of the head's text, its signature, hashes and entries.
        for (number, position) in [sound.len() / 2, 0, 40 % sound.len(), sound.len() - 2].into_iter().enumerate() {
            let mut wrong = sound.clone();
            wrong[position] ^= 1;
            std::fs::write(&file, wrong).unwrap();
            // The other is slow to start, and reads only entries it proves.
            let asked =
                |reader: &&Reader| reader.name == "Go" || number == 0 && !file.to_string_lossy().contains("/entries/");
            for Reader { name, read } in readers.iter().filter(asked) {
                let refused = read(copy.to_str().unwrap());
                assert!(!refused.0, "{name}: byte {position} of {}: {}", file.display(), refused.1);
            }
        }
        std::fs::write(&file, sound).unwrap();
    }
}

#[test]
fn foreign_readers_follow_a_log_and_find_any_changed_byte() {
    let root = tempfile::tempdir().unwrap();
    let forum = TestForum::of(vec![busy_node(root.path())]).unwrap();
    let gtm = &forum.nodes[0];
    let serving = gtm.serve().unwrap();
    let url = format!("{}/log/{}/GTM", serving.url, forum.genesis);
    let checkpoint = || chancery_conformance::get(&format!("{url}/checkpoint")).unwrap().1;
    let size_of = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    let (older, copy) = (root.path().join("older"), root.path().join("copy"));
    std::fs::write(&older, checkpoint()).unwrap();
    while size_of(&checkpoint()) < 300 {
        gtm.run(&["keys", "renew"]).unwrap().ok().unwrap();
    }
    let (size, old_size) = (size_of(&checkpoint()), size_of(&std::fs::read_to_string(&older).unwrap()));
    assert!(old_size < 100 && size > 300, "{old_size} {size}");
    let policy = chancery_conformance::get(&format!("{url}/policy")).unwrap().1;
    let keys: Vec<&str> = policy.lines().filter_map(|line| line.strip_prefix("log ")).collect();
    std::fs::write(root.path().join("keys"), keys.join("\n")).unwrap();
    mirror(&url, size, &copy);

    let origin = format!("chancery/{}/GTM", forum.genesis);
    let readers: Vec<Reader> =
        [go_reader(root.path()), aics_reader(root.path(), origin, size)].into_iter().flatten().collect();
    for Reader { name, read } in &readers {
        let sound = read(copy.to_str().unwrap());
        assert!(sound.0, "{name}: {}", sound.1);
    }
    // Over HTTP as from a folder.
    for Reader { name, read } in readers.iter().filter(|reader| reader.name == "Go") {
        let sound = read(&url);
        assert!(sound.0 && sound.1.contains(&format!("ok: {size} entries")), "{name}: {}", sound.1);
    }
    refuse_changes(&readers, &copy);

    // Another log's checkpoint as the older one: what is there does not extend it.
    let other = TestForum::found(&["GTM"]).unwrap();
    let other_serving = other.nodes[0].serve().unwrap();
    let address = format!("{}/log/{}/GTM/checkpoint", other_serving.url, other.genesis);
    std::fs::write(&older, chancery_conformance::get(&address).unwrap().1).unwrap();
    for Reader { name, read } in &readers {
        let refused = read(copy.to_str().unwrap());
        assert!(!refused.0, "{name}: another log's checkpoint: {}", refused.1);
    }
}

fn said(command: &mut Command) -> Verdict {
    let output = command.output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}
