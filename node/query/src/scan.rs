//! Reads the rows of one artefact that a query asks for, in their order: only the row groups, pages and columns that can matter.

use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{ArrayRef, DictionaryArray, Int32Array, RecordBatch, StringArray, new_null_array};
use arrow::compute::filter_record_batch;
use arrow::datatypes::{Field, Schema, SchemaRef};
use chancery_schema::dataset::{DatasetSchema, OBS_VALUE, RELEASE};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};

use crate::artefact::ArtefactError;
use crate::engine::{QueryFailure, Watch};
use crate::file::{OpenArtefact, OpenFiles, text_type};
use crate::narrow::{Known, Narrowed};
use crate::predicate::Predicate;
use crate::ranges::{Cursor, Rows};
use crate::runs::GroupRuns;
use crate::statistics::{constant, extent_of_artefact, extent_of_group};

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;
/// Most places of a file that an answer is read from at once, without a thread.
const FEW_PLACES: usize = 16;

/// What a scan gives, and of which rows.
pub(crate) struct Request {
    predicate: Predicate,
    /// The artefact's columns in the answer.
    columns: Vec<usize>,
    /// The answer's columns, with the release last.
    schema: SchemaRef,
    watch: Watch,
}

impl Request {
    /// Columns of the rows of `schema`'s artefacts that meet `predicate`, while `watch` allows; in the artefacts' order, so that the
    /// keys are in the order by which artefacts are merged, and with the release last.
    pub(crate) fn new<'a>(
        schema: &DatasetSchema,
        columns: impl IntoIterator<Item = &'a str>,
        predicate: Predicate,
        watch: Watch,
    ) -> Self {
        let position = |id: &str| schema.components().position(|c| c.id == id);
        let columns: BTreeSet<usize> = columns.into_iter().filter_map(position).collect();
        let fields = schema.arrow_schema();
        let text = |field: &Field| match field.name().as_str() {
            OBS_VALUE => field.clone(),
            _ => field.clone().with_data_type(text_type()),
        };
        let mut of: Vec<Field> = columns.iter().map(|column| text(fields.field(*column))).collect();
        of.push(Field::new(RELEASE, text_type(), false));
        Self { predicate, columns: columns.into_iter().collect(), schema: Arc::new(Schema::new(of)), watch }
    }

    /// The columns of the answer.
    pub(crate) fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

/// Where a column's values come from.
enum Column {
    /// The same text in every row of the group, or nothing: as many rows of it as are decoded at a time.
    Constant(ArrayRef),
    /// The group's runs.
    Runs,
    /// The reader's column of that number.
    Read(usize),
}

/// A row group that may hold an answer.
struct Planned {
    group: usize,
    runs: Option<Arc<GroupRuns>>,
    narrowed: Narrowed,
}

/// The rows of one row group.
struct Group {
    /// None if nothing has to be read.
    reader: Option<ParquetRecordBatchReader>,
    runs: Option<Arc<GroupRuns>>,
    columns: Vec<(usize, Column)>,
    release: ArrayRef,
    narrowed: Narrowed,
    cursor: Cursor,
}

impl Group {
    fn column(&self, wanted: usize, rows: &Rows, read: Option<&RecordBatch>) -> Result<ArrayRef, ArtefactError> {
        let count = rows.count();
        let found = self.columns.iter().find(|(column, _)| *column == wanted).map(|(_, column)| column);
        match (found, read, self.runs.as_ref().and_then(|runs| runs.column(wanted))) {
            (Some(Column::Read(index)), Some(batch), _) => Ok(Arc::clone(batch.column(*index))),
            (Some(Column::Runs), _, Some(runs)) => runs.column(rows),
            (Some(Column::Constant(column)), ..) => Ok(column.slice(0, count)),
            _ => Err(ArtefactError::Parquet(format!("column {wanted} was not read"))),
        }
    }
}

/// The rows of one artefact that a request asks for.
pub(crate) struct Scan {
    files: OpenFiles,
    artefact: Arc<OpenArtefact>,
    request: Arc<Request>,
    release: Arc<str>,
    /// Groups not looked at yet.
    groups: Range<usize>,
    planned: VecDeque<Planned>,
    current: Option<Group>,
}

impl Scan {
    pub(crate) fn new(files: &OpenFiles, artefact: Arc<OpenArtefact>, request: Arc<Request>, release: &str) -> Self {
        let groups = 0..artefact.metadata.metadata().num_row_groups();
        Self {
            files: files.clone(),
            artefact,
            request,
            release: release.into(),
            groups,
            planned: VecDeque::new(),
            current: None,
        }
    }

    /// Texts of which none is greater than the first row's in its column; none if there are no rows or nothing is known.
    pub(crate) fn least(&self, keys: usize) -> Vec<Vec<u8>> {
        let metadata = self.artefact.metadata.metadata();
        let first = metadata.row_groups().first();
        let extent = |column| first.and_then(|group| Some(extent_of_group(group, column)?.least.to_vec()));
        (0..keys).map_while(extent).collect()
    }

    /// What the texts of a column lie between; none if that is not known.
    pub(crate) fn extent(&self, column: usize) -> Option<(Vec<u8>, Vec<u8>)> {
        extent_of_artefact(self.artefact.metadata.metadata(), column)
    }

    /// Finds the next row group that may hold an answer.
    fn plan(&mut self) -> bool {
        let metadata = Arc::clone(self.artefact.metadata.metadata());
        for group in self.groups.by_ref() {
            let rows = Rows::first(metadata.row_group(group).num_rows().max(0) as usize);
            let runs = self.files.runs(&self.artefact, group);
            let known = Known { metadata: &metadata, group, runs: runs.as_deref() };
            let narrowed = known.narrow(&self.request.predicate, &rows);
            if !narrowed.rows.is_empty() {
                if runs.is_none() {
                    self.files.count(&self.artefact, group, narrowed.rows.count());
                }
                self.planned.push_back(Planned { group, runs, narrowed });
                return true;
            }
        }
        false
    }

