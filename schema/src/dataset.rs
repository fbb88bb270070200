//! A dataflow's components, resolved: what import, disclosure, query and writers work with.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::language::Languages;
use crate::structure::{Codes, Item, Names, Reference, Representation, Role, Structures};

/// The frequency's id.
pub const FREQ: &str = "FREQ";
/// The time dimension's id.
pub const TIME_PERIOD: &str = "TIME_PERIOD";
/// The measure's id.
pub const OBS_VALUE: &str = "OBS_VALUE";
/// The column a query adds: the record id of the release a figure came from.
pub const RELEASE: &str = "RELEASE";

/// Why a dataflow cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SchemaError {
    /// No such dataflow.
    #[error("there is no dataflow `{0}`")]
    NoDataflow(String),
    /// A reference does not resolve.
    #[error("the dataflow `{dataflow}` refers to `{missing}`, which is not in the schema")]
    Dangling {
        /// The dataflow.
        dataflow: String,
        /// What is missing.
        missing: String,
    },
}

/// The codes a component takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeSet {
    /// The code list.
    pub reference: Reference,
    codes: Codes,
    languages: Languages,
}

impl CodeSet {
    /// Whether `code` is one of them.
    pub fn contains(&self, code: &str) -> bool {
        self.codes.by_id(code).is_some()
    }

    /// The title of a code's annotation of `kind`.
    pub fn annotation(&self, code: &str, kind: &str) -> Option<&str> {
        self.codes.by_id(code).and_then(|item| item.annotation(kind))
    }

    /// A code's name in the language the schema is for, or English.
    pub fn name(&self, code: &str) -> Option<&str> {
        self.codes.by_id(code).map(|item| self.languages.name(&item.names))
    }

    /// A code's names in the languages the schema is for.
    pub fn names(&self, code: &str) -> Option<Names> {
        self.codes.by_id(code).map(|item| {
            let mut names = item.names.clone();
            self.languages.apply_to(&mut names);
            names
        })
    }

    /// Codes and names, in the list's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.codes.iter().map(|item| (item.id.as_str(), self.languages.name(&item.names)))
    }

    /// The codes themselves: names in every language, parents, annotations.
    pub fn items(&self) -> &[Item] {
        &self.codes
    }
}

/// A dimension, the measure or an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Id.
    pub id: String,
    /// The concept's name in the language the schema is for, or English.
    pub name: String,
    /// The concept's names in the languages the schema is for, or in all.
    pub names: Names,
    /// Its codes, if coded.
    pub codes: Option<Arc<CodeSet>>,
    /// Whether every observation has it.
    pub mandatory: bool,
}

/// A dataflow's components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DatasetSchema {
    /// The dataflow.
    pub dataflow: Reference,
    /// Its data structure.
    pub structure: Reference,
    /// The dataflow's name in the language the schema is for, or English.
    pub name: String,
    /// The dataflow's names in the languages the schema is for, or in all.
    pub names: Names,
    /// Dimensions but time, in the data structure's order.
    pub dimensions: Vec<Component>,
    /// Time.
    pub time: Component,
    /// The measure.
    pub measure: Component,
    /// Attributes, in the data structure's order.
    pub attributes: Vec<Component>,
    /// Ids of the dimensions that are a corridor's origin and destination.
    pub corridor: Option<(String, String)>,
}

