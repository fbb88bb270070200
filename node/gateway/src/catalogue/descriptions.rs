//! A dataset as schema.org (search engines), Croissant (machine learning) and Frictionless data package (spreadsheets, scripts) want it.

use chancery_exchange::Node;
use chancery_schema::Component;
use serde_json::{Value, json};

use super::Dataset;

fn organisation(name: &str) -> Value {
    json!({ "@type": "Organization", "name": name })
}

/// The member, and whom to ask there.
fn creator(dataset: &Dataset) -> Value {
    let mut creator = organisation(dataset.member_name());
    let mail = dataset.said_text("CONTACT_EMAIL");
    if let (Some(creator), Some(mail)) = (creator.as_object_mut(), mail) {
        let point = json!({
            "@type": "ContactPoint", "contactType": "statistics", "name": dataset.said_text("CONTACT_ORGANISATION"), "email": mail,
            "telephone": dataset.said_text("CONTACT_PHONE"),
        });
        creator.insert("contactPoint".to_owned(), point);
    }
    creator
}

/// schema.org `Dataset`.
pub(super) fn schema_org(node: &Node, base: &str, dataset: &Dataset) -> Value {
    let files = dataset.releases.iter().flat_map(|r| &r.artefacts).map(|artefact| {
        json!({
            "@type": "DataDownload", "encodingFormat": "application/vnd.apache.parquet",
            "contentUrl": format!("{base}{}", artefact.url), "sha256": artefact.sha256,
            "contentSize": format!("{} B", artefact.bytes),
        })
    });
    let csv = json!({
        "@type": "DataDownload", "encodingFormat": "text/csv", "contentUrl": dataset.figures(base, "csv"),
    });
    json!({
        "@context": "https://schema.org/",
        "@type": "Dataset",
        "@id": dataset.address(base),
        "url": dataset.address(base),
        "identifier": dataset.id(),
        "name": dataset.title(),
        "description": description(dataset),
        "creator": creator(dataset),
        "measurementTechnique": dataset.said_text("SOURCE_TYPE"),
        "publisher": organisation(&node.view().member_name),
        "dateModified": dataset.newest().map(|r| r.issued_at.as_str()),
        "version": dataset.newest().map(|r| r.id.as_str()),
        "temporalCoverage": dataset.periods().map(|(first, last)| format!("{first}/{last}")),
        "isAccessibleForFree": true,
        "variableMeasured": dataset.schema.components().map(|c| c.name.as_str()).collect::<Vec<_>>(),
        "includedInDataCatalog": { "@type": "DataCatalog", "url": format!("{base}/catalogue") },
        "distribution": std::iter::once(csv).chain(files).collect::<Vec<_>>(),
    })
}

/// Croissant 1.0 (MLCommons): the signed files and their columns.
pub(super) fn croissant(base: &str, dataset: &Dataset) -> Value {
    let artefacts: Vec<_> = dataset.releases.iter().flat_map(|r| &r.artefacts).collect();
    let id = |sha256: &str| format!("{}.parquet", sha256.get(..12).unwrap_or(sha256));
    let file = |artefact: &&chancery_exchange::views::ArtefactView| {
        json!({
            "@type": "cr:FileObject", "@id": id(&artefact.sha256), "name": id(&artefact.sha256),
            "contentUrl": format!("{base}{}", artefact.url), "contentSize": format!("{} B", artefact.bytes),
            "encodingFormat": "application/x-parquet", "sha256": artefact.sha256,
        })
    };
    let record_set = |artefact: &&chancery_exchange::views::ArtefactView| {
        let set = format!("figures-{}", artefact.sha256.get(..12).unwrap_or(&artefact.sha256));
        let field = |component: &Component| {
            let number = component.id == dataset.schema.measure.id;
            json!({
                "@type": "cr:Field", "@id": format!("{set}/{}", component.id), "name": component.id,
                "description": component.name, "dataType": if number { "sc:Float" } else { "sc:Text" },
                "source": { "fileObject": { "@id": id(&artefact.sha256) }, "extract": { "column": component.id } },
            })
        };
        json!({
            "@type": "cr:RecordSet", "@id": set, "name": set,
            "field": dataset.schema.components().map(field).collect::<Vec<_>>(),
        })
    };
    json!({
        "@context": croissant_context(),
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": dataset.id(),
        "description": description(dataset),
        "url": dataset.address(base),
        "version": "1.0.0",
        "datePublished": dataset.newest().map(|r| r.issued_at.as_str()),
        "creator": { "@type": "sc:Organization", "name": dataset.member_name() },
        "citeAs": dataset.newest().map(|r| super::citation::text(r, base)),
        "distribution": artefacts.iter().map(file).collect::<Vec<_>>(),
        "recordSet": artefacts.iter().map(record_set).collect::<Vec<_>>(),
    })
}

