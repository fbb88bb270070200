//! Reads the rows of one artefact that a query asks for, in their order: only the row groups, pages and columns that can matter.

use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use chancery_schema::dataset::{DatasetSchema, OBS_VALUE, RELEASE};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};
use parquet::file::metadata::ParquetMetaData;

use crate::artefact::ArtefactError;
use crate::engine::{QueryFailure, Watch};
use crate::file::{OpenArtefact, text_type};
use crate::predicate::Predicate;
use crate::statistics::{Page, constant, extent_of_group, pages};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;

/// What a scan gives, and of which rows.
pub(crate) struct Request {
    predicate: Predicate,
    /// The artefact's columns in the answer.
    columns: Vec<usize>,
    /// And those the predicate reads.
    read: BTreeSet<usize>,
    /// The answer's columns, with the release last.
    schema: SchemaRef,
    watch: Watch,
}

impl Request {
    /// The columns of `answer`, of the rows of `schema`'s artefacts that meet `predicate`, while `watch` allows.
    pub(crate) fn new(schema: &DatasetSchema, answer: &DatasetSchema, predicate: Predicate, watch: Watch) -> Self {
        let columns = positions(schema, answer);
        let read = predicate.fold(
            &|column, _| BTreeSet::from([column]),
            &|sets| sets.into_iter().flatten().collect(),
            &|sets| sets.into_iter().flatten().collect(),
        );
        let read = read.into_iter().chain(columns.iter().copied()).collect();
        Self { predicate, columns, read, schema: Self::columns_of(schema, answer), watch }
    }

    /// The columns of the answer.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The columns that a scan gives for `answer`: those of `schema`'s artefacts, in their order, and the release.
    fn columns_of(schema: &DatasetSchema, answer: &DatasetSchema) -> SchemaRef {
        let fields = schema.arrow_schema();
        let text = |field: &Field| match field.name().as_str() {
            OBS_VALUE => field.clone(),
            _ => field.clone().with_data_type(text_type()),
        };
        let mut fields: Vec<Field> =
            positions(schema, answer).into_iter().map(|column| text(fields.field(column))).collect();
        fields.push(Field::new(RELEASE, text_type(), false));
        Arc::new(Schema::new(fields))
    }
}

/// Where the columns of `answer` are in `schema`'s artefacts; the keys stay in the order by which artefacts are merged.
fn positions(schema: &DatasetSchema, answer: &DatasetSchema) -> Vec<usize> {
    let position = |id: &str| schema.components().position(|c| c.id == id);
    let mut columns: Vec<usize> = answer.components().filter_map(|c| position(&c.id)).collect();
    columns.sort_unstable();
    columns
}

/// Where a column's values come from.
enum Column {
    /// The same text in every row of the group, or nothing.
    Constant(Option<String>),
    /// The reader's column of that number.
    Read(usize),
}

/// The rows of one row group.
struct Group {
    reader: ParquetRecordBatchReader,
    columns: Vec<(usize, Column)>,
}

/// The rows of one artefact that a request asks for.
pub(crate) struct Scan {
    artefact: Arc<OpenArtefact>,
    request: Arc<Request>,
    release: StringArray,
    groups: Range<usize>,
    current: Option<Group>,
}

impl Scan {
    pub(crate) fn new(artefact: Arc<OpenArtefact>, request: Arc<Request>, release: &str) -> Self {
        let groups = 0..artefact.metadata.metadata().num_row_groups();
        Self { artefact, request, release: StringArray::from(vec![release]), groups, current: None }
    }

    /// Texts of which none is greater than the first row's in its column; none if there are no rows or nothing is known.
    pub(crate) fn least(&self, keys: usize) -> Vec<Vec<u8>> {
        let metadata = self.artefact.metadata.metadata();
        let first = metadata.row_groups().first();
        let extent = |column| first.and_then(|group| Some(extent_of_group(group, column)?.least.to_vec()));
        (0..keys).map_while(extent).collect()
    }

    /// The next row group that may hold an answer.
    fn next_group(&mut self) -> Result<Option<Group>, ArtefactError> {
        let metadata = Arc::clone(self.artefact.metadata.metadata());
        for index in self.groups.by_ref() {
            let group = metadata.row_group(index);
            let may_meet = self.request.predicate.fold(
                &|column, test| extent_of_group(group, column).is_none_or(|extent| test.may_meet(extent)),
                &|all| all.into_iter().all(|may| may),
                &|any| any.into_iter().any(|may| may),
            );
            if !may_meet {
                continue;
            }
            let Some(selection) = selected(&metadata, index, &self.request.predicate) else {
                return self.open(index, None).map(Some);
            };
            if selection.selects_any() {
                return self.open(index, Some(selection)).map(Some);
            }
        }
        Ok(None)
    }

