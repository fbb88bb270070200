//! Disclose: the stage passes through its profile; what comes out is all that can ever be published.

mod beside;
mod reports;
mod respondents;

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use chancery_ledger::release::{Artefact, CHUNK_BYTES, DisclosureSummary, PARQUET};
use chancery_policies::disclosure::cell_key::Secret;
use chancery_policies::disclosure::{Perturbation, Profile, Report, profile_text, protection};
use chancery_query::artefact::{self, ArtefactWriter, Facts};
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::structure::Structures;
use chancery_store::privacy::NewSpending;
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};

use crate::approve::Stage;
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

/// What passes through disclosure control.
struct Table<'a> {
    schema: &'a DatasetSchema,
    staged: &'a Path,
    respondents: Option<&'a Path>,
    beside: Vec<beside::Others>,
}

/// What else decides how a stage is disclosed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disclosing {
    /// A file of who is behind the figures.
    pub(crate) respondents: Option<PathBuf>,
    /// A profile instead of the dataflow's own.
    pub(crate) profile: Option<String>,
    /// Whether other members' figures of the same movements count as known, whatever the profile says.
    pub(crate) mirror: bool,
}

impl Node {
    /// Passes a sorted stage through its dataflow's profile, or another.
    pub(crate) async fn disclose(
        &self,
        schema: &DatasetSchema,
        staged: PathBuf,
        disclosing: Disclosing,
    ) -> Result<Disclosed> {
        let (schema, dir, keyring) = (schema.clone(), self.workspace().to_path_buf(), self.keyring());
        let Disclosing { respondents, profile, mirror } = disclosing;
        let text = profile.map_or_else(|| profile_of(self.folder().root(), &schema.dataflow.id), Ok)?;
        let wrong = || format!("the profile for `{}` is wrong", schema.dataflow);
        let mut profile = Profile::parse(&text).or_invalid(wrong)?;
        profile.mirror |= mirror;
        let beside = self.beside(&schema, &profile).await?;
        let structures = self.structures().clone();
        let work = move || {
            let table = Table { schema: &schema, staged: &staged, respondents: respondents.as_deref(), beside };
            disclose(table, &dir, &structures, &text, &profile, &keyring.disclosure_secret()?)
        };
        tokio::task::spawn_blocking(work).await.or_storage(|| "disclosure control was cut off".to_owned())?
    }

    /// What disclosure control would make of a stage under another profile. Nothing is kept, and no budget is spent.
    pub async fn disclose_otherwise(&self, stage: &Stage, profile: Option<String>, mirror: bool) -> Result<Report> {
        let schema = self.dataset_schema(&stage.intent.dataflow)?;
        let respondents = Some(self.respondents_path(&stage.id)).filter(|path| path.exists());
        let staged = self.private_path(&stage.id);
        let disclosed = self.disclose(&schema, staged, Disclosing { respondents, profile, mirror }).await?;
        Ok(disclosed.report)
    }
}

fn disclose(
    table: Table<'_>,
    dir: &Path,
    structures: &Structures,
    profile_text: &str,
    profile: &Profile,
    secret: &Secret,
) -> Result<Disclosed> {
    let failed = || "disclosure control failed".to_owned();
    let refused = || "disclosure control refuses these figures".to_owned();
    let Table { schema, staged, respondents, beside } = table;
    let mut protection = protection(profile, schema, structures, secret)
        .or_invalid(|| format!("the profile for `{}` is wrong", schema.dataflow))?;
    if let Some(path) = respondents {
        protection.respondents(respondents::read(path, schema)?);
    }
    if protection.wants_earlier() {
        for others in &beside {
            others.each(schema, |batch| protection.beside(&others.name, others.kind, batch).or_storage(failed))?;
        }
    }
    for batch in artefact::read(staged).or_storage(failed)? {
        protection.observe(&batch.or_storage(failed)?).or_invalid(refused)?;
    }
    protection.decide().or_invalid(refused)?;
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
    let spending = spending(profile, schema)?;
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
