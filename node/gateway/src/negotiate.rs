//! Which representation a client gets: `format=` first, then `Accept` with its quality values.

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE};
use chancery_schema::data::DataFormat;
use chancery_schema::language::Languages;

use crate::error::HttpError;

/// A representation of structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StructureFormat {
    Json,
    Xml,
}

/// A representation of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figures {
    Text(DataFormat),
    Parquet,
}

impl StructureFormat {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/vnd.sdmx.structure+json;version=2.0.0",
            Self::Xml => "application/vnd.sdmx.structure+xml;version=3.0.0",
        }
    }
}

impl Figures {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Text(DataFormat::Csv) => "application/vnd.sdmx.data+csv;version=2.0.0",
            Self::Text(DataFormat::Json) => "application/vnd.sdmx.data+json;version=2.0.0",
            Self::Text(DataFormat::Xml) => "application/vnd.sdmx.data+xml;version=3.0.0",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// The languages the client prefers.
pub(crate) fn languages(request: &HttpRequest) -> Languages {
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|h| h.to_str().ok());
    header.map(Languages::parse).unwrap_or_default()
}

/// Media ranges in the order the client prefers them. None for no header at all.
fn accepted(request: &HttpRequest) -> Option<Vec<String>> {
    let header = request.headers().get(ACCEPT)?.to_str().ok()?;
    let mut ranges: Vec<(f32, String)> = header
        .split(',')
        .take(50)
        .filter_map(|range| {
            let mut parts = range.split(';').map(str::trim);
            let media = parts.next()?.to_ascii_lowercase();
            let quality = parts.find_map(|p| p.strip_prefix("q=")).and_then(|q| q.parse().ok()).unwrap_or(1.0);
            (quality > 0.0).then_some((quality, media))
        })
        .collect();
    ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
    Some(ranges.into_iter().map(|(_, media)| media).collect())
}

/// For structures. `*/*` gets SDMX-ML, which every client reads; no `Accept` at all gets the standard's default, SDMX-JSON.
pub(crate) fn structure(request: &HttpRequest, format: Option<&str>) -> Result<StructureFormat, HttpError> {
    match format {
        Some("jsonstructure" | "json" | "sdmx-json") => return Ok(StructureFormat::Json),
        Some("structure" | "xml" | "sdmx-ml") => return Ok(StructureFormat::Xml),
        Some(other) => return Err(unknown(other, "jsonstructure, structure")),
        None => {}
    }
    let Some(ranges) = accepted(request) else {
        return Ok(StructureFormat::Json);
    };
    let found = ranges.iter().find_map(|media| match media.as_str() {
        "application/vnd.sdmx.structure+json" | "application/json" | "text/json" => Some(StructureFormat::Json),
        "application/vnd.sdmx.structure+xml" | "application/xml" | "text/xml" | "*/*" | "application/*" => {
            Some(StructureFormat::Xml)
        }
        _ => None,
    });
    found.ok_or_else(|| HttpError::not_acceptable("structures come as application/vnd.sdmx.structure+json;version=2.0.0 and application/vnd.sdmx.structure+xml;version=3.0.0"))
}

/// For figures, likewise.
pub(crate) fn figures(request: &HttpRequest, format: Option<&str>) -> Result<Figures, HttpError> {
    match format {
        Some("csvdata" | "csv" | "csvfile" | "csvfilewithlabels" | "sdmx-csv") => {
            return Ok(Figures::Text(DataFormat::Csv));
        }
        Some("jsondata" | "json" | "sdmx-json") => return Ok(Figures::Text(DataFormat::Json)),
        Some("structurespecificdata" | "xml" | "sdmx-ml") => return Ok(Figures::Text(DataFormat::Xml)),
        Some("parquet") => return Ok(Figures::Parquet),
        Some(other) => return Err(unknown(other, "csvdata, jsondata, structurespecificdata, parquet")),
        None => {}
    }
    let Some(ranges) = accepted(request) else {
        return Ok(Figures::Text(DataFormat::Json));
    };
    let found = ranges.iter().find_map(|media| match media.as_str() {
        "application/vnd.sdmx.data+csv" | "text/csv" | "application/csv" => Some(Figures::Text(DataFormat::Csv)),
        "application/vnd.sdmx.data+json" | "application/json" => Some(Figures::Text(DataFormat::Json)),
        "application/vnd.sdmx.data+xml" | "application/xml" | "text/xml" | "*/*" | "application/*" => {
            Some(Figures::Text(DataFormat::Xml))
        }
        "application/vnd.apache.parquet" => Some(Figures::Parquet),
        "text/*" => Some(Figures::Text(DataFormat::Csv)),
        _ => None,
    });
    found.ok_or_else(|| {
        HttpError::not_acceptable(
            "figures come as application/vnd.sdmx.data+csv;version=2.0.0, application/vnd.sdmx.data+json;version=2.0.0, \
             application/vnd.sdmx.data+xml;version=3.0.0 and application/vnd.apache.parquet",
        )
    })
}

fn unknown(format: &str, known: &str) -> HttpError {
    HttpError::not_acceptable(format!(
        "unknown format `{}`: use one of {known}",
        format.chars().take(40).collect::<String>()
    ))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn with(accept: &str) -> HttpRequest {
        TestRequest::default().insert_header((ACCEPT, accept)).to_http_request()
    }

    #[test]
    fn clients_get_what_they_prefer() {
        let none = TestRequest::default().to_http_request();
        assert_eq!(structure(&none, None).unwrap(), StructureFormat::Json);
        assert_eq!(structure(&with("*/*"), None).unwrap(), StructureFormat::Xml);
        assert_eq!(
            structure(&with("application/vnd.sdmx.structure+json;version=2.0.0"), None).unwrap(),
            StructureFormat::Json
        );
        assert_eq!(
            figures(&with("text/csv;q=0.5, application/json;q=0.9"), None).unwrap(),
            Figures::Text(DataFormat::Json)
        );
        assert_eq!(figures(&with("image/png, */*;q=0.1"), None).unwrap(), Figures::Text(DataFormat::Xml));
        assert_eq!(figures(&with("image/png"), Some("parquet")).unwrap(), Figures::Parquet);
        assert!(figures(&with("image/png"), None).is_err());
        assert!(figures(&none, Some("xls")).is_err());
    }
}