    fn open(&self, index: usize, selection: Option<RowSelection>) -> Result<Group, ArtefactError> {
        let group = self.artefact.metadata.metadata().row_group(index);
        let mut read = Vec::new();
        let columns: Vec<(usize, Column)> = self
            .request
            .read
            .iter()
            .map(|column| match constant(group, *column) {
                Some(text) => (*column, Column::Constant(text.map(str::to_owned))),
                None => {
                    read.push(*column);
                    (*column, Column::Read(read.len() - 1))
                }
            })
            .collect();
        let file = self.artefact.file.clone();
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.artefact.metadata.clone());
        let mask = ProjectionMask::leaves(builder.parquet_schema(), read);
        builder = builder.with_row_groups(vec![index]).with_projection(mask).with_batch_size(BATCH_ROWS);
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        let reader = builder.build().map_err(|e| ArtefactError::Parquet(e.to_string()))?;
        Ok(Group { reader, columns })
    }

    /// The rows of a decoded batch that meet the predicate, with the answer's columns.
    fn answer(&self, group: &Group, batch: &RecordBatch) -> Result<RecordBatch, ArtefactError> {
        let rows = batch.num_rows();
        let damaged = |e: arrow::error::ArrowError| ArtefactError::Parquet(e.to_string());
        let column = |wanted: usize| {
            let found = group.columns.iter().find(|(column, _)| *column == wanted);
            match found {
                Some((_, Column::Read(index))) => Arc::clone(batch.column(*index)),
                Some((_, Column::Constant(Some(text)))) => {
                    constant_column(&StringArray::from(vec![text.as_str()]), rows)
                }
                Some((_, Column::Constant(None))) | None => new_null_array(&text_type(), rows),
            }
        };
        let mask = self.request.predicate.mask(rows, &column);
        let release = constant_column(&self.release, rows);
        let columns = self.request.columns.iter().map(|index| column(*index)).chain([release]).collect();
        let all = RecordBatch::try_new(Arc::clone(&self.request.schema), columns).map_err(damaged)?;
        if mask.true_count() == rows { Ok(all) } else { filter_record_batch(&all, &mask).map_err(damaged) }
    }
}

impl Iterator for Scan {
    type Item = Result<RecordBatch, QueryFailure>;

    /// The next rows; none of a batch may meet the predicate.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Err(failure) = self.request.watch.check() {
                return Some(Err(failure));
            }
            if self.current.is_none() {
                self.current = match self.next_group() {
                    Ok(group) => Some(group?),
                    Err(error) => return Some(Err(error.into())),
                };
            }
            let mut group = self.current.take()?;
            if let Some(batch) = group.reader.next() {
                let batch = batch.map_err(|e| ArtefactError::Parquet(e.to_string()));
                let answer = batch.and_then(|batch| self.answer(&group, &batch));
                self.current = Some(group);
                return Some(answer.map_err(QueryFailure::from));
            }
        }
    }
}

fn constant_column(text: &StringArray, rows: usize) -> ArrayRef {
    let keys = Int32Array::from(vec![0; rows]);
    Arc::new(DictionaryArray::new(keys, Arc::new(text.clone())))
}

/// The rows of a group's pages that may hold an answer; none if every page may.
fn selected(metadata: &ParquetMetaData, group: usize, predicate: &Predicate) -> Option<RowSelection> {
    let rows = metadata.row_group(group).num_rows() as usize;
    let whole = || RowSelection::from_consecutive_ranges(std::iter::once(0..rows), rows);
    let none = || RowSelection::from_consecutive_ranges(std::iter::empty(), rows);
    let selection = predicate.fold(
        &|column, test| {
            let Some(pages) = pages(metadata, group, column) else { return whole() };
            let may_meet = |page: &Page<'_>| !page.empty && page.extent.is_none_or(|extent| test.may_meet(extent));
            RowSelection::from_consecutive_ranges(pages.filter(may_meet).map(|page| page.rows), rows)
        },
        &|all| all.into_iter().reduce(|a, b| a.intersection(&b)).unwrap_or_else(whole),
        &|any| any.into_iter().reduce(|a, b| a.union(&b)).unwrap_or_else(none),
    );
    (selection.row_count() < rows).then_some(selection)
}
