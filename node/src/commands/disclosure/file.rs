//! A protected table in a file of any tool.

use std::path::Path;

use anyhow::{Result, bail};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chancery_exchange::Error;
use chancery_policies::disclosure::table::{Cell, Levels, MAX_CELLS, State, Table};
use chancery_query::artefact;

use crate::cli::AuditFile;

/// Columns that are no dimensions.
const MEANT: [&str; 7] = ["value", "status", "upper", "lower", "sliding", "contributors", "contributor"];
/// What tau-Argus's tables have besides: respondents under another name, and a cost, which says nothing of what is published.
const TAU_RESPONDENTS: &str = "freq";
const TAU_COST: &str = "cost";
/// Columns of SDMX-CSV before the dimensions.
const SDMX_FIRST: [&str; 6] = ["DATAFLOW", "STRUCTURE", "STRUCTURE_ID", "STRUCTURE_NAME", "ACTION", "SERIES_KEY"];
/// Most columns.
const MAX_COLUMNS: usize = 512;

/// A file, read.
pub(super) struct File {
    pub(super) dimensions: Vec<String>,
    pub(super) keys: Vec<Vec<String>>,
    pub(super) table: Table,
    /// Whether every withheld cell has its true value.
    pub(super) whole: bool,
}

impl File {
    /// A cell's name.
    pub(super) fn key(&self, cell: u32) -> String {
        self.keys.get(cell as usize).map(|key| key.join(".")).unwrap_or_default()
    }
}

/// Where columns are.
struct Columns {
    dimensions: Vec<usize>,
    /// In the order of [`MEANT`].
    meant: [Option<usize>; 7],
    tool: Tool,
}

/// Whose words a table uses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tool {
    Sdmx,
    TauArgus,
    Other,
}

impl Columns {
    fn of(headings: &[String], figure: Option<&str>) -> Result<Self, String> {
        if headings.len() > MAX_COLUMNS {
            return Err(format!("more than {MAX_COLUMNS} columns"));
        }
        let place = |name: &str| headings.iter().position(|heading| heading.eq_ignore_ascii_case(name));
        let mut meant = MEANT.map(place);
        if let Some(figure) = figure {
            meant[0] = Some(place(figure).ok_or_else(|| format!("there is no column `{figure}`"))?);
        }
        let cost = place(TAU_COST);
        meant[5] = meant[5].or(place(TAU_RESPONDENTS).filter(|_| cost.is_some()));
        let measure = place("OBS_VALUE").filter(|_| meant[0].is_none());
        if let Some(measure) = measure {
            (meant[0], meant[1]) = (Some(measure), place("CONF_STATUS"));
        }
        let (Some(value), Some(_)) = (meant[0], meant[1]) else {
            return Err(
                "the columns `value` and `status`, or `OBS_VALUE` and `CONF_STATUS`, are needed; --value names another \
                 column of figures"
                    .to_owned(),
            );
        };
        let key = |i: &usize| match measure {
            Some(_) => *i < value && !SDMX_FIRST.contains(&headings[*i].as_str()),
            None => !meant.contains(&Some(*i)) && cost != Some(*i),
        };
        let tool = match (measure, cost) {
            (Some(_), _) => Tool::Sdmx,
            (None, Some(_)) => Tool::TauArgus,
            (None, None) => Tool::Other,
        };
        Ok(Self { dimensions: (0..headings.len()).filter(key).collect(), meant, tool })
    }
}

/// What a status says of a cell: how it is, and whether somebody says why it is withheld.
fn state(text: &str, tool: Tool) -> Option<(State, bool)> {
    let (text, sdmx) = (text.to_ascii_lowercase(), tool == Tool::Sdmx);
    let state = match text.as_str() {
        "" | "v" | "f" | "safe" | "published" => State::Published,
        "s" | "e" | "z" if !sdmx => State::Published,
        // Protected by hand: it must not be withheld.
        "p" if tool == Tool::TauArgus => State::Published,
        "a" | "b" | "o" | "t" | "g" | "u" | "p" | "primary" | "unsafe" => State::Primary,
        "m" if sdmx => State::Primary,
        "d" | "m" | "s" | "x" | "secondary" => State::Secondary,
        "c" | "n" | "withheld" => return Some((State::Primary, false)),
        _ => return None,
    };
    Some((state, true))
}

/// Reads CSV, or Parquet by its first bytes.
pub(super) fn read(args: &AuditFile) -> Result<File> {
    let path = args.file.as_path();
    let mut start = [0; 4];
    let mut file = std::fs::File::open(path).map_err(|e| Error::file("open", path, e))?;
    let parquet = std::io::Read::read(&mut file, &mut start).is_ok_and(|n| n == 4) && &start == b"PAR1";
    if parquet { read_parquet(path, args) } else { read_csv(path, args) }
}

fn wrong(path: &Path, row: usize, what: &str) -> anyhow::Error {
    Error::invalid(format!("`{}`, row {row}: {what}", path.display())).into()
}

