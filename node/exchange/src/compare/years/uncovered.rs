//! Figures whose total is not there: they are summed themselves, as long as none of them counts twice.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};

use super::Axis;

/// Most totals remembered, and most figures without a total that are looked at: together some 150 MiB.
const MAX_KEPT: usize = 2_000_000;

/// A figure that is a part of a total.
#[derive(Debug, Clone)]
struct Figure {
    group: usize,
    /// Its place on each axis.
    places: Box<[u16]>,
    value: f64,
}

/// Totals that are there, and parts of others that are not.
#[derive(Default)]
pub(super) struct Uncovered {
    hashes: RandomState,
    covered: HashSet<u64>,
    figures: HashMap<u64, Vec<Figure>>,
    kept: usize,
}

impl Uncovered {
    /// What stands for the figures of a group and period whose outermost totals are these.
    fn class(&self, group: usize, period: &str, tops: &[u16]) -> u64 {
        self.hashes.hash_one((group, period, tops))
    }

    /// Remembers a total; false if there are too many.
    pub(super) fn cover(&mut self, group: usize, period: &str, places: &[u16]) -> bool {
        let room = self.covered.len() < MAX_KEPT;
        if room {
            self.covered.insert(self.class(group, period, places));
        }
        room
    }

    /// Keeps a part of the total at `tops` if that is not there; false if there are too many.
    pub(super) fn keep(&mut self, group: usize, period: &str, places: &[u16], tops: &[u16], value: f64) -> bool {
        let class = self.class(group, period, tops);
        if self.covered.contains(&class) {
            return true;
        }
        self.kept += 1;
        if self.kept <= MAX_KEPT {
            self.figures.entry(class).or_default().push(Figure { group, places: places.into(), value });
        }
        self.kept <= MAX_KEPT
    }

    /// For each group what its figures without totals sum to, and how many they are.
    pub(super) fn sums(&self, axes: &[Axis]) -> BTreeMap<usize, (u64, f64)> {
        let mut sums = BTreeMap::new();
        for figures in self.figures.values() {
            let figures: Vec<&Figure> = figures.iter().collect();
            let (summed, sum) = disjoint(axes, &figures);
            let total: &mut (u64, f64) = sums.entry(figures.first().map_or(0, |figure| figure.group)).or_default();
            *total = (total.0 + summed, total.1 + sum);
        }
        sums
    }
}

/// Sums figures of which none is part of another: totals where they are there, otherwise the parts along the axis that has most.
fn disjoint(axes: &[Axis], figures: &[&Figure]) -> (u64, f64) {
    let totals: Vec<HashMap<u16, u16>> = axes
        .iter()
        .enumerate()
        .map(|(index, axis)| axis.totals(figures.iter().map(|figure| figure.places[index])))
        .collect();
    if totals.iter().all(HashMap::is_empty) {
        return (figures.len() as u64, figures.iter().map(|figure| figure.value).sum());
    }
    let part = |axis: usize, figure: &Figure| totals[axis].contains_key(&figure.places[axis]);
    let mut classes: BTreeMap<Vec<u16>, Vec<&Figure>> = BTreeMap::new();
    for figure in figures {
        let tops = totals.iter().zip(&figure.places).map(|(totals, place)| *totals.get(place).unwrap_or(place));
        classes.entry(tops.collect()).or_default().push(figure);
    }
    let (mut summed, mut sum) = (0, 0.0);
    for (tops, class) in classes {
        let (more, value) = match class.iter().find(|figure| *figure.places == *tops) {
            Some(total) => (1, total.value),
            None if class.len() < figures.len() => disjoint(axes, &class),
            None => {
                let along =
                    |axis: &usize| class.iter().copied().filter(|figure| part(*axis, figure)).collect::<Vec<_>>();
                let weight = |axis: &usize| {
                    let alone = |figure: &&&Figure| (0..axes.len()).all(|other| other == *axis || !part(other, figure));
                    along(axis).iter().filter(alone).map(|figure| figure.value).sum::<f64>()
                };
                let open = (0..axes.len()).filter(|axis| !totals[*axis].is_empty());
                let best = open.max_by(|a, b| weight(a).total_cmp(&weight(b)));
                best.map_or((0, 0.0), |axis| disjoint(axes, &along(&axis)))
            }
        };
        summed += more;
        sum += value;
    }
    (summed, sum)
}
