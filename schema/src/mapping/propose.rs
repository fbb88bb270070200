//! Proposes a mapping from a file's headings and first rows. What it is not sure of it says in comments: a statistician decides.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write as _;

use super::names::{NameIndex, folded};
use super::{System, nearest};
use crate::dataset::{Component, DatasetSchema, FREQ, OBS_VALUE, TIME_PERIOD};
use crate::period::Period;

/// Most different texts of a column that are looked at.
const MAX_TEXTS: usize = 2_000;
/// Texts named in one doubt.
const NAMED: usize = 5;
/// A column that scores less is not proposed for a component.
const LEAST_SCORE: f64 = 0.75;
/// The code list of areas.
const AREAS: &str = "CL_AREA";
/// How tables mark a figure that is suppressed.
const SUPPRESSED: [&str; 7] = ["<5", "<3", "<10", "*", "**", "c", "x"];

/// What a file looks like: the different texts of each column, as they come.
pub struct Sample {
    columns: Vec<(String, Vec<String>)>,
    seen: Vec<HashSet<String>>,
}

impl Sample {
    /// Columns without texts so far.
    pub fn new(headings: &[String]) -> Self {
        let columns = headings.iter().map(|heading| (heading.clone(), Vec::new())).collect();
        Self { columns, seen: vec![HashSet::new(); headings.len()] }
    }

    /// Looks at a row.
    pub fn look<'a>(&mut self, row: impl Iterator<Item = &'a str>) {
        for (((_, texts), seen), text) in self.columns.iter_mut().zip(&mut self.seen).zip(row) {
            let text = text.trim();
            if !text.is_empty() && texts.len() < MAX_TEXTS && !seen.contains(text) {
                seen.insert(text.to_owned());
                texts.push(text.to_owned());
            }
        }
    }
}

