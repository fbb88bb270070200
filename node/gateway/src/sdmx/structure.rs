//! Structure, schema and availability queries.

use std::collections::HashSet;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chancery_exchange::{Availability, Node};
use chancery_schema::query::rest as data_query;
use chancery_schema::structure::select::{ArtefactKind, Detail, References, StructureQuery, select};
use chancery_schema::structure::{
    Annotation, Attachment, ConstraintRole, CubeRegion, DataConstraint, Maintainable, Names, SelectedValue, Selection,
    rest,
};
use chancery_schema::{DataQuery, DatasetSchema, Structures, json, xml};

use super::data::wrong;
use super::params::{Params, dataflow, header, segment};
use super::whole::Whole;
use crate::error::HttpError;
use crate::negotiate::{self, SchemaFormat, StructureFormat};

/// Structures are part of the program: their messages carry the day they were fixed.
const PREPARED: i64 = 1_795_564_800;

/// Structures: dataflows, data structures, code lists and what goes with them, in SDMX-JSON or SDMX-ML.
#[utoipa::path(
    get, path = "/sdmx/3/structure/{kind}/{agency}/{id}/{version}", tag = "SDMX REST 2",
    params(
        ("kind" = String, Path, description = "`dataflow`, `datastructure`, `codelist`, `*` …", example = "dataflow"),
        ("agency" = String, Path, description = "Agencies or `*`", example = "*"),
        ("id" = String, Path, description = "Ids or `*`", example = "*"),
        ("version" = String, Path, description = "Versions, `+`, `~` or `*`", example = "*"),
        ("references" = Option<String>, Query, description = "`none`, `parents`, `parentsandsiblings`, `ancestors`, `children`, `descendants`, `all` or types"),
        ("detail" = Option<String>, Query, description = "`full`, `allstubs`, `referencestubs`, `allcompletestubs`, `referencecompletestubs`, `referencepartial`"),
        ("format" = Option<String>, Query, description = "`jsonstructure` or `structure`"),
        ("formatVersion" = Option<String>, Query, description = "Its version"),
    ),
    responses(
        (status = 200, description = "The structures", content_type = "application/vnd.sdmx.structure+json;version=2.0.0", body = Object),
        (status = 400, description = "An SDMX error message: the query is wrong"),
        (status = 404, description = "An SDMX error message: nothing matches"),
    )
)]
pub(crate) async fn structures(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let path = Path {
        kind: segment(&request, "kind", "*")?,
        agency: segment(&request, "agency", "*")?,
        id: segment(&request, "id", "*")?,
        version: segment(&request, "version", "+")?,
        item: segment(&request, "item", "*")?,
    };
    find(&node, &request, &path).await
}

/// What a path asks for, in the words of REST 2.
pub(super) struct Path {
    pub(super) kind: String,
    pub(super) agency: String,
    pub(super) id: String,
    pub(super) version: String,
    pub(super) item: String,
}

/// Answers a structure query.
pub(super) async fn find(node: &Node, request: &HttpRequest, path: &Path) -> Result<HttpResponse, HttpError> {
    let params = Params::of(request)?;
    known_as_of(&params)?;
    let format = negotiate::structure(request, params.get("format"), params.get("formatVersion"))?;
    let Path { kind, agency, id, version, item } = path;
    let query = rest::parse(kind, agency, id, version, params.get("references"), params.get("detail"));
    let query = query.map_err(|e| HttpError::bad_request(e.to_string()))?;
    let mut found = query.map(|q| select(node.structures(), &q)).unwrap_or_default();
    if !matches!(item.as_str(), "*" | "all" | "") {
        keep_items(&mut found, item);
    }
    if found.is_empty() {
        return Err(HttpError::not_found(format!(
            "no structures match `{}`",
            request.path().chars().take(200).collect::<String>()
        )));
    }
    answer(node, request, found, format, Some(PREPARED))
}

/// A version of an artefact never changes, so it is what it was at any time: that the parameter is a time is all there is to check.
fn known_as_of(params: &Params) -> Result<(), HttpError> {
    params.get("asOf").map_or(Ok(()), |text| data_query::moment("asOf", text).map(|_| ()).map_err(wrong))
}