impl DatasetSchema {
    pub(crate) fn resolve(structures: &Structures, reference: &Reference) -> Result<Self, SchemaError> {
        let dataflow = structures.dataflow(reference).ok_or_else(|| SchemaError::NoDataflow(reference.to_string()))?;
        let dangling =
            |missing: &str| SchemaError::Dangling { dataflow: reference.to_string(), missing: missing.to_owned() };
        let structure: Reference = dataflow.structure.parse().map_err(|_| dangling(&dataflow.structure))?;
        let definition = structures.data_structure(&structure).ok_or_else(|| dangling(&dataflow.structure))?;
        if definition.data_structure_components.is_none() {
            return Err(dangling(&dataflow.structure));
        }
        let mut sets = HashMap::new();
        let mut by_role: HashMap<Role, Vec<Component>> = HashMap::new();
        for any in definition.components() {
            let concept = structures.concept(any.concept).ok_or_else(|| dangling(any.concept))?;
            let codes = match any.representation.or(concept.core_representation.as_ref()) {
                Some(Representation::Enumeration(urn)) => {
                    Some(code_set(structures, urn, &mut sets).ok_or_else(|| dangling(urn))?)
                }
                Some(Representation::Format(_)) | None => None,
            };
            let names = concept.item.names.clone();
            let mandatory = any.mandatory && any.role != Role::Measure;
            let component = Component { id: any.id.to_owned(), name: names.name.clone(), names, codes, mandatory };
            by_role.entry(any.role).or_default().push(component);
        }
        let mut take = |role| by_role.remove(&role).unwrap_or_default().into_iter();
        let time = take(Role::Time).next().ok_or_else(|| dangling(TIME_PERIOD))?;
        let measure = take(Role::Measure).next().ok_or_else(|| dangling(OBS_VALUE))?;
        let (dimensions, attributes) = (take(Role::Dimension).collect(), take(Role::Attribute).collect());
        let corridor = definition.maintainable.annotation("CORRIDOR").and_then(|title| title.split_once('/'));
        Ok(Self {
            dataflow: reference.clone(),
            structure,
            name: dataflow.maintainable.names.name.clone(),
            names: dataflow.maintainable.names.clone(),
            dimensions,
            time,
            measure,
            attributes,
            corridor: corridor.map(|(origin, destination)| (origin.to_owned(), destination.to_owned())),
        })
    }

    /// The same schema with its names in `languages`, the best of them first.
    #[must_use]
    pub fn in_languages(mut self, languages: &Languages) -> Self {
        languages.apply_to(&mut self.names);
        self.name.clone_from(&self.names.name);
        let all = self.dimensions.iter_mut().chain([&mut self.time, &mut self.measure]).chain(&mut self.attributes);
        for component in all {
            languages.apply_to(&mut component.names);
            component.name.clone_from(&component.names.name);
            if let Some(codes) = &mut component.codes {
                Arc::make_mut(codes).languages = languages.clone();
            }
        }
        self
    }

    /// The component `id`.
    pub fn component(&self, id: &str) -> Option<&Component> {
        self.components().find(|c| c.id == id)
    }

    /// Every component in column order: dimensions, time, measure, attributes.
    pub fn components(&self) -> impl Iterator<Item = &Component> {
        self.dimensions.iter().chain([&self.time, &self.measure]).chain(&self.attributes)
    }

    /// The position of a dimension.
    pub fn dimension_index(&self, id: &str) -> Option<usize> {
        self.dimensions.iter().position(|d| d.id == id)
    }

    /// The columns of figures: dimensions and time as text, the measure as nullable number, attributes as nullable text.
    pub fn arrow_schema(&self) -> SchemaRef {
        let mut fields: Vec<Field> =
            self.dimensions.iter().chain([&self.time]).map(|c| Field::new(&c.id, DataType::Utf8, false)).collect();
        fields.push(Field::new(&self.measure.id, DataType::Float64, true));
        fields.extend(self.attributes.iter().map(|c| Field::new(&c.id, DataType::Utf8, true)));
        Arc::new(Schema::new(fields))
    }

    /// Column index of the measure: dimensions, then time, come before it.
    pub fn measure_index(&self) -> usize {
        self.dimensions.len() + 1
    }
}

fn code_set(structures: &Structures, urn: &str, sets: &mut HashMap<String, Arc<CodeSet>>) -> Option<Arc<CodeSet>> {
    if let Some(set) = sets.get(urn) {
        return Some(Arc::clone(set));
    }
    let reference: Reference = urn.parse().ok()?;
    let list = structures.codelist(&reference)?;
    let set = Arc::new(CodeSet { reference, codes: list.codes.clone(), languages: Languages::default() });
    sets.insert(urn.to_owned(), Arc::clone(&set));
    Some(set)
}
