//! Texts made of columns: `{year}-{month:02}`.

use super::{MappingError, column};

/// Longest padding: a period's parts need four.
const MAX_WIDTH: usize = 20;

/// A text with places for columns.
#[derive(Debug, Clone)]
pub(super) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Part {
    Text(String),
    /// The column, and how wide it is made with zeros.
    Column(usize, usize),
}

impl Template {
    pub(super) fn bind(text: &str, headings: &[String]) -> Result<Self, MappingError> {
        let wrong = || MappingError::Template(text.to_owned());
        let (mut parts, mut rest) = (Vec::new(), text);
        while let Some((before, after)) = rest.split_once('{') {
            let (inside, after) = after.split_once('}').ok_or_else(wrong)?;
            parts.push(Part::Text(before.to_owned()));
            let padded = inside.rsplit_once(":0").and_then(|(name, width)| Some((name, width.parse().ok()?)));
            let (name, width) = padded.unwrap_or((inside, 0));
            if width > MAX_WIDTH {
                return Err(wrong());
            }
            parts.push(Part::Column(column("combine", name, headings)?, width));
            rest = after;
        }
        parts.push(Part::Text(rest.to_owned()));
        let template = Self { parts };
        template.first_column().is_some().then_some(template).ok_or_else(wrong)
    }

    pub(super) fn first_column(&self) -> Option<usize> {
        self.columns().next()
    }

    pub(super) fn columns(&self) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().filter_map(|part| if let Part::Column(index, _) = part { Some(*index) } else { None })
    }

    /// The text of a row. A row in which every column is empty gives an empty text: there is nothing to combine.
    pub(super) fn text<'a>(&self, field: impl Fn(usize) -> &'a str) -> String {
        let (mut out, mut any) = (String::new(), false);
        for part in &self.parts {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Column(index, width) => {
                    let text = field(*index).trim();
                    any |= !text.is_empty();
                    let missing = width.saturating_sub(text.chars().count());
                    out.extend(std::iter::repeat_n('0', missing));
                    out.push_str(text);
                }
            }
        }
        if any { out } else { String::new() }
    }
}
