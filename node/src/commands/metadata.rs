//! `metadata`: template, prepare, approve, publish, show.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use chancery_exchange::views::MetadataAttributeView;
use chancery_exchange::{Error, MetadataDraft, MetadataFilter, Node};
use chancery_schema::language::{DEFAULT, Languages};
use chancery_schema::metadata::{Reported, Value};
use chancery_schema::structure::MetadataAttribute;
use serde::Deserialize;

use super::Context;
use crate::cli::Metadata;
use crate::output;

/// Largest file read.
const MAX_BYTES: u64 = 1 << 20;

/// The file that people fill in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct MetadataFile {
    /// What it is about.
    pub(crate) dataflow: String,
    /// Values by attribute.
    pub(crate) reported: Reported,
}

pub(crate) async fn run(context: &Context, command: Metadata) -> Result<()> {
    match command {
        Metadata::Template { dataflow, output } => template(context, &dataflow, output).await,
        Metadata::Prepare { file, operator, output } => prepare(context, &file, &operator, output).await,
        Metadata::Approve { draft, operator } => approve(context, &draft, &operator).await,
        Metadata::Publish { draft } => publish(context, &draft).await,
        Metadata::Show { dataflow, member, language } => show(context, dataflow, member, &language).await,
    }
}

fn read(path: &Path) -> Result<String> {
    let bytes = std::fs::metadata(path).map_err(|e| Error::file("read", path, e))?.len();
    if bytes > MAX_BYTES {
        bail!(Error::invalid(format!("`{}` is longer than {MAX_BYTES} bytes", path.display())));
    }
    Ok(std::fs::read_to_string(path).map_err(|e| Error::file("read", path, e))?)
}

fn read_draft(path: &Path) -> Result<MetadataDraft> {
    let what = format!("`{}` is no draft of metadata as `chancery metadata prepare` writes it", path.display());
    let draft = serde_json::from_str(&read(path)?);
    Ok(draft.map_err(|e| Error::Invalid { what, cause: Some(Box::new(e)) })?)
}

fn write_draft(path: &Path, draft: &MetadataDraft) -> Result<()> {
    Ok(std::fs::write(path, serde_json::to_vec_pretty(draft)?).map_err(|e| Error::file("write", path, e))?)
}

/// Reads the text of a filled-in file.
pub(crate) fn parse(text: &str, name: &str) -> Result<MetadataFile> {
    let what = format!("`{name}` is no file as `chancery metadata template` writes it");
    Ok(toml::from_str(text).map_err(|e| Error::Invalid { what, cause: Some(Box::new(e)) })?)
}

async fn template(context: &Context, dataflow: &str, path: Option<PathBuf>) -> Result<()> {
    let node = context.node().await?;
    let dataflow = node.dataset_schema(dataflow)?.dataflow;
    let member = Some(node.member().to_owned());
    let filter = MetadataFilter { member, dataflow: Some(dataflow.to_string()), ..MetadataFilter::default() };
    let before = node.metadata(filter).await?.pop().map(|held| held.reported()).unwrap_or_default();
    let mut text = format!(
        "# What `{}` says of its figures of this dataflow. Texts may be in several languages: add lines such as `fr = \"...\"`.\n\
         dataflow = \"{dataflow}\"\n\n[reported]\n",
        node.member()
    );
    // TOML asks for values before tables.
    let attributes = node.metadata_structure()?.all_attributes();
    let (tables, values): (Vec<_>, Vec<_>) =
        attributes.into_iter().filter(|a| !a.is_presentational()).partition(|a| a.is_multi_lingual());
    for attribute in values.into_iter().chain(tables) {
        text.push_str(&entry(&node, attribute, before.get(&attribute.id))?);
    }
    let path = path.unwrap_or_else(|| format!("{}.metadata.toml", dataflow.id).into());
    if path.as_os_str() == "-" {
        output::line(text.trim_end());
        return Ok(());
    }
    if path.exists() {
        bail!(Error::conflict(format!("`{}` is there already: choose another name with --output", path.display())));
    }
    std::fs::write(&path, text).map_err(|e| Error::file("write", &path, e))?;
    output::line(format!("written to `{}`: fill it in, then `chancery metadata prepare`", path.display()));
    Ok(())
}