/// How a column's texts become codes.
#[derive(Clone, Copy, PartialEq)]
enum Reading {
    Plain,
    Names,
    System(&'static str),
}

/// A column that may be a component.
struct Fit {
    column: usize,
    component: usize,
    score: f64,
    reading: Reading,
}

/// The mapping, TOML. `file` names what was looked at.
pub fn propose(schema: &DatasetSchema, sample: &Sample, file: &str) -> String {
    let components: Vec<&Component> = schema.components().collect();
    let wide: Vec<usize> = wide(sample);
    let fits = assign(&components, sample, &wide);
    let mut out = format!(
        "# Proposed for `{}`, from its headings and first rows. Look at every line, above all at the doubts, and try it:\n\
         # chancery map test THIS.toml FILE\ndataflow = {}\n",
        one_line(file),
        quoted(&schema.dataflow.to_string())
    );
    let figures = fits.iter().find(|fit| components[fit.component].id == OBS_VALUE);
    let figures: Vec<&str> =
        figures.map(|fit| fit.column).into_iter().chain(wide.iter().copied()).flat_map(|c| texts(sample, c)).collect();
    write_options(&mut out, &figures);
    if !wide.is_empty() {
        let columns: Vec<String> = wide.iter().map(|column| quoted(&sample.columns[*column].0)).collect();
        _ = write!(out, "\n[unpivot]\ncolumns = [{}]\ninto = [\"period\"]\nvalue = \"figure\"\n", columns.join(", "));
    }
    out.push_str("\n[components]\n");
    for (index, component) in components.iter().enumerate() {
        match fits.iter().find(|fit| fit.component == index) {
            _ if !wide.is_empty() && component.id == TIME_PERIOD => {
                out.push_str("TIME_PERIOD = { column = \"period\" }\n")
            }
            _ if !wide.is_empty() && component.id == OBS_VALUE => out.push_str("OBS_VALUE = { column = \"figure\" }\n"),
            Some(fit) => write_column(&mut out, component, sample, fit),
            None => write_constant(&mut out, component, sample, &fits, &components, &wide, file),
        }
    }
    let unused = (0..sample.columns.len()).filter(|c| !wide.contains(c) && !fits.iter().any(|fit| fit.column == *c));
    let unused: Vec<String> = unused.map(|column| format!("`{}`", one_line(&sample.columns[column].0))).collect();
    if !unused.is_empty() {
        _ = writeln!(out, "\n# doubt: these columns are not used: {}", unused.join(", "));
    }
    out
}

fn texts(sample: &Sample, column: usize) -> impl Iterator<Item = &str> {
    sample.columns.get(column).into_iter().flat_map(|(_, texts)| texts.iter().map(String::as_str))
}

/// Columns whose headings are periods, if there are several.
fn wide(sample: &Sample) -> Vec<usize> {
    let columns = sample.columns.iter().enumerate().filter(|(_, (heading, _))| Period::parse(heading.trim()).is_some());
    let columns: Vec<usize> = columns.map(|(index, _)| index).collect();
    if columns.len() > 1 { columns } else { Vec::new() }
}

/// The best columns for components, each used once.
fn assign(components: &[&Component], sample: &Sample, wide: &[usize]) -> Vec<Fit> {
    let mut fits = Vec::new();
    for (index, component) in components.iter().enumerate() {
        if !wide.is_empty() && matches!(component.id.as_str(), TIME_PERIOD | OBS_VALUE) {
            continue;
        }
        let names = component.codes.as_ref().map(|codes| NameIndex::of(codes, None));
        for (column, (heading, texts)) in sample.columns.iter().enumerate().filter(|(column, _)| !wide.contains(column))
        {
            let (share, reading) = share(component, names.as_ref(), texts);
            let likeness = likeness(component, heading);
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
        if !taken.iter().any(|known| known.column == fit.column || known.component == fit.component) {
            taken.push(fit);
        }
    }
    taken.extend(by_texts(components, sample, wide, &taken));
    taken
}

/// Columns for time, areas and the figure where nothing is named like them, by their texts alone. The reporter is often one of the ends
/// of a corridor.
fn by_texts(components: &[&Component], sample: &Sample, wide: &[usize], named: &[Fit]) -> Vec<Fit> {
    let mut taken: Vec<Fit> = Vec::new();
    let order = |component: &Component| match component.id.as_str() {
        TIME_PERIOD => 0,
        OBS_VALUE => 2,
        _ => 1,
    };
    let area = |component: &Component| component.codes.as_ref().is_some_and(|codes| codes.reference.id == AREAS);
    let wanted = |component: &Component| match component.id.as_str() {
        TIME_PERIOD | OBS_VALUE => wide.is_empty(),
        _ => component.mandatory && area(component),
    };
    let mut open: Vec<usize> = (0..components.len())
        .filter(|index| wanted(components[*index]) && !named.iter().any(|fit| fit.component == *index))
        .collect();
    open.sort_by_key(|index| order(components[*index]));
    for component in open {
        let names = components[component].codes.as_ref().map(|codes| NameIndex::of(codes, None));
        let free =
            |column: &usize| !named.iter().chain(&taken).any(|fit| fit.column == *column) && !wide.contains(column);
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
        (None, OBS_VALUE) => {
            (of(&|text| number(text) && !(text.len() == 4 && Period::parse(text).is_some())), Reading::Plain)
        }
        (None, TIME_PERIOD) => (of(&|text| Period::parse(text).is_some()), Reading::Plain),
        (None, _) => (0.0, Reading::Plain),
        (Some(codes), _) => {
            let mut best = (of(&|text| codes.contains(text)), Reading::Plain);
            let named = of(&|text| names.is_some_and(|names| names.find(text).is_some()));
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

fn number(text: &str) -> bool {
    text.bytes().any(|b| b.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '-' | ' ' | '\u{a0}' | '\u{202f}'))
}

/// How much a heading is like a component's id, or its name in any language.
fn likeness(component: &Component, heading: &str) -> f64 {
    let heading = folded(heading);
    let id = folded(&component.id.replace('_', " "));
    let names = component.names.names.values().map(|name| folded(name)).chain([id, folded(&component.name)]);
    let usual: &[&str] = match component.id.as_str() {
        OBS_VALUE => &["value", "count", "number", "total", "persons", "n", "figure"],
        TIME_PERIOD => &["year", "date", "period", "month", "quarter", "time", "ano", "annee", "t"],
        "SEX" => &["gender", "sexo", "sexe"],
        "ORIGIN" => &["coo", "country of origin", "nationality", "citizenship", "from"],
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

/// What stands for a figure that is not there, and how numbers are written.
fn write_options(out: &mut String, figures: &[&str]) {
    let others: BTreeSet<&str> = figures.iter().copied().filter(|text| !number(text)).take(50).collect();
    let (suppressed, missing): (Vec<&str>, Vec<&str>) =
        others.into_iter().partition(|text| SUPPRESSED.contains(text) || text.starts_with('<'));
    let ends = |mark: char, digits: usize| {
        figures.iter().any(|text| {
            number(text)
                && text
                    .rsplit_once(mark)
                    .is_some_and(|(_, end)| end.len() != digits || text.matches(mark).count() > 1 && digits != 3)
        })
    };
    let comma = figures.iter().any(|text| number(text) && text.contains(','));
    let point = figures.iter().any(|text| number(text) && text.contains('.'));
    if suppressed.is_empty() && missing.is_empty() && !comma && !point {
        return;
    }
    out.push_str("\n[options]\n");
    if comma && ends(',', 3) {
        out.push_str("decimal = \",\"\n");
        if point {
            out.push_str("thousands = \".\"\n");
        }
    } else if comma {
        out.push_str("# doubt: a comma is taken to stand between thousands\nthousands = \",\"\n");
    } else if point && !ends('.', 3) {
        out.push_str(
            "# doubt: every point has three digits behind it: if it stands between thousands, say thousands = \".\"\n",
        );
    }
    if !missing.is_empty() {
        let all: Vec<String> = missing.iter().map(|text| quoted(text)).collect();
        _ = writeln!(out, "# doubt: are these figures that are missing, and why?\nmissing = [{}]", all.join(", "));
    }
    if !suppressed.is_empty() {
        let all: Vec<String> = suppressed.iter().map(|text| format!("{} = \"Q\"", quoted(text))).collect();
        _ = writeln!(out, "# doubt: these are taken for suppressed figures\nmarks = {{ {} }}", all.join(", "));
    }
}

fn write_column(out: &mut String, component: &Component, sample: &Sample, fit: &Fit) {
    let (heading, texts) = &sample.columns[fit.column];
    let names = component.codes.as_ref().map(|codes| NameIndex::of(codes, None));
    let how = match fit.reading {
        Reading::Plain => String::new(),
        Reading::Names => ", names = \"any\"".to_owned(),
        Reading::System(word) => format!(", system = \"{word}\""),
    };
    if let Some(codes) = &component.codes {
        let system =
            System::ALL.into_iter().find(|(_, word)| fit.reading == Reading::System(word)).map(|(s, _)| s.codes());
        let known = |text: &&String| match fit.reading {
            Reading::System(_) => system.as_ref().is_some_and(|known| known.contains_key(text.as_str())),
            Reading::Names => codes.contains(text) || names.as_ref().is_some_and(|names| names.find(text).is_some()),
            Reading::Plain => codes.contains(text),
        };
        let unknown: Vec<&String> = texts.iter().filter(|text| !known(text)).collect();
        if !unknown.is_empty() {
            let named = unknown.iter().take(NAMED).map(|text| {
                let near = nearest(text, codes.iter().map(|(code, _)| code));
                near.map_or_else(|| format!("`{}`", one_line(text)), |near| format!("`{}` (`{near}`?)", one_line(text)))
            });
            let named = named.collect::<Vec<_>>().join(", ");
            _ = writeln!(out, "# doubt: {} of {} texts are no codes; map them: {named}", unknown.len(), texts.len());
        }
        if let Reading::System(word) = fit.reading {
            _ = writeln!(out, "# doubt: the codes look like those of `{word}`");
        }
    }
    if fit.score < 1.0 {
        _ = writeln!(out, "# doubt: is it this column?");
    }
    _ = writeln!(out, "{} = {{ column = {}{how} }}", component.id, quoted(heading));
}

/// The value for all rows of a component that no column is like; nothing for those that may be left out.
fn write_constant(
    out: &mut String,
    component: &Component,
    sample: &Sample,
    fits: &[Fit],
    components: &[&Component],
    wide: &[usize],
    file: &str,
) {
    let Some(codes) = &component.codes else {
        if matches!(component.id.as_str(), OBS_VALUE | TIME_PERIOD) {
            _ = writeln!(out, "# doubt: no column looks like it; name it\n# {} = {{ column = \"\" }}", component.id);
        } else if component.mandatory {
            let value = quoted(file);
            _ = writeln!(out, "# doubt: say where the figures come from\n{} = {{ value = {value} }}", component.id);
        }
        return;
    };
    if !component.mandatory {
        return;
    }
    let period = fits.iter().find(|fit| components[fit.component].id == TIME_PERIOD);
    let first = period
        .and_then(|fit| texts(sample, fit.column).next())
        .or_else(|| wide.first().map(|c| sample.columns[*c].0.trim()));
    let frequency = first
        .and_then(Period::parse)
        .and_then(|period| ["A", "S", "Q", "M", "W", "D"].into_iter().find(|code| period.length.fits(code)));
    let usual = match component.id.as_str() {
        FREQ => frequency,
        "OBS_STATUS" => Some("A"),
        "CONF_STATUS" => Some("F"),
        "UNIT_MEASURE" => Some("PS"),
        _ => None,
    };
    let value = usual.into_iter().chain(["_T", "_U"]).find(|code| codes.contains(code));
    let value = value.or_else(|| codes.iter().next().map(|(code, _)| code)).unwrap_or_default();
    if component.id != FREQ || frequency.is_none() {
        let known: Vec<&str> = codes.iter().map(|(code, _)| code).take(12).collect();
        _ = writeln!(
            out,
            "# doubt: no column looks like it, this is taken for all rows; it can be {}",
            known.join(", ")
        );
    }
    _ = writeln!(out, "{} = {{ value = {} }}", component.id, quoted(value));
}

/// A text on one line of a comment.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(80).collect()
}

fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::Mapping;
    use super::*;
    use crate::shared;

    fn proposed(dataflow: &str, table: &[&[&str]]) -> (String, Mapping) {
        let structures = shared::structures().unwrap();
        let schema = structures.dataset_schema(&structures.find_dataflow(dataflow).unwrap()).unwrap();
        let headings: Vec<String> = table[0].iter().map(|h| (*h).to_owned()).collect();
        let mut sample = Sample::new(&headings);
        table[1..].iter().for_each(|row| sample.look(row.iter().copied()));
        let text = propose(&schema, &sample, "a \"file\"\n.csv");
        let mapping = Mapping::parse(&text).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
        mapping.bind(&schema, &headings).unwrap_or_else(|errors| panic!("{errors:?}\n{text}"));
        (text, mapping)
    }

    fn column<'a>(mapping: &'a Mapping, component: &str) -> Option<&'a str> {
        mapping.components[component].column.as_deref()
    }

    #[test]
    fn columns_are_known_by_their_headings_and_texts() {
        let table: &[&[&str]] = &[
            &["t", "sexe", "origin", "geo", "n"],
            &["2020-01", "Femmes", "MEX", "GTM", "1,5"],
            &["2020-02", "Hommes", "HND", "GTM", "<5"],
        ];
        let (text, mapping) = proposed("RETURNS", table);
        assert_eq!(column(&mapping, "TIME_PERIOD"), Some("t"));
        assert_eq!(column(&mapping, "SEX"), Some("sexe"));
        assert_eq!(mapping.components["SEX"].names.as_deref(), Some("any"));
        assert_eq!((column(&mapping, "ORIGIN"), column(&mapping, "OBS_VALUE")), (Some("origin"), Some("n")));
        assert_eq!((column(&mapping, "REF_AREA"), column(&mapping, "DESTINATION")), (Some("geo"), Some("geo")));
        assert_eq!(mapping.components["FREQ"].value.as_deref(), Some("M"));
        assert_eq!((mapping.options.decimal, mapping.options.marks["<5"].as_str()), (Some(','), "Q"));
        assert!(text.contains("# doubt: these are taken for suppressed figures"), "{text}");
    }

    #[test]
    fn codes_of_another_system_are_said_to_be_so() {
        let table: &[&[&str]] = &[
            &["year", "coo", "coa", "refugees"],
            &["2020", "AUS", "GAZ", "5"],
            &["2021", "ALG", "ARE", "10"],
            &["2021", "CHI", "SWI", "10"],
        ];
        let (text, mapping) = proposed("DISPLACED_POPULATION", table);
        assert_eq!(
            (column(&mapping, "ORIGIN"), mapping.components["ORIGIN"].system),
            (Some("coo"), Some(System::Unhcr))
        );
        assert!(text.contains("# doubt: the codes look like those of `unhcr`"), "{text}");
    }

    #[test]
    fn a_wide_table_is_made_long() {
        let table: &[&[&str]] =
            &[&["Country of origin", "2019", "2020"], &["Guatemala", "1", "2"], &["Atlantis", "3", ":"]];
        let (text, mapping) = proposed("MIGRANT_STOCK", table);
        assert_eq!(mapping.unpivot.as_ref().unwrap().columns, ["2019", "2020"]);
        assert_eq!((column(&mapping, "TIME_PERIOD"), column(&mapping, "OBS_VALUE")), (Some("period"), Some("figure")));
        assert!(mapping.options.missing.contains(&":".to_owned()), "{text}");
        assert!(text.contains("`Atlantis`"), "{text}");
    }

    proptest::proptest! {
        #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
        #[test]
        fn any_table_gets_a_mapping_that_can_be_read(
            cells in proptest::collection::vec(proptest::collection::vec(".{0,12}", 3), 2..6),
        ) {
            let structures = shared::structures().unwrap();
            let schema = structures.dataset_schema(&structures.find_dataflow("RETURNS").unwrap()).unwrap();
            let mut sample = Sample::new(&cells[0]);
            cells[1..].iter().for_each(|row| sample.look(row.iter().map(String::as_str)));
            let text = propose(&schema, &sample, &cells[0][0]);
            proptest::prop_assert!(Mapping::parse(&text).is_ok(), "{}", text);
        }
    }
}
