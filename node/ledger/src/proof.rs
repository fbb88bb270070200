//! Proof bundles: one file that proves a release offline, given only the forum's genesis id.

mod tlog_proof;

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::audience::{Audience, excerpt};
use crate::checkpoint::{self, Checkpoint};
use crate::cosignature::{self, Cosignature};
use crate::delegation::VerifiedDelegation;
use crate::keys::{PublicKey, Purpose};
use crate::log::{self, Hash};
use crate::record::{Envelope, RecordError, RecordKind, is_sha256};
use crate::release::{self, ReleaseError, VerifiedRelease};
use crate::time;
use crate::timestamp;
use crate::trust::{ForumBundle, Trust};

/// The bundle format's name.
pub const FORMAT: &str = "chancery-proof/1";
/// Largest proof, in bytes.
const MAX_PROOF_BYTES: usize = 16 << 20;

/// A release with everything that proves it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofBundle {
    /// [`FORMAT`].
    pub format: String,
    /// The charter versions, the delegations of the issuer and of the keys that cosigned, the revocations of those, and the suspensions of any
    /// that signed: a suspended state's cosignature does not count.
    #[serde(flatten)]
    pub forum: ForumBundle,
    /// The release's record.
    pub record: Envelope,
    /// Hexadecimal salt of the leaf, if the release is not public.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub salt: Option<String>,
    /// The leaf's bytes, base64: for tools that check the log without reading records.
    pub leaf: String,
    /// The leaf's index.
    pub index: u64,
    /// Leaves of the tree proved: the checkpoint's size.
    pub tree_size: u64,
    /// Inclusion proof, base64 hashes.
    pub inclusion: Vec<String>,
    /// The signed head.
    pub checkpoint: String,
    /// An RFC 3161 time-stamp of the record, DER in base64, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<String>,
    /// The record by which the issuer has withdrawn the release, if it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawal: Option<Envelope>,
}

/// Why a bundle proves nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Not a bundle.
    #[error("not a proof bundle: {0}")]
    Malformed(String),
    /// A step failed.
    #[error("{step}: {reason}")]
    Step {
        /// Which step.
        step: &'static str,
        /// Why.
        reason: String,
    },
}

/// One line of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Whether it was checked and holds; what is refused ends the report instead.
    pub done: bool,
    /// What holds, or what was not checked and why.
    pub text: String,
}

impl Step {
    /// Something that holds.
    pub fn done(text: impl Into<String>) -> Self {
        Self { done: true, text: text.into() }
    }

    /// Something that was not checked.
    pub fn undone(text: impl Into<String>) -> Self {
        Self { done: false, text: text.into() }
    }
}

/// What a reader brings to a proof.
#[derive(Debug, Clone, Copy, Default)]
pub struct Told<'a> {
    /// The forum's id, told out of band; without it the forum is only as sure as the bundle's source.
    pub genesis: Option<&'a str>,
    /// Newer revocation lists of the issuer's national PKI, DER.
    pub crls: &'a [Vec<u8>],
    /// Certificates (PEM) of CAs whose time-stamps the reader believes.
    pub timestamp_cas: &'a [u8],
}

/// That a release was withdrawn: it was published as proved, and its issuer no longer stands by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Withdrawn {
    /// Record id of the withdrawal, if the record is known.
    pub record: Option<String>,
    /// RFC 3339 UTC.
    pub at: String,
    /// Why, in the issuer's words.
    pub reason: String,
}

/// What a bundle proved.
#[derive(Debug, Clone)]
pub struct ProofReport {
    /// The forum's id.
    pub forum: String,
    /// The forum's name.
    pub forum_name: String,
    /// When the newest charter in the bundle expires, unix seconds.
    pub charter_expires: i64,
    /// The release.
    pub release: VerifiedRelease,
    /// The signed head it stands in.
    pub checkpoint: Checkpoint,
    /// Who cosigned that head.
    pub cosignatures: Vec<Cosignature>,
    /// How many member states must have, by the charter.
    pub quorum: usize,
    /// That the release was withdrawn, if the bundle says so.
    pub withdrawn: Option<Withdrawn>,
    /// What was checked, and what was not, one line each.
    pub steps: Vec<Step>,
}

