use super::*;
use crate::shared;
use crate::structure::{Codes, Item, Names, SelectedValue};

/// Breaks the shared schema with `harm`, and expects a finding of `rule` that says `detail`.
fn check(rule: Rule, detail: &str, harm: impl FnOnce(&mut Structures)) {
    let mut structures = shared::structures().unwrap();
    harm(&mut structures);
    let findings = lint(&structures);
    let found = findings.iter().any(|f| f.rule == rule && format!("{} {}", f.place, f.detail).contains(detail));
    assert!(found, "{} `{detail}`: {findings:?}", rule.name());
}

fn with_code(codes: &Codes, change: impl FnOnce(&mut Vec<Item>)) -> Codes {
    let mut items = codes.to_vec();
    change(&mut items);
    items.into()
}

#[test]
fn ours_keeps_every_rule() {
    assert_eq!(lint(&shared::structures().unwrap()), []);
}

#[test]
fn references_that_do_not_resolve_are_found() {
    use Rule::Reference;
    check(Reference, "there is no datastructure", |s| {
        s.dataflows[0].structure = s.dataflows[0].structure.replace("POP", "PUP")
    });
    check(Reference, "there is no codelist", |s| s.codelists.retain(|c| c.maintainable.id != "CL_SEX"));
    check(Reference, "conceptscheme.Concept=RCP:CS_MIGRATION(1.0.0).AGE", |s| {
        s.concept_schemes[0].concepts.retain(|c| c.item.id != "AGE");
    });
    check(Reference, "the corridor's end `NOWHERE`", |s| {
        s.data_structures
            .iter_mut()
            .flat_map(|d| &mut d.maintainable.annotations)
            .for_each(|a| a.title = "NOWHERE/SEX".into());
    });
    check(Reference, "its parent `Y_NONE`", |s| {
        let list = s.codelists.iter_mut().find(|c| c.maintainable.id == "CL_AGE").unwrap();
        list.codes = with_code(&list.codes, |items| items[9].parent = Some("Y_NONE".into()));
    });
    check(Reference, "its own ancestor", |s| {
        let list = s.codelists.iter_mut().find(|c| c.maintainable.id == "CL_AGE").unwrap();
        list.codes = with_code(&list.codes, |items| {
            items[0].parent = Some("_U".into());
            items[1].parent = Some("_T".into());
        });
    });
    check(Reference, "categoryscheme.Category", |s| s.categorisations[0].target.push('X'));
    check(Reference, "codelist.Code", |s| s.hierarchies[0].hierarchical_codes[0].code.push('X'));
    check(Reference, "`NONE` is no component", |s| {
        s.data_constraints[0].cube_regions[0].key_values[0].id = "NONE".into();
    });
    check(Reference, "`XX` is no code of `CL_FREQ`", |s| {
        s.data_constraints[0].cube_regions[0].key_values[0].values.push(SelectedValue("XX".into()));
    });
    check(Reference, "representationmap", |s| s.representation_maps.clear());
    check(Reference, "`PERSON` is no code", |s| {
        let fixed = &mut s.structure_maps[0].fixed_value_maps;
        fixed
            .iter_mut()
            .filter(|f| f.target.as_deref() == Some("COUNTED"))
            .for_each(|f| f.values = vec!["PERSON".into()]);
    });
    check(Reference, "`XX` is no code of `CL_AREA`", |s| {
        s.representation_maps[0].representation_mappings[0].target_values = vec!["XX".into()];
    });
}

#[test]
fn labels_that_are_not_in_every_language_are_found() {
    check(Rule::Label, "CL_AREA(1.0.0).AFG the name is missing in zh", |s| {
        let list = s.codelists.iter_mut().find(|c| c.maintainable.id == "CL_AREA").unwrap();
        list.codes = with_code(&list.codes, |items| {
            items[0].names.names.remove("zh");
        });
    });
    check(Rule::Label, "the description is missing in ar", |s| {
        s.dataflows[0].maintainable.names.descriptions.insert("ar".into(), " ".into());
    });
    check(Rule::Label, "H_AREA_M49(1.0.0).WORLD", |s| {
        s.hierarchies[0].level.as_mut().unwrap().names = Names::default()
    });
    check(Rule::Label, "not the English one", |s| s.category_schemes[0].categories[0].names.name = "Kern".into());
}

#[test]
fn what_is_unused_is_found() {
    let item = |id: &str| Item { id: id.into(), ..Item::default() };
    check(Rule::Unused, "CL_FREQ(1.0.0).H no dataflow may use the code", |s| {
        let list = s.codelists.iter_mut().find(|c| c.maintainable.id == "CL_FREQ").unwrap();
        list.codes = with_code(&list.codes, |items| items.push(item("H")));
    });
    check(Rule::Unused, "no dataflow uses the list", |s| s.data_structures.retain(|d| d.maintainable.id != "VISAS"));
    check(Rule::Unused, "no structure uses the concept", |s| {
        s.concept_schemes[0].concepts[0].item.id = "NEW".into();
    });
    check(Rule::Unused, "nothing is filed", |s| s.category_schemes[0].categories.push(item("EMPTY")));
}

#[test]
fn ids_that_break_the_rule_are_found() {
    check(Rule::Id, "begins with `CL_`", |s| s.codelists[0].maintainable.id = "AREA".into());
    check(Rule::Id, "at most 50", |s| s.dataflows[0].maintainable.id = "X".repeat(51));
    check(Rule::Id, "three numbers", |s| s.dataflows[0].maintainable.version = "1.0".into());
    check(Rule::Id, "another artefact", |s| s.dataflows.push(s.dataflows[0].clone()));
    check(Rule::Id, "another item", |s| {
        s.codelists[0].codes = with_code(&s.codelists[0].codes, |items| items.push(items[0].clone()));
    });
    check(Rule::Id, "its concept's id", |s| {
        let parts = s.data_structures[0].data_structure_components.as_mut().unwrap();
        parts.dimension_list.dimensions[0].id = "FREQUENCY".into();
    });
    check(Rule::Id, "letters, digits", |s| s.category_schemes[0].categories[0].id = "A B".into());
}

#[test]
fn counts_that_do_not_say_what_they_count_are_found() {
    check(Rule::Counts, "`DURATION` is neither", |s| {
        let parts = s.data_structures[1].data_structure_components.as_mut().unwrap();
        parts.attribute_list.attributes.retain(|a| a.id != "DURATION");
    });
    check(Rule::Counts, "`SOURCE` is neither", |s| {
        let parts = s.data_structures[1].data_structure_components.as_mut().unwrap();
        parts.attribute_list.attributes.iter_mut().for_each(|a| a.usage = crate::structure::Usage::Optional);
    });
}

#[test]
fn dataflows_that_are_not_filed_are_found() {
    check(Rule::Filed, "under no category", |s| s.categorisations.clear());
    check(Rule::Filed, "no constraint", |s| s.data_constraints.clear());
}
