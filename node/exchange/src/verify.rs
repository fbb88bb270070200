//! Verify: what a peer sent, before anything of it is stored; and what is stored, whenever a reader asks.

use std::time::{Duration, Instant};

use chancery_ledger::checkpoint::{self, Checkpoint, CheckpointError};
use chancery_ledger::cosignature;
use chancery_ledger::log::{self, Hash, Tree};
use chancery_ledger::proof::{log_keys, log_keys_in_force};
use chancery_ledger::release::{self, Artefact, VerifiedRelease};
use chancery_ledger::timestamp::Timestamp;
use chancery_ledger::trust::TrustError;
use chancery_ledger::{Audience, Envelope, ForumBundle, PublicKey, RecordKind, Trust, time};
use chancery_network::message::{RecordItem, RecordPage};
use chancery_query::artefact::{Limits, inspect};
use chancery_store::Store;
use chancery_store::logs::{HeadRow, RecordRow};
use chancery_store::releases::{ReleaseArtefactRow, ReleaseRow};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;
use crate::seal::StoredHashes;
use crate::views::{CheckView, VerificationView};
use crate::witnessing::believable;

/// How far ahead of this node's clock the time of a record or cosignature may be, in seconds.
pub(crate) const MAX_AHEAD_S: i64 = 600;

/// How long a file that was held to be unfit for a dataflow is not read again for it.
const REFUSED_FOR: Duration = Duration::from_secs(600);

/// A record of a page, checked as far as it can be without its artefacts.
pub(crate) struct CheckedRecord {
    pub(crate) position: u64,
    pub(crate) id: String,
    pub(crate) kind: RecordKind,
    pub(crate) audience: Audience,
    pub(crate) envelope: Envelope,
    pub(crate) salt: Option<[u8; 32]>,
}

/// A page of a peer's log, whose leaves are proved to be in the signed head.
pub(crate) struct CheckedPage {
    pub(crate) note: String,
    pub(crate) leaves: Vec<Vec<u8>>,
    pub(crate) appended: log::Appended,
    pub(crate) records: Vec<CheckedRecord>,
    /// With the delegations and revocations of the page.
    pub(crate) trust: Trust,
    /// The delegations and revocations that are new.
    pub(crate) mandates: ForumBundle,
}

/// Whose log, and what the peer shows of it.
#[derive(Debug, Default)]
pub(crate) struct Shown<'a> {
    pub(crate) member: &'a str,
    /// Whether it is this node's own.
    pub(crate) own: bool,
    /// The note of its head with the cosignatures that the peer has.
    pub(crate) cosigned: &'a str,
    /// The peers that show the same head, if it is this node's own.
    pub(crate) showing: &'a [String],
    /// The log keys that this member has delegated and not revoked, if it is its own.
    pub(crate) own_keys: &'a [PublicKey],
    /// Those that may have signed it before, if it is its own and was forgotten.
    pub(crate) past_keys: &'a [PublicKey],
}

/// Reads the head `note` of a log, which a log key in force at `now` has signed; or one that has ended or was revoked, where the peer has shown the
/// same head and enough [`witnesses`] vouch for it: a member that has lost its log may have lost its log key too. Of its own keys it believes those
/// that have only ended.
fn check_head(trust: &Trust, shown: &Shown<'_>, note: &str, now: i64) -> Result<Checkpoint> {
    let member = shown.member;
    let origin = checkpoint::origin(trust.forum(), member);
    let refused = || format!("the head of the log of `{member}` is refused");
    let refusal = match Checkpoint::verify(note, &origin, &log_keys_in_force(trust, member, now)) {
        Err(refusal @ CheckpointError::NotSigned(_)) => refusal,
        read => return read.or_unverified(refused),
    };
    let keys = [log_keys(trust, member).as_slice(), shown.past_keys].concat();
    let head = Checkpoint::verify(note, &origin, &keys).or_unverified(refused)?;
    let same = Checkpoint::read(shown.cosigned, &origin).is_ok_and(|read| read == head);
    let (found, needed) = witnesses(trust, shown, now);
    let by_own = || Checkpoint::verify(note, &origin, shown.own_keys).is_ok();
    if same && (found >= needed || by_own()) { Ok(head) } else { Err(refusal).or_unverified(refused) }
}