/// Where a record stands in its issuer's log.
#[derive(Debug, Clone, Copy)]
pub struct LogPlace<'a> {
    /// Salt of the leaf; none exactly when the release is public.
    pub salt: Option<&'a [u8; 32]>,
    /// The leaf's index.
    pub index: u64,
    /// Leaves of the tree proved.
    pub tree_size: u64,
    /// Its inclusion proof in that tree.
    pub inclusion: &'a [Hash],
    /// The signed head of that tree.
    pub checkpoint: &'a str,
}

impl ProofBundle {
    /// The bundle for the release `record`: the charters, its issuer's delegations and its place in the log.
    pub fn new(trust: &Trust, record: Envelope, place: LogPlace<'_>) -> Result<Self, ProofError> {
        let malformed = |e: RecordError| ProofError::Malformed(e.to_string());
        let payload = record.payload::<release::Release>(RecordKind::Release).map_err(malformed)?;
        let id = record.id().map_err(malformed)?;
        let leaf = log::leaf(RecordKind::Release, &payload.body.intent.audience, &id, place.salt);
        let cosigned =
            cosignature::verified(trust, place.checkpoint).map_err(|e| ProofError::Malformed(e.to_string()))?;
        // Of others only what this head needs: none of them must be able to make every proof large.
        let by = |c: &Cosignature| trust.key_for(&c.member, Purpose::Witness, &c.key, c.at).ok().map(|d| d.id.as_str());
        let witnesses: BTreeSet<&str> = cosigned.iter().filter_map(by).collect();
        let carried: Vec<&VerifiedDelegation> =
            trust.delegations().filter(|d| d.member == payload.issuer || witnesses.contains(d.id.as_str())).collect();
        let keys: BTreeSet<(&str, PublicKey)> = carried.iter().map(|d| (d.member.as_str(), d.delegation.key)).collect();
        let revocations = trust.revocations().filter(|r| keys.contains(&(r.member.as_str(), r.revocation.key)));
        // Also who is suspended, and therefore not counted.
        let signs = |member: &str| {
            member == payload.issuer || place.checkpoint.contains(&cosignature::witness_name(trust.forum(), member))
        };
        Ok(Self {
            format: FORMAT.to_owned(),
            forum: ForumBundle {
                charters: trust.chain().envelopes().to_vec(),
                delegations: carried.iter().map(|d| d.envelope.clone()).collect(),
                revocations: revocations.map(|r| r.envelope.clone()).collect(),
                // Of those that count any part does: see `suspension::counted`.
                suspensions: trust
                    .suspensions()
                    .filter(|s| signs(&s.suspension.member))
                    .map(|s| s.envelope.clone())
                    .collect(),
                conflicting: Vec::new(),
            },
            record,
            salt: place.salt.map(hex::encode),
            leaf: STANDARD.encode(leaf),
            index: place.index,
            tree_size: place.tree_size,
            inclusion: encode_hashes(place.inclusion),
            checkpoint: place.checkpoint.to_owned(),
            timestamp: None,
            withdrawal: None,
        })
    }

