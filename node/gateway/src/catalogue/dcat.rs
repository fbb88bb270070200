//! DCAT-AP 3 (SEMIC, DCAT-AP 3.0.0), as JSON-LD and as Turtle from one graph.

use std::collections::BTreeMap;

use actix_web::HttpRequest;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use chancery_exchange::Node;
use chancery_schema::metadata::Value;
use oxjsonld::JsonLdSerializer;
use oxrdf::vocab::{rdf, xsd};
use oxrdf::{BlankNode, Literal, NamedNode, NamedOrBlankNode, Term, Triple};
use oxttl::TurtleSerializer;

use super::Dataset;
use crate::error::HttpError;

const DCAT: &str = "http://www.w3.org/ns/dcat#";
const DCT: &str = "http://purl.org/dc/terms/";
const FOAF: &str = "http://xmlns.com/foaf/0.1/";
const HYDRA: &str = "http://www.w3.org/ns/hydra/core#";
const RDFS: &str = "http://www.w3.org/2000/01/rdf-schema#";
const SPDX: &str = "http://spdx.org/rdf/terms#";
const VCARD: &str = "http://www.w3.org/2006/vcard/ns#";
const PREFIXES: [(&str, &str); 8] = [
    ("dcat", DCAT),
    ("dct", DCT),
    ("foaf", FOAF),
    ("hydra", HYDRA),
    ("rdfs", RDFS),
    ("spdx", SPDX),
    ("vcard", VCARD),
    ("xsd", "http://www.w3.org/2001/XMLSchema#"),
];
/// Tables of the Publications Office, which DCAT-AP prescribes.
const AUTHORITY: &str = "http://publications.europa.eu/resource/authority";
const MEDIA_TYPES: &str = "https://www.iana.org/assignments/media-types";

/// A way to write a graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    JsonLd,
    Turtle,
}

/// The syntax that `format` or `Accept` asks for; JSON-LD if neither does.
pub(super) fn syntax(request: &HttpRequest, format: Option<&str>) -> Result<Syntax, HttpError> {
    match format {
        Some("jsonld" | "json") => return Ok(Syntax::JsonLd),
        Some("ttl" | "turtle") => return Ok(Syntax::Turtle),
        Some(_) => return Err(HttpError::not_acceptable("the catalogue comes as `jsonld` and as `ttl`")),
        None => {}
    }
    let accept = request.headers().get(ACCEPT).and_then(|h| h.to_str().ok()).unwrap_or("*/*").to_ascii_lowercase();
    let place = |media: &str| accept.find(media).unwrap_or(usize::MAX);
    let turtle = place("text/turtle");
    let json = place("json");
    Ok(if turtle < json { Syntax::Turtle } else { Syntax::JsonLd })
}

impl Syntax {
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::JsonLd => "application/ld+json",
            Self::Turtle => "text/turtle",
        }
    }

    /// The graph's text.
    pub(super) fn write(self, graph: &Graph) -> Result<Vec<u8>, HttpError> {
        let written = match self {
            Self::JsonLd => graph.json_ld(),
            Self::Turtle => graph.turtle(),
        };
        written.map_err(|e| HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", e.to_string()))
    }
}

/// Statements in the making.
#[derive(Default)]
pub(super) struct Graph {
    triples: Vec<Triple>,
}

impl Graph {
    fn turtle(&self) -> std::io::Result<Vec<u8>> {
        let mut serializer = TurtleSerializer::new();
        for (prefix, iri) in PREFIXES {
            serializer = serializer.with_prefix(prefix, iri).map_err(std::io::Error::other)?;
        }
        let mut writer = serializer.for_writer(Vec::new());
        self.triples.iter().try_for_each(|triple| writer.serialize_triple(triple))?;
        writer.finish()
    }

    fn json_ld(&self) -> std::io::Result<Vec<u8>> {
        let mut serializer = JsonLdSerializer::new();
        for (prefix, iri) in PREFIXES {
            serializer = serializer.with_prefix(prefix, iri).map_err(std::io::Error::other)?;
        }
        let mut writer = serializer.for_writer(Vec::new());
        let triples = self.triples.iter().map(|triple| triple.as_ref().in_graph(oxrdf::GraphNameRef::DefaultGraph));
        for quad in triples {
            writer.serialize_quad(quad)?;
        }
        writer.finish()
    }