/// Leaves only some items of schemes and lists, and only those that have any.
fn keep_items(found: &mut Structures, items: &str) {
    // An item within items is named by its path, of which only the last step is an id.
    let wanted: HashSet<&str> = items.split(',').map(|item| item.rsplit('.').next().unwrap_or(item)).collect();
    for list in &mut found.codelists {
        list.codes.retain(|code| wanted.contains(code.id.as_str()));
        list.is_partial = Some(true);
    }
    for scheme in &mut found.concept_schemes {
        scheme.concepts.retain(|concept| wanted.contains(concept.item.id.as_str()));
        scheme.is_partial = Some(true);
    }
    for scheme in &mut found.category_schemes {
        scheme.categories.retain(|category| wanted.contains(category.id.as_str()));
        scheme.is_partial = Some(true);
    }
    found.agency_schemes.iter_mut().for_each(|s| s.agencies.retain(|agency| wanted.contains(agency.id.as_str())));
    found.codelists.retain(|list| !list.codes.is_empty());
    found.concept_schemes.retain(|scheme| !scheme.concepts.is_empty());
    found.category_schemes.retain(|scheme| !scheme.categories.is_empty());
    found.agency_schemes.retain(|scheme| !scheme.agencies.is_empty());
}

/// What figures of a dataflow must be: its structures, code lists reduced to the codes its constraints allow; or, with `format=schema`,
/// the XML schema of its structure-specific messages.
#[utoipa::path(
    get, path = "/sdmx/3/schema/{context}/{agency}/{id}/{version}", tag = "SDMX REST 2",
    params(
        ("context" = String, Path, description = "`dataflow`", example = "dataflow"),
        ("agency" = String, Path, description = "Agency or `*`", example = "RCP"),
        ("id" = String, Path, description = "Dataflow", example = "RETURNS"),
        ("version" = String, Path, description = "Version, `+`, `~` or `*`", example = "1.0.0"),
        ("format" = Option<String>, Query, description = "`jsonstructure`, `structure` or `schema`"),
        ("formatVersion" = Option<String>, Query, description = "Its version"),
        ("dimensionAtObservation" = Option<String>, Query, description = "Of the messages that the XML schema is for"),
    ),
    responses((status = 200, description = "The structures, or the XML schema", content_type = "application/vnd.sdmx.structure+json;version=2.0.0", body = Object))
)]
pub(crate) async fn schema(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let schema = dataflow(&node, &request)?;
    schema_of(&node, &request, &schema)
}

/// The same, for a dataflow found already.
pub(super) fn schema_of(node: &Node, request: &HttpRequest, schema: &DatasetSchema) -> Result<HttpResponse, HttpError> {
    let params = Params::of(request)?;
    known_as_of(&params)?;
    let found = with_everything(node, schema, References::Descendants, Detail::ReferencePartial);
    let version = match negotiate::schema(request, params.get("format"), params.get("formatVersion"))? {
        SchemaFormat::Structures(format) => return answer(node, request, found, format, Some(PREPARED)),
        SchemaFormat::Xsd(version) => version,
    };
    let allowed = found.dataset_schema(&schema.dataflow).map_err(|e| internal(e.to_string()))?;
    let mut query = DataQuery::all(&allowed);
    query.set_at_observation(&allowed, params.get("dimensionAtObservation").unwrap_or("dsd")).map_err(wrong)?;
    let body = xml::xsd::write(&allowed, &query, version).map_err(|e| internal(e.to_string()))?;
    let whole = Whole {
        media_type: SchemaFormat::Xsd(version).media_type(),
        body,
        languages: None,
        updated_at: Some(PREPARED),
    };
    Ok(whole.answer(request, HttpResponse::Ok()))
}

