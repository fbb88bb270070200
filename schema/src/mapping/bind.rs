//! Binds a mapping to a dataflow's components and a source's columns; all that is wrong is told at once.

use std::collections::{BTreeSet, HashMap, HashSet};

use regex::Regex;

use super::dates::DateFormat;
use super::error::did_you_mean;
use super::names::{NameIndex, texts};
use super::shape::{Shape, regex};
use super::translate::ColumnSource;
use super::{ComponentMapping, Mapping, MappingError, RowFilter, Source, Unmapped, column};
use crate::dataset::{CodeSet, Component, DatasetSchema, TIME_PERIOD};
use crate::period::Length;

/// A mapping bound to a dataflow and a file's columns.
#[derive(Debug, Clone)]
pub struct BoundMapping {
    /// The dataflow's components.
    pub schema: DatasetSchema,
    /// What is done to the source's rows before they are pushed.
    pub shape: Shape,
    /// Whether rows with the same key are summed.
    pub sums: bool,
    /// In the order of [`DatasetSchema::components`].
    pub(crate) sources: Vec<Source>,
    /// Texts that mean there is no figure, and the OBS_STATUS that they mean, if they mean one.
    pub(crate) missing: HashMap<String, Option<String>>,
    pub(crate) filters: Vec<(usize, Keep)>,
    /// The source's headings, for problems.
    pub(crate) headings: Vec<String>,
    pub(crate) refuse_unmapped: bool,
    /// Columns that sums go over.
    over: Vec<usize>,
}

/// Which texts of a column are kept.
#[derive(Debug, Clone)]
pub(crate) enum Keep {
    In(HashSet<String>),
    NotIn(HashSet<String>),
    Matches(Regex),
}

impl Keep {
    pub(crate) fn keeps(&self, text: &str) -> bool {
        match self {
            Self::In(texts) => texts.contains(text),
            Self::NotIn(texts) => !texts.contains(text),
            Self::Matches(regex) => regex.is_match(text),
        }
    }
}

impl BoundMapping {
    /// Headings of the source's columns that the mapping does not use.
    pub fn unmapped_columns(&self) -> impl Iterator<Item = &str> {
        let mapped = self.sources.iter().filter_map(Source::column);
        let used = mapped.chain(self.filters.iter().map(|(index, _)| *index)).chain(self.over.iter().copied());
        let used: HashSet<usize> = used.filter_map(|index| self.shape.origin(index, None)).collect();
        let used = move |index: usize| used.contains(&index) || self.shape.uses(index);
        self.headings.iter().enumerate().filter(move |(index, _)| !used(*index)).map(|(_, heading)| heading.as_str())
    }
}

impl Mapping {
    /// Binds it to the dataflow's components and the source's headings; all that is wrong is reported.
    pub fn bind(&self, schema: &DatasetSchema, headings: &[String]) -> Result<BoundMapping, Vec<MappingError>> {
        let mut errors = Vec::new();
        let shape = Shape::bind(self, headings, &mut errors);
        for component in self.components.keys().filter(|id| schema.component(id).is_none()) {
            let ids = || schema.components().map(|c| c.id.as_str());
            errors.push(MappingError::Unknown {
                component: component.clone(),
                known: ids().collect::<Vec<_>>().join(", "),
                nearest: did_you_mean(component, ids()),
            });
        }
        let mut sources = Vec::new();
        for component in schema.components() {
            match self.components.get(&component.id) {
                None if component.mandatory || component.id == schema.measure.id => {
                    errors.push(MappingError::Missing(component.id.clone()));
                }
                None => sources.push(Source::Value(String::new())),
                Some(mapping) => {
                    sources.extend(bind_component(component, mapping, shape.headings(), &mut errors));
                }
            }
        }
        if let Some(Source::Column(measure)) = sources.get_mut(schema.measure_index()) {
            measure.numbers = Some(self.options.numbers().unwrap_or_default());
        }
        let filters =
            self.filters.iter().filter_map(|filter| bind_filter(filter, shape.headings(), &mut errors)).collect();
        let over = self.bind_aggregate(&shape, &sources, schema, &mut errors);
        let missing = self.bind_marks(schema, &mut errors);
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(BoundMapping {
            schema: schema.clone(),
            shape,
            sums: self.aggregate.is_some(),
            sources,
            missing,
            filters,
            headings: headings.to_vec(),
            refuse_unmapped: self.options.unmapped == Unmapped::Refuse,
            over,
        })
    }

    fn bind_marks(&self, schema: &DatasetSchema, errors: &mut Vec<MappingError>) -> HashMap<String, Option<String>> {
        if let Some(codes) = schema.component("OBS_STATUS").and_then(|c| c.codes.as_ref()) {
            self.options.marks.values().for_each(|status| check_code("options.marks", status, codes, errors));
        }
        let missing = self.options.missing.iter().map(|text| (text.clone(), None));
        missing.chain(self.options.marks.iter().map(|(text, status)| (text.clone(), Some(status.clone())))).collect()
    }

    fn bind_aggregate(
        &self,
        shape: &Shape,
        sources: &[Source],
        schema: &DatasetSchema,
        errors: &mut Vec<MappingError>,
    ) -> Vec<usize> {
        let mut over = Vec::new();
        for name in self.aggregate.iter().flat_map(|aggregate| &aggregate.over) {
            match column("aggregate", name, shape.headings()) {
                Err(error) => errors.push(error),
                Ok(index) => {
                    // With an error before, sources and components are not side by side.
                    let mapped = sources.iter().zip(schema.components()).find(|(s, _)| s.column() == Some(index));
                    if let Some((_, component)) = mapped.filter(|_| errors.is_empty()) {
                        let component = component.id.clone();
                        errors.push(MappingError::Summed { column: name.clone(), component });
                    }
                    over.push(index);
                }
            }
        }
        over
    }
}

