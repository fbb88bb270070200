//! A forum in a temporary folder: real nodes, and a member whose node says whatever a test wants.

#![allow(dead_code, unreachable_pub, missing_docs, reason = "each test binary uses a part of it")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_exchange::config::{
    DatabaseConfig, HttpConfig, MemberConfig, NetworkConfig as PeersConfig, NodeConfig, QueryLimits,
};
use chancery_exchange::{AuthorityPlace, Keyring, Node, card, draft, everything, serve_network, sign};
use chancery_ledger::checkpoint::{Checkpoint, origin};
use chancery_ledger::log::{Hash, HashStore, LogError, Tree, leaf, leaf_hash};
use chancery_ledger::release::{Artefact, DisclosureSummary, Intent, OperatorRole, Release};
use chancery_ledger::{Audience, Envelope, ForumBundle, KeyPair, Payload, Purpose, RecordKind, Trust, time};
use chancery_network::message::{
    ChunkRequest, ChunkResponse, ForumPage, HeadInfo, RecordItem, RecordPage, SyncRequest, SyncResponse,
};
use chancery_network::{AdmittedPeer, NetworkConfig, NetworkEvent, NetworkHandle, peer_id_of};
use chancery_store::notes::RefusalRow;
use chancery_store::{DataFolder, Store};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Longest wait for anything; reached only by a failing test.
pub const PATIENCE: Duration = Duration::from_secs(180);

pub fn now() -> i64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs().try_into().unwrap()
}

