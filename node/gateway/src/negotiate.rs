//! Which representation a client gets: `format=` first, then `Accept` with its quality values and versions.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::header::{ACCEPT, ACCEPT_LANGUAGE};
use chancery_schema::data::DataFormat;
use chancery_schema::language::Languages;
use chancery_schema::xml::xsd::XsdVersion;

use crate::error::HttpError;

/// Most media ranges of one `Accept` header that are read.
const MAX_RANGES: usize = 50;

/// A version of the SDMX REST specification; each has its own defaults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Api {
    /// REST 1.5, of SDMX 2.1.
    V1,
    /// REST 2, of SDMX 3.
    V2,
}

impl Api {
    /// Of the path asked for.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        if request.path().starts_with("/sdmx/2.1/") { Self::V1 } else { Self::V2 }
    }
}

/// A representation of structures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StructureFormat {
    Json1,
    Json2,
    Json21,
    Xml21,
    Xml30,
}

impl StructureFormat {
    const ALL: [Self; 5] = [Self::Json1, Self::Json2, Self::Json21, Self::Xml21, Self::Xml30];

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json1 => "application/vnd.sdmx.structure+json;version=1.0.0",
            Self::Xml21 => "application/vnd.sdmx.structure+xml;version=2.1",
            Self::Json2 => "application/vnd.sdmx.structure+json;version=2.0.0",
            Self::Json21 => "application/vnd.sdmx.structure+json;version=2.1.0",
            Self::Xml30 => "application/vnd.sdmx.structure+xml;version=3.0.0",
        }
    }
}

/// A representation of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Figures {
    Text(DataFormat),
    Parquet,
    Arrow,
    Xlsx,
}

impl Figures {
    fn all() -> impl Iterator<Item = Self> {
        DataFormat::ALL.into_iter().map(Self::Text).chain([Self::Parquet, Self::Arrow, Self::Xlsx])
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Text(format) => format.media_type(),
            Self::Parquet => "application/vnd.apache.parquet",
            Self::Arrow => "application/vnd.apache.arrow.stream",
            Self::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        }
    }

    /// The ending of a file of it.
    pub(crate) fn extension(self) -> &'static str {
        match self {
            Self::Text(DataFormat::Csv1 | DataFormat::Csv2) => "csv",
            Self::Text(DataFormat::Json1 | DataFormat::Json2) => "json",
            Self::Text(_) => "xml",
            Self::Parquet => "parquet",
            Self::Arrow => "arrows",
            Self::Xlsx => "xlsx",
        }
    }
}

/// A media range of an `Accept` header.
#[derive(Debug, PartialEq)]
struct Range {
    quality: f32,
    media: String,
    version: Option<String>,
}

impl Range {
    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let media = parts.next().filter(|media| !media.is_empty())?.to_ascii_lowercase();
        let (mut quality, mut version) = (1.0, None);
        for (name, value) in parts.filter_map(|part| part.split_once('=')) {
            match name.trim().to_ascii_lowercase().as_str() {
                "q" => quality = value.trim().parse::<f32>().ok().filter(|q| q.is_finite()).unwrap_or(0.0),
                "version" => version = Some(value.trim().trim_matches('"').to_owned()),
                _ => {}
            }
        }
        (quality > 0.0).then_some(Self { quality, media, version })
    }

    /// Whether `media_type` is what this range asks for, to the version.
    fn takes(&self, media_type: &str) -> bool {
        let (media, version) = media_type.split_once(";version=").unwrap_or((media_type, ""));
        let same = |wanted: &String| {
            let rest = version.strip_prefix(wanted.as_str()).or_else(|| wanted.strip_prefix(version));
            rest.is_some_and(|rest| rest.split('.').all(|part| part.is_empty() || part == "0"))
        };
        self.media == media && self.version.as_ref().is_none_or(same)
    }
}

/// What an `Accept` header says of SDMX-CSV: the parameters `labels`, `keys` and `timeFormat` of its media type, names in lower case.
pub(crate) fn csv_parameters(request: &HttpRequest) -> BTreeMap<String, String> {
    let header = request.headers().get(ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let is_csv = |range: &&str| {
        let media = range.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        matches!(media.as_str(), "application/vnd.sdmx.data+csv" | "text/csv")
    };
    let range = header.split(',').take(MAX_RANGES).find(is_csv).unwrap_or_default();
    let parameters = range.split(';').skip(1).filter_map(|part| part.split_once('='));
    let known = parameters.map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().trim_matches('"')));
    let known = known.filter(|(name, _)| matches!(name.as_str(), "labels" | "keys" | "timeformat"));
    known.map(|(name, value)| (name, value.to_owned())).collect()
}