/// How many other states vouch for the head shown, and how many must, for it to be believed without a log key in force: of this node's own log as
/// many as the charter asks for to have cosigned it or to show it, and at least one; of another's most states too to have cosigned it, for its key
/// may have been stolen.
pub(crate) fn witnesses(trust: &Trust, shown: &Shown<'_>, now: i64) -> (usize, usize) {
    let others: Vec<_> = trust.charter().states().filter(|m| m.id != shown.member).collect();
    let least = if shown.own { 1 } else { others.len() / 2 + 1 };
    let found = believable(trust, cosignature::verified(trust, shown.cosigned).unwrap_or_default(), now);
    let vouches = |id: &String| shown.showing.contains(id) || found.iter().any(|c| c.member == *id);
    let counted = others.iter().filter(|m| vouches(&m.id)).count();
    (counted, trust.charter().witness_quorum(shown.member).max(least))
}

/// Checks a page of a log against the head held before.
pub(crate) fn check_page(
    store: &Store,
    trust: &Trust,
    shown: &Shown<'_>,
    held: Option<&HeadRow>,
    page: &RecordPage,
    now: i64,
) -> Result<CheckedPage> {
    let member = shown.member;
    let from = held.map_or(0, |h| h.size.max(0) as u64);
    let leaves = page.leaves.iter().map(|l| STANDARD.decode(l)).collect::<Result<Vec<_>, _>>();
    let leaves = leaves.or_unverified(|| "a leaf is not base64".to_owned())?;
    let (mut trust, mut mandates) = (trust.clone(), ForumBundle::default());
    let mut records = Vec::new();
    for item in &page.records {
        let leaf = item.position.checked_sub(from).and_then(|i| leaves.get(i as usize));
        let leaf =
            leaf.ok_or_else(|| Error::unverified(format!("record at position {} has no leaf", item.position)))?;
        let record = check_record(item, leaf)?;
        let refused = || format!("the {} {} is refused", record.kind.as_str(), record.id);
        match record.kind {
            RecordKind::Delegation if is_new(trust.add(&record.envelope)).or_unverified(refused)? => {
                mandates.delegations.push(record.envelope.clone());
            }
            RecordKind::Revocation if is_new(trust.revoke(&record.envelope)).or_unverified(refused)? => {
                mandates.revocations.push(record.envelope.clone());
            }
            _ => {}
        }
        records.push(record);
    }
    check_all_there(from, &leaves, &records)?;
    let head = check_head(&trust, shown, &page.checkpoint, now)?;
    let hashes: Vec<Hash> = leaves.iter().map(|l| log::leaf_hash(l)).collect();
    let stored = StoredHashes { store, forum: trust.forum(), member };
    let appended = Tree(&stored).append(from, &hashes).or_unverified(|| "the log cannot be extended".to_owned())?;
    let rest = chancery_ledger::proof::decode_hashes(&page.rest)
        .ok_or_else(|| Error::unverified("a proof is not base64 hashes"))?;
    log::check_consistency(&rest, head.size, head.root, appended.size, appended.root)
        .or_unverified(|| format!("the records of `{member}` are not those of its signed log"))?;
    let note = page.checkpoint.clone();
    Ok(CheckedPage { note, leaves, appended, records, trust, mandates })
}

/// One too many of a member's mandates counts for nothing, but its log goes on: who has stolen its authority key could else end it.
fn is_new(taken: Result<bool, TrustError>) -> Result<bool, TrustError> {
    match taken {
        Err(TrustError::TooMany(..)) => Ok(false),
        taken => taken,
    }
}

/// Checks that a record is the one that its leaf commits to.
pub(crate) fn check_record(item: &RecordItem, leaf: &[u8]) -> Result<CheckedRecord> {
    let place = || format!("record at position {}", item.position);
    let envelope = Envelope::parse(item.envelope.as_bytes()).or_unverified(place)?;
    let id = envelope.id().or_unverified(place)?;
    let kind = envelope.kind().ok_or_else(|| Error::unverified(format!("{} is of an unknown kind", place())))?;
    let audience = match kind {
        RecordKind::Release => envelope.payload::<release::Release>(kind).or_unverified(place)?.body.intent.audience,
        RecordKind::Withdrawal => envelope.payload::<release::Withdrawal>(kind).or_unverified(place)?.body.audience(),
        RecordKind::Timestamp => envelope.payload::<Timestamp>(kind).or_unverified(place)?.body.audience(),
        _ => Audience::Public,
    };
    let salt = match &item.salt {
        None => None,
        Some(text) => {
            let bytes = hex::decode(text).ok().and_then(|b| <[u8; 32]>::try_from(b).ok());
            Some(bytes.ok_or_else(|| Error::unverified(format!("{} has a malformed salt", place())))?)
        }
    };
    if salt.is_some() == (audience == Audience::Public) || log::leaf(kind, &audience, &id, salt.as_ref()) != leaf {
        return Err(Error::unverified(format!("{} is not the one its leaf commits to", place())));
    }
    Ok(CheckedRecord { position: item.position, id, kind, audience, envelope, salt })
}

