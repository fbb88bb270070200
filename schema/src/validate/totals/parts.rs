//! Which code is part of which: from the code list (parents, `_T`), from hierarchies of its codes, and for ages from their bounds.

use std::collections::HashMap;

use super::Cell;
use crate::dataset::Component;
use crate::structure::{Structures, item_of};

/// Longest code list whose codes are compared with each other.
const MAX_CODES: usize = 2_048;
/// All of a dimension's codes together.
const TOTAL: &str = "_T";
/// Codes that are no part of a total: not applicable, not broken down.
const NO_PART: [&str; 2] = ["_Z", "_N"];

/// Which codes of a component are parts of which.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Places of the codes in `within`.
    pub(super) places: HashMap<String, u16>,
    /// Whether the second code is part of the first.
    within: Vec<Vec<bool>>,
    /// Bounds of ages and how they are accompanied; none for other codes.
    ages: Vec<Option<Age>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Age {
    from: u16,
    to: u16,
    kind: String,
}

impl Age {
    /// `Y0T4`, `Y_LT18`, `Y_GE60`, `Y12T17_UNA`.
    fn parse(code: &str) -> Option<Self> {
        let rest = code.strip_prefix('Y')?;
        let (bounds, kind) = match rest.get(1..).and_then(|tail| tail.find('_')) {
            Some(at) => (&rest[..at + 1], rest[at + 2..].to_owned()),
            None => (rest, String::new()),
        };
        let number = |text: &str| text.parse::<u16>().ok();
        let (from, to) = if let Some(to) = bounds.strip_prefix("_LT") {
            (0, number(to)?.checked_sub(1)?)
        } else if let Some(from) = bounds.strip_prefix("_GE") {
            (number(from)?, u16::MAX)
        } else {
            let (from, to) = bounds.split_once('T')?;
            (number(from)?, number(to)?)
        };
        Some(Self { from, to, kind })
    }

    fn holds(&self, part: &Self) -> bool {
        self != part && self.from <= part.from && part.to <= self.to && (self.kind.is_empty() || self.kind == part.kind)
    }

    fn overlaps(&self, other: &Self) -> bool {
        let apart = !self.kind.is_empty() && !other.kind.is_empty() && self.kind != other.kind;
        self.from <= other.to && other.from <= self.to && !apart
    }
}

impl Parts {
    /// The parts among a component's codes; none if they have no total, or are too many.
    pub fn of(component: &Component, structures: &Structures) -> Option<Self> {
        let codes = component.codes.as_ref()?;
        let items = codes.items();
        if items.len() > MAX_CODES || !codes.contains(TOTAL) {
            return None;
        }
        let places: HashMap<String, u16> = (0..).zip(items).map(|(place, item)| (item.id.clone(), place)).collect();
        let ages: Vec<Option<Age>> = items.iter().map(|item| Age::parse(&item.id)).collect();
        let mut within = vec![vec![false; items.len()]; items.len()];
        let mut put = |whole: &str, part: &str| {
            if let (Some(whole), Some(part)) = (places.get(whole), places.get(part)) {
                within[usize::from(*whole)][usize::from(*part)] = whole != part;
            }
        };
        for item in items {
            if item.id != TOTAL && !NO_PART.contains(&item.id.as_str()) {
                put(TOTAL, &item.id);
            }
            let mut above = item.parent.as_deref();
            // A list has no cycles that are longer than it.
            for _ in 0..items.len() {
                let Some(parent) = above else { break };
                put(parent, &item.id);
                above = items.iter().find(|other| other.id == parent).and_then(|other| other.parent.as_deref());
            }
        }
        for hierarchy in &structures.hierarchies {
            hierarchy.walk(&mut |above, node| {
                if item_of(&node.code).is_some_and(|(list, _)| list == codes.reference) {
                    above.iter().for_each(|whole| put(whole, &node.id));
                }
            });
        }
        for (whole, age) in ages.iter().enumerate() {
            for (part, other) in ages.iter().enumerate() {
                if let (Some(age), Some(other)) = (age, other) {
                    within[whole][part] |= age.holds(other);
                }
            }
        }
        Some(Self { places, within, ages })
    }

    /// For each of these codes which of the others is its outermost total; none for those that are parts of no other.
    pub fn outermost(&self, codes: &[&str]) -> Vec<Option<usize>> {
        let places: Vec<Option<u16>> = codes.iter().map(|code| self.places.get(*code).copied()).collect();
        let whole = |part: u16| move |place: &Option<u16>| place.is_some_and(|whole| self.is_within(whole, part));
        let is_part: Vec<bool> =
            places.iter().map(|place| place.is_some_and(|part| places.iter().any(whole(part)))).collect();
        let total = |place: &Option<u16>| {
            let part = (*place)?;
            (0..places.len()).find(|index| !is_part[*index] && whole(part)(&places[*index]))
        };
        places.iter().map(total).collect()
    }

    pub(super) fn is_within(&self, whole: u16, part: u16) -> bool {
        self.within.get(usize::from(whole)).and_then(|row| row.get(usize::from(part))).copied().unwrap_or(false)
    }

    /// The widest parts of `whole` among `there`, which make it up together; none if some overlap.
    pub(super) fn widest(&self, whole: u16, there: &[Cell]) -> Option<Vec<Cell>> {
        let parts: Vec<Cell> = there.iter().filter(|cell| self.is_within(whole, cell.code)).copied().collect();
        let hidden = |cell: &Cell| parts.iter().any(|other| self.is_within(other.code, cell.code));
        let widest: Vec<Cell> = parts.iter().filter(|cell| !hidden(cell)).copied().collect();
        let age = |cell: &Cell| self.ages.get(usize::from(cell.code)).and_then(Option::as_ref);
        let overlap = |(index, cell): (usize, &Cell)| {
            widest[index + 1..]
                .iter()
                .any(|other| matches!((age(cell), age(other)), (Some(a), Some(b)) if a.overlaps(b)))
        };
        (!widest.iter().enumerate().any(overlap)).then_some(widest)
    }
}