/// The languages the client prefers.
pub(crate) fn languages(request: &HttpRequest) -> Languages {
    let header = request.headers().get(ACCEPT_LANGUAGE).and_then(|h| h.to_str().ok());
    header.map(Languages::parse).unwrap_or_default()
}

/// Media ranges in the order the client prefers them. None for no header at all.
fn accepted(request: &HttpRequest) -> Option<Vec<Range>> {
    let header = request.headers().get(ACCEPT)?.to_str().ok()?;
    let mut ranges: Vec<Range> = header.split(',').take(MAX_RANGES).filter_map(Range::parse).collect();
    ranges.sort_by(|a, b| b.quality.total_cmp(&a.quality));
    Some(ranges)
}

/// The first representation, in the order of the client's wishes, that `of` knows.
fn choose<T: Copy>(
    ranges: &[Range],
    all: impl Iterator<Item = T> + Clone,
    media_type: impl Fn(T) -> &'static str,
    short: impl Fn(&Range) -> Option<T>,
) -> Option<T> {
    ranges.iter().find_map(|range| short(range).or_else(|| all.clone().find(|format| range.takes(media_type(*format)))))
}

/// For structures; `version` is the parameter `formatVersion`. `*/*` gets SDMX-ML, which every client reads; in REST 2 no `Accept` at
/// all gets the standard's default, SDMX-JSON.
pub(crate) fn structure(
    request: &HttpRequest,
    format: Option<&str>,
    version: Option<&str>,
) -> Result<StructureFormat, HttpError> {
    let api = Api::of(request);
    let (json, xml) = match api {
        Api::V1 => (StructureFormat::Json1, StructureFormat::Xml21),
        Api::V2 => (StructureFormat::Json2, StructureFormat::Xml30),
    };
    if let Some(format) = format {
        let versions: &[_] = match format {
            "jsonstructure" | "json" | "sdmx-json" => {
                &[("1", StructureFormat::Json1), ("2.1", StructureFormat::Json21), ("2", StructureFormat::Json2)]
            }
            "structure" | "xml" | "sdmx-ml" => &[("2.1", StructureFormat::Xml21), ("3", StructureFormat::Xml30)],
            other => return Err(unknown(other, "jsonstructure, structure")),
        };
        return versioned(api, format, versions, version);
    }
    let Some(ranges) = accepted(request) else {
        return Ok(if api == Api::V1 { xml } else { json });
    };
    let short = |range: &Range| match (range.media.as_str(), range.version.is_none()) {
        ("application/vnd.sdmx.structure+json", true) | ("application/json" | "text/json", _) => Some(json),
        ("application/vnd.sdmx.structure+xml", true)
        | ("application/xml" | "text/xml" | "*/*" | "application/*", _) => Some(xml),
        _ => None,
    };
    let all = StructureFormat::ALL.into_iter();
    choose(&ranges, all.clone(), StructureFormat::media_type, short)
        .ok_or_else(|| refused("structures", all.map(StructureFormat::media_type)))
}

/// A representation of reference metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum MetadataFormat {
    Json2,
    Json21,
    Xml30,
}

impl MetadataFormat {
    const ALL: [Self; 3] = [Self::Json2, Self::Json21, Self::Xml30];

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Json2 => "application/vnd.sdmx.metadata+json;version=2.0.0",
            Self::Json21 => "application/vnd.sdmx.metadata+json;version=2.1.0",
            Self::Xml30 => "application/vnd.sdmx.metadata+xml;version=3.0.0",
        }
    }
}

