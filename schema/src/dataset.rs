//! A dataflow's components, resolved: what import, disclosure, query and writers work with.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::structure::{Reference, Representation, Structures};

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
    codes: Vec<(String, String)>,
    index: HashMap<String, usize>,
}

impl CodeSet {
    /// Whether `code` is one of them.
    pub fn contains(&self, code: &str) -> bool {
        self.index.contains_key(code)
    }

    /// A code's English name.
    pub fn name(&self, code: &str) -> Option<&str> {
        self.index.get(code).and_then(|i| self.codes.get(*i)).map(|(_, name)| name.as_str())
    }

    /// Codes and names, in the list's order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.codes.iter().map(|(code, name)| (code.as_str(), name.as_str()))
    }
}

/// A dimension, the measure or an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// Id.
    pub id: String,
    /// The concept's English name.
    pub name: String,
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
    /// The dataflow's English name.
    pub name: String,
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
        let components = definition.data_structure_components.as_ref().ok_or_else(|| dangling(&dataflow.structure))?;
        let mut sets = HashMap::new();
        let mut component = |id: &str, concept: &str, representation: &Representation, mandatory: bool| {
            let codes = match representation {
                Representation::Format(_) => None,
                Representation::Enumeration(urn) => {
                    Some(code_set(structures, urn, &mut sets).ok_or_else(|| dangling(urn))?)
                }
            };
            let name = structures.concept_name(concept).ok_or_else(|| dangling(concept))?.to_owned();
            Ok(Component { id: id.to_owned(), name, codes, mandatory })
        };
        let list = &components.dimension_list;
        let mut ordered: Vec<_> = list.dimensions.iter().collect();
        ordered.sort_by_key(|d| d.position);
        let dimensions = ordered
            .into_iter()
            .map(|d| component(&d.id, &d.concept_identity, &d.local_representation, true))
            .collect::<Result<_, _>>()?;
        let t = &list.time_dimension;
        let time = component(&t.id, &t.concept_identity, &t.local_representation, true)?;
        let m = components.measure_list.measures.first().ok_or_else(|| dangling(OBS_VALUE))?;
        let measure = component(&m.id, &m.concept_identity, &m.local_representation, false)?;
        let attributes = components
            .attribute_list
            .attributes
            .iter()
            .map(|a| component(&a.id, &a.concept_identity, &a.local_representation, a.usage == "mandatory"))
            .collect::<Result<_, _>>()?;
        let corridor = definition.maintainable.annotation("CORRIDOR").and_then(|title| title.split_once('/'));
        Ok(Self {
            dataflow: reference.clone(),
            structure,
            name: dataflow.maintainable.names.name.clone(),
            dimensions,
            time,
            measure,
            attributes,
            corridor: corridor.map(|(origin, destination)| (origin.to_owned(), destination.to_owned())),
        })
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
    let codes: Vec<_> = list.codes.iter().map(|c| (c.id.clone(), c.names.name.clone())).collect();
    let index = codes.iter().enumerate().map(|(i, (code, _))| (code.clone(), i)).collect();
    let set = Arc::new(CodeSet { reference, codes, index });
    sets.insert(urn.to_owned(), Arc::clone(&set));
    Some(set)
}
