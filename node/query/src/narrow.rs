//! Which rows of a row group a predicate can meet: by what all rows share, by runs, and by the statistics of pages.

use parquet::file::metadata::ParquetMetaData;

use crate::predicate::{Predicate, Test};
use crate::ranges::Rows;
use crate::runs::GroupRuns;
use crate::statistics::{Pages, constant, extent_of_group};

/// The rows that may meet a predicate, and what of it must still be tested on each.
#[derive(Debug)]
pub(crate) struct Narrowed {
    pub(crate) rows: Rows,
    /// None if every one of the rows meets it.
    pub(crate) left: Option<Predicate>,
}

/// What is known of a row group without reading it.
pub(crate) struct Known<'a> {
    pub(crate) metadata: &'a ParquetMetaData,
    pub(crate) group: usize,
    pub(crate) runs: Option<&'a GroupRuns>,
}

impl Known<'_> {
    /// Of some rows those that may meet a predicate.
    pub(crate) fn narrow(&self, predicate: &Predicate, within: &Rows) -> Narrowed {
        match predicate {
            Predicate::Component { column, test } => self.component(predicate, *column, test, within),
            Predicate::Any(each) if each.len() == 1 => self.narrow(&each[0], within),
            Predicate::All(each) => {
                let (mut rows, mut left) = (within.clone(), Vec::new());
                for predicate in each {
                    let narrowed = self.narrow(predicate, &rows);
                    rows = narrowed.rows;
                    left.extend(narrowed.left);
                    if rows.is_empty() {
                        return Narrowed { rows, left: None };
                    }
                }
                let left = if left.len() > 1 { Some(Predicate::All(left)) } else { left.pop() };
                Narrowed { rows, left }
            }
            Predicate::Any(each) => {
                let each: Vec<Narrowed> = each.iter().map(|predicate| self.narrow(predicate, within)).collect();
                let sure = each.iter().all(|narrowed| narrowed.left.is_none());
                let rows = Rows::union(each.into_iter().map(|narrowed| narrowed.rows));
                Narrowed { rows, left: (!sure).then(|| predicate.clone()) }
            }
        }
    }

    fn component(&self, predicate: &Predicate, column: usize, test: &Test, within: &Rows) -> Narrowed {
        let none = || Narrowed { rows: Rows::default(), left: None };
        let group = self.metadata.row_group(self.group);
        if let Some(text) = constant(group, column) {
            let met = text.is_some_and(|text| test.meets(text));
            return if met { Narrowed { rows: within.clone(), left: None } } else { none() };
        }
        if extent_of_group(group, column).is_some_and(|extent| !test.may_meet(extent)) {
            return none();
        }
        if let Some(runs) = self.runs.and_then(|runs| runs.column(column)) {
            return Narrowed { rows: runs.narrow(test, within), left: None };
        }
        let rows = match Pages::of(self.metadata, self.group, column) {
            Some(pages) => of_pages(&pages, test, within),
            None => within.clone(),
        };
        Narrowed { rows, left: Some(predicate.clone()) }
    }
}

/// Of some rows those of pages that may meet a test.
fn of_pages(pages: &Pages<'_>, test: &Test, within: &Rows) -> Rows {
    let mut rows = Rows::default();
    for range in within.ranges() {
        for number in pages.at(range.start)..pages.len() {
            let page = pages.page(number);
            if page.rows.start >= range.end {
                break;
            }
            if !page.empty && page.extent.is_none_or(|extent| test.may_meet(extent)) {
                rows.push(page.rows.start.max(range.start)..page.rows.end.min(range.end));
            }
        }
    }
    rows
}
