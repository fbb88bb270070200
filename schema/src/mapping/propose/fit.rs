//! Which column of a file may be which component: by its heading and by its texts.

use std::ops::Range;

use super::super::System;
use super::super::names::{NameIndex, folded, texts as all_names};
use super::dates::{Dates, Joined, is_recent_year};
use super::{AREAS, Sample};
use crate::dataset::{CodeSet, Component, OBS_VALUE, TIME_PERIOD};

/// A column that scores less is not proposed for a component.
const LEAST_SCORE: f64 = 0.75;

/// How a column's texts become codes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Reading {
    Plain,
    Names,
    System(&'static str),
    Dates(Dates),
}

/// A column that may be a component.
pub(super) struct Fit {
    pub(super) column: usize,
    pub(super) component: usize,
    pub(super) score: f64,
    pub(super) reading: Reading,
}

/// Columns that the file does not have as they are.
pub(super) struct Known<'a> {
    /// What the headings of a wide table became, in front of the column that its cells became.
    pub(super) heads: Option<Range<usize>>,
    /// What a year and a month became, behind all others.
    pub(super) joined: Option<&'a Joined>,
}

impl Known<'_> {
    /// The column that can be nothing but the component.
    fn column(&self, component: &Component, sample: &Sample) -> Option<usize> {
        match component.id.as_str() {
            OBS_VALUE => self.heads.as_ref().map(|heads| heads.end),
            TIME_PERIOD => self.joined.and(sample.columns.len().checked_sub(1)),
            _ => None,
        }
    }

    /// Whether the column has become a part of another.
    fn is_part(&self, column: usize) -> bool {
        self.joined.is_some_and(|joined| joined.has(column))
    }
}

/// The best columns for components, each used once.
pub(super) fn assign(components: &[&Component], sample: &Sample, known: &Known<'_>) -> Vec<Fit> {
    let mut fits = Vec::new();
    for (index, component) in components.iter().enumerate() {
        if let Some(column) = known.column(component, sample) {
            // No other column comes before it.
            let (_, reading) = share(component, None, &sample.columns[column].1);
            fits.push(Fit { column, component: index, score: f64::MAX, reading });
            continue;
        }
        let names = component.codes.as_ref().map(|codes| NameIndex::of(codes, None));
        for (column, (heading, texts)) in sample.columns.iter().enumerate().filter(|(i, _)| !known.is_part(*i)) {
            let (share, reading) = share(component, names.as_ref(), texts);
            // What tells columns apart is a dimension, if its texts are codes, whatever it is called.
            let is_head = known.heads.as_ref().is_some_and(|heads| heads.contains(&column)) && share > 0.95;
            let likeness = likeness(component, heading).max(if is_head { 0.6 } else { 0.0 });
            // A column of our own codes is better than one whose codes mean other areas elsewhere.
            let share = if matches!(reading, Reading::System(_)) { share * 0.9 } else { share };
            let free = component.codes.is_none() && !matches!(component.id.as_str(), TIME_PERIOD | OBS_VALUE);
            let score = if free { likeness } else { share * (0.5 + likeness) };
            if score >= LEAST_SCORE || share > 0.95 && likeness > 0.5 {
                fits.push(Fit { column, component: index, score, reading });
            }
        }
    }
    fits.sort_by(|a, b| b.score.total_cmp(&a.score));
    let mut taken: Vec<Fit> = Vec::new();
    for fit in fits {
        if !taken.iter().any(|other| other.column == fit.column || other.component == fit.component) {
            taken.push(fit);
        }
    }
    taken.extend(by_texts(components, sample, &taken, known));
    taken
}

/// Columns for time, areas and the figure where nothing is named like them, by their texts alone. The reporter is often one of the ends
/// of a corridor.
fn by_texts(components: &[&Component], sample: &Sample, named: &[Fit], known: &Known<'_>) -> Vec<Fit> {
    let mut taken: Vec<Fit> = Vec::new();
    let order = |component: &Component| match component.id.as_str() {
        TIME_PERIOD => 0,
        OBS_VALUE => 2,
        _ => 1,
    };
    let area = |component: &Component| component.codes.as_ref().is_some_and(|codes| codes.reference.id == AREAS);
    let wanted = |component: &Component| match component.id.as_str() {
        TIME_PERIOD | OBS_VALUE => true,
        _ => component.mandatory && area(component),
    };
    let mut open: Vec<usize> = (0..components.len())
        .filter(|index| wanted(components[*index]) && !named.iter().any(|fit| fit.component == *index))
        .collect();
    open.sort_by_key(|index| order(components[*index]));
    for component in open {
        let names = components[component].codes.as_ref().map(|codes| NameIndex::of(codes, None));
        let free =
            |column: &usize| !known.is_part(*column) && !named.iter().chain(&taken).any(|fit| fit.column == *column);
        let best = (0..sample.columns.len())
            .filter(free)
            .map(|column| (column, share(components[component], names.as_ref(), &sample.columns[column].1)))
            .filter(|(_, (share, _))| *share > 0.8)
            .max_by(|a, b| a.1.0.total_cmp(&b.1.0));
        let end = |fit: &&Fit| {
            let (this, other) = (components[component].id.as_str(), components[fit.component].id.as_str());
            matches!((this, other), ("REF_AREA", "DESTINATION") | ("DESTINATION", "REF_AREA"))
        };
        let same = named.iter().chain(&taken).find(end).map(|fit| (fit.column, fit.reading));
        // Half as sure as a column that is named like it.
        match (same, best) {
            (Some((column, reading)), _) => taken.push(Fit { column, component, score: 0.5, reading }),
            (None, Some((column, (_, reading)))) => taken.push(Fit { column, component, score: 0.5, reading }),
            (None, None) => {}
        }
    }
    taken
}

