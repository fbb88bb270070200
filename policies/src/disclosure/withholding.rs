//! Withholding: sensitive figures are suppressed, others with them so that none is found from what is published, and an audit looks at the result.
//!
//! The figures are held as numbers, about 26 bytes each; the tables of one period, or of one year where periods add up, are made one after the other.

mod mark;
mod protect;
mod tally;
mod words;

use arrow::array::{Array, AsArray, Float64Array, RecordBatch, StringArray};
use arrow::datatypes::Float64Type;
use chancery_schema::dataset::DatasetSchema;
use chancery_schema::structure::Structures;

use super::audit::Audit;
use super::primary::{self, Verdict};
use super::respondents::Respondents;
use super::table::{MAX_CELLS, State};
use super::tables::{self, Axis, Beside, Built, Coders, Judged, Known, Maker, Rows, TOTAL};
use super::{Profile, Protection, ProtectionError, Report};
pub(super) use mark::CONFIDENTIAL;
use tally::Tally;
use words::Words;

/// Figures named in a refusal.
const NAMED: usize = 10;

/// What becomes of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It is published.
    Publish,
    /// It is sensitive.
    Primary,
    /// It protects another.
    Secondary,
}

pub(super) struct Withholding {
    profile: Profile,
    schema: DatasetSchema,
    axes: Vec<Axis>,
    coders: Coders,
    rows: Rows,
    /// By row: whether the rules concern it.
    subject: Vec<bool>,
    counted: Vec<bool>,
    respondents: Respondents,
    known: Vec<Known>,
    fates: Vec<Fate>,
    applied: usize,
    report: Report,
    tally: Tally,
}

struct Columns<'a> {
    keys: Vec<&'a StringArray>,
    values: &'a Float64Array,
    unit: Option<&'a StringArray>,
    multiplier: Option<&'a StringArray>,
}

impl Withholding {
    pub(super) fn new(
        profile: &Profile,
        schema: &DatasetSchema,
        structures: &Structures,
    ) -> Result<Self, ProtectionError> {
        let axes = Axis::all(schema, structures, profile);
        check_names(profile, schema, &axes)?;
        let mut rules = primary::in_words(profile);
        if profile.secondary && !rules.is_empty() {
            rules.push(
                "where sums would give a suppressed figure back, or too nearly, others are suppressed with it"
                    .to_owned(),
            );
        }
        if profile.rounding_base > 1 {
            rules.push(format!("counts are rounded to multiples of {}", profile.rounding_base));
        }
        let width = schema.dimensions.len() + 1;
        Ok(Self {
            report: Report { profile: profile.name.clone(), rules, ..Report::default() },
            profile: profile.clone(),
            schema: schema.clone(),
            axes,
            coders: Coders::new(width),
            rows: Rows::new(width),
            subject: Vec::new(),
            counted: Vec::new(),
            respondents: Respondents::default(),
            known: Vec::new(),
            fates: Vec::new(),
            applied: 0,
            tally: Tally::default(),
        })
    }