/// A peer may keep back what is not public, and releases with what is said of them, which may be under embargo: they are asked for later.
fn check_all_there(from: u64, leaves: &[Vec<u8>], records: &[CheckedRecord]) -> Result<()> {
    for (position, leaf) in (from..).zip(leaves) {
        let text = String::from_utf8_lossy(leaf);
        let mut lines = text.lines().skip(1);
        let (kind, public) = (lines.next().unwrap_or_default(), lines.next() == Some("public"));
        let may_wait = [RecordKind::Release, RecordKind::Withdrawal, RecordKind::Timestamp];
        let may_wait = may_wait.iter().any(|k| k.as_str() == kind);
        if public && !may_wait && !records.iter().any(|r| r.position == position) {
            return Err(Error::unverified(format!("the public record at position {position} is missing")));
        }
    }
    Ok(())
}

/// Checks a release's signatures, delegations, four eyes and time.
pub(crate) fn check_release(trust: &Trust, envelope: &Envelope, member: &str, now: i64) -> Result<VerifiedRelease> {
    let verified = release::verify(trust, envelope, member).or_unverified(|| "the release is refused".to_owned())?;
    if verified.issued_at > now + MAX_AHEAD_S {
        let at = &verified.payload.issued_at;
        return Err(Error::unverified(format!("the release says it was issued at {at}, which is in the future")));
    }
    Ok(verified)
}

fn unfit(artefact: &Artefact) -> String {
    format!("the artefact {} does not fit the schema", artefact.sha256)
}

fn check_rows(artefact: &Artefact, found: u64) -> Result<()> {
    if found == artefact.rows {
        return Ok(());
    }
    Err(Error::unverified(format!("{}: {found} rows, {} were signed", unfit(artefact), artefact.rows)))
}

impl Node {
    /// Checks a received file's rows against its dataflow and its description in the record.
    pub(crate) fn check_artefact(&self, path: &std::path::Path, dataflow: &str, artefact: &Artefact) -> Result<()> {
        let rows = self.rows_of(path, dataflow, Limits { rows: artefact.rows, ..Limits::default() });
        check_rows(artefact, rows.or_unverified(|| unfit(artefact))?)
    }

    /// [`Node::check_artefact`] for a file that is held. It is read once for each dataflow: else a member could have it read again and again by
    /// releases that name it wrongly.
    pub(crate) fn check_held(&self, dataflow: &str, artefact: &Artefact) -> Result<()> {
        let (key, path) = ((artefact.sha256.clone(), dataflow.to_owned()), self.files().path(&artefact.sha256));
        std::fs::File::open(&path).map_err(|e| Error::file("read", &path, e))?;
        // Why it could not be read may pass.
        let known = self.checked_rows().get(&key).filter(|(rows, at)| rows.is_ok() || at.elapsed() < REFUSED_FOR);
        let rows = known.map(|(rows, _)| rows).unwrap_or_else(|| {
            let rows = self.rows_of(&path, dataflow, Limits::default()).map_err(|error| error.with_causes());
            self.checked_rows().insert(key, (rows.clone(), Instant::now()));
            rows
        });
        check_rows(artefact, rows.map_err(|reason| Error::unverified(format!("{}: {reason}", unfit(artefact))))?)
    }

    /// How many rows of a dataflow a file holds, and that all of them are.
    fn rows_of(&self, path: &std::path::Path, dataflow: &str, limits: Limits) -> Result<u64> {
        let reference = dataflow.parse().or_unverified(|| "the dataflow is not a reference".to_owned())?;
        let schema = self.structures().dataset_schema(&reference);
        let schema = schema.or_unverified(|| format!("this node's schema has no dataflow `{dataflow}`"))?;
        Ok(inspect(path, &schema, &limits).or_unverified(|| "its rows".to_owned())?.rows)
    }

