//! Data structures against their earlier selves, component by component.

use super::{Impact, Key, Party, Run, unversioned};
use crate::structure::{AnyComponent, DataStructure, Format, Representation, Role};

pub(super) fn compare(run: &mut Run, key: &Key, was: &DataStructure, is: &DataStructure) {
    let (old, new) = (was.components(), is.components());
    order(run, key, &old, &new);
    for component in &old {
        match new.iter().find(|c| c.id == component.id) {
            None => gone(run, key, component),
            Some(now) => component_changes(run, key, component, now),
        }
    }
    for component in new.iter().filter(|c| !old.iter().any(|o| o.id == c.id)) {
        let (what, impact, party) = match (component.role, component.mandatory) {
            (Role::Dimension | Role::Time, _) => {
                ("the dimension is new: keys are longer", Impact::Breaking, Party::Everybody)
            }
            (Role::Measure, _) => ("the measure is new", Impact::Breaking, Party::Everybody),
            (Role::Attribute, true) => {
                ("the mandatory attribute is new: figures must give it", Impact::NeedsMapping, Party::Publishers)
            }
            (Role::Attribute, false) => ("the optional attribute is new", Impact::Compatible, Party::Readers),
        };
        run.add(key, component.id, what, impact, party);
    }
}

fn order(run: &mut Run, key: &Key, old: &[AnyComponent<'_>], new: &[AnyComponent<'_>]) {
    let dimensions = |all: &[AnyComponent<'_>], others: &[AnyComponent<'_>]| -> Vec<String> {
        let dimensions = all.iter().filter(|c| c.role == Role::Dimension);
        dimensions.filter(|c| others.iter().any(|o| o.id == c.id)).map(|c| c.id.to_owned()).collect()
    };
    if dimensions(old, new) != dimensions(new, old) {
        run.add(
            key,
            "",
            "its dimensions have another order: keys read differently",
            Impact::Breaking,
            Party::Everybody,
        );
    }
}

fn gone(run: &mut Run, key: &Key, component: &AnyComponent<'_>) {
    let (what, impact, party) = match component.role {
        Role::Attribute => ("the attribute is gone", Impact::NeedsMapping, Party::Publishers),
        Role::Dimension | Role::Time => ("the dimension is gone: keys are shorter", Impact::Breaking, Party::Everybody),
        Role::Measure => ("the measure is gone", Impact::Breaking, Party::Everybody),
    };
    run.add(key, component.id, what, impact, party);
}

fn component_changes(run: &mut Run, key: &Key, was: &AnyComponent<'_>, is: &AnyComponent<'_>) {
    if was.role != is.role {
        run.add(key, is.id, "it has another role", Impact::Breaking, Party::Everybody);
    }
    if unversioned(was.concept) != unversioned(is.concept) {
        run.add(key, is.id, "it means another concept", Impact::Breaking, Party::Everybody);
    }
    match (was.mandatory, is.mandatory) {
        (false, true) => run.add(key, is.id, "it is mandatory now", Impact::NeedsMapping, Party::Publishers),
        (true, false) => run.add(key, is.id, "it is optional now", Impact::Compatible, Party::Readers),
        _ => {}
    }
    match (was.representation, is.representation) {
        (Some(Representation::Enumeration(a)), Some(Representation::Enumeration(b))) => {
            if unversioned(a) != unversioned(b) {
                run.add(key, is.id, "it takes codes of another list", Impact::NeedsMapping, Party::Everybody);
            }
        }
        (Some(Representation::Format(a)), Some(Representation::Format(b))) => format(run, key, is.id, a, b),
        (a, b) if a == b => {}
        _ => run.add(
            key,
            is.id,
            "it was coded and is not, or the other way round",
            Impact::NeedsMapping,
            Party::Everybody,
        ),
    }
}

fn format(run: &mut Run, key: &Key, id: &str, was: &Format, is: &Format) {
    if was.data_type != is.data_type {
        let what = format!("its type was {} and is {}", was.data_type, is.data_type);
        run.add(key, id, what, Impact::NeedsMapping, Party::Everybody);
    }
    let length = |f: &Format| f.max_length.unwrap_or(u32::MAX);
    if length(is) < length(was) {
        run.add(key, id, "its texts are shorter", Impact::NeedsMapping, Party::Publishers);
    } else if length(is) > length(was) {
        run.add(key, id, "its texts may be longer", Impact::Compatible, Party::Readers);
    }
}
