//! The open-data catalogue: a dataset for each dataflow that a member publishes, described for people's tools and for harvesters.

pub(crate) mod citation;
mod dcat;
mod descriptions;
mod sitemap;

use actix_web::http::header::{self, LINK};
use actix_web::web::{self, Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::views::ReleaseView;
use chancery_exchange::{HeldMetadata, MetadataFilter, Node, ReleaseFilter};
use chancery_schema::DatasetSchema;
use chancery_schema::language::Languages;
use chancery_schema::metadata::Value;
use serde::Deserialize;

use crate::error::{ErrorBody, HttpError};
use crate::sdmx::params::address;

/// Datasets on one page of the catalogue.
const PAGE: usize = 100;

/// Adds the routes.
pub(crate) fn routes(config: &mut ServiceConfig) {
    config
        .route("/catalogue", web::get().to(catalogue))
        .route("/catalogue/{dataflow}/{member}", web::get().to(dataset))
        .route("/catalogue/{dataflow}/{member}/{document}", web::get().to(document))
        .route("/api/v1/releases/{id}/citation", web::get().to(citation::release))
        .route("/api/v1/citation/{dataflow}", web::get().to(citation::query))
        .route("/api/v1/citation/{dataflow}/{key}", web::get().to(citation::query))
        .route("/sitemap.xml", web::get().to(sitemap::sitemap))
        .route("/robots.txt", web::get().to(sitemap::robots));
}

/// What a member publishes of a dataflow: its releases in force, newest first.
struct Dataset {
    schema: DatasetSchema,
    releases: Vec<ReleaseView>,
    /// What the member says of them.
    metadata: Option<HeldMetadata>,
}

impl Dataset {
    /// The newest release.
    fn newest(&self) -> Option<&ReleaseView> {
        self.releases.first()
    }

    /// What the member says of one attribute.
    fn said(&self, attribute: &str) -> Option<Value> {
        self.metadata.as_ref()?.value(attribute)
    }

    /// The same in English, or the language there is.
    fn said_text(&self, attribute: &str) -> Option<String> {
        Some(self.said(attribute)?.text(&Languages::default()).to_owned())
    }

    /// Where its reference metadata are.
    fn metadata_address(&self, base: &str) -> Option<String> {
        let held = self.metadata.as_ref()?;
        Some(format!("{base}/sdmx/3/metadata/metadataset/{}/{}/{}", self.member(), held.dataflow_id(), held.version()))
    }

    fn member(&self) -> &str {
        self.newest().map_or("", |r| r.member.as_str())
    }

    fn member_name(&self) -> &str {
        self.newest().map_or("", |r| r.member_name.as_str())
    }

    /// `RETURNS-GTM`.
    fn id(&self) -> String {
        format!("{}-{}", self.schema.dataflow.id, self.member())
    }

    fn title(&self) -> String {
        format!("{}, {}", self.schema.name, self.member_name())
    }

    /// First and last period of all releases, as SDMX writes them.
    fn periods(&self) -> Option<(&str, &str)> {
        let first = self.releases.iter().map(|r| r.periods[0].as_str()).min()?;
        let last = self.releases.iter().map(|r| r.periods[1].as_str()).max()?;
        Some((first, last))
    }

    /// Its address in the catalogue.
    fn address(&self, base: &str) -> String {
        format!("{base}/catalogue/{}/{}", self.schema.dataflow.id, self.member())
    }

    /// Its figures in a format of the data service.
    fn figures(&self, base: &str, format: &str) -> String {
        let flow = &self.schema.dataflow;
        format!(
            "{base}/sdmx/2.1/data/{},{},{}/all/{}?format={format}",
            flow.agency,
            flow.id,
            flow.version,
            self.member()
        )
    }
}

/// Every dataset that anybody may read, in the order of dataflows, then members.
async fn datasets(node: &Node, filter: ReleaseFilter) -> Result<Vec<Dataset>, HttpError> {
    let releases = node.releases_view(ReleaseFilter { current_only: true, ..filter }).await?;
    let mut all: std::collections::BTreeMap<(String, String), Vec<ReleaseView>> = std::collections::BTreeMap::new();
    for release in releases.into_iter().filter(|r| r.audience == "public") {
        all.entry((release.dataflow.clone(), release.member.clone())).or_default().push(release);
    }
    let said = node.metadata(MetadataFilter::default()).await?;
    let dataset = |((dataflow, member), releases): ((String, String), Vec<ReleaseView>)| {
        let of = |held: &&HeldMetadata| held.payload.issuer == member && held.dataflow_id() == dataflow;
        let metadata = said.iter().find(of).cloned();
        Ok(Dataset { schema: node.dataset_schema(&dataflow)?, releases, metadata })
    };
    all.into_iter().map(dataset).collect()
}

async fn find(node: &Node, dataflow: &str, member: &str) -> Result<Dataset, HttpError> {
    let filter =
        ReleaseFilter { dataflow: Some(dataflow.to_owned()), member: Some(member.to_owned()), current_only: true };
    let shown = |text: &str| text.chars().take(60).collect::<String>();
    let found = datasets(node, filter).await?.pop();
    found.ok_or_else(|| HttpError::not_found(format!("`{}` publishes no `{}` here", shown(member), shown(dataflow))))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Page {
    page: Option<usize>,
    format: Option<String>,
}

/// The catalogue as DCAT-AP 3, a page at a time.
#[utoipa::path(
    get, path = "/catalogue", tag = "Catalogue",
    params(
        ("page" = Option<usize>, Query, description = "From 1"),
        ("format" = Option<String>, Query, description = "`jsonld` or `ttl`"),
    ),
    responses((status = 200, description = "JSON-LD, or Turtle", content_type = "application/ld+json", body = Object))
)]
pub(crate) async fn catalogue(
    node: Data<Node>,
    request: HttpRequest,
    page: Query<Page>,
) -> Result<HttpResponse, HttpError> {
    let syntax = dcat::syntax(&request, page.format.as_deref())?;
    let all = datasets(&node, ReleaseFilter::default()).await?;
    let (number, pages) = (page.page.unwrap_or(1).max(1), all.len().div_ceil(PAGE).max(1));
    if number > pages {
        return Err(HttpError::not_found(format!("the catalogue has {pages} pages")));
    }
    let base = address(&node, &request);
    let shown: Vec<&Dataset> = all.iter().skip((number - 1) * PAGE).take(PAGE).collect();
    let graph = dcat::catalogue(&node, &base, &shown, number, pages, all.len())?;
    let mut response = HttpResponse::Ok();
    for (relation, to) in [("prev", number.wrapping_sub(1)), ("next", number + 1)] {
        if (1..=pages).contains(&to) {
            response.append_header((LINK, format!("<{base}/catalogue?page={to}>; rel=\"{relation}\"")));
        }
    }
    Ok(response.insert_header((header::VARY, "Accept")).content_type(syntax.media_type()).body(syntax.write(&graph)?))
}

