//! The XML schema of a dataflow: what its structure-specific messages must look like (SDMX 3.0 Standards, Section 3B; SDMX-ML 2.1,
//! "structure-specific schemas"). A message of this service validates against it strictly.

use std::io;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, Event};

use super::data::{Out, empty, end, start};
use super::specific::{V2_1, V3_0, Version};
use crate::dataset::{Component, DatasetSchema};
use crate::query::{AtObservation, DataQuery};

/// Where the official schemas stand that a dataflow's schema builds on.
const OFFICIAL: &str = "https://registry.sdmx.org/schemas";

/// A version of SDMX-ML.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XsdVersion {
    /// 2.1.
    V2_1,
    /// 3.0.
    V3_0,
}

impl XsdVersion {
    fn of_messages(self) -> Version {
        match self {
            Self::V2_1 => V2_1,
            Self::V3_0 => V3_0,
        }
    }

    fn folder(self) -> &'static str {
        match self {
            Self::V2_1 => "v2_1",
            Self::V3_0 => "v3_0",
        }
    }
}

/// Writes the schema of messages that are as `query` asks: by series over its dimension, or flat. Codes are those of `schema`.
pub fn write(schema: &DatasetSchema, query: &DataQuery, version: XsdVersion) -> io::Result<Vec<u8>> {
    let schema = query.selected(schema);
    let flat = query.at_observation == AtObservation::All;
    let at = if flat { "AllDimensions" } else { schema.time.id.as_str() };
    let namespace = super::specific::namespace(&schema, at);
    let mut bytes = Vec::new();
    let mut out = Writer::new(&mut bytes);
    out.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let messages = version.of_messages();
    start(
        &mut out,
        "xs:schema",
        &[
            ("xmlns:xs", "http://www.w3.org/2001/XMLSchema"),
            ("xmlns:ss", messages.specific),
            ("xmlns:com", messages.common),
            ("xmlns", &namespace),
            ("targetNamespace", &namespace),
            ("elementFormDefault", "qualified"),
            ("attributeFormDefault", "unqualified"),
        ],
    )?;
    let base =
        if version == XsdVersion::V2_1 { "SDMXDataStructureSpecificBase.xsd" } else { "SDMXDataStructureSpecific.xsd" };
    for (namespace, file) in [(messages.specific, base), (messages.common, "SDMXCommon.xsd")] {
        let location = format!("{OFFICIAL}/{}/{file}", version.folder());
        empty(&mut out, "xs:import", &[("namespace", namespace), ("schemaLocation", &location)])?;
    }
    for component in schema.components() {
        values(&mut out, component)?;
    }
    data_set(&mut out, flat, version)?;
    if !flat {
        series(&mut out, &schema)?;
    }
    observation(&mut out, &schema, flat)?;
    end(&mut out, "xs:schema")?;
    Ok(bytes)
}

/// The values of a coded component, as a type of its own.
fn values(out: &mut Out<'_>, component: &Component) -> io::Result<()> {
    let Some(codes) = &component.codes else { return Ok(()) };
    start(out, "xs:simpleType", &[("name", &type_name(component))])?;
    start(out, "xs:restriction", &[("base", "xs:string")])?;
    for (code, _) in codes.iter() {
        empty(out, "xs:enumeration", &[("value", code)])?;
    }
    end(out, "xs:restriction")?;
    end(out, "xs:simpleType")
}

fn type_name(component: &Component) -> String {
    format!("{}.Values", component.id)
}

/// A type that restricts one of the official ones to `content` and `attributes`.
fn restriction(
    out: &mut Out<'_>,
    name: &str,
    content: impl FnOnce(&mut Out<'_>) -> io::Result<()>,
    attributes: impl FnOnce(&mut Out<'_>) -> io::Result<()>,
) -> io::Result<()> {
    start(out, "xs:complexType", &[("name", name)])?;
    start(out, "xs:complexContent", &[])?;
    start(out, "xs:restriction", &[("base", &format!("ss:{name}"))])?;
    start(out, "xs:sequence", &[])?;
    empty(out, "xs:element", &[("ref", "com:Annotations"), ("minOccurs", "0")])?;
    content(out)?;
    end(out, "xs:sequence")?;
    attributes(out)?;
    end(out, "xs:restriction")?;
    end(out, "xs:complexContent")?;
    end(out, "xs:complexType")
}

fn data_set(out: &mut Out<'_>, flat: bool, version: XsdVersion) -> io::Result<()> {
    let content = |out: &mut Out<'_>| {
        let provider = [
            ("name", "DataProvider"),
            ("type", "com:DataProviderReferenceType"),
            ("form", "unqualified"),
            ("minOccurs", "0"),
        ];
        empty(out, "xs:element", &provider)?;
        let (name, kind) = if flat { ("Obs", "ObsType") } else { ("Series", "SeriesType") };
        let mut member = vec![("name", name), ("type", kind), ("form", "unqualified")];
        // The repetition stands where the official type has it.
        let mut choice = vec![("minOccurs", "0")];
        if version == XsdVersion::V2_1 { &mut member } else { &mut choice }.push(("maxOccurs", "unbounded"));
        start(out, "xs:choice", &choice)?;
        empty(out, "xs:element", &member)?;
        end(out, "xs:choice")
    };
    restriction(out, "DataSetType", content, |_| Ok(()))
}

fn series(out: &mut Out<'_>, schema: &DatasetSchema) -> io::Result<()> {
    let observations =
        [("name", "Obs"), ("type", "ObsType"), ("form", "unqualified"), ("minOccurs", "0"), ("maxOccurs", "unbounded")];
    restriction(
        out,
        "SeriesType",
        |out| empty(out, "xs:element", &observations),
        |out| {
            schema.dimensions.iter().try_for_each(|d| attribute(out, d, "required"))?;
            // The official types have it anyway; it is the observations' unless it is a dimension here.
            if schema.dimensions.iter().all(|d| d.id != crate::dataset::TIME_PERIOD) {
                empty(out, "xs:attribute", &[("name", crate::dataset::TIME_PERIOD), ("use", "prohibited")])?;
            }
            Ok(())
        },
    )
}

fn observation(out: &mut Out<'_>, schema: &DatasetSchema, flat: bool) -> io::Result<()> {
    restriction(
        out,
        "ObsType",
        |_| Ok(()),
        |out| {
            if flat {
                schema.dimensions.iter().try_for_each(|d| attribute(out, d, "required"))?;
            }
            attribute(out, &schema.time, "required")?;
            if !flat && schema.time.id != crate::dataset::TIME_PERIOD {
                empty(out, "xs:attribute", &[("name", crate::dataset::TIME_PERIOD), ("use", "prohibited")])?;
            }
            // A query may leave out the measure and attributes, and a figure may be missing.
            attribute(out, &schema.measure, "optional")?;
            schema.attributes.iter().try_for_each(|a| attribute(out, a, "optional"))
        },
    )
}

fn attribute(out: &mut Out<'_>, component: &Component, usage: &str) -> io::Result<()> {
    let kind = match component.id.as_str() {
        _ if component.codes.is_some() => type_name(component),
        crate::dataset::TIME_PERIOD => "com:ObservationalTimePeriodType".to_owned(),
        crate::dataset::OBS_VALUE => "xs:double".to_owned(),
        _ => "xs:string".to_owned(),
    };
    empty(out, "xs:attribute", &[("name", &component.id), ("type", &kind), ("use", usage)])
}
