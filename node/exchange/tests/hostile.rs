//! What a member's hostile node can say is refused with a reason, changes nothing and costs no memory.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may end so")]

mod support;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chancery_exchange::{Amendment, amend, mandates};
use chancery_ledger::charter::Member;
use chancery_ledger::delegation::Delegation;
use chancery_ledger::log::Tree;
use chancery_ledger::proof::encode_hashes;
use chancery_ledger::release::Withdrawal;
use chancery_ledger::revocation::Revocation;
use chancery_ledger::suspension::Suspension;
use chancery_ledger::witness::AddCheckpoint;
use chancery_ledger::{Envelope, KeyPair, Payload, Purpose, RecordKind, cosignature, time};
use chancery_network::message::{
    ChunkRequest, ChunkResponse, EvidenceItem, ForumPage, HeadInfo, RecordPage, SyncRequest, SyncResponse,
};
use support::*;

/// More than this the whole table may not add to the memory of the process, in which both nodes run.
const MAX_GROWTH_KIB: u64 = 64 << 10;

fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0");
    line.trim().trim_end_matches(" kB").trim().parse().unwrap_or(0)
}

/// A page that lies, made of an honest one.
type Lie = fn(&mut RecordPage);

/// Lies in a page whose last leaf is new, and a part of the reason for which it is refused.
const PAGES: [(&str, Lie, &str); 12] = [
    ("no leaves", no_leaves, "sent no page of records"),
    ("a leaf that is not base64", |p| p.leaves[0] = "*".to_owned(), "a leaf is not base64"),
    ("a leaf of another record", |p| p.leaves[0] = STANDARD.encode(b"other"), "is not the one its leaf commits to"),
    ("a record beyond the leaves", |p| p.records[0].position += 7, "has no leaf"),
    ("a record before the leaves", |p| p.records[0].position = 0, "position 0 has no leaf"),
    ("a public record kept back", |p| p.records.clear(), "the public record at position"),
    ("a salt on a public record", |p| p.records[0].salt = Some("0a".repeat(32)), "is not the one its leaf commits to"),
    ("JSON of ten thousand levels", |p| p.records[0].envelope = "[".repeat(10_000), "record at position"),
    ("an envelope that is not JSON", |p| p.records[0].envelope = "envelope".to_owned(), "record at position"),
    ("leaves that the head does not have", |p| p.leaves.push(STANDARD.encode(b"more")), "not those of its signed log"),
    ("hashes that are none", |p| p.rest = vec!["!".to_owned()], "a proof is not base64 hashes"),
    (
        "a head that nobody signed",
        |p| p.checkpoint = unsigned(&p.checkpoint),
        "the head of the log of `GTM` is refused",
    ),
];

fn no_leaves(page: &mut RecordPage) {
    page.leaves.clear();
    page.records.clear();
}

/// The note with the signature's last bytes changed.
fn unsigned(note: &str) -> String {
    let (body, signature) = note.trim_end().rsplit_once(' ').unwrap();
    let mut bytes = STANDARD.decode(signature).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    format!("{body} {}\n", STANDARD.encode(bytes))
}

/// A lie in an answer to any question, and a part of the reason.
type Answer = fn(&Log, &SyncRequest) -> Option<SyncResponse>;

const ANSWERS: [(&str, Answer, &str); 13] = [
    (
        "the log of no member",
        |log, q| heads(q, vec![HeadInfo { member: "XYZ".to_owned(), ..log.head() }]),
        "`XYZ` is no member",
    ),
    (
        "another member's log",
        |log, q| heads(q, vec![HeadInfo { member: "HND".to_owned(), ..log.head() }]),
        "the head of `HND`",
    ),
    (
        "a head that is no note",
        |log, q| heads(q, vec![HeadInfo { checkpoint: "head".to_owned(), ..log.head() }]),
        "the head of `GTM`",
    ),
    (
        "a head of a size beyond all",
        |log, q| {
            heads(
                q,
                vec![HeadInfo {
                    checkpoint: log.note().replacen(&format!("\n{}\n", log.leaves.len()), "\n9223372036854775807\n", 1),
                    ..log.head()
                }],
            )
        },
        "9223372036854775807 leaves",
    ),
    (
        "this node's own log, unsigned",
        |log, q| {
            heads(
                q,
                vec![HeadInfo {
                    member: "MEX".to_owned(),
                    checkpoint: log.note().replace("/GTM", "/MEX"),
                    cosigned: None,
                }],
            )
        },
        "a head with another root: no delegated log key signed",
    ),
    (
        "an answer to another question",
        |_, q| matches!(q, SyncRequest::Heads { .. }).then(|| SyncResponse::Conflict(1)),
        "answered another question",
    ),
    ("a forum without end", |_, q| forum(q, |page| page.more = true), "sends more of the forum than there can be"),
    (
        "a forum of records that are none",
        |_, q| forum(q, |page| page.envelopes = vec!["{}".to_owned()]),
        "a record of the forum",
    ),
    (
        "an accusation without proof",
        |log, q| evidence(q, "HND", log.note(), log.note()),
        "accuses the log of `HND` without proof",
    ),
    (
        "an accusation by two equal heads",
        |log, q| evidence(q, "GTM", log.note(), log.note()),
        "do not contradict each other",
    ),
    (
        "a cosignature that is none",
        |_, q| cosign(q, SyncResponse::Cosigned("— nobody AAAA".to_owned())),
        "the cosignature of `GTM`",
    ),
    (
        "a cosignature of another log",
        |log, q| cosign(q, SyncResponse::Conflict(log.leaves.len() as u64 % 2)),
        "does not say which head it cosigned last",
    ),
    (
        "a witness that has seen too much",
        |_, q| cosign(q, SyncResponse::Conflict(1_000_000)),
        "has cosigned 1000000 leaves",
    ),
];

fn heads(question: &SyncRequest, heads: Vec<HeadInfo>) -> Option<SyncResponse> {
    matches!(question, SyncRequest::Heads { .. }).then(|| SyncResponse::Heads(heads))
}

fn forum(question: &SyncRequest, lie: fn(&mut ForumPage)) -> Option<SyncResponse> {
    let SyncRequest::Forum { .. } = question else { return None };
    let mut page = ForumPage { digest: "0a".repeat(32), envelopes: Vec::new(), conflicting: Vec::new(), more: false };
    lie(&mut page);
    Some(SyncResponse::Forum(Box::new(page)))
}

