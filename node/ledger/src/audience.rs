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

    /// Whether everybody in `other` is in it.
    pub fn includes(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Public, _) | (Self::Forum, Self::Forum | Self::Members(_)) => true,
            (Self::Members(all), Self::Members(some)) => some.iter().all(|member| all.contains(member)),
            _ => false,
        }
    }

    /// Reads `public`, `forum`, or member ids separated by commas.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "public" => Some(Self::Public),
            "forum" => Some(Self::Forum),
            _ => {
                let members: Vec<String> = text.split(',').map(|m| m.trim().to_owned()).collect();
                members.iter().all(|m| is_member_id(m)).then_some(Self::Members(members))
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

/// `text` from another node as a message may quote it: at most 120 characters, none that a terminal would act on.
pub(crate) fn excerpt(text: &str) -> String {
    let fit = |c: char| {
        if is_plain_text(c.encode_utf8(&mut [0; 4]), 1) { c } else { '\u{fffd}' }
    };
    text.chars().take(120).map(fit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_text_is_short_and_harmless() {
        assert_eq!(excerpt("a\u{1b}[2Jb\u{202e}c"), "a\u{fffd}[2Jb\u{fffd}c");
        assert_eq!(excerpt(&"é".repeat(1_000)).chars().count(), 120);
    }

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
