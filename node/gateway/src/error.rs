//! The one place that turns a use case's error into an HTTP status, a stable code and a public message.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, ResponseError};
use chancery_exchange::{Error as ExchangeError, Tombstone};

/// The body of an error outside the SDMX services, which answer with SDMX error messages.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub(crate) struct ErrorBody {
    error: ErrorDetail,
    /// What is left to say of a release that was withdrawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    tombstone: Option<Tombstone>,
}

/// What is wrong.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
struct ErrorDetail {
    /// Stable code for programs.
    code: &'static str,
    /// What is wrong and what to do.
    message: String,
}

/// An error as a client sees it; the cause goes to the log only.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub(crate) struct HttpError {
    /// Status.
    pub(crate) status: StatusCode,
    /// Stable code for programs.
    pub(crate) code: &'static str,
    /// What is wrong and what to do.
    pub(crate) message: String,
    #[source]
    cause: Option<ExchangeError>,
}

impl HttpError {
    /// An error of the request itself.
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), cause: None }
    }

    /// 400.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// 404.
    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", message)
    }

    /// 406.
    pub(crate) fn not_acceptable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_ACCEPTABLE, "not_acceptable", message)
    }

    /// Logs the cause of a fault of ours, once, where the answer is made.
    pub(crate) fn log(&self) {
        if self.status.is_server_error() {
            tracing::error!(code = self.code, error = self.message, cause = ?self.cause, "request failed");
        }
    }
}

impl From<ExchangeError> for HttpError {
    fn from(error: ExchangeError) -> Self {
        let (status, code) = match &error {
            ExchangeError::Invalid { .. } | ExchangeError::Problems { .. } => (StatusCode::BAD_REQUEST, "invalid"),
            ExchangeError::NotFound { .. } => (StatusCode::NOT_FOUND, "not_found"),
            ExchangeError::Withdrawn(_) => (StatusCode::GONE, "withdrawn"),
            ExchangeError::Denied { .. } => (StatusCode::FORBIDDEN, "denied"),
            ExchangeError::Conflict { .. } => (StatusCode::CONFLICT, "conflict"),
            ExchangeError::Unavailable { .. } => (StatusCode::SERVICE_UNAVAILABLE, "unavailable"),
            ExchangeError::Unverified { .. } | ExchangeError::Storage { .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, "internal")
            }
        };
        // Texts about our own disk, database or files name paths: they are for the operator's log, not for the public.
        let message = if status == StatusCode::INTERNAL_SERVER_ERROR {
            "the node could not answer; its operator finds the reason in the log".to_owned()
        } else {
            error.to_string()
        };
        Self { status, code, message, cause: Some(error) }
    }
}

impl ResponseError for HttpError {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        self.log();
        let tombstone = match &self.cause {
            Some(ExchangeError::Withdrawn(tombstone)) => Some(tombstone.as_ref().clone()),
            _ => None,
        };
        let body = ErrorBody { error: ErrorDetail { code: self.code, message: self.message.clone() }, tombstone };
        HttpResponse::build(self.status).json(body)
    }
}
