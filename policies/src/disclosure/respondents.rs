//! What is known, privately, of who is behind a figure: how many, and the largest contributions. Never published.

use std::collections::HashMap;

/// Most contributions that a rule may ask for.
pub const MAX_LARGEST: usize = 8;
/// Greatest number of figures with respondents.
pub const MAX_RESPONDENTS: usize = 4_000_000;
/// Between the codes of a key.
const BETWEEN: char = '\u{1f}';

/// Who is behind one figure.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Respondent {
    /// How many, unweighted.
    pub count: u32,
    /// The largest contributions, largest first.
    pub largest: Vec<f64>,
    /// Who the single or the largest one is, where one has several figures.
    pub who: Option<u64>,
}

/// Respondents by key.
#[derive(Debug, Clone, Default)]
pub struct Respondents {
    by_key: HashMap<Box<str>, Respondent>,
}

impl Respondents {
    /// None known.
    pub fn is_empty(&self) -> bool {
        self.by_key.is_empty()
    }

    /// How many figures have any.
    pub fn len(&self) -> usize {
        self.by_key.len()
    }

    /// Enters those of a key: codes in the dimensions' order, then the period. What is wrong with them otherwise.
    pub fn insert<'a>(&mut self, key: impl Iterator<Item = &'a str>, respondent: Respondent) -> Result<(), String> {
        if respondent.largest.len() > MAX_LARGEST {
            return Err(format!("more than {MAX_LARGEST} contributions"));
        }
        if respondent.largest.iter().any(|v| !v.is_finite()) || respondent.largest.windows(2).any(|w| w[0] < w[1]) {
            return Err("contributions that do not go from the largest down".to_owned());
        }
        if self.by_key.len() >= MAX_RESPONDENTS {
            return Err(format!("more than {MAX_RESPONDENTS} figures with respondents"));
        }
        match self.by_key.insert(text(key), respondent) {
            None => Ok(()),
            Some(_) => Err("a key that was there before".to_owned()),
        }
    }

    /// Those of a key.
    pub fn get<'a>(&self, key: impl Iterator<Item = &'a str>) -> Option<&Respondent> {
        if self.by_key.is_empty() { None } else { self.by_key.get(&text(key)) }
    }
}

fn text<'a>(key: impl Iterator<Item = &'a str>) -> Box<str> {
    let mut text = String::new();
    for code in key {
        text.push_str(code);
        text.push(BETWEEN);
    }
    text.into()
}
