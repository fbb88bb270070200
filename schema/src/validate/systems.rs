//! Finds out whether a column of areas has the codes of another system than the shared list's. Single codes cannot tell: `AUS` is
//! Australia in ISO 3166-1 and Austria at UNHCR. All the codes of the column together can.

use std::collections::HashMap;
use std::sync::OnceLock;

use crate::mapping::System;

/// Codes of the International Olympic Committee that ISO 3166-1 writes otherwise.
const IOC: &str = "ALG DZA ANT ATG ARU ABW ASA ASM BAH BHS BAN BGD BAR BRB BER BMU BHU BTN BIZ BLZ BOT BWA BRU BRN BUL BGR BUR BFA CAM KHM \
CAY CYM CGO COG CHA TCD CHI CHL CRC CRI CRO HRV DEN DNK ESA SLV FIJ FJI GAM GMB GBS GNB GEQ GNQ GER DEU GRE GRC GRN GRD GUA GTM GUI GIN \
HAI HTI HON HND INA IDN IRI IRN ISV VIR IVB VGB KOS XKX KSA SAU KUW KWT LAT LVA LBA LBY LES LSO MAD MDG MAS MYS MAW MWI MGL MNG MON MCO \
MRI MUS MTN MRT MYA MMR NCA NIC NED NLD NEP NPL NGR NGA NIG NER OMA OMN PAR PRY PHI PHL PLE PSE POR PRT PUR PRI RSA ZAF SAM WSM SEY SYC \
SKN KNA SLO SVN SOL SLB SRI LKA SUD SDN SUI CHE TAN TZA TGA TON TOG TGO TPE TWN UAE ARE URU URY VAN VUT VIE VNM VIN VCT ZAM ZMB ZIM ZWE";
/// Codes of no system that are met in files, and what they stand for.
const STRAY: [(&str, &str, &str); 18] = [
    ("UK", "GBR", "the United Kingdom, for which ISO 3166 has `GB` and `GBR`"),
    ("EL", "GRC", "Greece in the European Union's own codes"),
    ("XKK", "XKX", "Kosovo"),
    ("XKV", "XKX", "Kosovo"),
    ("KSV", "XKX", "Kosovo"),
    ("RKS", "XKX", "Kosovo"),
    ("KOS", "XKX", "Kosovo"),
    ("UNK", "_U", "unknown at UNHCR, and Kosovo for others"),
    ("UKN", "_U", "unknown"),
    ("XXA", "STA", "stateless at UNHCR"),
    ("XXX", "_U", "unknown or stateless"),
    ("OOO", "_O", "other areas"),
    ("ROM", "ROU", "Romania before 2002"),
    ("SSU", "SSD", "South Sudan"),
    ("ADO", "AND", "Andorra in older tables of the World Bank"),
    ("IMY", "IMN", "the Isle of Man in older tables of the World Bank"),
    ("WBG", "PSE", "the West Bank and Gaza in tables of the World Bank"),
    ("AB9", "SSD", "Abyei, which has no code of its own"),
];
/// Fewest different codes that are another system's only, before the column is said to be that system's.
const FEWEST: usize = 2;

/// A code that has no system: what it stands for, and the code for it.
pub(super) fn stray(text: &str) -> Option<(&'static str, &'static str)> {
    STRAY.iter().find(|(stray, ..)| *stray == text).map(|(_, code, meaning)| (*code, *meaning))
}

/// A code that other systems have, and the shared list has not: whose it is, and the shared code for it. None if two systems differ.
pub(super) fn foreign(text: &str) -> Option<(&'static str, &'static str)> {
    let mut found = tables().iter().filter_map(|(system, codes)| Some((system.name(), *codes.get(text)?)));
    let first = found.next()?;
    found.all(|(_, code)| code == first.1).then_some(first)
}

/// A system of codes for areas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    Mapped(System, &'static str),
    Ioc,
}

impl Known {
    fn all() -> impl Iterator<Item = Self> {
        System::ALL.into_iter().map(|(system, word)| Self::Mapped(system, word)).chain([Self::Ioc])
    }

