//! Writes what is proposed, and the doubts about it.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::super::names::{NameIndex, folded, texts as all_names};
use super::super::{System, nearest};
use super::dates::Joined;
use super::fit::{Fit, Reading, loosely, number};
use super::wide::Wide;
use super::{AREAS, Sample, one_line, quoted, texts};
use crate::dataset::{CodeSet, Component, FREQ, OBS_VALUE, TIME_PERIOD};

/// Texts named in one doubt.
const NAMED: usize = 5;
/// How like a name must be to be asked about.
const LEAST_LIKE: f64 = 0.88;
/// How tables mark a figure that is suppressed.
const SUPPRESSED: [&str; 7] = ["<5", "<3", "<10", "*", "**", "c", "x"];

/// What stands for a figure that is not there, and how numbers are written.
pub(super) fn write_options(out: &mut String, figures: &[&str]) {
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

pub(super) fn write_column(out: &mut String, component: &Component, sample: &Sample, fit: &Fit) {
    let (heading, texts) = &sample.columns[fit.column];
    let names = component.codes.as_ref().map(|codes| NameIndex::of(codes, None));
    let mut how = match fit.reading {
        Reading::Plain => String::new(),
        Reading::Names => ", names = \"any\"".to_owned(),
        Reading::System(word) => format!(", system = \"{word}\""),
        Reading::Dates(dates) => dates.written(),
    };
    if let Some(codes) = &component.codes {
        let system =
            System::ALL.into_iter().find(|(_, word)| fit.reading == Reading::System(word)).map(|(s, _)| s.codes());
        let known = |text: &&String| match fit.reading {
            Reading::System(_) => system.as_ref().is_some_and(|known| known.contains_key(text.as_str())),
            Reading::Names => codes.contains(text) || names.as_ref().is_some_and(|names| names.find(text).is_some()),
            Reading::Plain | Reading::Dates(_) => codes.contains(text),
        };
        let (likely, unknown): (Vec<_>, Vec<_>) = texts
            .iter()
            .filter(|text| !known(text))
            .map(|text| (text, loosely(codes, text)))
            .partition(|(_, code)| code.is_some());
        if !likely.is_empty() {
            let all =
                likely.iter().flat_map(|(text, code)| code.map(|code| format!("{} = {}", quoted(text), quoted(code))));
            _ = write!(how, ", map = {{ {} }}", all.collect::<Vec<_>>().join(", "));
            out.push_str("# doubt: are these the codes of the texts in `map`?\n");
        }
        let unknown: Vec<&String> = unknown.into_iter().map(|(text, _)| text).collect();
        if !unknown.is_empty() {
            let named = unknown.iter().take(NAMED).map(|text| {
                let near = match fit.reading {
                    Reading::Names => nearest_name(text, codes),
                    _ => nearest(text, codes.iter().map(|(code, _)| code)),
                };
                near.map_or_else(|| format!("`{}`", one_line(text)), |near| format!("`{}` (`{near}`?)", one_line(text)))
            });
            let named = named.collect::<Vec<_>>().join(", ");
            _ = writeln!(out, "# doubt: {} of {} texts are no codes; map them: {named}", unknown.len(), texts.len());
        }
        if let Reading::System(word) = fit.reading {
            _ = writeln!(out, "# doubt: the codes look like those of `{word}`");
        }
    }
    if let Reading::Dates(dates) = fit.reading {
        if dates.ambiguous {
            out.push_str("# doubt: the day is taken to stand before the month\n");
        }
        if let Some(period) = dates.period {
            _ = writeln!(
                out,
                "# doubt: every date is the first, or the last, of a {period}, and is taken for all of it"
            );
        }
    }
    if fit.score < 1.0 {
        _ = writeln!(out, "# doubt: is it this column?");
    }
    _ = writeln!(out, "{} = {{ column = {}{how} }}", component.id, quoted(heading));
}

/// The code of the name that is most like a text, or begins with it: `United Kingdom`.
fn nearest_name<'a>(text: &str, codes: &'a CodeSet) -> Option<&'a str> {
    let text = folded(text);
    let like = |(code, _, name): (&'a str, &str, &str)| {
        let name = folded(name);
        let begins = text.chars().count() > 4 && name.starts_with(&text);
        (if begins { 1.0 } else { strsim::jaro_winkler(&text, &name) }, code)
    };
    let best = all_names(codes).map(like).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= LEAST_LIKE).then_some(best.1)
}

