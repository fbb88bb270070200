//! Codes by their names: in any language of the code list, however they are spelled with accents and capitals.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::dataset::CodeSet;
use crate::structure::Item;

/// The names of a code list's codes.
#[derive(Debug, Clone, Default)]
pub struct NameIndex {
    /// None where two codes have the name.
    codes: HashMap<String, Option<String>>,
}

impl NameIndex {
    /// The names in `language`, or in all languages if none is given.
    pub fn of(codes: &CodeSet, language: Option<&str>) -> Self {
        let mut index = Self::default();
        for (code, tag, name) in texts(codes) {
            if language.is_none_or(|language| language == tag) {
                match index.codes.entry(folded(name)) {
                    Entry::Vacant(entry) => {
                        entry.insert(Some(code.to_owned()));
                    }
                    Entry::Occupied(mut entry) if entry.get().as_deref() != Some(code) => {
                        entry.insert(None);
                    }
                    Entry::Occupied(_) => {}
                }
            }
        }
        index
    }

    /// The code of the name; none if there is none, or more than one.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.codes.get(&folded(name))?.as_deref()
    }
}

/// Codes with their names in every language: code, language, name.
pub(super) fn texts(codes: &CodeSet) -> impl Iterator<Item = (&str, &str, &str)> {
    fn names(item: &Item) -> impl Iterator<Item = (&str, &str)> {
        item.names.names.iter().map(|(tag, name)| (tag.as_str(), name.as_str()))
    }
    codes.items().iter().flat_map(move |item| names(item).map(|(tag, name)| (item.id.as_str(), tag, name)))
}

/// A name without what spellings differ in: accents, capitals, punctuation, the kind and number of spaces.
pub(crate) fn folded(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase) {
        if c.is_alphanumeric() {
            out.push(c);
        } else if !matches!(c, '\'' | '\u{2019}' | '\u{640}') && !out.ends_with(' ') {
            out.push(' ');
        }
    }
    out.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn area() -> std::sync::Arc<CodeSet> {
        let structures = crate::shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
        schema.component("ORIGIN").unwrap().codes.clone().unwrap()
    }

    #[test]
    fn a_name_is_found_however_it_is_spelled() {
        let index = NameIndex::of(&area(), None);
        for (name, code) in
            [("ÅLAND ISLANDS", "ALA"), ("Aland  islands", "ALA"), ("mexico", "MEX"), ("Guatemala ", "GTM")]
        {
            assert_eq!(index.find(name), Some(code), "{name}");
        }
        assert_eq!(index.find("Atlantis"), None);
        assert_eq!(NameIndex::of(&area(), Some("xx")).find("Guatemala"), None);
    }

    #[test]
    fn spellings_fold_to_one() {
        assert_eq!(folded("Côte d’Ivoire"), folded("COTE D'IVOIRE"));
        assert_eq!(folded("Viet-Nam"), "viet nam");
        assert_eq!(folded("المكسيك"), folded("المَكسيك"));
    }
}
