//! Alarms for people: two heads of one log, or two charters of one number, that contradict each other, side by side.

use chancery_ledger::charter::{Charter, diff, signed_states};
use chancery_ledger::checkpoint::{self, Checkpoint};
use chancery_ledger::proof::log_keys;
use chancery_ledger::{Envelope, RecordKind, Trust, cosignature, time};
use chancery_store::logs::EvidenceRow;

use crate::views::{CosignerView, ForkView, RivalCharterView, RivalChartersView, SignedHeadView};

/// The first proof held that the log of `member` was forked.
pub(crate) fn fork(trust: &Trust, evidence: &[EvidenceRow], member: &str) -> Option<ForkView> {
    let row = evidence.iter().find(|row| row.member == member)?;
    let heads = [&row.checkpoint, &row.against].into_iter().filter_map(|note| head(trust, member, note));
    Some(ForkView { seen_at: time::format(row.seen_at), heads: heads.collect() })
}

fn head(trust: &Trust, member: &str, note: &str) -> Option<SignedHeadView> {
    let origin = checkpoint::origin(trust.forum(), member);
    let keys = log_keys(trust, member).into_iter().filter(|key| Checkpoint::verify(note, &origin, &[*key]).is_ok());
    let signed_by = keys.map(|key| key.fingerprint()).collect();
    let head = Checkpoint::read(note, &origin).ok()?;
    let cosigned = cosignature::verified(trust, note).unwrap_or_default().into_iter();
    Some(SignedHeadView {
        size: head.size,
        root: hex::encode(head.root.0),
        signed_by,
        cosigned_by: cosigned.map(|c| CosignerView { member: c.member, at: time::format(c.at) }).collect(),
    })
}

/// The charter held and the valid one that contradicts it; none if there is none.
pub(crate) fn rivals(trust: &Trust) -> Option<RivalChartersView> {
    let other = trust.conflicting().first()?;
    let number = usize::try_from(body(other)?.version).ok()?;
    let versions = trust.chain().envelopes();
    let (before, held) = (body(versions.get(number.checked_sub(2)?)?)?, versions.get(number - 1)?);
    let charters = vec![rival(held, &before, true)?, rival(other, &before, false)?];
    let both = |id: &&String| charters.iter().all(|c| c.signed_by.contains(id));
    let signed_both = charters.first()?.signed_by.iter().filter(both).cloned().collect();
    Some(RivalChartersView { version: number as u64, signed_both, charters })
}

fn body(envelope: &Envelope) -> Option<Charter> {
    envelope.payload::<Charter>(RecordKind::Charter).ok().map(|payload| payload.body)
}

fn rival(envelope: &Envelope, before: &Charter, in_force: bool) -> Option<RivalCharterView> {
    let payload = envelope.payload::<Charter>(RecordKind::Charter).ok()?;
    Some(RivalCharterView {
        id: envelope.id().ok()?,
        issued_at: payload.issued_at,
        drafted_by: payload.issuer,
        signed_by: signed_states(envelope, before, None),
        in_force,
        changes: diff(Some(before), &payload.body).into_iter().map(|change| change.text).collect(),
    })
}
