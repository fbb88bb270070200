//! Codes of other systems for areas. UNHCR's `AUS` is Austria, and ISO's two-letter `NA` is Namibia: a file says which it has.

use std::collections::HashMap;

use serde::Deserialize;

/// One area a line: `alpha3,alpha2,m49,unhcr`; the first column is the shared code list's code. ISO 3166-1, UN M49, and
/// UNHCR's country list of its Refugee Population Statistics Database.
const AREAS: &str = include_str!("areas.csv");

/// Whose codes a column of areas has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum System {
    /// ISO 3166-1 alpha-2.
    Iso2,
    /// UN M49, with or without leading zeros.
    M49,
    /// UNHCR.
    Unhcr,
}

impl System {
    /// Every system, as mappings name them.
    pub const ALL: [(Self, &'static str); 3] = [(Self::Iso2, "iso2"), (Self::M49, "m49"), (Self::Unhcr, "unhcr")];

    /// Its codes, and the shared ones they stand for.
    pub fn codes(self) -> HashMap<&'static str, &'static str> {
        let place = match self {
            Self::Iso2 => 1,
            Self::M49 => 2,
            Self::Unhcr => 3,
        };
        let mut codes = HashMap::new();
        for line in AREAS.lines().skip(1) {
            let fields: Vec<&str> = line.split(',').collect();
            if let (Some(shared), Some(code)) = (fields.first(), fields.get(place).filter(|code| !code.is_empty())) {
                codes.insert(*code, *shared);
                if self == Self::M49 {
                    codes.insert(code.trim_start_matches('0'), *shared);
                }
            }
        }
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn systems_differ_where_they_are_known_to() {
        assert_eq!(System::Unhcr.codes()["AUS"], "AUT");
        assert_eq!(System::Unhcr.codes()["AUL"], "AUS");
        assert_eq!(System::Iso2.codes()["NA"], "NAM");
        assert_eq!((System::M49.codes()["4"], System::M49.codes()["004"]), ("AFG", "AFG"));
    }

    #[test]
    fn every_shared_code_of_the_table_is_one() {
        let structures = crate::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let areas = schema.component("ORIGIN").unwrap().codes.clone().unwrap();
        for line in AREAS.lines().skip(1) {
            let shared = line.split(',').next().unwrap();
            assert!(areas.contains(shared), "{shared}");
        }
    }
}
