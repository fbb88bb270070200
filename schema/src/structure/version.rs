//! Versions of artefacts, and the ways a query asks for them (sdmx-twg/sdmx-rest, doc/querying_versions.md).

use std::cmp::Ordering;
use std::str::FromStr;

/// Longest version read: three numbers and an extension.
const MAX_CHARS: usize = 100;

/// A version: `2`, `2.1` (both older forms), `2.1.0` or `2.1.0-draft`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    numbers: Vec<u32>,
    extension: Option<String>,
}

/// Why a text is neither a version nor a way to ask for one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a version: use one such as 1.0.0, 1.0+.0, 1~.0.0, +, ~ or *")]
pub struct VersionError(String);

impl VersionError {
    fn new(text: &str) -> Self {
        Self(text.chars().take(60).collect())
    }
}

impl FromStr for Version {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let refuse = || VersionError::new(text);
        if text.len() > MAX_CHARS {
            return Err(refuse());
        }
        let (numbers, extension) = text.split_once('-').map_or((text, None), |(n, e)| (n, Some(e)));
        let numbers: Vec<u32> = numbers.split('.').map(number).collect::<Option<_>>().ok_or_else(refuse)?;
        let identifier = |i: &str| !i.is_empty() && i.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
        let known = extension.is_none_or(|e| numbers.len() == 3 && e.split('.').all(identifier));
        if numbers.len() > 3 || !known {
            return Err(refuse());
        }
        Ok(Self { numbers, extension: extension.map(str::to_owned) })
    }
}

/// A number without sign and leading zeros.
fn number(text: &str) -> Option<u32> {
    let digits = text.chars().all(|c| c.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if digits { text.parse().ok() } else { None }
}

impl Ord for Version {
    /// By the numbers, then a draft before what it is a draft of, then an older form before a newer one.
    fn cmp(&self, other: &Self) -> Ordering {
        let padded = |v: &Self| [0, 1, 2].map(|i| v.numbers.get(i).copied().unwrap_or(0));
        let extensions = || match (&self.extension, &other.extension) {
            (None, None) => Ordering::Equal,
            (None, Some(_)) => Ordering::Greater,
            (Some(_), None) => Ordering::Less,
            (Some(a), Some(b)) => compare_extensions(a, b),
        };
        padded(self).cmp(&padded(other)).then_with(extensions).then(self.numbers.len().cmp(&other.numbers.len()))
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Part by part; numbers before words, as semantic versions are ordered. Parts that differ only in writing are told apart.
fn compare_extensions(a: &str, b: &str) -> Ordering {
    let key = |part: &str| number(part).map_or_else(|| (1, 0, part.to_owned()), |n| (0, n, String::new()));
    a.split('.').map(key).cmp(b.split('.').map(key))
}

/// Orders the texts of versions; what is no version comes first.
pub fn compare_versions(a: &str, b: &str) -> Ordering {
    match (a.parse::<Version>(), b.parse::<Version>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        (a, b) => a.is_ok().cmp(&b.is_ok()),
    }
}

/// Which versions a query asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VersionQuery {
    /// This one; `1.0` also finds `1.0.0`, as older clients write it.
    Exact(Version),
    /// All in a range: `*`, `1.2*.0`.
    All(VersionRange),
    /// The latest in a range: `~`, `+`, `1.2+.0`.
    Latest(VersionRange),
}

/// Versions that begin with some numbers and go on with others that are at least so high.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VersionRange {
    fixed: Vec<u32>,
    floor: Vec<u32>,
    /// How many numbers; any if none.
    form: Option<usize>,
    /// Without extension, and from 1.0.0 on.
    stable: bool,
}

impl VersionRange {
    fn contains(&self, version: &Version) -> bool {
        let numbers = &version.numbers;
        let formed = self.form.is_none_or(|form| form == numbers.len());
        let stable = !self.stable || version.extension.is_none() && numbers.first().is_some_and(|major| *major > 0);
        let begins = numbers.starts_with(&self.fixed);
        formed && stable && begins && numbers.get(self.fixed.len()..).is_some_and(|rest| *rest >= *self.floor)
    }
}

impl FromStr for VersionQuery {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        let refuse = || VersionError::new(text);
        let text = match text {
            "latest" => "~",
            "all" => "*",
            text => text,
        };
        let Some(operator) = text.chars().find(|c| matches!(c, '+' | '~' | '*')) else {
            return Ok(Self::Exact(text.parse()?));
        };
        if text.len() > MAX_CHARS {
            return Err(refuse());
        }
        let parts: Vec<&str> = text.split('.').collect();
        let at = parts.iter().position(|p| p.ends_with(operator)).ok_or_else(refuse)?;
        let numbers = parts.iter().enumerate().map(|(i, part)| match part.strip_suffix(operator).filter(|_| i == at) {
            Some("") => Some(0),
            Some(part) => number(part),
            None => number(part),
        });
        let mut fixed: Vec<u32> = numbers.collect::<Option<_>>().ok_or_else(refuse)?;
        let floor = fixed.split_off(at);
        let stable = operator == '+';
        let form = match parts.len() {
            1 if text.len() == 1 => stable.then_some(3),
            2 if !stable => Some(2),
            3 => Some(3),
            _ => return Err(refuse()),
        };
        let range = VersionRange { fixed, floor: if form.is_none() { Vec::new() } else { floor }, form, stable };
        Ok(if operator == '*' { Self::All(range) } else { Self::Latest(range) })
    }
}

