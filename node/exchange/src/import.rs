//! Import: a file's rows become a private stage, if every one of them is valid.

mod aggregate;
mod check;
mod findings;
mod marked;
mod progress;
mod read;
mod source;
mod trial;

use std::path::{Path, PathBuf};

use chancery_ledger::audience::Audience;
use chancery_ledger::release::{Intent, OperatorRole, OperatorSignature};
use chancery_ledger::{Purpose, time};
use chancery_policies::disclosure::Report;
use chancery_schema::mapping::{Mapping, MappingError};
use chancery_store::StoreError;
use chancery_store::stages::StageRow;
use tempfile::TempPath;

use crate::disclose::Disclosed;
use crate::disclose::Disclosing;
use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

pub use check::Checks;
pub use findings::{AcceptedWarning, Findings};
pub use marked::{Marked, mark};
pub use progress::{Phase, Progress};
pub use source::Found;
pub use trial::{Trial, propose_mapping, try_mapping};

use check::Checked;

/// What to import.
#[derive(Debug, Clone)]
pub struct ImportRequest {
    /// The file; none where the mapping has a query.
    pub file: Option<PathBuf>,
    /// The mapping file's text.
    pub mapping: String,
    /// The release's title.
    pub title: String,
    /// The operator who imports.
    pub operator: String,
    /// Who may read it.
    pub audience: Audience,
    /// Not before, unix seconds.
    pub embargo: Option<i64>,
    /// A private file of who is behind the figures, for rules that need it.
    pub respondents: Option<PathBuf>,
    /// Whether what other members publish of the same movements counts as known, whatever the profile says.
    pub mirror: bool,
    /// How it is checked, and which warnings are accepted.
    pub checks: Checks,
    /// Only check.
    pub check_only: bool,
}

impl ImportRequest {
    /// The file's name, for people.
    fn name(&self) -> String {
        name_of(self.file.as_deref())
    }
}

fn name_of(path: Option<&Path>) -> String {
    let name = path.map(|path| path.file_name().unwrap_or(path.as_os_str()));
    name.map_or_else(|| "source.query".to_owned(), |name| name.to_string_lossy().into_owned())
}

/// What an import did.
#[derive(Debug, Clone)]
pub struct ImportOutcome {
    /// The stage's id; none if it was only checked.
    pub stage: Option<String>,
    /// The dataflow.
    pub dataflow: String,
    /// Valid rows.
    pub rows: u64,
    /// Rows the mapping's filters left out.
    pub left_out: u64,
    /// What was found out about the file that the mapping does not say.
    pub found: Vec<Found>,
    /// What checking found.
    pub findings: Findings,
    /// What disclosure control did.
    pub report: Option<Report>,
}

impl Node {
    /// Checks a file and stages it, filtered and signed by the importing operator. Nothing is staged unless all is valid, or the
    /// warnings that remain are accepted by their names.
    pub async fn import(&self, request: ImportRequest, progress: Progress) -> Result<ImportOutcome> {
        let mapping =
            Mapping::parse(&request.mapping).map_err(|errors| all_of("the mapping file is wrong", &errors))?;
        let schema = self.dataset_schema(&mapping.dataflow)?;
        let trust = self.trust()?;
        let operator = self.keyring().operator(&request.operator)?;
        trust
            .key_for(self.member(), Purpose::Operator, &operator.public(), self.now())
            .or_denied(&format!("`{}` may not import", request.operator))?;
        let checked =
            self.check_file(request.file.as_deref(), mapping, &schema, &request.checks, progress.clone()).await?;
        let Checked { staged, rows, left_out, found, findings } = checked;
        if findings.errors() > 0 || findings.refuses() && !request.check_only {
            return Err(Error::Problems(Box::new(findings)));
        }
        let mut outcome = ImportOutcome {
            stage: None,
            dataflow: schema.dataflow.to_string(),
            rows,
            left_out,
            found,
            findings,
            report: None,
        };
        if request.check_only {
            return Ok(outcome);
        }
        progress.filter();
        let disclosing =
            Disclosing { respondents: request.respondents.clone(), mirror: request.mirror, ..Disclosing::default() };
        let disclosed = self.disclose(&schema, staged.to_path_buf(), disclosing).await?;
        let intent = Intent {
            forum: trust.forum().to_owned(),
            issuer: self.member().to_owned(),
            dataflow: schema.dataflow.to_string(),
            structure: schema.structure.to_string(),
            title: request.title.clone(),
            audience: request.audience.clone(),
            embargo: request.embargo.map(time::format),
            artefacts: vec![disclosed.artefact.clone()],
            disclosure: disclosed.summary.clone(),
        };
        let signature =
            intent.sign(OperatorRole::Prepare, &operator).or_storage(|| "cannot sign the intent".to_owned())?;
        outcome.report = Some(disclosed.report.clone());
        outcome.stage = Some(self.stage(&request, &outcome.findings, intent, signature, (staged, disclosed)).await?);
        Ok(outcome)
    }

