//! What readers have beside new figures: this member's earlier releases, releases of dataflows that share figures with it, and other members' figures of the same
//! movements.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{Array as _, ArrayRef, AsArray as _, Float64Array, RecordBatch, StringArray, new_null_array};
use arrow::datatypes::Float64Type;
use chancery_policies::disclosure::{Beside, Linked, Profile};
use chancery_query::artefact;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::mirror::{self, MirrorRule};
use chancery_store::releases::ReleaseSelection;

use crate::error::{Doing as _, Error, Result};
use crate::node::Node;

/// All of a dimension's codes together.
const TOTAL: &str = "_T";

type Key = BTreeMap<String, String>;

/// How keys of other figures become keys of ours.
enum Way {
    /// They are the same.
    Same,
    /// A dataflow that shares figures.
    Linked(Linked),
    /// The other end of the same movements.
    Mirror(Vec<MirrorRule>),
}

/// Other figures.
pub(super) struct Others {
    pub(super) name: String,
    pub(super) kind: Beside,
    schema: DatasetSchema,
    files: Vec<PathBuf>,
    way: Way,
}

impl Node {
    /// What readers have beside figures of `schema`.
    pub(super) async fn beside(&self, schema: &DatasetSchema, profile: &Profile) -> Result<Vec<Others>> {
        let Ok(trust) = self.trust() else { return Ok(Vec::new()) };
        let forum = trust.forum().to_owned();
        let rows = self.store().run(move |s| s.release_list(&forum, &ReleaseSelection::default())).await;
        let mut rows = rows.or_storage(|| "cannot read the releases".to_owned())?;
        rows.sort_by_key(|row| (row.issued_at, row.id.clone()));
        let rules = mirror::shared().or_storage(|| "the mirror rules are damaged".to_owned())?;
        let mut found = Vec::new();
        for row in rows {
            let Ok(reference) = row.dataflow.parse() else { continue };
            let Ok(theirs) = self.schema_of(&reference) else { continue };
            let own = row.member == self.member();
            let linked = profile.linked.iter().find(|linked| linked.dataflow == reference.id);
            let (kind, way) = if own && reference.id == schema.dataflow.id {
                (Beside::Release, Way::Same)
            } else if let Some(linked) = linked.filter(|_| own) {
                (Beside::Release, Way::Linked(linked.clone()))
            } else if profile.mirror && !own && row.withdrawn_at.is_none() {
                (Beside::Mirror, Way::Mirror(rules.clone()))
            } else {
                continue;
            };
            let name = if own { format!("release {}", row.id) } else { format!("{}, release {}", row.member, row.id) };
            let id = row.id.clone();
            let artefacts = self.store().run(move |s| s.release_artefact_list(&[id])).await;
            let artefacts = artefacts.or_storage(|| "cannot read the releases".to_owned())?;
            let files: Vec<PathBuf> =
                artefacts.iter().map(|a| self.files().path(&a.sha256)).filter(|path| path.exists()).collect();
            if files.is_empty() {
                tracing::warn!(release = row.id, "the figures of this release are not held: the audit cannot see them");
                continue;
            }
            found.push(Others { name, kind, schema: theirs, files, way });
        }
        Ok(found)
    }
}

impl Others {
    /// Each batch of them under our dimensions.
    pub(super) fn each(&self, ours: &DatasetSchema, mut tell: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
        let failed = || format!("cannot read {}", self.name);
        let ids = |schema: &DatasetSchema| schema.dimensions.iter().map(|d| d.id.clone()).collect::<Vec<_>>();
        let same = matches!(self.way, Way::Same) && ids(ours) == ids(&self.schema);
        for file in &self.files {
            for batch in artefact::read(file).or_storage(failed)? {
                let batch = batch.or_storage(failed)?;
                if same { tell(&batch)? } else { tell(&self.translate(&batch, ours)?)? }
            }
        }
        Ok(())
    }

