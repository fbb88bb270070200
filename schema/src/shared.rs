//! The shared structures of agency RCP, built in.

use crate::json::v2_0::structure::{self, ReadError};
use crate::structure::Structures;

const FILES: [&str; 9] = [
    include_str!("../structures/agencies.json"),
    include_str!("../structures/areas.json"),
    include_str!("../structures/categories.json"),
    include_str!("../structures/codelists.json"),
    include_str!("../structures/concepts.json"),
    include_str!("../structures/constraints.json"),
    include_str!("../structures/data_structures.json"),
    include_str!("../structures/dataflows.json"),
    include_str!("../structures/maps.json"),
];

/// The shared structures. Fails only if a file in this crate is wrong, which its tests exclude.
pub fn structures() -> Result<Structures, ReadError> {
    let mut all = Structures::default();
    for file in FILES {
        all.merge(structure::read(file.as_bytes())?);
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_reference_resolves_and_every_code_list_is_used() {
        let structures = structures().unwrap();
        let mut used = BTreeSet::new();
        assert!(structures.dataflows.len() >= 9);
        for dataflow in &structures.dataflows {
            let schema = structures.dataset_schema(&dataflow.maintainable.reference()).unwrap();
            used.extend(schema.components().filter_map(|c| c.codes.as_ref()).map(|c| c.reference.clone()));
            for mandatory in ["OBS_STATUS", "CONF_STATUS", "UNIT_MEASURE", "SOURCE"] {
                assert!(schema.component(mandatory).unwrap().mandatory, "{} {mandatory}", schema.name);
            }
            if let Some((origin, destination)) = &schema.corridor {
                assert!(schema.dimension_index(origin).is_some() && schema.dimension_index(destination).is_some());
            }
        }
        let all: BTreeSet<_> = structures.codelists.iter().map(|c| c.maintainable.reference()).collect();
        assert_eq!(all, used);
    }

    #[test]
    fn ids_are_unique_and_follow_the_rule() {
        let id = |text: &str| {
            !text.is_empty()
                && text.len() <= 50
                && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '$' | '-'))
        };
        for list in structures().unwrap().codelists {
            let mut seen = BTreeSet::new();
            for code in list.codes.iter() {
                assert!(id(&code.id) && seen.insert(&code.id), "{} {}", list.maintainable.id, code.id);
                assert!(!code.names.name.is_empty() && code.names.names.contains_key("en"));
            }
        }
    }
}
