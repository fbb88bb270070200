//! Programs that share no code with Chancery: how a test gets them, or says why it goes without.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use crate::program;

/// This crate's folder.
pub fn here() -> PathBuf {
    // Told when the test runs: a target folder kept between clones remembers the folder of another.
    std::env::var("CARGO_MANIFEST_DIR").unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned()).into()
}

/// The Python of an environment `name` beside the program, with what `requirement` names installed; none, with the reason printed, if it
/// cannot be had. `pythons` are tried in turn; `check` is a statement that only works with what is wanted.
pub fn python(name: &str, pythons: &[&str], requirement: &str, check: &str) -> Result<Option<PathBuf>> {
    let venv = program()?.with_file_name(name);
    let python = venv.join("bin/python");
    let has = || Command::new(&python).args(["-c", check]).output().is_ok_and(|o| o.status.success());
    if has() {
        return Ok(Some(python));
    }
    for candidate in pythons {
        let made = Command::new(candidate).args(["-m", "venv", "--clear"]).arg(&venv).output();
        if !made.is_ok_and(|o| o.status.success()) {
            continue;
        }
        let pip = Command::new(venv.join("bin/pip")).args(["install", "--quiet", requirement]).output();
        if pip.is_ok_and(|o| o.status.success()) && has() {
            return Ok(Some(python));
        }
    }
    println!("skipped: `{requirement}` cannot be installed with {} (venv and PyPI are needed)", pythons.join(" or "));
    Ok(None)
}

/// A program of `go/`, built with Debian's Go packages; none, with the reason printed, if they are not there.
pub fn go(root: &Path, file: &str) -> Option<PathBuf> {
    let built = root.join(file.trim_end_matches(".go"));
    let build = Command::new("go")
        .args(["build", "-o"])
        .arg(&built)
        .arg(here().join("go").join(file))
        .env("GO111MODULE", "off")
        .env("GOPATH", "/usr/share/gocode")
        .env("GOCACHE", program().ok()?.with_file_name("go-cache"))
        .output();
    match build {
        Ok(output) if output.status.success() => Some(built),
        found => {
            println!("skipped: no Go program (golang-go and golang-golang-x-mod-dev are needed): {found:?}");
            None
        }
    }
}
