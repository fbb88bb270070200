//! SDMX-ML 3.0 structure messages. A single measure needs no `MeasureRelationship`, at which one client stops.

use std::io::{Result, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, Event};

use super::{COMMON, MESSAGE, STRUCTURE, declaration, text};
use crate::message::MessageHeader;
use crate::structure::{
    Attribute, AttributeRelationship, DataStructure, Item, Maintainable, Names, Representation, Structures,
};

/// Writes a structure message.
pub fn write(structures: &Structures, header: &MessageHeader) -> Result<Vec<u8>> {
    let mut out = Writer::new(Vec::new());
    declaration(&mut out)?;
    let root = BytesStart::new("mes:Structure").with_attributes([
        ("xmlns:mes", MESSAGE),
        ("xmlns:str", STRUCTURE),
        ("xmlns:com", COMMON),
        ("xmlns:xsi", "http://www.w3.org/2001/XMLSchema-instance"),
    ]);
    out.write_event(Event::Start(root))?;
    out.create_element("mes:Header").write_inner_content(|w| {
        text(w, "mes:ID", &header.id)?;
        text(w, "mes:Test", "false")?;
        text(w, "mes:Prepared", &header.prepared_text())?;
        w.create_element("mes:Sender").with_attribute(("id", header.sender_id.as_str())).write_inner_content(|w| {
            w.create_element("com:Name")
                .with_attribute(("xml:lang", "en"))
                .write_text_content(quick_xml::events::BytesText::new(&header.sender_name))
                .map(|_| ())
        })?;
        Ok(())
    })?;
    out.create_element("mes:Structures").write_inner_content(|w| write_structures(w, structures))?;
    out.write_event(Event::End(BytesEnd::new("mes:Structure")))?;
    Ok(out.into_inner())
}

/// The order of the containers is the schema's (SDMXStructure.xsd, StructuresType).
fn write_structures<W: Write>(w: &mut Writer<W>, all: &Structures) -> Result<()> {
    list(w, "str:AgencySchemes", &all.agency_schemes, |w, a| {
        scheme(w, "str:AgencyScheme", &a.maintainable, false, "str:Agency", &a.agencies)
    })?;
    list(w, "str:Categorisations", &all.categorisations, |w, a| {
        maintainable(w, "str:Categorisation", &a.maintainable, false, |w| {
            if !a.source.is_empty() {
                text(w, "str:Source", &a.source)?;
                text(w, "str:Target", &a.target)?;
            }
            Ok(())
        })
    })?;
    list(w, "str:CategorySchemes", &all.category_schemes, |w, a| {
        scheme(w, "str:CategoryScheme", &a.maintainable, a.is_partial == Some(true), "str:Category", &a.categories)
    })?;
    list(w, "str:Codelists", &all.codelists, |w, a| {
        scheme(w, "str:Codelist", &a.maintainable, a.is_partial == Some(true), "str:Code", &a.codes)
    })?;
    list(w, "str:ConceptSchemes", &all.concept_schemes, |w, a| {
        scheme(w, "str:ConceptScheme", &a.maintainable, a.is_partial == Some(true), "str:Concept", &a.concepts)
    })?;
    list(w, "str:Dataflows", &all.dataflows, |w, a| {
        maintainable(w, "str:Dataflow", &a.maintainable, false, |w| {
            if a.structure.is_empty() { Ok(()) } else { text(w, "str:Structure", &a.structure) }
        })
    })?;
    list(w, "str:DataStructures", &all.data_structures, |w, a| {
        maintainable(w, "str:DataStructure", &a.maintainable, false, |w| components(w, a))
    })
}

fn list<W: Write, T>(
    w: &mut Writer<W>,
    name: &str,
    items: &[T],
    mut each: impl FnMut(&mut Writer<W>, &T) -> Result<()>,
) -> Result<()> {
    if items.is_empty() {
        return Ok(());
    }
    w.create_element(name).write_inner_content(|w| items.iter().try_for_each(|item| each(w, item)))?;
    Ok(())
}

