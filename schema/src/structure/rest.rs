//! Reads SDMX REST 2 structure queries (sdmx-twg/sdmx-rest, doc/structures.md).

use super::reference::{is_agency, is_id};
use super::select::{ArtefactKind, Detail, References, StructureQuery};
use super::version::{VersionError, VersionQuery};

/// Most values of one part of a path, or of `references`.
const MAX_VALUES: usize = 200;

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
    /// Not an agency or artefact id.
    #[error("`{0}` is not an id: use letters, digits, `_`, `@`, `$` and `-`, or `*` for any")]
    Id(String),
    /// Not a version.
    #[error(transparent)]
    Version(#[from] VersionError),
    /// Too long.
    #[error("the path and `references` are longer than 2,000 characters, or name more than {MAX_VALUES} values")]
    TooLong,
}

/// Artefact types of the standard that this schema holds none of: a query for them finds nothing.
const NOT_HELD: [&str; 23] = [
    "valuelist",
    "hierarchyassociation",
    "dataproviderscheme",
    "dataconsumerscheme",
    "organisationunitscheme",
    "provisionagreement",
    "conceptschememap",
    "categoryschememap",
    "organisationschememap",
    "process",
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
    let references = references.unwrap_or("none");
    let parts = [kind, agency, id, version, references];
    if parts.iter().map(|s| s.len()).sum::<usize>() > 2_000 || parts.iter().any(|s| values(s).count() > MAX_VALUES) {
        return Err(StructureQueryError::TooLong);
    }
    let mut kinds = Vec::new();
    let mut none_held = false;
    for kind in list(kind) {
        match artefact_kind(&kind) {
            Some(Some(known)) => kinds.push(known),
            Some(None) => none_held = true,
            None => return Err(StructureQueryError::UnknownKind(shown(&kind))),
        }
    }
    let (agencies, ids) = (list(agency), list(id));
    if let Some(bad) = agencies.iter().find(|a| !is_agency(a)).or_else(|| ids.iter().find(|i| !is_id(i))) {
        return Err(StructureQueryError::Id(shown(bad)));
    }
    let versions: Vec<String> = values(version).map(str::to_owned).collect();
    versions.iter().try_for_each(|v| v.parse::<VersionQuery>().map(|_| ()))?;
    let references = parse_references(references)?;
    let detail = parse_detail(detail.unwrap_or("full"))?;
    if kinds.is_empty() && none_held {
        return Ok(None);
    }
    Ok(Some(StructureQuery { kinds, agencies, ids, versions, references, detail }))
}

/// The kind a word means: none of the standard's, or one that is not held.
fn artefact_kind(word: &str) -> Option<Option<ArtefactKind>> {
    let known = ArtefactKind::ALL.into_iter().find(|k| k.path() == word);
    // What older clients ask for instead of each kind of organisation.
    let known = known.or((word == "organisationscheme").then_some(ArtefactKind::AgencyScheme));
    if known.is_some() || NOT_HELD.contains(&word) { Some(known) } else { None }
}

fn values(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').filter(|s| !s.is_empty())
}

/// A comma-separated list; empty for any.
fn list(text: &str) -> Vec<String> {
    let items: Vec<String> = values(text).map(str::to_owned).collect();
    if items.iter().any(|i| i == "*" || i == "all") { Vec::new() } else { items }
}

fn shown(text: &str) -> String {
    text.chars().take(60).collect()
}

fn parse_references(text: &str) -> Result<References, StructureQueryError> {
    let mut all = values(text).map(parse_reference).collect::<Result<Vec<_>, _>>()?;
    match all.len() {
        0 => Ok(References::None),
        1 => Ok(all.remove(0)),
        _ => Ok(References::AnyOf(all)),
    }
}

fn parse_reference(word: &str) -> Result<References, StructureQueryError> {
    Ok(match word {
        "none" => References::None,
        "parents" => References::Parents,
        "parentsandsiblings" => References::ParentsAndSiblings,
        "ancestors" => References::Ancestors,
        "children" => References::Children,
        "descendants" => References::Descendants,
        "all" => References::All,
        kind => match artefact_kind(kind) {
            Some(Some(kind)) => References::Kind(kind),
            Some(None) => References::None,
            None => {
                return Err(StructureQueryError::Parameter {
                    parameter: "references",
                    value: shown(word),
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
        "referencestubs" => Detail::ReferenceStubs,
        "referencecompletestubs" => Detail::ReferenceCompleteStubs,
        "referencepartial" => Detail::ReferencePartial,
        _ => {
            return Err(StructureQueryError::Parameter {
                parameter: "detail",
                value: shown(text),
                expected: "full, allstubs, referencestubs, allcompletestubs, referencecompletestubs, referencepartial, raw",
            });
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_and_parameters_are_read() {
        let query = parse(
            "codelist,dataflow",
            "RCP,SDMX",
            "*",
            "1.0.0,2.0+.0",
            Some("children,codelist"),
            Some("referencecompletestubs"),
        );
        let query = query.unwrap().unwrap();
        assert_eq!(query.kinds, [ArtefactKind::Codelist, ArtefactKind::Dataflow]);
        assert_eq!((query.agencies, query.ids), (vec!["RCP".to_owned(), "SDMX".to_owned()], Vec::new()));
        assert_eq!(query.versions, ["1.0.0", "2.0+.0"]);
        assert_eq!(
            query.references,
            References::AnyOf(vec![References::Children, References::Kind(ArtefactKind::Codelist)])
        );
        assert_eq!(query.detail, Detail::ReferenceCompleteStubs);
        assert!(parse("*", "*", "*", "*", None, None).unwrap().unwrap().kinds.is_empty());
    }

    #[test]
    fn kinds_that_are_not_held_are_valid() {
        for kind in NOT_HELD {
            assert!(parse(kind, "*", "*", "~", None, None).unwrap().is_none(), "{kind}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        let long = "A,".repeat(900);
        for (path, references, detail, expected) in [
            (["nonsense", "*", "*", "+"], None, None, "unknown artefact type `nonsense`"),
            (["codelist", "R CP", "*", "+"], None, None, "`R CP` is not an id"),
            (["codelist", "RCP", "CL<SEX", "+"], None, None, "`CL<SEX` is not an id"),
            (["codelist", "RCP", "CL_SEX", "one"], None, None, "`one` is not a version"),
            (
                ["codelist", "RCP", "CL_SEX", "+"],
                Some("uncles"),
                None,
                "unknown value `uncles` of the parameter `references`",
            ),
            (["codelist", "RCP", "CL_SEX", "+"], None, Some("most"), "unknown value `most` of the parameter `detail`"),
            (["codelist", "RCP", &long, "+"], None, None, "200 values"),
        ] {
            let error = parse(path[0], path[1], path[2], path[3], references, detail).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_read_or_refused(kind in ".{0,9}", id in ".{0,20}", version in "[-0-9.+~*,]{0,12}", references in "[a-z,]{0,20}") {
            let _ = parse(&kind, "*", &id, &version, Some(&references), None);
        }
    }
}
