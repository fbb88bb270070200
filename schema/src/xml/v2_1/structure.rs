//! SDMX-ML 2.1 structure messages (SDMX 2.1, section 3A, part III). Hierarchies and maps have no like in 2.1 and are left out.

mod components;
mod metadata;

use std::io::Result;

use quick_xml::Writer;
use quick_xml::events::BytesText;

use crate::message::MessageHeader;
use crate::structure::{
    Annotation, Categorisation, ConstraintRole, DataConstraint, Item, Maintainable, Names, Reference, Selection,
    Structures, Texts, item_of,
};
use crate::xml::data::{Out, begin_header, end, start, text};
use crate::xml::specific::V2_1;
use crate::xml::v3_0::declaration;

/// Namespace of structures.
const STRUCTURE: &str = "http://www.sdmx.org/resources/sdmxml/schemas/v2_1/structure";

/// Writes a structure message.
pub fn write(structures: &Structures, header: &MessageHeader) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let out = &mut Writer::new(&mut bytes);
    declaration(out)?;
    let namespaces = [("xmlns:mes", V2_1.message), ("xmlns:str", STRUCTURE), ("xmlns:com", V2_1.common)];
    start(out, "mes:Structure", &namespaces)?;
    begin_header(out, header)?;
    end(out, "mes:Header")?;
    start(out, "mes:Structures", &[])?;
    lists(out, structures)?;
    end(out, "mes:Structures")?;
    end(out, "mes:Structure")?;
    Ok(bytes)
}

/// The order of the containers is the schema's (SDMXStructure.xsd, StructuresType).
fn lists(out: &mut Out<'_>, all: &Structures) -> Result<()> {
    list(out, "str:OrganisationSchemes", &all.agency_schemes, |out, a| {
        maintainable(out, "str:AgencyScheme", &a.maintainable, None, |out| items(out, "str:Agency", &a.agencies))
    })?;
    list(out, "str:Dataflows", &all.dataflows, |out, a| {
        maintainable(out, "str:Dataflow", &a.maintainable, None, |out| {
            if a.structure.is_empty() { Ok(()) } else { artefact(out, "str:Structure", &a.structure) }
        })
    })?;
    list(out, "str:Metadataflows", &all.metadataflows, |out, a| {
        maintainable(out, "str:Metadataflow", &a.maintainable, None, |out| {
            if a.structure.is_empty() { Ok(()) } else { artefact(out, "str:Structure", &a.structure) }
        })
    })?;
    list(out, "str:CategorySchemes", &all.category_schemes, |out, a| {
        maintainable(out, "str:CategoryScheme", &a.maintainable, a.is_partial, |out| {
            items(out, "str:Category", &a.categories)
        })
    })?;
    list(out, "str:Categorisations", &all.categorisations, categorisation)?;
    list(out, "str:Codelists", &all.codelists, |out, a| {
        maintainable(out, "str:Codelist", &a.maintainable, a.is_partial, |out| items(out, "str:Code", &a.codes))
    })?;
    list(out, "str:Concepts", &all.concept_schemes, |out, a| {
        maintainable(out, "str:ConceptScheme", &a.maintainable, a.is_partial, |out| {
            a.concepts.iter().try_for_each(|c| {
                item(out, "str:Concept", &c.item, |out| match &c.core_representation {
                    Some(representation) => {
                        components::representation(out, "str:CoreRepresentation", Some(representation))
                    }
                    None => Ok(()),
                })
            })
        })
    })?;
    list(out, "str:MetadataStructures", &all.metadata_structures, |out, a| {
        maintainable(out, "str:MetadataStructure", &a.maintainable, None, |out| metadata::components(out, a))
    })?;
    list(out, "str:DataStructures", &all.data_structures, |out, a| {
        maintainable(out, "str:DataStructure", &a.maintainable, None, |out| match &a.data_structure_components {
            Some(parts) => components::components(out, parts),
            None => Ok(()),
        })
    })?;
    list(out, "str:Constraints", &all.data_constraints, constraint)
}

