//! Privacy budgets: what the differentially private stages of each dataflow have spent, and what their profile allows.

use chancery_policies::disclosure::{Perturbation, Profile};

use crate::disclose::{budget_name, profile_of};
use crate::error::{Doing as _, Result};
use crate::node::Node;

/// The budget of one dataflow in a forum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// The dataflow without version.
    pub dataflow: String,
    /// ε spent, in millionths.
    pub spent_micro: u64,
    /// What the profile in force spends for a release and allows in all, if it is differentially private.
    pub profile: Option<(u64, u64)>,
}

impl Node {
    /// The budgets in a forum, by dataflow: of every profile that has one, and of every dataflow that has spent.
    pub async fn budgets(&self, forum: &str) -> Result<Vec<Budget>> {
        let forum = forum.to_owned();
        let spent = self.store().run(move |s| s.spending_list(&forum)).await;
        let mut spent = spent.or_storage(|| "cannot read the privacy budgets".to_owned())?;
        let mut budgets = Vec::new();
        for dataflow in &self.structures().dataflows {
            let Ok(schema) = self.dataset_schema(&dataflow.maintainable.reference().to_string()) else { continue };
            // A profile that cannot be read is told of at the import, where it matters.
            let text = profile_of(self.folder().root(), &schema.dataflow.id)?;
            let profile = match Profile::parse(&text).ok().and_then(|p| p.perturbation) {
                Some(Perturbation::Privacy(rules)) => rules.micro().ok(),
                _ => None,
            };
            let name = budget_name(&schema);
            let before = spent.remove(&name);
            if profile.is_some() || before.is_some() {
                budgets.push(Budget { dataflow: name, spent_micro: before.unwrap_or(0).unsigned_abs(), profile });
            }
        }
        let gone = spent.into_iter().map(|(dataflow, micro)| Budget {
            dataflow,
            spent_micro: micro.unsigned_abs(),
            profile: None,
        });
        budgets.extend(gone);
        Ok(budgets)
    }
}
