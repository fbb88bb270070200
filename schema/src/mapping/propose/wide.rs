//! Wide tables: headings that are periods, or codes, alone or among the parts of headings of several rows.

use super::super::HEADING_PARTS;
use super::super::names::NameIndex;
use super::dates::{is_month, is_period};
use super::fit::{loosely, number};
use super::{MAX_TEXTS, Sample};
use crate::dataset::{DatasetSchema, FREQ};

/// Columns that become rows.
pub(super) struct Wide {
    /// Their places.
    pub(super) columns: Vec<usize>,
    /// Names of the columns that the parts of their headings become.
    pub(super) into: Vec<String>,
    /// Name of the column that their cells become.
    pub(super) value: String,
}

impl Wide {
    /// The columns whose headings say what differs between them, if there are several.
    pub(super) fn find(schema: &DatasetSchema, sample: &Sample) -> Option<Self> {
        let (columns, names) = by_periods(sample).or_else(|| by_months(sample)).or_else(|| by_codes(schema, sample))?;
        let mut taken: Vec<String> = sample.columns.iter().map(|(heading, _)| heading.clone()).collect();
        let mut own = |name: String| {
            let mut name = name;
            while taken.contains(&name) {
                name.push('_');
            }
            taken.push(name.clone());
            name
        };
        let into = names.into_iter().map(&mut own).collect();
        Some(Self { columns, into, value: own("figure".to_owned()) })
    }

    /// What the table looks like when it is long.
    pub(super) fn melt(&self, sample: &Sample) -> Sample {
        let kept = (0..sample.columns.len()).filter(|column| !self.columns.contains(column));
        let headings = kept.clone().map(|column| sample.columns[column].0.clone());
        let headings: Vec<String> = headings.chain(self.into.iter().cloned()).chain([self.value.clone()]).collect();
        let mut long = Sample::new(&headings);
        let labels = kept.clone().count();
        for (place, column) in kept.enumerate() {
            long.columns[place].1.clone_from(&sample.columns[column].1);
        }
        for column in &self.columns {
            let (heading, texts) = &sample.columns[*column];
            for (part, text) in parts(heading).into_iter().enumerate() {
                long.note(labels + part, text);
            }
            texts.iter().for_each(|text| long.note(labels + self.into.len(), text));
        }
        long
    }
}

impl Sample {
    pub(super) fn note(&mut self, column: usize, text: &str) {
        let (texts, seen) = (&mut self.columns[column].1, &mut self.seen[column]);
        if !text.is_empty() && texts.len() < MAX_TEXTS && seen.insert(text.to_owned()) {
            texts.push(text.to_owned());
        }
    }
}

fn parts(heading: &str) -> Vec<&str> {
    heading.split(HEADING_PARTS).map(str::trim).collect()
}

/// The largest set of columns with a period in the same part of as many.
fn by_periods(sample: &Sample) -> Option<(Vec<usize>, Vec<String>)> {
    by_parts(sample, "period", is_period)
}

/// Likewise with the name of a month, where the year stands in a column of its own, or nowhere.
fn by_months(sample: &Sample) -> Option<(Vec<usize>, Vec<String>)> {
    by_parts(sample, "month", is_month)
}

fn by_parts(sample: &Sample, called: &str, is: fn(&str) -> bool) -> Option<(Vec<usize>, Vec<String>)> {
    let mut sets: Vec<((usize, usize), Vec<usize>)> = Vec::new();
    for (column, (heading, _)) in sample.columns.iter().enumerate() {
        let parts = parts(heading);
        let Some(period) = parts.iter().position(|part| is(part)) else { continue };
        let kind = (parts.len(), period);
        match sets.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, columns)) => columns.push(column),
            None => sets.push((kind, vec![column])),
        }
    }
    let ((parts, period), columns) = sets.into_iter().max_by_key(|(_, columns)| columns.len())?;
    let name = |part: usize| if part == period { called.to_owned() } else { format!("heading {}", part + 1) };
    (columns.len() > 1).then(|| (columns, (0..parts).map(name).collect()))
}

/// The largest set of columns of numbers whose headings are codes of one dimension, or their names.
fn by_codes(schema: &DatasetSchema, sample: &Sample) -> Option<(Vec<usize>, Vec<String>)> {
    let figures = |texts: &[String]| texts.iter().filter(|text| number(text)).count() * 2 > texts.len();
    let sets = schema.dimensions.iter().filter(|dimension| dimension.id != FREQ).filter_map(|dimension| {
        let codes = dimension.codes.as_ref()?;
        let names = NameIndex::of(codes, None);
        let is_code = |heading: &str| {
            codes.contains(heading) || names.find(heading).is_some() || loosely(codes, heading).is_some()
        };
        let has_figures = |column: &usize| {
            let texts = &sample.columns[*column].1;
            !texts.is_empty() && figures(texts)
        };
        let fits = |column: &usize| is_code(sample.columns[*column].0.trim()) && has_figures(column);
        let columns: Vec<usize> = (0..sample.columns.len()).filter(fits).collect();
        // What stands among them and has figures too is a code that goes by another name here.
        let among = columns.first().zip(columns.last()).filter(|_| columns.len() > 1);
        among.map(|(first, last)| {
            let all: Vec<usize> =
                (*first..=*last).filter(|column| columns.contains(column) || has_figures(column)).collect();
            (all, vec![dimension.id.to_lowercase()])
        })
    });
    // The first of equals: a country of origin rather than one of destination.
    sets.reduce(|best, other| if other.0.len() > best.0.len() { other } else { best })
}
