//! A mapping tried on the first rows of a file, before anything is imported.

use std::ops::ControlFlow;
use std::path::Path;

use arrow::array::RecordBatch;
use chancery_schema::Structures;
use chancery_schema::mapping::Mapping;
use chancery_schema::mapping::propose::{Looked, Sample, propose};
use chancery_schema::rows::RowBatch;
use chancery_schema::validate::{Problem, Validator};

use super::progress::Progress;
use super::source::{self, Found, Opened};
use super::{all_of, name_of};
use crate::error::{Doing as _, Error, Result};

/// What a mapping makes of the first rows.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The dataflow.
    pub dataflow: String,
    /// What was found out about the file that the mapping does not say.
    pub found: Vec<Found>,
    /// The source's headings.
    pub headings: Vec<String>,
    /// Headings that the mapping does not use.
    pub unused: Vec<String>,
    /// Rows of the source that were looked at.
    pub rows: u64,
    /// Figures that the mapping's filters leave out.
    pub left_out: u64,
    /// The valid figures.
    pub figures: RecordBatch,
    /// What is wrong with the others.
    pub problems: Vec<Problem>,
}

/// Sheets that a proposal looks at, beside the first.
const PROPOSAL_SHEETS: usize = 20;
/// Rows that a proposal looks at.
const PROPOSAL_ROWS: usize = 20_000;

/// Proposes a mapping of a file to a dataflow, TOML with its doubts as comments. The figures are `member`'s, if nothing speaks against it.
pub fn propose_mapping(structures: &Structures, dataflow: &str, path: &Path, member: Option<&str>) -> Result<String> {
    let reference = structures.find_dataflow(dataflow).ok_or_else(|| {
        let known = structures.dataflows.iter().map(|d| d.maintainable.id.as_str()).collect::<Vec<_>>().join(", ");
        Error::not_found(format!("there is no dataflow `{dataflow}`; there are {known}"))
    })?;
    let schema = structures.dataset_schema(&reference).or_invalid(|| format!("`{reference}` cannot be used"))?;
    let mut mapping = Mapping::parse(&format!("dataflow = \"{reference}\"\n[components]\n"))
        .map_err(|errors| all_of("the mapping file is wrong", &errors))?;
    let mut best = Glance::of(path, &mapping)?;
    let looked = best.sheet.clone();
    for sheet in best.sheets.clone().into_iter().take(PROPOSAL_SHEETS).filter(|name| Some(name) != looked.as_ref()) {
        mapping.source.sheet = Some(sheet);
        // A sheet that cannot be read is none to propose.
        if let Ok(other) = Glance::of(path, &mapping)
            && other.cells > best.cells
        {
            best = other;
        }
    }
    let found: Vec<String> =
        best.found.iter().filter(|f| f.what != "sheet").map(|f| format!("{} {}", f.what, f.value)).collect();
    let sheet = best.sheet.as_ref().filter(|_| best.sheets.len() > 1);
    let looked = Looked { sheet: sheet.map(|sheet| (sheet.as_str(), best.sheets.as_slice())), found: &found, member };
    Ok(propose(&schema, &best.sample, &name_of(Some(path)), looked))
}

/// A look at a file, or at one of its sheets.
struct Glance {
    sample: Sample,
    /// Cells with a text.
    cells: usize,
    sheet: Option<String>,
    sheets: Vec<String>,
    found: Vec<Found>,
}

impl Glance {
    fn of(path: &Path, mapping: &Mapping) -> Result<Self> {
        let Opened { rows: mut source, found, sheets, sheet, .. } =
            source::open(Some(path), mapping, &Progress::default())?;
        let mut sample = Sample::new(source.headings());
        let (mut seen, mut cells) = (0, 0);
        source
            .read(&mut |batch| {
                for (_, row) in batch.iter() {
                    sample.look(row.iter());
                    cells += row.iter().filter(|text| !text.trim().is_empty()).count();
                    seen += 1;
                }
                if seen < PROPOSAL_ROWS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
            })
            .map_err(|error| source::failed(path, error))?;
        Ok(Self { sample, cells, sheet, sheets, found })
    }
}

/// Tries a mapping on at most `rows` rows of the file, or of the mapping's query.
pub fn try_mapping(structures: &Structures, mapping: &str, path: Option<&Path>, rows: u64) -> Result<Trial> {
    let mapping = Mapping::parse(mapping).map_err(|errors| all_of("the mapping file is wrong", &errors))?;
    let dataflow = structures
        .find_dataflow(&mapping.dataflow)
        .ok_or_else(|| Error::not_found(format!("there is no dataflow `{}`", mapping.dataflow)))?;
    let schema = structures.dataset_schema(&dataflow).or_invalid(|| format!("`{dataflow}` cannot be used"))?;
    let Opened { rows: mut source, found, said, .. } = source::open(path, &mapping, &Progress::default())?;
    let headings = source.headings().to_vec();
    let name = name_of(path);
    let bound = mapping
        .bind(&schema, &headings)
        .map_err(|errors| all_of(&format!("the mapping does not fit `{name}`"), &errors))?;
    let unused = bound.unmapped_columns().map(str::to_owned).collect();
    let shape = bound.shape.clone();
    let mut validator = Validator::new(bound);
    said.iter().flat_map(|said| said.strange(&schema)).for_each(|(id, row)| validator.note_strange(id, row));
    let (mut seen, mut left_out) = (0, 0);
    let mut first = RowBatch::default();
    let mut shaped = RowBatch::default();
    source
        .read(&mut |batch| {
            for (line, row) in batch.iter().take((rows - seen) as usize) {
                seen += 1;
                row.iter().for_each(|field| first.field(field));
                first.end_row(line);
            }
            batch.faults.drain(..).for_each(|fault| validator.note(fault));
            if seen < rows { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })
        .map_err(|error| source::failed(Path::new(&name), error))?;
    shape.apply(&first, &mut shaped);
    for (line, row) in shaped.iter() {
        left_out += u64::from(!validator.push(line, &row));
    }
    let figures = validator.take().or_storage(|| "cannot hold the rows".to_owned())?;
    let problems = validator.into_problems();
    Ok(Trial { dataflow: dataflow.to_string(), found, headings, unused, rows: seen, left_out, figures, problems })
}
