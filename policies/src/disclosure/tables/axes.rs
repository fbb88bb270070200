//! Which codes of a dimension are parts of which: from the code list, the hierarchies of its codes, the bounds of ages and the profile.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use chancery_schema::dataset::{Component, DatasetSchema, FREQ};
use chancery_schema::structure::{Structures, item_of};

use super::ages;
use crate::disclosure::Profile;

/// All of a dimension's codes together.
pub(in crate::disclosure) const TOTAL: &str = "_T";
/// Codes that are no part of a total: not applicable, not broken down.
const NO_PART: [&str; 2] = ["_Z", "_N"];
/// Sets of codes whose sums are remembered.
const REMEMBERED: usize = 4_096;

/// One sum: index of the total and of its parts among the codes that are there.
pub(in crate::disclosure) type CodeSum = (u32, Vec<u32>);

/// A dimension over which figures may add up.
#[derive(Debug)]
pub(in crate::disclosure) struct Axis {
    /// Its id.
    pub(in crate::disclosure) id: String,
    /// Its place in a key.
    pub(in crate::disclosure) place: usize,
    /// The frequency's place, for time: both go together.
    pub(in crate::disclosure) with: Option<usize>,
    /// The codes above a code, nearest first.
    above: HashMap<String, Vec<String>>,
    /// Levels of a hierarchy: the level's place from the top, and its id.
    levels: HashMap<String, (usize, String)>,
    /// Sums that the profile tells.
    declared: Vec<(String, Vec<String>)>,
    remembered: RefCell<HashMap<Vec<u16>, Arc<Vec<CodeSum>>>>,
}

impl Axis {
    /// Every dimension of a dataflow, and time.
    pub(in crate::disclosure) fn all(schema: &DatasetSchema, structures: &Structures, profile: &Profile) -> Vec<Self> {
        let mut axes: Vec<Self> = schema
            .dimensions
            .iter()
            .enumerate()
            .filter(|(_, dimension)| dimension.id != FREQ)
            .map(|(place, dimension)| Self::of(dimension, place, structures, profile))
            .collect();
        axes.push(Self {
            with: schema.dimension_index(FREQ),
            ..Self::empty(schema.time.id.clone(), schema.dimensions.len())
        });
        axes
    }

    fn empty(id: String, place: usize) -> Self {
        Self {
            id,
            place,
            with: None,
            above: HashMap::new(),
            levels: HashMap::new(),
            declared: Vec::new(),
            remembered: RefCell::default(),
        }
    }

    fn of(component: &Component, place: usize, structures: &Structures, profile: &Profile) -> Self {
        let mut axis = Self::empty(component.id.clone(), place);
        let Some(codes) = component.codes.as_ref() else { return axis };
        let items = codes.items();
        for item in items {
            let mut above = Vec::new();
            let mut parent = item.parent.clone();
            // A list has no cycles that are longer than it.
            while let Some(id) = parent.filter(|_| above.len() < items.len()) {
                parent = items.iter().find(|other| other.id == id).and_then(|other| other.parent.clone());
                above.push(id);
            }
            if !above.is_empty() {
                axis.above.insert(item.id.clone(), above);
            }
        }
        for hierarchy in &structures.hierarchies {
            let levels: Vec<&str> = std::iter::successors(hierarchy.level.as_ref(), |level| level.level.as_ref())
                .map(|level| level.id.as_str())
                .collect();
            hierarchy.walk(&mut |above, node| {
                if item_of(&node.code).is_some_and(|(list, _)| list == codes.reference) {
                    axis.above
                        .entry(node.id.clone())
                        .or_insert_with(|| above.iter().rev().map(|id| (*id).to_owned()).collect());
                    if let Some(level) = &node.level
                        && let Some(rank) = levels.iter().position(|id| id == level)
                    {
                        axis.levels.entry(node.id.clone()).or_insert((rank, level.clone()));
                    }
                }
            });
        }
        let declared = profile.sums.iter().filter(|sum| sum.dimension == component.id);
        axis.declared = declared.map(|sum| (sum.total.clone(), sum.parts.clone())).collect();
        axis
    }

    /// Whether `code` is below `level` of the dimension's hierarchy: finer, or in no hierarchy at all, and no total.
    pub(in crate::disclosure) fn is_below(&self, code: &str, level: &str) -> bool {
        let limit = self.levels.values().find(|(_, id)| id == level).map_or(0, |(rank, _)| *rank);
        match self.levels.get(code) {
            // Codes without an area, such as the unknown, tell no nationality.
            None => code != TOTAL && !code.starts_with('_'),
            Some((rank, _)) => *rank > limit,
        }
    }

