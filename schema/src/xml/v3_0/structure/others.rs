//! Hierarchies, data constraints and maps.

use std::io::{Result, Write};

use quick_xml::Writer;
use quick_xml::events::BytesText;

use super::{maintainable, names};
use crate::structure::{
    DataConstraint, HierarchicalCode, Hierarchy, Level, RepresentationMap, Selection, StructureMap, ValueKind,
    ValueMapping,
};
use crate::xml::v3_0::text;

pub(super) fn hierarchy<W: Write>(w: &mut Writer<W>, h: &Hierarchy) -> Result<()> {
    let formal = if h.has_formal_levels { "true" } else { "false" };
    maintainable(w, "str:Hierarchy", &h.maintainable, &[("hasFormalLevels", formal)], |w| {
        h.level.iter().try_for_each(|l| level(w, l))?;
        h.hierarchical_codes.iter().try_for_each(|c| hierarchical_code(w, c))
    })
}

fn level<W: Write>(w: &mut Writer<W>, this: &Level) -> Result<()> {
    w.create_element("str:Level").with_attribute(("id", this.id.as_str())).write_inner_content(|w| {
        names(w, &this.names)?;
        this.level.iter().try_for_each(|below| level(w, below))
    })?;
    Ok(())
}

fn hierarchical_code<W: Write>(w: &mut Writer<W>, this: &HierarchicalCode) -> Result<()> {
    let mut element = w.create_element("str:HierarchicalCode").with_attribute(("id", this.id.as_str()));
    for (name, time) in [("validFrom", &this.valid_from), ("validTo", &this.valid_to)] {
        if let Some(time) = time {
            element = element.with_attribute((name, time.as_str()));
        }
    }
    element.write_inner_content(|w| {
        text(w, "str:Code", &this.code)?;
        this.hierarchical_codes.iter().try_for_each(|below| hierarchical_code(w, below))?;
        this.level.iter().try_for_each(|level| text(w, "str:Level", level))
    })?;
    Ok(())
}

pub(super) fn data_constraint<W: Write>(w: &mut Writer<W>, c: &DataConstraint) -> Result<()> {
    let role = c.role.map(|r| ("role", r.word()));
    maintainable(w, "str:DataConstraint", &c.maintainable, role.as_slice(), |w| {
        if let Some(attached) = &c.constraint_attachment {
            w.create_element("str:ConstraintAttachment").write_inner_content(|w| {
                attached.dataflows.iter().try_for_each(|urn| text(w, "str:Dataflow", urn))?;
                attached.data_structures.iter().try_for_each(|urn| text(w, "str:DataStructure", urn))
            })?;
        }
        c.cube_regions.iter().try_for_each(|region| {
            let include = if region.include { "true" } else { "false" };
            w.create_element("str:CubeRegion").with_attribute(("include", include)).write_inner_content(|w| {
                // A dimension's selection has values: without any it says nothing.
                let keys = region.key_values.iter().filter(|s| !s.values.is_empty());
                keys.clone().try_for_each(|s| selection(w, "str:KeyValue", s))?;
                region.components.iter().try_for_each(|s| selection(w, "str:Component", s))
            })?;
            Ok(())
        })
    })
}

fn selection<W: Write>(w: &mut Writer<W>, element: &str, this: &Selection) -> Result<()> {
    let include = if this.include { "true" } else { "false" };
    w.create_element(element)
        .with_attribute(("id", this.id.as_str()))
        .with_attribute(("include", include))
        .write_inner_content(|w| this.values.iter().try_for_each(|v| text(w, "str:Value", &v.0)))?;
    Ok(())
}

pub(super) fn structure_map<W: Write>(w: &mut Writer<W>, map: &StructureMap) -> Result<()> {
    maintainable(w, "str:StructureMap", &map.maintainable, &[], |w| {
        text(w, "str:Source", &map.source)?;
        text(w, "str:Target", &map.target)?;
        for component in &map.component_maps {
            w.create_element("str:ComponentMap").write_inner_content(|w| {
                component.source.iter().try_for_each(|id| text(w, "str:Source", id))?;
                component.target.iter().try_for_each(|id| text(w, "str:Target", id))?;
                component.representation_map.iter().try_for_each(|urn| text(w, "str:RepresentationMap", urn))
            })?;
        }
        for fixed in &map.fixed_value_maps {
            w.create_element("str:FixedValueMap").write_inner_content(|w| {
                fixed.source.iter().try_for_each(|id| text(w, "str:Source", id))?;
                fixed.target.iter().try_for_each(|id| text(w, "str:Target", id))?;
                fixed.values.iter().try_for_each(|value| text(w, "str:Value", value))
            })?;
        }
        Ok(())
    })
}

pub(super) fn representation_map<W: Write>(w: &mut Writer<W>, map: &RepresentationMap) -> Result<()> {
    maintainable(w, "str:RepresentationMap", &map.maintainable, &[], |w| {
        for kind in &map.source {
            value_kind(w, kind, "str:SourceCodelist", "str:SourceDataType")?;
        }
        for kind in &map.target {
            value_kind(w, kind, "str:TargetCodelist", "str:TargetDataType")?;
        }
        map.representation_mappings.iter().try_for_each(|m| value_mapping(w, m))
    })
}

fn value_kind<W: Write>(w: &mut Writer<W>, kind: &ValueKind, codelist: &str, data_type: &str) -> Result<()> {
    match kind {
        ValueKind::Codelist(urn) => text(w, codelist, urn),
        ValueKind::DataType(name) => text(w, data_type, name),
    }
}

fn value_mapping<W: Write>(w: &mut Writer<W>, this: &ValueMapping) -> Result<()> {
    let mut element = w.create_element("str:RepresentationMapping");
    for (name, time) in [("validFrom", &this.valid_from), ("validTo", &this.valid_to)] {
        // A day here, where SDMX-JSON has a time.
        if let Some(day) = time.as_deref().map(|t| t.split_once('T').map_or(t, |(day, _)| day)) {
            element = element.with_attribute((name, day));
        }
    }
    element.write_inner_content(|w| {
        for source in &this.source_values {
            let indexes = [("startIndex", source.start_index), ("endIndex", source.end_index)];
            let indexes = indexes.map(|(name, index)| (name, index.map(|i| i.to_string())));
            let mut element = w.create_element("str:SourceValue");
            if source.is_reg_ex == Some(true) {
                element = element.with_attribute(("isRegEx", "true"));
            }
            for (name, index) in &indexes {
                if let Some(index) = index {
                    element = element.with_attribute((*name, index.as_str()));
                }
            }
            element.write_text_content(BytesText::new(&source.value))?;
        }
        this.target_values.iter().try_for_each(|value| text(w, "str:TargetValue", value))
    })?;
    Ok(())
}
