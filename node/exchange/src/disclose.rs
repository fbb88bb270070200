//! Disclose: the stage passes through its profile; what comes out is all that can ever be published.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chancery_ledger::release::{Artefact, CHUNK_BYTES, DisclosureSummary, PARQUET};
use chancery_policies::disclosure::cell_key::Secret;
use chancery_policies::disclosure::{Perturbation, Profile, Report, profile_text, protection};
use chancery_query::artefact::{self, ArtefactWriter, Facts};
use chancery_schema::dataset::DatasetSchema;
use chancery_store::privacy::NewSpending;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// What disclosure control made of a stage.
pub(crate) struct Disclosed {
    /// The file that would be published.
    pub(crate) candidate: TempPath,
    /// Its description.
    pub(crate) artefact: Artefact,
    /// What was done, in detail.
    pub(crate) report: Report,
    /// What was done, as signed.
    pub(crate) summary: DisclosureSummary,
    /// What it takes of a privacy budget.
    pub(crate) spending: Option<NewSpending>,
}

/// The text of the profile for a dataflow: the node's own, or the built-in one.
pub fn profile_of(root: &Path, dataflow: &str) -> Result<String> {
    let own = root.join("disclosure").join(format!("{dataflow}.toml"));
    match std::fs::read_to_string(&own) {
        Ok(text) => Ok(text),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(profile_text(dataflow).to_owned()),
        Err(e) => Err(Error::file("read the disclosure profile", &own, e)),
    }
}

impl Node {
    /// Passes a sorted stage through its dataflow's profile, or through `profile`.
    pub(crate) async fn disclose(
        &self,
        schema: &DatasetSchema,
        staged: PathBuf,
        profile: Option<String>,
    ) -> Result<Disclosed> {
        let (schema, dir, root) = (schema.clone(), self.workspace().to_path_buf(), self.folder().root().to_path_buf());
        let keyring = self.keyring();
        let work = move || {
            let text = profile.map_or_else(|| profile_of(&root, &schema.dataflow.id), Ok)?;
            disclose(&schema, &staged, &dir, &text, &keyring.disclosure_secret()?)
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "disclosure control was cut off".to_owned())?
    }
}

fn disclose(
    schema: &DatasetSchema,
    staged: &Path,
    dir: &Path,
    profile_text: &str,
    secret: &Secret,
) -> Result<Disclosed> {
    let failed = || "disclosure control failed".to_owned();
    let profile =
        Profile::parse(profile_text).or_invalid(|| format!("the profile for `{}` is wrong", schema.dataflow))?;
    let mut protection = protection(&profile, schema, secret)
        .or_invalid(|| format!("the profile for `{}` is wrong", schema.dataflow))?;
    for batch in artefact::read(staged).or_storage(failed)? {
        protection.observe(&batch.or_storage(failed)?).or_storage(failed)?;
    }
    protection.decide().or_storage(failed)?;
    let mut out = NamedTempFile::new_in(dir).map_err(|e| Error::file("create a file in", dir, e))?;
    let mut writer = ArtefactWriter::new(out.as_file_mut(), schema).or_storage(failed)?;
    for batch in artefact::read(staged).or_storage(failed)? {
        let protected = protection.apply(&batch.or_storage(failed)?).or_storage(failed)?;
        writer.write(&protected).or_storage(failed)?;
    }
    let facts = writer.finish().or_storage(failed)?;
    let candidate = out.into_temp_path();
    let report = protection.report();
    let report_bytes = serde_json::to_vec(&report).or_storage(failed)?;
    let summary = DisclosureSummary {
        profile: profile.name.clone(),
        profile_sha256: hex::encode(Sha256::digest(profile_text)),
        report_sha256: hex::encode(Sha256::digest(&report_bytes)),
        suppressed_primary: report.suppressed_primary,
        suppressed_secondary: report.suppressed_secondary,
        rounded: report.rounded + report.perturbed,
    };
    let artefact = describe(&candidate, &facts)?;
    let spending = spending(&profile, schema)?;
    Ok(Disclosed { candidate, artefact, report, summary, spending })
}

/// What a release under this profile takes of the dataflow's privacy budget.
fn spending(profile: &Profile, schema: &DatasetSchema) -> Result<Option<NewSpending>> {
    let Some(Perturbation::Privacy(rules)) = &profile.perturbation else { return Ok(None) };
    let (epsilon, budget) = rules.micro().or_invalid(|| format!("the profile for `{}` is wrong", schema.dataflow))?;
    Ok(Some(NewSpending {
        dataflow: budget_name(schema),
        epsilon_micro: epsilon.cast_signed(),
        budget_micro: budget.cast_signed(),
    }))
}

/// Under what name a dataflow's privacy budget is kept: without version, as a new version counts the same persons.
pub(crate) fn budget_name(schema: &DatasetSchema) -> String {
    format!("{}:{}", schema.dataflow.agency, schema.dataflow.id)
}

/// Hashes a file as a whole and chunk by chunk.
fn describe(path: &Path, facts: &Facts) -> Result<Artefact> {
    let mut file = File::open(path).map_err(|e| Error::file("open", path, e))?;
    let (mut whole, mut chunks, mut bytes) = (Sha256::new(), Vec::new(), 0u64);
    loop {
        let mut chunk = Vec::new();
        let n = file.by_ref().take(CHUNK_BYTES).read_to_end(&mut chunk).map_err(|e| Error::file("read", path, e))?;
        if n == 0 {
            break;
        }
        whole.update(&chunk);
        chunks.push(hex::encode(Sha256::digest(&chunk)));
        bytes += n as u64;
    }
    Ok(Artefact {
        sha256: hex::encode(whole.finalize()),
        bytes,
        rows: facts.rows,
        media_type: PARQUET.to_owned(),
        periods: [facts.first_period.clone(), facts.last_period.clone()],
        chunk_bytes: CHUNK_BYTES,
        chunks,
    })
}
