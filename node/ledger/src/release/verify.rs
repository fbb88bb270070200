//! Whether a release or withdrawal was signed by those who may: publisher, then operators.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{
    CLOCK_SKEW_S, MAX_OPERATORS, MAX_REASON_CHARS, OperatorRole, OperatorSignature, Release, ReleaseError,
    VerifiedRelease, Withdrawal,
};
use crate::audience::{excerpt, is_plain_text};
use crate::keys::{PublicKey, Purpose};
use crate::record::{Envelope, Payload, RecordKind, is_sha256};
use crate::time;
use crate::trust::Trust;

/// [`verify`] for a reader who holds only the record: the issuer is the one it names, and at `at` (unix seconds) it must
/// have been issued, give or take [`CLOCK_SKEW_S`].
pub fn verify_release(trust: &Trust, envelope: &Envelope, at: i64) -> Result<VerifiedRelease, ReleaseError> {
    let issuer = envelope.payload::<Release>(RecordKind::Release)?.issuer;
    let verified = verify(trust, envelope, &issuer)?;
    if verified.issued_at > at.saturating_add(CLOCK_SKEW_S) {
        let issued_at = verified.payload.issued_at;
        return Err(ReleaseError::Future { issued_at, at: time::format(at) });
    }
    Ok(verified)
}

/// Checks everything about a release that needs no file and no clock: form, forum, issuer, publisher, four eyes. Keys,
/// membership and rules are those in force when it was issued, so that it stays checkable.
pub fn verify(trust: &Trust, envelope: &Envelope, issuer: &str) -> Result<VerifiedRelease, ReleaseError> {
    let payload = envelope.payload::<Release>(RecordKind::Release)?;
    let intent = &payload.body.intent;
    let place = |member: &str, forum: &str| format!("{member} in {forum}");
    let expected = place(issuer, trust.forum());
    for found in [place(&payload.issuer, &payload.forum), place(&intent.issuer, &intent.forum)] {
        if found != expected {
            return Err(ReleaseError::Misplaced { found: excerpt(&found), expected });
        }
    }
    intent.check()?;
    if let Some(replaces) = &payload.body.replaces
        && !is_sha256(replaces)
    {
        return Err(ReleaseError::Malformed("`replaces` is not a record id".to_owned()));
    }
    let issued_at = payload.issued_at_s()?;
    let publisher = publisher_of(trust, envelope, issuer, issued_at)?;
    let operators = check_operators(trust, &payload.body.operators, &intent.message()?, issuer, issued_at)?;
    Ok(VerifiedRelease { id: envelope.id()?, payload, issued_at, publisher, operators })
}

/// Checks a withdrawal likewise.
pub fn verify_withdrawal(
    trust: &Trust,
    envelope: &Envelope,
    issuer: &str,
) -> Result<Payload<Withdrawal>, ReleaseError> {
    let payload = envelope.payload::<Withdrawal>(RecordKind::Withdrawal)?;
    if payload.issuer != issuer || payload.forum != trust.forum() {
        return Err(ReleaseError::Misplaced { found: payload.issuer, expected: issuer.to_owned() });
    }
    if !is_sha256(&payload.body.release) || !is_plain_text(&payload.body.reason, MAX_REASON_CHARS) {
        let what = format!(
            "the withdrawal names no release, or its reason is over {MAX_REASON_CHARS} characters or not plain text"
        );
        return Err(ReleaseError::Malformed(what));
    }
    publisher_of(trust, envelope, issuer, payload.issued_at_s()?)?;
    Ok(payload)
}

/// The publisher key of `issuer`, in force at `at`, that signed.
pub(crate) fn publisher_of(
    trust: &Trust,
    envelope: &Envelope,
    issuer: &str,
    at: i64,
) -> Result<PublicKey, ReleaseError> {
    let mut reason = "it has no signature".to_owned();
    for key in envelope.signers() {
        match trust.key_for(issuer, Purpose::Publisher, &key, at) {
            Err(e) => reason = e.to_string(),
            Ok(_) => match envelope.signed_by(&key) {
                Ok(()) => return Ok(key),
                Err(e) => reason = e.to_string(),
            },
        }
    }
    Err(ReleaseError::Publisher { issuer: issuer.to_owned(), at: time::format(at), reason })
}

/// The operators' names, if their signatures over `message` hold and meet the forum's rule.
pub(crate) fn check_operators(
    trust: &Trust,
    operators: &[OperatorSignature],
    message: &[u8],
    issuer: &str,
    at: i64,
) -> Result<Vec<(OperatorRole, String)>, ReleaseError> {
    if operators.len() > MAX_OPERATORS {
        return Err(ReleaseError::FourEyes(format!("{} operators' signatures", operators.len())));
    }
    let mut names = Vec::new();
    for operator in operators {
        let delegation = trust
            .key_for(issuer, Purpose::Operator, &operator.key, at)
            .map_err(|e| ReleaseError::Operator(Box::new(e)))?;
        let holds = STANDARD.decode(&operator.sig).is_ok_and(|sig| operator.key.verifies(message, &sig));
        if !holds {
            let name = delegation.delegation.name.clone();
            return Err(ReleaseError::OperatorSignature { name, key: operator.key });
        }
        names.push((operator.role, delegation.delegation.name.clone()));
    }
    check_four_eyes(operators, trust.charter_at(at).rules.four_eyes).map_err(ReleaseError::FourEyes)?;
    Ok(names)
}

/// Whether the operators' keys meet the rule: one prepared, and with `four_eyes` another approved.
pub fn check_four_eyes(operators: &[OperatorSignature], four_eyes: bool) -> Result<(), String> {
    let of = |role| operators.iter().filter(move |o| o.role == role).map(|o| o.key);
    let preparers: BTreeSet<_> = of(OperatorRole::Prepare).collect();
    if preparers.is_empty() {
        return Err("nobody signed as the one who prepared it".to_owned());
    }
    if four_eyes && !of(OperatorRole::Approve).any(|key| !preparers.contains(&key)) {
        return Err("nobody but the one who prepared it has approved it: another operator must".to_owned());
    }
    Ok(())
}