/// For reference metadata, as for structures.
pub(crate) fn metadata(
    request: &HttpRequest,
    format: Option<&str>,
    version: Option<&str>,
) -> Result<MetadataFormat, HttpError> {
    use MetadataFormat::{Json2, Json21, Xml30};
    if let Some(format) = format {
        let versions: &[_] = match format {
            "jsonmetadata" | "json" | "sdmx-json" => &[("2.1", Json21), ("2", Json2)],
            "genericmetadata" | "xml" | "sdmx-ml" => &[("3", Xml30)],
            other => return Err(unknown(other, "jsonmetadata, genericmetadata")),
        };
        return versioned(Api::V2, format, versions, version);
    }
    let Some(ranges) = accepted(request) else { return Ok(Json2) };
    let short = |range: &Range| match (range.media.as_str(), range.version.is_none()) {
        ("application/vnd.sdmx.metadata+json", true) | ("application/json" | "text/json", _) => Some(Json2),
        ("application/vnd.sdmx.metadata+xml", true) | ("application/xml" | "text/xml" | "*/*" | "application/*", _) => {
            Some(Xml30)
        }
        _ => None,
    };
    let all = MetadataFormat::ALL.into_iter();
    choose(&ranges, all.clone(), MetadataFormat::media_type, short)
        .ok_or_else(|| refused("reference metadata", all.map(MetadataFormat::media_type)))
}

/// What `/schema` answers with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SchemaFormat {
    /// The structures that figures need.
    Structures(StructureFormat),
    /// The XML schema of structure-specific messages.
    Xsd(XsdVersion),
}

impl SchemaFormat {
    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Self::Structures(format) => format.media_type(),
            Self::Xsd(XsdVersion::V2_1) => "application/vnd.sdmx.schema+xml;version=2.1",
            Self::Xsd(XsdVersion::V3_0) => "application/vnd.sdmx.schema+xml;version=3.0.0",
        }
    }
}

/// For `/schema`: an XML schema if one is asked for, else as for structures.
pub(crate) fn schema(
    request: &HttpRequest,
    format: Option<&str>,
    version: Option<&str>,
) -> Result<SchemaFormat, HttpError> {
    let api = Api::of(request);
    if matches!(format, Some("schema" | "xsd")) {
        let versions = [("2.1", SchemaFormat::Xsd(XsdVersion::V2_1)), ("3", SchemaFormat::Xsd(XsdVersion::V3_0))];
        return versioned(api, "schema", &versions, version);
    }
    let of_structures = structure(request, format, version).map(SchemaFormat::Structures);
    let Some(ranges) = accepted(request).filter(|_| format.is_none()) else { return of_structures };
    let both = [XsdVersion::V2_1, XsdVersion::V3_0].map(SchemaFormat::Xsd);
    let newest = if api == Api::V1 { both[0] } else { both[1] };
    let short =
        |range: &Range| (range.media == "application/vnd.sdmx.schema+xml" && range.version.is_none()).then_some(newest);
    let preferred = choose(&ranges, both.into_iter(), SchemaFormat::media_type, short);
    // One that a structure's type beats is not preferred.
    let first = |format: SchemaFormat| {
        ranges.iter().position(|range| short(range) == Some(format) || range.takes(format.media_type()))
    };
    match (preferred, of_structures) {
        (Some(xsd), Err(_)) => Ok(xsd),
        (Some(xsd), Ok(structures)) if first(xsd) <= first(structures).or(Some(usize::MAX)) => Ok(xsd),
        (_, of_structures) => of_structures,
    }
}

/// The version of a format that was asked for, or the one that goes with the service.
fn versioned<T: Copy>(api: Api, format: &str, versions: &[(&str, T)], version: Option<&str>) -> Result<T, HttpError> {
    let found = match (version, api) {
        (Some(version), _) => versions.iter().find(|(known, _)| {
            version.strip_prefix(known).is_some_and(|rest| rest.split('.').all(|part| part.is_empty() || part == "0"))
        }),
        (None, Api::V1) => versions.first(),
        (None, Api::V2) => versions.last(),
    };
    found.map(|(_, format)| *format).ok_or_else(|| {
        let known = versions.iter().map(|(known, _)| *known).collect::<Vec<_>>().join(", ");
        unknown(&format!("{format};version={}", version.unwrap_or_default()), &format!("the versions {known}"))
    })
}