    /// Checks a stored release again: signatures, delegations, log proof, file.
    pub(crate) fn check_stored(
        &self,
        trust: &Trust,
        row: &ReleaseRow,
        record: Option<&RecordRow>,
        head: Option<&HeadRow>,
        artefacts: &[ReleaseArtefactRow],
    ) -> VerificationView {
        let held = |detail: String| CheckView { ok: true, detail };
        let failed = |detail: String| CheckView { ok: false, detail };
        let envelope = record.map(|r| Envelope::parse(&r.envelope));
        let (signature, delegation, four_eyes) = match envelope {
            Some(Ok(envelope)) => match release::verify(trust, &envelope, &row.member) {
                Ok(v) => {
                    let operators =
                        v.operators.iter().map(|(role, name)| format!("{name} ({role:?})")).collect::<Vec<_>>();
                    (
                        held(format!("signed by the publisher key {}", v.publisher.fingerprint())),
                        held(format!("delegated by {} and in force at {}", row.member, time::format(v.issued_at))),
                        held(format!("signed by {}", operators.join(" and ").to_lowercase())),
                    )
                }
                Err(e) => {
                    let all = failed(e.to_string());
                    (all.clone(), all.clone(), all)
                }
            },
            Some(Err(e)) => {
                let all = failed(e.to_string());
                (all.clone(), all.clone(), all)
            }
            None => {
                let all = failed("the record is not here".to_owned());
                (all.clone(), all.clone(), all)
            }
        };
        let log_proof = match self.check_log_proof(trust, row, record, head) {
            Ok(detail) => held(detail),
            Err(e) => failed(e.to_string()),
        };
        let broken = artefacts.iter().find_map(|a| self.file_holds(&a.sha256).err());
        let artefact = broken.map_or_else(|| held(format!("{} file(s) have the signed hash", artefacts.len())), failed);
        let ok = signature.ok && delegation.ok && four_eyes.ok && log_proof.ok && artefact.ok;
        VerificationView {
            signature,
            delegation,
            four_eyes,
            log_proof,
            artefact,
            ok,
            checked_at: time::format(self.now()),
        }
    }

    fn check_log_proof(
        &self,
        trust: &Trust,
        row: &ReleaseRow,
        record: Option<&RecordRow>,
        head: Option<&HeadRow>,
    ) -> Result<String> {
        let missing = |what: &str| Error::unverified(format!("the {what} is not here"));
        let (record, head) = (record.ok_or_else(|| missing("record"))?, head.ok_or_else(|| missing("log's head"))?);
        let proof = self.prove(trust, record, head)?;
        let size = proof.checkpoint.size;
        let salt = salt_of(record)?;
        let audience = Audience::parse(&record.audience).ok_or_else(|| missing("audience"))?;
        let leaf = log::leaf(RecordKind::Release, &audience, &row.id, salt.as_ref());
        let position = record.position.max(0) as u64;
        log::check_inclusion(&proof.inclusion, size, proof.checkpoint.root, position, log::leaf_hash(&leaf))
            .or_unverified(|| "the log proof does not hold".to_owned())?;
        Ok(format!("leaf {position} of {size}, counted from 0, in the log of {}, whose head is signed", row.member))
    }

    /// The inclusion proof of a record in its log's signed head.
    pub(crate) fn prove(&self, trust: &Trust, record: &RecordRow, head: &HeadRow) -> Result<Proof> {
        let origin = checkpoint::origin(trust.forum(), &head.member);
        let keys = chancery_ledger::proof::log_keys(trust, &head.member);
        let checkpoint = Checkpoint::verify(&head.checkpoint, &origin, &keys)
            .or_unverified(|| "the log's head is not signed".to_owned())?;
        if checkpoint.size != head.size.max(0) as u64 {
            return Err(Error::unverified(
                "the log is not here as far as its signed head: synchronisation is under way",
            ));
        }
        let stored = StoredHashes { store: self.store(), forum: trust.forum(), member: &head.member };
        let inclusion = Tree(&stored)
            .prove_inclusion(checkpoint.size, record.position.max(0) as u64)
            .or_unverified(|| "the log cannot prove the record".to_owned())?;
        Ok(Proof { checkpoint, inclusion })
    }
}

/// A record's place in a signed head.
pub(crate) struct Proof {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) inclusion: Vec<Hash>,
}

/// A stored record's salt.
pub(crate) fn salt_of(record: &RecordRow) -> Result<Option<[u8; 32]>> {
    let salt = record.salt.as_ref().map(|s| <[u8; 32]>::try_from(s.as_slice())).transpose();
    salt.map_err(|_| Error::unverified("the stored salt is damaged"))
}
