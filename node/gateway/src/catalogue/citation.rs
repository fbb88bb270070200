//! Citations: of a release, and of what a query answers, with an address that keeps answering the same figures.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::views::ReleaseView;
use chancery_exchange::{Node, ReleaseFilter};
use chancery_schema::query::rest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Deserialize;
use serde_json::json;

use crate::error::HttpError;
use crate::sdmx::params::{Params, address, segment};

/// What may not stand in a query string as it is.
const QUERY: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'%').add(b'&').add(b'+').add(b'<').add(b'>');

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Format {
    format: Option<String>,
}

/// How to cite a release.
#[utoipa::path(
    get, path = "/api/v1/releases/{id}/citation", tag = "Catalogue",
    params(
        ("id" = String, Path, description = "Record id, 64 hexadecimal digits"),
        ("format" = Option<String>, Query, description = "`text`, `bibtex` or `ris`"),
    ),
    responses((status = 200, description = "The citation", content_type = "text/plain", body = String))
)]
pub(crate) async fn release(
    node: Data<Node>,
    request: HttpRequest,
    id: Path<String>,
    format: Query<Format>,
) -> Result<HttpResponse, HttpError> {
    let all = node.releases_view(ReleaseFilter::default()).await?;
    let shown: String = id.chars().take(80).collect();
    let found = all.into_iter().find(|r| r.id == *id);
    let found = found.ok_or_else(|| HttpError::not_found(format!("there is no release `{shown}` here")))?;
    let base = address(&node, &request);
    let text = |media: &'static str, body: String| Ok(HttpResponse::Ok().content_type(media).body(body));
    match format.format.as_deref() {
        None | Some("text") => text("text/plain; charset=utf-8", text_of(&found, &base)),
        Some("bibtex") => text("application/x-bibtex; charset=utf-8", bibtex(&found, &base)),
        Some("ris") => text("application/x-research-info-systems; charset=utf-8", ris(&found, &base)),
        Some(_) => Err(HttpError::bad_request("a citation comes as `text`, `bibtex` or `ris`")),
    }
}

/// A release's citation as text.
pub(super) fn text(release: &ReleaseView, base: &str) -> String {
    text_of(release, base)
}

fn year(release: &ReleaseView) -> &str {
    release.issued_at.get(..4).unwrap_or("")
}

fn record(release: &ReleaseView, base: &str) -> String {
    format!("{base}/api/v1/releases/{}", release.id)
}

fn text_of(release: &ReleaseView, base: &str) -> String {
    let ReleaseView { member_name, title, dataflow_name, id, .. } = release;
    format!("{member_name} ({}): {title} ({dataflow_name}). Release {id}. {}\n", year(release), record(release, base))
}

/// Text without what means something to TeX.
fn tex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\textbackslash{}"),
            '~' => out.push_str("\\textasciitilde{}"),
            '^' => out.push_str("\\textasciicircum{}"),
            '{' | '}' | '%' | '&' | '#' | '_' | '$' => out.extend(['\\', c]),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

fn bibtex(release: &ReleaseView, base: &str) -> String {
    let key = format!("{}_{}_{}", release.member, release.dataflow, release.id.get(..8).unwrap_or(&release.id));
    format!(
        "@misc{{{key},\n  author = {{{{{}}}}},\n  title = {{{{{}}}}},\n  year = {{{}}},\n  note = {{{}. Release {}}},\n  url = {{{}}}\n}}\n",
        tex(&release.member_name),
        tex(&release.title),
        year(release),
        tex(&release.dataflow_name),
        release.id,
        record(release, base)
    )
}

fn ris(release: &ReleaseView, base: &str) -> String {
    // A line is a field: nothing in one may break it.
    let line = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    format!(
        "TY  - DATA\r\nAU  - {}\r\nTI  - {}\r\nT2  - {}\r\nPY  - {}\r\nDA  - {}\r\nID  - {}\r\nUR  - {}\r\nER  - \r\n",
        line(&release.member_name),
        line(&release.title),
        line(&release.dataflow_name),
        year(release),
        release.issued_at.get(..10).unwrap_or("").replace('-', "/"),
        release.id,
        record(release, base)
    )
}

/// How to cite, and how to read again, what a data query answers now. Parameters are those of data queries.
#[utoipa::path(
    get, path = "/api/v1/citation/{dataflow}/{key}", tag = "Catalogue",
    params(
        ("dataflow" = String, Path, description = "Dataflow", example = "RETURNS"),
        ("key" = String, Path, description = "As in data queries", example = "*"),
    ),
    responses((status = 200, description = "Text, permanent address, releases, code to run", body = Object))
)]
pub(crate) async fn query(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let schema = node.dataset_schema(&segment(&request, "dataflow", "")?)?;
    let (key, params) = (segment(&request, "key", "*")?, Params::of(&request)?);
    let query = rest::parse(&schema, &key, &params.0).map_err(|e| HttpError::bad_request(e.to_string()))?;
    let data = node.data(&schema, &query).await?;
    let base = address(&node, &request);
    // What was known at that time stays what was known.
    let as_of = query.as_of.unwrap_or_else(|| chrono::Utc::now().timestamp());
    let as_of = chrono::DateTime::from_timestamp(as_of, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let flow = &schema.dataflow;
    let encode = |text: &str| utf8_percent_encode(text, QUERY).to_string();
    let mut permanent = format!(
        "{base}/sdmx/3/data/dataflow/{}/{}/{}/{}?asOf={as_of}",
        flow.agency,
        flow.id,
        flow.version,
        encode(&rest::key_text(&query.keys))
    );
    for (name, value) in params.0.iter().filter(|(name, _)| !matches!(name.as_str(), "asOf" | "format")) {
        permanent.push_str(&format!("&{}={}", encode(name), encode(value)));
    }
    let all =
        node.releases_view(ReleaseFilter { dataflow: Some(flow.to_string()), ..ReleaseFilter::default() }).await?;
    let used: Vec<&ReleaseView> = all.iter().filter(|r| data.releases.contains(&r.id)).collect();
    let mut members: Vec<&str> = used.iter().map(|r| r.member_name.as_str()).collect();
    members.sort_unstable();
    members.dedup();
    let forum = node.view().forum.map(|f| f.name).unwrap_or_default();
    let text = format!("{}: {} ({forum}), as known on {as_of}. {permanent}", members.join("; "), schema.name);
    let csv = format!("{permanent}&format=csv");
    Ok(HttpResponse::Ok().json(json!({
        "text": text,
        "url": permanent,
        "as_of": as_of,
        "releases": used.iter().map(|r| json!({ "id": r.id, "member": r.member, "citation": text_of(r, &base), "record": record(r, &base) })).collect::<Vec<_>>(),
        "snippets": {
            "pandas": format!("import pandas as pd\ndf = pd.read_csv(\"{csv}\", keep_default_na=False, na_values={{\"OBS_VALUE\": [\"\"]}})"),
            "r": format!("df <- read.csv(\"{csv}\", na.strings = character(0))\ndf$OBS_VALUE <- as.numeric(df$OBS_VALUE)"),
            "duckdb": format!("SELECT * FROM read_parquet('{permanent}&format=parquet');"),
        },
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_to_tex_is_escaped() {
        assert_eq!(tex("Returns & {50%}\n"), "Returns \\& \\{50\\%\\} ");
    }
}
