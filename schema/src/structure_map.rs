//! Turns figures of one structure into figures of another, as structure maps and representation maps say: what another agency
//! publishes under its codes becomes rows under ours. Importers call [`Mapper`] for rows and [`CodeMap`] for single codes.

use std::collections::{BTreeMap, HashMap};

use regex::{Regex, RegexBuilder};

use crate::dataset::TIME_PERIOD;
use crate::period::Period;
use crate::structure::{
    Reference, Representation, RepresentationMap, SourceValue, StructureMap, Structures, ValueMapping,
};

/// Most values of one representation map: several times the largest code list in use.
const MAX_VALUES: usize = 1_000_000;
/// Most patterns of one map: each is tried on each value that no other entry matches.
const MAX_PATTERNS: usize = 500;
/// Memory a compiled pattern may take, in bytes.
const PATTERN_BYTES: usize = 1 << 18;

/// Why a map cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// No such map.
    #[error("there is no structure map `{0}`")]
    NoMap(String),
    /// It refers to a map that is not there.
    #[error("the map refers to `{0}`, which is not here")]
    Dangling(String),
    /// The numbers of components and values do not fit.
    #[error("`{0}` does not map as many values as there are components")]
    Arity(String),
    /// It writes what the target does not have, or not all that it must have.
    #[error("the target's component `{component}`: {detail}")]
    Target {
        /// The component.
        component: String,
        /// What is wrong.
        detail: String,
    },
    /// Not a pattern, or one that is too large.
    #[error("`{0}` is not a regular expression that can be used")]
    Pattern(String),
    /// Too many entries.
    #[error("`{0}` has more than {MAX_VALUES} values or {MAX_PATTERNS} patterns")]
    TooMany(String),
}

/// Why a row has no equal in the target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The row lacks a component.
    #[error("the row has no `{0}`")]
    Missing(String),
    /// No entry for its values.
    #[error("`{component}`: the map has no entry for `{value}`")]
    NoEntry {
        /// The components read, joined by commas.
        component: String,
        /// Their values, joined by commas.
        value: String,
    },
    /// The map is not for such rows.
    #[error("`{component}` is `{value}`, and the map is for `{only}` only")]
    NotMeant {
        /// The component that chooses rows.
        component: String,
        /// Its value.
        value: String,
        /// The values that the map is for.
        only: String,
    },
}

/// The values of a representation map, ready for look-ups.
#[derive(Debug, Clone)]
pub struct CodeMap {
    exact: HashMap<Vec<String>, Vec<Entry>>,
    patterns: Vec<(Vec<Matcher>, Entry)>,
    width: usize,
}

/// What a source value becomes, and when.
#[derive(Debug, Clone)]
struct Entry {
    target: Vec<String>,
    valid_from: Option<String>,
    valid_to: Option<String>,
}

impl Entry {
    fn of(mapping: &ValueMapping) -> Self {
        let day = |time: &Option<String>| time.as_deref().map(|t| t.get(..10).unwrap_or(t).to_owned());
        Self {
            target: mapping.target_values.clone(),
            valid_from: day(&mapping.valid_from),
            valid_to: day(&mapping.valid_to),
        }
    }

    /// Whether it holds on the day; on any, if none is asked for.
    fn holds(&self, on: Option<&str>) -> bool {
        on.is_none_or(|on| {
            self.valid_from.as_deref().is_none_or(|from| from <= on)
                && self.valid_to.as_deref().is_none_or(|to| on <= to)
        })
    }
}

#[derive(Debug, Clone)]
struct Matcher {
    value: String,
    pattern: Option<Regex>,
    from: usize,
    to: Option<usize>,
}

impl Matcher {
    fn of(source: &SourceValue) -> Result<Self, MapError> {
        let pattern = (source.is_reg_ex == Some(true)).then(|| {
            let whole = format!("^(?:{})$", source.value);
            let built = RegexBuilder::new(&whole).size_limit(PATTERN_BYTES).build();
            built.map_err(|_| MapError::Pattern(source.value.chars().take(100).collect()))
        });
        let index = |i: u32| usize::try_from(i).unwrap_or(usize::MAX);
        Ok(Self {
            value: source.value.clone(),
            pattern: pattern.transpose()?,
            from: source.start_index.map_or(0, index),
            to: source.end_index.map(index),
        })
    }

    fn is_plain(&self) -> bool {
        self.pattern.is_none() && self.from == 0 && self.to.is_none()
    }

