//! The statistics of an artefact, checked against its rows: queries skip by them, so that false ones would hide figures.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use arrow::array::{Array, AsArray, RecordBatch, StringArray};
use arrow::compute::{max_string, min_string};
use parquet::basic::PageType;
use parquet::file::metadata::{ParquetMetaData, RowGroupMetaData};
use parquet::file::page_index::column_index::{ByteArrayColumnIndex, ColumnIndexMetaData};
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::serialized_reader::SerializedPageReader;
use parquet::file::statistics::Statistics;

use crate::artefact::ArtefactError;
use crate::predicate::Extent;

/// The one text that all rows of a group have, or that they have none.
pub(crate) fn constant(group: &RowGroupMetaData, column: usize) -> Option<Option<&str>> {
    let Some(Statistics::ByteArray(statistics)) = group.column(column).statistics() else { return None };
    let nulls = statistics.null_count_opt()?;
    if nulls == group.num_rows() as u64 {
        return Some(None);
    }
    let exact = statistics.min_is_exact() && statistics.max_is_exact() && nulls == 0;
    let text = statistics.min_bytes_opt().filter(|least| exact && statistics.max_bytes_opt() == Some(*least))?;
    Some(Some(std::str::from_utf8(text).ok()?))
}

/// The least and the greatest text of a column in a group.
pub(crate) fn extent_of_group(group: &RowGroupMetaData, column: usize) -> Option<Extent<'_>> {
    let Some(Statistics::ByteArray(statistics)) = group.column(column).statistics() else { return None };
    Some(Extent { least: statistics.min_bytes_opt()?, greatest: statistics.max_bytes_opt()? })
}

/// What the texts of a column lie between in all groups; none if that is not known of one.
pub(crate) fn extent_of_artefact(metadata: &ParquetMetaData, column: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let extents: Vec<Extent<'_>> =
        metadata.row_groups().iter().map(|group| extent_of_group(group, column)).collect::<Option<_>>()?;
    let least = extents.iter().map(|extent| extent.least).min()?;
    let greatest = extents.iter().map(|extent| extent.greatest).max()?;
    Some((least.to_vec(), greatest.to_vec()))
}

/// One page's rows of its group, and what its texts lie between.
pub(crate) struct Page<'a> {
    /// Rows of the group.
    pub(crate) rows: Range<usize>,
    /// No row has a text.
    pub(crate) empty: bool,
    /// Unknown, or of no use where it is empty.
    pub(crate) extent: Option<Extent<'a>>,
}

/// The pages of a text column in a group.
pub(crate) struct Pages<'a> {
    index: &'a ByteArrayColumnIndex,
    places: &'a [PageLocation],
    rows: usize,
}

impl<'a> Pages<'a> {
    /// None if the file has no page index for the column.
    pub(crate) fn of(metadata: &'a ParquetMetaData, group: usize, column: usize) -> Option<Self> {
        let rows = metadata.row_group(group).num_rows() as usize;
        let ColumnIndexMetaData::BYTE_ARRAY(index) = metadata.column_index()?.get(group)?.get(column)? else {
            return None;
        };
        let places = metadata.offset_index()?.get(group)?.get(column)?.page_locations();
        Some(Self { index, places, rows })
    }

    pub(crate) fn len(&self) -> usize {
        self.places.len()
    }

    /// The page that holds a row.
    pub(crate) fn at(&self, row: usize) -> usize {
        self.places.partition_point(|place| place.first_row_index as usize <= row).saturating_sub(1)
    }

    pub(crate) fn page(&self, number: usize) -> Page<'a> {
        let start = |page: usize| self.places.get(page).map_or(self.rows, |place| place.first_row_index as usize);
        let extent = self.index.min_value(number).zip(self.index.max_value(number));
        let extent = extent.map(|(least, greatest)| Extent { least, greatest });
        Page { rows: start(number)..start(number + 1), empty: self.index.is_null_page(number), extent }
    }

    /// All of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = Page<'a>> {
        (0..self.len()).map(|number| self.page(number))
    }
}