fn maintainable<W: Write>(
    w: &mut Writer<W>,
    element: &str,
    m: &Maintainable,
    is_partial: bool,
    content: impl FnOnce(&mut Writer<W>) -> Result<()>,
) -> Result<()> {
    let mut start = w
        .create_element(element)
        .with_attribute(("id", m.id.as_str()))
        .with_attribute(("agencyID", m.agency_id.as_str()));
    // An agency scheme has one version only, and no attribute to say so.
    if element != "str:AgencyScheme" {
        start = start.with_attribute(("version", m.version.as_str()));
    }
    if m.is_external_reference == Some(true) {
        start = start.with_attribute(("isExternalReference", "true"));
    }
    if is_partial {
        start = start.with_attribute(("isPartial", "true"));
    }
    start.write_inner_content(|w| {
        if !m.annotations.is_empty() {
            w.create_element("com:Annotations").write_inner_content(|w| {
                m.annotations.iter().try_for_each(|a| {
                    w.create_element("com:Annotation").with_attribute(("id", a.id.as_str())).write_inner_content(
                        |w| {
                            text(w, "com:AnnotationTitle", &a.title)?;
                            text(w, "com:AnnotationType", &a.kind)
                        },
                    )?;
                    Ok(())
                })
            })?;
        }
        names(w, &m.names)?;
        content(w)
    })?;
    Ok(())
}

fn names<W: Write>(w: &mut Writer<W>, names: &Names) -> Result<()> {
    let mut texts =
        |element: &str, best: Option<&str>, all: &std::collections::BTreeMap<String, String>| -> Result<()> {
            let alone = if all.is_empty() { best.map(|b| ("en", b)) } else { None };
            for (language, value) in all.iter().map(|(l, v)| (l.as_str(), v.as_str())).chain(alone) {
                w.create_element(element)
                    .with_attribute(("xml:lang", language))
                    .write_text_content(quick_xml::events::BytesText::new(value))?;
            }
            Ok(())
        };
    texts("com:Name", Some(&names.name), &names.names)?;
    texts("com:Description", names.description.as_deref(), &names.descriptions)
}

fn scheme<W: Write>(
    w: &mut Writer<W>,
    element: &str,
    m: &Maintainable,
    is_partial: bool,
    item_element: &str,
    items: &[Item],
) -> Result<()> {
    maintainable(w, element, m, is_partial, |w| {
        items.iter().try_for_each(|item| {
            w.create_element(item_element).with_attribute(("id", item.id.as_str())).write_inner_content(|w| {
                names(w, &item.names)?;
                match &item.parent {
                    Some(parent) => text(w, "str:Parent", parent),
                    None => Ok(()),
                }
            })?;
            Ok(())
        })
    })
}

fn components<W: Write>(w: &mut Writer<W>, structure: &DataStructure) -> Result<()> {
    let Some(parts) = &structure.data_structure_components else {
        return Ok(());
    };
    w.create_element("str:DataStructureComponents").write_inner_content(|w| {
        let list = &parts.dimension_list;
        w.create_element("str:DimensionList").with_attribute(("id", "DimensionDescriptor")).write_inner_content(
            |w| {
                for d in &list.dimensions {
                    let position = d.position.to_string();
                    w.create_element("str:Dimension")
                        .with_attribute(("id", d.id.as_str()))
                        .with_attribute(("position", position.as_str()))
                        .write_inner_content(|w| identity(w, &d.concept_identity, &d.local_representation))?;
                }
                let t = &list.time_dimension;
                w.create_element("str:TimeDimension")
                    .with_attribute(("id", t.id.as_str()))
                    .write_inner_content(|w| identity(w, &t.concept_identity, &t.local_representation))?;
                Ok(())
            },
        )?;
        w.create_element("str:AttributeList")
            .with_attribute(("id", "AttributeDescriptor"))
            .write_inner_content(|w| parts.attribute_list.attributes.iter().try_for_each(|a| attribute(w, a)))?;
        w.create_element("str:MeasureList").with_attribute(("id", "MeasureDescriptor")).write_inner_content(|w| {
            for m in &parts.measure_list.measures {
                w.create_element("str:Measure")
                    .with_attribute(("id", m.id.as_str()))
                    .with_attribute(("usage", m.usage.as_str()))
                    .write_inner_content(|w| identity(w, &m.concept_identity, &m.local_representation))?;
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
        .with_attribute(("usage", a.usage.as_str()))
        .write_inner_content(|w| {
            identity(w, &a.concept_identity, &a.local_representation)?;
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

fn identity<W: Write>(w: &mut Writer<W>, concept: &str, representation: &Representation) -> Result<()> {
    text(w, "str:ConceptIdentity", concept)?;
    w.create_element("str:LocalRepresentation").write_inner_content(|w| match representation {
        Representation::Enumeration(urn) => text(w, "str:Enumeration", urn),
        Representation::Format(format) => {
            let length = format.max_length.map(|l| l.to_string());
            let mut element =
                w.create_element("str:TextFormat").with_attribute(("textType", format.data_type.as_str()));
            if let Some(length) = &length {
                element = element.with_attribute(("maxLength", length.as_str()));
            }
            element.write_empty().map(|_| ())
        }
    })?;
    Ok(())
}