    /// The groups of the pattern in `value`, the whole first; none if it does not match.
    fn groups(&self, value: &str) -> Option<Vec<String>> {
        let length = self.to.map_or(usize::MAX, |to| to.saturating_sub(self.from));
        let part: String = value.chars().skip(self.from).take(length).collect();
        match &self.pattern {
            None => (part == self.value).then(|| vec![part]),
            Some(pattern) => pattern.captures(&part).map(|found| {
                found.iter().map(|group| group.map_or_else(String::new, |g| g.as_str().to_owned())).collect()
            }),
        }
    }
}

impl CodeMap {
    /// Makes a map ready. Patterns run in time linear in the value, and are bounded in size and number.
    pub fn new(map: &RepresentationMap) -> Result<Self, MapError> {
        let name = || map.maintainable.reference().to_string();
        let (sources, targets) = (map.source.len().max(1), map.target.len().max(1));
        let mut this = Self { exact: HashMap::new(), patterns: Vec::new(), width: targets };
        if map.representation_mappings.len() > MAX_VALUES {
            return Err(MapError::TooMany(name()));
        }
        for mapping in &map.representation_mappings {
            let targets_fit = mapping.target_values.is_empty() || mapping.target_values.len() == targets;
            if mapping.source_values.len() != sources || !targets_fit {
                return Err(MapError::Arity(name()));
            }
            let matchers = mapping.source_values.iter().map(Matcher::of).collect::<Result<Vec<_>, _>>()?;
            let entry = Entry::of(mapping);
            if matchers.iter().all(Matcher::is_plain) {
                this.exact.entry(matchers.into_iter().map(|m| m.value).collect()).or_default().push(entry);
            } else if this.patterns.len() < MAX_PATTERNS {
                this.patterns.push((matchers, entry));
            } else {
                return Err(MapError::TooMany(name()));
            }
        }
        Ok(this)
    }

    /// What `values` become on the day `on` (ISO, such as `2024-03-01`), or on any day. None if the map has no entry, or says that
    /// they have no equal. An entry for just these values goes before patterns; `\1` in a target is the first group.
    pub fn map(&self, values: &[&str], on: Option<&str>) -> Option<Vec<String>> {
        let key: Vec<String> = values.iter().map(|v| (*v).to_owned()).collect();
        let exact = self.exact.get(&key).and_then(|entries| entries.iter().find(|e| e.holds(on)));
        if let Some(entry) = exact {
            return (!entry.target.is_empty()).then(|| entry.target.clone());
        }
        self.patterns.iter().filter(|(matchers, entry)| matchers.len() == values.len() && entry.holds(on)).find_map(
            |(matchers, entry)| {
                let mut groups = Vec::new();
                for (matcher, value) in matchers.iter().zip(values) {
                    let found = matcher.groups(value)?;
                    groups.extend(found.into_iter().skip(1));
                }
                (entry.target.len() == self.width).then(|| entry.target.iter().map(|t| filled(t, &groups)).collect())
            },
        )
    }

    /// What one code becomes.
    pub fn code(&self, code: &str) -> Option<String> {
        self.map(&[code], None).and_then(|mut found| if found.len() == 1 { found.pop() } else { None })
    }
}

/// A target with `\1`, `\2` and so on replaced by the groups.
fn filled(target: &str, groups: &[String]) -> String {
    groups
        .iter()
        .enumerate()
        .rev()
        .fold(target.to_owned(), |text, (index, group)| text.replace(&format!("\\{}", index + 1), group))
}

/// A structure map, ready to turn rows.
#[derive(Debug, Clone)]
pub struct Mapper {
    /// The structure that rows come in.
    pub source: Reference,
    /// The dataflow that they become.
    pub target: Reference,
    steps: Vec<Step>,
    /// Target component to value.
    fixed: BTreeMap<String, String>,
    /// Source component to the values of rows that are meant.
    only: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone)]
struct Step {
    source: Vec<String>,
    target: Vec<String>,
    codes: Option<CodeMap>,
}