    /// Whether the hierarchy has such a level.
    pub(in crate::disclosure) fn has_level(&self, level: &str) -> bool {
        self.levels.values().any(|(_, id)| id == level)
    }

    /// The sums among codes, given with their numbers, each once.
    pub(in crate::disclosure) fn sums(&self, numbers: &[u16], codes: &[&str]) -> Arc<Vec<CodeSum>> {
        if let Some(sums) = self.remembered.borrow().get(numbers) {
            return Arc::clone(sums);
        }
        let mut sums = if self.with.is_some() || self.place_is_time() {
            self.periods(codes)
        } else {
            match ages::sums(codes).filter(|_| self.id == "AGE") {
                Some(sums) => sums,
                None => self.nested(codes),
            }
        };
        for (total, parts) in &self.declared {
            let at = |code: &String| codes.iter().position(|c| *c == code.as_str()).map(|i| i as u32);
            let found: Vec<u32> = parts.iter().filter_map(at).collect();
            if let (Some(total), false) = (at(total), found.is_empty()) {
                sums.push((total, found));
            }
        }
        let sums = Arc::new(sums);
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() >= REMEMBERED {
            remembered.clear();
        }
        remembered.insert(numbers.to_vec(), Arc::clone(&sums));
        sums
    }

    fn place_is_time(&self) -> bool {
        self.id == chancery_schema::dataset::TIME_PERIOD
    }

    /// Each code is a part of the nearest one above it that is there.
    fn nested(&self, codes: &[&str]) -> Vec<CodeSum> {
        let at: HashMap<&str, u32> = codes.iter().zip(0u32..).map(|(code, i)| (*code, i)).collect();
        let total = at.get(TOTAL).copied();
        let above = |code: &str| {
            let nearest = self.above.get(code).into_iter().flatten().find_map(|above| at.get(above.as_str()).copied());
            nearest.or(total.filter(|_| code != TOTAL && !NO_PART.contains(&code)))
        };
        collect(codes, above)
    }

    /// Months make quarters, quarters half years, half years years, where all of them are there. The codes are periods.
    fn periods(&self, codes: &[&str]) -> Vec<CodeSum> {
        let at: HashMap<&str, u32> = codes.iter().zip(0u32..).map(|(code, i)| (*code, i)).collect();
        let above = |code: &str| wider(code).into_iter().find_map(|wider| at.get(wider.as_str()).copied());
        let mut sums = collect(codes, above);
        let length = |code: &str| match code.as_bytes() {
            [_, _, _, _] => 12,
            [_, _, _, _, b'-', b'S', _] => 6,
            [_, _, _, _, b'-', b'Q', _] => 3,
            _ => 1,
        };
        sums.retain(|(total, parts)| {
            let months = |i: &u32| codes.get(*i as usize).map_or(0, |code| length(code));
            parts.iter().map(months).sum::<u32>() == months(total)
        });
        sums
    }
}

/// The periods that a period is part of, nearest first.
pub(super) fn wider(period: &str) -> Vec<String> {
    let (Some(year), Some(rest)) = (period.get(..4), period.get(5..)) else { return Vec::new() };
    let (quarter, half) = match rest.as_bytes() {
        [b'Q', q @ b'1'..=b'4'] => (None, Some((q - b'1') / 2 + 1)),
        [b'S', b'1' | b'2'] => (None, None),
        [tens @ b'0'..=b'1', ones @ b'0'..=b'9'] => {
            let month = (tens - b'0') * 10 + (ones - b'0');
            if !(1..=12).contains(&month) {
                return Vec::new();
            }
            (Some((month - 1) / 3 + 1), Some((month - 1) / 6 + 1))
        }
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    found.extend(quarter.map(|q| format!("{year}-Q{q}")));
    found.extend(half.map(|s| format!("{year}-S{s}")));
    found.push(year.to_owned());
    found
}

/// Sums from what each code is directly part of.
fn collect(codes: &[&str], above: impl Fn(&str) -> Option<u32>) -> Vec<CodeSum> {
    let mut parts: HashMap<u32, Vec<u32>> = HashMap::new();
    for (code, i) in codes.iter().zip(0u32..) {
        if let Some(whole) = above(code).filter(|whole| *whole != i) {
            parts.entry(whole).or_default().push(i);
        }
    }
    let mut sums: Vec<CodeSum> = parts.into_iter().collect();
    sums.sort_unstable();
    sums
}