    fn add(&mut self, subject: &NamedOrBlankNode, vocabulary: &str, name: &str, object: impl Into<Term>) {
        let predicate = NamedNode::new_unchecked(format!("{vocabulary}{name}"));
        self.triples.push(Triple::new(subject.clone(), predicate, object));
    }

    fn class(&mut self, subject: &NamedOrBlankNode, vocabulary: &str, name: &str) {
        let class = NamedNode::new_unchecked(format!("{vocabulary}{name}"));
        self.triples.push(Triple::new(subject.clone(), rdf::TYPE.into_owned(), class));
    }

    fn english(&mut self, subject: &NamedOrBlankNode, vocabulary: &str, name: &str, text: &str) {
        self.add(subject, vocabulary, name, Literal::new_language_tagged_literal_unchecked(text, "en"));
    }

    /// What a member reports, in its languages.
    fn said(&mut self, subject: &NamedOrBlankNode, vocabulary: &str, name: &str, value: &Value) {
        match value {
            Value::Text(text) => self.add(subject, vocabulary, name, Literal::new_simple_literal(text)),
            Value::Texts(texts) => texts.iter().for_each(|(tag, text)| {
                // A tag that RDF does not take is no language.
                let literal = Literal::new_language_tagged_literal(text, tag);
                let literal = literal.unwrap_or_else(|_| Literal::new_simple_literal(text));
                self.add(subject, vocabulary, name, literal);
            }),
        }
    }

    /// A node without a name of its own, that `subject` refers to.
    fn part(&mut self, subject: &NamedOrBlankNode, vocabulary: &str, name: &str) -> NamedOrBlankNode {
        // Numbered, so that the same catalogue is the same text.
        let blank = BlankNode::new_unchecked(format!("b{}", self.triples.len()));
        self.add(subject, vocabulary, name, blank.clone());
        blank.into()
    }

    /// An agency.
    fn agent(&mut self, base: &str, id: &str, name: &str) -> Result<NamedNode, HttpError> {
        let node = iri(&format!("{base}/catalogue#{id}"))?;
        let agent = NamedOrBlankNode::from(node.clone());
        self.class(&agent, FOAF, "Agent");
        self.english(&agent, FOAF, "name", name);
        Ok(node)
    }
}

fn iri(text: &str) -> Result<NamedNode, HttpError> {
    NamedNode::new(text).map_err(|_| HttpError::bad_request("the `Host` of the request is not part of an address"))
}

fn authority(table: &str, code: &str) -> NamedNode {
    NamedNode::new_unchecked(format!("{AUTHORITY}/{table}/{code}"))
}

fn typed(text: &str, datatype: oxrdf::NamedNodeRef<'_>) -> Literal {
    Literal::new_typed_literal(text, datatype)
}

/// The catalogue, with the datasets of one page.
pub(super) fn catalogue(
    node: &Node,
    base: &str,
    datasets: &[&Dataset],
    page: usize,
    pages: usize,
    total: usize,
) -> Result<Graph, HttpError> {
    let mut graph = Graph::default();
    let view = node.view();
    let forum = view.forum.as_ref().map_or("this forum", |f| f.name.as_str());
    let catalogue = NamedOrBlankNode::from(iri(&format!("{base}/catalogue"))?);
    graph.class(&catalogue, DCAT, "Catalog");
    graph.english(&catalogue, DCT, "title", &format!("{forum}: published figures"));
    let description = format!(
        "Migration statistics that the members of {forum} have released, each signed by its member and provable from its log, \
         as held by the node of {}.",
        view.member_name
    );
    graph.english(&catalogue, DCT, "description", &description);
    let publisher = graph.agent(base, &view.member, &view.member_name)?;
    graph.add(&catalogue, DCT, "publisher", publisher);
    graph.add(&catalogue, FOAF, "homepage", iri(&format!("{base}/"))?);
    for language in ["ENG", "FRA", "SPA", "ARA", "RUS", "ZHO"] {
        graph.add(&catalogue, DCT, "language", authority("language", language));
    }
    let newest = datasets.iter().flat_map(|d| &d.releases).map(|r| r.received_at.as_str()).max();
    if let Some(at) = newest {
        graph.add(&catalogue, DCT, "modified", typed(at, xsd::DATE_TIME));
    }
    for dataset in datasets {
        graph.add(&catalogue, DCAT, "dataset", iri(&dataset.address(base))?);
        describe(&mut graph, base, dataset)?;
    }
    service(&mut graph, &catalogue, base, datasets)?;
    let this = NamedOrBlankNode::from(iri(&format!("{base}/catalogue?page={page}"))?);
    graph.class(&this, HYDRA, "PartialCollectionView");
    for (name, to) in [("first", 1), ("previous", page.wrapping_sub(1)), ("next", page + 1), ("last", pages)] {
        if (1..=pages).contains(&to) {
            graph.add(&this, HYDRA, name, iri(&format!("{base}/catalogue?page={to}"))?);
        }
    }
    graph.add(&catalogue, HYDRA, "view", iri(&format!("{base}/catalogue?page={page}"))?);
    graph.add(&catalogue, HYDRA, "totalItems", typed(&total.to_string(), xsd::INTEGER));
    Ok(graph)
}

