//! What the sorted rows of a row group repeat: the columns whose texts stay the same over many rows, as runs of rows.
//!
//! Runs are made of the rows themselves, so they are exact where the statistics of pages only bound; a query reads from the file what
//! they do not hold. They are kept in memory, within a bound, of the groups that queries read much of: see [`crate::file`].

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, Int32Array, StringArray};
use arrow::datatypes::Int32Type;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::artefact::ArtefactError;
use crate::file::OpenArtefact;
use crate::predicate::Test;
use crate::ranges::Rows;
use crate::statistics::constant;

/// Fewest rows of a run, on average, for which it takes less memory and time than the rows.
const ROWS_OF_RUN: usize = 4;
/// Runs that are kept however short they are.
const FEW_RUNS: usize = 16;
/// Rows decoded at a time.
const BATCH_ROWS: usize = 8_192;
/// The code of rows without a text.
const NONE: i32 = -1;

/// One column of a row group.
#[derive(Debug)]
pub(crate) struct Runs {
    /// Every text, once.
    texts: ArrayRef,
    /// The first row of each run.
    starts: Vec<u32>,
    /// Its text's number.
    codes: Vec<i32>,
    /// Rows of the group.
    rows: usize,
    /// Whether there are rows without a text.
    gaps: bool,
}

impl Runs {
    /// The run that holds a row.
    fn at(&self, row: usize) -> usize {
        self.starts.partition_point(|start| *start as usize <= row).saturating_sub(1)
    }

    fn end(&self, run: usize) -> usize {
        self.starts.get(run + 1).map_or(self.rows, |start| *start as usize)
    }

    /// Calls `each` with the parts of runs in a range, in order.
    fn over(&self, range: &Range<usize>, mut each: impl FnMut(Range<usize>, i32)) {
        let (mut run, mut start) = (self.at(range.start), range.start);
        while start < range.end {
            let end = self.end(run).min(range.end);
            each(start..end, self.codes[run]);
            (run, start) = (run + 1, end);
        }
    }

    /// Those of some rows whose text meets a test.
    pub(crate) fn narrow(&self, test: &Test, within: &Rows) -> Rows {
        let met: Vec<bool> = match self.texts.as_string_opt::<i32>() {
            Some(texts) => texts.iter().map(|text| text.is_some_and(|text| test.meets(text))).collect(),
            None => return Rows::default(),
        };
        let mut rows = Rows::default();
        for range in within.ranges() {
            self.over(range, |part, code| {
                if usize::try_from(code).is_ok_and(|code| met[code]) {
                    rows.push(part);
                }
            });
        }
        rows
    }

    /// The texts of some rows.
    pub(crate) fn column(&self, of: &Rows) -> Result<ArrayRef, ArtefactError> {
        let mut keys = Vec::with_capacity(of.count());
        for range in of.ranges() {
            self.over(range, |part, code| keys.resize(keys.len() + part.len(), code));
        }
        let keys: Int32Array = match self.gaps {
            true => keys.into_iter().map(|code| (code != NONE).then_some(code)).collect(),
            false => keys.into(),
        };
        let column = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(&self.texts));
        Ok(Arc::new(column.map_err(|e| ArtefactError::Parquet(e.to_string()))?))
    }

    fn bytes(&self) -> usize {
        self.texts.get_array_memory_size() + self.starts.len() * 8
    }
}

/// The columns of a row group that have runs.
#[derive(Debug)]
pub(crate) struct GroupRuns(Vec<Option<Runs>>);