    fn columns<'a>(&self, batch: &'a RecordBatch) -> Result<Columns<'a>, ProtectionError> {
        let text = |id: &str| {
            let column = batch.column_by_name(id).and_then(|c| c.as_string_opt::<i32>());
            column.ok_or_else(|| ProtectionError::Column(id.to_owned()))
        };
        let measure = &self.schema.measure.id;
        let values = batch.column_by_name(measure).and_then(|c| c.as_primitive_opt::<Float64Type>());
        let keys =
            self.schema.dimensions.iter().chain([&self.schema.time]).map(|c| text(&c.id)).collect::<Result<_, _>>()?;
        Ok(Columns {
            keys,
            values: values.ok_or_else(|| ProtectionError::Column(measure.clone()))?,
            unit: self.schema.component("UNIT_MEASURE").map(|c| text(&c.id)).transpose()?,
            multiplier: self.schema.component("UNIT_MULT").map(|c| text(&c.id)).transpose()?,
        })
    }

    /// Whether the rules concern the unit: counts, or money that has respondents.
    fn counts(&self, columns: &Columns<'_>, row: usize) -> bool {
        let unit = columns.unit.filter(|unit| !unit.is_null(row)).map(|unit| unit.value(row));
        !unit.is_some_and(|unit| self.profile.exempt_units.iter().any(|exempt| exempt == unit))
    }

    /// Whether the rules concern the figure at all.
    fn is_subject(&self, columns: &Columns<'_>, row: usize) -> bool {
        let detailed = |id: &String| {
            self.schema.dimension_index(id).and_then(|i| columns.keys.get(i)).is_some_and(|k| k.value(row) != TOTAL)
        };
        let protected = &self.profile.protected_dimensions;
        self.counts(columns, row) && (protected.is_empty() || protected.iter().any(detailed))
    }

    /// What the rules say of each row by itself.
    fn judge(&self) -> Result<Vec<Judged>, ProtectionError> {
        let judge = |row: usize| {
            let key = self.rows.key(row);
            let (counted, told) = (self.counted[row], self.is_always_told(key));
            let mut judged = Judged { counted, levels: None, forced: false, told, zero_may_go: false };
            let (Some(value), true) = (self.rows.values[row], self.subject[row]) else { return Ok(judged) };
            let respondents = self.respondents.get(self.coders.texts(key));
            match primary::judge(&self.profile, value, respondents) {
                Verdict::Open => {}
                Verdict::Sensitive(levels) => judged.levels = Some(levels),
                Verdict::Unknown => return Err(ProtectionError::Respondents(self.coders.text(key))),
            }
            if self.is_never_told(key) {
                let levels = primary::about(&self.profile, value);
                judged.levels = (value != 0.0).then(|| primary::stricter(levels, judged.levels.unwrap_or_default()));
                judged.forced = value == 0.0;
            }
            Ok(judged)
        };
        (0..self.rows.len()).map(judge).collect()
    }

    fn is_never_told(&self, key: &[u16]) -> bool {
        let code = |dimension: &str| {
            let axis = self.axes.iter().find(|axis| axis.id == dimension)?;
            Some((axis, self.coders.0.get(axis.place)?.code(*key.get(axis.place)?)))
        };
        let told = |rule: &primary::NeverTold| {
            code(&rule.dimension).is_some_and(|(axis, code)| match &rule.below {
                Some(level) => axis.is_below(code, level),
                None => rule.codes.iter().any(|c| c == code),
            })
        };
        let few = |rule: &primary::MinimumPopulation| {
            code(&rule.dimension).is_some_and(|(_, code)| {
                code != TOTAL && rule.inhabitants.get(code).copied().unwrap_or(0) < rule.minimum
            })
        };
        self.profile.never_told.iter().any(told) || self.profile.minimum_population.iter().any(few)
    }

    fn is_always_told(&self, key: &[u16]) -> bool {
        let has = |(dimension, code): (&String, &String)| {
            let place = self.schema.dimension_index(dimension);
            place.is_some_and(|place| key.get(place).is_some_and(|number| self.coders.0[place].code(*number) == code))
        };
        self.profile.always_told.iter().any(|rule| rule.codes.iter().all(has))
    }

    /// Where all of a group are in one category, that figure is sensitive, and the zeros beside it may go.
    fn judge_groups(&self, members: &[u32], judged: &mut [Judged]) {
        let Some(rule) = &self.profile.group_disclosure else { return };
        let there: Vec<u32> = members
            .iter()
            .copied()
            .filter(|row| self.rows.values[*row as usize].is_some() && self.subject[*row as usize])
            .collect();
        let keys: Vec<&[u16]> = there.iter().map(|row| self.rows.key(*row as usize)).collect();
        for axis in self.axes.iter().filter(|axis| rule.dimensions.contains(&axis.id)) {
            for slice in tables::slices(&self.coders, axis.place, &keys) {
                let code = |i: &u32| self.coders.0[axis.place].code(keys[*i as usize][axis.place]);
                let value = |i: &u32| self.rows.values[there[*i as usize] as usize].unwrap_or(0.0);
                let parts: Vec<u32> = slice.iter().filter(|i| code(i) != TOTAL).copied().collect();
                let total =
                    slice.iter().find(|i| code(i) == TOTAL).map_or_else(|| parts.iter().map(value).sum(), value);
                let Some(most) = parts.iter().max_by(|a, b| value(a).total_cmp(&value(b))) else { continue };
                let harmless = rule.harmless.iter().any(|harmless| harmless == code(most));
                if parts.len() < 2 || harmless || total <= 0.0 || value(most) < rule.share / 100.0 * total {
                    continue;
                }
                let levels = super::table::Levels { upper: 0.0, lower: 1.0_f64.min(value(most)), sliding: 0.0 };
                let cell = &mut judged[there[*most as usize] as usize];
                cell.levels = Some(primary::stricter(levels, cell.levels.unwrap_or_default()));
                parts.iter().for_each(|i| judged[there[*i as usize] as usize].zero_may_go = true);
            }
        }
    }

    fn protect_all(&mut self) -> Result<(), ProtectionError> {
        let mut judged = self.judge()?;
        let nest = tables::periods_nest(&self.coders);
        let groups = tables::groups(&self.coders, &self.rows, nest);
        let known_groups: Vec<_> =
            self.known.iter().map(|known| tables::groups(&self.coders, &known.rows, nest)).collect();
        let mut refused = Vec::new();
        for (name, members) in &groups {
            self.judge_groups(members, &mut judged);
            let known_rows: Vec<Vec<u32>> =
                known_groups.iter().map(|groups| groups.get(name).cloned().unwrap_or_default()).collect();
            let built = {
                let respondents = |row: u32| self.weigh(row);
                let maker = Maker {
                    coders: &self.coders,
                    axes: &self.axes,
                    rows: &self.rows,
                    judged: &judged,
                    respondents: &respondents,
                    margin: f64::from(self.profile.minimum_frequency.max(1)),
                    mirror_tolerance: self.profile.mirror_tolerance / 100.0,
                };
                maker.make(members, &self.known, &known_rows)
            };
            if let Some(mut built) = built {
                let found = protect::protect(&self.profile, &mut built)?;
                self.report.given_back += found.given_back;
                self.tally.cost(found.cost, found.least);
                let found = found.audit;
                let words = Words { coders: &self.coders, known: &self.known, built: &built };
                refused.extend(found.findings.iter().map(|finding| words.of(finding)));
                self.keep(&built, &found);
            }
        }
        // What is sensitive is withheld, whether or not it is public already or in any sum.
        for (row, judged) in judged.iter().enumerate() {
            if judged.levels.is_some() || judged.forced {
                self.report.public_before += u64::from(judged.counted && self.tally.public.contains(&(row as u32)));
                self.fates[row] = Fate::Primary;
            }
        }
        if refused.is_empty() {
            return Ok(());
        }
        refused.dedup();
        let count = refused.len();
        refused.truncate(NAMED);
        Err(ProtectionError::Unsafe { count, cells: refused })
    }

    /// Cost, contributors and contributor of a row.
    fn weigh(&self, row: u32) -> (f64, u32, Option<u64>) {
        let value = self.rows.values[row as usize].unwrap_or(0.0);
        let respondents = self.respondents.get(self.coders.texts(self.rows.key(row as usize)));
        let cost = self.profile.cost.of(value, respondents);
        match respondents {
            Some(r) => (cost, r.count, r.who),
            None => (cost, value.clamp(0.0, f64::from(u32::MAX)) as u32, None),
        }
    }

    /// Enters what became of a table.
    fn keep(&mut self, built: &Built, found: &Audit) {
        for (index, cell) in built.table.cells.iter().enumerate() {
            let Some(row) = built.rows[index] else { continue };
            match cell.state {
                State::Secondary => self.fates[row as usize] = Fate::Secondary,
                State::Primary | State::Forced => self.fates[row as usize] = Fate::Primary,
                State::Kept if built.public.contains_key(&(index as u32)) => {
                    self.tally.public.insert(row);
                }
                State::Kept | State::Published => {}
            }
        }
        self.tally.enter(built, found);
    }

    fn round(&self, value: f64) -> f64 {
        let base = f64::from(self.profile.rounding_base);
        if base > 1.0 { (value / base).round() * base } else { value }
    }
}