/// One dataset by itself.
pub(super) fn dataset(base: &str, dataset: &Dataset) -> Result<Graph, HttpError> {
    let mut graph = Graph::default();
    describe(&mut graph, base, dataset)?;
    Ok(graph)
}

/// The two SDMX services.
fn service(
    graph: &mut Graph,
    catalogue: &NamedOrBlankNode,
    base: &str,
    datasets: &[&Dataset],
) -> Result<(), HttpError> {
    for (path, title) in [("sdmx/3", "SDMX REST 2 (SDMX 3.0)"), ("sdmx/2.1", "SDMX REST 1.5 (SDMX 2.1)")] {
        let address = iri(&format!("{base}/{path}"))?;
        graph.add(catalogue, DCAT, "service", address.clone());
        let service = NamedOrBlankNode::from(address.clone());
        graph.class(&service, DCAT, "DataService");
        graph.english(&service, DCT, "title", title);
        graph.add(&service, DCAT, "endpointURL", address);
        for dataset in datasets {
            graph.add(&service, DCAT, "servesDataset", iri(&dataset.address(base))?);
        }
    }
    Ok(())
}

fn describe(graph: &mut Graph, base: &str, dataset: &Dataset) -> Result<(), HttpError> {
    let own = NamedOrBlankNode::from(iri(&dataset.address(base))?);
    graph.class(&own, DCAT, "Dataset");
    graph.english(&own, DCT, "title", &dataset.title());
    let description = format!(
        "{} published by {} under the shared schema {}; counts that are withheld are marked as such.",
        dataset.schema.name,
        dataset.member_name(),
        dataset.schema.structure
    );
    for (language, text) in descriptions(dataset, description) {
        graph.said(&own, DCT, "description", &Value::Texts([(language, text)].into()));
    }
    graph.add(&own, DCT, "identifier", Literal::new_simple_literal(dataset.id()));
    let publisher = graph.agent(base, dataset.member(), dataset.member_name())?;
    graph.add(&own, DCT, "publisher", publisher);
    contact(graph, &own, dataset);
    metadata(graph, &own, base, dataset)?;
    graph.add(&own, DCAT, "theme", authority("data-theme", "SOCI"));
    graph.add(&own, DCT, "accessRights", authority("access-right", "PUBLIC"));
    if let Some(release) = dataset.newest() {
        graph.add(&own, DCT, "modified", typed(&release.issued_at, xsd::DATE_TIME));
        graph.add(&own, DCAT, "version", Literal::new_simple_literal(release.id.get(..12).unwrap_or(&release.id)));
    }
    if let Some((first, last)) = dataset.periods() {
        let parse = chancery_schema::period::Period::parse;
        let period = graph.part(&own, DCT, "temporal");
        graph.class(&period, DCT, "PeriodOfTime");
        for (name, day) in [("startDate", parse(first).map(|p| p.start)), ("endDate", parse(last).map(|p| p.end))] {
            if let Some(day) = day {
                graph.add(&period, DCAT, name, typed(&day.to_string(), xsd::DATE));
            }
        }
    }
    for (format, file_type, media) in [
        ("csv", "CSV", "text/csv"),
        ("jsondata", "JSON", "application/json"),
        ("structurespecificdata", "XML", "application/xml"),
    ] {
        let address = dataset.figures(base, format);
        let distribution = distribution(graph, &own, &address, file_type, media, &format!("SDMX as {file_type}"))?;
        graph.add(&distribution, DCAT, "accessService", iri(&format!("{base}/sdmx/2.1"))?);
    }
    for release in &dataset.releases {
        for artefact in &release.artefacts {
            let address = format!("{base}{}", artefact.url);
            let media = "application/vnd.apache.parquet";
            let signed = distribution(graph, &own, &address, "PARQUET", media, &release.title)?;
            graph.add(&signed, DCAT, "downloadURL", iri(&address)?);
            let size = typed(&artefact.bytes.to_string(), xsd::NON_NEGATIVE_INTEGER);
            graph.add(&signed, DCAT, "byteSize", size);
            graph.add(&signed, DCT, "issued", typed(&release.issued_at, xsd::DATE_TIME));
            let checksum = graph.part(&signed, SPDX, "checksum");
            graph.class(&checksum, SPDX, "Checksum");
            graph.add(
                &checksum,
                SPDX,
                "algorithm",
                NamedNode::new_unchecked(format!("{SPDX}checksumAlgorithm_sha256")),
            );
            graph.add(&checksum, SPDX, "checksumValue", typed(&artefact.sha256, xsd::HEX_BINARY));
        }
    }
    Ok(())
}

