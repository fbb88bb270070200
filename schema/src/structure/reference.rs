//! References to maintainable artefacts, and their URNs.

use std::fmt;
use std::str::FromStr;

use super::version::VersionQuery;

/// Prefix of every SDMX URN.
pub const URN_PREFIX: &str = "urn:sdmx:org.sdmx.infomodel.";
/// Longest agency or artefact id. The standard has no bound; the longest ids in use are half of this.
const MAX_ID_CHARS: usize = 100;

/// A reference to a maintainable artefact: `RCP:RETURNS(1.0.0)`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Reference {
    /// Maintenance agency.
    pub agency: String,
    /// Artefact id.
    pub id: String,
    /// Version, or a range of them such as `1.0+.0`.
    pub version: String,
}

/// Why a text is not a reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a reference such as `RCP:RETURNS(1.0.0)`")]
pub struct ReferenceError(String);

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}({})", self.agency, self.id, self.version)
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    /// Reads a reference, or the URN of a maintainable artefact.
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let refuse = || ReferenceError(text.chars().take(200).collect());
        let rest = match text.split_once('=') {
            Some((class, rest)) if class.starts_with(URN_PREFIX) => rest,
            Some(_) => return Err(refuse()),
            None => text,
        };
        let (agency, rest) = rest.split_once(':').ok_or_else(refuse)?;
        let (id, rest) = rest.split_once('(').ok_or_else(refuse)?;
        let version = rest.strip_suffix(')').ok_or_else(refuse)?;
        if !is_agency(agency) || !is_id(id) || version.parse::<VersionQuery>().is_err() {
            return Err(refuse());
        }
        Ok(Self { agency: agency.to_owned(), id: id.to_owned(), version: version.to_owned() })
    }
}

/// Whether `text` is an id of the standard (IDType): letters, digits, `_`, `@`, `$`, `-`.
pub fn is_id(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '@' | '$' | '-');
    !text.is_empty() && text.len() <= MAX_ID_CHARS && text.chars().all(allowed)
}

/// Whether `text` is an agency's id (NestedNCNameIDType): ids that begin with a letter, joined by full stops.
pub fn is_agency(text: &str) -> bool {
    let named =
        |part: &str| is_id(part) && part.starts_with(|c: char| c.is_ascii_alphabetic()) && !part.contains(['@', '$']);
    text.len() <= MAX_ID_CHARS && text.split('.').all(named)
}

impl Reference {
    /// The URN as an artefact of `class`, for example `codelist.Codelist`.
    pub fn urn(&self, class: &str) -> String {
        format!("{URN_PREFIX}{class}={self}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn references_and_urns_are_read() {
        for (text, agency, id, version) in [
            ("RCP:RETURNS(1.0.0)", "RCP", "RETURNS", "1.0.0"),
            ("urn:sdmx:org.sdmx.infomodel.codelist.Codelist=OECD.ELS:CL_X@Y(1.0+.0)", "OECD.ELS", "CL_X@Y", "1.0+.0"),
            ("SDMX:CL_SEX(2.1)", "SDMX", "CL_SEX", "2.1"),
        ] {
            let read: Reference = text.parse().unwrap();
            assert_eq!((read.agency.as_str(), read.id.as_str(), read.version.as_str()), (agency, id, version));
        }
    }

    #[test]
    fn what_is_no_reference_is_an_error() {
        let long = format!("RCP:{}(1.0.0)", "X".repeat(101));
        for text in [
            "",
            "RETURNS",
            "RCP:RETURNS",
            "RCP:RETURNS()",
            "RCP:(1.0.0)",
            ":RETURNS(1.0.0)",
            "RCP:RETURNS(1.0.0",
            "RCP:RETURNS(one)",
            "RCP:RET URNS(1.0.0)",
            "RCP:<b>(1.0.0)",
            "../x:RETURNS(1.0.0)",
            "1RCP:RETURNS(1.0.0)",
            "http://x=RCP:RETURNS(1.0.0)",
            "RCP:RETURNS(1.0.0)\n",
            &long,
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(agency in "[A-Z][A-Z0-9_]{0,5}(\\.[A-Z]{1,3})?", id in "[A-Z0-9_@$-]{1,9}", version in "[1-9]\\.[0-9]\\.[1-9]") {
            let reference = Reference { agency, id, version };
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference.clone());
            prop_assert_eq!(reference.urn("codelist.Codelist").parse::<Reference>().unwrap(), reference);
        }

        #[test]
        fn any_text_is_read_or_refused(text in ".{0,60}|[A-Z:(=).0-9]{0,30}") {
            let _ = text.parse::<Reference>();
        }
    }
}