/// Which codes have figures, and how many: a data constraint.
#[utoipa::path(
    get, path = "/sdmx/3/availability/{context}/{agency}/{id}/{version}/{key}/{component}", tag = "SDMX REST 2",
    params(
        ("context" = String, Path, description = "`dataflow`", example = "dataflow"),
        ("agency" = String, Path, description = "Agency or `*`", example = "RCP"),
        ("id" = String, Path, description = "Dataflow", example = "RETURNS"),
        ("version" = String, Path, description = "Version, `+`, `~` or `*`", example = "1.0.0"),
        ("key" = String, Path, description = "As in data queries", example = "*"),
        ("component" = String, Path, description = "Dimensions or `*`", example = "*"),
        ("mode" = Option<String>, Query, description = "`exact` or `available`"),
        ("references" = Option<String>, Query, description = "`none`, `codelist`, `datastructure`, `conceptscheme`, `dataflow`, `all`"),
    ),
    responses((status = 200, description = "The constraint", content_type = "application/vnd.sdmx.structure+json;version=2.0.0", body = Object))
)]
pub(crate) async fn availability(node: Data<Node>, request: HttpRequest) -> Result<HttpResponse, HttpError> {
    let params = Params::of(&request)?;
    let schema = dataflow(&node, &request)?;
    let key = segment(&request, "key", "*")?;
    available(&node, &request, &params, &schema, &key, Vec::new()).await
}

/// Which codes have figures: a data constraint, and the structures it refers to if they are asked for.
pub(super) async fn available(
    node: &Node,
    request: &HttpRequest,
    params: &Params,
    schema: &DatasetSchema,
    key: &str,
    providers: Vec<String>,
) -> Result<HttpResponse, HttpError> {
    let format = negotiate::structure(request, params.get("format"), params.get("formatVersion"))?;
    let ours = |(name, _): &&(String, String)| !matches!(name.as_str(), "mode" | "references" | "detail");
    let about_figures: Vec<_> = params.0.iter().filter(ours).cloned().collect();
    let mut query = data_query::parse(schema, key, &about_figures).map_err(wrong)?;
    query.providers = providers;
    let each_alone = match params.get("mode") {
        None | Some("exact") => false,
        Some("available") => true,
        Some(other) => {
            let shown: String = other.chars().take(40).collect();
            return Err(HttpError::bad_request(format!("unknown `mode` `{shown}`: use exact or available")));
        }
    };
    let dimensions = components(schema, &segment(request, "component", "*")?)?;
    let found = node.availability(schema, &query, &dimensions, each_alone).await?;
    let mut structures = match params.get("references") {
        None | Some("none") => Structures::default(),
        Some(text) => {
            let references = if text == "all" { References::Descendants } else { one_kind(text)? };
            let mut all = with_everything(node, schema, references, Detail::Full);
            if !matches!(text, "all" | "dataflow") {
                all.dataflows.clear();
            }
            all
        }
    };
    keep_available(&mut structures, schema, &found);
    structures.data_constraints = vec![constraint(schema, &found)];
    answer(node, request, structures, format, found.updated_at)
}

/// A kind of artefact, as `references` names it.
fn one_kind(text: &str) -> Result<References, HttpError> {
    let query = rest::parse("dataflow", "*", "*", "*", Some(text), None);
    let query = query.map_err(|e| HttpError::bad_request(e.to_string()))?;
    Ok(query.map_or(References::None, |query| query.references))
}

/// The dimensions that a path names, separated by commas or plus signs.
fn components(schema: &DatasetSchema, text: &str) -> Result<Vec<String>, HttpError> {
    let all = || schema.dimensions.iter().map(|d| d.id.clone());
    if matches!(text, "*" | "all" | "") {
        return Ok(all().collect());
    }
    let named: Vec<String> = text.split([',', '+']).map(str::to_owned).collect();
    match named.iter().find(|id| **id != schema.time.id && schema.dimension_index(id).is_none()) {
        None => Ok(named),
        Some(unknown) => Err(HttpError::bad_request(format!(
            "`{}` has no dimension `{}`; it has {}",
            schema.dataflow,
            unknown.chars().take(60).collect::<String>(),
            all().collect::<Vec<_>>().join(", ")
        ))),
    }
}