/// How much of a column's texts the component takes, and how they are read.
fn share(component: &Component, names: Option<&NameIndex>, texts: &[String]) -> (f64, Reading) {
    let of = |takes: &dyn Fn(&str) -> bool| match texts.len() {
        0 => 0.0,
        all => texts.iter().filter(|text| takes(text)).count() as f64 / all as f64,
    };
    match (&component.codes, component.id.as_str()) {
        (None, OBS_VALUE) => (of(&|text| number(text) && !is_recent_year(text)), Reading::Plain),
        (None, TIME_PERIOD) => {
            let (share, dates) = Dates::of(texts);
            (share, Reading::Dates(dates))
        }
        (None, _) => (0.0, Reading::Plain),
        (Some(codes), _) => {
            let mut best = (of(&|text| codes.contains(text)), Reading::Plain);
            let named = of(&|text| names.is_some_and(|n| n.find(text).is_some()) || loosely(codes, text).is_some());
            if named > best.0 {
                best = (named, Reading::Names);
            }
            if codes.reference.id == AREAS {
                for (system, word) in System::ALL {
                    let known = system.codes();
                    let taken = of(&|text| known.contains_key(text));
                    if taken > best.0 {
                        best = (taken, Reading::System(word));
                    }
                }
            }
            best
        }
    }
}

/// Most codes of a list in which a text is looked for loosely: of many, too many are alike.
const FEW_CODES: usize = 100;
/// Fewest letters of the beginning of a name.
const LEAST_BEGINNING: usize = 5;

/// The code of a list of few that a text most likely is, though it is neither it nor its name: `idps` of `IDP`, `stateless` of
/// "Stateless persons".
pub(super) fn loosely<'a>(codes: &'a CodeSet, text: &str) -> Option<&'a str> {
    if codes.items().len() > FEW_CODES {
        return None;
    }
    let text = folded(text);
    let same = |code: &&str| {
        let code = folded(code);
        !code.is_empty() && (text == code || text.strip_suffix('s') == Some(code.as_str()))
    };
    let all = || codes.iter().map(|(code, _)| code);
    all().find(same).or_else(|| {
        let begins = |name: &str| folded(name).strip_prefix(text.as_str()).is_some_and(|rest| rest.starts_with(' '));
        let mut found = all_names(codes).filter(|(_, _, name)| begins(name)).map(|(code, ..)| code);
        let first = found.next().filter(|_| text.chars().count() >= LEAST_BEGINNING)?;
        found.all(|code| code == first).then_some(first)
    })
}

pub(super) fn number(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '\u{2212}']).unwrap_or(text);
    digits.bytes().any(|b| b.is_ascii_digit())
        && digits.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | ' ' | '\u{a0}' | '\u{202f}'))
}

/// How people are called by the state they belong to, folded.
const NATIONALITY: [&str; 11] = [
    "nationality",
    "nat",
    "citizenship",
    "citizen",
    "nacionalidad",
    "ciudadania",
    "nationalite",
    "citoyennete",
    "гражданство",
    "الجنسية",
    "国籍",
];

/// How much a heading is like a component's id, or its name in any language.
fn likeness(component: &Component, heading: &str) -> f64 {
    let heading = folded(heading);
    let coded = [" iso", " iso3", " iso 3", " code"].into_iter().find_map(|end| heading.strip_suffix(end));
    let heading = coded.filter(|_| component.codes.is_some()).map_or(heading.clone(), str::to_owned);
    let id = folded(&component.id.replace('_', " "));
    let names = component.names.names.values().map(|name| folded(name)).chain([id, folded(&component.name)]);
    let usual: &[&str] = match component.id.as_str() {
        OBS_VALUE => &["value", "count", "number", "total", "persons", "n", "figure"],
        TIME_PERIOD => &["year", "date", "period", "month", "quarter", "time", "ano", "annee", "t"],
        "SEX" => &["gender", "sexo", "sexe"],
        "CITIZENSHIP" => &NATIONALITY,
        "ORIGIN" if NATIONALITY.contains(&heading.as_str()) => &NATIONALITY,
        "ORIGIN" => &["coo", "country of origin", "from"],
        "DESTINATION" => &["coa", "country of asylum", "country of destination", "to"],
        "REF_AREA" => &["country", "reporter", "geo", "area"],
        _ => &[],
    };
    let one = |name: String| match () {
        () if name == heading => 1.0,
        () if heading.len() > 2 && (name.contains(&heading) || name.len() > 3 && heading.contains(&name)) => 0.7,
        () => Some(strsim::jaro_winkler(&name, &heading)).filter(|like| *like > 0.88).map_or(0.0, |like| like - 0.3),
    };
    names.chain(usual.iter().map(|name| (*name).to_owned())).map(one).fold(0.0, f64::max)
}