    fn codes(self) -> HashMap<&'static str, &'static str> {
        match self {
            Self::Mapped(system, _) => system.codes(),
            Self::Ioc => {
                let words: Vec<&str> = IOC.split_ascii_whitespace().collect();
                words.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
            }
        }
    }

    /// What it is called.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Mapped(System::Iso2, _) => "ISO 3166-1 alpha-2",
            Self::Mapped(System::M49, _) => "UN M49",
            Self::Mapped(System::Unhcr, _) => "UNHCR",
            Self::Ioc => "IOC",
        }
    }

    /// What to do about it.
    pub(super) fn advice(self, component: &str) -> String {
        match self {
            Self::Mapped(_, word) => format!("write `system = \"{word}\"` under [components.{component}]"),
            Self::Ioc => format!("write each under `map` of [components.{component}]"),
        }
    }
}

/// What the codes of a column say.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding<'a> {
    pub(super) system: Known,
    /// Different codes that are the system's and not the shared list's.
    pub(super) only_theirs: usize,
    /// Codes that both have, for different areas, with the shared code of what they mean in the system.
    pub(super) ambiguous: Vec<(&'a str, &'static str)>,
}

fn tables() -> &'static [(Known, HashMap<&'static str, &'static str>)] {
    static TABLES: OnceLock<Vec<(Known, HashMap<&'static str, &'static str>)>> = OnceLock::new();
    TABLES.get_or_init(|| Known::all().map(|known| (known, known.codes())).collect())
}

/// The system, other than the shared list's, that the different texts of a column fit best; `shared` tells a shared code.
pub(super) fn find<'a>(texts: &[&'a str], shared: impl Fn(&str) -> bool) -> Option<Finding<'a>> {
    let findings = tables().iter().map(|(system, codes)| {
        let theirs = |text: &&&str| codes.contains_key(**text);
        let only_theirs = texts.iter().filter(theirs).filter(|text| !shared(text)).count();
        let only_ours = texts.iter().filter(|text| shared(text) && !theirs(text)).count();
        let meaning = |text: &&'a str| codes.get(text).filter(|code| *code != text).map(|code| (*text, *code));
        let ambiguous = texts.iter().filter(|text| shared(text)).filter_map(meaning).collect();
        (only_ours, Finding { system: *system, only_theirs, ambiguous })
    });
    // Codes that only the shared list has speak against the other system.
    let likely = findings.filter(|(ours, f)| f.only_theirs >= FEWEST && f.only_theirs > *ours);
    likely.max_by_key(|(ours, f)| f.only_theirs - ours).map(|(_, finding)| finding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_codes_of_a_column_tell_its_system() {
        let structures = crate::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let areas = schema.component("ORIGIN").unwrap().codes.clone().unwrap();
        let find = |texts: &[&'static str]| {
            find(texts, |text| areas.contains(text)).map(|f| (f.system.name(), f.only_theirs, f.ambiguous))
        };
        assert_eq!(find(&["AUS", "ANG", "ALG", "GFR"]), Some(("UNHCR", 3, vec![("AUS", "AUT")])));
        assert_eq!(find(&["MX", "GT", "NA"]), Some(("ISO 3166-1 alpha-2", 3, vec![])));
        assert_eq!(find(&["484", "320", "4"]), Some(("UN M49", 3, vec![])));
        assert_eq!(find(&["GER", "SUI", "NED", "FRA"]), Some(("IOC", 3, vec![])));
        assert_eq!(find(&["AUS", "AUT", "MEX", "GTM"]), None);
        assert_eq!(find(&["MEX", "GT", "HND"]), None);
    }

    #[test]
    fn codes_of_the_olympic_committee_stand_for_shared_ones() {
        let structures = crate::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        let areas = schema.component("ORIGIN").unwrap().codes.clone().unwrap();
        for (code, shared) in Known::Ioc.codes() {
            assert!(areas.contains(shared) && code != shared, "{code} {shared}");
        }
        for (_, shared, _) in STRAY {
            assert!(areas.contains(shared), "{shared}");
        }
    }
}
