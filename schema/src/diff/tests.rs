use super::*;
use crate::shared;
use crate::structure::{Item, SelectedValue, Usage, VALID_TO};

fn changed(change: impl FnOnce(&mut Structures)) -> Diff {
    let before = shared::structures().unwrap();
    let mut after = before.clone();
    change(&mut after);
    diff(&before, &after)
}

/// Expects a change at `place` that says `what`, with its impact and party; and no graver one.
fn check(place: &str, what: &str, impact: Impact, party: Party, change: impl FnOnce(&mut Structures)) -> Change {
    let diff = changed(change);
    let found = diff.changes.iter().find(|c| c.place == place && c.what.contains(what));
    let found = found.unwrap_or_else(|| panic!("{place} {what}: {:?}", diff.changes)).clone();
    assert_eq!((found.impact, found.party, diff.impact()), (impact, party, Some(impact)), "{place} {what}");
    assert!(!diff.versions.is_empty(), "the version stayed, {place}");
    found
}

fn returns(all: &mut Structures) -> &mut crate::structure::Components {
    let structure = all.data_structures.iter_mut().find(|d| d.maintainable.id == "RETURNS").unwrap();
    structure.data_structure_components.as_mut().unwrap()
}

fn list<'a>(all: &'a mut Structures, id: &str) -> &'a mut crate::structure::Codelist {
    all.codelists.iter_mut().find(|c| c.maintainable.id == id).unwrap()
}

fn with(all: &mut Structures, id: &str, change: impl FnOnce(&mut Vec<Item>)) {
    let list = list(all, id);
    let mut items = list.codes.to_vec();
    change(&mut items);
    list.codes = items.into();
}

#[test]
fn nothing_changes_between_the_same() {
    assert_eq!(changed(|_| {}), Diff::default());
}

#[test]
fn new_codes_and_labels_are_compatible() {
    use Impact::Compatible;
    let found = check("codelist RCP:CL_TREATY.NEW", "is new", Compatible, Party::Readers, |s| {
        with(s, "CL_TREATY", |items| items.push(Item { id: "NEW".into(), ..Item::default() }));
    });
    assert_eq!(found.dataflows, ["RCP:TREATY_STATUS"]);
    check("codelist RCP:CL_SEX.F", "its name was `Female`", Compatible, Party::Readers, |s| {
        with(s, "CL_SEX", |items| items[0].names.name = "Women".into());
    });
    check("dataflow RCP:RETURNS", "its labels", Compatible, Party::Readers, |s| {
        let dataflow = s.dataflows.iter_mut().find(|d| d.maintainable.id == "RETURNS").unwrap();
        dataflow.maintainable.names.names.insert("fr".into(), "Renvois".into());
    });
    check("datastructure RCP:RETURNS.SOURCE", "optional now", Compatible, Party::Readers, |s| {
        returns(s)
            .attribute_list
            .attributes
            .iter_mut()
            .filter(|a| a.id == "SOURCE")
            .for_each(|a| a.usage = Usage::Optional);
    });
    check("dataconstraint RCP:CR_RETURNS.FREQ", "more codes", Compatible, Party::Readers, |s| {
        let constraint = s.data_constraints.iter_mut().find(|c| c.maintainable.id == "CR_RETURNS").unwrap();
        constraint.cube_regions[0].key_values[0].values.push(SelectedValue("I".into()));
    });
}

