//! Data structures' components.

use std::io::Result;

use super::{artefact, local, scheme_item};
use crate::dataset::OBS_VALUE;
use crate::structure::{Attribute, AttributeRelationship, Components, Representation, Usage};
use crate::xml::data::{Out, empty, end, start};

/// Dimensions, the primary measure, attributes. Of several measures, which 2.1 does not know, the first is the primary one.
pub(super) fn components(out: &mut Out<'_>, parts: &Components) -> Result<()> {
    start(out, "str:DataStructureComponents", &[])?;
    start(out, "str:DimensionList", &[("id", "DimensionDescriptor")])?;
    let dimensions = &parts.dimension_list.dimensions;
    for (index, d) in dimensions.iter().enumerate() {
        let position = (index + 1).to_string();
        start(out, "str:Dimension", &[("id", &d.id), ("position", &position), ("type", "Dimension")])?;
        identity(out, &d.concept_identity, d.local_representation.as_ref())?;
        end(out, "str:Dimension")?;
    }
    if let Some(time) = &parts.dimension_list.time_dimension {
        let position = (dimensions.len() + 1).to_string();
        start(out, "str:TimeDimension", &[("id", &time.id), ("position", &position), ("type", "TimeDimension")])?;
        concept(out, &time.concept_identity)?;
        start(out, "str:LocalRepresentation", &[])?;
        empty(out, "str:TextFormat", &[("textType", "ObservationalTimePeriod")])?;
        end(out, "str:LocalRepresentation")?;
        end(out, "str:TimeDimension")?;
    }
    end(out, "str:DimensionList")?;
    let measure = parts.measure_list.measures.first();
    let primary = measure.map_or(OBS_VALUE, |measure| measure.id.as_str());
    if !parts.attribute_list.attributes.is_empty() {
        start(out, "str:AttributeList", &[("id", "AttributeDescriptor")])?;
        parts.attribute_list.attributes.iter().try_for_each(|a| attribute(out, a, primary))?;
        end(out, "str:AttributeList")?;
    }
    if let Some(measure) = measure {
        start(out, "str:MeasureList", &[("id", "MeasureDescriptor")])?;
        start(out, "str:PrimaryMeasure", &[("id", &measure.id)])?;
        identity(out, &measure.concept_identity, measure.local_representation.as_ref())?;
        end(out, "str:PrimaryMeasure")?;
        end(out, "str:MeasureList")?;
    }
    end(out, "str:DataStructureComponents")
}

fn attribute(out: &mut Out<'_>, a: &Attribute, primary: &str) -> Result<()> {
    let status = if a.usage == Usage::Mandatory { "Mandatory" } else { "Conditional" };
    start(out, "str:Attribute", &[("id", &a.id), ("assignmentStatus", status)])?;
    identity(out, &a.concept_identity, a.local_representation.as_ref())?;
    start(out, "str:AttributeRelationship", &[])?;
    match &a.attribute_relationship {
        AttributeRelationship::Observation(_) => local(out, "str:PrimaryMeasure", primary)?,
        AttributeRelationship::Dataflow(_) => empty(out, "str:None", &[])?,
        AttributeRelationship::Group(group) => local(out, "str:Group", group)?,
        AttributeRelationship::Dimensions(ids) => {
            ids.iter().try_for_each(|id| local(out, "str:Dimension", id))?;
        }
    }
    end(out, "str:AttributeRelationship")?;
    end(out, "str:Attribute")
}

pub(super) fn identity(out: &mut Out<'_>, urn: &str, representation: Option<&Representation>) -> Result<()> {
    concept(out, urn)?;
    self::representation(out, "str:LocalRepresentation", representation)
}

fn concept(out: &mut Out<'_>, urn: &str) -> Result<()> {
    scheme_item(out, "str:ConceptIdentity", urn, "Concept", "conceptscheme")
}

pub(super) fn representation(out: &mut Out<'_>, element: &str, this: Option<&Representation>) -> Result<()> {
    let Some(this) = this else { return Ok(()) };
    start(out, element, &[])?;
    match this {
        Representation::Enumeration(urn) => artefact(out, "str:Enumeration", urn)?,
        Representation::Format(format) => {
            let length = format.max_length.map(|length| length.to_string());
            let mut attributes = vec![("textType", format.data_type.as_str())];
            attributes.extend(length.as_deref().map(|length| ("maxLength", length)));
            attributes.extend((format.is_multi_lingual == Some(true)).then_some(("isMultiLingual", "true")));
            empty(out, "str:TextFormat", &attributes)?;
        }
    }
    end(out, element)
}
