//! Reads SDMX REST 2 structure queries (sdmx-twg/sdmx-rest, doc/structures.md).

use super::select::{ArtefactKind, Detail, References, StructureQuery};

/// Why a query cannot be answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StructureQueryError {
    /// Not a kind of artefact SDMX knows.
    #[error("unknown artefact type `{0}`")]
    UnknownKind(String),
    /// A parameter's value is not one of those allowed.
    #[error("unknown value `{value}` of the parameter `{parameter}`: expected one of {expected}")]
    Parameter {
        /// Its name.
        parameter: &'static str,
        /// What was sent.
        value: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// Too long.
    #[error("the path is longer than 2,000 characters")]
    TooLong,
}

/// Artefact types of the standard that this schema holds none of: a query for them finds nothing.
const NOT_HELD: [&str; 30] = [
    "valuelist",
    "hierarchy",
    "hierarchyassociation",
    "organisationscheme",
    "dataproviderscheme",
    "dataconsumerscheme",
    "organisationunitscheme",
    "metadatastructure",
    "metadataflow",
    "provisionagreement",
    "structuremap",
    "representationmap",
    "conceptschememap",
    "categoryschememap",
    "organisationschememap",
    "process",
    "dataconstraint",
    "metadataconstraint",
    "reportingtaxonomy",
    "reportingtaxonomymap",
    "metadataproviderscheme",
    "metadataprovisionagreement",
    "transformationscheme",
    "rulesetscheme",
    "userdefinedoperatorscheme",
    "customtypescheme",
    "namepersonalisationscheme",
    "vtlmappingscheme",
    "geographiccodelist",
    "geogridcodelist",
];

/// Reads path segments (already percent-decoded) and parameters. `Ok(None)`: valid, but no such artefacts are held.
pub fn parse(
    kind: &str,
    agency: &str,
    id: &str,
    version: &str,
    references: Option<&str>,
    detail: Option<&str>,
) -> Result<Option<StructureQuery>, StructureQueryError> {
    if [kind, agency, id, version].iter().map(|s| s.len()).sum::<usize>() > 2_000 {
        return Err(StructureQueryError::TooLong);
    }
    let mut kinds = Vec::new();
    let mut none_held = false;
    for kind in list(kind) {
        match ArtefactKind::ALL.into_iter().find(|k| k.path() == kind) {
            Some(known) => kinds.push(known),
            None if NOT_HELD.contains(&kind.as_str()) => none_held = true,
            None => return Err(StructureQueryError::UnknownKind(kind)),
        }
    }
    let references = parse_references(references.unwrap_or("none"))?;
    let detail = parse_detail(detail.unwrap_or("full"))?;
    if kinds.is_empty() && none_held {
        return Ok(None);
    }
    let versions = version.split(',').filter(|v| !v.is_empty()).map(str::to_owned).collect();
    Ok(Some(StructureQuery { kinds, agencies: list(agency), ids: list(id), versions, references, detail }))
}

/// A comma-separated list; empty for any.
fn list(text: &str) -> Vec<String> {
    let items: Vec<String> = text.split(',').filter(|s| !s.is_empty()).map(str::to_owned).collect();
    if items.iter().any(|i| i == "*" || i == "all") { Vec::new() } else { items }
}

fn parse_references(text: &str) -> Result<References, StructureQueryError> {
    Ok(match text {
        "none" => References::None,
        "parents" => References::Parents,
        "parentsandsiblings" => References::ParentsAndSiblings,
        "ancestors" => References::Ancestors,
        "children" => References::Children,
        "descendants" => References::Descendants,
        "all" => References::All,
        kind => match ArtefactKind::ALL.into_iter().find(|k| k.path() == kind) {
            Some(kind) => References::Kind(kind),
            None if NOT_HELD.contains(&kind) => References::None,
            None => {
                return Err(StructureQueryError::Parameter {
                    parameter: "references",
                    value: text.chars().take(60).collect(),
                    expected: "none, parents, parentsandsiblings, ancestors, children, descendants, all or an artefact type",
                });
            }
        },
    })
}

fn parse_detail(text: &str) -> Result<Detail, StructureQueryError> {
    Ok(match text {
        "full" | "raw" => Detail::Full,
        "allstubs" => Detail::AllStubs,
        "allcompletestubs" => Detail::AllCompleteStubs,
        "referencestubs" | "referencecompletestubs" => Detail::ReferenceStubs,
        "referencepartial" => Detail::ReferencePartial,
        _ => {
            return Err(StructureQueryError::Parameter {
                parameter: "detail",
                value: text.chars().take(60).collect(),
                expected: "full, allstubs, referencestubs, allcompletestubs, referencecompletestubs, referencepartial, raw",
            });
        }
    })
}
