//! Approve: a second person reads what would be published and signs the same intent.

use chancery_ledger::Purpose;
use chancery_ledger::release::{Intent, OperatorRole, OperatorSignature, check_four_eyes};
use chancery_policies::disclosure::Report;
use chancery_query::artefact;
use chancery_schema::dataset::DatasetSchema;
use chancery_store::stages::StageRow;

use arrow::array::RecordBatch;

use crate::error::{Doing as _, Error, Result};
use crate::import::AcceptedWarning;
use crate::node::Node;

/// A stage, read back.
#[derive(Debug, Clone)]
pub struct Stage {
    /// Id.
    pub id: String,
    /// `staged`, `approved` or `published`.
    pub state: String,
    /// The imported file's name.
    pub source: String,
    /// When it was imported, unix seconds.
    pub created_at: i64,
    /// What is to be published.
    pub intent: Intent,
    /// Who has signed.
    pub operators: Vec<OperatorSignature>,
    /// What disclosure control did.
    pub report: Report,
    /// The warnings that the importing operator accepted.
    pub accepted: Vec<AcceptedWarning>,
}

impl Stage {
    pub(crate) fn of(row: StageRow) -> Result<Self> {
        let damaged = || format!("the stage `{}` is damaged: import the file again", row.id);
        Ok(Self {
            intent: serde_json::from_slice(&row.intent).or_storage(damaged)?,
            operators: serde_json::from_slice(&row.operators).or_storage(damaged)?,
            report: serde_json::from_slice(&row.report).or_storage(damaged)?,
            accepted: serde_json::from_slice(&row.accepted).or_storage(damaged)?,
            id: row.id,
            state: row.state,
            source: row.source,
            created_at: row.created_at,
        })
    }
}

impl Node {
    /// Stages, newest first.
    pub async fn stages(&self) -> Result<Vec<Stage>> {
        let forum = self.trust()?.forum().to_owned();
        let rows =
            self.store().run(move |s| s.stage_list(&forum)).await.or_storage(|| "cannot read the stages".to_owned())?;
        rows.into_iter().map(Stage::of).collect()
    }

    /// The stage named, or the only one in `state`.
    pub async fn find_stage(&self, id: Option<&str>, state: Option<&str>) -> Result<Stage> {
        let stages = self.stages().await?;
        if let Some(id) = id {
            let found = stages.into_iter().find(|s| s.id == id);
            return found.ok_or_else(|| {
                Error::not_found(format!("there is no stage `{id}`: `chancery preview` shows the open ones"))
            });
        }
        let mut open: Vec<Stage> =
            stages.into_iter().filter(|s| state.map_or(s.state != "published", |state| s.state == state)).collect();
        match (open.pop(), open.is_empty()) {
            (Some(one), true) => Ok(one),
            (None, _) => Err(Error::not_found(format!("there is no stage that is {}", state.unwrap_or("open")))),
            (Some(one), false) => {
                let ids =
                    open.iter().chain([&one]).map(|s| format!("`{}` ({})", s.id, s.intent.title)).collect::<Vec<_>>();
                Err(Error::invalid(format!("name the stage: {}", ids.join(", "))))
            }
        }
    }

    /// A stage's figures after disclosure control, and their components: what the approving operator looks at.
    pub async fn stage_figures(&self, stage: &Stage, rows: usize) -> Result<(DatasetSchema, Vec<RecordBatch>)> {
        let path = self.candidate_path(&stage.id);
        Ok((self.dataset_schema(&stage.intent.dataflow)?, first_rows(&path, rows)?))
    }

    /// A stage's own, private figures: for the officer's eyes alone.
    pub async fn stage_own_figures(&self, stage: &Stage, rows: usize) -> Result<Vec<RecordBatch>> {
        first_rows(&self.private_path(&stage.id), rows)
    }

    /// Signs a stage as the approving operator.
    pub async fn approve(&self, id: Option<&str>, operator: &str) -> Result<Stage> {
        let mut stage = self.find_stage(id, Some("staged")).await?;
        if stage.state != "staged" {
            return Err(Error::conflict(format!("the stage `{}` is already {}", stage.id, stage.state)));
        }
        let trust = self.trust()?;
        let key = self.keyring().operator(operator)?;
        trust
            .key_for(self.member(), Purpose::Operator, &key.public(), self.now())
            .or_denied(&format!("`{operator}` may not approve"))?;
        let signature =
            stage.intent.sign(OperatorRole::Approve, &key).or_storage(|| "cannot sign the intent".to_owned())?;
        stage.operators.push(signature);
        check_four_eyes(&stage.operators, trust.charter().rules.four_eyes).map_err(|e| {
            Error::denied(format!("the forum's four-eyes rule is not met: {e}; another operator must approve"))
        })?;
        let operators = serde_json::to_vec(&stage.operators).or_storage(|| "cannot write the approval".to_owned())?;
        let (id, now) = (stage.id.clone(), self.now());
        self.store()
            .run(move |s| s.stage_approve(&id, &operators, now))
            .await
            .or_storage(|| "cannot store the approval".to_owned())?;
        "approved".clone_into(&mut stage.state);
        Ok(stage)
    }
}

fn first_rows(path: &std::path::Path, rows: usize) -> Result<Vec<RecordBatch>> {
    let failed = || format!("cannot read the stage `{}`", path.display());
    let mut batches = Vec::new();
    let mut left = rows;
    for batch in artefact::read(path).or_storage(failed)? {
        let batch = batch.or_storage(failed)?;
        let taken = batch.slice(0, batch.num_rows().min(left));
        left -= taken.num_rows();
        batches.push(taken);
        if left == 0 {
            break;
        }
    }
    Ok(batches)
}
