//! `schema map`: lists maps, turns codes and rows.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Result, bail};
use chancery_exchange::Error;
use chancery_schema::structure::select::compare_versions;
use chancery_schema::structure_map::{CodeMap, Mapper, RowError};
use chancery_schema::{Reference, Structures};

use super::super::Context;
use super::load;
use crate::cli::SchemaMap;
use crate::output;

/// Most rows without an entry that are named.
const SHOWN_ROWS: u64 = 20;
/// Most reasons why rows are left out that are named.
const SHOWN_REASONS: usize = 20;

pub(super) fn map(context: &Context, args: &SchemaMap) -> Result<ExitCode> {
    let all = load::shared_and(&args.structures)?;
    let Some(id) = &args.map else {
        list(context, &all)?;
        return Ok(ExitCode::SUCCESS);
    };
    let newest = |references: Vec<Reference>| {
        let found = references.into_iter().filter(|r| r.id == *id || r.to_string() == *id);
        found.max_by(|a, b| compare_versions(&a.version, &b.version))
    };
    if let Some(found) = newest(all.representation_maps.iter().map(|m| m.maintainable.reference()).collect()) {
        return codes(context, &all, &found, &args.input);
    }
    let found = newest(all.structure_maps.iter().map(|m| m.maintainable.reference()).collect());
    let found =
        found.ok_or_else(|| Error::not_found(format!("there is no map `{id}`: `chancery schema map` lists them")))?;
    let mapper = Mapper::new(&all, &found).map_err(|e| Error::invalid(e.to_string()))?;
    match args.input.as_slice() {
        [] => describe(context, &mapper),
        [file] => rows(&all, &mapper, Path::new(file), args),
        _ => bail!(Error::invalid("a structure map turns one CSV file at a time")),
    }
}

fn list(context: &Context, all: &Structures) -> Result<()> {
    let structure = all.structure_maps.iter().map(|m| (&m.maintainable, m.source.as_str(), m.target.as_str()));
    let values = all.representation_maps.iter().map(|m| (&m.maintainable, "", ""));
    let short = |urn: &str| urn.rsplit_once('=').map_or(String::new(), |(_, reference)| reference.to_owned());
    let rows: Vec<_> =
        structure.chain(values).map(|(m, s, t)| (m.id.clone(), m.names.name.clone(), short(s), short(t))).collect();
    if context.json {
        let list = rows
            .iter()
            .map(|(id, name, from, to)| serde_json::json!({ "id": id, "name": name, "from": from, "to": to }));
        return output::json(&list.collect::<Vec<_>>());
    }
    let mut table = output::table(&["map", "name", "from", "to"]);
    for (id, name, from, to) in rows {
        table.add_row([id, name, from, to]);
    }
    output::line(table.to_string());
    Ok(())
}

fn codes(context: &Context, all: &Structures, map: &Reference, input: &[String]) -> Result<ExitCode> {
    let Some(found) = all.representation_maps.iter().find(|m| m.maintainable.is(map)) else {
        bail!(Error::not_found(format!("there is no map `{map}`")));
    };
    let ready = CodeMap::new(found).map_err(|e| Error::invalid(e.to_string()))?;
    let pairs: Vec<(String, Option<String>)> = if input.is_empty() {
        let sources = found.representation_mappings.iter();
        let text = |m: &chancery_schema::structure::ValueMapping| {
            m.source_values.iter().map(|v| v.value.as_str()).collect::<Vec<_>>().join(", ")
        };
        sources.map(|m| (text(m), Some(m.target_values.join(", ")).filter(|t| !t.is_empty()))).collect()
    } else {
        input.iter().map(|code| (code.clone(), ready.code(code))).collect()
    };
    let code = if pairs.iter().all(|(_, to)| to.is_some()) || input.is_empty() { 0 } else { 5 };
    if context.json {
        let list = pairs.iter().map(|(from, to)| serde_json::json!({ "from": from, "to": to }));
        output::json(&list.collect::<Vec<_>>())?;
    } else {
        for (from, to) in pairs {
            output::line(format!("{from}\t{}", to.as_deref().unwrap_or("(no entry)")));
        }
    }
    Ok(ExitCode::from(code))
}

fn describe(context: &Context, mapper: &Mapper) -> Result<ExitCode> {
    let (sources, targets): (Vec<_>, Vec<_>) = (mapper.sources().collect(), mapper.targets().collect());
    if context.json {
        output::json(&serde_json::json!({
            "source": mapper.source.to_string(), "target": mapper.target.to_string(), "reads": sources, "writes": targets,
        }))?;
    } else {
        output::line(format!("{} becomes {}", mapper.source, mapper.target));
        output::line(format!("reads   {}", sources.join(", ")));
        output::line(format!("writes  {}", targets.join(", ")));
    }
    Ok(ExitCode::SUCCESS)
}

/// Turns a file's rows into SDMX-CSV 2.0.
fn rows(all: &Structures, mapper: &Mapper, file: &Path, args: &SchemaMap) -> Result<ExitCode> {
    let unreadable = |e: csv::Error| Error::invalid(format!("cannot read `{}`: {e}", file.display()));
    let mut reader = csv::Reader::from_path(file).map_err(unreadable)?;
    let headings: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    let schema = all.dataset_schema(&mapper.target).map_err(|e| Error::invalid(e.to_string()))?;
    let written: Vec<&str> = mapper.targets().collect();
    let columns: Vec<&str> = schema.components().map(|c| c.id.as_str()).filter(|id| written.contains(id)).collect();
    let out: Box<dyn Write> = if args.output.as_os_str() == "-" {
        Box::new(std::io::stdout().lock())
    } else {
        Box::new(std::fs::File::create(&args.output).map_err(|e| Error::file("write", &args.output, e))?)
    };
    let mut writer = csv::Writer::from_writer(out);
    let unwritable = |e: csv::Error| Error::file("write", &args.output, e.into());
    writer.write_record(["STRUCTURE", "STRUCTURE_ID", "ACTION"].iter().chain(&columns)).map_err(unwritable)?;
    let (id, mut turned, mut without) = (mapper.target.to_string(), 0_u64, 0_u64);
    let (mut left_out, mut reasons) = (0_u64, BTreeMap::<String, u64>::new());
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = record.position().map_or(0, csv::Position::line);
        let row: BTreeMap<String, String> = headings.iter().cloned().zip(record.iter().map(str::to_owned)).collect();
        match mapper.apply(&row) {
            Ok(row) => {
                let cells = columns.iter().map(|id| row.get(*id).map_or("", String::as_str));
                writer.write_record(["dataflow", &id, "I"].into_iter().chain(cells)).map_err(unwritable)?;
                turned += 1;
            }
            Err(error @ RowError::NotMeant { .. }) => {
                left_out += 1;
                let reason = error.to_string();
                if reasons.len() < SHOWN_REASONS || reasons.contains_key(&reason) {
                    *reasons.entry(reason).or_default() += 1;
                }
            }
            Err(error) => {
                without += 1;
                if without <= SHOWN_ROWS {
                    eprintln!("line {line}: {error}");
                }
            }
        }
    }
    writer.flush().map_err(|e| Error::file("write", &args.output, e))?;
    reasons.iter().for_each(|(reason, rows)| eprintln!("{rows} rows left out: {reason}"));
    eprintln!("{turned} rows turned, {without} without an entry, {left_out} left out by the map");
    let nothing = turned == 0 && left_out > 0;
    Ok(if without > 0 && !args.skip || nothing { ExitCode::from(3) } else { ExitCode::SUCCESS })
}
