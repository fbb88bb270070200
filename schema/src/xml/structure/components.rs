//! Data structures and their components.

use super::{ReadError, id, is_true, local_reference, maintainable, missing, reference};
use crate::structure::{
    Attribute, AttributeList, AttributeRelationship, Components, DataStructure, Dimension, DimensionList, Empty,
    Format, Measure, MeasureList, Representation, TimeDimension, Usage,
};
use crate::xml::tree::Element;

pub(super) fn data_structure(element: &Element) -> Result<DataStructure, ReadError> {
    let parts = element.child("DataStructureComponents").map(components).transpose()?;
    Ok(DataStructure { maintainable: maintainable(element)?, data_structure_components: parts })
}

fn components(element: &Element) -> Result<Components, ReadError> {
    let list = element.child("DimensionList").ok_or_else(|| missing(element, "DimensionList"))?;
    let measures = element.child("MeasureList").into_iter().flat_map(|l| &l.children);
    let attributes = element.child("AttributeList").into_iter().flat_map(|l| l.all("Attribute"));
    // A measure dimension of 2.1 is a dimension of its own position.
    let dimensions = list.children.iter().filter(|d| matches!(d.name.as_str(), "Dimension" | "MeasureDimension"));
    Ok(Components {
        dimension_list: DimensionList {
            id: "DimensionDescriptor".to_owned(),
            dimensions: dimensions.map(dimension).collect::<Result<_, _>>()?,
            time_dimension: list.child("TimeDimension").map(time_dimension).transpose()?,
        },
        measure_list: MeasureList {
            measures: measures
                .filter(|m| matches!(m.name.as_str(), "Measure" | "PrimaryMeasure"))
                .map(measure)
                .collect::<Result<_, _>>()?,
            ..MeasureList::default()
        },
        attribute_list: AttributeList {
            attributes: attributes.map(attribute).collect::<Result<_, _>>()?,
            ..AttributeList::default()
        },
    })
}

fn concept(element: &Element) -> Result<String, ReadError> {
    let identity = element.child("ConceptIdentity").and_then(|c| reference(c, "conceptscheme.Concept"));
    identity.ok_or_else(|| missing(element, "ConceptIdentity"))
}

/// A component's id; in 2.1 it may be left to the concept.
fn component_id(element: &Element) -> Result<String, ReadError> {
    match id(element) {
        Ok(id) => Ok(id),
        Err(_) => {
            let urn = concept(element)?;
            Ok(urn.rsplit_once('.').map_or(urn.as_str(), |(_, id)| id).to_owned())
        }
    }
}

fn dimension(element: &Element) -> Result<Dimension, ReadError> {
    Ok(Dimension {
        id: component_id(element)?,
        position: element.attribute("position").and_then(|p| p.parse().ok()).unwrap_or_default(),
        concept_identity: concept(element)?,
        local_representation: element.child("LocalRepresentation").and_then(representation),
    })
}

fn time_dimension(element: &Element) -> Result<TimeDimension, ReadError> {
    Ok(TimeDimension {
        id: component_id(element)?,
        concept_identity: concept(element)?,
        local_representation: element.child("LocalRepresentation").and_then(representation),
    })
}

fn measure(element: &Element) -> Result<Measure, ReadError> {
    Ok(Measure {
        id: component_id(element)?,
        concept_identity: concept(element)?,
        usage: usage(element),
        local_representation: element.child("LocalRepresentation").and_then(representation),
    })
}

/// `usage` in 3.0, `assignmentStatus` in 2.1.
fn usage(element: &Element) -> Usage {
    let word = element.attribute("usage").or_else(|| element.attribute("assignmentStatus")).unwrap_or_default();
    if word.eq_ignore_ascii_case("mandatory") { Usage::Mandatory } else { Usage::Optional }
}

fn attribute(element: &Element) -> Result<Attribute, ReadError> {
    Ok(Attribute {
        id: component_id(element)?,
        concept_identity: concept(element)?,
        usage: usage(element),
        attribute_relationship: element
            .child("AttributeRelationship")
            .map_or(AttributeRelationship::Observation(Empty {}), relationship),
        local_representation: element.child("LocalRepresentation").and_then(representation),
    })
}

fn relationship(element: &Element) -> AttributeRelationship {
    let dimensions: Vec<String> = element.all("Dimension").filter_map(local_reference).collect();
    if !dimensions.is_empty() {
        return AttributeRelationship::Dimensions(dimensions);
    }
    match element.child("Group").and_then(local_reference) {
        Some(group) => AttributeRelationship::Group(group),
        None if element.child("Dataflow").or_else(|| element.child("None")).is_some() => {
            AttributeRelationship::Dataflow(Empty {})
        }
        None => AttributeRelationship::Observation(Empty {}),
    }
}

pub(super) fn representation(element: &Element) -> Option<Representation> {
    if let Some(list) = element.child("Enumeration") {
        return reference(list, "codelist.Codelist").map(Representation::Enumeration);
    }
    let format = element.child("TextFormat")?;
    Some(Representation::Format(Format {
        data_type: format.attribute("textType").unwrap_or("String").to_owned(),
        max_length: format.attribute("maxLength").and_then(|l| l.parse().ok()),
        is_multi_lingual: is_true(format, "isMultiLingual"),
    }))
}