impl VersionQuery {
    /// Whether it asks for `version`, of which `siblings` (it among them) are all the versions there are.
    pub fn matches(&self, version: &Version, siblings: &[Version]) -> bool {
        match self {
            Self::Exact(wanted) => {
                let written_short = wanted.numbers.len() == 2
                    && version.extension.is_none()
                    && version.numbers.starts_with(&wanted.numbers)
                    && version.numbers.get(2) == Some(&0)
                    && !siblings.contains(wanted);
                wanted == version || written_short
            }
            Self::All(range) => range.contains(version),
            Self::Latest(range) => {
                siblings.iter().filter(|v| range.contains(v)).max().is_some_and(|latest| latest == version)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What the standard's examples find among these versions.
    fn check(query: &str, expected: &[&str]) {
        let all: Vec<&str> =
            vec!["0.9.0", "1.0", "1.0.0", "1.2", "1.2.0", "1.2.3", "1.10.0", "2.0.0-draft", "10.0.0", "11.0.0-rc.2"];
        let versions: Vec<Version> = all.iter().map(|v| v.parse().unwrap()).collect();
        let query_read: VersionQuery = query.parse().unwrap();
        let found: Vec<&str> = all
            .iter()
            .zip(&versions)
            .filter(|(_, v)| query_read.matches(v, &versions))
            .map(|(text, _)| *text)
            .collect();
        assert_eq!(found, expected, "{query}");
    }

    #[test]
    fn queries_find_the_versions_the_standard_says() {
        check("1.2.0", &["1.2.0"]);
        check("1.2", &["1.2"]);
        check("2.0.0-draft", &["2.0.0-draft"]);
        check("3.0.0", &[]);
        check("+", &["10.0.0"]);
        check("+.0.0", &["10.0.0"]);
        check("1+.0.0", &["10.0.0"]);
        check("1.+.0", &["1.10.0"]);
        check("1.0+.0", &["1.10.0"]);
        check("1.2.+", &["1.2.3"]);
        check("1.2.1+", &["1.2.3"]);
        check("1.11+.0", &[]);
        check("2.0+.0", &[]);
        check("~", &["11.0.0-rc.2"]);
        check("latest", &["11.0.0-rc.2"]);
        check("~.0", &["1.2"]);
        check("2.0~.0", &["2.0.0-draft"]);
        check("1.1*.0", &["1.2.0", "1.2.3", "1.10.0"]);
        check("1.*", &["1.0", "1.2"]);
        check("2*.0.0", &["2.0.0-draft", "10.0.0", "11.0.0-rc.2"]);
        check(
            "*",
            &["0.9.0", "1.0", "1.0.0", "1.2", "1.2.0", "1.2.3", "1.10.0", "2.0.0-draft", "10.0.0", "11.0.0-rc.2"],
        );
    }

    #[test]
    fn a_short_version_finds_the_semantic_one_only_where_there_is_no_other() {
        let (semantic, legacy): (Version, Version) = ("1.0.0".parse().unwrap(), "1.0".parse().unwrap());
        let query: VersionQuery = "1.0".parse().unwrap();
        assert!(query.matches(&semantic, std::slice::from_ref(&semantic)));
        assert!(!query.matches(&semantic, &[semantic.clone(), legacy]));
    }

    #[test]
    fn what_is_no_version_is_an_error() {
        let long = "1".repeat(200);
        for text in [
            "",
            ".",
            "1.",
            "01.0.0",
            "1.0.0.0",
            "1.0-x",
            "1+",
            "1~",
            "+.0",
            "1+.0+.0",
            "-1",
            "1.0.0-",
            "a",
            "9999999999",
            &long,
        ] {
            assert!(text.parse::<VersionQuery>().is_err(), "{text}");
        }
    }

    #[test]
    fn versions_have_an_order() {
        let ordered = [
            "0.9.0",
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0",
            "1.0.0",
            "1.2.0",
            "1.10.0",
        ];
        for pair in ordered.windows(2) {
            assert_eq!(compare_versions(pair[0], pair[1]), Ordering::Less, "{pair:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "[-0-9.+~*a-c]{0,12}|.{0,20}") {
            let _ = text.parse::<VersionQuery>();
        }

        #[test]
        fn a_version_finds_itself(a in 0u32..50, b in 0u32..50, c in 0u32..50) {
            let version: Version = format!("{a}.{b}.{c}").parse().unwrap();
            let all = [version.clone()];
            for query in [format!("{a}.{b}.{c}"), format!("{a}.{b}.{c}~"), format!("{a}.*.0"), "~".into(), "*".into()] {
                prop_assert!(query.parse::<VersionQuery>().unwrap().matches(&version, &all) );
            }
        }
    }
}