    /// Reads a bundle, as JSON or as a tlog-proof.
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        if Self::is_tlog_proof(bytes) {
            return Self::parse_tlog_proof(bytes);
        }
        let malformed = |reason: String| ProofError::Malformed(reason);
        if bytes.len() > MAX_PROOF_BYTES {
            return Err(malformed(format!("{} bytes, more than {MAX_PROOF_BYTES}", bytes.len())));
        }
        let bundle: Self = serde_json::from_slice(bytes).map_err(|e| malformed(excerpt(&e.to_string())))?;
        if bundle.format != FORMAT {
            let found: String = excerpt(&bundle.format);
            return Err(malformed(format!("its format is `{found}`, expected `{FORMAT}`")));
        }
        Ok(bundle)
    }

    /// [`ProofBundle::verify`], and that at `at` (unix seconds) the release has been issued. A charter that expired by then
    /// is a line in the report, not an error: expiry freezes membership, not data.
    pub fn verify_offline(&self, told: Told<'_>, at: i64) -> Result<ProofReport, ProofError> {
        let mut report = self.verify(told)?;
        let issued_at = &report.release.payload.issued_at;
        if report.release.issued_at > at.saturating_add(release::CLOCK_SKEW_S) {
            let reason = format!("it says it was issued at {issued_at}, which is after {}", time::format(at));
            return Err(ProofError::Step { step: "release", reason });
        }
        report.steps.push(Step::done(format!("issued at {issued_at}, before {}", time::format(at))));
        if report.charter_expires <= at {
            let expired = time::format(report.charter_expires);
            report.steps.push(Step::undone(format!(
                "whether a newer charter follows: the charter expired at {expired}, and the proof holds none after it"
            )));
        }
        report.steps.push(Step::undone(format!(
            "whether it was withdrawn or replaced, or a key revoked, after the log had {} leaves: ask a node",
            report.checkpoint.size
        )));
        Ok(report)
    }

    /// Checks everything but the time.
    pub fn verify(&self, told: Told<'_>) -> Result<ProofReport, ProofError> {
        fn step<T, E: std::fmt::Display>(step: &'static str, result: Result<T, E>) -> Result<T, ProofError> {
            result.map_err(|e| ProofError::Step { step, reason: e.to_string() })
        }
        for envelope in self.forum.envelopes().chain([&self.record]).chain(&self.withdrawal) {
            step("form", envelope.check_form())?;
        }
        if !self.forum.conflicting.is_empty() {
            return Err(ProofError::Malformed(
                "it has conflicting charters: those are evidence, no part of a proof".into(),
            ));
        }
        let trust = step("charter and delegations", Trust::verify(told.genesis, &self.forum))?;
        let issuer = step("release", self.record.payload::<release::Release>(RecordKind::Release))?.issuer;
        let release = step("release", release::verify(&trust, &self.record, &issuer))?;
        let origin = checkpoint::origin(trust.forum(), &issuer);
        let checkpoint = step("checkpoint", Checkpoint::verify(&self.checkpoint, &origin, &log_keys(&trust, &issuer)))?;
        let leaf = self.leaf(&release.payload.body.intent.audience, &release.id)?;
        if self.leaf != STANDARD.encode(&leaf) || self.tree_size != checkpoint.size {
            let reason = "the leaf or tree size beside the proof is not that of the record and checkpoint".to_owned();
            return Err(ProofError::Step { step: "log", reason });
        }
        let proof = decode_hashes(&self.inclusion)
            .ok_or_else(|| ProofError::Malformed("the inclusion proof is too long or not base64 hashes".into()))?;
        let hash = log::leaf_hash(&leaf);
        step("log", log::check_inclusion(&proof, checkpoint.size, checkpoint.root, self.index, hash))?;
        let mut steps = vec![forum_step(&trust, told.genesis)];
        steps.push(Step::done(format!(
            "charter {} of `{}`: signed by {}",
            trust.charter().version,
            trust.charter().forum_name,
            trust.chain().signed_by().join(", ")
        )));
        steps.push(endorsement_step(&trust, &issuer, told.crls)?);
        steps.push(Step::done(format!(
            "release {}: signed by a publisher key of `{issuer}` in force at {}",
            release.id, release.payload.issued_at
        )));
        steps.extend(release.operators.iter().map(|(role, name)| {
            Step::done(format!("{} signature of operator `{name}` holds", format!("{role:?}").to_lowercase()))
        }));
        steps.push(Step::done(format!(
            "leaf {} of {}, counted from 0, in the log of `{issuer}`, whose head is signed",
            self.index, checkpoint.size
        )));
        let cosignatures = step("cosignatures", cosignature::verified(&trust, &self.checkpoint))?;
        let quorum = trust.charter().witness_quorum(&issuer);
        steps.push(witnesses(&trust, &issuer, &cosignatures, quorum));
        let witnessed = quorum > 0 && cosignature::counted(&trust, &issuer, &cosignatures) >= quorum;
        steps.extend(replaced_step(&trust, &release, &issuer).filter(|_| !witnessed));
        steps.extend(revoked_log_step(&trust, &issuer, &origin, &self.checkpoint).filter(|_| !witnessed));
        steps.extend(suspended_step(&trust, &issuer, &cosignatures, quorum));
        steps.extend(self.timestamp_step(told.timestamp_cas)?);
        let withdrawn = step("withdrawal", self.withdrawn(&trust, &issuer, &release.id))?;
        Ok(ProofReport {
            cosignatures,
            quorum,
            forum: trust.forum().to_owned(),
            forum_name: trust.charter().forum_name.clone(),
            charter_expires: trust.charter().expires_s(),
            release,
            checkpoint,
            withdrawn,
            steps,
        })
    }

    /// What the withdrawal in the bundle says, if there is one.
    fn withdrawn(&self, trust: &Trust, issuer: &str, release: &str) -> Result<Option<Withdrawn>, ReleaseError> {
        let Some(envelope) = &self.withdrawal else { return Ok(None) };
        let payload = release::verify_withdrawal(trust, envelope, issuer)?;
        if payload.body.release != release {
            return Err(ReleaseError::Malformed("it is of another release".to_owned()));
        }
        Ok(Some(Withdrawn { record: Some(envelope.id()?), at: payload.issued_at, reason: payload.body.reason }))
    }

    /// The report's line on the time-stamp; none if there is none. One that does not hold refuses the proof only where it is asked for.
    fn timestamp_step(&self, cas: &[u8]) -> Result<Option<Step>, ProofError> {
        let Some(text) = &self.timestamp else {
            let asked = !cas.is_empty();
            return Ok(asked.then(|| Step::undone("a time-stamp: the proof holds none")));
        };
        if cas.is_empty() {
            return Ok(Some(Step::undone(
                "the RFC 3161 time-stamp in the proof: give the certificate of its authority's CA with `--timestamp-ca`",
            )));
        }
        let fail = |reason: String| ProofError::Step { step: "time-stamp", reason };
        if text.len() > timestamp::MAX_BYTES * 2 {
            return Err(fail("it is too long".to_owned()));
        }
        let token = STANDARD.decode(text).map_err(|_| fail("it is not base64".to_owned()))?;
        let at = timestamp::verify(&token, &self.record, cas).map_err(|e| fail(e.to_string()))?;
        let issued = self.record.payload::<release::Release>(RecordKind::Release).and_then(|p| p.issued_at_s());
        let issued = issued.map_err(|e| fail(e.to_string()))?;
        if issued > at.saturating_add(release::CLOCK_SKEW_S) {
            return Err(fail(format!("the record was stamped at {}, before it says it was issued", time::format(at))));
        }
        Ok(Some(Step::done(format!(
            "the record existed at {}, says the time-stamping authority given",
            time::format(at)
        ))))
    }

    fn leaf(&self, audience: &Audience, id: &str) -> Result<Vec<u8>, ProofError> {
        let salt = self.salt.as_deref().map(decode_salt).transpose()?;
        if salt.is_some() == (*audience == Audience::Public) {
            return Err(ProofError::Malformed("a salt belongs to a release that is not public, and only there".into()));
        }
        Ok(log::leaf(RecordKind::Release, audience, id, salt.as_ref()))
    }
}

