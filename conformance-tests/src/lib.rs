//! Black-box tests of running nodes: what they may know is the command line and HTTP.
//!
//! The program is found beside the test's own target folder, or named by `CHANCERY_BIN`.

pub mod foreign;

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;
use tempfile::TempDir;

/// How long anything may take that another process has to do first.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// The program under test.
pub fn program() -> Result<PathBuf> {
    if let Some(named) = std::env::var_os("CHANCERY_BIN") {
        return Ok(named.into());
    }
    let test = std::env::current_exe()?;
    let found = test.ancestors().map(|dir| dir.join("chancery")).find(|path| path.is_file());
    found.context("there is no `chancery` beside the tests: run `cargo build -p chancery`, or set CHANCERY_BIN")
}

/// What a command gave.
#[derive(Debug)]
pub struct Answer {
    /// Exit code.
    pub code: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Answer {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The output, if the command did what was asked.
    pub fn ok(self) -> Result<String> {
        ensure!(self.code == 0, "exit code {}: {}", self.code, self.err);
        Ok(self.out)
    }

    /// The output as JSON.
    pub fn json(self) -> Result<Value> {
        Ok(serde_json::from_str(&self.ok()?)?)
    }
}

/// A port nobody listens on now, below those that the system gives to connections. Each of the tests that run at once has its own thousand: what one
/// has chosen and not yet taken, another must not take.
pub fn free_port() -> Result<u16> {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = std::process::id();
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse().ok()).unwrap_or(process);
    loop {
        let place = (process.wrapping_mul(37) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % 1_000;
        let port = (10_000 + slot % 20 * 1_000 + place) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
}

/// A node's folder and where it listens.
#[derive(Debug)]
pub struct TestNode {
    /// Member id.
    pub member: String,
    /// Its folder.
    pub dir: PathBuf,
    /// HTTP port.
    pub http: u16,
}

/// A serving process, stopped when dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    /// Where it answers.
    pub url: String,
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl TestNode {
    /// Makes a node.
    pub fn init(root: &Path, member: &str) -> Result<Self> {
        let (http, network) = (free_port()?, free_port()?);
        let node = Self { member: member.to_owned(), dir: root.join(member), http };
        let (http, listen) = (format!("127.0.0.1:{http}"), format!("/ip4/127.0.0.1/tcp/{network}"));
        let name = format!("Agency of {member}");
        node.run(&[
            "init",
            "--member",
            member,
            "--name",
            &name,
            "--no-passphrase",
            "--http",
            &http,
            "--listen",
            &listen,
        ])?
        .ok()?;
        Ok(node)
    }

    /// The command line for this node.
    pub fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(program()?);
        command.arg("--dir").arg(&self.dir).args(args).stdin(Stdio::null());
        Ok(command)
    }

    /// Runs a command to its end.
    pub fn run(&self, args: &[&str]) -> Result<Answer> {
        Ok(Answer::of(self.command(args)?.output()?))
    }

    /// Runs a command that must succeed, for its JSON.
    pub fn json(&self, args: &[&str]) -> Result<Value> {
        self.run(&[args, &["--json"]].concat())?.json()
    }

    /// Signs a bundle by `command`, which is `forum sign` or `keys sign` with what it needs: every record that it shows as waiting, by its id.
    pub fn sign_by(&self, command: &[&str]) -> Result<Answer> {
        let waiting = self.json(&[command, &["--show"]].concat())?;
        let waiting = waiting.as_array().context("no list of what waits")?;
        let mut args = command.to_vec();
        for record in waiting {
            args.extend(["--record", record["id"].as_str().context("no record id")?]);
        }
        self.run(&args)
    }

    /// Signs everything that waits for this member in a bundle.
    pub fn sign(&self, bundle: &str) -> Result<()> {
        self.sign_by(&["forum", "sign", bundle])?.ok().map(drop)
    }

    /// Starts serving and waits until it answers.
    pub fn serve(&self) -> Result<Serving> {
        let mut child = self.command(&["serve"])?.stdout(Stdio::piped()).stderr(Stdio::null()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().context("no output")?).read_line(&mut line)?;
        let serving = Serving { child, url: format!("http://127.0.0.1:{}", self.http) };
        ensure!(line.contains(&serving.url), "the node of {} did not start: `{line}`", self.member);
        Ok(serving)
    }

    /// Imports, approves and publishes figures: rows of month and persons. Returns the release's id.
    pub fn publish(&self, title: &str, rows: &[(&str, u32)]) -> Result<String> {
        self.stage(title, rows)?;
        self.run(&["approve"])?.ok()?;
        release_of(&self.json(&["publish"])?)
    }

    /// Imports figures. Returns the stage's id.
    pub fn stage(&self, title: &str, rows: &[(&str, u32)]) -> Result<String> {
        let text = rows.iter().map(|(month, persons)| format!("{month},MEX,{persons}\n")).collect::<String>();
        let file = self.write("returns.csv", &format!("month,from,persons\n{text}"))?;
        let mapping = self.write("returns.toml", &mapping(&self.member))?;
        let staged = self.json(&["import", &file, "--mapping", &mapping, "--title", title])?;
        Ok(staged["stage"].as_str().context("no stage")?.to_owned())
    }

    /// Writes a file beside the node's folder.
    pub fn write(&self, name: &str, text: &str) -> Result<String> {
        let path = self.dir.with_extension(name);
        std::fs::write(&path, text)?;
        Ok(path.to_string_lossy().into_owned())
    }
}

/// The release a `publish --json` names.
pub fn release_of(answer: &Value) -> Result<String> {
    Ok(answer["release"].as_str().context("no release was named")?.to_owned())
}

/// The mapping of [`TestNode::stage`]'s file.
pub fn mapping(member: &str) -> String {
    format!(
        r#"dataflow = "RCP:RETURNS(1.0.0)"
[components]
FREQ = {{ value = "M" }}
REF_AREA = {{ value = "{member}" }}
ORIGIN = {{ column = "from" }}
DESTINATION = {{ value = "{member}" }}
RETURN_TYPE = {{ value = "_T" }}
SEX = {{ value = "_T" }}
AGE = {{ value = "_T" }}
TIME_PERIOD = {{ column = "month" }}
OBS_VALUE = {{ column = "persons" }}
OBS_STATUS = {{ value = "A" }}
CONF_STATUS = {{ value = "F" }}
UNIT_MEASURE = {{ value = "PS" }}
COUNTED = {{ value = "PERSONS" }}
BASIS = {{ value = "CITIZENSHIP" }}
DURATION = {{ value = "_Z" }}
SOURCE_KIND = {{ value = "ADMINISTRATIVE" }}
SOURCE = {{ value = "test" }}
"#
    )
}

/// A founded forum.
#[derive(Debug)]
pub struct TestForum {
    /// Its nodes.
    pub nodes: Vec<TestNode>,
    /// Its genesis id.
    pub genesis: String,
    /// The signed bundle.
    pub bundle: PathBuf,
    /// Where everything is; removed when dropped.
    pub root: TempDir,
}

impl TestForum {
    /// Makes nodes for `members` and founds a forum by the command line.
    pub fn found(members: &[&str]) -> Result<Self> {
        let root = TempDir::new()?;
        let nodes = members.iter().map(|m| TestNode::init(root.path(), m)).collect::<Result<Vec<_>>>()?;
        Self::found_by(root, nodes)
    }

