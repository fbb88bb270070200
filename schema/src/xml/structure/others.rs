//! Hierarchies, constraints, metadata structures and maps.

use super::{ReadError, components, id, is_true, maintainable, missing, names, reference};
use crate::structure::{
    Attachment, ComponentMap, ConstraintRole, CubeRegion, DataConstraint, FixedValueMap, HierarchicalCode, Hierarchy,
    Level, MetadataAttribute, MetadataAttributeList, MetadataComponents, MetadataStructure, Metadataflow,
    RepresentationMap, SelectedValue, Selection, SourceValue, StructureMap, ValueKind, ValueMapping,
};
use crate::xml::tree::Element;

fn texts(element: &Element, name: &str) -> Vec<String> {
    element.all(name).map(|e| e.text.clone()).collect()
}

fn owned(text: Option<&str>) -> Option<String> {
    text.map(str::to_owned)
}

pub(super) fn hierarchy(element: &Element) -> Result<Hierarchy, ReadError> {
    Ok(Hierarchy {
        maintainable: maintainable(element)?,
        has_formal_levels: is_true(element, "hasFormalLevels").is_some(),
        level: element.child("Level").map(level).transpose()?.map(Box::new),
        hierarchical_codes: element.all("HierarchicalCode").map(hierarchical_code).collect::<Result<_, _>>()?,
    })
}

fn level(element: &Element) -> Result<Level, ReadError> {
    let below = element.child("Level").map(level).transpose()?.map(Box::new);
    Ok(Level { id: id(element)?, names: names(element), level: below })
}

fn hierarchical_code(element: &Element) -> Result<HierarchicalCode, ReadError> {
    let code = element.child("Code").and_then(|c| reference(c, "codelist.Code"));
    Ok(HierarchicalCode {
        id: id(element)?,
        code: code.ok_or_else(|| missing(element, "Code"))?,
        level: owned(element.text_of("Level")),
        valid_from: owned(element.attribute("validFrom")),
        valid_to: owned(element.attribute("validTo")),
        hierarchical_codes: element.all("HierarchicalCode").map(hierarchical_code).collect::<Result<_, _>>()?,
    })
}

pub(super) fn data_constraint(element: &Element) -> Result<DataConstraint, ReadError> {
    let references = |name: &str, class: &str| -> Vec<String> {
        let attached = element.child("ConstraintAttachment").into_iter().flat_map(|a| &a.children);
        attached.filter(|a| a.name == name).filter_map(|a| reference(a, class)).collect()
    };
    let attachment = element.child("ConstraintAttachment").map(|_| Attachment {
        dataflows: references("Dataflow", "datastructure.Dataflow"),
        data_structures: references("DataStructure", "datastructure.DataStructure"),
    });
    // `role` in 3.0, `type` in 2.1.
    let role = element.attribute("role").or_else(|| element.attribute("type")).map(|word| match word {
        "Actual" => ConstraintRole::Actual,
        _ => ConstraintRole::Allowed,
    });
    let included = |e: &Element| e.attribute("include").is_none_or(|value| matches!(value, "true" | "1"));
    let selection = |e: &Element| -> Result<Selection, ReadError> {
        let values = e.all("Value").map(|v| SelectedValue(v.trimmed().to_owned())).collect();
        Ok(Selection { id: id(e)?, include: included(e), values })
    };
    let regions = element.all("CubeRegion").map(|region| {
        let components = region.children.iter().filter(|c| matches!(c.name.as_str(), "Component" | "Attribute"));
        Ok(CubeRegion {
            include: included(region),
            key_values: region.all("KeyValue").map(selection).collect::<Result<_, ReadError>>()?,
            components: components.map(selection).collect::<Result<_, ReadError>>()?,
        })
    });
    let cube_regions = regions.collect::<Result<_, ReadError>>()?;
    Ok(DataConstraint { maintainable: maintainable(element)?, role, constraint_attachment: attachment, cube_regions })
}

pub(super) fn metadataflow(element: &Element) -> Result<Metadataflow, ReadError> {
    let structure = element.child("Structure").and_then(|s| reference(s, "metadatastructure.MetadataStructure"));
    Ok(Metadataflow {
        maintainable: maintainable(element)?,
        structure: structure.unwrap_or_default(),
        targets: element.all("Target").map(|t| t.trimmed().to_owned()).collect(),
    })
}