    fn translate(&self, batch: &RecordBatch, ours: &DatasetSchema) -> Result<RecordBatch> {
        let damaged = |id: &str| Error::invalid(format!("{} has no column `{id}` of the right type", self.name));
        let text = |id: &str| {
            let column = batch.column_by_name(id).and_then(|column| column.as_string_opt::<i32>());
            column.ok_or_else(|| damaged(id))
        };
        let columns = self.schema.dimensions.iter().map(|d| Ok((d.id.as_str(), text(&d.id)?)));
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let (time, unit) = (text(&self.schema.time.id)?, text("UNIT_MEASURE").ok());
        let values = batch.column_by_name(&self.schema.measure.id).and_then(|c| c.as_primitive_opt::<Float64Type>());
        let values = values.ok_or_else(|| damaged(&self.schema.measure.id))?;
        let mut keys: Vec<Vec<String>> = vec![Vec::new(); ours.dimensions.len()];
        let (mut times, mut figures, mut units) = (Vec::new(), Vec::new(), Vec::new());
        for row in 0..batch.num_rows() {
            let key: Key = columns.iter().map(|(id, c)| ((*id).to_owned(), c.value(row).to_owned())).collect();
            let Some(key) = self.key(&key, ours) else { continue };
            for (column, dimension) in keys.iter_mut().zip(&ours.dimensions) {
                column.push(key.get(&dimension.id).map_or(TOTAL, String::as_str).to_owned());
            }
            times.push(time.value(row).to_owned());
            figures.push(values.is_valid(row).then(|| values.value(row)));
            units.push(unit.filter(|unit| unit.is_valid(row)).map(|unit| unit.value(row).to_owned()));
        }
        let rows = times.len();
        let mut keys = keys.into_iter();
        let schema = ours.arrow_schema();
        let columns = ours.components().map(|component| -> ArrayRef {
            if ours.dimension_index(&component.id).is_some() {
                return Arc::new(StringArray::from(keys.next().unwrap_or_default()));
            }
            match component.id.as_str() {
                id if id == ours.time.id => Arc::new(StringArray::from(times.clone())),
                id if id == ours.measure.id => Arc::new(Float64Array::from(figures.clone())),
                "UNIT_MEASURE" => Arc::new(StringArray::from(units.clone())),
                _ => new_null_array(&arrow::datatypes::DataType::Utf8, rows),
            }
        });
        let columns: Vec<ArrayRef> = columns.collect();
        RecordBatch::try_new(schema, columns).or_storage(|| format!("cannot read {}", self.name))
    }

    /// A key of theirs as one of ours; none if it is not meant.
    fn key(&self, key: &Key, ours: &DatasetSchema) -> Option<Key> {
        match &self.way {
            Way::Same => Some(key.clone()),
            Way::Linked(linked) => {
                let meant = linked.only.iter().all(|(id, code)| key.get(id) == Some(code));
                let mut found = linked.here.clone();
                for dimension in &ours.dimensions {
                    let theirs = linked.same.get(&dimension.id).unwrap_or(&dimension.id);
                    if let Some(code) = key.get(theirs) {
                        found.entry(dimension.id.clone()).or_insert_with(|| code.clone());
                    }
                }
                // What they tell in more detail than we do is none of our figures.
                let finer = self.schema.dimensions.iter().any(|d| {
                    let taken = ours.dimensions.iter().any(|o| linked.same.get(&o.id).unwrap_or(&o.id) == &d.id);
                    !taken && !linked.only.contains_key(&d.id) && key.get(&d.id).is_some_and(|code| code != TOTAL)
                });
                (meant && !finer).then_some(found)
            }
            Way::Mirror(rules) => rules.iter().find_map(|rule| {
                let (dataflow, found) = rule.other_end(&self.schema.dataflow, key)?;
                let summed = rule.summed.iter().all(|id| key.get(id).is_none_or(|code| code == TOTAL));
                let found = found.into_iter().map(|(id, code)| (id, code.unwrap_or_else(|| TOTAL.to_owned())));
                (dataflow == ours.dataflow && summed).then(|| found.collect())
            }),
        }
    }
}
