//! `verify`, `proof` and `log`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use chancery_exchange::Error;
use chancery_ledger::endorsement;
use chancery_ledger::proof::{ProofBundle, ProofReport, Step, Told, Withdrawn};
use chancery_ledger::record::is_sha256;
use chancery_store::artefacts::sha256_of;

use super::Context;
use super::forum::now;
use crate::cli::proof::Proof;
use crate::cli::{Log, Verify};
use crate::{output, settings};

/// The exit code of a proof that holds, of a release that its issuer has withdrawn since.
const WITHDRAWN: u8 = 11;

pub(crate) async fn verify(context: &Context, args: Verify) -> Result<ExitCode> {
    let mut artefact: Option<PathBuf> = args.artefact.clone();
    let bytes = if is_sha256(&args.what) {
        context.node().await?.release_proof(&args.what).await?
    } else {
        let path = Path::new(&args.what);
        let bundle = match (path.extension().is_some_and(|e| e == "parquet"), &args.proof) {
            (false, _) => path,
            (true, Some(proof)) => {
                artefact = Some(path.to_path_buf());
                proof.as_path()
            }
            (true, None) => {
                bail!(Error::invalid("an artefact proves nothing alone: give its proof bundle with `--proof`"))
            }
        };
        std::fs::read(bundle).map_err(|e| Error::file("read", bundle, e))?
    };
    let genesis = match &args.genesis {
        Some(genesis) => Some(genesis.clone()),
        None if settings::file(&context.dir).exists() => Some(context.node().await?.trust()?.forum().to_owned()),
        None => None,
    };
    let refuse = |e: Box<dyn std::error::Error + Send + Sync>| Error::Unverified {
        what: "the proof does not hold".to_owned(),
        cause: Some(e),
    };
    let mut crls = Vec::new();
    for path in &args.crl {
        let bytes = std::fs::read(path).map_err(|e| Error::file("read", path, e))?;
        crls.push(endorsement::crl_der(&bytes).map_err(|e| refuse(Box::new(e)))?);
    }
    let timestamp_cas = match &args.timestamp_ca {
        Some(path) => std::fs::read(path).map_err(|e| Error::file("read", path, e))?,
        None => Vec::new(),
    };
    let told = Told { genesis: genesis.as_deref(), crls: &crls, timestamp_cas: &timestamp_cas };
    let report =
        ProofBundle::parse(&bytes).and_then(|b| b.verify_offline(told, now())).map_err(|e| refuse(Box::new(e)))?;
    let mut steps = report.steps.clone();
    match &artefact {
        Some(path) => steps.push(Step::done(check_artefact(path, &report.release)?)),
        None => steps.push(Step::undone("the figures themselves: no artefact was given")),
    }
    let unanchored = genesis.is_none();
    let withdrawn = withdrawn(context, &report).await?;
    let code = withdrawn.as_ref().map_or(ExitCode::SUCCESS, |_| ExitCode::from(WITHDRAWN));
    if context.json {
        let intent = &report.release.payload.body.intent;
        output::json(&serde_json::json!({
            "ok": withdrawn.is_none(), "withdrawn": withdrawn, "release": report.release.id, "issuer": intent.issuer, "dataflow": intent.dataflow, "title": intent.title,
            "artefacts": intent.artefacts.iter().map(|a| &a.sha256).collect::<Vec<_>>(),
            "forum": report.forum, "forum_name": report.forum_name, "genesis_given": !unanchored, "artefact_checked": artefact.is_some(),
            "cosigned_by": report.cosignatures.iter().map(|c| &c.member).collect::<Vec<_>>(), "quorum": report.quorum, "steps": steps,
        }))?;
        return Ok(code);
    }
    for Step { done, text } in steps {
        output::line(if done { format!("ok  {text}") } else { format!("--  not checked: {text}") });
    }
    if let Some(Withdrawn { record, at, reason }) = withdrawn {
        let issuer = &report.release.payload.body.intent.issuer;
        let record = record.map_or(String::new(), |id| format!(" (record {id})"));
        output::line(format!("!!  WITHDRAWN by `{issuer}` at {at}: {reason}{record}: use these figures no more"));
    }
    Ok(code)
}

/// That the release was withdrawn, by the bundle or by what the node here holds.
async fn withdrawn(context: &Context, report: &ProofReport) -> Result<Option<Withdrawn>> {
    if report.withdrawn.is_some() || !settings::file(&context.dir).exists() {
        return Ok(report.withdrawn.clone());
    }
    let tombstone = context.node().await?.tombstone_of(&report.release.id).await?;
    Ok(tombstone.map(|t| Withdrawn { record: t.record, at: t.withdrawn_at, reason: t.reason }))
}

/// Writes a release's proof beside whatever it proves.
pub(crate) async fn proof(context: &Context, args: Proof) -> Result<()> {
    let text = context.node().await?.release_tlog_proof(&args.release).await?;
    let path = args.output.unwrap_or_else(|| format!("{}.tlog-proof", args.release).into());
    if path.as_os_str() == "-" {
        output::line(text.trim_end());
        return Ok(());
    }
    std::fs::write(&path, text).map_err(|e| Error::file("write", &path, e))?;
    if context.json {
        output::json(&serde_json::json!({ "proof": path }))?;
    } else {
        output::line(format!("written to `{}`: check it with `chancery verify`", path.display()));
    }
    Ok(())
}

fn check_artefact(path: &Path, release: &chancery_ledger::release::VerifiedRelease) -> Result<String> {
    let found = sha256_of(path)?;
    let signed = release.payload.body.intent.artefacts.iter().find(|a| a.sha256 == found);
    match signed {
        Some(a) => Ok(format!("`{}` has the signed hash {} ({} rows)", path.display(), a.sha256, a.rows)),
        None => bail!(Error::unverified(format!(
            "`{}` has the hash {found}, which the release does not sign: it was changed or cut short",
            path.display()
        ))),
    }
}

pub(crate) async fn log(context: &Context, args: Log) -> Result<ExitCode> {
    let node = context.node().await?;
    let member = args.member.unwrap_or_else(|| node.member().to_owned());
    if args.evidence {
        let found: Vec<_> = node.evidence().await?.into_iter().filter(|e| e.member == member).collect();
        output::json(&found)?;
        return Ok(if found.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(7) });
    }
    let listing = node.log_listing(&member, args.check).await?;
    let failed = listing.checked == Some(false);
    if context.json {
        output::json(&listing)?;
    } else {
        let mut table = output::table(&["leaf", "kind", "audience", "record", "held"]);
        for entry in &listing.entries {
            let held = if entry.held { "yes" } else { "no" };
            table.add_row([entry.position.to_string().as_str(), &entry.kind, &entry.audience, &entry.record, held]);
        }
        output::line(table.to_string());
        output::line(format!("log of {}: {} leaves, root {}", listing.member, listing.size, listing.root));
        if let Some(absence) = &listing.absence {
            output::line(absence);
        }
        match listing.checked {
            None => {}
            Some(true) => output::line("every hash agrees with the signed head"),
            Some(false) => output::line("the leaves do NOT agree with the signed head: restore a backup"),
        }
    }
    Ok(if failed { ExitCode::from(7) } else { ExitCode::SUCCESS })
}
