//! SDMX-JSON 1.0 structure messages (sdmx-twg/sdmx-json, structure-message 1.0). Hierarchies and maps have no like in 1.0 and are left
//! out.

use serde_json::{Map, Value, json};

use crate::dataset::OBS_VALUE;
use crate::json::v2_0::structure::meta;
use crate::message::MessageHeader;
use crate::structure::{
    AttributeRelationship, Components, ConstraintRole, DataConstraint, MetadataAttribute, MetadataStructure,
    Representation, Selection, Structures, Usage,
};

const SCHEMA: &str = "https://raw.githubusercontent.com/sdmx-twg/sdmx-json/master/structure-message/tools/schemas/1.0/sdmx-json-structure-schema.json";

/// Writes a structure message, `meta` first.
pub fn write(structures: &Structures, header: &MessageHeader) -> serde_json::Result<Vec<u8>> {
    let mut out = Vec::new();
    out.extend_from_slice(b"{\"meta\":");
    out.extend(meta(SCHEMA, header)?);
    out.extend_from_slice(b",\"data\":");
    serde_json::to_writer(&mut out, &data(structures)?)?;
    out.push(b'}');
    Ok(out)
}

/// What has not changed since is taken over as 2.0 writes it.
fn data(all: &Structures) -> serde_json::Result<Value> {
    let mut data = serde_json::to_value(all)?;
    let Some(lists) = data.as_object_mut() else { return Ok(data) };
    for list in ["hierarchies", "structureMaps", "representationMaps", "dataConstraints"] {
        lists.remove(list);
    }
    for (value, structure) in each(lists, "dataStructures").zip(&all.data_structures) {
        if let Some(parts) = &structure.data_structure_components {
            value.insert("dataStructureComponents".to_owned(), components(parts));
        }
    }
    for (value, scheme) in each(lists, "conceptSchemes").zip(&all.concept_schemes) {
        for (value, concept) in each(value, "concepts").zip(&scheme.concepts) {
            if let Some(representation) = &concept.core_representation {
                value.insert("coreRepresentation".to_owned(), self::representation(representation));
            }
        }
    }
    for (value, structure) in each(lists, "metadataStructures").zip(&all.metadata_structures) {
        if !structure.attributes().is_empty() {
            value.insert("metadataStructureComponents".to_owned(), metadata_components(structure));
        }
    }
    for value in each(lists, "metadataflows") {
        value.remove("targets");
    }
    if !all.data_constraints.is_empty() {
        let constraints = all.data_constraints.iter().map(constraint).collect::<Result<_, _>>()?;
        lists.insert("contentConstraints".to_owned(), constraints);
    }
    Ok(data)
}

/// The objects of a list.
fn each<'a>(lists: &'a mut Map<String, Value>, name: &str) -> impl Iterator<Item = &'a mut Map<String, Value>> {
    lists.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten().filter_map(Value::as_object_mut)
}

fn representation(this: &Representation) -> Value {
    match this {
        Representation::Enumeration(urn) => json!({ "enumeration": urn }),
        Representation::Format(format) => {
            let mut text = json!({ "textType": format.data_type });
            if let Some(object) = text.as_object_mut() {
                object.extend(format.max_length.map(|length| ("maxLength".to_owned(), json!(length))));
                object.extend(format.is_multi_lingual.map(|many| ("isMultiLingual".to_owned(), json!(many))));
            }
            json!({ "textFormat": text })
        }
    }
}

/// An identified component, with its representation if it has one.
fn component(id: &str, concept: &str, local: Option<&Representation>, more: Value) -> Value {
    let mut value = json!({ "id": id, "conceptIdentity": concept });
    if let (Value::Object(value), Value::Object(more)) = (&mut value, more) {
        value.extend(local.map(|local| ("localRepresentation".to_owned(), representation(local))));
        value.extend(more);
    }
    value
}