/// One dataset as DCAT-AP 3, with typed links to everything there is of it (Signposting).
#[utoipa::path(
    get, path = "/catalogue/{dataflow}/{member}", tag = "Catalogue",
    params(
        ("dataflow" = String, Path, description = "Dataflow", example = "RETURNS"),
        ("member" = String, Path, description = "Member", example = "GTM"),
    ),
    responses(
        (status = 200, description = "JSON-LD, or Turtle", content_type = "application/ld+json", body = Object),
        (status = 404, description = "The member publishes none", body = ErrorBody),
    )
)]
pub(crate) async fn dataset(
    node: Data<Node>,
    request: HttpRequest,
    path: Path<(String, String)>,
    page: Query<Page>,
) -> Result<HttpResponse, HttpError> {
    let found = find(&node, &path.0, &path.1).await?;
    let base = address(&node, &request);
    let mut response = HttpResponse::Ok();
    for (target, relation, media) in signposts(&found, &base) {
        let media = media.map(|media| format!("; type=\"{media}\"")).unwrap_or_default();
        response.append_header((LINK, format!("<{target}>; rel=\"{relation}\"{media}")));
    }
    let syntax = dcat::syntax(&request, page.format.as_deref())?;
    let graph = dcat::dataset(&base, &found)?;
    Ok(response.insert_header((header::VARY, "Accept")).content_type(syntax.media_type()).body(syntax.write(&graph)?))
}