fn read_csv(path: &Path, args: &AuditFile) -> Result<File> {
    let mut reader = csv::Reader::from_path(path).map_err(|e| wrong(path, 1, &e.to_string()))?;
    let headings = reader.headers().map_err(|e| wrong(path, 1, &e.to_string()))?;
    let headings: Vec<String> = headings.iter().map(|h| h.trim().to_owned()).collect();
    let mut rows = Rows::new(&headings, args).map_err(|what| wrong(path, 1, &what))?;
    let (mut record, mut row) = (csv::StringRecord::new(), 1);
    while reader.read_record(&mut record).map_err(|e| wrong(path, row + 1, &e.to_string()))? {
        row += 1;
        rows.push(|column| record.get(column).map_or("", str::trim)).map_err(|what| wrong(path, row, &what))?;
    }
    Ok(rows.file)
}

fn read_parquet(path: &Path, args: &AuditFile) -> Result<File> {
    let (mut rows, mut row) = (None, 0);
    for batch in artefact::read(path).map_err(|e| wrong(path, row, &e.to_string()))? {
        let batch = batch.map_err(|e| wrong(path, row, &e.to_string()))?;
        if rows.is_none() {
            let headings: Vec<String> = batch.schema().fields().iter().map(|field| field.name().clone()).collect();
            rows = Some(Rows::new(&headings, args).map_err(|what| wrong(path, 1, &what))?);
        }
        let Some(rows) = rows.as_mut() else { continue };
        let options = FormatOptions::default();
        let columns = batch.columns().iter().map(|column| ArrayFormatter::try_new(column.as_ref(), &options));
        let columns = columns.collect::<Result<Vec<_>, _>>().map_err(|e| wrong(path, row, &e.to_string()))?;
        for at in 0..batch.num_rows() {
            row += 1;
            let texts: Vec<String> = columns.iter().map(|column| column.value(at).to_string()).collect();
            rows.push(|column| texts.get(column).map_or("", String::as_str)).map_err(|what| wrong(path, row, &what))?;
        }
    }
    match rows {
        Some(rows) => Ok(rows.file),
        None => bail!(wrong(path, 0, "there is no row")),
    }
}

/// Cells, entered row by row.
struct Rows {
    file: File,
    columns: Columns,
    threshold: f64,
}

impl Rows {
    fn new(headings: &[String], args: &AuditFile) -> Result<Self, String> {
        let columns = Columns::of(headings, args.value.as_deref())?;
        let dimensions = columns.dimensions.iter().map(|i| headings[*i].clone()).collect();
        let file = File { dimensions, keys: Vec::new(), table: Table::default(), whole: true };
        Ok(Self { file, columns, threshold: f64::from(args.threshold) })
    }

    fn push<'t>(&mut self, text: impl Fn(usize) -> &'t str) -> Result<(), String> {
        let meant = |at: usize| self.columns.meant[at].map(&text).filter(|text| !text.is_empty());
        let number = |at: usize| match meant(at).map(|text| (text, text.parse::<f64>())) {
            None => Ok(None),
            Some((_, Ok(number))) if number.is_finite() => Ok(Some(number)),
            Some((text, _)) => Err(format!("`{text}` is no number")),
        };
        let status = meant(1).unwrap_or_default();
        let (mut state, told) =
            state(status, self.columns.tool).ok_or_else(|| format!("`{status}` is no status of a cell"))?;
        let sdmx = self.columns.tool == Tool::Sdmx;
        let figure = number(0)?;
        // A release of a node marks figures of two members; one without figure that is free has none at all.
        if figure.is_none() && !state.withheld() {
            if !sdmx {
                return Err("a published cell needs its value".to_owned());
            }
            return Ok(());
        }
        if sdmx && figure.is_some() && !told {
            state = State::Primary;
        }
        let value = figure.unwrap_or(0.0);
        let levels = match (number(2)?, number(3)?, number(4)?) {
            (None, None, None) if told => {
                Levels { upper: (self.threshold - value).max(1.0), lower: value.max(0.0), sliding: 0.0 }
            }
            (None, None, None) => Levels { sliding: self.threshold, ..Levels::default() },
            (upper, lower, sliding) => {
                let level = |level: Option<f64>| level.unwrap_or(0.0).max(0.0);
                Levels { upper: level(upper), lower: level(lower), sliding: level(sliding) }
            }
        };
        let contributors = number(5)?.unwrap_or(value).clamp(0.0, f64::from(u32::MAX)) as u32;
        let contributor = meant(6).map(identifier);
        let bounds = (value.min(0.0), f64::INFINITY);
        let cell = Cell { state, contributors, contributor, bounds, ..Cell::new(value) };
        if self.file.keys.len() >= MAX_CELLS {
            return Err(format!("more than {MAX_CELLS} cells"));
        }
        self.file.whole &= figure.is_some();
        self.file.table.cells.push(if state == State::Primary { cell.primary(levels) } else { cell });
        self.file.keys.push(self.columns.dimensions.iter().map(|i| text(*i).to_owned()).collect());
        Ok(())
    }
}

/// A number for a respondent's name (FNV-1a); the upper half is kept for those that the program names itself.
fn identifier(name: &str) -> u64 {
    let hash = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(1_099_511_628_211);
    name.bytes().fold(14_695_981_039_346_656_037, hash) >> 1
}