/// For figures, likewise; `version` is the parameter `formatVersion`.
pub(crate) fn figures(
    request: &HttpRequest,
    format: Option<&str>,
    version: Option<&str>,
) -> Result<Figures, HttpError> {
    let api = Api::of(request);
    let (csv, json, xml) = match api {
        Api::V1 => (DataFormat::Csv1, DataFormat::Json1, DataFormat::Generic),
        Api::V2 => (DataFormat::Csv2, DataFormat::Json2, DataFormat::Specific30),
    };
    if let Some(format) = format {
        return named(api, format, version);
    }
    let Some(ranges) = accepted(request) else {
        return Ok(Figures::Text(if api == Api::V1 { xml } else { json }));
    };
    let short = |range: &Range| {
        let text = |format| Some(Figures::Text(format));
        match (range.media.as_str(), range.version.is_none()) {
            ("application/vnd.sdmx.data+csv", true) | ("text/csv" | "application/csv" | "text/*", _) => text(csv),
            ("application/vnd.sdmx.data+json", true) | ("application/json", _) => text(json),
            ("application/vnd.sdmx.generictimeseriesdata+xml", _) => text(DataFormat::Generic),
            ("application/vnd.sdmx.structurespecifictimeseriesdata+xml", _) => text(DataFormat::Specific21),
            ("application/xml" | "text/xml" | "*/*" | "application/*", _) => text(xml),
            _ => None,
        }
    };
    choose(&ranges, Figures::all().collect::<Vec<_>>().into_iter(), Figures::media_type, short)
        .ok_or_else(|| refused("figures", Figures::all().map(Figures::media_type)))
}

/// A format by the names that the specification and other services give it.
fn named(api: Api, format: &str, version: Option<&str>) -> Result<Figures, HttpError> {
    let versions: &[_] = match format {
        "parquet" => return Ok(Figures::Parquet),
        "arrow" => return Ok(Figures::Arrow),
        "xlsx" | "excel" => return Ok(Figures::Xlsx),
        "csvdata" | "csv" | "csvfile" | "csvfilewithlabels" | "csvdatawithlabels" | "sdmx-csv" => {
            &[("1", DataFormat::Csv1), ("2", DataFormat::Csv2)]
        }
        "jsondata" | "json" | "sdmx-json" => &[("1", DataFormat::Json1), ("2", DataFormat::Json2)],
        "genericdata" => &[("2.1", DataFormat::Generic)],
        "structurespecificdata" | "xml" | "sdmx-ml" => {
            &[("2.1", DataFormat::Specific21), ("3", DataFormat::Specific30)]
        }
        other => {
            return Err(unknown(other, "csvdata, jsondata, genericdata, structurespecificdata, parquet, arrow, xlsx"));
        }
    };
    versioned(api, format, versions, version).map(Figures::Text)
}

