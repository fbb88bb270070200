use super::*;

fn shared() -> Structures {
    crate::shared::structures().unwrap()
}

fn query(kind: ArtefactKind, id: &str, version: &str, references: References) -> StructureQuery {
    StructureQuery {
        kinds: vec![kind],
        agencies: vec!["RCP".into()],
        ids: if id == "*" { vec![] } else { vec![id.into()] },
        versions: vec![version.into()],
        references,
        detail: Detail::Full,
    }
}

/// What is found, as kind and id: `codelist CL_SEX`.
fn names(found: &Structures) -> BTreeSet<String> {
    keys(found).into_iter().map(|(kind, r)| format!("{} {}", kind.path(), r.id)).collect()
}

/// The kinds found, with how many of each.
fn counts(found: &Structures) -> Vec<(&'static str, usize)> {
    let kinds = ArtefactKind::ALL.map(|kind| (kind.path(), keys(found).iter().filter(|(k, _)| *k == kind).count()));
    kinds.into_iter().filter(|(_, n)| *n > 0).collect()
}

#[test]
fn wildcards_find_what_they_should() {
    let all = shared();
    let flows = select(&all, &query(ArtefactKind::Dataflow, "*", "+", References::None));
    assert_eq!(flows.dataflows.len(), all.dataflows.len());
    for (version, found) in [
        ("1.0.0", 1),
        ("1.0", 1),
        ("*", 1),
        ("+", 1),
        ("~", 1),
        ("latest", 1),
        ("1.0+.0", 1),
        ("2.0.0", 0),
        ("2.0+.0", 0),
    ] {
        let result = select(&all, &query(ArtefactKind::Codelist, "CL_SEX", version, References::None));
        assert_eq!(result.codelists.len(), found, "{version}");
    }
    let mut everything = query(ArtefactKind::Codelist, "*", "*", References::None);
    everything.kinds.clear();
    everything.agencies.clear();
    assert_eq!(names(&select(&all, &everything)), names(&all));
    everything.agencies = vec!["OTHER".into()];
    assert!(select(&all, &everything).is_empty());
}

#[test]
fn an_agency_scheme_has_no_version_to_miss() {
    for version in ["+", "~", "1.0", "1.0.0"] {
        let found = select(&shared(), &query(ArtefactKind::AgencyScheme, "*", version, References::None));
        assert_eq!(found.agency_schemes.len(), 1, "{version}");
    }
}

#[test]
fn the_newest_version_is_found_among_several() {
    let mut all = shared();
    let sex = all.codelists.iter().position(|c| c.maintainable.id == "CL_SEX").unwrap();
    for version in ["1.2.0", "1.10.0", "2.0.0-draft", "10.0.0"] {
        let mut copy = all.codelists[sex].clone();
        copy.maintainable.version = version.into();
        all.codelists.push(copy);
    }
    for (version, found) in [("+", "10.0.0"), ("1.0+.0", "1.10.0"), ("1.2", "1.2.0"), ("2.0~.0", "2.0.0-draft")] {
        let result = select(&all, &query(ArtefactKind::Codelist, "CL_SEX", version, References::None));
        let versions: Vec<_> = result.codelists.iter().map(|c| c.maintainable.version.as_str()).collect();
        assert_eq!(versions, [found], "{version}");
    }
    let every = select(&all, &query(ArtefactKind::Codelist, "CL_SEX", "*", References::None));
    assert_eq!(every.codelists.len(), 5);
}

#[test]
fn references_take_along_what_the_standard_says() {
    let all = shared();
    let of = |kind, id, references| counts(&select(&all, &query(kind, id, "+", references)));
    use ArtefactKind::{Codelist, DataStructure, Dataflow};
    assert_eq!(of(Dataflow, "RETURNS", References::None), [("dataflow", 1)]);
    assert_eq!(of(Dataflow, "RETURNS", References::Children), [("datastructure", 1), ("dataflow", 1)]);
    assert_eq!(
        of(Dataflow, "RETURNS", References::Parents),
        [("dataflow", 1), ("categorisation", 2), ("dataconstraint", 1)]
    );
    assert_eq!(
        of(Dataflow, "RETURNS", References::ParentsAndSiblings),
        [("dataflow", 1), ("categoryscheme", 1), ("categorisation", 2), ("dataconstraint", 1)]
    );
    assert_eq!(
        of(ArtefactKind::StructureMap, "SM_OECD_MIG_INFLOWS", References::Children),
        [("dataflow", 1), ("structuremap", 1), ("representationmap", 1)]
    );
    assert_eq!(of(ArtefactKind::Hierarchy, "H_AREA_M49", References::Children), [("codelist", 1), ("hierarchy", 1)]);
    assert_eq!(of(Codelist, "CL_TREATY", References::Parents), [("datastructure", 1), ("codelist", 1)]);
    assert_eq!(
        of(Codelist, "CL_TREATY", References::Ancestors),
        [("datastructure", 1), ("dataflow", 1), ("codelist", 1), ("categorisation", 3), ("dataconstraint", 1)]
    );
    let structure = of(DataStructure, "TREATY_STATUS", References::All);
    assert_eq!(structure[0..2], [("datastructure", 1), ("dataflow", 1)]);
    assert!(!structure.iter().any(|(kind, _)| *kind == "categorisation"), "{structure:?}");
    assert_eq!(
        of(Dataflow, "RETURNS", References::Kind(ArtefactKind::ConceptScheme)),
        [("dataflow", 1), ("conceptscheme", 1)]
    );
    let either = References::AnyOf(vec![References::Parents, References::Children]);
    assert_eq!(
        of(Dataflow, "RETURNS", either),
        [("datastructure", 1), ("dataflow", 1), ("categorisation", 2), ("dataconstraint", 1)]
    );
}