fn evidence(question: &SyncRequest, member: &str, first: String, second: String) -> Option<SyncResponse> {
    let item = EvidenceItem { member: member.to_owned(), first, second, root: None, proof: Vec::new() };
    matches!(question, SyncRequest::Evidence { .. }).then(|| SyncResponse::Evidence(vec![item]))
}

fn cosign(question: &SyncRequest, answer: SyncResponse) -> Option<SyncResponse> {
    matches!(question, SyncRequest::Cosign { .. }).then_some(answer)
}

/// Records that a log's owner may put into it and that are refused alone: the log goes on behind them.
fn records(world: &World) -> Vec<(&'static str, RecordKind, Envelope, &'static str)> {
    let stranger = || KeyPair::from_seed(&[9; 32]);
    let junk: &'static [u8] = b"PAR1 this is no file of Parquet PAR1";
    let of = |change: fn(&mut Forgery<'_>)| {
        let mut forgery = Forgery::of(world, junk);
        change(&mut forgery);
        forgery.seal()
    };
    let withdrawal = Payload {
        forum: world.genesis.clone(),
        issuer: "GTM".to_owned(),
        issued_at: time::format(now()),
        kind: RecordKind::Withdrawal,
        body: Withdrawal { release: "0b".repeat(32), reason: "no reason".to_owned(), audience: None },
    };
    let release = RecordKind::Release;
    vec![
        ("one operator's release", release, of(|f| f.approver = "ana"), "four-eyes rule is not met"),
        (
            "a publisher without mandate",
            release,
            of(|f| f.publisher = KeyPair::from_seed(&[8; 32])),
            "no publisher key of `GTM`",
        ),
        ("a release of next year", release, of(|f| f.issued_at += 80 * 24 * 3600), "in the future"),
        (
            "a release of the last century",
            release,
            of(|f| f.issued_at = 1_000),
            "no publisher key of `GTM` in force at 1970",
        ),
        (
            "figures changed after approval",
            release,
            of(|f| f.change = |i| i.title = "other".to_owned()),
            "was changed after it was signed",
        ),
        (
            "artefacts without end",
            release,
            of(|f| f.draft = |i| i.artefacts[0].bytes = 1 << 50),
            "1125899906842624 bytes",
        ),
        (
            "a withdrawal by a stranger",
            RecordKind::Withdrawal,
            Envelope::seal(&withdrawal, &[&stranger()]).unwrap(),
            "withdrawal ",
        ),
    ]
}

/// A small file that unpacks to five million values.
fn bomb() -> Vec<u8> {
    use std::sync::Arc;

    use arrow::array::{ArrayRef, Int64Array, RecordBatch};
    use arrow::datatypes::{DataType, Field, Schema};
    let schema = Arc::new(Schema::new(vec![Field::new("OBS_VALUE", DataType::Int64, false)]));
    let compression = parquet::basic::Compression::ZSTD(parquet::basic::ZstdLevel::default());
    let properties = parquet::file::properties::WriterProperties::builder()
        .set_compression(compression)
        .set_dictionary_enabled(true)
        .set_max_row_group_row_count(None)
        .build();
    let mut writer = parquet::arrow::ArrowWriter::try_new(Vec::new(), Arc::clone(&schema), Some(properties)).unwrap();
    let column: ArrayRef = Arc::new(Int64Array::from(vec![7; 1_000_000]));
    let batch = RecordBatch::try_new(schema, vec![column]).unwrap();
    for _ in 0..5 {
        writer.write(&batch).unwrap();
    }
    writer.into_inner().unwrap()
}

/// Records that are refused alone. How many.
async fn records_alone(world: &World, log: &mut Log, hostile: &Hostile, mex: &Running) -> usize {
    let mut refused = 0;
    for (what, kind, envelope, reason) in records(world) {
        let known = mex.refusals(&world.genesis, reason);
        log.add(kind, &envelope);
        let now = log.clone();
        hostile.say(move |_, question| now.answer(question));
        mex.refused(&world.genesis, reason, known).await;
        let id = envelope.id().unwrap();
        assert!(mex.store.release_get(&id).unwrap().is_none(), "{what}");
        refused += 1;
    }
    refused
}

/// What is sent of a file.
type Serving = fn(&[u8]) -> Vec<u8>;