fn refused(what: &str, known: impl Iterator<Item = &'static str>) -> HttpError {
    HttpError::not_acceptable(format!("{what} come as {}", known.collect::<Vec<_>>().join(", ")))
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
    use proptest::prelude::*;

    use super::*;

    fn with(path: &str, accept: Option<&str>) -> HttpRequest {
        let request = TestRequest::with_uri(path);
        accept.into_iter().fold(request, |r, accept| r.insert_header((ACCEPT, accept))).to_http_request()
    }

    fn chosen(path: &str, accept: Option<&str>) -> Option<Figures> {
        figures(&with(path, accept), None, None).ok()
    }

    #[test]
    fn clients_get_the_figures_they_prefer() {
        use DataFormat::{Csv1, Csv2, Generic, Json1, Json2, Specific21, Specific30};
        let text = |format| Some(Figures::Text(format));
        for (accept, v1, v2) in [
            (None, text(Generic), text(Json2)),
            (Some("*/*"), text(Generic), text(Specific30)),
            (Some("text/csv;q=0.5, application/json;q=0.9"), text(Json1), text(Json2)),
            (Some("image/png, */*;q=0.1"), text(Generic), text(Specific30)),
            (Some("application/vnd.sdmx.data+csv"), text(Csv1), text(Csv2)),
            (Some("application/vnd.sdmx.data+csv;version=1.0.0"), text(Csv1), text(Csv1)),
            (Some("application/vnd.sdmx.data+csv; version=\"2.0\""), text(Csv2), text(Csv2)),
            (Some("application/vnd.sdmx.data+json;version=1.0.0-wd"), None, None),
            (Some("application/vnd.sdmx.data+json;version=2"), text(Json2), text(Json2)),
            (Some("application/vnd.sdmx.genericdata+xml;version=2.1"), text(Generic), text(Generic)),
            (Some("application/vnd.sdmx.structurespecificdata+xml"), text(Specific21), text(Specific21)),
            (Some("application/vnd.sdmx.data+xml;version=3.0.0"), text(Specific30), text(Specific30)),
            (Some("application/vnd.sdmx.data+xml;version=4.0.0, text/csv;q=0.1"), text(Csv1), text(Csv2)),
            (Some("application/vnd.apache.arrow.stream"), Some(Figures::Arrow), Some(Figures::Arrow)),
            (Some("application/json;q=0"), None, None),
            (Some("image/png"), None, None),
        ] {
            assert_eq!(chosen("/sdmx/2.1/data/X", accept), v1, "{accept:?}");
            assert_eq!(chosen("/sdmx/3/data/x", accept), v2, "{accept:?}");
        }
    }

    #[test]
    fn a_format_is_asked_for_by_name_and_version() {
        let (v1, v2) = (with("/sdmx/2.1/data/X", Some("image/png")), with("/sdmx/3/data/x", Some("image/png")));
        let text = |format| Some(Figures::Text(format));
        for (format, version, one, two) in [
            ("csv", None, text(DataFormat::Csv1), text(DataFormat::Csv2)),
            ("csvdata", Some("1.0.0"), text(DataFormat::Csv1), text(DataFormat::Csv1)),
            ("genericdata", None, text(DataFormat::Generic), text(DataFormat::Generic)),
            ("structurespecificdata", None, text(DataFormat::Specific21), text(DataFormat::Specific30)),
            ("jsondata", Some("3"), None, None),
            ("parquet", None, Some(Figures::Parquet), Some(Figures::Parquet)),
            ("xls", None, None, None),
        ] {
            assert_eq!(figures(&v1, Some(format), version).ok(), one, "{format} {version:?}");
            assert_eq!(figures(&v2, Some(format), version).ok(), two, "{format} {version:?}");
        }
    }

    #[test]
    fn clients_get_the_structures_they_prefer() {
        let chosen = |path: &str, accept| structure(&with(path, accept), None, None).ok();
        let (v1, v2) = ("/sdmx/2.1/codelist", "/sdmx/3/structure/codelist");
        assert_eq!(chosen(v2, None), Some(StructureFormat::Json2));
        assert_eq!(chosen(v1, None), Some(StructureFormat::Xml21));
        assert_eq!(chosen(v2, Some("*/*")), Some(StructureFormat::Xml30));
        assert_eq!(chosen(v1, Some("*/*")), Some(StructureFormat::Xml21));
        for path in [v1, v2] {
            let json = |version| chosen(path, Some(version));
            assert_eq!(json("application/vnd.sdmx.structure+json;version=2.0.0"), Some(StructureFormat::Json2));
            assert_eq!(json("application/vnd.sdmx.structure+json;version=1.0"), Some(StructureFormat::Json1));
            assert_eq!(chosen(path, Some("image/png")), None);
            assert_eq!(structure(&with(path, None), Some("structure"), Some("2.1")).ok(), Some(StructureFormat::Xml21));
            assert!(structure(&with(path, None), Some("structure"), Some("4")).is_err());
        }
    }

    proptest! {
        #[test]
        fn any_header_and_format_is_read_or_refused(
            accept in "[ -~]{0,80}", format in "[ -~]{0,20}", version in "[ -~]{0,10}", old in any::<bool>(),
        ) {
            let request = with(if old { "/sdmx/2.1/data/X" } else { "/sdmx/3/data/x" }, Some(&accept));
            let _ = figures(&request, None, None);
            let _ = structure(&request, None, None);
            let _ = metadata(&request, None, None);
            let _ = metadata(&request, Some(&format), Some(&version));
            let _ = languages(&request);
            let _ = csv_parameters(&request);
            prop_assert!(figures(&request, Some(&format), Some(&version)).is_err() || !format.is_empty());
        }

        #[test]
        fn what_is_offered_is_given_at_any_quality(index in 0usize..10, quality in 1u32..=1000, noise in "[a-z]{1,8}/[a-z]{1,8}") {
            let all: Vec<_> = Figures::all().collect();
            let accept = format!("{noise};q=0, {};q={}", all[index].media_type(), f64::from(quality) / 1000.0);
            prop_assert_eq!(chosen("/sdmx/3/data/x", Some(&accept)), Some(all[index]));
        }
    }
}
