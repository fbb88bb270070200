//! The shared structures of agency RCP, built in.

use std::sync::OnceLock;

use crate::json::v2_0::structure::{self, ReadError};
use crate::structure::Structures;

const FILES: [&str; 10] = [
    include_str!("../structures/agencies.json"),
    include_str!("../structures/areas.json"),
    include_str!("../structures/categories.json"),
    include_str!("../structures/codelists.json"),
    include_str!("../structures/concepts.json"),
    include_str!("../structures/constraints.json"),
    include_str!("../structures/data_structures.json"),
    include_str!("../structures/dataflows.json"),
    include_str!("../structures/maps.json"),
    include_str!("../structures/metadata.json"),
];

/// Read once: reading takes about 30 ms unoptimised, copying less than one, as copies share their codes.
static READ: OnceLock<Structures> = OnceLock::new();

/// The shared structures. Fails only if a file in this crate is wrong, which its tests exclude.
pub fn structures() -> Result<Structures, ReadError> {
    if let Some(read) = READ.get() {
        return Ok(read.clone());
    }
    let mut all = Structures::default();
    for file in FILES {
        all.merge(structure::read(file.as_bytes())?);
    }
    Ok(READ.get_or_init(|| all).clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::structure::Usage;

    #[test]
    fn every_dataflow_has_its_components_and_codes() {
        let structures = structures().unwrap();
        assert!(structures.dataflows.len() >= 30);
        for dataflow in &structures.dataflows {
            let schema = structures.dataset_schema(&dataflow.maintainable.reference()).unwrap();
            assert!(schema.component("SOURCE").unwrap().mandatory && schema.dimension_index("REF_AREA").is_some());
        }
    }

    #[test]
    fn a_release_under_an_older_version_stays_readable() {
        let mut all = structures().unwrap();
        let old = all.find_dataflow("RETURNS").unwrap();
        let mut structure = all.data_structures.iter().find(|d| d.maintainable.id == "RETURNS").unwrap().clone();
        structure.maintainable.version = "2.0.0".into();
        let parts = structure.data_structure_components.as_mut().unwrap();
        parts.dimension_list.dimensions.pop();
        parts.attribute_list.attributes.iter_mut().for_each(|a| a.usage = Usage::Mandatory);
        let mut dataflow = all.dataflow(&old).unwrap().clone();
        dataflow.maintainable.version = "2.0.0".into();
        dataflow.structure = structure.maintainable.reference().urn("datastructure.DataStructure");
        all.merge(Structures { data_structures: vec![structure], dataflows: vec![dataflow], ..Structures::default() });
        let newest = all.find_dataflow("RETURNS").unwrap();
        assert_eq!((old.version.as_str(), newest.version.as_str()), ("1.0.0", "2.0.0"));
        assert_eq!(all.find_dataflow("RETURNS(1.0.0)").as_ref(), Some(&old));
        assert_eq!(all.find_dataflow("RETURNS(1.5.0)"), None);
        let (old, new) = (all.dataset_schema(&old).unwrap(), all.dataset_schema(&newest).unwrap());
        assert_eq!(old, structures().unwrap().dataset_schema(&old.dataflow).unwrap());
        assert_eq!((old.dimensions.len(), new.dimensions.len()), (7, 6));
        assert!(new.component("COMMENT").unwrap().mandatory && !old.component("COMMENT").unwrap().mandatory);
        let names = old.in_languages(&crate::language::Languages::parse("ar"));
        assert_eq!(names.component("SEX").unwrap().codes.as_ref().unwrap().name("F"), Some("إناث"));
    }
}