#[test]
fn what_publishers_must_map_is_said() {
    use Impact::NeedsMapping;
    let found = check("codelist RCP:CL_SEX.F", "gone", NeedsMapping, Party::Publishers, |s| {
        with(s, "CL_SEX", |items| {
            items.remove(0);
        });
    });
    assert!(found.dataflows.len() > 20);
    check("codelist RCP:CL_SEX.F", "until 2030-01-01", NeedsMapping, Party::Publishers, |s| {
        with(s, "CL_SEX", |items| {
            let end = crate::structure::Annotation {
                kind: VALID_TO.into(),
                title: "2030-01-01".into(),
                ..Default::default()
            };
            items[0].annotations.push(end);
        });
    });
    check("datastructure RCP:RETURNS.COMMENT", "mandatory now", NeedsMapping, Party::Publishers, |s| {
        returns(s).attribute_list.attributes.iter_mut().for_each(|a| a.usage = Usage::Mandatory);
    });
    check("datastructure RCP:RETURNS.COMMENT", "gone", NeedsMapping, Party::Publishers, |s| {
        returns(s).attribute_list.attributes.retain(|a| a.id != "COMMENT");
    });
    check("datastructure RCP:RETURNS.SEX", "another list", NeedsMapping, Party::Everybody, |s| {
        let sex = returns(s).dimension_list.dimensions.iter_mut().find(|d| d.id == "SEX").unwrap();
        sex.local_representation =
            Some(Representation::Enumeration("urn:sdmx:org.sdmx.infomodel.codelist.Codelist=RCP:CL_AGE(1.0.0)".into()));
    });
    check("dataconstraint RCP:CR_RETURNS.FREQ", "fewer", NeedsMapping, Party::Publishers, |s| {
        let constraint = s.data_constraints.iter_mut().find(|c| c.maintainable.id == "CR_RETURNS").unwrap();
        constraint.cube_regions[0].key_values[0].values.pop();
    });
    check("representationmap RCP:RM_ESTAT_AREA", "content", NeedsMapping, Party::Everybody, |s| {
        s.representation_maps[0].representation_mappings.pop();
    });
}

#[test]
fn what_breaks_keys_or_meanings_is_breaking() {
    use Impact::Breaking;
    check("datastructure RCP:RETURNS", "another order", Breaking, Party::Everybody, |s| {
        let dimensions = &mut returns(s).dimension_list.dimensions;
        (dimensions[0].position, dimensions[1].position) = (2, 1);
    });
    check("datastructure RCP:RETURNS.AGE", "keys are shorter", Breaking, Party::Everybody, |s| {
        returns(s).dimension_list.dimensions.pop();
    });
    check("datastructure RCP:RETURNS.SEX", "another concept", Breaking, Party::Everybody, |s| {
        let sex = returns(s).dimension_list.dimensions.iter_mut().find(|d| d.id == "SEX").unwrap();
        sex.concept_identity = sex.concept_identity.replace("SEX", "AGE");
    });
    check("dataflow RCP:RETURNS", "gone", Breaking, Party::Everybody, |s| {
        s.dataflows.retain(|d| d.maintainable.id != "RETURNS");
        s.dataflows[0].maintainable.names.description = None;
    });
    check("datastructure RCP:RETURNS", "corridor", Breaking, Party::Readers, |s| {
        let structure = s.data_structures.iter_mut().find(|d| d.maintainable.id == "RETURNS").unwrap();
        structure.maintainable.annotations.clear();
    });
}

#[test]
fn versions_that_rise_enough_are_not_named() {
    let rise = |version: &str| {
        changed(|s| {
            let list = list(s, "CL_TREATY");
            list.maintainable.version = version.into();
            with(s, "CL_TREATY", |items| items.push(Item { id: "NEW".into(), ..Item::default() }));
        })
    };
    assert_eq!(rise("1.1.0").versions.len(), 0);
    assert_eq!(rise("2.0.0").versions.len(), 0);
    assert_eq!(rise("1.0.1").versions.len(), 1);
}

#[test]
fn of_several_versions_the_newest_are_compared() {
    let before = shared::structures().unwrap();
    let mut after = before.clone();
    let mut newer = after.codelists.iter().find(|c| c.maintainable.id == "CL_TREATY").unwrap().clone();
    newer.maintainable.version = "2.0.0".into();
    newer.codes.retain(|c| c.id != "CAT");
    after.codelists.push(newer);
    let diff = diff(&before, &after);
    assert_eq!(diff.changes.len(), 1, "{:?}", diff.changes);
    assert_eq!((diff.changes[0].place.as_str(), diff.versions.len()), ("codelist RCP:CL_TREATY.CAT", 0));
}
