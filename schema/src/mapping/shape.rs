//! Gives a table the shape of observations: one figure a row, each of its properties in a column of its own.

use regex::Regex;

use super::template::Template;
use super::{Mapping, MappingError, column};
use crate::rows::{BatchRow, RowBatch};

/// Between the parts of a heading that spans several rows.
pub const HEADING_PARTS: &str = " / ";

/// The steps from the source's columns to those that the components are mapped from.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Source columns that are kept as they are.
    kept: Vec<usize>,
    unpivot: Option<BoundUnpivot>,
    splits: Vec<BoundSplit>,
    combines: Vec<Template>,
    headings: Vec<String>,
    /// For each heading.
    origins: Vec<Origin>,
}

/// Where a column after every step comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A column of the source.
    Column(usize),
    /// The heading of the column whose cell the row was made of.
    Heading,
    /// The cell itself.
    Cell,
}

#[derive(Debug, Clone)]
struct BoundUnpivot {
    /// Column, and the texts its heading becomes.
    columns: Vec<(usize, Vec<String>)>,
    keep_empty: bool,
}

#[derive(Debug, Clone)]
struct BoundSplit {
    column: usize,
    how: Cut,
    parts: usize,
}

#[derive(Debug, Clone)]
enum Cut {
    At(String),
    Pattern(Regex),
}

impl Shape {
    /// Binds the steps of `mapping` to the source's headings.
    pub(super) fn bind(mapping: &Mapping, headings: &[String], errors: &mut Vec<MappingError>) -> Self {
        let mut shape = Self {
            kept: (0..headings.len()).collect(),
            unpivot: None,
            splits: Vec::new(),
            combines: Vec::new(),
            headings: headings.to_vec(),
            origins: (0..headings.len()).map(Origin::Column).collect(),
        };
        if mapping.unpivot.is_some() {
            shape.bind_unpivot(mapping, headings, errors);
        }
        for split in &mapping.splits {
            let how = match (&split.at, &split.pattern) {
                (Some(at), None) if !at.is_empty() && !split.into.is_empty() => {
                    Some((Cut::At(at.clone()), split.into.clone()))
                }
                (None, Some(pattern)) if split.into.is_empty() => {
                    regex("split", pattern, errors).map(|regex| (Cut::Pattern(regex.clone()), group_names(&regex)))
                }
                _ => {
                    errors.push(MappingError::Split(split.column.clone()));
                    None
                }
            };
            match (column("split", &split.column, &shape.headings), how) {
                (Ok(index), Some((how, into))) => {
                    let origin = shape.origins[index];
                    shape.splits.push(BoundSplit { column: index, how, parts: into.len() });
                    into.into_iter().for_each(|heading| shape.add(heading, origin, errors));
                }
                (Err(error), _) => errors.push(error),
                (Ok(_), None) => {}
            }
        }
        for combine in &mapping.combines {
            match Template::bind(&combine.with, &shape.headings) {
                Ok(template) => {
                    let origin = template.first_column().map_or(Origin::Cell, |index| shape.origins[index]);
                    shape.combines.push(template);
                    shape.add(combine.into.clone(), origin, errors);
                }
                Err(error) => errors.push(error),
            }
        }
        shape
    }

    fn bind_unpivot(&mut self, mapping: &Mapping, headings: &[String], errors: &mut Vec<MappingError>) {
        let Some(unpivot) = &mapping.unpivot else { return };
        let mut names = unpivot.into.clone();
        let mut columns = Vec::new();
        match (&unpivot.pattern, unpivot.columns.is_empty()) {
            (Some(pattern), true) => {
                let Some(regex) = regex("unpivot", pattern, errors) else { return };
                let groups = group_names(&regex);
                for (index, heading) in headings.iter().enumerate() {
                    let Some(found) = regex.captures(heading) else { continue };
                    let text = |group: &String| found.name(group).map_or("", |m| m.as_str()).to_owned();
                    columns
                        .push((index, heading_parts(heading, &unpivot.into).chain(groups.iter().map(text)).collect()));
                }
                names.extend(groups);
                if columns.is_empty() {
                    errors.push(MappingError::NoColumns(pattern.clone()));
                }
            }
            (None, false) => {
                for name in &unpivot.columns {
                    match column("unpivot", name, headings) {
                        Ok(index) => columns.push((index, heading_parts(name, &unpivot.into).collect::<Vec<_>>())),
                        Err(error) => errors.push(error),
                    }
                }
            }
            _ => return errors.push(MappingError::Unpivot),
        }
        self.kept.retain(|index| !columns.iter().any(|(column, _)| column == index));
        self.headings = self.kept.iter().map(|index| headings[*index].clone()).collect();
        self.origins = self.kept.iter().map(|index| Origin::Column(*index)).collect();
        names.into_iter().for_each(|name| self.add(name, Origin::Heading, errors));
        self.add(unpivot.value.clone(), Origin::Cell, errors);
        self.unpivot = Some(BoundUnpivot { columns, keep_empty: unpivot.keep_empty });
    }