/// A port nobody listens on now, as the conformance tests choose theirs.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let process = std::process::id();
    let slot = std::env::var("NEXTEST_TEST_GLOBAL_SLOT").ok().and_then(|slot| slot.parse().ok()).unwrap_or(process);
    loop {
        let place = (process.wrapping_mul(37) + u32::from(NEXT.fetch_add(1, Ordering::Relaxed))) % 1_000;
        let port = (10_000 + slot % 20 * 1_000 + place) as u16;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A founded forum, none of whose nodes run yet.
pub struct World {
    pub root: tempfile::TempDir,
    pub bundle: ForumBundle,
    pub genesis: String,
}

impl World {
    pub fn found(members: &[&str]) -> Self {
        Self::found_at(members, now())
    }

    /// Founded at `at`: every delegation ends 90 days after it.
    pub fn found_at(members: &[&str], at: i64) -> Self {
        let root = tempfile::tempdir().unwrap();
        let mut cards = Vec::new();
        for member in members {
            let keyring = Keyring::new(root.path().join(member).join("keys"));
            std::fs::create_dir_all(root.path().join(member).join("keys")).unwrap();
            keyring.create(&["ana".to_owned(), "luis".to_owned()], AuthorityPlace::File(None)).unwrap();
            DataFolder::open(&root.path().join(member)).unwrap().signer_new().unwrap();
            let config = config(member, &format!("/ip4/127.0.0.1/tcp/{}", free_port()));
            cards.push(card(&config, &keyring, at).unwrap());
        }
        let mut bundle = draft("Test forum", 12, true, None, cards, at).unwrap();
        let mut genesis = String::new();
        for member in members {
            let keyring = Keyring::new(root.path().join(member).join("keys"));
            let authority = keyring.authority(|_| panic!("no passphrase")).unwrap();
            (genesis, _) = sign(
                &mut bundle,
                member,
                &keyring,
                authority.as_ref(),
                at,
                &mut keyring.signed_charters().unwrap(),
                everything,
            )
            .unwrap();
        }
        Self { root, bundle, genesis }
    }

    pub fn trust(&self) -> Trust {
        Trust::verify(None, &self.bundle).unwrap()
    }

    pub fn keyring(&self, member: &str) -> Keyring {
        Keyring::new(self.root.path().join(member).join("keys"))
    }

    pub fn folder(&self, member: &str) -> PathBuf {
        self.root.path().join(member)
    }

    fn address(&self, member: &str) -> String {
        self.trust().charter().member(member).unwrap().addresses[0].clone()
    }

    /// Opens an honest node, which may not have joined yet.
    pub async fn open(&self, member: &str) -> Node {
        Node::open(&self.folder(member), config(member, &self.address(member))).await.unwrap()
    }

    /// Opens and serves an honest node.
    pub async fn serve(&self, member: &str) -> Running {
        let node = self.open(member).await;
        if node.trust().is_err() {
            node.join(&self.bundle, &self.genesis).await.unwrap();
        }
        let (stop, tracker) = (CancellationToken::new(), TaskTracker::new());
        serve_network(&node, stop.clone(), &tracker).await.unwrap();
        let url = node.folder().database().to_string_lossy().into_owned();
        Running { node, stop, tracker, store: Store::open(&url).unwrap() }
    }
}

fn config(member: &str, listen: &str) -> NodeConfig {
    NodeConfig {
        member: MemberConfig {
            id: member.to_owned(),
            name: format!("Agency of {member}"),
            role: "member-state".to_owned(),
        },
        http: HttpConfig::default(),
        network: PeersConfig { listen: vec![listen.to_owned()], anti_entropy_s: 1, ..PeersConfig::default() },
        database: DatabaseConfig::default(),
        query: QueryLimits::default(),
    }
}

/// An honest node at work.
pub struct Running {
    pub node: Node,
    pub store: Store,
    stop: CancellationToken,
    tracker: TaskTracker,
}

impl Running {
    pub async fn stop(self) {
        self.stop.cancel();
        self.tracker.close();
        let _ = tokio::time::timeout(Duration::from_secs(10), self.tracker.wait()).await;
    }

    pub fn size_of(&self, forum: &str, member: &str) -> u64 {
        self.store.head_get(forum, member).unwrap().map_or(0, |h| h.size.try_into().unwrap())
    }

    /// How often something was refused whose kind and reason hold `part`.
    pub fn refusals(&self, forum: &str, part: &str) -> usize {
        let all = self.store.refusal_list(forum, 100_000).unwrap();
        all.iter().filter(|r| format!("{}: {}", r.what, r.reason).contains(part)).count()
    }

    /// Waits until that has been so more often than `known`.
    pub async fn refused(&self, forum: &str, part: &str, known: usize) -> RefusalRow {
        let text = |r: &RefusalRow| format!("{}: {}", r.what, r.reason);
        let look = || {
            let all = self.store.refusal_list(forum, 100_000).unwrap().into_iter();
            let mut found: Vec<RefusalRow> = all.filter(|r| text(r).contains(part)).collect();
            (found.len() > known).then(|| found.swap_remove(0))
        };
        match wait_for(look).await {
            Some(found) => found,
            None => {
                let all: Vec<String> = self.store.refusal_list(forum, 20).unwrap().iter().map(text).collect();
                panic!("nothing was refused for `{part}`, but {all:#?}")
            }
        }
    }
}

pub async fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let deadline = std::time::Instant::now() + PATIENCE;
    while std::time::Instant::now() < deadline {
        if let Some(found) = look() {
            return Some(found);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    None
}

pub struct Memory(pub Vec<Hash>);

impl HashStore for Memory {
    fn read(&self, indexes: &[u64]) -> Result<Vec<Hash>, LogError> {
        indexes.iter().map(|i| self.0.get(*i as usize).copied().ok_or(LogError::Read("missing".into()))).collect()
    }
}

/// A log as its owner has it.
#[derive(Clone)]
pub struct Log {
    pub forum: String,
    pub member: String,
    pub key: Arc<KeyPair>,
    pub leaves: Vec<Vec<u8>>,
    pub items: Vec<RecordItem>,
}

impl Log {
    pub fn new(world: &World, member: &str) -> Self {
        let key = Arc::new(world.keyring(member).key(Purpose::Log).unwrap());
        let forum = world.genesis.clone();
        let mut log = Self { forum, member: member.to_owned(), key, leaves: Vec::new(), items: Vec::new() };
        let trust = world.trust();
        for delegation in trust.delegations().filter(|d| d.member == member) {
            log.add(RecordKind::Delegation, &delegation.envelope);
        }
        log
    }

    /// Appends a public record.
    pub fn add(&mut self, kind: RecordKind, envelope: &Envelope) {
        self.leaves.push(leaf(kind, &Audience::Public, &envelope.id().unwrap(), None));
        self.items.push(RecordItem {
            position: self.leaves.len() as u64 - 1,
            envelope: String::from_utf8(envelope.to_bytes().unwrap()).unwrap(),
            salt: None,
        });
    }

    pub fn with(mut self, kind: RecordKind, envelope: &Envelope) -> Self {
        self.add(kind, envelope);
        self
    }

    /// Appends a leaf of a public release that nobody can see the record of.
    pub fn with_leaf(mut self, text: &str) -> Self {
        self.leaves.push(format!("chancery/leaf/v1\nrelease\npublic\n{text}\n").into_bytes());
        self
    }

    pub fn hashes(&self) -> Memory {
        let leaves: Vec<Hash> = self.leaves.iter().map(|l| leaf_hash(l)).collect();
        Memory(Tree(&Memory(Vec::new())).append(0, &leaves).unwrap().hashes)
    }

    pub fn note(&self) -> String {
        let size = self.leaves.len() as u64;
        let root = Tree(&self.hashes()).root(size).unwrap();
        Checkpoint { origin: origin(&self.forum, &self.member), size, root }.sign(&self.key).unwrap()
    }

    pub fn head(&self) -> HeadInfo {
        HeadInfo { member: self.member.clone(), checkpoint: self.note(), cosigned: None }
    }

    /// Everything from `from` on in one page.
    pub fn page(&self, from: u64) -> RecordPage {
        let size = self.leaves.len() as u64;
        RecordPage {
            checkpoint: self.note(),
            leaves: self.leaves.iter().skip(from as usize).map(|l| STANDARD.encode(l)).collect(),
            records: self.items.iter().filter(|i| i.position >= from).cloned().collect(),
            consistency: Vec::new(),
            rest: Vec::new(),
            root: STANDARD.encode(Tree(&self.hashes()).root(size).unwrap().0),
        }
    }

    /// How an honest owner answers.
    pub fn answer(&self, request: &SyncRequest) -> SyncResponse {
        match request {
            SyncRequest::Heads { .. } => SyncResponse::Heads(vec![self.head()]),
            SyncRequest::Records { member, from, .. }
                if *member == self.member && (*from as usize) < self.leaves.len() =>
            {
                SyncResponse::Records(Box::new(self.page(*from)))
            }
            SyncRequest::Forum { have, .. } => SyncResponse::Forum(Box::new(ForumPage {
                digest: have.clone(),
                envelopes: Vec::new(),
                conflicting: Vec::new(),
                more: false,
            })),
            SyncRequest::Evidence { .. } => SyncResponse::Evidence(Vec::new()),
            SyncRequest::Missing { .. } => SyncResponse::Missing(Vec::new()),
            _ => SyncResponse::Refused("not now".to_owned()),
        }
    }
}

/// What the hostile node answers to whom.
pub type Script = Box<dyn FnMut(&str, &SyncRequest) -> SyncResponse + Send>;
/// What it sends of an artefact.
pub type Chunks = Box<dyn FnMut(&ChunkRequest) -> ChunkResponse + Send>;

/// A member's node without manners, with that member's real keys.
pub struct Hostile {
    pub handle: NetworkHandle,
    script: Arc<Mutex<Script>>,
    chunks: Arc<Mutex<Chunks>>,
}

impl Hostile {
    pub async fn start(world: &World, member: &str, script: Script) -> Self {
        let transport = world.keyring(member).key(Purpose::Transport).unwrap();
        let listen = vec![world.address(member).parse().unwrap()];
        let config = NetworkConfig { seed: *transport.seed(), listen, forum: world.genesis.clone() };
        let (handle, mut events) = chancery_network::start(config).await.unwrap();
        let trust = world.trust();
        let admitted = |(other, key): (String, chancery_ledger::PublicKey)| AdmittedPeer {
            peer_id: peer_id_of(key.as_bytes()).unwrap(),
            addresses: vec![world.address(&other).parse().unwrap()],
            member: other,
            not_after: i64::MAX,
        };
        let others = trust.transport_peers(now()).into_iter().filter(|(other, _)| other != member);
        handle.admit(others.map(admitted).collect()).await.unwrap();
        let nothing: Chunks = Box::new(|_| ChunkResponse::Refused("nothing here".to_owned()));
        let (script, chunks) = (Arc::new(Mutex::new(script)), Arc::new(Mutex::new(nothing)));
        let (says, sends) = (Arc::clone(&script), Arc::clone(&chunks));
        tokio::spawn(async move {
            while let Some(event) = events.recv().await {
                match event {
                    NetworkEvent::SyncRequested { member, request, reply } => {
                        let _ = reply.send((says.lock().unwrap())(&member, &request));
                    }
                    NetworkEvent::ChunkRequested { request, reply, .. } => {
                        let _ = reply.send((sends.lock().unwrap())(&request));
                    }
                    _ => {}
                }
            }
        });
        Self { handle, script, chunks }
    }

    pub fn say(&self, script: impl FnMut(&str, &SyncRequest) -> SyncResponse + Send + 'static) {
        *self.script.lock().unwrap() = Box::new(script);
    }

    pub fn send(&self, chunks: impl FnMut(&ChunkRequest) -> ChunkResponse + Send + 'static) {
        *self.chunks.lock().unwrap() = Box::new(chunks);
    }

    /// Asks an honest node, once it is connected.
    pub async fn ask(&self, member: &str, request: &SyncRequest) -> SyncResponse {
        let deadline = std::time::Instant::now() + PATIENCE;
        loop {
            match self.handle.sync(member, request.clone()).await {
                Ok(answer) => return answer,
                Err(error) if std::time::Instant::now() > deadline => panic!("{error}"),
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// A record of a release of `bytes`, with what a forger may change on the way.
pub struct Forgery<'a> {
    pub world: &'a World,
    pub bytes: &'a [u8],
    pub rows: u64,
    pub issued_at: i64,
    pub approver: &'a str,
    pub publisher: KeyPair,
    /// Applied before the operators sign.
    pub draft: fn(&mut Intent),
    /// Applied after they have.
    pub change: fn(&mut Intent),
}

impl<'a> Forgery<'a> {
    pub fn of(world: &'a World, bytes: &'a [u8]) -> Self {
        let publisher = world.keyring("GTM").key(Purpose::Publisher).unwrap();
        Self { world, bytes, rows: 1, issued_at: now(), approver: "luis", publisher, draft: |_| {}, change: |_| {} }
    }

    pub fn seal(self) -> Envelope {
        use sha2::Digest as _;
        let hash = |bytes: &[u8]| hex::encode(sha2::Sha256::digest(bytes));
        let keyring = self.world.keyring("GTM");
        let mut intent = Intent {
            forum: self.world.genesis.clone(),
            issuer: "GTM".to_owned(),
            dataflow: "RCP:RETURNS(1.0.0)".to_owned(),
            structure: "RCP:DSD_RETURNS(1.0.0)".to_owned(),
            title: "figures".to_owned(),
            audience: Audience::Public,
            embargo: None,
            artefacts: vec![Artefact {
                sha256: hash(self.bytes),
                bytes: self.bytes.len() as u64,
                rows: self.rows,
                media_type: "application/vnd.apache.parquet".to_owned(),
                periods: ["2024-01".to_owned(), "2024-12".to_owned()],
                chunk_bytes: 1 << 20,
                chunks: self.bytes.chunks(1 << 20).map(hash).collect(),
            }],
            disclosure: DisclosureSummary {
                profile: "none".to_owned(),
                profile_sha256: hash(b"profile"),
                suppressed_primary: 0,
                suppressed_secondary: 0,
                rounded: 0,
                report_sha256: hash(b"report"),
            },
        };
        (self.draft)(&mut intent);
        let operators = vec![
            intent.sign(OperatorRole::Prepare, &keyring.operator("ana").unwrap()).unwrap(),
            intent.sign(OperatorRole::Approve, &keyring.operator(self.approver).unwrap()).unwrap(),
        ];
        (self.change)(&mut intent);
        let payload = Payload {
            forum: self.world.genesis.clone(),
            issuer: "GTM".to_owned(),
            issued_at: time::format(self.issued_at),
            kind: RecordKind::Release,
            body: Release { intent, operators, replaces: None },
        };
        Envelope::seal(&payload, &[&self.publisher]).unwrap()
    }
}