/// Files: other bytes than were signed, no Parquet, a bomb.
///
/// What cannot be fetched is asked for again, so the log stops there and the
/// next file takes the place; what was fetched and is refused is passed over. How many.
async fn files(world: &World, log: &mut Log, hostile: &Hostile, mex: &Running, bomb: &[u8]) -> usize {
    let mut refused = 0;
    let junk = b"PAR1 this is no file of Parquet PAR1".to_vec();
    let files: [(&[u8], Serving, &str, bool); 4] = [
        (b"PAR1 signed PAR1", |_| b"PAR1 served PAR1".to_vec(), "with other bytes than were signed", false),
        (b"PAR1 whole PAR1", |file| file[..4].to_vec(), "with other bytes than were signed", false),
        (&junk, <[u8]>::to_vec, "does not fit the schema", true),
        (bomb, <[u8]>::to_vec, "too large to be read safely", true),
    ];
    for (file, serve, reason, passed_over) in files {
        let known = mex.refusals(&world.genesis, reason);
        let envelope = Forgery::of(world, file).seal();
        let now = log.clone().with(RecordKind::Release, &envelope);
        if passed_over {
            *log = now.clone();
        }
        let served = serve(file);
        hostile.send(move |request| {
            let from = (request.offset as usize).min(served.len());
            let to = (from + request.length as usize).min(served.len());
            ChunkResponse::Bytes(served[from..to].to_vec())
        });
        hostile.say(move |_, question| now.answer(question));
        mex.refused(&world.genesis, reason, known).await;
        assert!(mex.store.release_get(&envelope.id().unwrap()).unwrap().is_none(), "{reason}");
        refused += 1;
    }
    refused
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_answers_are_refused_with_a_reason_and_change_nothing() {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let forum = world.genesis.clone();
    let mut log = Log::new(&world, "GTM");
    let honest = log.clone();
    let hostile = Hostile::start(&world, "GTM", Box::new(move |_, q| honest.answer(q))).await;
    let mex = world.serve("MEX").await;
    let base = log.leaves.len() as u64;
    wait_for(|| (mex.size_of(&forum, "GTM") == base).then_some(())).await.expect("the honest log was not taken");
    let bomb = bomb();
    let before = resident_kib();
    let mut refused = 0;

    // Pages: the honest log with one more delegation, lied about.
    let keyring = world.keyring("GTM");
    let mandates = chancery_exchange::mandates(&forum, "GTM", &keyring, now() + 1).unwrap();
    let authority = keyring.authority(|_| panic!("no passphrase")).unwrap();
    let mut extra = mandates.into_iter().next().unwrap();
    extra.sign(authority.as_ref()).unwrap();
    let longer = log.clone().with(RecordKind::Delegation, &extra);
    for (what, lie, reason) in PAGES {
        let log = longer.clone();
        let known = mex.refusals(&forum, reason);
        hostile.say(move |_, question| match question {
            SyncRequest::Records { from, .. } => {
                let mut page = log.page(*from);
                lie(&mut page);
                SyncResponse::Records(Box::new(page))
            }
            other => log.answer(other),
        });
        let row = mex.refused(&forum, reason, known).await;
        assert_eq!(row.peer, "GTM", "{what}: {row:?}");
        assert_eq!(mex.size_of(&forum, "GTM"), base, "{what}");
        refused += 1;
    }
    for (what, lie, reason) in ANSWERS {
        let log = log.clone();
        let known = mex.refusals(&forum, reason);
        hostile.say(move |_, question| lie(&log, question).unwrap_or_else(|| log.answer(question)));
        let row = mex.refused(&forum, reason, known).await;
        assert_eq!(row.peer, "GTM", "{what}: {row:?}");
        assert_eq!(mex.size_of(&forum, "GTM"), base, "{what}");
        refused += 1;
    }
    // Nobody's bare word has stopped this node's own log.
    let keyring = world.keyring("MEX");
    let mut own = chancery_exchange::mandates(&forum, "MEX", &keyring, now() + 1).unwrap().swap_remove(0);
    own.sign(keyring.authority(|_| panic!("no passphrase")).unwrap().as_ref()).unwrap();
    mex.node.append_public(vec![(RecordKind::Delegation, own)]).await.unwrap();
    // Mandates that are not the member's to give.
    let stolen = {
        let mut forged = extra.clone();
        forged.signatures.clear();
        forged.sign(&KeyPair::from_seed(&[9; 32])).unwrap();
        forged
    };
    let log_of_stolen = log.clone().with(RecordKind::Delegation, &stolen);
    let known = mex.refusals(&forum, "the delegation");
    hostile.say(move |_, question| log_of_stolen.answer(question));
    mex.refused(&forum, "the delegation", known).await;
    assert_eq!(mex.size_of(&forum, "GTM"), base);
    refused += 1;

    refused += records_alone(&world, &mut log, &hostile, &mex).await;
    refused += files(&world, &mut log, &hostile, &mex, &bomb).await;
    let growth = resident_kib().saturating_sub(before);
    println!("{refused} behaviours were refused; the process grew by {growth} KiB");
    assert!(refused >= 25 && growth < MAX_GROWTH_KIB, "{growth} KiB");
    mex.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_questions_are_refused_with_a_reason() {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let (forum, other) = (world.genesis.clone(), "0b".repeat(32));
    let log = Log::new(&world, "GTM");
    let honest = log.clone();
    let hostile = Hostile::start(&world, "GTM", Box::new(move |_, q| honest.answer(q))).await;
    let mex = world.serve("MEX").await;
    let size = log.leaves.len() as u64;
    wait_for(|| (mex.size_of(&forum, "GTM") == size).then_some(())).await.expect("the honest log was not taken");
    let records = |forum: &str, member: &str, from| SyncRequest::Records {
        forum: forum.to_owned(),
        member: member.to_owned(),
        from,
    };
    let growth = |from| SyncRequest::Growth { forum: forum.clone(), member: "GTM".to_owned(), from };
    let cosign = |body: String| SyncRequest::Cosign { forum: forum.clone(), body };
    let body = |old, log: &Log, proof| AddCheckpoint { old, proof, checkpoint: log.note() }.to_text();
    let longer = log.clone().with_leaf(&"0c".repeat(32));
    let proof = Tree(&longer.hashes()).prove_consistency(size + 1, size).unwrap();
    // The witness cosigns the head it is shown first.
    let answer = hostile.ask("MEX", &cosign(body(0, &log, Vec::new()))).await;
    assert!(matches!(answer, SyncResponse::Cosigned(_)), "{answer:?}");
    let stranger = log.note().replace("/GTM", "/XYZ");
    let questions = [
        ("another forum's heads", SyncRequest::Heads { forum: other.clone() }, "another forum"),
        ("another forum's records", records(&other, "GTM", 0), "another forum"),
        ("another forum's evidence", SyncRequest::Evidence { forum: other, known: Vec::new() }, "another forum"),
        ("records of no member", records(&forum, "XYZ", 0), "no complete log of `XYZ`"),
        ("records beyond the end", records(&forum, "GTM", u64::MAX), "leaves here"),
        ("growth from nothing", growth(0), "leaves here"),
        ("growth from beyond", growth(u64::MAX), "leaves here"),
        ("a cosignature on no head", cosign("old 0\n\nhead".to_owned()), "not one of this forum"),
        ("a cosignature on another's log", cosign(format!("old 0\n\n{stranger}")), "not one of this forum"),
        (
            "a cosignature on an unsigned head",
            cosign(format!("old 0\n\n{}", unsigned(&log.note()))),
            "no delegated log key",
        ),
        ("a cosignature without a proof", cosign(body(size, &longer, Vec::new())), "does not hold"),
        ("a cosignature on a shorter log", cosign(body(size + 9, &log, proof.clone())), "leaves"),
    ];
    for (what, question, reason) in questions {
        match hostile.ask("MEX", &question).await {
            SyncResponse::Refused(text) => assert!(text.contains(reason), "{what}: {text}"),
            answer => panic!("{what}: {answer:?}"),
        }
    }
    // A stale size is told, not cosigned.
    assert_eq!(hostile.ask("MEX", &cosign(body(0, &longer, Vec::new()))).await, SyncResponse::Conflict(size));
    let chunk = ChunkRequest { forum: forum.clone(), sha256: "0b".repeat(32), offset: 0, length: 1_000 };
    let answer = hostile.handle.chunk("MEX", chunk).await.unwrap();
    assert!(matches!(&answer, ChunkResponse::Refused(text) if text.contains("no such artefact")), "{answer:?}");
    mex.stop().await;
}

/// How soon a fork must be known everywhere, which the forum was promised; [`wait_for`] has more patience.
const SHOWN_WITHIN: std::time::Duration = std::time::Duration::from_secs(30);

/// The same log shown to two nodes with another last leaf, and perhaps one more: both nodes have the proof soon.
async fn equivocate(more: usize) {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let forum = world.genesis.clone();
    let base = Log::new(&world, "GTM");
    let (to_mex, mut to_hnd) = (base.clone().with_leaf(&"0a".repeat(32)), base.with_leaf(&"0b".repeat(32)));
    for leaf in 0..more {
        to_hnd = to_hnd.with_leaf(&format!("{leaf:064x}"));
    }
    let sizes = (to_mex.leaves.len() as u64, to_hnd.leaves.len() as u64);
    let script = move |asker: &str, q: &SyncRequest| if asker == "MEX" { to_mex.answer(q) } else { to_hnd.answer(q) };
    let hostile = Hostile::start(&world, "GTM", Box::new(script)).await;
    // Each takes what it is shown while the other is not there.
    let hnd = world.serve("HND").await;
    wait_for(|| (hnd.size_of(&forum, "GTM") == sizes.1).then_some(())).await.expect("HND took no log");
    hnd.stop().await;
    let mex = world.serve("MEX").await;
    wait_for(|| (mex.size_of(&forum, "GTM") == sizes.0).then_some(())).await.expect("MEX took no log");
    let began = std::time::Instant::now();
    let hnd = world.serve("HND").await;
    for node in [&mex, &hnd] {
        let seen = wait_for(|| node.store.evidence_list(&forum).unwrap().into_iter().next()).await;
        assert_eq!(seen.expect("no evidence").0, "GTM");
        let proofs = node.node.evidence().await.unwrap();
        assert!(!proofs.is_empty());
        proofs.iter().for_each(|proof| proof.verify(&world.trust()).unwrap());
        let findings = node.node.doctor().await.unwrap();
        assert!(findings.iter().any(|f| f.check == "evidence" && !f.ok && f.detail.contains("GTM")), "{findings:?}");
        let view = node.node.forum_view().await.unwrap();
        let gtm = view.members.iter().find(|m| m.id == "GTM" && m.forked_at.is_some()).unwrap();
        let heads = &gtm.fork.as_ref().unwrap().heads;
        assert!(heads.len() == 2 && heads.iter().all(|head| head.signed_by.len() == 1), "{heads:?}");
        assert_ne!(heads[0].root, heads[1].root);
        assert!(view.members.iter().all(|m| m.id == "GTM" || m.fork.is_none()) && view.rival_charters.is_none());
    }
    let took = began.elapsed();
    println!("both nodes had the proof after {:.1} s", took.as_secs_f32());
    assert!(took < SHOWN_WITHIN, "both nodes had the proof only after {:.1} s", took.as_secs_f32());
    // Nothing of that log is cosigned any more.
    let body = "old 0\n\n".to_owned() + &Log::new(&world, "GTM").note();
    let answer = hostile.ask("MEX", &SyncRequest::Cosign { forum, body }).await;
    assert!(matches!(&answer, SyncResponse::Refused(text) if text.contains("seen forked")), "{answer:?}");
    mex.stop().await;
    hnd.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_heads_of_one_size_are_known_everywhere() {
    equivocate(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_head_that_does_not_extend_another_is_known_everywhere() {
    equivocate(3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shrunk_log_with_another_past_is_evidence() {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let forum = world.genesis.clone();
    let base = Log::new(&world, "GTM");
    let long = base.clone().with_leaf(&"0a".repeat(32)).with_leaf(&"0b".repeat(32));
    let (size, shown) = (long.leaves.len() as u64, long.clone());
    let hostile = Hostile::start(&world, "GTM", Box::new(move |_, q| shown.answer(q))).await;
    let mex = world.serve("MEX").await;
    wait_for(|| (mex.size_of(&forum, "GTM") == size).then_some(())).await.expect("MEX took no log");
    // An earlier state of the same log is no offence.
    let earlier = base.clone().with_leaf(&"0a".repeat(32));
    hostile.say(move |_, q| earlier.answer(q));
    let request = SyncRequest::Evidence { forum: forum.clone(), known: Vec::new() };
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(hostile.ask("MEX", &request).await, SyncResponse::Evidence(Vec::new()));
    let shrunk = base.with_leaf(&"0c".repeat(32));
    hostile.say(move |_, q| shrunk.answer(q));
    mex.refused(&forum, "the log of `GTM` was forked", 0).await;
    assert_eq!(mex.size_of(&forum, "GTM"), size);
    let SyncResponse::Evidence(items) = hostile.ask("MEX", &request).await else { panic!("no evidence") };
    assert!(items.iter().any(|item| item.member == "GTM" && item.root.is_some()));
    mex.stop().await;
}

/// Gives GTM another authority key and everything delegated anew by it. Returns what the old key, stolen since, has dated back.
fn rotate(world: &mut World) -> Envelope {
    let (keyring, new) = (world.keyring("GTM"), KeyPair::from_seed(&[7; 32]));
    let old = keyring.authority(|_| unreachable!()).unwrap();
    let member = world.trust().charter().member("GTM").unwrap().clone();
    let wanted = Amendment { update: vec![Member { authority_key: new.public(), ..member }], ..Amendment::default() };
    let mut forum = amend(&world.bundle, wanted, "GTM", now()).unwrap();
    let charter = forum.charters.last_mut().unwrap();
    for member in ["GTM", "HND", "MEX"] {
        charter.sign(world.keyring(member).authority(|_| unreachable!()).unwrap().as_ref()).unwrap();
    }
    charter.sign(&new).unwrap();
    let anew = mandates(&world.genesis, "GTM", &keyring, now()).unwrap();
    forum.delegations.extend(anew.into_iter().map(|mut mandate| {
        mandate.sign(&new).unwrap();
        mandate
    }));
    world.bundle = forum;
    let stolen = KeyPair::from_seed(&[9; 32]);
    let body = Delegation {
        purpose: Purpose::Log,
        key: stolen.public(),
        name: "log".to_owned(),
        not_before: time::format(now() - 3600),
        not_after: time::format(now() + 3600),
    };
    let (forum, issuer, issued_at) = (world.genesis.clone(), "GTM".to_owned(), time::format(now() - 3600));
    let payload = Payload { forum, issuer, issued_at, kind: RecordKind::Delegation, body };
    Envelope::seal(&payload, &[old.as_ref(), &stolen]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_replaced_key_signed_is_believed_from_its_members_log_alone() {
    let mut world = World::found(&["GTM", "HND", "MEX"]);
    let late = rotate(&mut world);
    let (id, forum, log) = (late.id().unwrap(), world.genesis.clone(), Log::new(&world, "GTM"));
    let (honest, text) = (log.clone(), String::from_utf8(late.to_bytes().unwrap()).unwrap());
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let offer = move |_: &str, q: &SyncRequest| match q {
        SyncRequest::Forum { .. } => {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let envelopes = vec![text.clone()];
            let digest = "0b".repeat(32);
            SyncResponse::Forum(Box::new(ForumPage { digest, envelopes, conflicting: Vec::new(), more: false }))
        }
        other => honest.answer(other),
    };
    let hostile = Hostile::start(&world, "GTM", Box::new(offer)).await;
    let mex = world.serve("MEX").await;
    let known = || mex.node.trust().unwrap().delegations().any(|d| d.id == id);
    wait_for(|| (asked.load(std::sync::atomic::Ordering::SeqCst) > 1).then_some(())).await.expect("not asked");
    wait_for(|| (mex.size_of(&forum, "GTM") > 0).then_some(())).await.expect("MEX took no log");
    assert!(!known(), "by hearsay");
    let logged = log.with(RecordKind::Delegation, &late);
    hostile.say(move |_, q| logged.answer(q));
    wait_for(|| known().then_some(())).await.expect("not taken from the log");
    mex.stop().await;
}

#[tokio::test]
async fn who_joins_anew_believes_and_logs_nothing_of_a_thief() {
    let mut world = World::found(&["GTM", "HND", "MEX"]);
    let stolen = rotate(&mut world);
    let mut doctored = world.bundle.clone();
    doctored.delegations.push(stolen.clone());
    // Nor is it kept out by a record that nobody has signed.
    let mut unsigned = doctored.delegations[0].clone();
    unsigned.signatures.clear();
    doctored.delegations.push(unsigned);
    let node = world.open("GTM").await;
    assert_eq!(node.join(&doctored, &world.genesis).await.unwrap().refused.len(), 1);
    let trust = node.trust().unwrap();
    assert!(trust.delegations().all(|d| d.id != stolen.id().unwrap()), "believed");
    let store = chancery_store::Store::open(&node.folder().database().to_string_lossy()).unwrap();
    let logged = |envelope: &Envelope| store.record_get(&envelope.id().unwrap()).unwrap().is_some();
    let present = trust.charter().member("GTM").unwrap().authority_key;
    assert!(trust.delegations().filter(|d| d.authority == present).all(|d| logged(&d.envelope)));
    assert!(!logged(&stolen), "what this member's log holds all others believe");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_suspended_state_dates_no_cosignature_back() {
    for suspended in [false, true] {
        let mut world = World::found(&["GTM", "HND", "MEX"]);
        if suspended {
            let at = time::format(now());
            let body = Suspension {
                member: "HND".to_owned(),
                from: at.clone(),
                until: time::format(now() + 24 * 3600),
                reason: "an emergency".to_owned(),
            };
            let (forum, issuer) = (world.genesis.clone(), "GTM".to_owned());
            let payload = Payload { forum, issuer, issued_at: at, kind: RecordKind::Suspension, body };
            let keys = ["GTM", "MEX"].map(|m| world.keyring(m).authority(|_| unreachable!()).unwrap());
            let keys: Vec<&dyn chancery_ledger::Signer> = keys.iter().map(AsRef::as_ref).collect();
            world.bundle.suspensions.push(Envelope::seal(&payload, &keys).unwrap());
        }
        let (forum, log) = (world.genesis.clone(), Log::new(&world, "GTM"));
        let witness = world.keyring("HND").key(Purpose::Witness).unwrap();
        let name = cosignature::witness_name(&forum, "HND");
        let line = cosignature::cosign(&log.note(), &name, &witness, now() - 300).unwrap();
        let checkpoint = cosignature::joined(&log.note(), [line.as_str()]);
        let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let (honest, count) = (log.clone(), asked.clone());
        let answer = move |_: &str, q: &SyncRequest| match q {
            SyncRequest::Heads { .. } => {
                count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                SyncResponse::Heads(vec![HeadInfo { checkpoint: checkpoint.clone(), ..honest.head() }])
            }
            other => honest.answer(other),
        };
        let _hostile = Hostile::start(&world, "GTM", Box::new(answer)).await;
        let mex = world.serve("MEX").await;
        wait_for(|| (mex.size_of(&forum, "GTM") > 0).then_some(())).await.expect("the log was not taken");
        let kept = || mex.store.cosignature_list(&forum).unwrap().iter().any(|c| c.witness == "HND");
        if suspended {
            let times = || asked.load(std::sync::atomic::Ordering::SeqCst);
            let before = times();
            wait_for(|| (times() > before + 2).then_some(())).await.expect("not asked again");
            assert!(!kept(), "kept although its witness is suspended");
        } else {
            wait_for(|| kept().then_some(())).await.expect("not kept");
        }
        mex.stop().await;
    }
}

/// A suspension of HND by GTM that ended ten days ago.
fn suspension_that_ended(world: &World) -> Envelope {
    let issued = now() - 20 * 24 * 3600;
    let payload = Payload {
        forum: world.genesis.clone(),
        issuer: "GTM".to_owned(),
        issued_at: time::format(issued),
        kind: RecordKind::Suspension,
        body: Suspension {
            member: "HND".to_owned(),
            from: time::format(issued),
            until: time::format(issued + 10 * 24 * 3600),
            reason: "an emergency".to_owned(),
        },
    };
    let mut envelope = Envelope::seal(&payload, &[]).unwrap();
    for member in ["GTM", "MEX"] {
        let authority = world.keyring(member).authority(|_| panic!("no passphrase")).unwrap();
        envelope.sign(authority.as_ref()).unwrap();
    }
    envelope
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_count_any_more_is_history_and_holds_up_nothing() {
    let world = World::found_at(&["GTM", "MEX", "HND"], now() - 30 * 24 * 3600);
    let forum = world.genesis.clone();
    let suspension = suspension_that_ended(&world);
    let refused = {
        let mut forgery = Forgery::of(&world, b"PAR1 no file PAR1");
        forgery.approver = "ana";
        forgery.seal()
    };
    let withdrawal = Payload {
        forum: forum.clone(),
        issuer: "GTM".to_owned(),
        issued_at: time::format(now()),
        kind: RecordKind::Withdrawal,
        body: Withdrawal { release: "0b".repeat(32), reason: "a mistake".to_owned(), audience: None },
    };
    let publisher = world.keyring("GTM").key(Purpose::Publisher).unwrap();
    let withdrawal = Envelope::seal(&withdrawal, &[&publisher]).unwrap();
    // The last was not for everybody when the page was sent, as if it were under embargo.
    let whole = Log::new(&world, "GTM")
        .with(RecordKind::Suspension, &suspension)
        .with(RecordKind::Release, &refused)
        .with(RecordKind::Withdrawal, &withdrawal);
    let mut shown = whole.clone();
    let late = shown.items.pop().unwrap();
    let again = whole.items[whole.items.len() - 2].clone();
    let script = move |_: &str, question: &SyncRequest| match question {
        SyncRequest::Missing { .. } => SyncResponse::Missing(vec![again.clone(), late.clone()]),
        other => shown.answer(other),
    };
    let _hostile = Hostile::start(&world, "GTM", Box::new(script)).await;
    let mex = world.serve("MEX").await;
    let held = |envelope: &Envelope| {
        let id = envelope.id().unwrap();
        mex.store.record_get(&id).unwrap()
    };
    wait_for(|| held(&suspension)).await.expect("the ended suspension is history");
    wait_for(|| held(&withdrawal)).await.expect("what came late is taken after what is refused");
    assert!(held(&refused).is_none());
    assert!(mex.node.trust().unwrap().suspensions().next().is_none());
    mex.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_held_is_checked_for_every_release_that_names_it() {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let forum = world.genesis.clone();
    // As if it had come with a release of another dataflow.
    let file = b"PAR1 figures of another dataflow PAR1";
    let envelope = Forgery::of(&world, file).seal();
    let log = Log::new(&world, "GTM").with(RecordKind::Release, &envelope);
    let mex = world.serve("MEX").await;
    let hash =
        envelope.payload::<chancery_ledger::release::Release>(RecordKind::Release).unwrap().body.intent.artefacts[0]
            .sha256
            .clone();
    let place = chancery_store::ArtefactFiles::new(mex.node.folder()).path(&hash);
    std::fs::create_dir_all(place.parent().unwrap()).unwrap();
    std::fs::write(&place, file).unwrap();
    let _hostile = Hostile::start(&world, "GTM", Box::new(move |_, q| log.answer(q))).await;
    mex.refused(&forum, "does not fit the schema", 0).await;
    assert!(mex.store.release_get(&envelope.id().unwrap()).unwrap().is_none());
    mex.stop().await;
}

/// Cosigns whatever it is asked to, as GTM's witness, at the time that its clock says.
fn cosigns_at(world: &World, log: &Log, ahead: i64) -> impl FnMut(&str, &SyncRequest) -> SyncResponse + Send + 'static {
    let (key, forum, log) = (world.keyring("GTM").key(Purpose::Witness).unwrap(), world.genesis.clone(), log.clone());
    move |_, question| match question {
        SyncRequest::Cosign { body, .. } => {
            let name = cosignature::witness_name(&forum, "GTM");
            let checkpoint = AddCheckpoint::parse(body).unwrap().checkpoint;
            SyncResponse::Cosigned(cosignature::cosign(&checkpoint, &name, &key, now() + ahead).unwrap())
        }
        other => log.answer(other),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn embargoes_are_judged_by_the_earlier_of_this_clock_and_the_witnesses() {
    for (ahead, ok, part) in
        [(-3 * 3600, false, "is this node's clock right"), (500, false, "set this node's clock"), (0, true, "here")]
    {
        let world = World::found_at(&["GTM", "MEX"], now() - 24 * 3600);
        let log = Log::new(&world, "GTM");
        let hostile = Hostile::start(&world, "GTM", Box::new(cosigns_at(&world, &log, ahead))).await;
        let mex = world.serve("MEX").await;
        let deadline = std::time::Instant::now() + PATIENCE;
        let clock = loop {
            let findings = mex.node.doctor().await.unwrap();
            let clock = findings.into_iter().find(|f| f.check == "clock").unwrap();
            if !clock.detail.contains("no time") || std::time::Instant::now() > deadline {
                break clock;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        };
        assert!(clock.ok == ok && clock.detail.contains(part), "{ahead}: {clock:?}");
        let judged = time::parse(clock.detail.rsplit(' ').next().unwrap()).unwrap();
        let (earliest, latest) = (now() + ahead.min(0) - 300, now() + ahead.min(0));
        assert!((earliest..=latest).contains(&judged), "{ahead}: {clock:?}");
        drop(hostile);
        mex.stop().await;
    }
}

/// A record by MEX, signed by its authority key and by `others`.
fn by_mex<B: serde::Serialize>(world: &World, kind: RecordKind, body: B, others: &[&KeyPair]) -> Envelope {
    by(world, "MEX", kind, body, others)
}

/// A record by a member, signed by its authority key and by `others`.
fn by<B: serde::Serialize>(world: &World, member: &str, kind: RecordKind, body: B, others: &[&KeyPair]) -> Envelope {
    let payload =
        Payload { forum: world.genesis.clone(), issuer: member.to_owned(), issued_at: time::format(now()), kind, body };
    let mut envelope = Envelope::seal(&payload, &[]).unwrap();
    envelope.sign(world.keyring(member).authority(|_| panic!("no passphrase")).unwrap().as_ref()).unwrap();
    others.iter().for_each(|key| envelope.sign(*key).unwrap());
    envelope
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_key_that_was_revoked_stops_its_log_no_more() {
    let world = World::found(&["GTM", "MEX"]);
    let forum = world.genesis.clone();
    let stolen = KeyPair::from_seed(&[77; 32]);
    let delegation = Delegation {
        key: stolen.public(),
        purpose: Purpose::Log,
        name: String::new(),
        not_before: time::format(now()),
        not_after: time::format(now() + 24 * 3600),
    };
    let revocation = Revocation { key: stolen.public(), from: time::format(now()), reason: "stolen".to_owned() };
    let mut bundle = world.bundle.clone();
    bundle.delegations.push(by_mex(&world, RecordKind::Delegation, delegation, &[&stolen]));
    bundle.revocations.push(by_mex(&world, RecordKind::Revocation, revocation, &[]));
    let log = Log::new(&world, "GTM");
    let origin = chancery_ledger::checkpoint::origin(&forum, "MEX");
    let head =
        chancery_ledger::checkpoint::Checkpoint { origin, size: 1_000_000, root: chancery_ledger::log::empty_root() };
    let note = head.sign(&stolen).unwrap();
    // The only other state, and so all that the charter asks for, is the thief's accomplice.
    let witness = world.keyring("GTM").key(Purpose::Witness).unwrap();
    let line = cosignature::cosign(&note, &cosignature::witness_name(&forum, "GTM"), &witness, now()).unwrap();
    let checkpoint = cosignature::joined(&note, [line.as_str()]);
    let head = HeadInfo { member: "MEX".to_owned(), checkpoint, cosigned: None };
    let mex = world.serve("MEX").await;
    mex.node.adopt(&bundle).await.unwrap();
    let script = move |_: &str, question: &SyncRequest| match question {
        SyncRequest::Heads { .. } => SyncResponse::Heads(vec![head.clone()]),
        other => log.answer(other),
    };
    let _hostile = Hostile::start(&world, "GTM", Box::new(script)).await;
    mex.refused(&forum, "a head said to be of this node's own log", 0).await;
    let own = by_mex(&world, RecordKind::Timestamp, serde_json::json!({}), &[]);
    mex.node.append_public(vec![(RecordKind::Timestamp, own)]).await.unwrap();
    mex.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_recalls_what_it_cosigned_of_a_log_that_has_grown_since() {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let forum = world.genesis.clone();
    let log = Log::new(&world, "GTM");
    let (before, line) = {
        let witness = world.keyring("MEX").key(Purpose::Witness).unwrap();
        let name = cosignature::witness_name(&forum, "MEX");
        (log.note(), cosignature::cosign(&log.note(), &name, &witness, now() - 300).unwrap())
    };
    let grown = log.clone().with_leaf(&"0a".repeat(32)).with_leaf(&"0b".repeat(32));
    // By its line alone, as a peer gives it that keeps no note of that head.
    let alone = cosignature::joined(&format!("{}\n\n", before.split_once("\n\n").unwrap().0), [line.as_str()]);
    let head = HeadInfo { cosigned: Some(alone), ..grown.head() };
    let script = move |_: &str, question: &SyncRequest| match question {
        SyncRequest::Heads { .. } => SyncResponse::Heads(vec![head.clone()]),
        other => grown.answer(other),
    };
    let hostile = Hostile::start(&world, "GTM", Box::new(script)).await;
    // Its folder was put back from before it had cosigned anything.
    std::fs::remove_file(world.folder("MEX").join("witness.mark")).unwrap();
    let mex = world.serve("MEX").await;
    let recalled = wait_for(|| mex.store.witnessed_get(&forum, "GTM").unwrap()).await.expect("not recalled");
    assert_eq!(recalled.size, log.leaves.len() as i64);
    // One of two others has shown its heads: that is not most of them.
    let body = format!("old {}\n\n{before}", log.leaves.len());
    let answer = hostile.ask("MEX", &SyncRequest::Cosign { forum, body }).await;
    assert!(matches!(&answer, SyncResponse::Refused(text) if text.contains("cosigns nothing until")), "{answer:?}");
    mex.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn peers_show_a_witness_what_it_cosigned_before_the_log_grew() {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let forum = world.genesis.clone();
    let (gtm, hnd, mex) = (world.serve("GTM").await, world.serve("HND").await, world.serve("MEX").await);
    let cosigned = |node: &Running| {
        let rows = node.store.cosignature_list(&forum).unwrap().into_iter();
        rows.filter(|c| (c.member.as_str(), c.witness.as_str()) == ("GTM", "MEX")).map(|c| c.size).next()
    };
    let size = wait_for(|| cosigned(&hnd).filter(|size| *size as u64 == gtm.size_of(&forum, "GTM"))).await;
    let size = size.expect("HND has not heard of MEX's cosignature");
    mex.stop().await;
    let unused = KeyPair::from_seed(&[77; 32]).public();
    let more = Revocation { key: unused, from: time::format(now()), reason: "a drill".to_owned() };
    let more = by(&world, "GTM", RecordKind::Revocation, more, &[]);
    gtm.node.append_public(vec![(RecordKind::Revocation, more)]).await.unwrap();
    let grown = || (hnd.store.head_get(&forum, "GTM").unwrap()?.size > size).then_some(());
    wait_for(grown).await.expect("HND did not follow the log");
    gtm.stop().await;
    // All that MEX has left are its keys.
    for name in ["node.sqlite", "node.sqlite-wal", "node.sqlite-shm", "signer.mark", "witness.mark"] {
        let _ = std::fs::remove_file(world.folder("MEX").join(name));
    }
    let mex = world.serve("MEX").await;
    let recalled = wait_for(|| mex.store.witnessed_get(&forum, "GTM").unwrap()).await.expect("not recalled");
    assert_eq!(recalled.size, size);
    mex.stop().await;
    hnd.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_came_of_its_own_log_is_only_what_was_shown_and_cosigned() {
    let world = World::found(&["GTM", "MEX"]);
    let forum = world.genesis.clone();
    // MEX has lost its log, and revoked its log key; GTM holds a head that it has cosigned, and gives the leaves of another.
    let own = Log::new(&world, "MEX");
    let witness = world.keyring("GTM").key(Purpose::Witness).unwrap();
    let line = cosignature::cosign(&own.note(), &cosignature::witness_name(&forum, "GTM"), &witness, now()).unwrap();
    let checkpoint = cosignature::joined(&own.note(), [line.as_str()]);
    let head = HeadInfo { member: "MEX".to_owned(), checkpoint, cosigned: None };
    let revocation = Revocation { key: own.key.public(), from: time::format(now()), reason: "stolen".to_owned() };
    let mut bundle = world.bundle.clone();
    bundle.revocations.push(by_mex(&world, RecordKind::Revocation, revocation, &[]));
    let honest = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let (forged, is_honest) = (own.clone().with_leaf(&"0a".repeat(32)), honest.clone());
    let size = own.leaves.len() as u64;
    let script = move |_: &str, question: &SyncRequest| match question {
        SyncRequest::Heads { .. } => SyncResponse::Heads(vec![head.clone()]),
        other if is_honest.load(std::sync::atomic::Ordering::SeqCst) => own.answer(other),
        other => forged.answer(other),
    };
    for name in ["signer.mark", "witness.mark"] {
        std::fs::remove_file(world.folder("MEX").join(name)).unwrap();
    }
    let mex = world.serve("MEX").await;
    mex.node.adopt(&bundle).await.unwrap();
    let _hostile = Hostile::start(&world, "GTM", Box::new(script)).await;
    mex.refused(&forum, "the head of the log of `MEX` is refused", 0).await;
    assert_eq!(mex.size_of(&forum, "MEX"), 0);
    honest.store(true, std::sync::atomic::Ordering::SeqCst);
    wait_for(|| (mex.size_of(&forum, "MEX") == size).then_some(())).await.expect("its own log was not taken");
    mex.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_more_of_a_log_does_not_say_that_there_is_no_more() {
    let world = World::found(&["GTM", "MEX"]);
    let forum = world.genesis.clone();
    // MEX has lost its log and revoked its log key. GTM holds the log, cannot give it now, and cosigns what it is asked to.
    let own = Log::new(&world, "MEX");
    let revocation = Revocation { key: own.key.public(), from: time::format(now()), reason: "stolen".to_owned() };
    let mut bundle = world.bundle.clone();
    bundle.revocations.push(by_mex(&world, RecordKind::Revocation, revocation, &[]));
    let successor = KeyPair::from_seed(&[77; 32]);
    let delegation = Delegation {
        key: successor.public(),
        purpose: Purpose::Log,
        name: String::new(),
        not_before: time::format(now()),
        not_after: time::format(now() + 24 * 3600),
    };
    bundle.delegations.push(by_mex(&world, RecordKind::Delegation, delegation, &[&successor]));
    for name in ["signer.mark", "witness.mark"] {
        std::fs::remove_file(world.folder("MEX").join(name)).unwrap();
    }
    let mex = world.serve("MEX").await;
    mex.node.adopt(&bundle).await.unwrap();
    std::fs::write(world.folder("MEX").join("keys/log.pem"), successor.to_pem().unwrap()).unwrap();
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let (count, mut cosigns, head) = (asked.clone(), cosigns_at(&world, &own, 0), own.head());
    let script = move |asker: &str, question: &SyncRequest| match question {
        SyncRequest::Heads { .. } => SyncResponse::Heads(vec![head.clone()]),
        SyncRequest::Records { .. } => SyncResponse::Refused("not now".to_owned()),
        SyncRequest::Cosign { .. } => {
            count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            cosigns(asker, question)
        }
        other => cosigns(asker, other),
    };
    let _hostile = Hostile::start(&world, "GTM", Box::new(script)).await;
    wait_for(|| (asked.load(std::sync::atomic::Ordering::SeqCst) > 2).then_some(()))
        .await
        .expect("not asked to cosign");
    assert_eq!(mex.size_of(&forum, "MEX"), 0, "it has begun another log");
    mex.stop().await;
}

/// One leaf of a log from `from` on.
fn leaf_page(log: &Log, from: u64) -> RecordPage {
    let (hashes, size) = (log.hashes(), log.leaves.len() as u64);
    let mut page = log.page(from);
    page.leaves.truncate(1);
    page.records.retain(|item| item.position == from);
    page.rest = encode_hashes(&Tree(&hashes).prove_consistency(size, from + 1).unwrap());
    page.root = STANDARD.encode(Tree(&hashes).root(from + 1).unwrap().0);
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_lost_node_and_authority_key_gets_its_log_back() {
    let mut world = World::found(&["GTM", "HND", "MEX"]);
    let delegated = rotate(&mut world);
    // Its log was signed by a key that the lost authority key had delegated, which is told at the end of the log.
    let mut log = Log::new(&world, "GTM").with(RecordKind::Delegation, &delegated);
    log.key = std::sync::Arc::new(KeyPair::from_seed(&[9; 32]));
    let (forum, size) = (world.genesis.clone(), log.leaves.len() as u64);
    let mut note = log.note();
    for member in ["HND", "MEX"] {
        let witness = world.keyring(member).key(Purpose::Witness).unwrap();
        let name = cosignature::witness_name(&forum, member);
        let line = cosignature::cosign(&log.note(), &name, &witness, now()).unwrap();
        note = cosignature::joined(&note, [line.as_str()]);
    }
    let text = String::from_utf8(delegated.to_bytes().unwrap()).unwrap();
    let script = move |_: &str, question: &SyncRequest| match question {
        SyncRequest::Heads { .. } => SyncResponse::Heads(vec![HeadInfo { checkpoint: note.clone(), ..log.head() }]),
        SyncRequest::Records { from, .. } => SyncResponse::Records(Box::new(leaf_page(&log, *from))),
        SyncRequest::Forum { .. } => SyncResponse::Forum(Box::new(ForumPage {
            digest: "0b".repeat(32),
            envelopes: vec![text.clone()],
            conflicting: Vec::new(),
            more: false,
        })),
        other => log.answer(other),
    };
    for name in ["signer.mark", "witness.mark"] {
        std::fs::remove_file(world.folder("GTM").join(name)).unwrap();
    }
    let _hostile = Hostile::start(&world, "HND", Box::new(script)).await;
    let gtm = world.serve("GTM").await;
    wait_for(|| (gtm.size_of(&forum, "GTM") == size).then_some(())).await.expect("its log was not taken");
    let id = delegated.id().unwrap();
    assert!(gtm.node.trust().unwrap().delegations().any(|d| d.id == id), "what its log tells is not known");
    gtm.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_cosigns_nothing_that_contradicts_the_log_it_holds() {
    let world = World::found(&["GTM", "MEX", "HND"]);
    let forum = world.genesis.clone();
    let base = Log::new(&world, "GTM");
    let (held, fork) =
        (base.clone().with_leaf(&"0a".repeat(32)).with_leaf(&"0b".repeat(32)), base.with_leaf(&"0c".repeat(32)));
    let size = held.leaves.len() as u64;
    let hostile = Hostile::start(&world, "GTM", Box::new(move |_, q| held.answer(q))).await;
    let mex = world.serve("MEX").await;
    wait_for(|| (mex.size_of(&forum, "GTM") == size).then_some(())).await.expect("MEX took no log");
    assert!(mex.store.witnessed_get(&forum, "GTM").unwrap().is_none(), "nothing of it was cosigned");
    let body = format!("old 0\n\n{}", fork.note());
    let answer = hostile.ask("MEX", &SyncRequest::Cosign { forum: forum.clone(), body }).await;
    assert!(matches!(&answer, SyncResponse::Refused(text) if text.contains("the log is forked")), "{answer:?}");
    assert_eq!(mex.store.evidence_list(&forum).unwrap().len(), 1);
    mex.stop().await;
}