    fn add(&mut self, heading: String, origin: Origin, errors: &mut Vec<MappingError>) {
        if self.headings.contains(&heading) {
            errors.push(MappingError::Taken(heading));
        } else {
            self.headings.push(heading);
            self.origins.push(origin);
        }
    }

    /// The headings after every step.
    pub fn headings(&self) -> &[String] {
        &self.headings
    }

    /// The source's column that a column after every step comes from; `cell` is the row's [`BatchRow::cell`].
    pub fn origin(&self, index: usize, cell: Option<usize>) -> Option<usize> {
        match self.comes_from(index) {
            Origin::Column(column) => Some(column),
            Origin::Heading | Origin::Cell => cell,
        }
    }

    /// Where a column after every step comes from.
    pub(crate) fn comes_from(&self, index: usize) -> Origin {
        self.origins.get(index).copied().unwrap_or(Origin::Cell)
    }

    /// Whether a step reads the source's column.
    pub(super) fn uses(&self, source: usize) -> bool {
        let unpivoted = self.unpivot.iter().flat_map(|unpivot| &unpivot.columns).map(|(column, _)| *column);
        let split = self.splits.iter().map(|split| split.column);
        let made = split.chain(self.combines.iter().flat_map(Template::columns));
        unpivoted.chain(made.filter_map(|index| self.origin(index, None))).any(|column| column == source)
    }

    /// Whether no step changes anything.
    pub fn is_plain(&self) -> bool {
        self.unpivot.is_none() && self.splits.is_empty() && self.combines.is_empty()
    }

    /// Adds the rows of `from`, in the new shape, to `to`. Faults stay where they are.
    pub fn apply(&self, from: &RowBatch, to: &mut RowBatch) {
        for (line, row) in from.iter() {
            match &self.unpivot {
                None => self.make(line, row, None, to),
                Some(unpivot) => {
                    for (index, texts) in &unpivot.columns {
                        let cell = row.get(*index).unwrap_or("");
                        if unpivot.keep_empty || !cell.trim().is_empty() {
                            self.make(line, row, Some((*index, texts, cell)), to);
                        }
                    }
                }
            }
        }
    }

    fn make(&self, line: u64, row: BatchRow<'_>, cell: Option<(usize, &Vec<String>, &str)>, to: &mut RowBatch) {
        for index in &self.kept {
            to.field(row.get(*index).unwrap_or(""));
        }
        if let Some((_, texts, cell)) = cell {
            texts.iter().for_each(|text| to.field(text));
            to.field(cell);
        }
        for split in &self.splits {
            let text = to.made(split.column).trim().to_owned();
            match &split.how {
                Cut::At(at) => {
                    let mut parts = text.splitn(split.parts, at.as_str());
                    (0..split.parts).for_each(|_| to.field(parts.next().unwrap_or("").trim()));
                }
                Cut::Pattern(regex) => {
                    let found = regex.captures(&text);
                    for name in regex.capture_names().flatten() {
                        let part = found.as_ref().and_then(|found| found.name(name));
                        to.field(part.map_or("", |part| part.as_str()));
                    }
                }
            }
        }
        for combine in &self.combines {
            let text = combine.text(|index| to.made(index));
            to.field(&text);
        }
        to.end_row_of(line, cell.map(|(index, _, _)| index));
    }
}

/// The parts of a heading, one for each name; the last takes what is left.
fn heading_parts<'a>(heading: &'a str, names: &'a [String]) -> impl Iterator<Item = String> + 'a {
    let mut parts = heading.splitn(names.len().max(1), HEADING_PARTS);
    names.iter().map(move |_| parts.next().unwrap_or("").trim().to_owned())
}

fn group_names(regex: &Regex) -> Vec<String> {
    regex.capture_names().flatten().map(str::to_owned).collect()
}

/// A pattern of the mapping file; what is wrong with it is told.
pub(super) fn regex(place: &str, pattern: &str, errors: &mut Vec<MappingError>) -> Option<Regex> {
    match regex::RegexBuilder::new(pattern).size_limit(1 << 20).build() {
        Ok(regex) => Some(regex),
        Err(error) => {
            errors.push(MappingError::Pattern {
                place: place.to_owned(),
                pattern: pattern.to_owned(),
                why: error.to_string().lines().last().unwrap_or("").trim().to_owned(),
            });
            None
        }
    }
}