/// Which columns become rows.
pub(super) fn write_unpivot(out: &mut String, sample: &Sample, wide: &Wide) {
    let columns: Vec<String> = wide.columns.iter().map(|column| quoted(&sample.columns[*column].0)).collect();
    let into: Vec<String> = wide.into.iter().map(|name| quoted(name)).collect();
    let (columns, into, value) = (columns.join(", "), into.join(", "), quoted(&wide.value));
    _ = write!(out, "\n[unpivot]\ncolumns = [{columns}]\ninto = [{into}]\nvalue = {value}\n");
}

/// The column that a year and a month become.
pub(super) fn write_joined(out: &mut String, joined: &Joined) {
    let (into, with) = (quoted(&joined.into), quoted(&joined.with));
    let doubt = joined.doubt.iter().map(|doubt| format!("# doubt: {}\n", one_line(doubt))).collect::<String>();
    _ = write!(out, "\n[[combine]]\ninto = {into}\n{doubt}with = {with}\n");
}

/// Components that no column is like.
pub(super) struct Filling<'a> {
    pub(super) sample: &'a Sample,
    pub(super) fits: &'a [Fit],
    pub(super) components: &'a [&'a Component],
    /// What was looked at.
    pub(super) file: &'a str,
    /// Whose figures they may be.
    pub(super) member: Option<&'a str>,
}

impl Filling<'_> {
    /// The component's value for all rows; nothing if it may be left out.
    pub(super) fn write(&self, out: &mut String, component: &Component) {
        let id = &component.id;
        match &component.codes {
            None if matches!(id.as_str(), OBS_VALUE | TIME_PERIOD) => {
                _ = writeln!(out, "# doubt: no column looks like it; name it\n# {id} = {{ column = \"\" }}");
            }
            None if component.mandatory => {
                let value = quoted(self.file);
                _ = writeln!(out, "# doubt: say where the figures come from\n{id} = {{ value = {value} }}");
            }
            Some(codes) if component.mandatory && codes.reference.id == AREAS => self.write_area(out, id, codes),
            Some(codes) if component.mandatory => self.write_code(out, id, codes),
            _ => {}
        }
    }

    /// Of which area all figures are is known to nobody but those who made them: no code of all areas is put in its place.
    fn write_area(&self, out: &mut String, id: &str, codes: &CodeSet) {
        match self.member.filter(|member| id == "REF_AREA" && codes.contains(member)) {
            Some(member) => {
                let doubt = "# doubt: no column looks like it; this node's member is taken for all rows";
                _ = writeln!(out, "{doubt}\n{id} = {{ value = {} }}", quoted(member));
            }
            None => {
                let all = if id == "REF_AREA" { "that reports them" } else { "that they are of, or `_T` if of all" };
                _ = writeln!(
                    out,
                    "# doubt: no column looks like it; fill in the code of the area {all}\n# {id} = {{ value = \"\" }}"
                );
            }
        }
    }

    fn write_code(&self, out: &mut String, id: &str, codes: &CodeSet) {
        let frequency = self.frequency();
        let usual = match id {
            FREQ => frequency,
            "OBS_STATUS" => Some("A"),
            "CONF_STATUS" => Some("F"),
            "UNIT_MEASURE" => Some("PS"),
            _ => None,
        };
        let value = usual.into_iter().chain(["_T", "_U"]).find(|code| codes.contains(code));
        let value = value.or_else(|| codes.iter().next().map(|(code, _)| code)).unwrap_or_default();
        if id != FREQ || frequency.is_none() {
            let known: Vec<&str> = codes.iter().map(|(code, _)| code).take(12).collect();
            let known = known.join(", ");
            _ = writeln!(out, "# doubt: no column looks like it, this is taken for all rows; it can be {known}");
        }
        _ = writeln!(out, "{id} = {{ value = {} }}", quoted(value));
    }

    /// How often there are figures, by the first period.
    fn frequency(&self) -> Option<&'static str> {
        let period = self.fits.iter().find(|fit| self.components[fit.component].id == TIME_PERIOD)?;
        let Reading::Dates(dates) = period.reading else { return None };
        let first = texts(self.sample, period.column).find_map(|text| dates.standard(text))?;
        ["A", "S", "Q", "M", "W", "D"].into_iter().find(|code| first.length.fits(code))
    }
}
