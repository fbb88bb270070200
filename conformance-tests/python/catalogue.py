#!/usr/bin/env python3
"""Reads a node's catalogue with other people's programs: rdflib, pySHACL, mlcroissant, frictionless, DuckDB.

    python catalogue.py http://127.0.0.1:8600

Prints what failed, then `N passed, N failed`; exits with 1 if anything failed.
"""
import io
import json
import logging
import os
import re
import tempfile
import xml.etree.ElementTree as ElementTree

import duckdb
import frictionless
import mlcroissant
import pandas as pd
import pyshacl
from rdflib import DCAT, DCTERMS, RDF, Graph
from rdflib.compare import isomorphic

from harness import ask, check, finish, get

frictionless.system.trusted = True
logging.disable(logging.WARNING)


def graph(text, syntax):
    return Graph().parse(data=text, format=syntax)


catalogue = graph(get("/catalogue", "text/turtle")[0], "turtle")
datasets = sorted(str(d) for d in catalogue.subjects(RDF.type, DCAT.Dataset))


@check("the catalogue says the same in both syntaxes")
def _():
    assert isomorphic(catalogue, graph(get("/catalogue", "application/ld+json")[0], "json-ld"))


@check("the catalogue holds to the rules of DCAT-AP 3")
def _():
    rules = graph(open(os.path.join(os.path.dirname(__file__), "dcat-ap.ttl"), encoding="utf-8").read(), "turtle")
    valid, _, report = pyshacl.validate(catalogue, shacl_graph=rules)
    assert valid, report[:3000]
    # They tell a wrong catalogue, too.
    wrong = Graph() + catalogue
    wrong.remove((next(wrong.subjects(RDF.type, DCAT.Dataset)), DCTERMS.title, None))
    assert not pyshacl.validate(wrong, shacl_graph=rules)[0]


@check("every page is there, and none after the last")
def _():
    assert get("/catalogue?page=1")[0]
    assert ask("/catalogue?page=1000000")[0] == 404


# A few of each dataflow's.
for dataset in datasets[::7]:
    name = "/".join(dataset.split("/")[-2:])

    @check(f"{name}: what describes it can be read")
    def _():
        _, headers = get(dataset)
        links = [re.match(r'<([^>]+)>; rel="([^"]+)"', link).groups() for link in headers.get_all("Link")]
        kinds = {relation for _, relation in links}
        assert {"cite-as", "describedby", "item", "type"} <= kinds, kinds
        for target, relation in links:
            if relation != "type":
                assert get(target)[0], target
        schema_org = json.loads(get(f"{dataset}/schema.jsonld")[0])
        assert schema_org["@type"] == "Dataset" and schema_org["distribution"]

    @check(f"{name}: Croissant, with its records")
    def _():
        described = mlcroissant.Dataset(jsonld=f"{dataset}/croissant.json")
        errors = described.metadata.ctx.issues.errors
        assert not errors, errors
        records = described.records(described.metadata.record_sets[0].name)
        first = next(iter(records))
        assert any(key.endswith("OBS_VALUE") for key in first), first

    @check(f"{name}: data package")
    def _():
        package = frictionless.Package(json.loads(get(f"{dataset}/datapackage.json")[0]))
        report = package.validate()
        assert report.valid, report.flatten(["title", "note"])[:5]

    @check(f"{name}: the signed file and the service say the same")
    def _():
        own = graph(get(f"{dataset}/dcat.ttl")[0], "turtle")
        downloads = [str(d) for d in own.objects(None, DCAT.downloadURL)]
        signed = pd.concat(pd.read_parquet(io.BytesIO(get(d)[0])) for d in downloads)
        csv = [str(a) for a in own.objects(None, DCAT.accessURL) if str(a).endswith("format=csv")]
        served = pd.read_csv(io.BytesIO(get(csv[0])[0]), dtype=str, keep_default_na=False)
        assert len(signed) == len(served) > 0, (len(signed), len(served))
        values = pd.to_numeric(served["OBS_VALUE"], errors="coerce")
        assert abs(signed["OBS_VALUE"].sum() - values.sum()) < 1e-6


@check("a query's citation answers the same figures again")
def _():
    dataflow = datasets[0].split("/")[-2]
    cited = json.loads(get(f"/api/v1/citation/{dataflow}?lastNObservations=2")[0])
    assert cited["releases"] and cited["text"].endswith(cited["url"])
    now = get(f"/sdmx/3/data/dataflow/RCP/{dataflow}?lastNObservations=2&format=csv")[0]
    assert get(cited["url"] + "&format=csv")[0] == now
    rows = {}
    exec(cited["snippets"]["pandas"], rows)  # noqa: S102 - it is what a reader is told to run
    assert len(rows["df"]) == now.count(b"\n") - 1
    # DuckDB reads addresses with an extension that it downloads; where it cannot, it reads the same bytes from a file.
    snippet = cited["snippets"]["duckdb"]
    address = re.search(r"'([^']+)'", snippet).group(1)
    with tempfile.NamedTemporaryFile(suffix=".parquet") as file:
        file.write(get(address)[0])
        file.flush()
        read = duckdb.sql(snippet.replace(address, file.name)).df()
    assert len(read) == len(rows["df"]) and abs(read["OBS_VALUE"].sum() - pd.to_numeric(rows["df"]["OBS_VALUE"], errors="coerce").sum()) < 1e-6


@check("a release's citation in every form")
def _():
    release = json.loads(get("/api/v1/releases?state=current")[0])["releases"][0]
    for form, begins in (("text", release["member_name"]), ("bibtex", "@misc{"), ("ris", "TY  - DATA")):
        body = get(f"/api/v1/releases/{release['id']}/citation?format={form}")[0].decode()
        assert body.startswith(begins) and release["id"] in body, body


@check("the sitemap names every dataset")
def _():
    root = ElementTree.fromstring(get("/sitemap.xml")[0])
    named = {e.text for e in root.iter("{http://www.sitemaps.org/schemas/sitemap/0.9}loc")}
    assert set(datasets) <= named
    assert b"Sitemap: " in get("/robots.txt")[0]


finish()