impl Mapper {
    /// Makes the map `reference` ready. Where its target is in `structures`, every mandatory component must be written, and fixed
    /// values must be codes.
    pub fn new(structures: &Structures, reference: &Reference) -> Result<Self, MapError> {
        let map = structures.structure_maps.iter().find(|m| m.maintainable.is(reference));
        let map = map.ok_or_else(|| MapError::NoMap(reference.to_string()))?;
        let read = |urn: &str| urn.parse().map_err(|_| MapError::Dangling(urn.chars().take(200).collect()));
        let mut this = Self {
            source: read(&map.source)?,
            target: read(&map.target)?,
            steps: Vec::new(),
            fixed: BTreeMap::new(),
            only: BTreeMap::new(),
        };
        for component in &map.component_maps {
            let codes = match &component.representation_map {
                None if component.source.len() == component.target.len() => None,
                None => return Err(MapError::Arity(component.source.join(", "))),
                Some(urn) => {
                    let reference: Reference = read(urn)?;
                    let found = structures.representation_maps.iter().find(|m| m.maintainable.is(&reference));
                    let found = found.ok_or_else(|| MapError::Dangling(reference.to_string()))?;
                    if found.source.len() != component.source.len() || found.target.len() != component.target.len() {
                        return Err(MapError::Arity(reference.to_string()));
                    }
                    Some(CodeMap::new(found)?)
                }
            };
            this.steps.push(Step { source: component.source.clone(), target: component.target.clone(), codes });
        }
        this.fix(map)?;
        this.check_target(structures)?;
        Ok(this)
    }

    fn fix(&mut self, map: &StructureMap) -> Result<(), MapError> {
        for fixed in &map.fixed_value_maps {
            match (&fixed.source, &fixed.target, fixed.values.as_slice()) {
                (Some(source), None, values) if !values.is_empty() => {
                    self.only.insert(source.clone(), values.to_vec());
                }
                (None, Some(target), [value]) => {
                    self.fixed.insert(target.clone(), value.clone());
                }
                (source, target, _) => {
                    let component = source.as_ref().or(target.as_ref()).cloned().unwrap_or_default();
                    return Err(MapError::Arity(component));
                }
            }
        }
        Ok(())
    }

    /// Components and values that are written, checked against the target's data structure.
    fn check_target(&self, structures: &Structures) -> Result<(), MapError> {
        let dataflow = structures.dataflow(&self.target).and_then(|d| d.structure.parse::<Reference>().ok());
        let Some(structure) = structures.data_structure(dataflow.as_ref().unwrap_or(&self.target)) else {
            return Ok(());
        };
        let fault = |component: &str, detail: String| MapError::Target { component: component.to_owned(), detail };
        let components = structure.components();
        for id in self.targets() {
            let Some(component) = components.iter().find(|c| c.id == id) else {
                return Err(fault(id, "the target has no such component".to_owned()));
            };
            if let (Some(value), Some(Representation::Enumeration(urn))) =
                (self.fixed.get(id), component.representation)
            {
                let list = urn.parse().ok().and_then(|r| structures.codelist(&r));
                if let Some(list) = list.filter(|l| l.codes.by_id(value).is_none()) {
                    return Err(fault(id, format!("`{value}` is no code of `{}`", list.maintainable.id)));
                }
            }
        }
        let written: Vec<&str> = self.targets().collect();
        let unwritten = components.iter().find(|c| c.mandatory && !written.contains(&c.id));
        unwritten.map_or(Ok(()), |c| Err(fault(c.id, "it is mandatory, and nothing is written to it".to_owned())))
    }

    /// Ids of the components read, in the map's order, those that only choose rows last.
    pub fn sources(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|s| &s.source).chain(self.only.keys()).map(String::as_str)
    }

    /// Ids of the components written.
    pub fn targets(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|s| &s.target).chain(self.fixed.keys()).map(String::as_str)
    }

    /// Turns a row: component id to value. What the row has and the map does not read is left out. A component that the row lacks is read as empty, if the map has an entry for that.
    pub fn apply(&self, row: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, RowError> {
        for (component, values) in &self.only {
            let value = row.get(component).ok_or_else(|| RowError::Missing(component.clone()))?;
            if !values.contains(value) {
                let only = values.join("`, `");
                return Err(RowError::NotMeant { component: component.clone(), value: quoted(value), only });
            }
        }
        let day = row.get(TIME_PERIOD).and_then(|t| Period::parse(t)).map(|p| p.start.to_string());
        let mut out = self.fixed.clone();
        for step in &self.steps {
            let values: Vec<&str> = step.source.iter().map(|id| row.get(id).map_or("", String::as_str)).collect();
            let mapped = match &step.codes {
                Some(codes) => codes.map(&values, day.as_deref()).ok_or_else(|| RowError::NoEntry {
                    component: step.source.join(", "),
                    value: quoted(&values.join(", ")),
                })?,
                None => match step.source.iter().find(|id| !row.contains_key(*id)) {
                    Some(missing) => return Err(RowError::Missing(missing.clone())),
                    None => values.into_iter().map(str::to_owned).collect(),
                },
            };
            out.extend(step.target.iter().cloned().zip(mapped));
        }
        Ok(out)
    }
}

/// A value as far as it is told.
fn quoted(value: &str) -> String {
    value.chars().take(200).collect()
}

#[cfg(test)]
mod tests;