impl GroupRuns {
    /// Reads the columns of a group whose texts vary, and keeps those that are worth it.
    pub(crate) fn read(artefact: &OpenArtefact, index: usize) -> Result<Self, ArtefactError> {
        let group = artefact.metadata.metadata().row_group(index);
        let rows = group.num_rows().max(0) as usize;
        let varying = |column: &usize| {
            let text = group.column(*column).column_type() == parquet::basic::Type::BYTE_ARRAY;
            text && constant(group, *column).is_none()
        };
        let columns: Vec<usize> = (0..group.num_columns()).filter(varying).collect();
        let mut making: Vec<Option<Making>> = columns.iter().map(|_| Some(Making::new(rows))).collect();
        if u32::try_from(rows).is_ok() && !columns.is_empty() {
            let file = artefact.file.clone();
            let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, artefact.metadata.clone());
            let mask = ProjectionMask::leaves(builder.parquet_schema(), columns.iter().copied());
            let reader = builder.with_row_groups(vec![index]).with_projection(mask).with_batch_size(BATCH_ROWS).build();
            for batch in reader.map_err(|e| ArtefactError::Parquet(e.to_string()))? {
                let batch = batch.map_err(|e| ArtefactError::Parquet(e.to_string()))?;
                for (making, column) in making.iter_mut().zip(batch.columns()) {
                    *making = making.take().and_then(|making| making.pass(column));
                }
            }
        }
        let mut all: Vec<Option<Runs>> = (0..group.num_columns()).map(|_| None).collect();
        for (column, made) in columns.into_iter().zip(making) {
            all[column] = made.and_then(Making::finish);
        }
        Ok(Self(all))
    }

    pub(crate) fn column(&self, column: usize) -> Option<&Runs> {
        self.0.get(column)?.as_ref()
    }

    /// What they take of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.0.iter().flatten().map(Runs::bytes).sum::<usize>() + self.0.len() * size_of::<Option<Runs>>()
    }
}

/// Runs being made.
struct Making {
    numbers: HashMap<String, i32>,
    starts: Vec<u32>,
    codes: Vec<i32>,
    /// Rows of the group, and those seen.
    rows: usize,
    seen: usize,
}

impl Making {
    fn new(rows: usize) -> Self {
        Self { numbers: HashMap::new(), starts: Vec::new(), codes: Vec::new(), rows, seen: 0 }
    }

    /// Adds rows; none if there are too many runs, or the rows are no texts.
    fn pass(mut self, column: &ArrayRef) -> Option<Self> {
        let dictionary = column.as_dictionary_opt::<Int32Type>()?;
        let (keys, texts) = (dictionary.keys(), dictionary.values().as_string_opt::<i32>()?);
        // A file's dictionary may have a text twice, and each page may have another dictionary.
        let mut known: Vec<Option<i32>> = vec![None; texts.len()];
        let mut before = None;
        for row in 0..keys.len() {
            let key = keys.is_valid(row).then(|| keys.value(row));
            if before == Some(key) {
                continue;
            }
            before = Some(key);
            let code = match key {
                None => NONE,
                Some(key) => {
                    *known[key as usize].get_or_insert_with(|| number(&mut self.numbers, texts.value(key as usize)))
                }
            };
            if self.codes.last() != Some(&code) {
                self.starts.push(u32::try_from(self.seen + row).ok()?);
                self.codes.push(code);
            }
        }
        self.seen += keys.len();
        (self.codes.len() <= FEW_RUNS.max(self.rows / ROWS_OF_RUN)).then_some(self)
    }

    fn finish(mut self) -> Option<Runs> {
        if self.seen != self.rows {
            return None;
        }
        self.starts.shrink_to_fit();
        self.codes.shrink_to_fit();
        let mut texts: Vec<(String, i32)> = self.numbers.into_iter().collect();
        texts.sort_unstable_by_key(|(_, number)| *number);
        let texts = StringArray::from_iter_values(texts.into_iter().map(|(text, _)| text));
        let gaps = self.codes.contains(&NONE);
        Some(Runs { texts: Arc::new(texts), starts: self.starts, codes: self.codes, rows: self.rows, gaps })
    }
}

/// The number of a text among those seen.
fn number(numbers: &mut HashMap<String, i32>, text: &str) -> i32 {
    if let Some(number) = numbers.get(text) {
        return *number;
    }
    let number = numbers.len() as i32;
    numbers.insert(text.to_owned(), number);
    number
}