fn list<T>(
    out: &mut Out<'_>,
    name: &str,
    all: &[T],
    mut each: impl FnMut(&mut Out<'_>, &T) -> Result<()>,
) -> Result<()> {
    if all.is_empty() {
        return Ok(());
    }
    start(out, name, &[])?;
    all.iter().try_for_each(|one| each(out, one))?;
    end(out, name)
}

fn maintainable(
    out: &mut Out<'_>,
    element: &str,
    m: &Maintainable,
    is_partial: Option<bool>,
    content: impl FnOnce(&mut Out<'_>) -> Result<()>,
) -> Result<()> {
    let stub = m.is_external_reference == Some(true);
    let mut attributes = vec![("id", m.id.as_str()), ("agencyID", m.agency_id.as_str()), ("version", &m.version)];
    attributes.extend(stub.then_some(("isExternalReference", "true")));
    // An agency scheme can always grow.
    attributes.extend((element != "str:AgencyScheme").then_some(("isFinal", "true")));
    attributes.extend((is_partial == Some(true)).then_some(("isPartial", "true")));
    start(out, element, &attributes)?;
    annotations(out, &m.annotations)?;
    names(out, &m.names)?;
    content(out)?;
    end(out, element)
}

fn annotations(out: &mut Out<'_>, all: &[Annotation]) -> Result<()> {
    list(out, "com:Annotations", all, |out, a| {
        let id = [("id", a.id.as_str())];
        start(out, "com:Annotation", if a.id.is_empty() { &[] } else { &id })?;
        for (name, value) in [("com:AnnotationTitle", &a.title), ("com:AnnotationType", &a.kind)] {
            if !value.is_empty() {
                text(out, name, value)?;
            }
        }
        a.value.iter().try_for_each(|value| text(out, "com:AnnotationText", value))?;
        end(out, "com:Annotation")
    })
}

fn names(out: &mut Out<'_>, names: &Names) -> Result<()> {
    let mut texts = |element: &str, best: Option<&str>, all: &Texts| -> Result<()> {
        let alone = best.filter(|_| all.is_empty()).map(|best| ("en", best));
        for (language, value) in all.iter().map(|(l, v)| (l.as_str(), v.as_str())).chain(alone) {
            out.create_element(element)
                .with_attribute(("xml:lang", language))
                .write_text_content(BytesText::new(value))?;
        }
        Ok(())
    };
    texts("com:Name", Some(&names.name), &names.names)?;
    texts("com:Description", names.description.as_deref(), &names.descriptions)
}

fn items(out: &mut Out<'_>, element: &str, all: &[Item]) -> Result<()> {
    all.iter().try_for_each(|one| item(out, element, one, |_| Ok(())))
}

fn item(out: &mut Out<'_>, element: &str, item: &Item, more: impl FnOnce(&mut Out<'_>) -> Result<()>) -> Result<()> {
    start(out, element, &[("id", &item.id)])?;
    annotations(out, &item.annotations)?;
    names(out, &item.names)?;
    if let Some(parent) = &item.parent {
        local(out, "str:Parent", parent)?;
    }
    more(out)?;
    end(out, element)
}

fn categorisation(out: &mut Out<'_>, a: &Categorisation) -> Result<()> {
    maintainable(out, "str:Categorisation", &a.maintainable, None, |out| {
        if a.source.is_empty() {
            return Ok(());
        }
        artefact(out, "str:Source", &a.source)?;
        scheme_item(out, "str:Target", &a.target, "Category", "categoryscheme")
    })
}

fn constraint(out: &mut Out<'_>, c: &DataConstraint) -> Result<()> {
    let m = &c.maintainable;
    let role = if c.role == Some(ConstraintRole::Actual) { "Actual" } else { "Allowed" };
    let mut attributes = vec![("id", m.id.as_str()), ("agencyID", m.agency_id.as_str()), ("version", &m.version)];
    attributes.extend((m.is_external_reference == Some(true)).then_some(("isExternalReference", "true")));
    attributes.extend([("isFinal", "true"), ("type", role)]);
    start(out, "str:ContentConstraint", &attributes)?;
    annotations(out, &m.annotations)?;
    names(out, &m.names)?;
    if let Some(attached) = &c.constraint_attachment {
        start(out, "str:ConstraintAttachment", &[])?;
        // 2.1 takes one kind of artefact in one constraint.
        if attached.dataflows.is_empty() {
            attached.data_structures.iter().try_for_each(|urn| artefact(out, "str:DataStructure", urn))?;
        } else {
            attached.dataflows.iter().try_for_each(|urn| artefact(out, "str:Dataflow", urn))?;
        }
        end(out, "str:ConstraintAttachment")?;
    }
    for region in &c.cube_regions {
        start(out, "str:CubeRegion", &[("include", if region.include { "true" } else { "false" })])?;
        region.key_values.iter().try_for_each(|s| selection(out, "com:KeyValue", s))?;
        region.components.iter().try_for_each(|s| selection(out, "com:Attribute", s))?;
        end(out, "str:CubeRegion")?;
    }
    end(out, "str:ContentConstraint")
}

fn selection(out: &mut Out<'_>, element: &str, this: &Selection) -> Result<()> {
    if this.values.is_empty() {
        return Ok(());
    }
    let include = if this.include { "true" } else { "false" };
    start(out, element, &[("id", &this.id), ("include", include)])?;
    this.values.iter().try_for_each(|value| text(out, "com:Value", &value.0))?;
    end(out, element)
}

/// `<element><Ref id/></element>`: something of the same artefact.
fn local(out: &mut Out<'_>, element: &str, id: &str) -> Result<()> {
    start(out, element, &[])?;
    crate::xml::data::empty(out, "Ref", &[("id", id)])?;
    end(out, element)
}

/// Class and package in a URN: `urn:sdmx:org.sdmx.infomodel.codelist.Codelist=…`.
fn class_of(urn: &str) -> Option<(&str, &str)> {
    let (head, _) = urn.split_once('=')?;
    head.strip_prefix(crate::structure::URN_PREFIX)?.split_once('.')
}

/// A reference to a maintainable artefact by the parts of its URN.
fn artefact(out: &mut Out<'_>, element: &str, urn: &str) -> Result<()> {
    let parts = urn.parse::<Reference>().ok().zip(class_of(urn));
    start(out, element, &[])?;
    match parts {
        Some((r, (package, class))) => crate::xml::data::empty(
            out,
            "Ref",
            &[("id", &r.id), ("version", &r.version), ("agencyID", &r.agency), ("package", package), ("class", class)],
        )?,
        None => text(out, "URN", urn)?,
    }
    end(out, element)
}

/// A reference to an item of a scheme by the parts of its URN.
fn scheme_item(out: &mut Out<'_>, element: &str, urn: &str, class: &str, package: &str) -> Result<()> {
    start(out, element, &[])?;
    match item_of(urn) {
        Some((scheme, id)) => crate::xml::data::empty(
            out,
            "Ref",
            &[
                ("id", id),
                ("maintainableParentID", &scheme.id),
                ("maintainableParentVersion", &scheme.version),
                ("agencyID", &scheme.agency),
                ("package", package),
                ("class", class),
            ],
        )?,
        None => text(out, "URN", urn)?,
    }
    end(out, element)
}