/// Typed links of a dataset (signposting.org/FAIR): what to cite, what describes it, what it consists of.
fn signposts(dataset: &Dataset, base: &str) -> Vec<(String, &'static str, Option<&'static str>)> {
    let own = dataset.address(base);
    let mut links = vec![
        ("https://schema.org/Dataset".to_owned(), "type", None),
        (format!("{own}/dcat.jsonld"), "describedby", Some("application/ld+json")),
        (format!("{own}/dcat.ttl"), "describedby", Some("text/turtle")),
        (format!("{own}/schema.jsonld"), "describedby", Some("application/ld+json")),
        (format!("{own}/croissant.json"), "describedby", Some("application/ld+json")),
        (format!("{own}/datapackage.json"), "describedby", Some("application/json")),
        (dataset.figures(base, "csv"), "item", Some("text/csv")),
    ];
    if let (Some(address), Some(held)) = (dataset.metadata_address(base), &dataset.metadata) {
        links.push((format!("{address}?format=jsonmetadata"), "describedby", Some("application/json")));
        links.push((format!("{base}/api/v1/metadata/{}", held.id), "describedby", Some("application/json")));
    }
    for release in &dataset.releases {
        links.push((format!("{base}/api/v1/releases/{}", release.id), "cite-as", None));
        links.push((format!("{base}/api/v1/releases/{}/proof", release.id), "describedby", Some("application/json")));
        links.extend(
            release
                .artefacts
                .iter()
                .map(|a| (format!("{base}{}", a.url), "item", Some("application/vnd.apache.parquet"))),
        );
    }
    links
}

/// One dataset as `dcat.jsonld`, `dcat.ttl`, `schema.jsonld`, `croissant.json` or `datapackage.json`.
#[utoipa::path(
    get, path = "/catalogue/{dataflow}/{member}/{document}", tag = "Catalogue",
    params(
        ("dataflow" = String, Path, description = "Dataflow", example = "RETURNS"),
        ("member" = String, Path, description = "Member", example = "GTM"),
        ("document" = String, Path, description = "Its name", example = "croissant.json"),
    ),
    responses(
        (status = 200, description = "The document", content_type = "application/json", body = Object),
        (status = 404, description = "The member publishes none, or no such document", body = ErrorBody),
    )
)]
pub(crate) async fn document(
    node: Data<Node>,
    request: HttpRequest,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, HttpError> {
    let (dataflow, member, name) = path.into_inner();
    let found = find(&node, &dataflow, &member).await?;
    let base = address(&node, &request);
    let json = |media: &'static str, value: serde_json::Value| {
        Ok(HttpResponse::Ok().content_type(media).body(format!("{value:#}")))
    };
    match name.as_str() {
        "dcat.jsonld" | "dcat.ttl" => {
            let syntax = if name.ends_with("ttl") { dcat::Syntax::Turtle } else { dcat::Syntax::JsonLd };
            let graph = dcat::dataset(&base, &found)?;
            Ok(HttpResponse::Ok().content_type(syntax.media_type()).body(syntax.write(&graph)?))
        }
        "schema.jsonld" => json("application/ld+json", descriptions::schema_org(&node, &base, &found)),
        "croissant.json" => json("application/ld+json", descriptions::croissant(&base, &found)),
        "datapackage.json" => json("application/json", descriptions::data_package(&base, &found)),
        other => Err(HttpError::not_found(format!(
            "no document `{}`: there are dcat.jsonld, dcat.ttl, schema.jsonld, croissant.json and datapackage.json",
            other.chars().take(60).collect::<String>()
        ))),
    }
}
