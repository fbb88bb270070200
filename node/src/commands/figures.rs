//! `query`.

use std::io::Write as _;
use std::sync::Arc;

use anyhow::{Result, bail};
use chancery_exchange::{Data, Error, Node};
use chancery_schema::data::{DataFormat, WriteOptions, plain, writer};
use chancery_schema::message::MessageHeader;
use chancery_schema::query::rest;
use chancery_schema::{DataQuery, DatasetSchema};
use futures::StreamExt as _;

use super::Context;
use super::publishing::show;
use crate::cli::{Query, QueryFormat};
use crate::output;

/// Rows a table shows unless `--limit` says otherwise.
const TABLE_ROWS: u64 = 50;

pub(crate) async fn query(context: &Context, args: Query) -> Result<()> {
    let node = context.node().await?;
    let Some(dataflow) = &args.dataflow else {
        return list(context, &node).await;
    };
    let schema = node.dataset_schema(dataflow)?;
    let mut parameters: Vec<(String, String)> = Vec::new();
    for filter in &args.filters {
        let Some((component, values)) = filter.split_once('=') else {
            bail!(Error::invalid(format!("`{filter}` is no filter such as ORIGIN=MEX")));
        };
        parameters.push((format!("c[{component}]"), values.to_owned()));
    }
    let table = args.format == QueryFormat::Table && !context.json;
    let limit = args.limit.or(table.then_some(TABLE_ROWS));
    let named = [
        ("startPeriod", args.start.clone()),
        ("endPeriod", args.end.clone()),
        ("asOf", args.as_of.clone()),
        ("limit", limit.map(|l| l.to_string())),
    ];
    parameters.extend(named.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let query = rest::parse(&schema, &args.key, &parameters).map_err(|e| Error::invalid(e.to_string()))?;
    if !args.sum_by.is_empty() {
        return sums(context, &node, &schema, &query, &args.sum_by).await;
    }
    let mut data = node.data(&schema, &query).await?;
    if table {
        let mut batches = Vec::new();
        while let Some(batch) = data.stream.next().await {
            batches.push(batch?);
        }
        show(&batches);
        let count = node.count(&schema, &query).await?;
        let shown: usize = batches.iter().map(|b| b.num_rows()).sum();
        if count > shown as u64 {
            output::line(format!("{shown} of {count} figures; --limit shows more"));
        }
    } else {
        write(&node, &schema, data, &args).await?;
    }
    for (title, until) in node.under_embargo(&schema.dataflow.to_string()).await? {
        output::note(format!(
            "not in these figures: `{title}`, which is under embargo until {until} and in force nowhere before"
        ));
    }
    Ok(())
}

/// Prints the sums of figures, and says of which dimensions totals are in them beside their parts.
async fn sums(context: &Context, node: &Node, schema: &DatasetSchema, query: &DataQuery, by: &[String]) -> Result<()> {
    let ids: Vec<&str> = by.iter().map(String::as_str).collect();
    let sums = node.sums(schema, query, &ids).await?;
    if context.json {
        return output::json(&sums);
    }
    let headings: Vec<&str> = ids.iter().copied().chain(["sum", "observations", "without figure"]).collect();
    let mut table = output::table(&headings);
    for row in &sums.sums {
        let code = |id: &String| row.key.get(id).cloned().unwrap_or_default();
        let numbers = [row.sum.to_string(), row.observations.to_string(), row.missing.to_string()];
        table.add_row(by.iter().map(code).chain(numbers));
    }
    output::line(table.to_string());
    for id in &sums.totals_beside_parts {
        output::line(format!("`{id}`: the sums count its total `_T` beside its parts; add `--where {id}=_T`"));
    }
    Ok(())
}

/// Writes figures in the format asked for.
async fn write(node: &Node, schema: &DatasetSchema, mut data: Data, args: &Query) -> Result<()> {
    let mut out: Box<dyn std::io::Write + Send> = match &args.output {
        Some(path) => {
            Box::new(std::io::BufWriter::new(std::fs::File::create(path).map_err(|e| Error::file("create", path, e))?))
        }
        None if args.format == QueryFormat::Parquet => bail!(Error::invalid("Parquet needs a file: give `--output`")),
        None => Box::new(std::io::stdout()),
    };
    let format = match args.format {
        QueryFormat::Csv => DataFormat::Csv2,
        QueryFormat::Xml => DataFormat::Specific30,
        QueryFormat::Json | QueryFormat::Table => DataFormat::Json2,
        QueryFormat::Parquet => {
            let columns = schema.arrow_schema();
            let mut writer = chancery_query::artefact::scratch_writer(&mut out, Arc::clone(&columns))?;
            while let Some(batch) = data.stream.next().await {
                writer.write(&plain(&batch?, &columns)?)?;
            }
            writer.close()?;
            return Ok(());
        }
    };
    let member = &node.config().member;
    let header = MessageHeader {
        id: format!("DATA_{}", schema.dataflow.id),
        prepared: chrono::Utc::now(),
        sender_id: member.id.clone(),
        sender_name: member.name.clone(),
        releases: Vec::new(),
    };
    let mut writer = writer(format, schema, header, WriteOptions::default());
    let mut bytes = Vec::new();
    while let Some(batch) = data.stream.next().await {
        writer.write(&batch?, &mut bytes)?;
        out.write_all(&bytes)?;
        bytes.clear();
    }
    writer.finish(&mut bytes)?;
    out.write_all(&bytes)?;
    out.flush()?;
    Ok(())
}

async fn list(context: &Context, node: &Node) -> Result<()> {
    let dataflows = node.dataflows_view().await?;
    if context.json {
        return output::json(&dataflows);
    }
    let mut table = output::table(&["dataflow", "name", "releases", "members"]);
    for dataflow in &dataflows {
        table.add_row([&dataflow.id, &dataflow.name, &dataflow.releases.to_string(), &dataflow.members.join(" ")]);
    }
    output::line(table.to_string());
    Ok(())
}
