//! Reads SDMX-ML structure messages, 2.1 and 3.0: what other agencies publish their structures in. Not read, as nothing here uses
//! it: hierarchical code lists and structure sets of 2.1, processes, provision agreements, categories within
//! categories.

mod components;
mod others;

use super::tree::{self, Element, TreeError};
use crate::structure::{
    AgencyScheme, Annotation, Categorisation, CategoryScheme, Codelist, Concept, ConceptScheme, Dataflow, Item,
    Maintainable, Names, Structures, Texts, URN_PREFIX,
};

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not XML within bounds.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// Not a structure message.
    #[error("not an SDMX-ML structure message: the root element is `{0}`")]
    Root(String),
    /// Something is missing.
    #[error("`{element}` has no {missing}")]
    Missing {
        /// The element, with its id if it has one.
        element: String,
        /// What it lacks.
        missing: &'static str,
    },
}

/// Reads a structure message.
pub fn read(bytes: &[u8]) -> Result<Structures, ReadError> {
    let root = tree::read(bytes)?;
    let lists = root.child("Structures").filter(|_| root.name == "Structure");
    let lists = lists.ok_or_else(|| ReadError::Root(root.name.chars().take(60).collect()))?;
    let mut all = Structures::default();
    for list in &lists.children {
        container(list, &mut all)?;
    }
    Ok(all)
}

fn container(list: &Element, all: &mut Structures) -> Result<(), ReadError> {
    for one in &list.children {
        match one.name.as_str() {
            "AgencyScheme" => all.agency_schemes.push(AgencyScheme {
                maintainable: maintainable(one)?,
                agencies: one.all("Agency").map(item).collect::<Result<_, _>>()?,
            }),
            "Categorisation" => all.categorisations.push(Categorisation {
                maintainable: maintainable(one)?,
                source: one.child("Source").and_then(|s| reference(s, "datastructure.Dataflow")).unwrap_or_default(),
                target: one.child("Target").and_then(|t| reference(t, "categoryscheme.Category")).unwrap_or_default(),
            }),
            "CategoryScheme" => all.category_schemes.push(CategoryScheme {
                maintainable: maintainable(one)?,
                is_partial: is_true(one, "isPartial"),
                categories: one.all("Category").map(item).collect::<Result<_, _>>()?,
            }),
            "Codelist" => all.codelists.push(Codelist {
                maintainable: maintainable(one)?,
                is_partial: is_true(one, "isPartial"),
                codes: one.all("Code").map(item).collect::<Result<Vec<_>, _>>()?.into(),
            }),
            "ConceptScheme" => all.concept_schemes.push(ConceptScheme {
                maintainable: maintainable(one)?,
                is_partial: is_true(one, "isPartial"),
                concepts: one.all("Concept").map(concept).collect::<Result<_, _>>()?,
            }),
            "Dataflow" => all.dataflows.push(Dataflow {
                maintainable: maintainable(one)?,
                structure: one
                    .child("Structure")
                    .and_then(|s| reference(s, "datastructure.DataStructure"))
                    .unwrap_or_default(),
            }),
            "DataStructure" => all.data_structures.push(components::data_structure(one)?),
            "MetadataStructure" => all.metadata_structures.push(others::metadata_structure(one)?),
            "Metadataflow" => all.metadataflows.push(others::metadataflow(one)?),
            "DataConstraint" | "ContentConstraint" => all.data_constraints.push(others::data_constraint(one)?),
            // A hierarchy of 2.1 stands in a hierarchical code list, not here.
            "Hierarchy" => all.hierarchies.push(others::hierarchy(one)?),
            "StructureMap" => all.structure_maps.push(others::structure_map(one)?),
            "RepresentationMap" => all.representation_maps.push(others::representation_map(one)?),
            _ => {}
        }
    }
    Ok(())
}

fn id(element: &Element) -> Result<String, ReadError> {
    let id = element.attribute("id").filter(|id| !id.is_empty());
    id.map(str::to_owned).ok_or_else(|| ReadError::Missing { element: element.name.clone(), missing: "id" })
}

fn missing(element: &Element, missing: &'static str) -> ReadError {
    let id = element.attribute("id").unwrap_or_default();
    ReadError::Missing { element: format!("{} {id}", element.name).trim_end().to_owned(), missing }
}

fn is_true(element: &Element, attribute: &str) -> Option<bool> {
    element.attribute(attribute).filter(|value| matches!(*value, "true" | "1")).map(|_| true)
}

fn maintainable(element: &Element) -> Result<Maintainable, ReadError> {
    let agency = element.attribute("agencyID").ok_or_else(|| missing(element, "agencyID"))?;
    Ok(Maintainable {
        id: id(element)?,
        agency_id: agency.to_owned(),
        version: element.attribute("version").unwrap_or("1.0").to_owned(),
        is_external_reference: is_true(element, "isExternalReference"),
        annotations: annotations(element),
        names: names(element),
    })
}

fn annotations(element: &Element) -> Vec<Annotation> {
    let all = element.child("Annotations").into_iter().flat_map(|a| a.all("Annotation"));
    all.map(|a| Annotation {
        id: a.attribute("id").unwrap_or_default().to_owned(),
        kind: a.text_of("AnnotationType").unwrap_or_default().to_owned(),
        title: a.text_of("AnnotationTitle").unwrap_or_default().to_owned(),
        value: a.text_of("AnnotationValue").map(str::to_owned),
    })
    .collect()
}

fn names(element: &Element) -> Names {
    let texts = |name: &str| -> Texts {
        let texts = element.all(name).map(|t| (t.attribute("lang").unwrap_or("en").to_owned(), t.trimmed().to_owned()));
        texts.collect()
    };
    Names::of(texts("Name"), texts("Description"))
}

fn item(element: &Element) -> Result<Item, ReadError> {
    Ok(Item {
        id: id(element)?,
        annotations: annotations(element),
        parent: element.child("Parent").and_then(local_reference),
        names: names(element),
    })
}

fn concept(element: &Element) -> Result<Concept, ReadError> {
    let core = element.child("CoreRepresentation").and_then(components::representation);
    Ok(Concept { item: item(element)?, core_representation: core })
}

/// An id within the same artefact: `<Ref id="X"/>` in 2.1, text in 3.0.
fn local_reference(element: &Element) -> Option<String> {
    let id = element.child("Ref").and_then(|r| r.attribute("id")).unwrap_or_else(|| element.trimmed());
    (!id.is_empty()).then(|| id.to_owned())
}

/// The URN an element refers by: as text in 3.0, as `<URN>` or `<Ref .../>` in 2.1. `class` is what a `Ref` without class means.
fn reference(element: &Element, class: &str) -> Option<String> {
    let text = element.text_of("URN").unwrap_or_else(|| element.trimmed());
    if text.starts_with(URN_PREFIX) {
        return Some(text.to_owned());
    }
    let found = element.child("Ref")?;
    let (id, agency) = (found.attribute("id")?, found.attribute("agencyID")?);
    let class = match (found.attribute("package"), found.attribute("class")) {
        (Some(package), Some(class)) => format!("{package}.{class}"),
        _ => class.to_owned(),
    };
    Some(match found.attribute("maintainableParentID") {
        Some(parent) => {
            let version = found.attribute("maintainableParentVersion").unwrap_or("1.0");
            format!("{URN_PREFIX}{class}={agency}:{parent}({version}).{id}")
        }
        None => format!("{URN_PREFIX}{class}={agency}:{id}({})", found.attribute("version").unwrap_or("1.0")),
    })
}

#[cfg(test)]
mod tests;