/// Of 2.1, whose structures have a report structure where those of 3.0 have a list, and say themselves what is reported on, the first
/// report's attributes.
pub(super) fn metadata_structure(element: &Element) -> Result<MetadataStructure, ReadError> {
    let parts = element.child("MetadataStructureComponents");
    let list = parts.and_then(|p| p.child("MetadataAttributeList").or_else(|| p.child("ReportStructure")));
    let attributes = list.map(|l| l.all("MetadataAttribute").map(metadata_attribute).collect::<Result<_, _>>());
    let components = attributes.transpose()?.map(|metadata_attributes| MetadataComponents {
        metadata_attribute_list: MetadataAttributeList {
            id: "MetadataAttributeDescriptor".to_owned(),
            metadata_attributes,
        },
    });
    Ok(MetadataStructure { maintainable: maintainable(element)?, metadata_structure_components: components })
}

fn metadata_attribute(element: &Element) -> Result<MetadataAttribute, ReadError> {
    let concept = element.child("ConceptIdentity").and_then(|c| reference(c, "conceptscheme.Concept"));
    Ok(MetadataAttribute {
        id: id(element)?,
        is_presentational: is_true(element, "isPresentational"),
        min_occurs: element.attribute("minOccurs").and_then(|n| n.parse().ok()).unwrap_or(1),
        concept_identity: concept.ok_or_else(|| missing(element, "ConceptIdentity"))?,
        local_representation: element.child("LocalRepresentation").and_then(components::representation),
        metadata_attributes: element.all("MetadataAttribute").map(metadata_attribute).collect::<Result<_, _>>()?,
    })
}

pub(super) fn structure_map(element: &Element) -> Result<StructureMap, ReadError> {
    let end = |name: &str| element.child(name).and_then(|e| reference(e, "datastructure.Dataflow")).unwrap_or_default();
    let components = element.all("ComponentMap").map(|map| ComponentMap {
        source: texts(map, "Source"),
        target: texts(map, "Target"),
        representation_map: map
            .child("RepresentationMap")
            .and_then(|r| reference(r, "structuremapping.RepresentationMap")),
    });
    let fixed = element.all("FixedValueMap").map(|map| FixedValueMap {
        source: owned(map.text_of("Source")),
        target: owned(map.text_of("Target")),
        values: texts(map, "Value"),
    });
    Ok(StructureMap {
        maintainable: maintainable(element)?,
        source: end("Source"),
        target: end("Target"),
        component_maps: components.collect(),
        fixed_value_maps: fixed.collect(),
    })
}

pub(super) fn representation_map(element: &Element) -> Result<RepresentationMap, ReadError> {
    let kinds = |codelist: &str, data_type: &str| -> Vec<ValueKind> {
        let kinds = element.children.iter().filter_map(|child| match child.name.as_str() {
            name if name == codelist => reference(child, "codelist.Codelist").map(ValueKind::Codelist),
            name if name == data_type => Some(ValueKind::DataType(child.trimmed().to_owned())),
            _ => None,
        });
        kinds.collect()
    };
    let index = |e: &Element, name: &str| e.attribute(name).and_then(|i| i.parse().ok());
    let mappings = element.all("RepresentationMapping").map(|mapping| ValueMapping {
        source_values: mapping
            .all("SourceValue")
            .map(|v| SourceValue {
                value: v.text.clone(),
                is_reg_ex: is_true(v, "isRegEx"),
                start_index: index(v, "startIndex"),
                end_index: index(v, "endIndex"),
            })
            .collect(),
        target_values: texts(mapping, "TargetValue"),
        valid_from: owned(mapping.attribute("validFrom")),
        valid_to: owned(mapping.attribute("validTo")),
    });
    Ok(RepresentationMap {
        maintainable: maintainable(element)?,
        source: kinds("SourceCodelist", "SourceDataType"),
        target: kinds("TargetCodelist", "TargetDataType"),
        representation_mappings: mappings.collect(),
    })
}
