//! Who may read a record.

use serde::{Deserialize, Serialize};

/// Who may read a record, beside its issuer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", deny_unknown_fields)]
pub enum Audience {
    /// Anybody.
    Public,
    /// Members of the forum.
    Forum,
    /// The members named.
    Members(Vec<String>),
}

impl Audience {
    /// The label in a log leaf: names nobody.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Forum => "forum",
            Self::Members(_) => "members",
        }
    }

    /// Reads `public`, `forum`, or member ids separated by commas.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "public" => Some(Self::Public),
            "forum" => Some(Self::Forum),
            _ => {
                let members: Vec<String> = text.split(',').map(|m| m.trim().to_owned()).collect();
                members
                    .iter()
                    .all(|m| is_member_id(m))
                    .then_some(Self::Members(members))
            }
        }
    }

    /// The text [`Audience::parse`] reads.
    pub fn text(&self) -> String {
        match self {
            Self::Members(members) => members.join(","),
            other => other.label().to_owned(),
        }
    }
}

/// Whether `id` is a member id: `[A-Z][A-Z0-9_]{1,15}`.
pub fn is_member_id(id: &str) -> bool {
    let mut bytes = id.bytes();
    (2..=16).contains(&id.len())
        && bytes.next().is_some_and(|b| b.is_ascii_uppercase())
        && bytes.all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

/// Whether `text` is fit to show: no longer than `max` characters, none of them a control or text-direction character.
pub fn is_plain_text(text: &str, max: usize) -> bool {
    let directional = |c| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().count() <= max && !text.chars().any(|c| c.is_control() || directional(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn audiences_read_what_they_write() {
        for text in ["public", "forum", "GTM,MEX"] {
            assert_eq!(Audience::parse(text).unwrap().text(), text);
        }
        for bad in ["", "mexico", "GTM,", "GTM;MEX"] {
            assert!(Audience::parse(bad).is_none(), "{bad}");
        }
    }
}