    /// How many rows must be looked at, if they are at most `most`, and in few places.
    pub(crate) fn few(&mut self, most: usize) -> Option<usize> {
        loop {
            let rows: usize = self.planned.iter().map(|group| group.narrowed.rows.count()).sum();
            let places: usize = self.planned.iter().map(|group| group.narrowed.rows.ranges().len()).sum();
            if rows > most || places > FEW_PLACES {
                return None;
            }
            if !self.plan() {
                return Some(rows);
            }
        }
    }

    /// The same rows, group by group.
    pub(crate) fn split(mut self) -> Vec<Self> {
        while self.plan() {}
        let groups = std::mem::take(&mut self.planned);
        let one = |group| Self {
            files: self.files.clone(),
            artefact: Arc::clone(&self.artefact),
            request: Arc::clone(&self.request),
            release: Arc::clone(&self.release),
            groups: 0..0,
            planned: VecDeque::from([group]),
            current: None,
        };
        groups.into_iter().map(one).collect()
    }

    fn open(&self, planned: Planned) -> Result<Group, ArtefactError> {
        let Planned { group: index, runs, narrowed } = planned;
        let group = self.artefact.metadata.metadata().row_group(index);
        let mut wanted: BTreeSet<usize> = self.request.columns.iter().copied().collect();
        if let Some(left) = &narrowed.left {
            wanted.extend(left.columns());
        }
        let mut read = Vec::new();
        let rows = narrowed.rows.count().min(BATCH_ROWS);
        let place = |column| match (constant(group, column), &runs) {
            (Some(text), _) => (column, Column::Constant(constant_column(text, rows))),
            (None, Some(runs)) if runs.column(column).is_some() => (column, Column::Runs),
            (None, _) => {
                read.push(column);
                (column, Column::Read(read.len() - 1))
            }
        };
        let columns: Vec<(usize, Column)> = wanted.into_iter().map(place).collect();
        let reader = if read.is_empty() { None } else { Some(self.reader(index, read, &narrowed.rows)?) };
        let release = constant_column(Some(&self.release), rows);
        Ok(Group { reader, runs, columns, release, narrowed, cursor: Cursor::default() })
    }

    /// Reads columns of some rows of a group.
    fn reader(&self, group: usize, columns: Vec<usize>, of: &Rows) -> Result<ParquetRecordBatchReader, ArtefactError> {
        let rows = self.artefact.metadata.metadata().row_group(group).num_rows().max(0) as usize;
        let file = self.artefact.file.clone();
        let mut builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, self.artefact.metadata.clone());
        let mask = ProjectionMask::leaves(builder.parquet_schema(), columns);
        builder = builder.with_row_groups(vec![group]).with_projection(mask).with_batch_size(BATCH_ROWS);
        if of.count() < rows {
            let selection = RowSelection::from_consecutive_ranges(of.ranges().iter().cloned(), rows);
            builder = builder.with_row_selection(selection);
        }
        builder.build().map_err(|e| ArtefactError::Parquet(e.to_string()))
    }

    /// The next rows of a group that meet the predicate, with the answer's columns.
    fn answer(&self, group: &mut Group) -> Option<Result<RecordBatch, ArtefactError>> {
        let damaged = |e: arrow::error::ArrowError| ArtefactError::Parquet(e.to_string());
        let read = match group.reader.as_mut().map(Iterator::next) {
            None => None,
            Some(None) => return None,
            Some(Some(Ok(batch))) => Some(batch),
            Some(Some(Err(error))) => return Some(Err(damaged(error))),
        };
        let count = read.as_ref().map_or(BATCH_ROWS, RecordBatch::num_rows);
        let rows = group.cursor.take(&group.narrowed.rows, count);
        if rows.is_empty() {
            return None;
        }
        let column = |wanted: usize| group.column(wanted, &rows, read.as_ref());
        let batch = || {
            let mut columns = Vec::with_capacity(self.request.columns.len() + 1);
            for wanted in &self.request.columns {
                columns.push(column(*wanted)?);
            }
            columns.push(group.release.slice(0, rows.count()));
            let all = RecordBatch::try_new(Arc::clone(&self.request.schema), columns).map_err(damaged)?;
            let Some(left) = &group.narrowed.left else { return Ok(all) };
            let mask = left.mask(rows.count(), &column)?;
            if mask.true_count() == all.num_rows() {
                Ok(all)
            } else {
                filter_record_batch(&all, &mask).map_err(damaged)
            }
        };
        Some(batch())
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
            let mut group = match self.current.take() {
                Some(group) => group,
                None => {
                    if self.planned.is_empty() && !self.plan() {
                        return None;
                    }
                    let planned = self.planned.pop_front()?;
                    match self.open(planned) {
                        Ok(group) => group,
                        Err(error) => return Some(Err(error.into())),
                    }
                }
            };
            if let Some(answer) = self.answer(&mut group) {
                self.current = Some(group);
                return Some(answer.map_err(QueryFailure::from));
            }
        }
    }
}

/// Rows of one text, or of none.
fn constant_column(text: Option<&str>, rows: usize) -> ArrayRef {
    match text {
        Some(text) => {
            let keys = Int32Array::from(vec![0; rows]);
            Arc::new(DictionaryArray::new(keys, Arc::new(StringArray::from(vec![text]))))
        }
        None => new_null_array(&text_type(), rows),
    }
}
