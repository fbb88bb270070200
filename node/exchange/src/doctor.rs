//! Doctor: checks everything a node depends on, and says what to do about it.

use chancery_ledger::{Purpose, cosignature, time};
use chancery_policies::disclosure::privacy;
use chancery_store::releases::ReleaseSelection;
use serde::Serialize;

use crate::error::{Doing as _, Result};
use crate::keys::RENEW_WITHIN_S;
use crate::node::Node;
use crate::tiles::cosigned_note;

/// How long a head may wait for its cosignatures before that is worth an alarm, in seconds.
const PATIENCE_S: i64 = 3600;

/// What one check found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What was found, and what to do.
    pub detail: String,
}

impl Node {
    /// Checks keys, charter, delegations, log, files and refusals. Does not need the node to serve.
    pub async fn doctor(&self) -> Result<Vec<Finding>> {
        let mut findings = vec![self.check_keys()];
        let Ok(trust) = self.trust() else {
            let detail = "this node has joined no forum: run `chancery forum join`".to_owned();
            findings.push(Finding { check: "forum", ok: false, detail });
            return Ok(findings);
        };
        let charter = trust.charter();
        let frozen = trust.frozen(self.now());
        let mut detail = format!("`{}`, version {}, expires {}", charter.forum_name, charter.version, charter.expires);
        if let Some(reason) = &frozen {
            detail = format!("{detail}\nmembership is frozen, figures flow on: {reason}");
        }
        findings.push(Finding { check: "charter", ok: frozen.is_none(), detail });
        let suspended = trust.suspensions().filter(|s| s.in_force(self.now()));
        let suspended: Vec<String> = suspended
            .map(|s| {
                let signed = s.signed_by.join(", ");
                let (member, reason) = (&s.suspension.member, &s.suspension.reason);
                format!("`{member}` until {}, by {signed}: {reason}", s.suspension.until)
            })
            .collect();
        if !suspended.is_empty() {
            findings.push(Finding { check: "suspensions", ok: false, detail: suspended.join("\n") });
        }
        findings.extend(self.check_delegations(&trust));
        findings.extend(self.check_logs(&trust).await?);
        findings.extend(self.check_cosigning(&trust).await?);
        findings.push(self.check_signing(&trust).await?);
        findings.push(self.check_clock());
        findings.push(self.check_files(&trust).await?);
        let forum = trust.forum().to_owned();
        let read = move |s: &chancery_store::Store| Ok((s.refusal_list(&forum, 5)?, s.evidence_list(&forum)?));
        let (refusals, evidence) = self.store().run(read).await.or_storage(|| "cannot read the refusals".to_owned())?;
        let newest = refusals
            .iter()
            .map(|r| format!("{} {}: {}: {}", time::format(r.at), r.peer, r.what, r.reason))
            .collect::<Vec<_>>();
        let detail = if newest.is_empty() { "nothing was refused".to_owned() } else { newest.join("\n") };
        findings.push(Finding { check: "refusals", ok: true, detail });
        findings.extend(self.check_budgets(trust.forum()).await?);
        let forked =
            evidence.iter().map(|(member, at)| format!("{member} at {}", time::format(*at))).collect::<Vec<_>>();
        let detail = if forked.is_empty() {
            "no log was seen to contradict itself".to_owned()
        } else {
            format!(
                "forked logs: {}; both heads are kept, and no more of them is cosigned: ask the member, and show the others what `chancery log \
                 MEMBER --evidence` writes",
                forked.join(", ")
            )
        };
        findings.push(Finding { check: "evidence", ok: forked.is_empty(), detail });
        Ok(findings)
    }

    /// What is left of each privacy budget that a profile sets or a stage has spent of; nothing to say where there are none.
    async fn check_budgets(&self, forum: &str) -> Result<Option<Finding>> {
        let budgets = self.budgets(forum).await?;
        if budgets.is_empty() {
            return Ok(None);
        }
        let (mut ok, mut lines) = (true, Vec::new());
        for budget in budgets {
            let spent = privacy::text(budget.spent_micro);
            lines.push(match budget.profile {
                None => format!("{}: ε {spent} spent, no budget in its profile now", budget.dataflow),
                Some((epsilon, total)) => {
                    let left = total.saturating_sub(budget.spent_micro);
                    ok &= left >= epsilon;
                    let releases = left / epsilon.max(1);
                    format!(
                        "{}: ε {spent} of {} spent, enough for {releases} more",
                        budget.dataflow,
                        privacy::text(total)
                    )
                }
            });
        }
        Ok(Some(Finding { check: "privacy budgets", ok, detail: lines.join("\n") }))
    }

    fn check_keys(&self) -> Finding {
        let keyring = self.keyring();
        let missing = [Purpose::Log, Purpose::Witness, Purpose::Publisher, Purpose::Transport]
            .into_iter()
            .filter_map(|purpose| keyring.key(purpose).err().map(|e| e.to_string()));
        let exposed =
            keyring.exposed().into_iter().map(|p| format!("`{}` can be read by others: chmod 600 it", p.display()));
        let wrong: Vec<String> = missing.chain(exposed).collect();
        let detail =
            if wrong.is_empty() { "all there, for the owner's eyes only".to_owned() } else { wrong.join("\n") };
        Finding { check: "keys", ok: wrong.is_empty(), detail }
    }

