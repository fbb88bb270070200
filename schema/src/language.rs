//! Languages of labels, and the choice among them (RFC 4647, as SDMX asks for both its kinds of localised text).

use crate::structure::{Names, Structures, Texts};

/// The languages every label of the shared schema has: the official languages of the United Nations.
pub const LANGUAGES: [&str; 6] = ["en", "fr", "es", "ar", "ru", "zh"];
/// What is shown where nothing else is asked for, or nothing that is asked for is there.
pub const DEFAULT: &str = "en";
/// Most ranges read from one header; browsers send fewer than ten.
const MAX_RANGES: usize = 20;
/// Longest range: no registered language tag is longer.
const MAX_TAG: usize = 35;

/// The languages a client prefers, best first. Empty: any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Languages(Vec<String>);

impl Languages {
    /// Reads the value of `Accept-Language`. What is not a language range is left out; a range with quality 0 too. A `*` adds
    /// nothing to languages that are named, and alone means any.
    pub fn parse(header: &str) -> Self {
        let mut ranges: Vec<(f32, String)> = header
            .split(',')
            .take(MAX_RANGES)
            .filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let tag = parts.next()?.to_ascii_lowercase();
                let quality = parts.find_map(|p| p.strip_prefix("q=")).map_or(Some(1.0), |q| q.parse::<f32>().ok())?;
                let formed = tag.split('-').all(|s| !s.is_empty() && s.chars().all(|c| c.is_ascii_alphanumeric()));
                (quality > 0.0 && formed && tag.len() <= MAX_TAG).then_some((quality, tag))
            })
            .collect();
        ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
        Self(ranges.into_iter().map(|(_, tag)| tag).collect())
    }

    /// Whether any language will do.
    pub fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Lookup (RFC 4647, 3.4): the best single text, each range cut from its end until a text has it. None if there is none.
    pub fn lookup<'a>(&self, texts: &'a Texts) -> Option<&'a str> {
        self.0.iter().find_map(|range| {
            let mut range = range.as_str();
            loop {
                if let Some((_, text)) = texts.iter().find(|(tag, _)| tag.eq_ignore_ascii_case(range)) {
                    return Some(text.as_str());
                }
                range = range.rsplit_once('-')?.0;
            }
        })
    }

    /// Filtering (RFC 4647, 3.3), widened by lookup: whether a text in `tag` is among what was asked for. Somebody who asks for
    /// `fr-CA` is better served by `fr` than by nothing.
    pub fn wants(&self, tag: &str) -> bool {
        let begins = |long: &str, short: &str| {
            long.get(..short.len()).is_some_and(|head| head.eq_ignore_ascii_case(short))
                && matches!(long.as_bytes().get(short.len()), None | Some(b'-'))
        };
        self.is_any() || self.0.iter().any(|range| begins(tag, range) || begins(range, tag))
    }

    /// The name in the best language, else as it is.
    pub fn name<'a>(&self, names: &'a Names) -> &'a str {
        self.lookup(&names.names).unwrap_or(&names.name)
    }

    /// Leaves in `structures` the languages asked for, and makes the best of them the name. A label that has none of them keeps
    /// its default, as the standard allows.
    pub fn apply(&self, structures: &mut Structures) {
        if !self.is_any() {
            structures.each_names_mut(&mut |names| self.apply_to(names));
        }
    }

    pub(crate) fn apply_to(&self, names: &mut Names) {
        if self.is_any() {
            return;
        }
        if let Some(best) = self.lookup(&names.names) {
            names.name = best.to_owned();
        }
        if let Some(best) = self.lookup(&names.descriptions) {
            names.description = Some(best.to_owned());
        }
        for texts in [&mut names.names, &mut names.descriptions] {
            if texts.keys().any(|tag| self.wants(tag)) {
                texts.retain(|tag, _| self.wants(tag));
            } else {
                texts.retain(|tag, _| tag == DEFAULT);
            }
        }
    }

    /// Which of the schema's languages a message holds that was written for this choice: the value of `Content-Language`.
    pub fn of_message(&self) -> Vec<&'static str> {
        let wanted: Vec<_> = LANGUAGES.into_iter().filter(|tag| self.wants(tag)).collect();
        if wanted.is_empty() { vec![DEFAULT] } else { wanted }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names() -> Names {
        let texts = |pairs: &[(&str, &str)]| pairs.iter().map(|(l, t)| ((*l).to_owned(), (*t).to_owned())).collect();
        Names {
            name: "Sex".into(),
            names: texts(&[("en", "Sex"), ("fr", "Sexe"), ("zh", "性别")]),
            description: None,
            descriptions: Texts::new(),
        }
    }

    fn check(header: &str, name: &str, kept: &[&str]) {
        let (languages, mut found) = (Languages::parse(header), names());
        languages.apply_to(&mut found);
        assert_eq!(found.name, name, "{header}");
        assert_eq!(found.names.keys().collect::<Vec<_>>(), kept, "{header}");
    }

    #[test]
    fn the_best_name_and_all_that_were_asked_for() {
        check("", "Sex", &["en", "fr", "zh"]);
        check("*", "Sex", &["en", "fr", "zh"]);
        check("fr", "Sexe", &["fr"]);
        check("FR-ca, en;q=0.5", "Sexe", &["en", "fr"]);
        check("en;q=0.2, zh-Hans-CN;q=0.9", "性别", &["en", "zh"]);
        check("de", "Sex", &["en"]);
        check("de, fr;q=0", "Sex", &["en"]);
        check("e", "Sex", &["en"]);
        check("<b>, ;q=x, fr;q=high", "Sex", &["en", "fr", "zh"]);
    }

    #[test]
    fn a_message_says_its_languages() {
        assert_eq!(Languages::parse("fr-CH, ru").of_message(), ["fr", "ru"]);
        assert_eq!(Languages::parse("de").of_message(), ["en"]);
        assert_eq!(Languages::default().of_message(), LANGUAGES);
    }

    proptest! {
        #[test]
        fn any_header_is_read(header in ".{0,200}|[a-z,;=q0-9.*-]{0,60}") {
            let languages = Languages::parse(&header);
            let mut found = names();
            languages.apply_to(&mut found);
            prop_assert!(!found.name.is_empty() && !found.names.is_empty());
        }
    }
}
