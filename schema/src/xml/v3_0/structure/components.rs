//! Data structures' components.

use std::io::{Result, Write};

use quick_xml::Writer;

use crate::structure::{
    Attribute, AttributeRelationship, DataStructure, MetadataAttribute, MetadataStructure, Representation,
};
use crate::xml::v3_0::text;

pub(super) fn components<W: Write>(w: &mut Writer<W>, structure: &DataStructure) -> Result<()> {
    let Some(parts) = &structure.data_structure_components else {
        return Ok(());
    };
    w.create_element("str:DataStructureComponents").write_inner_content(|w| {
        let list = &parts.dimension_list;
        w.create_element("str:DimensionList").with_attribute(("id", "DimensionDescriptor")).write_inner_content(
            |w| {
                for d in &list.dimensions {
                    let position = d.position.to_string();
                    let mut element = w.create_element("str:Dimension").with_attribute(("id", d.id.as_str()));
                    if d.position > 0 {
                        element = element.with_attribute(("position", position.as_str()));
                    }
                    element
                        .write_inner_content(|w| identity(w, &d.concept_identity, d.local_representation.as_ref()))?;
                }
                if let Some(t) = &list.time_dimension {
                    w.create_element("str:TimeDimension")
                        .with_attribute(("id", t.id.as_str()))
                        .write_inner_content(|w| identity(w, &t.concept_identity, t.local_representation.as_ref()))?;
                }
                Ok(())
            },
        )?;
        if !parts.attribute_list.attributes.is_empty() {
            w.create_element("str:AttributeList")
                .with_attribute(("id", "AttributeDescriptor"))
                .write_inner_content(|w| parts.attribute_list.attributes.iter().try_for_each(|a| attribute(w, a)))?;
        }
        if parts.measure_list.measures.is_empty() {
            return Ok(());
        }
        w.create_element("str:MeasureList").with_attribute(("id", "MeasureDescriptor")).write_inner_content(|w| {
            for m in &parts.measure_list.measures {
                w.create_element("str:Measure")
                    .with_attribute(("id", m.id.as_str()))
                    .with_attribute(("usage", m.usage.word()))
                    .write_inner_content(|w| identity(w, &m.concept_identity, m.local_representation.as_ref()))?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    Ok(())
}

fn attribute<W: Write>(w: &mut Writer<W>, a: &Attribute) -> Result<()> {
    w.create_element("str:Attribute")
        .with_attribute(("id", a.id.as_str()))
        .with_attribute(("usage", a.usage.word()))
        .write_inner_content(|w| {
        identity(w, &a.concept_identity, a.local_representation.as_ref())?;
        w.create_element("str:AttributeRelationship").write_inner_content(|w| match &a.attribute_relationship {
            AttributeRelationship::Observation(_) => w.create_element("str:Observation").write_empty().map(|_| ()),
            AttributeRelationship::Dataflow(_) => w.create_element("str:Dataflow").write_empty().map(|_| ()),
            AttributeRelationship::Group(group) => text(w, "str:Group", group),
            AttributeRelationship::Dimensions(ids) => ids.iter().try_for_each(|id| text(w, "str:Dimension", id)),
        })?;
        Ok(())
    })?;
    Ok(())
}

pub(super) fn metadata_components<W: Write>(w: &mut Writer<W>, structure: &MetadataStructure) -> Result<()> {
    if structure.attributes().is_empty() {
        return Ok(());
    }
    w.create_element("str:MetadataStructureComponents").write_inner_content(|w| {
        w.create_element("str:MetadataAttributeList")
            .with_attribute(("id", "MetadataAttributeDescriptor"))
            .write_inner_content(|w| structure.attributes().iter().try_for_each(|a| metadata_attribute(w, a)))?;
        Ok(())
    })?;
    Ok(())
}

fn metadata_attribute<W: Write>(w: &mut Writer<W>, a: &MetadataAttribute) -> Result<()> {
    let mut element = w.create_element("str:MetadataAttribute").with_attribute(("id", a.id.as_str()));
    if a.min_occurs == 0 {
        element = element.with_attribute(("minOccurs", "0"));
    }
    if a.is_presentational() {
        element = element.with_attribute(("isPresentational", "true"));
    }
    element.write_inner_content(|w| {
        identity(w, &a.concept_identity, a.local_representation.as_ref())?;
        a.metadata_attributes.iter().try_for_each(|a| metadata_attribute(w, a))
    })?;
    Ok(())
}

fn identity<W: Write>(w: &mut Writer<W>, concept: &str, local: Option<&Representation>) -> Result<()> {
    text(w, "str:ConceptIdentity", concept)?;
    local.map_or(Ok(()), |local| representation(w, "str:LocalRepresentation", local))
}

pub(super) fn representation<W: Write>(w: &mut Writer<W>, element: &str, this: &Representation) -> Result<()> {
    w.create_element(element).write_inner_content(|w| match this {
        Representation::Enumeration(urn) => text(w, "str:Enumeration", urn),
        Representation::Format(format) => {
            let length = format.max_length.map(|l| l.to_string());
            let mut element =
                w.create_element("str:TextFormat").with_attribute(("textType", format.data_type.as_str()));
            if let Some(length) = &length {
                element = element.with_attribute(("maxLength", length.as_str()));
            }
            if format.is_multi_lingual == Some(true) {
                element = element.with_attribute(("isMultiLingual", "true"));
            }
            element.write_empty().map(|_| ())
        }
    })?;
    Ok(())
}