/// An attribute's lines: what it is, and its value or an example commented out.
fn entry(node: &Node, attribute: &MetadataAttribute, value: Option<&Value>) -> Result<String> {
    let names =
        node.structures().concept(&attribute.concept_identity).map(|c| c.item.names.clone()).unwrap_or_default();
    let kind = if attribute.min_occurs > 0 { "mandatory" } else { "may be left out" };
    let comment = format!("# {} ({kind}). {}.\n", names.name, names.description.unwrap_or_default());
    let quoted = |text: &str| toml::Value::String(text.to_owned()).to_string();
    // What is mandatory stands there to be filled in; the rest as a comment.
    let mark = if attribute.min_occurs > 0 { "" } else { "# " };
    Ok(match value {
        Some(Value::Text(text)) => format!("{comment}{} = {}\n\n", attribute.id, quoted(text)),
        Some(Value::Texts(texts)) => {
            let lines: String = texts.iter().map(|(tag, text)| format!("{tag} = {}\n", quoted(text))).collect();
            format!("{comment}[reported.{}]\n{lines}\n", attribute.id)
        }
        None if attribute.is_multi_lingual() => {
            format!("{comment}{mark}[reported.{}]\n{mark}{DEFAULT} = \"\"\n\n", attribute.id)
        }
        None => format!("{comment}{mark}{} = \"\"\n\n", attribute.id),
    })
}

async fn prepare(context: &Context, file: &Path, operator: &str, path: Option<PathBuf>) -> Result<()> {
    let filled = parse(&read(file)?, &file.display().to_string())?;
    let draft = context.node().await?.prepare_metadata(&filled.dataflow, &filled.reported, operator).await?;
    let path = path.unwrap_or_else(|| file.with_extension("json"));
    write_draft(&path, &draft)?;
    if context.json {
        return output::json(&serde_json::json!({ "draft": path, "intent": draft.intent }));
    }
    output::line(format!(
        "version {} for `{}`, signed by {operator}: written to `{}`",
        draft.intent.version,
        draft.intent.dataflow,
        path.display()
    ));
    output::line("next: `chancery metadata approve` by another operator");
    Ok(())
}

async fn approve(context: &Context, path: &Path, operator: &str) -> Result<()> {
    let mut draft = read_draft(path)?;
    if !context.json {
        output::line(format!("version {} for `{}` says:", draft.intent.version, draft.intent.dataflow));
        for (attribute, value) in &draft.intent.reported {
            output::line(format!("  {attribute}: {value}"));
        }
    }
    context.node().await?.approve_metadata(&mut draft, operator)?;
    write_draft(path, &draft)?;
    if context.json {
        return output::json(&serde_json::json!({ "draft": path, "operators": draft.operators.len() }));
    }
    output::line(format!("approved by {operator}; next: `chancery metadata publish {}`", path.display()));
    Ok(())
}

async fn publish(context: &Context, path: &Path) -> Result<()> {
    let id = context.node().await?.publish_metadata(&read_draft(path)?).await?;
    if context.json {
        return output::json(&serde_json::json!({ "metadata": id }));
    }
    output::line(format!("published as metadata record {id}"));
    Ok(())
}

async fn show(context: &Context, dataflow: Option<String>, member: Option<String>, language: &str) -> Result<()> {
    let node = context.node().await?;
    let languages = Languages::parse(language);
    let dataflow = dataflow.map(|d| node.dataset_schema(&d).map(|s| s.dataflow.to_string())).transpose()?;
    let mut views = Vec::new();
    for held in node.metadata(MetadataFilter { dataflow, member, ..MetadataFilter::default() }).await? {
        views.push(node.metadata_view(&held, &languages).await?);
    }
    if context.json {
        return output::json(&serde_json::json!({ "metadata": views }));
    }
    if views.is_empty() {
        output::line("nothing is said of any figures here: `chancery metadata template` begins");
    }
    for view in views {
        output::line(format!("{} of {} ({}), {}", view.dataflow_name, view.member_name, view.version, view.issued_at));
        view.attributes.iter().for_each(|a| line(a, 1));
    }
    Ok(())
}

fn line(attribute: &MetadataAttributeView, depth: usize) {
    let text = attribute.text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
    output::line(format!("{}{}{text}", "  ".repeat(depth), attribute.name));
    attribute.attributes.iter().for_each(|a| line(a, depth + 1));
}