fn components(parts: &Components) -> Value {
    let list = &parts.dimension_list;
    let dimensions = list.dimensions.iter().enumerate().map(|(index, d)| {
        let more = json!({ "position": index, "type": "Dimension" });
        component(&d.id, &d.concept_identity, d.local_representation.as_ref(), more)
    });
    let time = list.time_dimension.iter().map(|t| {
        let more = json!({
            "position": list.dimensions.len(), "type": "TimeDimension",
            "localRepresentation": { "textFormat": { "textType": "ObservationalTimePeriod" } },
        });
        component(&t.id, &t.concept_identity, None, more)
    });
    // Of several measures, which 1.0 does not know, the first is the primary one.
    let measure = parts.measure_list.measures.first();
    let primary = measure.map_or(OBS_VALUE, |measure| measure.id.as_str());
    let attributes = parts.attribute_list.attributes.iter().map(|a| {
        let relationship = match &a.attribute_relationship {
            AttributeRelationship::Observation(_) => json!({ "primaryMeasure": primary }),
            AttributeRelationship::Dataflow(_) => json!({ "none": {} }),
            AttributeRelationship::Group(group) => json!({ "group": group }),
            AttributeRelationship::Dimensions(ids) => json!({ "dimensions": ids }),
        };
        let status = if a.usage == Usage::Mandatory { "Mandatory" } else { "Conditional" };
        let more = json!({ "assignmentStatus": status, "attributeRelationship": relationship });
        component(&a.id, &a.concept_identity, a.local_representation.as_ref(), more)
    });
    let mut value = json!({
        "dimensionList": {
            "id": "DimensionDescriptor",
            "dimensions": dimensions.collect::<Vec<_>>(), "timeDimensions": time.collect::<Vec<_>>(),
        },
        "attributeList": { "id": "AttributeDescriptor", "attributes": attributes.collect::<Vec<_>>() },
    });
    if let (Some(value), Some(m)) = (value.as_object_mut(), measure) {
        let measure = component(&m.id, &m.concept_identity, m.local_representation.as_ref(), json!({}));
        value.insert("measureList".to_owned(), json!({ "id": "MeasureDescriptor", "primaryMeasure": measure }));
    }
    value
}

/// In 1.0 a metadata structure says itself what is reported on, which is a dataflow here.
fn metadata_components(structure: &MetadataStructure) -> Value {
    let target = format!("{}.TARGET", structure.maintainable.reference().urn("metadatastructure.MetadataTarget"));
    json!({
        "metadataTargets": [{
            "id": "TARGET",
            "identifiableObjectTargets": [{
                "id": "DATAFLOW", "objectType": "Dataflow",
                "localRepresentation": { "textFormat": { "textType": "IdentifiableReference" } },
            }],
        }],
        "reportStructures": [{
            "id": "REPORT", "metadataTargets": [target],
            "metadataAttributes": structure.attributes().iter().map(metadata_attribute).collect::<Vec<_>>(),
        }],
    })
}

fn metadata_attribute(a: &MetadataAttribute) -> Value {
    let more = json!({ "minOccurs": a.min_occurs, "isPresentational": a.is_presentational() });
    let mut value = component(&a.id, &a.concept_identity, a.local_representation.as_ref(), more);
    if let (Some(value), false) = (value.as_object_mut(), a.metadata_attributes.is_empty()) {
        let inner = a.metadata_attributes.iter().map(metadata_attribute).collect();
        value.insert("metadataAttributes".to_owned(), inner);
    }
    value
}

/// Selections of all but some values, which 1.0 does not know, are left out.
fn constraint(c: &DataConstraint) -> serde_json::Result<Value> {
    let selection = |s: &Selection| {
        let values = s.values.iter().map(|v| v.0.as_str()).collect::<Vec<_>>();
        (s.include && !values.is_empty()).then(|| json!({ "id": s.id, "values": values }))
    };
    let regions = c.cube_regions.iter().map(|region| {
        json!({
            "isIncluded": region.include,
            "keyValues": region.key_values.iter().filter_map(selection).collect::<Vec<_>>(),
            "attributes": region.components.iter().filter_map(selection).collect::<Vec<_>>(),
        })
    });
    let mut value = serde_json::to_value(&c.maintainable)?;
    if let Some(value) = value.as_object_mut() {
        let role = if c.role == Some(ConstraintRole::Actual) { "Actual" } else { "Allowed" };
        value.insert("type".to_owned(), json!(role));
        if let Some(attached) = &c.constraint_attachment {
            value.insert("constraintAttachment".to_owned(), serde_json::to_value(attached)?);
        }
        value.insert("cubeRegions".to_owned(), regions.collect());
    }
    Ok(value)
}
