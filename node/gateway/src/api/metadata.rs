//! What members say of their figures, for the page and for who checks it.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, Responder, get};
use chancery_exchange::views::MetadataView;
use chancery_exchange::{MetadataFilter, Node};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{ErrorBody, HttpError};
use crate::negotiate;

/// Reference metadata in force.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetadataList {
    metadata: Vec<MetadataView>,
}

/// A metadata record: for people, and as it is signed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetadataRecord {
    #[serde(flatten)]
    view: MetadataView,
    /// The signed record, a DSSE envelope.
    #[schema(value_type = Object)]
    record: chancery_exchange::Envelope,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct ListParams {
    dataflow: Option<String>,
    member: Option<String>,
}

/// Reference metadata in force, by member and dataflow, in the language asked for.
#[utoipa::path(
    get, path = "/api/v1/metadata", tag = "Reference metadata",
    params(
        ("dataflow" = Option<String>, Query, description = "Of this dataflow"),
        ("member" = Option<String>, Query, description = "Of this member"),
    ),
    responses((status = 200, description = "As asked", body = MetadataList), (status = 404, description = "There is no such dataflow", body = ErrorBody))
)]
#[get("/metadata")]
pub(crate) async fn list(
    node: Data<Node>,
    request: HttpRequest,
    params: Query<ListParams>,
) -> Result<impl Responder, HttpError> {
    let ListParams { dataflow, member } = params.into_inner();
    let dataflow = dataflow.map(|d| node.dataset_schema(&d).map(|s| s.dataflow.to_string())).transpose()?;
    let languages = negotiate::languages(&request);
    let mut metadata = Vec::new();
    for held in node.metadata(MetadataFilter { dataflow, member, ..MetadataFilter::default() }).await? {
        metadata.push(node.metadata_view(&held, &languages).await?);
    }
    Ok(Json(MetadataList { metadata }))
}

/// A metadata record: what it says, and the signed envelope that says it.
#[utoipa::path(
    get, path = "/api/v1/metadata/{id}", tag = "Reference metadata",
    params(("id" = String, Path, description = "Record id, 64 hexadecimal digits")),
    responses(
        (status = 200, description = "As asked", body = MetadataRecord),
        (status = 404, description = "There is no such record here", body = ErrorBody),
    )
)]
#[get("/metadata/{id}")]
pub(crate) async fn show(
    node: Data<Node>,
    request: HttpRequest,
    id: Path<String>,
) -> Result<impl Responder, HttpError> {
    let held = node.metadata_record(&id).await?;
    let view = node.metadata_view(&held, &negotiate::languages(&request)).await?;
    Ok(Json(MetadataRecord { view, record: held.envelope }))
}
