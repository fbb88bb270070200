//! The figures that may be published, and the marks of those that are withheld.

use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch, StringArray};

use super::Fate;
use crate::disclosure::ProtectionError;

/// OBS_STATUS of what is withheld: missing, suppressed.
const SUPPRESSED: &str = "Q";
/// CONF_STATUS of what is withheld. The same for all: who knew which figures are small would know their size.
pub(in crate::disclosure) const CONFIDENTIAL: &str = "C";

/// The batch with other figures; withheld ones are marked, and lose their comment, which could tell what is withheld.
pub(super) fn rewritten(
    batch: &RecordBatch,
    measure: &str,
    values: Vec<Option<f64>>,
    fates: &[Fate],
) -> Result<RecordBatch, ProtectionError> {
    let mut columns = batch.columns().to_vec();
    let mut replace = |id: &str, column: ArrayRef| {
        if let Ok(index) = batch.schema().index_of(id)
            && let Some(slot) = columns.get_mut(index)
        {
            *slot = column;
        }
    };
    replace(measure, Arc::new(Float64Array::from(values)));
    let marks =
        [("OBS_STATUS", Some(SUPPRESSED), true), ("CONF_STATUS", Some(CONFIDENTIAL), true), ("COMMENT", None, false)];
    for (id, mark, needed) in marks {
        let old = match batch.column_by_name(id).and_then(|c| c.as_string_opt::<i32>()) {
            Some(old) => old,
            None if needed => return Err(ProtectionError::Column(id.to_owned())),
            None => continue,
        };
        let marked = fates.iter().enumerate().map(|(row, fate)| match fate {
            Fate::Publish => (!old.is_null(row)).then(|| old.value(row)),
            Fate::Primary | Fate::Secondary => mark,
        });
        replace(id, Arc::new(marked.collect::<StringArray>()));
    }
    RecordBatch::try_new(batch.schema(), columns).map_err(|e| ProtectionError::Column(e.to_string()))
}