/// Checks where a file says that its pages are: within the file, one after the other, and each with as many rows as said.
pub(crate) fn check_places(file: &File, metadata: &ParquetMetaData) -> Result<(), ArtefactError> {
    let refuse = |group: usize, column: usize| ArtefactError::Places { group, column };
    let length = file.metadata().map_err(|source| ArtefactError::File { doing: "open", source })?.len();
    for (index, group) in metadata.row_groups().iter().enumerate() {
        for (column, chunk) in group.columns().iter().enumerate() {
            let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
            let range = u64::try_from(start).ok().zip(u64::try_from(chunk.compressed_size()).ok());
            let end = range.and_then(|(start, size)| start.checked_add(size)).filter(|end| *end <= length);
            let (Some(end), true) = (end, chunk.data_page_offset() >= start) else { return Err(refuse(index, column)) };
            let places = metadata.offset_index().and_then(|groups| groups.get(index)?.get(column));
            let Some(places) = places.map(|places| places.page_locations()) else { continue };
            if !follow(places, chunk.data_page_offset(), end, group.num_rows()) {
                return Err(refuse(index, column));
            }
            let file = file.try_clone().map_err(|source| ArtefactError::File { doing: "open", source })?;
            let reader = SerializedPageReader::new(Arc::new(file), chunk, group.num_rows() as usize, None);
            let mut rows = vec![];
            for page in reader.map_err(|e| ArtefactError::Parquet(e.to_string()))? {
                let page = page.map_err(|e| ArtefactError::Parquet(e.to_string()))?;
                if page.page_type() != PageType::DICTIONARY_PAGE {
                    rows.push(i64::from(page.num_values()));
                }
            }
            let starts = places.iter().map(|place| place.first_row_index).chain([group.num_rows()]);
            if !starts.clone().skip(1).zip(starts).map(|(next, start)| next - start).eq(rows) {
                return Err(refuse(index, column));
            }
        }
    }
    Ok(())
}

/// Whether pages follow each other without a gap, from one byte to another.
fn follow(places: &[PageLocation], start: i64, end: u64, rows: i64) -> bool {
    let (mut offset, mut row) = (start, 0);
    for (number, place) in places.iter().enumerate() {
        let in_order = if number == 0 { place.first_row_index == 0 } else { place.first_row_index > row };
        if place.offset != offset || place.compressed_page_size <= 0 || !in_order || place.first_row_index >= rows {
            return false;
        }
        row = place.first_row_index;
        offset = offset.saturating_add(i64::from(place.compressed_page_size));
    }
    offset as u64 == end
}

/// Checks the rows of one group as they are read.
pub(crate) struct GroupCheck<'a> {
    metadata: &'a ParquetMetaData,
    group: usize,
    /// Rows so far.
    rows: usize,
    /// Rows without a text so far, by column.
    nulls: Vec<u64>,
}

impl<'a> GroupCheck<'a> {
    pub(crate) fn new(metadata: &'a ParquetMetaData, group: usize) -> Self {
        let columns = metadata.row_group(group).num_columns();
        Self { metadata, group, rows: 0, nulls: vec![0; columns] }
    }

    fn refuse(&self, batch: &RecordBatch, column: usize) -> ArtefactError {
        ArtefactError::Statistics { group: self.group, column: batch.schema().field(column).name().clone() }
    }

    /// Checks the next rows of the group.
    pub(crate) fn pass(&mut self, batch: &RecordBatch) -> Result<(), ArtefactError> {
        let passing = self.rows..self.rows + batch.num_rows();
        for (column, texts) in batch.columns().iter().enumerate() {
            let Some(texts) = texts.as_string_opt::<i32>() else { continue };
            self.nulls[column] += texts.null_count() as u64;
            let whole = extent_of_group(self.metadata.row_group(self.group), column);
            if whole.is_some_and(|extent| !holds(extent, texts)) {
                return Err(self.refuse(batch, column));
            }
            let pages = Pages::of(self.metadata, self.group, column);
            for page in pages.iter().flat_map(Pages::iter) {
                let (start, end) = (page.rows.start.max(passing.start), page.rows.end.min(passing.end));
                if start >= end {
                    continue;
                }
                let part = texts.slice(start - passing.start, end - start);
                let sound = if page.empty {
                    part.null_count() == part.len()
                } else {
                    page.extent.is_none_or(|e| holds(e, &part))
                };
                if !sound {
                    return Err(self.refuse(batch, column));
                }
            }
        }
        self.rows = passing.end;
        Ok(())
    }

    /// Checks what is said of the group as a whole.
    pub(crate) fn finish(self, names: &arrow::datatypes::Schema) -> Result<(), ArtefactError> {
        let group = self.metadata.row_group(self.group);
        for (column, found) in self.nulls.iter().enumerate() {
            let Some(Statistics::ByteArray(statistics)) = group.column(column).statistics() else { continue };
            if statistics.null_count_opt().is_some_and(|said| said != *found) {
                let column = names.field(column).name().clone();
                return Err(ArtefactError::Statistics { group: self.group, column });
            }
        }
        Ok(())
    }
}

fn holds(extent: Extent<'_>, texts: &StringArray) -> bool {
    min_string(texts).is_none_or(|least| extent.least <= least.as_bytes())
        && max_string(texts).is_none_or(|greatest| greatest.as_bytes() <= extent.greatest)
}