    fn check_delegations(&self, trust: &chancery_ledger::Trust) -> Vec<Finding> {
        let now = self.now();
        let purposes = [Purpose::Log, Purpose::Witness, Purpose::Publisher, Purpose::Transport, Purpose::Operator];
        let ends = purposes.into_iter().map(|purpose| {
            let longest = trust.in_force(self.member(), purpose, now).first().map(|d| d.not_after);
            match longest {
                None => (false, format!("{purpose}: none in force; run `chancery keys renew`")),
                Some(end) if end - now < RENEW_WITHIN_S => {
                    (false, format!("{purpose}: ends {}; run `chancery keys renew`", time::format(end)))
                }
                Some(end) => (true, format!("{purpose}: until {}", time::format(end))),
            }
        });
        let ends: Vec<_> = ends.collect();
        let detail = ends.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>().join("\n");
        vec![Finding { check: "delegations", ok: ends.iter().all(|(ok, _)| *ok), detail }]
    }

    async fn check_logs(&self, trust: &chancery_ledger::Trust) -> Result<Vec<Finding>> {
        let forum = trust.forum().to_owned();
        let heads =
            self.store().run(move |s| s.head_list(&forum)).await.or_storage(|| "cannot read the heads".to_owned())?;
        let (mut wrong, mut absent) = (Vec::new(), Vec::new());
        for head in &heads {
            let listing = self.log_listing(&head.member, true).await?;
            if listing.checked != Some(true) {
                wrong.push(head.member.clone());
            }
            absent.extend(listing.absence.map(|absence| format!("log of {}: {absence}", head.member)));
        }
        let detail = if wrong.is_empty() {
            format!("{} logs agree with their signed heads", heads.len())
        } else {
            format!("these logs do not agree with their signed heads: {}; restore a backup", wrong.join(", "))
        };
        let mut findings = vec![Finding { check: "logs", ok: wrong.is_empty(), detail }];
        if !absent.is_empty() {
            // As it should be, unless it is waited for.
            findings.push(Finding { check: "records", ok: true, detail: absent.join("\n") });
        }
        Ok(findings)
    }

    /// Whether enough other states have cosigned this member's head; nothing to say where the charter asks for none.
    async fn check_cosigning(&self, trust: &chancery_ledger::Trust) -> Result<Option<Finding>> {
        let now = self.now();
        let quorum = trust.charter().witness_quorum(self.member());
        let Some(head) = self.head_of(trust.forum(), self.member()).await?.filter(|_| quorum > 0) else {
            return Ok(None);
        };
        let (updated_at, size) = (head.updated_at, head.size);
        let note = self.store().run(move |s| cosigned_note(s, &head)).await;
        let note = note.or_storage(|| "cannot read the cosignatures".to_owned())?;
        let found = cosignature::verified(trust, &note).unwrap_or_default();
        let counted = cosignature::counted(trust, self.member(), &found);
        let names: Vec<&str> = found.iter().map(|c| c.member.as_str()).collect();
        let mut detail = format!(
            "{counted} of the {quorum} states needed have cosigned the head of {size} leaves: {}",
            names.join(", ")
        );
        if counted < quorum {
            let others = trust.charter().states().filter(|m| m.id != self.member());
            detail += match others.filter(|m| trust.suspended(&m.id, now).is_none()).count() < quorum {
                true => "; it is published when fewer states are suspended, so that enough can cosign it",
                false => "; it is published once the others' nodes are there",
            };
        }
        Ok(Some(Finding { check: "cosignatures", ok: counted >= quorum || now < updated_at + PATIENCE_S, detail }))
    }

    /// Whether this node may sign its own log.
    async fn check_signing(&self, trust: &chancery_ledger::Trust) -> Result<Finding> {
        let size = self.head_of(trust.forum(), self.member()).await?.map_or(0, |h| h.size.max(0) as u64);
        let doubt = match self.signing_doubt(trust, size)? {
            None => self.check_witness(trust).err().map(|error| error.to_string()),
            doubt => doubt,
        };
        let ok = doubt.is_none();
        let detail = doubt.unwrap_or_else(|| format!("{size} leaves, as this node remembers having signed"));
        Ok(Finding { check: "signer", ok, detail })
    }

    async fn check_files(&self, trust: &chancery_ledger::Trust) -> Result<Finding> {
        let (node, forum) = (self.clone(), trust.forum().to_owned());
        let work = move || {
            let failed = || "cannot read the releases".to_owned();
            let rows = node.store().release_list(&forum, &ReleaseSelection::default()).or_storage(failed)?;
            let ids: Vec<String> = rows.iter().map(|r| r.id.clone()).collect();
            let artefacts = node.store().release_artefact_list(&ids).or_storage(failed)?;
            let wrong: Vec<String> =
                artefacts.iter().filter_map(|a| node.files().verify(&a.sha256).err()).map(|e| e.to_string()).collect();
            let ok = wrong.is_empty();
            let detail = if ok { format!("{} files have their hash", artefacts.len()) } else { wrong.join("\n") };
            Ok(Finding { check: "artefacts", ok, detail })
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "the check was cut off".to_owned())?
    }
}