/// Whom to ask: as the member says, else its name.
fn contact(graph: &mut Graph, own: &NamedOrBlankNode, dataset: &Dataset) {
    let contact = graph.part(own, DCAT, "contactPoint");
    graph.class(&contact, VCARD, "Kind");
    match dataset.said("CONTACT_ORGANISATION") {
        Some(value) => graph.said(&contact, VCARD, "fn", &value),
        None => graph.add(&contact, VCARD, "fn", Literal::new_simple_literal(dataset.member_name())),
    }
    let mail = dataset.said_text("CONTACT_EMAIL").and_then(|mail| NamedNode::new(format!("mailto:{mail}")).ok());
    mail.into_iter().for_each(|mail| graph.add(&contact, VCARD, "hasEmail", mail));
    let phone = dataset.said_text("CONTACT_PHONE").map(|phone| phone.replace(' ', "-"));
    let phone = phone.and_then(|phone| NamedNode::new(format!("tel:{phone}")).ok());
    phone.into_iter().for_each(|phone| graph.add(&contact, VCARD, "hasTelephone", phone));
}

/// One description in each language: in English what is there, and in every language what the member says it means and whom it covers.
fn descriptions(dataset: &Dataset, english: String) -> BTreeMap<String, String> {
    let mut all = BTreeMap::from([("en".to_owned(), english)]);
    for value in ["STAT_CONC_DEF", "STAT_POP"].into_iter().filter_map(|attribute| dataset.said(attribute)) {
        let texts = match value {
            Value::Text(text) => BTreeMap::from([("en".to_owned(), text)]),
            Value::Texts(texts) => texts,
        };
        for (language, text) in texts {
            let description = all.entry(language).or_default();
            let space = if description.is_empty() { "" } else { " " };
            description.push_str(&format!("{space}{text}"));
        }
    }
    all
}

/// How the member's figures are made, and where all it says is read.
fn metadata(graph: &mut Graph, own: &NamedOrBlankNode, base: &str, dataset: &Dataset) -> Result<(), HttpError> {
    for attribute in ["SOURCE_TYPE", "COLL_METHOD", "DATA_COMP", "ACCURACY"] {
        if let Some(value) = dataset.said(attribute) {
            let statement = graph.part(own, DCT, "provenance");
            graph.class(&statement, DCT, "ProvenanceStatement");
            graph.said(&statement, RDFS, "label", &value);
        }
    }
    if let Some(address) = dataset.metadata_address(base) {
        let page = iri(&address)?;
        graph.add(own, FOAF, "page", page.clone());
        graph.class(&page.into(), FOAF, "Document");
    }
    Ok(())
}

fn distribution(
    graph: &mut Graph,
    dataset: &NamedOrBlankNode,
    address: &str,
    file_type: &str,
    media: &str,
    title: &str,
) -> Result<NamedOrBlankNode, HttpError> {
    let distribution = graph.part(dataset, DCAT, "distribution");
    graph.class(&distribution, DCAT, "Distribution");
    graph.english(&distribution, DCT, "title", title);
    graph.add(&distribution, DCAT, "accessURL", iri(address)?);
    graph.add(&distribution, DCT, "format", authority("file-type", file_type));
    graph.add(&distribution, DCAT, "mediaType", NamedNode::new_unchecked(format!("{MEDIA_TYPES}/{media}")));
    Ok(distribution)
}