    async fn stage(
        &self,
        request: &ImportRequest,
        findings: &Findings,
        intent: Intent,
        signature: OperatorSignature,
        (staged, disclosed): (TempPath, Disclosed),
    ) -> Result<String> {
        let mut bytes = [0u8; 6];
        getrandom::fill(&mut bytes).or_storage(|| "no randomness for the stage's id".to_owned())?;
        let id = hex::encode(bytes);
        let json = || "cannot write the stage".to_owned();
        let now = self.now();
        let row = StageRow {
            id: id.clone(),
            forum: intent.forum.clone(),
            dataflow: intent.dataflow.clone(),
            title: intent.title.clone(),
            source: request.name(),
            state: "staged".to_owned(),
            created_at: now,
            updated_at: now,
            intent: serde_json::to_vec(&intent).or_storage(json)?,
            operators: serde_json::to_vec(&[signature]).or_storage(json)?,
            report: serde_json::to_vec(&disclosed.report).or_storage(json)?,
            accepted: serde_json::to_vec(&findings.accepted_by(&request.operator, now)).or_storage(json)?,
        };
        let keep = |file: TempPath, path: PathBuf| {
            file.persist(&path).map_err(|e| Error::file("keep the stage", &path, e.error))
        };
        keep(disclosed.candidate, self.candidate_path(&id))?;
        keep(staged, self.private_path(&id))?;
        if let Some(from) = &request.respondents {
            let to = self.respondents_path(&id);
            std::fs::copy(from, &to).map_err(|e| Error::file("keep the respondents as", &to, e))?;
        }
        let spending = disclosed.spending;
        let stored = self.store().run(move |s| s.stage_put(&row, spending.as_ref())).await;
        if stored.is_err() {
            self.remove_stage_files(&id);
        }
        match stored {
            Err(StoreError::Conflict(what)) => Err(Error::denied(what)),
            stored => stored.or_storage(json).map(|()| id),
        }
    }

    /// Where a stage's own figures are kept until it is published, to see what another profile would make of them.
    pub(crate) fn private_path(&self, stage: &str) -> PathBuf {
        self.folder().stages().join(format!("{stage}.private.parquet"))
    }

    /// Where it is kept until then who is behind a stage's figures.
    pub(crate) fn respondents_path(&self, stage: &str) -> PathBuf {
        self.folder().stages().join(format!("{stage}.respondents.csv"))
    }

    /// Removes what is kept of a stage that is done. That a file is left does no harm beyond its room.
    pub(crate) fn remove_stage_files(&self, stage: &str) {
        for path in [self.candidate_path(stage), self.private_path(stage), self.respondents_path(stage)] {
            let _ = std::fs::remove_file(path);
        }
    }

    /// Where a stage's filtered file is kept until it is published.
    pub(crate) fn candidate_path(&self, stage: &str) -> PathBuf {
        self.folder().stages().join(format!("{stage}.parquet"))
    }
}

/// An error that lists all that is wrong with a mapping.
pub(crate) fn all_of(what: &str, errors: &[MappingError]) -> Error {
    let all = errors.iter().map(|e| format!("\n  - {e}")).collect::<String>();
    Error::invalid(format!("{what}:{all}"))
}

#[cfg(test)]
mod tests;