/// Code lists keep the codes with figures; one that two dimensions share keeps those of either.
fn keep_available(structures: &mut Structures, schema: &DatasetSchema, found: &Availability) {
    for list in &mut structures.codelists {
        let reference = list.maintainable.reference();
        let lists = |id: &String| {
            let codes = schema.component(id).and_then(|component| component.codes.as_ref());
            codes.is_some_and(|codes| codes.reference == reference)
        };
        let used: HashSet<&str> =
            found.codes.iter().filter(|(id, _)| lists(id)).flat_map(|(_, codes)| codes).map(String::as_str).collect();
        if !used.is_empty() {
            list.codes.retain(|code| used.contains(code.id.as_str()));
            list.is_partial = Some(true);
        }
    }
}

/// What there is, as the standard says it: an actual constraint on the dataflow.
fn constraint(schema: &DatasetSchema, found: &Availability) -> DataConstraint {
    let annotation = |kind: &str, title: String| Annotation {
        id: kind.to_owned(),
        kind: "sdmx_metrics".to_owned(),
        title,
        value: None,
    };
    let mut annotations = vec![
        annotation("obs_count", found.observations.to_string()),
        annotation("series_count", found.series.to_string()),
    ];
    if let Some((first, last)) = &found.periods {
        annotations
            .extend([annotation("time_period_start", first.clone()), annotation("time_period_end", last.clone())]);
    }
    let name = format!("Figures of {}", schema.name);
    let selection = |(id, codes): &(String, Vec<String>)| Selection {
        id: id.clone(),
        include: true,
        values: codes.iter().map(|code| SelectedValue(code.clone())).collect(),
    };
    DataConstraint {
        maintainable: Maintainable {
            id: format!("AVAILABLE_{}", schema.dataflow.id),
            agency_id: schema.dataflow.agency.clone(),
            version: schema.dataflow.version.clone(),
            is_external_reference: None,
            annotations,
            names: Names { name, ..Names::default() },
        },
        role: Some(ConstraintRole::Actual),
        constraint_attachment: Some(Attachment {
            dataflows: vec![schema.dataflow.urn(ArtefactKind::Dataflow.class())],
            data_structures: Vec::new(),
        }),
        cube_regions: vec![CubeRegion {
            include: true,
            key_values: found.codes.iter().filter(|(_, codes)| !codes.is_empty()).map(selection).collect(),
            components: Vec::new(),
        }],
    }
}

fn internal(error: String) -> HttpError {
    HttpError::new(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR, "internal", error)
}

fn with_everything(node: &Node, schema: &DatasetSchema, references: References, detail: Detail) -> Structures {
    let query = StructureQuery {
        kinds: vec![ArtefactKind::Dataflow],
        agencies: vec![schema.dataflow.agency.clone()],
        ids: vec![schema.dataflow.id.clone()],
        versions: vec![schema.dataflow.version.clone()],
        references,
        detail,
    };
    select(node.structures(), &query)
}

fn answer(
    node: &Node,
    request: &HttpRequest,
    mut found: Structures,
    format: StructureFormat,
    updated_at: Option<i64>,
) -> Result<HttpResponse, HttpError> {
    let languages = negotiate::languages(request);
    languages.apply(&mut found);
    let header = header(node, "STRUCTURES", Some(PREPARED));
    let body = match format {
        StructureFormat::Json1 => json::v1_0::structure::write(&found, &header).map_err(|e| e.to_string()),
        StructureFormat::Xml21 => xml::v2_1::structure::write(&found, &header).map_err(|e| e.to_string()),
        StructureFormat::Json2 => json::v2_0::structure::write(&found, &header).map_err(|e| e.to_string()),
        StructureFormat::Json21 => json::v2_1::structure::write(&found, &header).map_err(|e| e.to_string()),
        StructureFormat::Xml30 => xml::v3_0::structure::write(&found, &header).map_err(|e| e.to_string()),
    };
    let whole = Whole {
        media_type: format.media_type(),
        body: body.map_err(internal)?,
        languages: Some(languages.of_message().join(", ")),
        updated_at,
    };
    Ok(whole.answer(request, HttpResponse::Ok()))
}