/// The report's line on which forum it is.
fn forum_step(trust: &Trust, genesis: Option<&str>) -> Step {
    let forum = trust.forum();
    match genesis {
        Some(_) => Step::done(format!("forum {forum}: the genesis id that was given")),
        None => Step::undone(format!(
            "which forum it is: without `--genesis` this proves only what the forum {forum} says, whoever founded it"
        )),
    }
}

/// The report's line on the issuer's national PKI. An endorsement that does not hold (any more) refuses the proof.
fn endorsement_step(trust: &Trust, issuer: &str, crls: &[Vec<u8>]) -> Result<Step, ProofError> {
    match trust.chain().endorsed(issuer, crls) {
        Some(Ok(found)) => Ok(Step::done(found.sentence(issuer))),
        Some(Err(e)) => Err(ProofError::Step { step: "national PKI", reason: e.to_string() }),
        None => Ok(Step::undone(format!(
            "a national PKI: none endorses the authority key of `{issuer}`; the states that signed the charter vouch for it"
        ))),
    }
}

/// The report's line on a publisher that an authority key has delegated which was replaced since; none if it is the present one.
fn replaced_step(trust: &Trust, release: &VerifiedRelease, issuer: &str) -> Option<Step> {
    let mandate = trust.key_for(issuer, Purpose::Publisher, &release.publisher, release.issued_at).ok()?;
    let (when, who) = match trust.charter().member(issuer) {
        None => (format!("`{issuer}` was removed from the forum"), format!("`{issuer}`")),
        Some(member) if member.authority_key != mandate.authority => {
            (format!("the authority key of `{issuer}` was replaced"), "who has stolen the old one".to_owned())
        }
        Some(_) => return None,
    };
    Some(Step::undone(format!(
        "whether it was signed before {when}: {who} could date all of this back, and not enough states have cosigned the log; ask a node"
    )))
}