/// What a profile names must be there.
fn check_names(profile: &Profile, schema: &DatasetSchema, axes: &[Axis]) -> Result<(), ProtectionError> {
    let wrong = |reason: String| ProtectionError::Rules { profile: profile.name.clone(), reason };
    let groups = profile.group_disclosure.iter().flat_map(|rule| &rule.dimensions);
    let named = groups
        .chain(profile.never_told.iter().map(|rule| &rule.dimension))
        .chain(profile.always_told.iter().flat_map(|rule| rule.codes.keys()))
        .chain(profile.minimum_population.iter().map(|rule| &rule.dimension))
        .chain(profile.sums.iter().map(|sum| &sum.dimension));
    for dimension in named {
        if schema.dimension_index(dimension).is_none() {
            return Err(ProtectionError::Dimension {
                profile: profile.name.clone(),
                dimension: dimension.clone(),
                dataflow: schema.dataflow.to_string(),
            });
        }
    }
    for rule in &profile.never_told {
        let axis = axes.iter().find(|axis| axis.id == rule.dimension);
        if let Some(level) = rule.below.as_ref().filter(|level| !axis.is_some_and(|axis| axis.has_level(level))) {
            return Err(wrong(format!("`{}` has no hierarchy with a level `{level}`", rule.dimension)));
        }
    }
    Ok(())
}

