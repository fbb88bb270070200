//! Metadata structures: in 2.1 they say themselves what is reported on, which is a dataflow here.

use std::io::Result;

use super::components::identity;
use super::local;
use crate::structure::{MetadataAttribute, MetadataStructure};
use crate::xml::data::{Out, empty, end, start};

/// Id of what is reported on.
const TARGET: &str = "TARGET";

pub(super) fn components(out: &mut Out<'_>, structure: &MetadataStructure) -> Result<()> {
    if structure.attributes().is_empty() {
        return Ok(());
    }
    start(out, "str:MetadataStructureComponents", &[])?;
    start(out, "str:MetadataTarget", &[("id", TARGET)])?;
    start(out, "str:IdentifiableObjectTarget", &[("id", "DATAFLOW"), ("objectType", "Dataflow")])?;
    start(out, "str:LocalRepresentation", &[])?;
    empty(out, "str:TextFormat", &[("textType", "IdentifiableReference")])?;
    end(out, "str:LocalRepresentation")?;
    end(out, "str:IdentifiableObjectTarget")?;
    end(out, "str:MetadataTarget")?;
    start(out, "str:ReportStructure", &[("id", "REPORT")])?;
    structure.attributes().iter().try_for_each(|a| attribute(out, a))?;
    local(out, "str:MetadataTarget", TARGET)?;
    end(out, "str:ReportStructure")?;
    end(out, "str:MetadataStructureComponents")
}

fn attribute(out: &mut Out<'_>, a: &MetadataAttribute) -> Result<()> {
    let mut attributes = vec![("id", a.id.as_str())];
    attributes.extend((a.min_occurs == 0).then_some(("minOccurs", "0")));
    attributes.extend(a.is_presentational().then_some(("isPresentational", "true")));
    start(out, "str:MetadataAttribute", &attributes)?;
    identity(out, &a.concept_identity, a.local_representation.as_ref())?;
    a.metadata_attributes.iter().try_for_each(|a| attribute(out, a))?;
    end(out, "str:MetadataAttribute")
}
