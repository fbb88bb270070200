//! SDMX-ML 3.0 structure messages. A single measure needs no `MeasureRelationship`, at which one client stops.

mod components;
mod others;

use std::io::{Result, Write};

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};

use super::{COMMON, MESSAGE, STRUCTURE, declaration, text};
use crate::message::MessageHeader;
use crate::structure::{Annotation, Concept, Item, Maintainable, Names, Structures, Texts};

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
                .write_text_content(BytesText::new(&header.sender_name))
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
        scheme(w, "str:AgencyScheme", &a.maintainable, None, "str:Agency", &a.agencies)
    })?;
    list(w, "str:Categorisations", &all.categorisations, |w, a| {
        maintainable(w, "str:Categorisation", &a.maintainable, &[], |w| {
            if !a.source.is_empty() {
                text(w, "str:Source", &a.source)?;
                text(w, "str:Target", &a.target)?;
            }
            Ok(())
        })
    })?;
    list(w, "str:CategorySchemes", &all.category_schemes, |w, a| {
        scheme(w, "str:CategoryScheme", &a.maintainable, a.is_partial, "str:Category", &a.categories)
    })?;
    list(w, "str:Codelists", &all.codelists, |w, a| {
        scheme(w, "str:Codelist", &a.maintainable, a.is_partial, "str:Code", &a.codes)
    })?;
    list(w, "str:ConceptSchemes", &all.concept_schemes, |w, a| {
        let core = |w: &mut Writer<W>, c: &Concept| match &c.core_representation {
            Some(r) => components::representation(w, "str:CoreRepresentation", r),
            None => Ok(()),
        };
        maintainable(w, "str:ConceptScheme", &a.maintainable, &partial(a.is_partial), |w| {
            a.concepts.iter().try_for_each(|c| item(w, "str:Concept", &c.item, |w| core(w, c)))
        })
    })?;
    list(w, "str:DataConstraints", &all.data_constraints, others::data_constraint)?;
    list(w, "str:Dataflows", &all.dataflows, |w, a| {
        maintainable(w, "str:Dataflow", &a.maintainable, &[], |w| {
            if a.structure.is_empty() { Ok(()) } else { text(w, "str:Structure", &a.structure) }
        })
    })?;
    list(w, "str:DataStructures", &all.data_structures, |w, a| {
        maintainable(w, "str:DataStructure", &a.maintainable, &[], |w| components::components(w, a))
    })?;
    list(w, "str:Hierarchies", &all.hierarchies, others::hierarchy)?;
    list(w, "str:Metadataflows", &all.metadataflows, |w, a| {
        maintainable(w, "str:Metadataflow", &a.maintainable, &[], |w| {
            if !a.structure.is_empty() {
                text(w, "str:Structure", &a.structure)?;
            }
            a.targets.iter().try_for_each(|target| text(w, "str:Target", target))
        })
    })?;
    list(w, "str:MetadataStructures", &all.metadata_structures, |w, a| {
        maintainable(w, "str:MetadataStructure", &a.maintainable, &[], |w| components::metadata_components(w, a))
    })?;
    list(w, "str:RepresentationMaps", &all.representation_maps, others::representation_map)?;
    list(w, "str:StructureMaps", &all.structure_maps, others::structure_map)
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
    more: &[(&str, &str)],
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
    start.with_attributes(more.iter().copied()).write_inner_content(|w| {
        annotations(w, &m.annotations)?;
        names(w, &m.names)?;
        content(w)
    })?;
    Ok(())
}

fn annotations<W: Write>(w: &mut Writer<W>, all: &[Annotation]) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    w.create_element("com:Annotations").write_inner_content(|w| {
        all.iter().try_for_each(|a| {
            let mut element = w.create_element("com:Annotation");
            if !a.id.is_empty() {
                element = element.with_attribute(("id", a.id.as_str()));
            }
            element.write_inner_content(|w| {
                let given = |text: &'_ str| !text.is_empty();
                if given(&a.title) {
                    text(w, "com:AnnotationTitle", &a.title)?;
                }
                if given(&a.kind) {
                    text(w, "com:AnnotationType", &a.kind)?;
                }
                a.value.iter().try_for_each(|value| text(w, "com:AnnotationValue", value))
            })?;
            Ok(())
        })
    })?;
    Ok(())
}

fn names<W: Write>(w: &mut Writer<W>, names: &Names) -> Result<()> {
    let mut texts = |element: &str, best: Option<&str>, all: &Texts| -> Result<()> {
        let alone = if all.is_empty() { best.map(|b| ("en", b)) } else { None };
        for (language, value) in all.iter().map(|(l, v)| (l.as_str(), v.as_str())).chain(alone) {
            w.create_element(element)
                .with_attribute(("xml:lang", language))
                .write_text_content(BytesText::new(value))?;
        }
        Ok(())
    };
    texts("com:Name", Some(&names.name), &names.names)?;
    texts("com:Description", names.description.as_deref(), &names.descriptions)
}

fn partial(is_partial: Option<bool>) -> Vec<(&'static str, &'static str)> {
    if is_partial == Some(true) { vec![("isPartial", "true")] } else { Vec::new() }
}

fn scheme<W: Write>(
    w: &mut Writer<W>,
    element: &str,
    m: &Maintainable,
    is_partial: Option<bool>,
    item_element: &str,
    items: &[Item],
) -> Result<()> {
    maintainable(w, element, m, &partial(is_partial), |w| {
        items.iter().try_for_each(|one| item(w, item_element, one, |_| Ok(())))
    })
}

fn item<W: Write>(
    w: &mut Writer<W>,
    element: &str,
    item: &Item,
    more: impl FnOnce(&mut Writer<W>) -> Result<()>,
) -> Result<()> {
    w.create_element(element).with_attribute(("id", item.id.as_str())).write_inner_content(|w| {
        annotations(w, &item.annotations)?;
        names(w, &item.names)?;
        if let Some(parent) = &item.parent {
            text(w, "str:Parent", parent)?;
        }
        more(w)
    })?;
    Ok(())
}