    /// Founds a forum of nodes that are made already, each by its own `init`.
    pub fn of(nodes: Vec<TestNode>) -> Result<Self> {
        Self::found_by(TempDir::new()?, nodes)
    }

    fn found_by(root: TempDir, nodes: Vec<TestNode>) -> Result<Self> {
        let bundle = root.path().join("forum.json");
        let path = bundle.to_str().context("path")?.to_owned();
        let mut cards = Vec::new();
        for node in &nodes {
            let card = node.dir.with_extension("card.json").to_string_lossy().into_owned();
            node.run(&["forum", "card", "--output", &card])?.ok()?;
            cards.push(card);
        }
        let first = nodes.first().context("a forum needs members")?;
        let mut draft = vec!["forum", "draft", "--name", "Test forum", "--output", &path];
        draft.extend(cards.iter().map(String::as_str));
        first.run(&draft)?.ok()?;
        for node in &nodes {
            node.sign(&path)?;
        }
        let shown = first.json(&["forum", "show", &path])?;
        let genesis = shown["genesis"].as_str().context("no genesis id")?.to_owned();
        for node in &nodes {
            node.run(&["forum", "join", &path, "--genesis", &genesis])?.ok()?;
        }
        Ok(Self { nodes, genesis, bundle, root })
    }
}

/// The body at an address, whatever its status.
pub fn get(url: &str) -> Result<(u16, String)> {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut response = agent.get(url).call()?;
    Ok((response.status().as_u16(), response.body_mut().read_to_string()?))
}

/// JSON at an address.
pub fn get_json(url: &str) -> Result<Value> {
    let (status, body) = get(url)?;
    ensure!(status == 200, "{url}: {status}: {body}");
    Ok(serde_json::from_str(&body)?)
}

/// Tries until `look` finds something.
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Result<Option<T>>) -> Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look()? {
            return Ok(found);
        }
        if Instant::now() > deadline {
            bail!("waited in vain for {what}");
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}