#[test]
fn a_dataflows_descendants_are_all_its_figures_need() {
    let found = select(&shared(), &query(ArtefactKind::Dataflow, "RETURNS", "+", References::Descendants));
    let reference = found.find_dataflow("RETURNS").unwrap();
    let schema = found.dataset_schema(&reference).unwrap();
    let used: BTreeSet<_> = schema.components().filter_map(|c| c.codes.as_ref()).map(|c| c.reference.clone()).collect();
    let sent: BTreeSet<_> = found.codelists.iter().map(|c| c.maintainable.reference()).collect();
    assert_eq!(used, sent);
}

#[test]
fn detail_says_how_much_is_sent() {
    let all = shared();
    let with = |detail| {
        let mut query = query(ArtefactKind::DataStructure, "RETURNS", "+", References::Children);
        query.detail = detail;
        select(&all, &query)
    };
    // Components of the match, codes of what is sent along, annotations and descriptions of either.
    for (detail, components, codes, annotations, descriptions) in [
        (Detail::Full, true, true, true, true),
        (Detail::AllStubs, false, false, false, false),
        (Detail::AllCompleteStubs, false, false, true, true),
        (Detail::ReferenceStubs, true, false, true, false),
        (Detail::ReferenceCompleteStubs, true, false, true, true),
        (Detail::ReferencePartial, true, true, true, true),
    ] {
        let found = with(detail);
        let structure = &found.data_structures[0];
        assert_eq!(structure.data_structure_components.is_some(), components, "{detail:?}");
        assert_eq!(structure.maintainable.is_external_reference, (!components).then_some(true), "{detail:?}");
        assert_eq!(structure.maintainable.annotation("CORRIDOR").is_some(), annotations, "{detail:?}");
        assert!(found.codelists.iter().all(|c| c.codes.is_empty() != codes), "{detail:?}");
        let external = found.codelists.iter().all(|c| c.maintainable.is_external_reference == (!codes).then_some(true));
        assert!(external, "{detail:?}");
        assert_eq!(
            found.codelists.iter().any(|c| c.maintainable.names.description.is_some()),
            descriptions,
            "{detail:?}"
        );
    }
}

#[test]
fn partial_references_hold_only_what_is_in_use() {
    let all = shared();
    let mut partial = query(ArtefactKind::Dataflow, "TREATY_STATUS", "+", References::All);
    partial.detail = Detail::ReferencePartial;
    let found = select(&all, &partial);
    let (concepts, categories) = (&found.concept_schemes[0], &found.category_schemes[0]);
    assert_eq!((concepts.is_partial, categories.is_partial), (Some(true), Some(true)));
    assert_eq!(categories.categories.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["LAW", "RIGHTS", "POLICY"]);
    let ids: BTreeSet<_> = concepts.concepts.iter().map(|c| c.item.id.as_str()).collect();
    assert!(ids.contains("TREATY") && !ids.contains("SEX"), "{ids:?}");
    assert!(found.dataset_schema(&found.find_dataflow("TREATY_STATUS").unwrap()).is_ok());
    let list = |id: &str| found.codelists.iter().find(|c| c.maintainable.id == id).unwrap();
    assert_eq!(list("CL_FREQ").codes.iter().map(|c| c.id.as_str()).collect::<Vec<_>>(), ["A", "D"]);
    assert_eq!((list("CL_FREQ").is_partial, list("CL_TREATY").is_partial), (Some(true), None));
    assert!(!list("CL_AREA").codes.iter().any(|c| c.id == "001"));
    let mut asked = query(ArtefactKind::ConceptScheme, "*", "+", References::All);
    asked.detail = Detail::ReferencePartial;
    let whole = select(&all, &asked);
    assert_eq!(whole.concept_schemes, all.concept_schemes);
}