impl Protection for Withholding {
    fn respondents(&mut self, respondents: Respondents) {
        self.respondents = respondents;
    }

    fn wants_earlier(&self) -> bool {
        !self.report.rules.is_empty()
    }

    fn beside(&mut self, name: &str, kind: Beside, batch: &RecordBatch) -> Result<(), ProtectionError> {
        let columns = self.columns(batch)?;
        let width = self.coders.0.len();
        if self.known.last().is_none_or(|known| known.name != name) {
            self.known.push(Known { name: name.to_owned(), kind, rows: Rows::new(width) });
        }
        let total: usize = self.known.iter().map(|known| known.rows.len()).sum();
        let Some(known) = self.known.last_mut() else { return Ok(()) };
        if total + batch.num_rows() > MAX_CELLS {
            return Err(ProtectionError::Great { what: "earlier releases", most: MAX_CELLS });
        }
        for row in 0..batch.num_rows() {
            let value = (!columns.values.is_null(row)).then(|| scaled(&columns, row));
            known.rows.push(&mut self.coders, &columns.keys, row, value)?;
        }
        Ok(())
    }

    fn observe(&mut self, batch: &RecordBatch) -> Result<(), ProtectionError> {
        let columns = self.columns(batch)?;
        if self.rows.len() + batch.num_rows() > MAX_CELLS {
            return Err(ProtectionError::Great { what: "observations", most: MAX_CELLS });
        }
        for row in 0..batch.num_rows() {
            let value = (!columns.values.is_null(row)).then(|| scaled(&columns, row));
            self.subject.push(self.is_subject(&columns, row));
            self.counted.push(self.counts(&columns, row));
            self.rows.push(&mut self.coders, &columns.keys, row, value)?;
        }
        Ok(())
    }

    fn decide(&mut self) -> Result<(), ProtectionError> {
        self.fates = vec![Fate::Publish; self.rows.len()];
        self.protect_all()
    }

    fn apply(&mut self, batch: &RecordBatch) -> Result<RecordBatch, ProtectionError> {
        let columns = self.columns(batch)?;
        let mut values = Vec::with_capacity(batch.num_rows());
        let mut fates = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            let fate = *self.fates.get(self.applied).ok_or(ProtectionError::Changed)?;
            let subject = self.subject[self.applied];
            self.applied += 1;
            self.tally.count(&mut self.report, &self.schema, &columns.keys, row, fate);
            let value = (!columns.values.is_null(row)).then(|| columns.values.value(row));
            let published = value.filter(|_| fate == Fate::Publish).map(|v| if subject { self.round(v) } else { v });
            self.report.cells += 1;
            self.report.missing += u64::from(value.is_none());
            self.report.published += u64::from(published.is_some());
            self.report.rounded += u64::from(published.is_some() && published != value);
            values.push(published);
            fates.push(fate);
        }
        mark::rewritten(batch, &self.schema.measure.id, values, &fates)
    }

    fn report(&self) -> Report {
        let mut report = self.report.clone();
        self.tally.finish(&mut report, &self.axes, &self.known);
        report.with_share()
    }
}

/// The figure in units.
fn scaled(columns: &Columns<'_>, row: usize) -> f64 {
    let text = columns.multiplier.filter(|m| !m.is_null(row)).map(|m| m.value(row));
    let power = text.and_then(|m| m.parse::<i32>().ok()).unwrap_or(0);
    let value = columns.values.value(row);
    if power == 0 { value } else { value * 10f64.powi(power) }
}

#[cfg(test)]
mod tests;
