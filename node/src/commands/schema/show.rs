//! `schema show`.

use std::process::ExitCode;

use anyhow::{Result, bail};
use chancery_exchange::Error;
use chancery_schema::language::Languages;
use chancery_schema::structure::select::{ArtefactKind, Detail, References, StructureQuery, select};
use chancery_schema::structure::{Codelist, HierarchicalCode, Hierarchy, Names, VALID_TO};
use chancery_schema::{Component, Structures, mirror};

use super::super::Context;
use super::{few, load};
use crate::cli::SchemaShow;
use crate::output;

/// Most codes named in a line about a component.
const FEW_CODES: usize = 6;

pub(super) fn show(context: &Context, args: &SchemaShow) -> Result<ExitCode> {
    let mut all = load::shared_and(&args.structures)?;
    let languages = Languages::parse(&args.language);
    let Some(what) = &args.what else {
        languages.apply(&mut all);
        dataflows(context, &all)?;
        return Ok(ExitCode::SUCCESS);
    };
    if what == "mirrors" {
        mirrors(context)?;
    } else if context.json {
        languages.apply(&mut all);
        artefact_json(&all, what)?;
    } else if let Some(dataflow) = all.find_dataflow(what) {
        let schema = all.dataset_schema(&dataflow).map_err(|e| Error::invalid(e.to_string()))?;
        let schema = schema.in_languages(&languages);
        output::line(format!("{}  {}", schema.dataflow, schema.name));
        output::line(schema.names.description.as_deref().unwrap_or_default());
        let mut table = output::table(&["component", "name", "must", "code list", "codes"]);
        for component in schema.components() {
            let constraints: Vec<_> = all.constraints_of(&dataflow).collect();
            let allowed = codes(component, |code| constraints.iter().all(|c| c.allows(&component.id, code)));
            let list = component.codes.as_ref().map_or_else(String::new, |c| c.reference.id.clone());
            let must = if component.mandatory { "yes" } else { "" };
            table.add_row([component.id.as_str(), &component.name, must, &list, &allowed]);
        }
        output::line(table.to_string());
    } else if let Some(list) = newest(&all, |all| &all.codelists, |l| &l.maintainable, what) {
        codelist(list, &languages);
    } else if let Some(tree) = newest(&all, |all| &all.hierarchies, |h| &h.maintainable, what) {
        hierarchy(&all, tree, &languages);
    } else {
        languages.apply(&mut all);
        artefact_json(&all, what)?;
    }
    Ok(ExitCode::SUCCESS)
}

fn newest<'a, T>(
    all: &'a Structures,
    lists: impl Fn(&'a Structures) -> &'a [T],
    identity: impl Fn(&T) -> &chancery_schema::structure::Maintainable,
    id: &str,
) -> Option<&'a T> {
    use chancery_schema::structure::select::compare_versions;
    let found = lists(all).iter().filter(|a| identity(a).id == id);
    found.max_by(|a, b| compare_versions(&identity(a).version, &identity(b).version))
}

fn dataflows(context: &Context, all: &Structures) -> Result<()> {
    let fields = |urn: &str| -> Vec<String> {
        let filed = all.categorisations.iter().filter(|c| c.source == urn);
        let categories = filed.filter_map(|c| c.target.rsplit_once('.').map(|(_, id)| id));
        let name = |id: &str| all.category_schemes.iter().flat_map(|s| &s.categories).find(|c| c.id == id);
        categories.map(|id| name(id).map_or(id, |c| c.names.name.as_str()).to_owned()).collect()
    };
    let rows: Vec<_> = all
        .dataflows
        .iter()
        .map(|d| {
            let reference = d.maintainable.reference();
            let names: &Names = &d.maintainable.names;
            (fields(&reference.urn(ArtefactKind::Dataflow.class())), reference, names.name.clone())
        })
        .collect();
    if context.json {
        let list = rows.iter().map(|(fields, reference, name)| {
            serde_json::json!({ "dataflow": reference.to_string(), "name": name, "fields": fields })
        });
        return output::json(&list.collect::<Vec<_>>());
    }
    let mut table = output::table(&["field", "dataflow", "name"]);
    for (fields, reference, name) in &rows {
        table.add_row([few(fields), reference.to_string(), name.clone()]);
    }
    output::line(table.to_string());
    Ok(())
}

/// The codes a component may take, the first of them named.
fn codes(component: &Component, allows: impl Fn(&str) -> bool) -> String {
    let Some(set) = &component.codes else { return String::new() };
    let allowed: Vec<&str> = set.iter().map(|(code, _)| code).filter(|code| allows(code)).collect();
    let shown = allowed.iter().take(FEW_CODES).copied().collect::<Vec<_>>().join(" ");
    if allowed.len() > FEW_CODES { format!("{shown} and {} more", allowed.len() - FEW_CODES) } else { shown }
}

fn codelist(list: &Codelist, languages: &Languages) {
    output::line(format!("{}  {}", list.maintainable.reference(), languages.name(&list.maintainable.names)));
    let mut table = output::table(&["code", "name", "under", "until"]);
    for code in list.codes.iter() {
        let (under, until) = (code.parent.as_deref(), code.annotation(VALID_TO));
        table.add_row([&code.id, languages.name(&code.names), under.unwrap_or_default(), until.unwrap_or_default()]);
    }
    output::line(table.to_string());
}

fn hierarchy(all: &Structures, tree: &Hierarchy, languages: &Languages) {
    output::line(format!("{}  {}", tree.maintainable.reference(), languages.name(&tree.maintainable.names)));
    let name = |code: &HierarchicalCode| -> String {
        let found =
            chancery_schema::structure::item_of(&code.code).and_then(|(list, id)| all.codelist(&list)?.codes.by_id(id));
        found.map_or_else(String::new, |item| languages.name(&item.names).to_owned())
    };
    tree.walk(&mut |above, code| {
        let until =
            code.valid_to.as_deref().and_then(|t| t.get(..10)).map_or_else(String::new, |t| format!(" (until {t})"));
        output::line(format!("{}{}  {}{until}", "  ".repeat(above.len()), code.id, name(code)));
    });
}

/// Every artefact of the id, as the JSON of a structure message.
fn artefact_json(all: &Structures, id: &str) -> Result<()> {
    let found = select(
        all,
        &StructureQuery {
            kinds: Vec::new(),
            agencies: Vec::new(),
            ids: vec![id.to_owned()],
            versions: vec!["*".to_owned()],
            references: References::None,
            detail: Detail::Full,
        },
    );
    if found.is_empty() {
        bail!(Error::not_found(format!("there is no artefact `{}`", id.chars().take(80).collect::<String>())));
    }
    output::json(&found)
}

fn mirrors(context: &Context) -> Result<()> {
    let rules = mirror::shared()?;
    if context.json {
        let end = |e: &mirror::End| serde_json::json!({ "dataflow": e.dataflow.to_string(), "reporter": e.reporter, "only": e.only });
        let list = rules.iter().map(|r| {
            serde_json::json!({
                "id": r.id, "one": end(&r.one), "other": end(&r.other), "same": r.same, "summed": r.summed,
                "explained_by": r.explained_by,
            })
        });
        return output::json(&list.collect::<Vec<_>>());
    }
    let mut table = output::table(&["rule", "one end, reported by", "other end, reported by", "may be explained by"]);
    for r in &rules {
        let end = |e: &mirror::End| format!("{}, {}", e.dataflow.id, e.reporter);
        table.add_row([r.id.clone(), end(&r.one), end(&r.other), r.explained_by.join(", ")]);
    }
    output::line(table.to_string());
    Ok(())
}