/// The context that the Croissant specification prescribes word for word.
fn croissant_context() -> Value {
    json!({
        "@language": "en", "@vocab": "https://schema.org/", "citeAs": "cr:citeAs", "column": "cr:column",
        "conformsTo": "dct:conformsTo", "cr": "http://mlcommons.org/croissant/", "rai": "http://mlcommons.org/croissant/RAI/",
        "data": { "@id": "cr:data", "@type": "@json" }, "dataType": { "@id": "cr:dataType", "@type": "@vocab" },
        "dct": "http://purl.org/dc/terms/", "equivalentProperty": "cr:equivalentProperty", "examples": { "@id": "cr:examples", "@type": "@json" },
        "extract": "cr:extract", "field": "cr:field", "fileProperty": "cr:fileProperty", "fileObject": "cr:fileObject",
        "fileSet": "cr:fileSet", "format": "cr:format", "includes": "cr:includes", "isLiveDataset": "cr:isLiveDataset",
        "jsonPath": "cr:jsonPath", "key": "cr:key", "md5": "cr:md5", "parentField": "cr:parentField", "path": "cr:path",
        "recordSet": "cr:recordSet", "references": "cr:references", "regex": "cr:regex", "repeated": "cr:repeated",
        "replace": "cr:replace", "samplingRate": "cr:samplingRate", "sc": "https://schema.org/", "separator": "cr:separator", "source": "cr:source",
        "subField": "cr:subField", "transform": "cr:transform",
    })
}

/// Frictionless data package (specs.frictionlessdata.io): the figures as CSV with the types of its columns.
pub(super) fn data_package(base: &str, dataset: &Dataset) -> Value {
    let schema = &dataset.schema;
    let field = |component: &Component| {
        let number = component.id == schema.measure.id;
        let required = component.mandatory && !number;
        json!({
            "name": component.id, "title": component.name, "type": if number { "number" } else { "string" },
            "constraints": { "required": required },
        })
    };
    let first = json!({ "name": "DATAFLOW", "title": "Dataflow", "type": "string" });
    let key: Vec<&str> = schema.dimensions.iter().map(|d| d.id.as_str()).chain([schema.time.id.as_str()]).collect();
    let name = dataset.id().to_lowercase();
    json!({
        "profile": "tabular-data-package",
        "name": name,
        "title": dataset.title(),
        "description": description(dataset),
        "homepage": dataset.address(base),
        "version": dataset.newest().map(|r| r.id.as_str()),
        "created": dataset.newest().map(|r| r.issued_at.as_str()),
        "contributors": [contributor(dataset)],
        "resources": [{
            "name": name, "profile": "tabular-data-resource", "path": dataset.figures(base, "csv"),
            "format": "csv", "mediatype": "text/csv", "encoding": "utf-8",
            "schema": {
                "fields": std::iter::once(first).chain(schema.components().map(field)).collect::<Vec<_>>(),
                "missingValues": [""], "primaryKey": key,
            },
        }],
    })
}

fn contributor(dataset: &Dataset) -> Value {
    let mut contributor = json!({ "title": dataset.member_name(), "role": "publisher" });
    if let (Some(contributor), Some(mail)) = (contributor.as_object_mut(), dataset.said_text("CONTACT_EMAIL")) {
        contributor.insert("email".to_owned(), json!(mail));
    }
    contributor
}

fn description(dataset: &Dataset) -> String {
    let definition = dataset.said_text("STAT_CONC_DEF").map(|text| format!(" {text}")).unwrap_or_default();
    let periods = dataset.periods().map(|(first, last)| format!(", {first} to {last}")).unwrap_or_default();
    format!(
        "{} published by {}{periods}. Each release is signed by its publisher and provable from its public log.{definition}",
        dataset.schema.name,
        dataset.member_name()
    )
}