/// The report's line on a head that only a log key has signed which was revoked since.
fn revoked_log_step(trust: &Trust, issuer: &str, origin: &str, checkpoint: &str) -> Option<Step> {
    Checkpoint::verify(checkpoint, origin, &unrevoked_log_keys(trust, issuer)).err()?;
    Some(Step::undone(format!(
        "whether the head was signed before the log key of `{issuer}` was revoked: a head has no date, and not enough states have cosigned it; ask a node"
    )))
}

/// The report's line on cosigners that were suspended for a time, if the quorum needs them. A cosignature's time is its witness's own word: nodes
/// refuse one of a state that is suspended whatever time it says, but who checks a proof later was not there.
fn suspended_step(trust: &Trust, issuer: &str, cosignatures: &[Cosignature], quorum: usize) -> Option<Step> {
    let doubtful = |c: &&Cosignature| trust.suspensions().any(|s| s.suspension.member == c.member);
    let (doubtful, sure): (Vec<&Cosignature>, Vec<&Cosignature>) = cosignatures.iter().partition(doubtful);
    let sure: Vec<Cosignature> = sure.into_iter().cloned().collect();
    if doubtful.is_empty() || cosignature::counted(trust, issuer, &sure) >= quorum {
        return None;
    }
    let names = doubtful.iter().map(|c| format!("`{}`", c.member)).collect::<Vec<_>>().join(", ");
    Some(Step::undone(format!(
        "whether {names} cosigned outside of the time of its suspension: the time of a cosignature is its witness's own word; ask a node"
    )))
}

/// The report's line on who cosigned.
fn witnesses(trust: &Trust, issuer: &str, cosignatures: &[Cosignature], quorum: usize) -> Step {
    let counted = cosignature::counted(trust, issuer, cosignatures);
    let names: Vec<&str> = cosignatures.iter().map(|c| c.member.as_str()).collect();
    let names = names.join(", ");
    match (names.is_empty(), counted >= quorum) {
        (true, true) => Step::undone(
            "whether other states saw the same log: nobody has cosigned its head, and the charter does not ask for it",
        ),
        (true, false) => Step::undone(format!(
            "whether other states saw the same log: pending: nobody has cosigned its head; the charter asks for {quorum}"
        )),
        (false, true) => Step::done(format!("head cosigned by {names}: {counted} states of the {quorum} needed")),
        (false, false) => Step::undone(format!(
            "whether enough states saw the same log: pending: head cosigned by {names}: {counted} states of the {quorum} needed"
        )),
    }
}

/// The keys by which the log of `member` may grow at `at` (unix seconds).
pub fn log_keys_in_force(trust: &Trust, member: &str, at: i64) -> Vec<PublicKey> {
    trust.in_force(member, Purpose::Log, at).iter().map(|d| d.delegation.key).collect()
}

/// Every key that `member` delegated for its log and has not revoked.
pub fn unrevoked_log_keys(trust: &Trust, member: &str) -> Vec<PublicKey> {
    log_keys_of(trust, member, |d| trust.revocation(member, &d.delegation.key, &d.authority).is_none())
}

/// Every key `member` ever delegated for its log, each once: an old head stays checkable after its key's delegation ended.
pub fn log_keys(trust: &Trust, member: &str) -> Vec<PublicKey> {
    log_keys_of(trust, member, |_| true)
}

fn log_keys_of(trust: &Trust, member: &str, wanted: impl Fn(&VerifiedDelegation) -> bool) -> Vec<PublicKey> {
    let of = trust.delegations().filter(|d| d.member == member && d.delegation.purpose == Purpose::Log && wanted(d));
    let keys: BTreeSet<PublicKey> = of.map(|d| d.delegation.key).collect();
    keys.into_iter().collect()
}

/// Hashes as base64 texts.
pub fn encode_hashes(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(|h| STANDARD.encode(h.0)).collect()
}

/// Reads [`encode_hashes`]' texts; none if one is wrong or there are too many.
pub fn decode_hashes(texts: &[String]) -> Option<Vec<Hash>> {
    if texts.len() > log::MAX_PROOF {
        return None;
    }
    texts.iter().map(|t| Some(Hash(STANDARD.decode(t).ok()?.try_into().ok()?))).collect()
}

fn decode_salt(text: &str) -> Result<[u8; 32], ProofError> {
    let malformed = || ProofError::Malformed("the salt is not 64 lower-case hexadecimal digits".into());
    if !is_sha256(text) {
        return Err(malformed());
    }
    hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(malformed)
}