fn bind_filter(filter: &RowFilter, headings: &[String], errors: &mut Vec<MappingError>) -> Option<(usize, Keep)> {
    let keep = match (&filter.any_of, &filter.none_of, &filter.matches) {
        (Some(texts), None, None) => Some(Keep::In(texts.iter().cloned().collect())),
        (None, Some(texts), None) => Some(Keep::NotIn(texts.iter().cloned().collect())),
        (None, None, Some(pattern)) => regex("where", pattern, errors).map(Keep::Matches),
        _ => {
            errors.push(MappingError::Filter(filter.column.clone()));
            None
        }
    };
    match column("where", &filter.column, headings) {
        Ok(index) => keep.map(|keep| (index, keep)),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

fn check_code(place: &str, value: &str, codes: &CodeSet, errors: &mut Vec<MappingError>) {
    if !codes.contains(value) {
        errors.push(MappingError::Code {
            component: place.to_owned(),
            value: value.to_owned(),
            list: codes.reference.id.clone(),
            nearest: did_you_mean(value, codes.iter().map(|(code, _)| code)),
        });
    }
}

fn bind_component(
    component: &Component,
    mapping: &ComponentMapping,
    headings: &[String],
    errors: &mut Vec<MappingError>,
) -> Option<Source> {
    let before = errors.len();
    if let Some(codes) = &component.codes {
        let patterns = mapping.patterns.iter().map(|pattern| &pattern.code);
        for value in mapping.map.values().chain(&mapping.value).chain(&mapping.default).chain(patterns) {
            check_code(&component.id, value, codes, errors);
        }
    }
    let mut source = ColumnSource {
        map: mapping.map.iter().map(|(k, v)| (k.clone(), v.clone())).collect(),
        default: mapping.default.clone(),
        codes: component.codes.clone(),
        ..ColumnSource::default()
    };
    for pattern in &mapping.patterns {
        let regex = regex(&component.id, &pattern.matches, errors);
        source.patterns.extend(regex.map(|regex| (regex, pattern.code.clone())));
    }
    bind_names(component, mapping, &mut source, errors);
    bind_time(component, mapping, &mut source, errors);
    let only_columns = mapping.map.is_empty()
        && mapping.patterns.is_empty()
        && mapping.names.is_none()
        && mapping.system.is_none()
        && mapping.default.is_none();
    let bound = match (&mapping.column, &mapping.value) {
        (Some(name), None) => match column(&component.id, name, headings) {
            Ok(index) => {
                source.index = index;
                Some(Source::Column(Box::new(source)))
            }
            Err(error) => {
                errors.push(error);
                None
            }
        },
        (None, Some(_)) if !only_columns => {
            errors.push(MappingError::Idle(component.id.clone()));
            None
        }
        (None, Some(value)) => Some(Source::Value(value.clone())),
        _ => {
            errors.push(MappingError::Either(component.id.clone()));
            None
        }
    };
    bound.filter(|_| errors.len() == before)
}

fn bind_names(
    component: &Component,
    mapping: &ComponentMapping,
    source: &mut ColumnSource,
    errors: &mut Vec<MappingError>,
) {
    let uncoded = |key: &str, needs: &str| {
        let (component, key, needs) = (component.id.clone(), key.to_owned(), needs.to_owned());
        MappingError::Uncoded { component, key, needs }
    };
    if let Some(language) = &mapping.names {
        match &component.codes {
            None => errors.push(uncoded("names", "codes")),
            Some(codes) => {
                let known: BTreeSet<&str> = texts(codes).map(|(_, tag, _)| tag).collect();
                if language != "any" && !known.contains(language.as_str()) {
                    errors.push(MappingError::Language {
                        component: component.id.clone(),
                        list: codes.reference.id.clone(),
                        language: language.clone(),
                        known: known.into_iter().map(|tag| format!("`{tag}`")).collect::<Vec<_>>().join(", "),
                    });
                }
                source.names = Some(NameIndex::of(codes, Some(language.as_str()).filter(|l| *l != "any")));
            }
        }
    }
    if let Some(system) = mapping.system {
        let shared = system.codes();
        match &component.codes {
            // Austria is in every list of areas, and in no other.
            Some(codes) if codes.contains("AUT") => {
                source.system = Some(shared.into_iter().filter(|(_, code)| codes.contains(code)).collect());
            }
            _ => errors.push(uncoded("system", "codes of areas")),
        }
    }
}

fn bind_time(
    component: &Component,
    mapping: &ComponentMapping,
    source: &mut ColumnSource,
    errors: &mut Vec<MappingError>,
) {
    if (mapping.period.is_some() || mapping.format.is_some()) && component.id != TIME_PERIOD {
        errors.push(MappingError::NotTime(component.id.clone()));
    }
    if let Some(word) = &mapping.period {
        source.period = Length::parse(word);
        if source.period.is_none() {
            errors.push(MappingError::Period { component: component.id.clone(), word: word.clone() });
        }
    }
    if let Some(format) = &mapping.format {
        source.format = DateFormat::parse(format);
        if source.format.is_none() {
            errors.push(MappingError::DateFormat { component: component.id.clone(), format: format.clone() });
        }
    }
}
