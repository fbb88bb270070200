//! Unmodified Python programs read a node: pysdmx and sdmx1 its figures, rdflib, mlcroissant and frictionless its catalogue; the official
//! schemas judge its answers.

use std::path::Path;
use std::process::Command;

use chancery_conformance::{TestForum, program};

#[test]
fn python_clients_read_a_node() {
    // Told when the test runs: a target folder kept between clones remembers the folder of another.
    let manifest = std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    let here = Path::new(&manifest).join("python");
    let venv = program().unwrap().with_file_name("python-venv");
    let wanted = std::fs::read(here.join("requirements.txt")).unwrap();
    // Made again whenever what it needs has changed.
    if std::fs::read(venv.join("ready")).ok().as_ref() != Some(&wanted) {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&venv).status();
        let pip = Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "-r"])
            .arg(here.join("requirements.txt"))
            .status();
        if !made.is_ok_and(|s| s.success()) || !pip.is_ok_and(|s| s.success()) {
            println!("skipped: the Python clients cannot be installed (python3-venv and PyPI are needed)");
            return;
        }
        std::fs::write(venv.join("ready"), &wanted).unwrap();
    }
    let forum = TestForum::found(&["GTM"]).unwrap();
    let gtm = &forum.nodes[0];
    gtm.publish("Returns", &[("2023-12", 8), ("2024-01", 10), ("2024-02", 2), ("2024-03", 12)]).unwrap();
    // A revision, so that there is a history.
    let revised = [("2023-12", 8), ("2024-01", 11), ("2024-02", 2), ("2024-03", 12), ("2024-04", 30)];
    gtm.publish("Returns, revised", &revised).unwrap();
    let said = gtm.write("said.toml", include_str!("../../examples/puebla/metadata/returns_gtm.toml")).unwrap();
    let draft = gtm.write("said.json", "").unwrap();
    for step in [&["prepare", said.as_str(), "-o", &draft][..], &["approve", &draft], &["publish", &draft]] {
        gtm.run(&[&["metadata"], step].concat()).unwrap().ok().unwrap();
    }
    let serving = gtm.serve().unwrap();
    let specification = here.join("../../../shared/data/sdmx-spec/sdmx-rest-openapi.yaml");
    for script in ["clients.py", "catalogue.py", "schemas.py", "queries.py"] {
        let mut command = Command::new(venv.join("bin/python"));
        command.arg(here.join(script)).arg(&serving.url).args(Some(&specification).filter(|path| path.exists()));
        let output = command.output().unwrap();
        println!("{}", String::from_utf8_lossy(&output.stdout));
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
